package parse_test

import (
	"encoding/json"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// What is decoded and written again is JSON, and decodes to the same. What
// encoding/json takes for ill-formed is refused.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		postJSON, `null`, `[1,-0,1e21,1e-7,"\ud83d\ude00\ud800",{"a":{"a":1,"a":2}}]`, `{"__type":"Bytes","base64":"_-8"}`,
		`{"__type":"Polygon","coordinates":[[0,1],[2,3],[4,5]]}`, `{"__type":"File","name":"a","url":"u"}`, `{"__op":"Batch","ops":[{"__op":"Delete"}]}`,
		"\"\xff\\u0000\"", `{"a":}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parse.DecodeValue(data, parse.Limits{})
		if err != nil {
			if parse.CodeOf(err) != parse.InvalidJSON {
				t.Fatalf("error of code %d", parse.CodeOf(err))
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted ill-formed %q", data)
		}
		text := parse.AppendJSON(nil, v)
		if !json.Valid(text) {
			t.Fatalf("wrote ill-formed %q", text)
		}
		again, err := parse.DecodeValue(text, parse.Limits{})
		if err != nil || !parse.Equal(v, again) {
			t.Fatalf("%q decodes to %#v, which is written as %q and read as %#v, %v", data, v, text, again, err)
		}
		inspect(t, v)
	})
}

// inspect does with a value whatever is done with one from a client.
func inspect(t *testing.T, v parse.Value) {
	if _, err := parse.TypeOf(v); err != nil && parse.CodeOf(err) == parse.InternalServerError {
		t.Fatalf("TypeOf: %v", err)
	}
	if op, ok, err := parse.OperationOf(v); ok && err == nil {
		parse.Flatten(op)
	}
	if acl, err := parse.ACLOf(v); err == nil {
		acl.Stored()
	}
	var u parse.Update
	if err := u.Field("Post", "a", parse.FieldType{}, v); err != nil {
		return
	}
	if _, err := bson.Marshal(u.Document()); err != nil {
		t.Fatalf("the update of %#v cannot be written: %v", v, err)
	}
	// A value that is stored whole comes back as it was.
	if _, ok, _ := parse.OperationOf(v); ok {
		return
	}
	if back := parse.FromBSON(marshal(t, bson.D{{Key: "v", Value: parse.ToBSON(v)}}).Lookup("v")); !parse.Equal(back, v) {
		t.Fatalf("%#v comes back as %#v", v, back)
	}
}

// Whatever bytes lie in the store, showing them is an error or JSON.
func FuzzAppendObject(f *testing.F) {
	f.Add([]byte(postRow(f)))
	f.Add([]byte(row(f, "_id", bson.ObjectID{1}, "_auth_data_fb", bson.D{{Key: "id", Value: "1"}}, "_rperm", bson.A{"*", int32(1)}, "_wperm", bson.A{"u"},
		"_p_author", "_User$u", "file", "a\"b", "place", bson.A{int32(1), 2.5}, "area", bson.D{{Key: "coordinates", Value: bson.A{bson.A{bson.A{int32(1), int64(2)}}}}},
		"x", bson.Regex{Pattern: "a"}, "y", bson.Decimal128{}, "z", bson.Binary{Subtype: 2, Data: []byte("hi")}, "d", bson.DateTime(1<<62), "_expiresAt", bson.DateTime(0))))
	f.Add([]byte(row(f, "list", bson.A{nestedPointer("_User", "u"), bson.A{bson.D{{Key: "b", Value: 1.5}}}}, "meta", bson.D{{Key: "__type", Value: "Date"}, {Key: "iso", Value: bson.DateTime(0)}})))
	fields := map[string]parse.FieldType{
		"author": {Kind: parse.KindPointer, TargetClass: "_User"}, "file": {Kind: parse.KindFile}, "place": {Kind: parse.KindGeoPoint},
		"area": {Kind: parse.KindPolygon}, "z": {Kind: parse.KindBytes}, "r": {Kind: parse.KindRelation, TargetClass: "A"},
	}
	views := []*parse.View{
		parse.NewView(parse.ViewOptions{ClassName: "_User", Fields: fields, Internal: true, FileURL: fileURL}),
		parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: fields, Typed: true, Keys: nameSet("list", "meta", "author")}),
	}
	expansion := &parse.Expansion{}
	included := map[parse.Pointer]parse.Included{{ClassName: "_User", ObjectID: "u"}: {Doc: row(f, "_id", "u"), View: views[1]}}
	for _, name := range []string{"author", "list", "meta"} {
		expansion.Child(name).Included = included
	}
	f.Add([]byte(`{"_id":"u","_rperm":["*"],"_p_author":"_User$u","file":"a","place":[1,2.5],"meta":{"a":{"$date":{"$numberLong":"7"}}},"list":[{"b":1}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		// Extended JSON leads to documents that are well-formed, and these must be shown.
		wellFormed := false
		var fromJSON bson.D
		if len(doc) < 1000 && bson.UnmarshalExtJSON(doc, false, &fromJSON) == nil {
			if raw, err := bson.Marshal(fromJSON); err == nil {
				doc, wellFormed = raw, true
			}
		}
		for _, view := range views {
			for _, e := range []*parse.Expansion{nil, expansion} {
				out, err := view.AppendObject(nil, doc, e)
				if err == nil && !json.Valid(out) {
					t.Fatalf("wrote ill-formed %q", out)
				}
				if err != nil && wellFormed && len(doc) < 1000 { // too short to be too deep
					t.Fatalf("%v: %v", fromJSON, err)
				}
			}
		}
		if o, err := parse.ObjectFromBSON(doc, "_User", fields); err == nil && !json.Valid(parse.AppendJSON(nil, o)) {
			t.Fatalf("wrote ill-formed object")
		}
		parse.AppendPointers(nil, doc, []string{"list", "b"})
		parse.AppendPointers(nil, doc, []string{"author"})
	})
}
