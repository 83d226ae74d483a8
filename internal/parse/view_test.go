package parse_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// row is short for a stored document: keys and values in turn.
func row(tb testing.TB, keysAndValues ...any) bson.Raw {
	tb.Helper()
	doc := bson.D{}
	for i := 0; i < len(keysAndValues); i += 2 {
		doc = append(doc, bson.E{Key: keysAndValues[i].(string), Value: keysAndValues[i+1]})
	}
	return marshal(tb, doc)
}

func show(tb testing.TB, view *parse.View, doc bson.Raw, e *parse.Expansion) string {
	tb.Helper()
	out, err := view.AppendObject([]byte("·"), doc, e)
	if err != nil {
		tb.Fatalf("AppendObject: %v", err)
	}
	if !json.Valid(out[len("·"):]) {
		tb.Fatalf("not JSON: %s", out)
	}
	return strings.TrimPrefix(string(out), "·")
}

func nameSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

func nestedPointer(class, id string) bson.D {
	return bson.D{{Key: "__type", Value: "Pointer"}, {Key: "className", Value: class}, {Key: "objectId", Value: id}}
}

// Each stored element of a document is shown as the declared type of its field
// says; ObjectFromBSON reads the same.
func TestViewColumns(t *testing.T) {
	fields := map[string]parse.FieldType{
		"author": {Kind: parse.KindPointer, TargetClass: "_User"}, "file": {Kind: parse.KindFile}, "place": {Kind: parse.KindGeoPoint},
		"area": {Kind: parse.KindPolygon}, "bytes": {Kind: parse.KindBytes}, "title": {Kind: parse.KindString}, "expiresAt": {Kind: parse.KindDate},
		"lastUsed": {Kind: parse.KindDate},
	}
	ring := bson.A{bson.A{int32(1), 0.5}, bson.A{int32(3), int32(2)}, bson.A{int32(5), int32(4)}, bson.A{int32(1), 0.5}}
	tests := []struct {
		name, class string
		doc         bson.Raw
		want        string
	}{
		{"empty", "Post", row(t), `{}`},
		{"id", "Post", row(t, "_id", "x"), `{"objectId":"x"}`},
		{"id that is a number", "_GlobalConfig", row(t, "_id", int32(1)), `{"objectId":"1"}`},
		{"timestamps", "Post", row(t, "_created_at", bson.DateTime(0), "_updated_at", bson.DateTime(1)), `{"createdAt":"1970-01-01T00:00:00.000Z","updatedAt":"1970-01-01T00:00:00.001Z"}`},
		{"timestamps under old names", "Post", row(t, "createdAt", bson.DateTime(0), "updatedAt", "2011"), `{"createdAt":"1970-01-01T00:00:00.000Z","updatedAt":"2011"}`},
		{"timestamps under both names", "Post", row(t, "createdAt", bson.DateTime(0), "_created_at", bson.DateTime(1)), `{"createdAt":"1970-01-01T00:00:00.001Z"}`},
		{"scalars", "Post", row(t, "title", "x", "b", true, "i", int32(-5), "l", int64(5), "d", 0.5, "n", nil), `{"title":"x","b":true,"i":-5,"l":5,"d":0.5,"n":null}`},
		{"dates", "Post", row(t, "when", bson.DateTime(7)), `{"when":{"__type":"Date","iso":"1970-01-01T00:00:00.007Z"}}`},
		{"pointer", "Post", row(t, "_p_author", "_User$u"), `{"author":{"__type":"Pointer","className":"_User","objectId":"u"}}`},
		{"pointer with a $ in the id", "Post", row(t, "_p_author", "_User$a$b"), `{"author":{"__type":"Pointer","className":"_User","objectId":"a$b"}}`},
		{"null pointer", "Post", row(t, "_p_author", nil, "author", nil), `{}`},
		{"malformed pointer", "Post", row(t, "_p_author", "nothing"), `{}`},
		{"undeclared pointer", "Post", row(t, "_p_other", "A$x"), `{}`},
		{"pointer column of another type", "Post", row(t, "_p_title", "A$x", "title", "t"), `{"title":"t"}`},
		{"leftover beside a pointer", "Post", row(t, "author", "me", "_p_author", "_User$u"), `{"author":{"__type":"Pointer","className":"_User","objectId":"u"}}`},
		{"file", "Post", row(t, "file", "a b.png"), `{"file":{"__type":"File","name":"a b.png","url":"http://h/a%20b.png"}}`},
		{"geo point", "Post", row(t, "place", bson.A{int32(2), 1.5}), `{"place":{"__type":"GeoPoint","latitude":1.5,"longitude":2}}`},
		{"malformed geo point", "Post", row(t, "place", bson.A{int32(2)}), `{"place":[2]}`},
		{"too long geo point", "Post", row(t, "place", bson.A{int32(2), int32(1), int32(0)}), `{"place":[2,1,0]}`},
		{"polygon", "Post", row(t, "area", bson.D{{Key: "type", Value: "Polygon"}, {Key: "coordinates", Value: bson.A{ring}}}), `{"area":{"__type":"Polygon","coordinates":[[0.5,1],[2,3],[4,5],[0.5,1]]}}`},
		{"malformed polygon", "Post", row(t, "area", bson.D{{Key: "coordinates", Value: bson.A{bson.A{int32(1)}}}}), `{"area":{"coordinates":[[1]]}}`},
		{"bytes", "Post", row(t, "bytes", bson.Binary{Data: []byte("hi")}), `{"bytes":{"__type":"Bytes","base64":"aGk="}}`},
		{"bytes as a string", "Post", row(t, "bytes", "aGk="), `{"bytes":{"__type":"Bytes","base64":"aGk="}}`},
		{"nested values", "Post", row(t, "meta", bson.D{{Key: "d", Value: bson.DateTime(7)}, {Key: "p", Value: nestedPointer("A", "x")}, {Key: "a", Value: bson.A{bson.D{}, bson.A{}}}}),
			`{"meta":{"d":{"__type":"Date","iso":"1970-01-01T00:00:00.007Z"},"p":{"__type":"Pointer","className":"A","objectId":"x"},"a":[{},[]]}}`},
		{"nested date with a date inside", "Post", row(t, "meta", bson.D{{Key: "d", Value: bson.D{{Key: "__type", Value: "Date"}, {Key: "iso", Value: bson.DateTime(7)}}}}),
			`{"meta":{"d":{"__type":"Date","iso":"1970-01-01T00:00:00.007Z"}}}`},
		{"ACL", "Post", row(t, "_rperm", bson.A{"*", "u"}, "_wperm", bson.A{"u", "role:A"}, "_acl", bson.D{}), `{"ACL":{"*":{"read":true},"u":{"read":true,"write":true},"role:A":{"write":true}}}`},
		{"ACL of nobody", "Post", row(t, "_rperm", bson.A{}, "_wperm", bson.A{}), `{"ACL":{}}`},
		{"half an ACL", "Post", row(t, "_wperm", bson.A{"u"}), `{"ACL":{"u":{"write":true}}}`},
		{"ACL with malformed entries", "Post", row(t, "_rperm", bson.A{int32(1), "u"}, "_wperm", "u"), `{"ACL":{"u":{"read":true}}}`},
		{"reserved names", "Post", row(t, "objectId", "y", "ACL", bson.D{}, "__type", "Object", "className", "Post"), `{"className":"Post"}`},
		{"internal names", "Post", row(t, "_secret", "s", "_hashed_password", "h", "_", "u", "_p_", "A$x", "_auth_data_fb", bson.D{}), `{}`},
		{"session", "_Session", row(t, "_session_token", "r:1", "expiresAt", bson.DateTime(0), "_last_used", bson.DateTime(0)),
			`{"sessionToken":"r:1","expiresAt":{"__type":"Date","iso":"1970-01-01T00:00:00.000Z"},"lastUsed":{"__type":"Date","iso":"1970-01-01T00:00:00.000Z"}}`},
		{"old expiry", "_Session", row(t, "_expiresAt", bson.DateTime(0)), `{"expiresAt":{"__type":"Date","iso":"1970-01-01T00:00:00.000Z"}}`},
		{"audience", "_Audience", row(t, "timesUsed", int32(1), "times_used", int32(2), "lastUsed", bson.DateTime(0)), `{"timesUsed":2,"lastUsed":{"__type":"Date","iso":"1970-01-01T00:00:00.000Z"}}`},
		{"user", "_User", row(t, "_id", "u", "_auth_data_fb", bson.D{{Key: "id", Value: "1"}}, "username", "ann", "_auth_data_apple", nil, "_auth_data_", "x", "_auth_data_a-b", "x"),
			`{"objectId":"u","authData":{"fb":{"id":"1"},"apple":null},"username":"ann"}`},
		{"secrets of a user", "_User", row(t, "_hashed_password", "h", "password", "p", "sessionToken", "s", "_session_token", "s", "authData", bson.D{}, "_perishable_token", "t",
			"_email_verify_token", "t", "_failed_login_count", int32(1), "_password_history", bson.A{"h"}, "_account_lockout_expires_at", bson.DateTime(0), "_tombstone", true), `{}`},
		{"the same names elsewhere", "Post", row(t, "password", "p", "authData", bson.D{{Key: "a", Value: int32(1)}}), `{"password":"p","authData":{"a":1}}`},
	}
	for _, tt := range tests {
		view := parse.NewView(parse.ViewOptions{ClassName: tt.class, Fields: fields, FileURL: fileURL})
		if got := show(t, view, tt.doc, nil); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
		o, err := parse.ObjectFromBSON(tt.doc, tt.class, fields)
		if err != nil {
			t.Errorf("%s: ObjectFromBSON: %v", tt.name, err)
		}
		want := decode(t, strings.Replace(tt.want, `,"url":"http://h/a%20b.png"`, "", 1))
		if !parse.Equal(o, want) {
			t.Errorf("%s: ObjectFromBSON:\n got %s\nwant %s", tt.name, parse.AppendJSON(nil, o), parse.AppendJSON(nil, want))
		}
	}
}

func fileURL(dst []byte, name string) []byte {
	dst = append(dst, "http://h/"...)
	return append(dst, strings.ReplaceAll(name, " ", "%20")...)
}

func TestViewOfObjectID(t *testing.T) {
	id := bson.ObjectID{0x5f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xab}
	view := parse.NewView(parse.ViewOptions{ClassName: "Post"})
	if got := show(t, view, row(t, "_id", id), nil); got != `{"objectId":"5f0102030405060708090aab"}` {
		t.Errorf("got %s", got)
	}
}

func TestViewEscapesFileURLs(t *testing.T) {
	view := parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: map[string]parse.FieldType{"f": {Kind: parse.KindFile}}, FileURL: func(dst []byte, name string) []byte { return append(append(dst, "h/"...), name...) }})
	if got := show(t, view, row(t, "f", `a"b`), nil); got != `{"f":{"__type":"File","name":"a\"b","url":"h/a\"b"}}` {
		t.Errorf("got %s", got)
	}
}

func TestViewOptions(t *testing.T) {
	fields := map[string]parse.FieldType{
		"a": {Kind: parse.KindNumber}, "b": {Kind: parse.KindNumber}, "meta": {Kind: parse.KindObject}, "list": {Kind: parse.KindArray},
		"p": {Kind: parse.KindPointer, TargetClass: "A"}, "r": {Kind: parse.KindRelation, TargetClass: "B"},
	}
	doc := row(t, "_id", "x", "_created_at", bson.DateTime(0), "a", int32(1), "b", int32(2), "_p_p", "A$y", "undeclared", true, "className", "stored",
		"s", "t", "_rperm", bson.A{"*"})
	const (
		id  = `"objectId":"x","createdAt":"1970-01-01T00:00:00.000Z"`
		end = `"r":{"__type":"Relation","className":"B"},"ACL":{"*":{"read":true}}}`
	)
	keys := func(fields ...string) parse.ViewOptions { return parse.ViewOptions{Keys: nameSet(fields...)} }
	tests := []struct {
		name string
		o    parse.ViewOptions
		want string
	}{
		{"keys", keys("b", "nothing"), `{` + id + `,"b":2,` + end},
		{"no keys", keys(), `{` + id + `,` + end},
		{"undeclared key", keys("undeclared"), `{` + id + `,"undeclared":true,` + end},
		{
			"excluded keys", parse.ViewOptions{Keys: nameSet("a", "b", "s"), ExcludeKeys: nameSet("a", "objectId", "createdAt", "ACL", "r")},
			`{` + id + `,"b":2,"s":"t",` + end,
		},
		{"hidden fields", parse.ViewOptions{Keys: nameSet("a", "b", "p"), Hidden: map[string]bool{"a": true, "p": true, "r": true, "createdAt": true, "ACL": true}}, `{"objectId":"x","b":2}`},
		{"typed", parse.ViewOptions{Keys: nameSet("className", "a"), Typed: true}, `{"__type":"Object","className":"Post",` + id + `,"a":1,` + end},
		{"untyped", parse.ViewOptions{Keys: nameSet("className", "a")}, `{` + id + `,"a":1,"className":"stored",` + end},
	}
	for _, tt := range tests {
		tt.o.ClassName, tt.o.Fields = "Post", fields
		if got := show(t, parse.NewView(tt.o), doc, nil); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestViewHides(t *testing.T) {
	view := parse.NewView(parse.ViewOptions{
		Keys: nameSet("a", "b", "hidden", "out"), Hidden: map[string]bool{"hidden": true, "updatedAt": true},
		ExcludeKeys: nameSet("out", "createdAt"),
	})
	for field, want := range map[string]bool{
		"a": false, "b": false, "hidden": true, "out": true, "other": true, "objectId": false, "createdAt": false, "updatedAt": true,
	} {
		if got := view.Hides(field); got != want {
			t.Errorf("%s: got %v, want %v", field, got, want)
		}
	}
}

// Only the maintenance key asks for internal fields, and a password's hash is
// not among them even then.
func TestViewOfInternalFields(t *testing.T) {
	doc := row(t, "_id", "u", "_hashed_password", "h", "_password_history", bson.A{"h"}, "_perishable_token", "t", "_failed_login_count", int32(2), "_acl", bson.D{}, "_other", "x")
	view := parse.NewView(parse.ViewOptions{ClassName: "_User", Internal: true})
	if got, want := show(t, view, doc, nil), `{"objectId":"u","_perishable_token":"t","_failed_login_count":2}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := parse.NewView(parse.ViewOptions{ClassName: "Post", Internal: true})
	if got, want := show(t, other, doc, nil), `{"objectId":"u"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestViewHidesAuthData(t *testing.T) {
	view := parse.NewView(parse.ViewOptions{ClassName: "_User", Hidden: map[string]bool{"authData": true}})
	if got := show(t, view, row(t, "_auth_data_fb", bson.D{}, "n", int32(1)), nil); got != `{"n":1}` {
		t.Errorf("got %s", got)
	}
}

func TestAppendObjectOfMalformedDocuments(t *testing.T) {
	deep := bson.D{}
	for range 300 {
		deep = bson.D{{Key: "a", Value: deep}}
	}
	good := row(t, "a", "text", "b", bson.D{{Key: "c", Value: int32(1)}})
	view := parse.NewView(parse.ViewOptions{ClassName: "Post"})
	for name, doc := range map[string]bson.Raw{
		"nothing":       nil,
		"no end":        good[:len(good)-1],
		"short":         {5, 0, 0, 0},
		"length beyond": {6, 0, 0, 0, 0},
		"unknown type":  {8, 0, 0, 0, 0x7e, 'a', 0, 0},
		"open key":      {7, 0, 0, 0, 1, 'a', 0},
		"open string":   {13, 0, 0, 0, 2, 'a', 0, 9, 0, 0, 0, 'x', 0},
		"negative size": {13, 0, 0, 0, 2, 'a', 0, 0xff, 0xff, 0xff, 0xff, 'x', 0},
		"too deep":      marshal(t, deep),
	} {
		if out, err := view.AppendObject(nil, doc, nil); err == nil {
			t.Errorf("%s: got %s, want an error", name, out)
		}
	}
	if _, err := parse.ObjectFromBSON(good[:len(good)-1], "Post", nil); err == nil {
		t.Error("ObjectFromBSON: want an error")
	}
}

// An ACL of many entries must not cost their square.
func TestViewOfLongACL(t *testing.T) {
	var acl parse.ACL
	for i := range 300 {
		acl.Entries = append(acl.Entries, parse.ACLEntry{Key: "user" + strconv.Itoa(i), Read: i%3 != 0, Write: i%3 != 1})
	}
	var r parse.Row
	r.SetACL(acl)
	got := decode(t, show(t, parse.NewView(parse.ViewOptions{ClassName: "Post"}), marshal(t, r.Document()), nil)).(*parse.Object)
	if v, _ := got.Get("ACL"); !parse.Equal(v, acl.Value()) {
		t.Errorf("got %s", parse.AppendJSON(nil, v))
	}
}

func TestAppendObjectDoesNotAllocate(t *testing.T) {
	doc := postRow(t)
	author := parse.NewView(parse.ViewOptions{ClassName: "_User", Typed: true})
	e := &parse.Expansion{}
	e.Child("author").Included = map[parse.Pointer]parse.Included{
		{ClassName: "_User", ObjectID: "k3jh4k2j3h"}: {Doc: row(t, "_id", "k3jh4k2j3h", "_hashed_password", "h"), View: author},
	}
	for name, view := range map[string]*parse.View{
		"all":  parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: postFields}),
		"keys": parse.NewView(parse.ViewOptions{ClassName: "Post", Fields: postFields, Keys: nameSet("title", "meta", "author")}),
	} {
		dst := make([]byte, 0, 4096)
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := view.AppendObject(dst, doc, e); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
