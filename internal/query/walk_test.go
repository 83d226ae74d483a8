package query_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

const tangled = `{
	"a": 1,
	"$or": [
		{"b.x": {"$gt": 1, "$inQuery": {"className": "C", "where": {"hidden": 1}}}},
		{"$and": [{"c": {"$select": {"query": {"className": "D", "where": {"hidden": 2}}, "key": "k"}}}, {}]}
	],
	"$nor": [{"$relatedTo": {"object": {"__type": "Pointer", "className": "E", "objectId": "e"}, "key": "r"}}, {"d": null}],
	"e": {"$ne": 2}
}`

func TestPaths(t *testing.T) {
	w := mustDecode(t, tangled)
	var got []string
	for path, constraints := range w.Paths {
		got = append(got, fmt.Sprint(path, len(constraints)))
	}
	if want := []string{"a1", "b.x2", "c1", "d1", "e1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for path := range w.Paths {
		if path == "b.x" {
			break
		}
		if path != "a" {
			t.Errorf("walked on to %s", path)
		}
	}
	for path := range (*query.Where)(nil).Paths {
		t.Errorf("a nil where has path %s", path)
	}
}

func TestNearnessIsNotCounted(t *testing.T) {
	for _, tt := range []struct{ where, unordered string }{
		{`{"a":1}`, `{"a":1}`},
		{`{"$and":[{"a":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":2}}}]}`, `{"$and":[{"a":{"$geoWithin":{"$centerSphere":[{"__type":"GeoPoint","latitude":1,"longitude":2},3.141592653589793]}}}]}`},
		{`{"b":1,"a":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":2},"$maxDistance":0.5}}`,
			`{"b":1,"a":{"$geoWithin":{"$centerSphere":[{"__type":"GeoPoint","latitude":1,"longitude":2},0.5]}}}`},
	} {
		w := mustDecode(t, tt.where)
		if got, want := w.WithoutOrder(), mustDecode(t, tt.unordered); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", tt.where, got, want)
		}
		if w.HasNear() != (tt.where != tt.unordered) {
			t.Errorf("%s: near %t", tt.where, w.HasNear())
		}
	}
}

func TestRewrite(t *testing.T) {
	w := mustDecode(t, tangled)
	before := mustDecode(t, tangled)
	got, err := w.Rewrite(func(n query.Node) (query.Node, error) {
		switch n := n.(type) {
		case *query.RelatedTo:
			return &query.Field{Path: "objectId", Constraints: []query.Constraint{&query.In{Values: []parse.Value{parse.String("x")}}}}, nil
		case *query.Field:
			if n.Path != "b.x" && n.Path != "c" {
				return n, nil
			}
			return &query.Field{Path: n.Path, Constraints: []query.Constraint{&query.In{}}}, nil
		}
		return n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w); diff != "" {
		t.Errorf("Rewrite changed its receiver (-before +after)\n%s", diff)
	}
	want := `{"a":1,"$or":[{"b.x":{"$in":[]}},{"$and":[{"c":{"$in":[]}},{}]}],"e":{"$ne":2},"$nor":[{"_id":{"$in":["x"]}},{"d":null}]}`
	d, err := query.Compile(got, game, now)
	if err != nil {
		t.Fatal(err)
	}
	if got := extJSON(t, d); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got.Nodes[0] != w.Nodes[0] {
		t.Error("a node that was left alone is not shared")
	}
}

func TestRewriteLeavesAlone(t *testing.T) {
	same := func(n query.Node) (query.Node, error) { return n, nil }
	for _, w := range []*query.Where{nil, {}, mustDecode(t, tangled)} {
		if got, err := w.Rewrite(same); got != w || err != nil {
			t.Errorf("got %p, %v; want %p itself", got, err, w)
		}
	}
	refused := errors.New("refused")
	_, err := mustDecode(t, tangled).Rewrite(func(n query.Node) (query.Node, error) {
		if f, ok := n.(*query.Field); ok && f.Path == "c" {
			return nil, refused
		}
		return n, nil
	})
	if !errors.Is(err, refused) {
		t.Errorf("got %v, want the error of the function", err)
	}
}
