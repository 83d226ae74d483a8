package parse_test

import (
	"math"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

// The numbers are written as Node writes them.
func TestAppendJSONNumbers(t *testing.T) {
	tests := []struct {
		n    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "0"}, {5, "5"}, {-5, "-5"}, {0.1, "0.1"}, {-0.5, "-0.5"},
		{1e20, "100000000000000000000"}, {1e21, "1e+21"}, {-1e21, "-1e+21"}, {123456789012345680000, "123456789012345680000"},
		{1.5e300, "1.5e+300"}, {1e-6, "0.000001"}, {1e-7, "1e-7"}, {1.25e-9, "1.25e-9"}, {1e-10, "1e-10"}, {5e-324, "5e-324"},
		{1 << 53, "9007199254740992"}, {1<<53 - 1, "9007199254740991"}, {9223372036854775807, "9223372036854776000"},
		{1.7976931348623157e308, "1.7976931348623157e+308"}, {0.30000000000000004, "0.30000000000000004"}, {123.456, "123.456"},
		{math.NaN(), "null"}, {math.Inf(1), "null"}, {math.Inf(-1), "null"},
	}
	for _, tt := range tests {
		if got := string(parse.AppendJSON(nil, parse.Number(tt.n))); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.n, got, tt.want)
		}
	}
}

// The strings are written as Node writes them.
func TestAppendString(t *testing.T) {
	tests := []struct{ s, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{"exactly8", `"exactly8"`},
		{"a long and plain string of ASCII", `"a long and plain string of ASCII"`},
		{`say "hi"`, `"say \"hi\""`},
		{`back\slash`, `"back\\slash"`},
		{"\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"\x00\x01\x1f", `"\u0000\u0001\u001f"`},
		{"\x7f", "\"\x7f\""},
		{"</script>&", `"</script>&"`},
		{"\u2028\u2029", "\"\u2028\u2029\""},
		{"é", `"é"`},
		{"1234567é", `"1234567é"`},
		{"12345678😀9", `"12345678😀9"`},
		{"0123456789012345678901234\"", `"0123456789012345678901234\""`},
		{"a\xffb", `"a` + "\uFFFD" + `b"`},
		{"\xe2\x82", "\"\uFFFD\uFFFD\""},
		{"\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
		{"\uFFFD", "\"\uFFFD\""},
	}
	for _, tt := range tests {
		if got := string(parse.AppendString(nil, tt.s)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.s, got, tt.want)
		}
		if got := string(parse.AppendString(nil, []byte(tt.s))); got != tt.want {
			t.Errorf("%q as bytes: got %s, want %s", tt.s, got, tt.want)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	tests := []struct {
		v    parse.Value
		want string
	}{
		{nil, `null`},
		{parse.Null{}, `null`},
		{(*parse.Object)(nil), `null`},
		{parse.Bool(true), `true`},
		{parse.Bool(false), `false`},
		{parse.String("x"), `"x"`},
		{parse.Date(1313949772249), `{"__type":"Date","iso":"2011-08-21T18:02:52.249Z"}`},
		{parse.Bytes("hi"), `{"__type":"Bytes","base64":"aGk="}`},
		{parse.Pointer{ClassName: "A", ObjectID: "x"}, `{"__type":"Pointer","className":"A","objectId":"x"}`},
		{parse.Relation{ClassName: "A"}, `{"__type":"Relation","className":"A"}`},
		{parse.File{Name: "a.png"}, `{"__type":"File","name":"a.png"}`},
		{parse.File{Name: "a.png", URL: "http://h/a"}, `{"__type":"File","name":"a.png","url":"http://h/a"}`},
		{parse.GeoPoint{Latitude: 1.5, Longitude: -2}, `{"__type":"GeoPoint","latitude":1.5,"longitude":-2}`},
		{parse.Polygon{{Latitude: 0, Longitude: 1}, {Latitude: 2, Longitude: 3}}, `{"__type":"Polygon","coordinates":[[0,1],[2,3]]}`},
		{parse.Array{}, `[]`},
		{parse.Array{parse.Number(1), parse.Array{}, parse.Null{}}, `[1,[],null]`},
		{object(), `{}`},
		{object("a", parse.Number(1), "b\"", object("c", parse.Bool(true))), `{"a":1,"b\"":{"c":true}}`},
	}
	for _, tt := range tests {
		if got := string(parse.AppendJSON([]byte("·"), tt.v)); got != "·"+tt.want {
			t.Errorf("got %s, want ·%s", got, tt.want)
		}
	}
}
