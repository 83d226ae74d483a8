package parse_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// extJSON renders a document in a form that shows BSON types.
func extJSON(tb testing.TB, d bson.D) string {
	tb.Helper()
	b, err := bson.MarshalExtJSON(d, false, false)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestUpdate(t *testing.T) {
	types := map[string]parse.FieldType{
		"title": {Kind: parse.KindString}, "n": {Kind: parse.KindNumber}, "tags": {Kind: parse.KindArray}, "meta": {Kind: parse.KindObject},
		"author": {Kind: parse.KindPointer, TargetClass: "_User"}, "place": {Kind: parse.KindGeoPoint}, "when": {Kind: parse.KindDate}, "authData": {Kind: parse.KindObject},
	}
	type change struct{ name, text string }
	tests := []struct {
		name    string
		class   string
		changes []change
		want    string
	}{
		{"nothing", "Post", nil, `{}`},
		{"values", "Post", []change{{"title", `"x"`}, {"n", `null`}, {"author", `{"__type":"Pointer","className":"_User","objectId":"u"}`}}, `{"$set":{"title":"x","n":null,"_p_author":"_User$u"}}`},
		{"top-level form", "Post", []change{{"place", `{"__type":"GeoPoint","latitude":1,"longitude":2}`}}, `{"$set":{"place":[2,1]}}`},
		{"dotted paths hold nested forms", "Post", []change{{"meta.place", `{"__type":"GeoPoint","latitude":1,"longitude":2}`}, {"meta.a.b", `1`}},
			`{"$set":{"meta.place":{"__type":"GeoPoint","latitude":1,"longitude":2},"meta.a.b":1}}`},
		{"increment", "Post", []change{{"n", `{"__op":"Increment","amount":-1}`}, {"meta.n", `{"__op":"Increment","amount":0.5}`}}, `{"$inc":{"n":-1,"meta.n":0.5}}`},
		{"arrays", "Post", []change{{"tags", `{"__op":"Add","objects":[{"__type":"Pointer","className":"A","objectId":"x"},1]}`}},
			`{"$push":{"tags":{"$each":[{"__type":"Pointer","className":"A","objectId":"x"},1]}}}`},
		{"unique", "Post", []change{{"tags", `{"__op":"AddUnique","objects":["a"]}`}}, `{"$addToSet":{"tags":{"$each":["a"]}}}`},
		{"remove", "Post", []change{{"meta.tags", `{"__op":"Remove","objects":["a"]}`}}, `{"$pullAll":{"meta.tags":["a"]}}`},
		{"delete", "Post", []change{{"author", `{"__op":"Delete"}`}, {"meta.a", `{"__op":"Delete"}`}}, `{"$unset":{"_p_author":"","meta.a":""}}`},
		{"set on insert", "Post", []change{{"author", `{"__op":"SetOnInsert","amount":{"__type":"Pointer","className":"_User","objectId":"u"}}`}}, `{"$setOnInsert":{"_p_author":"_User$u"}}`},
		{"all operators keep their order", "Post", []change{{"tags", `{"__op":"Add","objects":[]}`}, {"n", `{"__op":"Increment","amount":1}`}, {"author", `{"__op":"Delete"}`}, {"title", `""`}},
			`{"$set":{"title":""},"$unset":{"_p_author":""},"$inc":{"n":1},"$push":{"tags":{"$each":[]}}}`},
		{"authData goes by provider", "_User", []change{{"authData", `{"fb":{"id":"1"},"apple":null}`}}, `{"$set":{"_auth_data_fb":{"id":"1"}},"$unset":{"_auth_data_apple":""}}`},
		{"authData of another class is a field", "Post", []change{{"authData", `{"fb":null}`}}, `{"$set":{"authData":{"fb":null}}}`},
	}
	for _, tt := range tests {
		var u parse.Update
		for _, c := range tt.changes {
			root, _, _ := strings.Cut(c.name, ".")
			if err := u.Field(tt.class, c.name, types[root], decode(t, c.text)); err != nil {
				t.Errorf("%s: %s: %v", tt.name, c.name, err)
			}
		}
		got := u.Document()
		if got == nil {
			got = bson.D{}
		}
		if diff := cmp.Diff(tt.want, extJSON(t, got)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	const nestedKey = "Nested keys should not contain the '$' or '.' characters"
	tests := []struct {
		class, field, text string
		code               parse.Code
		message            string
	}{
		{"Post", "meta", `{"a.b":1}`, 121, nestedKey},
		{"Post", "meta.a", `{"$b":1}`, 121, nestedKey},
		{"Post", "tags", `{"__op":"Add","objects":[{"a.b":1}]}`, 121, nestedKey},
		{"Post", "tags", `{"__op":"AddUnique","objects":[{"$":1}]}`, 121, nestedKey},
		{"Post", "tags", `{"__op":"Remove","objects":[{"$":1}]}`, 121, nestedKey},
		{"Post", "meta", `{"__op":"SetOnInsert","amount":{"$":1}}`, 121, nestedKey},
		{"Post", "meta.$x", `1`, 105, "Invalid field name: meta.$x."},
		{"Post", "meta.$[].x", `{"__op":"Increment","amount":1}`, 105, "Invalid field name: meta.$[].x."},
		{"Post", "meta..x", `1`, 105, "Invalid field name: meta..x."},
		{"Post", "meta.", `1`, 105, "Invalid field name: meta.."},
		{"Post", "n", `{"__op":"Increment","amount":"1"}`, 107, "incrementing must provide a number"},
		{"Post", "r", `{"__op":"AddRelation","objects":[]}`, 111, "relation operations work on relation fields only"},
		{"_User", "authData", `{"a.b":{}}`, 105, "Invalid field name: authData.a.b."},
		{"_User", "authData", `{"fb":{"$a":1}}`, 121, nestedKey},
	}
	for _, tt := range tests {
		var u parse.Update
		err := u.Field(tt.class, tt.field, parse.FieldType{}, decode(t, tt.text))
		wantError(t, tt.field+" "+tt.text, err, tt.code, tt.message)
	}
}

func TestUpdateSetACL(t *testing.T) {
	var u parse.Update
	u.SetACL(parse.ACL{Entries: []parse.ACLEntry{{Key: "*", Read: true}, {Key: "u", Read: true, Write: true}}})
	want := `{"$set":{"_rperm":["*","u"],"_wperm":["u"],"_acl":{"*":{"r":true},"u":{"r":true,"w":true}}}}`
	if got := extJSON(t, u.Document()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRow(t *testing.T) {
	var row parse.Row
	row.Set("_id", "x")
	for _, f := range []struct {
		name string
		t    parse.FieldType
		text string
	}{
		{"author", parse.FieldType{Kind: parse.KindPointer, TargetClass: "_User"}, `{"__type":"Pointer","className":"_User","objectId":"u"}`},
		{"createdAt", parse.FieldType{Kind: parse.KindDate}, `"1970-01-01T00:00:00.007Z"`},
		{"authData", parse.FieldType{Kind: parse.KindObject}, `{"fb":{"id":"1"},"apple":null}`},
		{"meta", parse.FieldType{Kind: parse.KindObject}, `{"a":null}`},
	} {
		if err := row.Field("_User", f.name, f.t, decode(t, f.text)); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	row.SetACL(parse.ACL{})
	want := `{"_id":"x","_p_author":"_User$u","_created_at":{"$date":"1970-01-01T00:00:00.007Z"},"_auth_data_fb":{"id":"1"},"meta":{"a":null},"_rperm":[],"_wperm":[],"_acl":{}}`
	if got := extJSON(t, row.Document()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	err := row.Field("Post", "meta", parse.FieldType{Kind: parse.KindObject}, object("$", parse.Null{}))
	if parse.CodeOf(err) != parse.InvalidNestedKey {
		t.Errorf("got %v, want code 121", err)
	}
}
