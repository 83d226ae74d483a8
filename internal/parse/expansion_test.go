package parse_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

func TestExpansion(t *testing.T) {
	post := map[string]parse.FieldType{"author": {Kind: parse.KindPointer, TargetClass: "User"}, "gone": {Kind: parse.KindPointer, TargetClass: "User"}}
	user := map[string]parse.FieldType{"boss": {Kind: parse.KindPointer, TargetClass: "User"}}
	userView := parse.NewView(parse.ViewOptions{ClassName: "User", Fields: user, Typed: true})
	pointer := func(id string) parse.Pointer { return parse.Pointer{ClassName: "User", ObjectID: id} }
	include := func(ids ...string) map[parse.Pointer]parse.Included {
		included := make(map[parse.Pointer]parse.Included)
		for _, id := range ids {
			included[pointer(id)] = parse.Included{Doc: row(t, "_id", id, "_p_boss", "User$boss"), View: userView}
		}
		return included
	}
	const (
		ann    = `{"__type":"Object","className":"User","objectId":"ann","boss":{"__type":"Pointer","className":"User","objectId":"boss"}}`
		annTop = `{"__type":"Object","className":"User","objectId":"ann","boss":{"__type":"Object","className":"User","objectId":"boss","boss":{"__type":"Pointer","className":"User","objectId":"boss"}}}`
		annPtr = `{"__type":"Pointer","className":"User","objectId":"ann"}`
		gone   = `{"__type":"Pointer","className":"User","objectId":"gone"}`
	)
	doc := row(t, "_p_author", "User$ann", "_p_gone", "User$gone",
		"list", bson.A{nestedPointer("User", "ann"), nestedPointer("User", "gone"), int32(5), bson.A{nestedPointer("User", "ann")}},
		"meta", bson.D{{Key: "who", Value: nestedPointer("User", "ann")}, {Key: "lost", Value: nestedPointer("User", "gone")}},
		"n", int32(1))
	tests := []struct {
		name  string
		build func(e *parse.Expansion)
		want  string
	}{
		{"nothing included", func(e *parse.Expansion) {},
			`{"author":` + annPtr + `,"gone":` + gone + `,"list":[` + annPtr + `,` + gone + `,5,[` + annPtr + `]],"meta":{"who":` + annPtr + `,"lost":` + gone + `},"n":1}`},
		{"pointer field", func(e *parse.Expansion) { e.Child("author").Included = include("ann") },
			`{"author":` + ann + `,"gone":` + gone + `,"list":[` + annPtr + `,` + gone + `,5,[` + annPtr + `]],"meta":{"who":` + annPtr + `,"lost":` + gone + `},"n":1}`},
		{"everything; what is gone is left out", func(e *parse.Expansion) {
			for _, field := range []string{"author", "gone", "list", "n"} {
				e.Child(field).Included = include("ann")
			}
			e.Child("meta").Included = include()
			e.Child("meta").Child("who").Included = include("ann")
			e.Child("meta").Child("lost").Included = include()
		}, `{"author":` + ann + `,"list":[` + ann + `,5,[` + ann + `]],"meta":{"who":` + ann + `},"n":1}`},
		{"through an included object", func(e *parse.Expansion) {
			e.Child("author").Included = include("ann")
			e.Child("author").Child("boss").Included = include("boss")
		}, `{"author":` + annTop + `,"gone":` + gone + `,"list":[` + annPtr + `,` + gone + `,5,[` + annPtr + `]],"meta":{"who":` + annPtr + `,"lost":` + gone + `},"n":1}`},
	}
	for _, tt := range tests {
		e := &parse.Expansion{}
		tt.build(e)
		view := parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: post})
		if got := show(t, view, doc, e); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// What of an included object is shown is for its own view to say.
func TestExpansionUnderKeys(t *testing.T) {
	user := parse.NewView(parse.ViewOptions{ClassName: "User", Keys: nameSet("name"), Typed: true})
	e := &parse.Expansion{}
	e.Child("list").Included = map[parse.Pointer]parse.Included{
		{ClassName: "User", ObjectID: "ann"}: {Doc: row(t, "_id", "ann", "name", "Ann", "age", int32(7)), View: user},
	}
	view := parse.NewView(parse.ViewOptions{ClassName: "Post", Keys: nameSet("list")})
	got := show(t, view, row(t, "list", bson.A{nestedPointer("User", "ann")}), e)
	if want := `{"list":[{"__type":"Object","className":"User","objectId":"ann","name":"Ann"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An object that includes itself ends where the include path ends.
func TestExpansionOfCycles(t *testing.T) {
	fields := map[string]parse.FieldType{"p": {Kind: parse.KindPointer, TargetClass: "A"}}
	doc := row(t, "_p_p", "A$x")
	view := parse.NewView(parse.ViewOptions{ClassName: "A", Fields: fields, Typed: true})
	included := map[parse.Pointer]parse.Included{{ClassName: "A", ObjectID: "x"}: {Doc: doc, View: view}}
	e := &parse.Expansion{}
	at := e.Child("p")
	at.Included = included
	at.Children = map[string]*parse.Expansion{"p": {Included: included}}
	want := `{"__type":"Object","className":"A","p":{"__type":"Object","className":"A","p":{"__type":"Object","className":"A","p":{"__type":"Pointer","className":"A","objectId":"x"}}}}`
	if got := show(t, view, doc, e); got != want {
		t.Errorf("got %s", got)
	}
	at.Children["p"] = at // no end at all
	if _, err := view.AppendObject(nil, doc, e); err == nil {
		t.Error("an endless expansion is no error")
	}
}

func TestPointers(t *testing.T) {
	doc := row(t, "_p_author", "User$ann", "_p_bad", "nothing", "_p_null", nil, "plain", "User$x",
		"list", bson.A{nestedPointer("User", "a"), int32(5), bson.A{nestedPointer("User", "b")}, bson.D{{Key: "who", Value: nestedPointer("User", "c")}}},
		"meta", bson.D{{Key: "who", Value: nestedPointer("User", "d")}, {Key: "half", Value: bson.D{{Key: "__type", Value: "Pointer"}}}},
		"_secret", bson.D{{Key: "who", Value: nestedPointer("User", "e")}})
	pointers := func(ids ...string) (out []parse.Pointer) {
		for _, id := range ids {
			out = append(out, parse.Pointer{ClassName: "User", ObjectID: id})
		}
		return out
	}
	tests := []struct {
		path []string
		want []parse.Pointer
	}{
		{[]string{"author"}, pointers("ann")},
		{[]string{"author", "boss"}, nil},
		{[]string{"bad"}, nil}, {[]string{"null"}, nil}, {[]string{"plain"}, nil}, {[]string{"nothing"}, nil}, {nil, nil},
		{[]string{"list"}, pointers("a", "b")},
		{[]string{"list", "who"}, pointers("c")},
		{[]string{"meta"}, nil},
		{[]string{"meta", "who"}, pointers("d")},
		{[]string{"meta", "half"}, nil},
		{[]string{"_secret", "who"}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, parse.AppendPointers(nil, doc, tt.path)); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", tt.path, diff)
		}
	}
}
