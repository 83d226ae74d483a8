package parse_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

func TestStoragePath(t *testing.T) {
	object, pointer := parse.FieldType{Kind: parse.KindObject}, parse.FieldType{Kind: parse.KindPointer, TargetClass: "A"}
	tests := []struct {
		class, path string
		t           parse.FieldType
		want        string
	}{
		{"Post", "title", parse.FieldType{Kind: parse.KindString}, "title"},
		{"Post", "objectId", parse.FieldType{Kind: parse.KindString}, "_id"},
		{"Post", "createdAt", parse.FieldType{Kind: parse.KindDate}, "_created_at"},
		{"Post", "updatedAt", parse.FieldType{Kind: parse.KindDate}, "_updated_at"},
		{"Post", "author", pointer, "_p_author"},
		{"Post", "author.name", pointer, "author.name"},
		{"Post", "meta.a.b", object, "meta.a.b"},
		{"_Session", "sessionToken", parse.FieldType{Kind: parse.KindString}, "_session_token"},
		{"_Session", "expiresAt", parse.FieldType{Kind: parse.KindDate}, "expiresAt"},
		{"_Audience", "lastUsed", parse.FieldType{Kind: parse.KindDate}, "_last_used"},
		{"_Audience", "timesUsed", parse.FieldType{Kind: parse.KindNumber}, "times_used"},
		{"_User", "authData.facebook", object, "_auth_data_facebook"},
		{"_User", "authData.facebook.id", object, "_auth_data_facebook.id"},
		{"_User", "authData.fa$ce.id", object, "authData.fa$ce.id"},
		{"_User", "authData", object, "authData"},
		{"Post", "authData.facebook.id", object, "authData.facebook.id"},
	}
	for _, tt := range tests {
		if got := parse.StoragePath(tt.class, tt.path, tt.t); got != tt.want {
			t.Errorf("%s.%s: got %s, want %s", tt.class, tt.path, got, tt.want)
		}
	}
}

// Each value has two stored forms: at a document's top level and inside objects
// and arrays (see "Value encodings" of the protocol).
func TestStoredForms(t *testing.T) {
	d := func(keysAndValues ...any) bson.D {
		doc := bson.D{}
		for i := 0; i < len(keysAndValues); i += 2 {
			doc = append(doc, bson.E{Key: keysAndValues[i].(string), Value: keysAndValues[i+1]})
		}
		return doc
	}
	tests := []struct {
		name        string
		t           parse.FieldType
		v           parse.Value
		top, nested any
	}{
		{"null", parse.FieldType{Kind: parse.KindString}, parse.Null{}, nil, nil},
		{"string", parse.FieldType{Kind: parse.KindString}, parse.String("x"), "x", "x"},
		{"boolean", parse.FieldType{Kind: parse.KindBoolean}, parse.Bool(true), true, true},
		{"integral number", parse.FieldType{Kind: parse.KindNumber}, parse.Number(5), int32(5), int32(5)},
		{"negative zero", parse.FieldType{Kind: parse.KindNumber}, parse.Number(math.Copysign(0, -1)), math.Copysign(0, -1), math.Copysign(0, -1)},
		{"negative number", parse.FieldType{Kind: parse.KindNumber}, parse.Number(-1 << 31), int32(-1 << 31), int32(-1 << 31)},
		{"large number", parse.FieldType{Kind: parse.KindNumber}, parse.Number(1 << 31), float64(1 << 31), float64(1 << 31)},
		{"fraction", parse.FieldType{Kind: parse.KindNumber}, parse.Number(0.5), 0.5, 0.5},
		{"date", parse.FieldType{Kind: parse.KindDate}, parse.Date(7), bson.DateTime(7), bson.DateTime(7)},
		{"bytes", parse.FieldType{Kind: parse.KindBytes}, parse.Bytes("hi"), bson.Binary{Data: []byte("hi")}, bson.Binary{Data: []byte("hi")}},
		{
			"pointer", parse.FieldType{Kind: parse.KindPointer, TargetClass: "A"}, parse.Pointer{ClassName: "A", ObjectID: "x"},
			"A$x", d("__type", "Pointer", "className", "A", "objectId", "x"),
		},
		{
			"file", parse.FieldType{Kind: parse.KindFile}, parse.File{Name: "a.png", URL: "http://h/a"},
			"a.png", d("__type", "File", "name", "a.png", "url", "http://h/a"),
		},
		{
			"geo point", parse.FieldType{Kind: parse.KindGeoPoint}, parse.GeoPoint{Latitude: 1.5, Longitude: -2},
			bson.A{int32(-2), 1.5}, d("__type", "GeoPoint", "latitude", 1.5, "longitude", int32(-2)),
		},
		{
			"polygon", parse.FieldType{Kind: parse.KindPolygon}, parse.Polygon{{Latitude: 0, Longitude: 1}, {Latitude: 2, Longitude: 3}, {Latitude: 4, Longitude: 5.5}},
			d("type", "Polygon", "coordinates", bson.A{bson.A{bson.A{int32(1), int32(0)}, bson.A{int32(3), int32(2)}, bson.A{5.5, int32(4)}, bson.A{int32(1), int32(0)}}}),
			d("__type", "Polygon", "coordinates", bson.A{bson.A{int32(0), int32(1)}, bson.A{int32(2), int32(3)}, bson.A{int32(4), 5.5}}),
		},
		{
			"object", parse.FieldType{Kind: parse.KindObject}, object("d", parse.Date(7), "p", parse.Pointer{ClassName: "A", ObjectID: "x"}),
			d("d", bson.DateTime(7), "p", d("__type", "Pointer", "className", "A", "objectId", "x")),
			d("d", bson.DateTime(7), "p", d("__type", "Pointer", "className", "A", "objectId", "x")),
		},
		{
			"array", parse.FieldType{Kind: parse.KindArray}, parse.Array{parse.Relation{ClassName: "A"}, parse.Array{}, object()},
			bson.A{d("__type", "Relation", "className", "A"), bson.A{}, d()},
			bson.A{d("__type", "Relation", "className", "A"), bson.A{}, d()},
		},
	}
	for _, tt := range tests {
		top, err := parse.FieldToBSON(tt.t, tt.v)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.top, top); diff != "" {
			t.Errorf("%s at the top level: (-want +got)\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.nested, parse.ToBSON(tt.v)); diff != "" {
			t.Errorf("%s nested: (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestFieldToBSONReadsDatesFromStrings(t *testing.T) {
	date := parse.FieldType{Kind: parse.KindDate}
	if got, err := parse.FieldToBSON(date, parse.String("2011-08-21T18:02:52.249Z")); err != nil || got != bson.DateTime(1313949772249) {
		t.Errorf("got %v, %v", got, err)
	}
	_, err := parse.FieldToBSON(date, parse.String("soon"))
	wantError(t, "soon", err, 111, "This is not a valid Date")
}

func TestFieldToBSONRefuses(t *testing.T) {
	const nestedKey = "Nested keys should not contain the '$' or '.' characters"
	tests := []struct {
		text    string
		code    parse.Code
		message string
	}{
		{`{"a.b":1}`, 121, nestedKey},
		{`{"$a":1}`, 121, nestedKey},
		{`{"a":{"b":{"c$":1}}}`, 121, nestedKey},
		{`[[{"a.b":1}]]`, 121, nestedKey},
		{`{"a\u0000":1}`, 121, nestedKey},
		{`{"__type":"GeoPoint","latitude":90.5,"longitude":0}`, 107, "GeoPoint latitude out of bounds: 90.5 > 90.0."},
		{`{"__type":"GeoPoint","latitude":-91,"longitude":0}`, 107, "GeoPoint latitude out of bounds: -91 < -90.0."},
		{`{"__type":"GeoPoint","latitude":0,"longitude":181}`, 107, "GeoPoint longitude out of bounds: 181 > 180.0."},
		{`{"__type":"Polygon","coordinates":[]}`, 107, "Polygon must have at least 3 values"},
		{`{"__type":"Polygon","coordinates":[[0,0],[0,1]]}`, 107, "Polygon must have at least 3 values"},
		{`{"__type":"Polygon","coordinates":[[0,0],[0,1],[0,0]]}`, 1, "GeoJSON: Loop must have at least 3 different vertices"},
		{`{"__type":"Polygon","coordinates":[[0,0],[0,1],[91,0]]}`, 107, "GeoPoint latitude out of bounds: 91 > 90.0."},
	}
	for _, tt := range tests {
		_, err := parse.FieldToBSON(parse.FieldType{}, decode(t, tt.text))
		wantError(t, tt.text, err, tt.code, tt.message)
	}
}

// What is stored comes back as it was.
func TestFromBSONReversesToBSON(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `"x"`, `5`, `-0.5`, `1e300`, `[]`, `{}`, `[1,[2,{"a":[null]}]]`,
		`{"__type":"Date","iso":"2011-08-21T18:02:52.249Z"}`, `{"__type":"Bytes","base64":"aGk="}`,
		`{"__type":"Pointer","className":"A","objectId":"x"}`, `{"__type":"Relation","className":"A"}`,
		`{"__type":"File","name":"a","url":"u"}`, `{"__type":"File","name":"a"}`,
		`{"__type":"GeoPoint","latitude":1.5,"longitude":-2}`, `{"__type":"Polygon","coordinates":[[0,1],[2,3],[4,5]]}`,
		`{"__type":"Foo","a":1}`, `{"a":{"__type":"Date","iso":"never"}}`,
	} {
		v := decode(t, text)
		raw := marshal(t, bson.D{{Key: "v", Value: parse.ToBSON(v)}})
		if got := parse.FromBSON(raw.Lookup("v")); !parse.Equal(got, v) {
			t.Errorf("%s: got %s", text, parse.AppendJSON(nil, got))
		}
	}
}

// Databases hold types that Parse never writes.
func TestFromBSONOfForeignTypes(t *testing.T) {
	decimal, err := bson.ParseDecimal128("12.5")
	if err != nil {
		t.Fatal(err)
	}
	nan, err := bson.ParseDecimal128("NaN")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		stored any
		want   string
	}{
		{int64(1) << 53, `9007199254740992`},
		{decimal, `12.5`},
		{nan, `null`},
		{bson.ObjectID{0x5f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xab}, `"5f0102030405060708090aab"`},
		{bson.Symbol("s"), `"s"`},
		{bson.JavaScript("f()"), `"f()"`},
		{bson.Regex{Pattern: "^a", Options: "i"}, `"^a"`},
		{bson.Timestamp{T: 1, I: 2}, `4294967298`},
		{bson.Undefined{}, `null`},
		{bson.MinKey{}, `null`},
		{bson.DBPointer{DB: "d"}, `null`},
		{bson.Binary{Subtype: 2, Data: []byte("hi")}, `{"__type":"Bytes","base64":"aGk="}`},
		{bson.Binary{Subtype: 4, Data: []byte("hi")}, `{"__type":"Bytes","base64":"aGk="}`},
	}
	view := parse.NewView(parse.ViewOptions{ClassName: "Post"})
	for _, tt := range tests {
		raw := marshal(t, bson.D{{Key: "v", Value: tt.stored}})
		if got := string(parse.AppendJSON(nil, parse.FromBSON(raw.Lookup("v")))); got != tt.want {
			t.Errorf("%T: got %s, want %s", tt.stored, got, tt.want)
		}
		if got, want := show(t, view, raw, nil), `{"v":`+tt.want+`}`; got != want {
			t.Errorf("%T in a view: got %s, want %s", tt.stored, got, want)
		}
	}
}

func TestNewObjectID(t *testing.T) {
	const size, n = 10, 5000
	seen := make(map[string]bool, n)
	counts := make(map[byte]int)
	for range n {
		id := parse.NewObjectID(size)
		if len(id) != size || seen[id] {
			t.Fatalf("%q is of a wrong length or not new", id)
		}
		seen[id] = true
		for i := range id {
			counts[id[i]]++
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d different characters, want 62", len(counts))
	}
	for c, count := range counts {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			t.Errorf("character %q", c)
		}
		// 806 are expected, with a standard deviation of 28.
		if count < 600 || count > 1050 {
			t.Errorf("%q occurs %d times in %d", c, count, n*size)
		}
	}
	if got := parse.NewObjectID(0); got != "" {
		t.Errorf("got %q", got)
	}
}
