package parse_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

func TestEqual(t *testing.T) {
	wide := func(last float64) *parse.Object {
		o := object()
		for c := range byte(40) {
			o.Set(string(rune('A'+c)), parse.Number(c))
		}
		o.Set("last", parse.Number(last))
		return o
	}
	reversed := wide(1)
	for i, j := 0, len(reversed.Members)-1; i < j; i, j = i+1, j-1 {
		reversed.Members[i], reversed.Members[j] = reversed.Members[j], reversed.Members[i]
	}
	classes := [][]parse.Value{ // the values of one class are equal, all others are not
		{nil, parse.Null{}},
		{parse.Bool(true), parse.Bool(true)},
		{parse.Bool(false)},
		{parse.Number(0), -parse.Number(0)},
		{parse.Number(1), parse.Number(1)},
		{parse.String(""), parse.String("")},
		{parse.String("1")},
		{parse.Date(0), parse.Date(0)},
		{parse.Bytes("a"), parse.Bytes("a")},
		{parse.Bytes(""), parse.Bytes(nil)},
		{parse.Pointer{ClassName: "A", ObjectID: "x"}, parse.Pointer{ClassName: "A", ObjectID: "x"}},
		{parse.Pointer{ClassName: "A", ObjectID: "y"}},
		{parse.Relation{ClassName: "A"}, parse.Relation{ClassName: "A"}},
		{parse.File{Name: "a"}, parse.File{Name: "a"}},
		{parse.File{Name: "a", URL: "u"}},
		{parse.GeoPoint{Latitude: 1}, parse.GeoPoint{Latitude: 1}},
		{parse.Polygon{{Latitude: 1}}, parse.Polygon{{Latitude: 1}}},
		{parse.Polygon{{Latitude: 2}}},
		{parse.Polygon{}},
		{parse.Array{}, parse.Array(nil)},
		{parse.Array{parse.Number(1)}, parse.Array{parse.Number(1)}},
		{parse.Array{parse.Number(2)}},
		{(*parse.Object)(nil), (*parse.Object)(nil)},
		{object(), &parse.Object{}},
		{object("a", parse.Number(1), "b", parse.Array{}), object("b", parse.Array{}, "a", parse.Number(1))},
		{object("a", parse.Number(1), "c", parse.Array{})},
		{object("a", parse.Number(1))},
		{wide(1), reversed},
		{wide(2)},
	}
	for i, one := range classes {
		for j, other := range classes {
			for _, a := range one {
				for _, b := range other {
					if got := parse.Equal(a, b); got != (i == j) {
						t.Errorf("Equal(%#v, %#v) is %v", a, b, got)
					}
				}
			}
		}
	}
}

func TestObjectMembers(t *testing.T) {
	o := object("a", parse.Number(1), "b", parse.Number(2))
	o.Set("a", parse.Number(3))
	o.Set("c", parse.Number(4))
	if !o.Delete("b") || o.Delete("b") {
		t.Error("Delete tells wrongly whether the member was there")
	}
	if got := string(parse.AppendJSON(nil, o)); got != `{"a":3,"c":4}` {
		t.Errorf("got %s", got)
	}
	if _, ok := o.Get("b"); ok {
		t.Error("a deleted member is there")
	}
	if _, ok := (*parse.Object)(nil).Get("a"); ok {
		t.Error("nil has a member")
	}
}
