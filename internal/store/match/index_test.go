package match

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// indexCases hold, for an index and a document, the values of each key.
var indexCases = []struct {
	name   string
	keys   string
	sparse bool
	doc    string
	want   []string
}{
	{"a value", `{"a":1}`, false, `{"a":5}`, []string{`[5]`}},
	{"missing is null", `{"a":1}`, false, `{}`, []string{`[null]`}},
	{"missing in a sparse index", `{"a":1}`, true, `{"b":1}`, nil},
	{"null in a sparse index", `{"a":1}`, true, `{"a":null}`, []string{`[null]`}},
	{"compound", `{"a":1,"b":-1}`, false, `{"a":5,"b":"x"}`, []string{`[5,"x"]`}},
	{"one of two missing in a sparse index", `{"a":1,"b":1}`, true, `{"b":1}`, []string{`[null,1]`}},
	{"both missing in a sparse index", `{"a":1,"b":1}`, true, `{"c":1}`, nil},
	{"a path", `{"a.b":1}`, false, `{"a":{"b":5}}`, []string{`[5]`}},
	{"a path that breaks off", `{"a.b":1}`, false, `{"a":5}`, []string{`[null]`}},
	{"a path that breaks off in a sparse index", `{"a.b":1}`, true, `{"a":5}`, nil},
	{"a document is one value", `{"a":1}`, false, `{"a":{"b":[1,2]}}`, []string{`[{"b":[1,2]}]`}},
	{"an array's elements", `{"a":1}`, false, `{"a":[1,2,1]}`, []string{`[1]`, `[2]`}},
	{"equal numbers are one key", `{"a":1}`, false, `{"a":[1,1.0]}`, []string{`[1]`}},
	{"an empty array", `{"a":1}`, false, `{"a":[]}`, []string{`[{"$undefined":true}]`}},
	{"an empty array on the way", `{"a.b":1}`, false, `{"a":[]}`, []string{`[null]`}},
	{"an array in an array is one value", `{"a":1}`, false, `{"a":[[1,2],3]}`, []string{`[3]`, `[[1,2]]`}},
	{"documents in an array", `{"a.b":1}`, false, `{"a":[{"b":1},{"b":[2,3]},{"c":1},5]}`, []string{`[null]`, `[1]`, `[2]`, `[3]`}},
	{"nothing in documents in an array, sparse", `{"a.b":1}`, true, `{"a":[{"c":1},{}]}`, nil},
	{"two paths into one array", `{"a.x":1,"a.y":1}`, false, `{"a":[{"x":1,"y":2},{"x":3}]}`, []string{`[1,2]`, `[3,null]`}},
	{"an array beside a value", `{"a":1,"b":1}`, false, `{"a":[1,2],"b":9}`, []string{`[1,9]`, `[2,9]`}},
	{"one array whole and within", `{"a":1,"a.b":1}`, false, `{"a":[{"b":1},5]}`, []string{`[5,null]`, `[{"b":1},1]`}},
	{"an element by its index", `{"a.1":1}`, false, `{"a":[7,8]}`, []string{`[8]`}},
	{"an index beyond the end", `{"a.5":1}`, false, `{"a":[7,8]}`, []string{`[null]`}},
	{"below an element by its index", `{"a.1.b":1}`, false, `{"a":[7,{"b":8}]}`, []string{`[8]`}},
	{"a name that looks like an index", `{"a.1":1}`, false, `{"a":{"1":8}}`, []string{`[8]`}},
}

func TestIndexKeys(t *testing.T) {
	for _, c := range indexCases {
		t.Run(c.name, func(t *testing.T) {
			keys := document(t, c.keys)
			x, err := CompileIndex(store.Index{Keys: keys, Sparse: c.sparse})
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.AppendKeys(nil, rawDocument(t, c.doc))
			if err != nil {
				t.Fatal(err)
			}
			var want [][]byte
			for _, text := range c.want {
				var key []byte
				values, err := bson.RawArray(rawValue(t, text).Value).Values()
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range values {
					if keys[i].Value.(int32) < 0 {
						key = descendingKey(key, v)
					} else {
						key = AppendKey(key, v)
					}
				}
				want = append(want, key)
			}
			slices.SortFunc(want, bytes.Compare)
			if fmt.Sprintf("%x", got) != fmt.Sprintf("%x", want) {
				t.Errorf("keys are %x, want %x", got, want)
			}
		})
	}
}

func TestIndexKeysOfPartialIndex(t *testing.T) {
	x, err := CompileIndex(store.Index{Keys: document(t, `{"a":1}`), Partial: document(t, `{"on":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]int{`{"a":1,"on":true}`: 1, `{"a":1}`: 0, `{"on":true}`: 1} {
		keys, err := x.AppendKeys(nil, rawDocument(t, doc))
		if err != nil || len(keys) != want {
			t.Errorf("%s has %d keys, %v", doc, len(keys), err)
		}
	}
}

func TestIndexErrors(t *testing.T) {
	for _, keys := range []string{`{}`, `{"a":"nothing"}`, `{"a":0}`, `{"a":null}`, `{"":1}`, `{"$a":1}`, `{"a":{"$numberDouble":"NaN"}}`} {
		_, err := CompileIndex(store.Index{Keys: document(t, keys)})
		wantCode(t, err, 67)
	}
	var many bson.D
	for i := range 33 {
		many = append(many, bson.E{Key: fmt.Sprint("f", i), Value: int32(1)})
	}
	_, err := CompileIndex(store.Index{Keys: many})
	wantCode(t, err, 67)
	_, err = CompileIndex(store.Index{Keys: document(t, `{"a":1}`), Partial: document(t, `{"$foo":1}`)})
	wantCode(t, err, 2)

	x, err := CompileIndex(store.Index{Keys: document(t, `{"a":1,"b":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.AppendKeys(nil, rawDocument(t, `{"a":[1,2],"b":[1,2]}`))
	wantCode(t, err, 171)
	x, err = CompileIndex(store.Index{Keys: document(t, `{"a.0":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.AppendKeys(nil, rawDocument(t, `{"a":[{"0":1}]}`))
	wantCode(t, err, 16746)
}

// sortCases hold sorts with documents in order.
var sortCases = []struct {
	name, sort string
	docs       []string
}{
	{"values of all types", `{"a":1}`, []string{`{"a":[]}`, `{}`, `{"a":1}`, `{"a":"x"}`, `{"a":{}}`, `{"a":true}`}},
	{"the least of an array", `{"a":1}`, []string{`{"a":[1,9]}`, `{"a":[3,2]}`, `{"a":3}`}},
	{"the greatest of an array", `{"a":-1}`, []string{`{"a":[1,9]}`, `{"a":3}`, `{"a":[1,2]}`, `{}`, `{"a":[]}`}},
	{"two keys", `{"a":1,"b":-1}`, []string{`{"a":1,"b":2}`, `{"a":1,"b":1}`, `{"a":2,"b":9}`}},
	{"an array and another key", `{"a":1,"b":-1}`, []string{`{"a":[5,1],"b":2}`, `{"a":1,"b":1}`}},
	{"a path into documents in an array", `{"a.b":1}`, []string{`{"a":[{"b":5},{}]}`, `{"a":[{"b":5},{"b":1}]}`, `{"a":{"b":2}}`}},
	{"two paths into one array go together", `{"a.x":1,"a.y":1}`, []string{`{"a":[{"x":1,"y":5},{"x":2,"y":1}]}`, `{"a":[{"x":1,"y":6}]}`}},
}

func TestSorter(t *testing.T) {
	for _, c := range sortCases {
		t.Run(c.name, func(t *testing.T) {
			s, err := CompileSort(document(t, c.sort))
			if err != nil {
				t.Fatal(err)
			}
			var before []byte
			for i, doc := range c.docs {
				key, err := s.AppendKey([]byte("prefix"), rawDocument(t, doc), 0)
				if err != nil {
					t.Fatal(err)
				}
				if i > 0 && bytes.Compare(before, key) >= 0 {
					t.Errorf("%s does not come before %s", c.docs[i-1], doc)
				}
				before = key
			}
		})
	}
}

func TestSorterByScore(t *testing.T) {
	s, err := CompileSort(document(t, `{"a":1,"score":{"$meta":"textScore"},"b":1}`))
	if err != nil {
		t.Fatal(err)
	}
	type scored struct {
		doc   string
		score float64
	}
	var before []byte
	for _, d := range []scored{{`{"a":1,"b":9}`, 2}, {`{"a":1,"b":1}`, 1}, {`{"a":[1,2],"b":2}`, 1}, {`{"a":2}`, 9}} {
		key, err := s.AppendKey(nil, rawDocument(t, d.doc), d.score)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Compare(before, key) >= 0 {
			t.Errorf("%+v is out of order", d)
		}
		before = key
	}
}

func TestSortErrors(t *testing.T) {
	for sort, code := range map[string]int32{
		`{"a":2}`: 15975, `{"a":"x"}`: 15975, `{"a":{"$meta":"foo"}}`: 15975, `{"$a":1}`: 16410, `{"":1}`: 16410,
		`{"a":{"$meta":"textScore"},"b":{"$meta":"textScore"}}`: 2,
	} {
		_, err := CompileSort(document(t, sort))
		wantCode(t, err, code)
	}
	s, err := CompileSort(document(t, `{"a":1,"b":1}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.AppendKey(nil, rawDocument(t, `{"a":[1],"b":[1]}`), 0)
	wantCode(t, err, 2)
	if s, err = CompileSort(document(t, `{"a.0":1}`)); err != nil {
		t.Fatal(err)
	}
	_, err = s.AppendKey(nil, rawDocument(t, `{"a":[{"0":1}]}`), 0)
	wantCode(t, err, 16746)
}

func TestProject(t *testing.T) {
	doc := `{"_id":1,"a":1,"b":{"x":1,"y":{"z":2}},"c":[{"x":1,"y":2},5,[{"x":3},6],{"y":4}],"d":[]}`
	for _, c := range []struct{ projection, want string }{
		{`{}`, doc},
		{`{"a":1}`, `{"_id":1,"a":1}`},
		{`{"d":1,"a":1,"_id":0}`, `{"a":1,"d":[]}`},
		{`{"_id":1}`, `{"_id":1}`},
		{`{"_id":1,"a":1}`, `{"_id":1,"a":1}`},
		{`{"b.y.z":1}`, `{"_id":1,"b":{"y":{"z":2}}}`},
		{`{"b.q":1}`, `{"_id":1,"b":{}}`},
		{`{"a.q":1,"c.x":1}`, `{"_id":1,"c":[{"x":1},[{"x":3}],{}]}`},
		{`{"a":0,"c":false}`, `{"_id":1,"b":{"x":1,"y":{"z":2}},"d":[]}`},
		{`{"_id":0}`, `{"a":1,"b":{"x":1,"y":{"z":2}},"c":[{"x":1,"y":2},5,[{"x":3},6],{"y":4}],"d":[]}`},
		{`{"_id":0,"b.y":0,"c.x":0,"d":0}`, `{"a":1,"b":{"x":1},"c":[{"y":2},5,[{},6],{"y":4}]}`},
		{`{"_id":1,"b":0,"c":0,"d":0}`, `{"_id":1,"a":1}`},
		{`{"a":1,"s":{"$meta":"textScore"}}`, `{"_id":1,"a":1,"s":1.5}`},
	} {
		p, err := CompileProjection(document(t, c.projection))
		if err != nil {
			t.Fatal(err)
		}
		got := p.Append(nil, rawDocument(t, doc), 1.5)
		if extJSON(t, got) != extJSON(t, rawDocument(t, c.want)) {
			t.Errorf("%s leaves %s, want %s", c.projection, extJSON(t, got), c.want)
		}
	}
	for projection, code := range map[string]int32{
		`{"a":1,"b":0}`: 31254, `{"a":0,"b":1}`: 31253, `{"a":"x"}`: 2, `{"a":{"$slice":1}}`: 2, `{"a..b":1}`: 40353, `{"a.":1}`: 40353, `{"$a":1}`: 16410,
		`{"a":1,"a.b":1}`: 31250, `{"a.b":1,"a":1}`: 31250,
	} {
		_, err := CompileProjection(document(t, projection))
		wantCode(t, err, code)
	}
}

func TestDistinct(t *testing.T) {
	for _, c := range []struct{ path, doc, want string }{
		{"a", `{"a":1}`, `1`},
		{"a", `{"a":null}`, `null`},
		{"a", `{}`, ``},
		{"a", `{"a":[1,[2],{"b":3}]}`, `1 [2] {"b": 3}`},
		{"a", `{"a":[]}`, ``},
		{"a.b", `{"a":{"b":1}}`, `1`},
		{"a.b", `{"a":[{"b":1},{"b":[2,3]},{"c":1},5,[{"b":9}]]}`, `1 2 3`},
		{"a.0", `{"a":[7,8]}`, `7`},
		{"a.1.b", `{"a":[7,{"b":8}]}`, `8`},
	} {
		p, err := CompilePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		p.Distinct(rawDocument(t, c.doc), func(v bson.RawValue) bool {
			text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: v}}, false, false)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.NewReplacer(`{"v":`, "", `":`, `": `).Replace(string(text[:len(text)-1])))
			return true
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("distinct %s of %s: %q, want %q", c.path, c.doc, got, c.want)
		}
	}
}

// FuzzMatch runs all that reads documents on arbitrary bytes: nothing panics,
// and a filter and its negation never agree.
func FuzzMatch(f *testing.F) {
	for _, c := range filterCases {
		for _, d := range append(c.yes, c.no...) {
			f.Add([]byte(rawDocument(f, c.filter)), []byte(rawDocument(f, d)))
		}
	}
	for _, c := range geoCases {
		for _, d := range append(c.yes, c.no...) {
			f.Add([]byte(rawDocument(f, c.filter)), []byte(rawDocument(f, d)))
		}
	}
	sorter, err := CompileSort(document(f, `{"a":1,"a.b":-1}`))
	if err != nil {
		f.Fatal(err)
	}
	projection, err := CompileProjection(document(f, `{"a.b":1,"a.c.d":1}`))
	if err != nil {
		f.Fatal(err)
	}
	update, err := CompileUpdate(document(f, `{"$set":{"a.b":1},"$push":{"l":1}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, filter, doc []byte) {
		m, err := Simple.CompileRaw(filter)
		if err == nil {
			negation := Matcher{root: all{not{m.root}}}
			if m.Match(doc) == negation.Match(doc) {
				t.Fatal("the filter and its negation agree")
			}
		}
		if _, err := sorter.AppendKey(nil, doc, 0); err == nil {
			projection.Append(nil, doc, 0)
			_, _, _ = update.Apply(doc, false)
		}
	})
}

func BenchmarkIndexKeys(b *testing.B) {
	doc := benchmarkDocument(b)
	for _, keys := range []string{`{"category":1,"_created_at":-1}`, `{"tags":1}`} {
		x, err := CompileIndex(store.Index{Keys: document(b, keys)})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(keys, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.AppendKeys(nil, doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
