package parse_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parse"
)

// object is short for an object literal: keys and values in turn.
func object(keysAndValues ...any) *parse.Object {
	o := &parse.Object{Members: []parse.Member{}}
	for i := 0; i < len(keysAndValues); i += 2 {
		o.Members = append(o.Members, parse.Member{Key: keysAndValues[i].(string), Value: keysAndValues[i+1].(parse.Value)})
	}
	return o
}

func decode(tb testing.TB, text string) parse.Value {
	tb.Helper()
	v, err := parse.DecodeValue([]byte(text), parse.Limits{})
	if err != nil {
		tb.Fatalf("decode %s: %v", text, err)
	}
	return v
}

func TestDecodeValue(t *testing.T) {
	tests := []struct {
		text string
		want parse.Value
	}{
		{`null`, parse.Null{}},
		{` true `, parse.Bool(true)},
		{"\t\r\nfalse\n", parse.Bool(false)},
		{`0`, parse.Number(0)},
		{`-0`, parse.Number(math.Copysign(0, -1))},
		{`-17`, parse.Number(-17)},
		{`1.5e3`, parse.Number(1500)},
		{`1E-2`, parse.Number(0.01)},
		{`9007199254740993`, parse.Number(9007199254740992)}, // as in JavaScript
		{`0.1`, parse.Number(0.1)},
		{`1e-400`, parse.Number(0)},
		{`""`, parse.String("")},
		{`"a\"\\\/\b\f\n\r\tz"`, parse.String("a\"\\/\b\f\n\r\tz")},
		{`"é\u00e9\u2028"`, parse.String("éé\u2028")},
		{`"\ud83d\ude00"`, parse.String("😀")},
		{`"\ud83d"`, parse.String("\uFFFD")},
		{`"\ud83dx\ude00"`, parse.String("\uFFFDx\uFFFD")},
		{`"\ud83d\ud83d\ude00"`, parse.String("\uFFFD😀")},
		{`"\ud83d\n"`, parse.String("\uFFFD\n")},
		{"\"a\xffb\"", parse.String("a\uFFFDb")},
		{"\"a\xff\\n\"", parse.String("a\uFFFD\n")},
		{`"\u0000"`, parse.String("\x00")},
		{`[]`, parse.Array{}},
		{`[ 1 , [ "x" ] , {} ]`, parse.Array{parse.Number(1), parse.Array{parse.String("x")}, object()}},
		{`{}`, object()},
		{`{"a":{"b":[null]},"":1}`, object("a", object("b", parse.Array{parse.Null{}}), "", parse.Number(1))},
		// The last of a key's values holds, at the place of the first.
		{`{"a":1,"b":2,"a":3}`, object("a", parse.Number(3), "b", parse.Number(2))},
		{`{"a":{"a":1,"a":2},"a":[{"a":3}]}`, object("a", parse.Array{object("a", parse.Number(3))})},
		{`{"\u0061":1,"a":2}`, object("a", parse.Number(2))},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, decode(t, tt.text)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.text, diff)
		}
	}
}

func TestDecodeTypedValues(t *testing.T) {
	tests := []struct {
		text string
		want parse.Value
	}{
		{`{"__type":"Date","iso":"2011-08-21T18:02:52.249Z"}`, parse.Date(1313949772249)},
		{`{"iso":"1970-01-01T00:00:00Z","__type":"Date"}`, parse.Date(0)},
		{`{"__type":"Bytes","base64":"aGk="}`, parse.Bytes("hi")},
		{`{"__type":"Bytes","base64":"aGk"}`, parse.Bytes("hi")},
		{`{"__type":"Bytes","base64":"_-8="}`, parse.Bytes("\xff\xef")},
		{`{"__type":"Bytes","base64":""}`, parse.Bytes("")},
		{`{"__type":"Pointer","className":"Post","objectId":"x"}`, parse.Pointer{ClassName: "Post", ObjectID: "x"}},
		{`{"__type":"Relation","className":"Post"}`, parse.Relation{ClassName: "Post"}},
		{`{"__type":"File","name":"a.png","url":"http://h/a.png"}`, parse.File{Name: "a.png", URL: "http://h/a.png"}},
		{`{"__type":"File","name":"a.png"}`, parse.File{Name: "a.png"}},
		{`{"__type":"GeoPoint","latitude":1.5,"longitude":-2}`, parse.GeoPoint{Latitude: 1.5, Longitude: -2}},
		{`{"__type":"Polygon","coordinates":[[0,1],[2,3],[4,5]]}`, parse.Polygon{{Latitude: 0, Longitude: 1}, {Latitude: 2, Longitude: 3}, {Latitude: 4, Longitude: 5}}},
		{`{"__type":"Polygon","coordinates":[]}`, parse.Polygon{}},
		{`{"__type":"x","__type":"Relation","className":"Post"}`, parse.Relation{ClassName: "Post"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, decode(t, tt.text)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.text, diff)
		}
	}
}

func TestDecodeKeepsMalformedTypedValuesAsObjects(t *testing.T) {
	for _, text := range []string{
		`{"__type":"Date"}`, `{"__type":"Date","iso":5}`, `{"__type":"Date","iso":"yesterday"}`, `{"__type":"Date","iso":""}`,
		`{"__type":"Bytes"}`, `{"__type":"Bytes","base64":"!!"}`, `{"__type":"Bytes","base64":1}`,
		`{"__type":"Pointer","className":"A"}`, `{"__type":"Pointer","className":"A","objectId":5}`, `{"__type":"Pointer","className":"","objectId":"x"}`,
		`{"__type":"Relation"}`, `{"__type":"File"}`, `{"__type":"File","name":""}`,
		`{"__type":"GeoPoint","latitude":"1","longitude":2}`, `{"__type":"GeoPoint","latitude":1}`,
		`{"__type":"Polygon"}`, `{"__type":"Polygon","coordinates":[[1]]}`, `{"__type":"Polygon","coordinates":[["1",2]]}`, `{"__type":"Polygon","coordinates":[1]}`,
		`{"__type":"Object","className":"A","objectId":"x"}`, `{"__type":"date"}`, `{"__type":5}`, `{"__type":null}`,
	} {
		if v, ok := decode(t, text).(*parse.Object); !ok {
			t.Errorf("%s: got %T, want an object", text, v)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ text, message string }{
		{``, "unexpected end"},
		{`  `, "unexpected end"},
		{`nul`, `unexpected 'n'`},
		{`nulll`, `unexpected 'l' at byte 4`},
		{`True`, `unexpected 'T'`},
		{`NaN`, `unexpected 'N'`},
		{`-`, "unexpected end"},
		{`-Infinity`, `unexpected 'I'`},
		{`+1`, `unexpected '+'`},
		{`01`, `unexpected '1' at byte 1`},
		{`-00`, `unexpected '0'`},
		{`1.`, "unexpected end"},
		{`.5`, `unexpected '.'`},
		{`1e`, "unexpected end"},
		{`1e+`, "unexpected end"},
		{`0x10`, `unexpected 'x'`},
		{`1e999`, "number out of range"},
		{`-1e999`, "number out of range"},
		{`"`, "unexpected end"},
		{`"\`, "unexpected end"},
		{`"\x"`, "bad escape"},
		{`"\u12"`, `bad \u escape`},
		{`"\u12g4"`, `bad \u escape`},
		{"\"a\nb\"", "control character"},
		{"\"\\n\x01\"", "control character"},
		{`'a'`, `unexpected '\''`},
		{`[`, "unexpected end"},
		{`[1`, "unexpected end"},
		{`[1,]`, `unexpected ']'`},
		{`[,1]`, `unexpected ','`},
		{`[1 2]`, `unexpected '2'`},
		{`[1}`, `unexpected '}'`},
		{`{`, "unexpected end"},
		{`{"a"`, "unexpected end"},
		{`{"a":`, "unexpected end"},
		{`{"a":1`, "unexpected end"},
		{`{"a":1,}`, `unexpected '}'`},
		{`{a:1}`, `unexpected 'a'`},
		{`{1:1}`, `unexpected '1'`},
		{`{"a" 1}`, `unexpected '1'`},
		{`{} {}`, `unexpected '{' at byte 3`},
		{`1 // comment`, `unexpected '/'`},
		{"\ufeff{}", "unexpected"},
		{"\u00a01", "unexpected"},
	}
	for _, tt := range tests {
		_, err := parse.DecodeValue([]byte(tt.text), parse.Limits{})
		if parse.CodeOf(err) != parse.InvalidJSON || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%q: got %v, want code 107 and %q", tt.text, err, tt.message)
		}
	}
}

func TestDecodeLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
		}
		return "{" + b.String()[1:] + "}"
	}
	tests := []struct {
		name, text, message string
		lim                 parse.Limits
	}{
		{"depth within", nested(3), "", parse.Limits{Depth: 3}},
		{"depth beyond", nested(4), "limit of 3 levels", parse.Limits{Depth: 3}},
		{"objects count as depth", `{"a":{"a":{"a":{}}}}`, "limit of 3 levels", parse.Limits{Depth: 3}},
		{"depth is of nesting, not of number", `[[],[],[[]],[]]`, "", parse.Limits{Depth: 3}},
		{"default depth within", nested(64), "", parse.Limits{}},
		{"default depth beyond", nested(65), "limit of 64 levels", parse.Limits{}},
		{"very deep", strings.Repeat(`{"a":[`, 1_000_000), "limit of 64 levels", parse.Limits{}},
		{"bytes within", `"aaa"`, "", parse.Limits{Bytes: 5}},
		{"bytes beyond", `"aaaa"`, "limit of 5 bytes", parse.Limits{Bytes: 5}},
		{"keys within", keys(30), "", parse.Limits{Keys: 30}},
		{"keys beyond", keys(31), "limit of 30", parse.Limits{Keys: 30}},
		{"repeated keys count once", `{"a":1,"a":2,"b":3}`, "", parse.Limits{Keys: 2}},
		{"keys are counted by object", `[{"a":1,"b":1},{"a":1,"b":1}]`, "", parse.Limits{Keys: 2}},
		{"default keys beyond", keys(10_001), "limit of 10000", parse.Limits{}},
	}
	for _, tt := range tests {
		_, err := parse.DecodeValue([]byte(tt.text), tt.lim)
		switch {
		case tt.message == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.message != "" && (parse.CodeOf(err) != parse.InvalidJSON || !strings.Contains(err.Error(), tt.message)):
			t.Errorf("%s: got %v, want code 107 and %q", tt.name, err, tt.message)
		}
	}
}

// Beyond a few keys an object finds its duplicates by an index; the result is
// the same.
func TestDecodeManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"first":0`)
	for i := range 500 {
		b.WriteString(`,"k` + strconv.Itoa(i%100) + `":` + strconv.Itoa(i))
	}
	b.WriteString(`,"first":1}`)
	o := decode(t, b.String()).(*parse.Object)
	if len(o.Members) != 101 {
		t.Fatalf("got %d members, want 101", len(o.Members))
	}
	if o.Members[0] != (parse.Member{Key: "first", Value: parse.Number(1)}) {
		t.Errorf("first member: %v", o.Members[0])
	}
	for i := range 100 {
		want := parse.Member{Key: "k" + strconv.Itoa(i), Value: parse.Number(400 + i)}
		if o.Members[1+i] != want {
			t.Errorf("member %d: got %v, want %v", 1+i, o.Members[1+i], want)
		}
	}
}

func TestDecodeObjectWantsAnObject(t *testing.T) {
	for _, text := range []string{`[]`, `1`, `null`, `{"__type":"Date","iso":"2011-08-21T18:02:52.249Z"}`} {
		if _, err := parse.DecodeObject([]byte(text), parse.Limits{}); parse.CodeOf(err) != parse.InvalidJSON {
			t.Errorf("%s: got %v, want code 107", text, err)
		}
	}
	o, err := parse.DecodeObject([]byte(`{"a":1}`), parse.Limits{})
	if err != nil || !parse.Equal(o, object("a", parse.Number(1))) {
		t.Errorf("got %v, %v", o, err)
	}
}

// A value must not change when its caller reuses the bytes that it came from.
func TestDecodedValueOwnsItsBytes(t *testing.T) {
	data := []byte(`{"key":"value"}`)
	o, err := parse.DecodeObject(data, parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 'x'
	}
	if !parse.Equal(o, object("key", parse.String("value"))) {
		t.Errorf("got %s", parse.AppendJSON(nil, o))
	}
}
