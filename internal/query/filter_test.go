package query_test

import (
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
)

var now = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// game is a class with a field of every type.
var game = classOf("Game", map[string]parse.FieldType{
	"name":     {Kind: parse.KindString},
	"score":    {Kind: parse.KindNumber},
	"over":     {Kind: parse.KindBoolean},
	"played":   {Kind: parse.KindDate},
	"rules":    {Kind: parse.KindObject},
	"tags":     {Kind: parse.KindArray},
	"place":    {Kind: parse.KindGeoPoint},
	"area":     {Kind: parse.KindPolygon},
	"icon":     {Kind: parse.KindFile},
	"blob":     {Kind: parse.KindBytes},
	"author":   {Kind: parse.KindPointer, TargetClass: "_User"},
	"fans":     {Kind: parse.KindRelation, TargetClass: "_User"},
	"lastUsed": {Kind: parse.KindDate},
})

func classOf(name string, fields map[string]parse.FieldType) *schema.Class {
	c := &schema.Class{Name: name, Fields: map[string]*schema.Field{}}
	for _, d := range []schema.Field{
		{Name: "objectId", Type: parse.FieldType{Kind: parse.KindString}},
		{Name: "createdAt", Type: parse.FieldType{Kind: parse.KindDate}},
		{Name: "updatedAt", Type: parse.FieldType{Kind: parse.KindDate}},
		{Name: "ACL", Type: parse.FieldType{Kind: parse.KindACL}},
	} {
		c.Fields[d.Name] = &d
	}
	for name, t := range fields {
		c.Fields[name] = &schema.Field{Name: name, Type: t}
	}
	return c
}

// decodeWhere decodes where from its JSON.
func decodeWhere(t testing.TB, where string, lim query.Limits) (*query.Where, error) {
	t.Helper()
	o, err := parse.DecodeObject([]byte(where), parse.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return query.DecodeWhere(o, lim)
}

func mustDecode(t testing.TB, where string) *query.Where {
	t.Helper()
	w, err := decodeWhere(t, where, query.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return w
}

// extJSON renders a document as relaxed extended JSON.
func extJSON(t testing.TB, d bson.D) string {
	t.Helper()
	b, err := bson.MarshalExtJSON(d, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCompile(t *testing.T) {
	const (
		ann    = `{"__type":"Pointer","className":"_User","objectId":"ann"}`
		bob    = `{"__type":"Pointer","className":"_User","objectId":"bob"}`
		day    = `{"__type":"Date","iso":"2020-01-02T03:04:05.678Z"}`
		berlin = `{"__type":"GeoPoint","latitude":52.5,"longitude":13.4}`
		rome   = `{"__type":"GeoPoint","latitude":41.9,"longitude":12.5}`
	)
	for _, tt := range []struct{ name, where, filter string }{
		{"nothing", `{}`, `{}`},

		{"equality", `{"name":"chess","score":5,"over":false}`, `{"name":"chess","score":5,"over":false}`},
		{"fraction", `{"score":0.5}`, `{"score":0.5}`},
		{"null is null or missing", `{"name":null,"author":null}`, `{"name":null,"_p_author":null}`},
		{"$eq is equality", `{"name":{"$eq":"chess"}}`, `{"name":"chess"}`},
		{"objectId", `{"objectId":"a"}`, `{"_id":"a"}`},
		{"objectId, compared", `{"objectId":{"$in":["a","b"],"$ne":"c"}}`, `{"_id":{"$in":["a","b"],"$ne":"c"}}`},
		{"unknown field", `{"nope":1}`, `{"nope":1}`},

		{"date", `{"played":` + day + `}`, `{"played":{"$date":"2020-01-02T03:04:05.678Z"}}`},
		{"date as text", `{"played":"2020-01-02T03:04:05.678Z"}`, `{"played":{"$date":"2020-01-02T03:04:05.678Z"}}`},
		{"no date", `{"played":"long ago"}`, `{"played":"long ago"}`},
		{"createdAt", `{"createdAt":{"$gt":` + day + `}}`, `{"_created_at":{"$gt":{"$date":"2020-01-02T03:04:05.678Z"}}}`},
		{"updatedAt as text", `{"updatedAt":{"$lte":"2020-01-02T03:04:05.678Z"}}`, `{"_updated_at":{"$lte":{"$date":"2020-01-02T03:04:05.678Z"}}}`},
		{"internal date", `{"_perishable_token_expires_at":{"$gt":"2020-01-02T03:04:05.678Z"}}`, `{"_perishable_token_expires_at":{"$gt":{"$date":"2020-01-02T03:04:05.678Z"}}}`},
		{"text is no date elsewhere", `{"name":"2020-01-02"}`, `{"name":"2020-01-02"}`},
		{"stored names", `{"lastUsed":null,"sessionToken":"r:1","timesUsed":2}`, `{"_last_used":null,"_session_token":"r:1","times_used":2}`},

		{"pointer", `{"author":` + ann + `}`, `{"_p_author":"_User$ann"}`},
		{"pointer by id", `{"author":"ann"}`, `{"_p_author":"_User$ann"}`},
		{"pointers", `{"author":{"$in":[` + ann + `,` + bob + `],"$ne":` + bob + `}}`, `{"_p_author":{"$in":["_User$ann","_User$bob"],"$ne":"_User$bob"}}`},
		{"pointer exists", `{"author":{"$exists":true}}`, `{"_p_author":{"$exists":true}}`},
		{"pointer of another class", `{"author":{"__type":"Pointer","className":"Pet","objectId":"ann"}}`, `{"_p_author":"Pet$ann"}`},
		{"pointer in an array", `{"tags":` + ann + `}`, `{"tags":{"__type":"Pointer","className":"_User","objectId":"ann"}}`},
		{"pointers in an array", `{"tags":{"$all":[` + ann + `]}}`, `{"tags":{"$all":[{"__type":"Pointer","className":"_User","objectId":"ann"}]}}`},
		{"pointer in an object", `{"rules.judge":` + ann + `}`, `{"rules.judge":{"__type":"Pointer","className":"_User","objectId":"ann"}}`},
		{"path through a pointer is left alone", `{"author.name":"Ann"}`, `{"author.name":"Ann"}`},

		{"array element", `{"tags":"fun"}`, `{"tags":"fun"}`},
		{"array element in", `{"tags":{"$in":["fun",3]}}`, `{"tags":{"$in":["fun",3]}}`},
		{"whole array", `{"tags":["fun",3]}`, `{"tags":["fun",3]}`},
		{"date in an array", `{"tags":` + day + `}`, `{"tags":{"$date":"2020-01-02T03:04:05.678Z"}}`},
		{"$in flattens arrays", `{"name":{"$in":[["a","b"],"c"]}}`, `{"name":{"$in":["a","b","c"]}}`},
		{"$nin", `{"name":{"$nin":["a"]}}`, `{"name":{"$nin":["a"]}}`},
		{"$all starting with", `{"tags":{"$all":[{"$regex":"^\\Qa\\E"},{"$regex":"^\\Qb\\E"}]}}`, `{"tags":{"$all":[{"$regularExpression":{"pattern":"^\\Qa\\E","options":""}},{"$regularExpression":{"pattern":"^\\Qb\\E","options":""}}]}}`},
		{"$containedBy", `{"tags":{"$containedBy":["a",1],"$exists":true}}`, `{"tags":{"$exists":true},"$nor":[{"tags":{"$elemMatch":{"$nin":["a",1]}}}]}`},

		{"object", `{"rules":{"a":1,"b":{"c":[` + day + `]}}}`, `{"rules":{"a":1,"b":{"c":[{"$date":"2020-01-02T03:04:05.678Z"}]}}}`},
		{"path into an object", `{"rules.limits.max":{"$gt":3,"$lte":5}}`, `{"rules.limits.max":{"$gt":3,"$lte":5}}`},
		{"geo point in an object", `{"rules.at":` + berlin + `}`, `{"rules.at":{"__type":"GeoPoint","latitude":52.5,"longitude":13.4}}`},
		{"object beside operators", `{"rules":{"a":1,"$exists":true}}`, `{"rules":{"$eq":{"a":1},"$exists":true}}`},

		{"pointer beside operators", `{"author":{"__type":"Pointer","className":"_User","objectId":"ann","$exists":true}}`, `{"_p_author":{"$eq":"_User$ann","$exists":true}}`},

		{"file", `{"icon":{"__type":"File","name":"a.png","url":"http://x/a.png"}}`, `{"icon":"a.png"}`},
		{"bytes", `{"blob":{"__type":"Bytes","base64":"AQID"}}`, `{"blob":{"$binary":{"base64":"AQID","subType":"00"}}}`},
		{"geo point", `{"place":` + berlin + `}`, `{"place":[13.4,52.5]}`},
		{"polygon", `{"area":{"__type":"Polygon","coordinates":[[0,1],[2,3],[4,6]]}}`, `{"area":{"type":"Polygon","coordinates":[[[1,0],[3,2],[6,4],[1,0]]]}}`},

		{"$exists of a number", `{"name":{"$exists":0}}`, `{"name":{"$exists":false}}`},
		{"$regex", `{"name":{"$regex":"^a","$options":"im"}}`, `{"name":{"$regex":"^a","$options":"im"}}`},
		{"$regex, options first", `{"name":{"$options":"i","$regex":"^a","$ne":"ab"}}`, `{"name":{"$regex":"^a","$options":"i","$ne":"ab"}}`},

		{"$relativeTime", `{"played":{"$gt":{"$relativeTime":"1 day ago"},"$lt":{"$relativeTime":"in 1 hour 30 minutes"}}}`,
			`{"played":{"$gt":{"$date":"2026-05-03T03:02:01Z"},"$lt":{"$date":"2026-05-04T04:32:01Z"}}}`},
		{"$relativeTime now", `{"createdAt":{"$lte":{"$relativeTime":"now"}}}`, `{"_created_at":{"$lte":{"$date":"2026-05-04T03:02:01Z"}}}`},

		{"$or", `{"$or":[{"name":"a"},{"author":` + ann + `},{}]}`, `{"$or":[{"name":"a"},{"_p_author":"_User$ann"},{}]}`},
		{"$and", `{"$and":[{"name":"a"},{"$nor":[{"score":1},{"score":2}]}],"over":true}`, `{"over":true,"$and":[{"name":"a"},{"$nor":[{"score":1},{"score":2}]}]}`},
		{"$nor beside $containedBy", `{"$nor":[{"name":"a"}],"tags":{"$containedBy":[]}}`, `{"$nor":[{"name":"a"},{"tags":{"$elemMatch":{"$nin":[]}}}]}`},

		{"$nearSphere", `{"place":{"$nearSphere":` + berlin + `}}`, `{"place":{"$nearSphere":[13.4,52.5]}}`},
		{"$nearSphere in radians", `{"place":{"$nearSphere":` + berlin + `,"$maxDistance":0.5}}`, `{"place":{"$nearSphere":[13.4,52.5],"$maxDistance":0.5}}`},
		{"$nearSphere in miles", `{"place":{"$maxDistanceInMiles":7918,"$nearSphere":` + berlin + `}}`, `{"place":{"$nearSphere":[13.4,52.5],"$maxDistance":2.0}}`},
		{"$nearSphere in kilometers", `{"place":{"$nearSphere":` + berlin + `,"$maxDistanceInKilometers":6371}}`, `{"place":{"$nearSphere":[13.4,52.5],"$maxDistance":1.0}}`},
		{"$box", `{"place":{"$within":{"$box":[` + rome + `,` + berlin + `]}}}`, `{"place":{"$geoWithin":{"$box":[[12.5,41.9],[13.4,52.5]]}}}`},
		{"$polygon of points", `{"place":{"$geoWithin":{"$polygon":[` + rome + `,` + berlin + `,[1,2]]}}}`, `{"place":{"$geoWithin":{"$polygon":[[12.5,41.9],[13.4,52.5],[1.0,2.0]]}}}`},
		{"$polygon is longitude first", `{"place":{"$geoWithin":{"$polygon":{"__type":"Polygon","coordinates":[[120,1],[110,1],[100,5]]}}}}`,
			`{"place":{"$geoWithin":{"$polygon":[[120.0,1.0],[110.0,1.0],[100.0,5.0]]}}}`},
		{"$centerSphere", `{"place":{"$geoWithin":{"$centerSphere":[` + berlin + `,0.1]}}}`, `{"place":{"$geoWithin":{"$centerSphere":[[13.4,52.5],0.1]}}}`},
		{"$centerSphere of a pair", `{"place":{"$geoWithin":{"$centerSphere":[[13.4,52.5],0.1]}}}`, `{"place":{"$geoWithin":{"$centerSphere":[[13.4,52.5],0.1]}}}`},
		{"$box and $centerSphere", `{"place":{"$within":{"$box":[` + rome + `,` + berlin + `]},"$geoWithin":{"$centerSphere":[[13.4,52.5],0.1]}}}`,
			`{"place":{"$geoWithin":{"$box":[[12.5,41.9],[13.4,52.5]]}},"$and":[{"place":{"$geoWithin":{"$centerSphere":[[13.4,52.5],0.1]}}}]}`},
		{"$geoIntersects", `{"area":{"$geoIntersects":{"$point":` + berlin + `}}}`, `{"area":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[13.4,52.5]}}}}`},
		{"$text", `{"name":{"$text":{"$search":{"$term":"big cat","$language":"en","$caseSensitive":true,"$diacriticSensitive":false}}},"over":true}`,
			`{"$text":{"$search":"big cat","$language":"en","$caseSensitive":true,"$diacriticSensitive":false},"over":true}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := query.Compile(mustDecode(t, tt.where), game, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := extJSON(t, d); got != tt.filter {
				t.Errorf("%s\n got %s\nwant %s", tt.where, got, tt.filter)
			}
		})
	}
}

func TestCompileAuthData(t *testing.T) {
	user := classOf("_User", nil)
	for _, tt := range []struct {
		class         *schema.Class
		where, filter string
	}{
		{user, `{"authData.facebook.id":"1"}`, `{"_auth_data_facebook.id":"1"}`},
		{user, `{"authData.facebook":{"$exists":true}}`, `{"_auth_data_facebook":{"$exists":true}}`},
		{game, `{"authData.facebook.id":"1"}`, `{"authData.facebook.id":"1"}`},
	} {
		d, err := query.Compile(mustDecode(t, tt.where), tt.class, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := extJSON(t, d); got != tt.filter {
			t.Errorf("%s in %s\n got %s\nwant %s", tt.where, tt.class.Name, got, tt.filter)
		}
	}
}

// A nil class stands for one that is not there (yet): it has no fields.
func TestCompileWithoutClass(t *testing.T) {
	d, err := query.Compile(mustDecode(t, `{"objectId":"a","x":{"__type":"Pointer","className":"C","objectId":"b"}}`), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := extJSON(t, d), `{"_id":"a","x":"C$b"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Filters that the engine puts together may constrain a path or use an operator
// more than once. Both have to hold, and no key may be there twice.
func TestCompileRepeated(t *testing.T) {
	in := func(values ...parse.Value) *query.In { return &query.In{Values: values} }
	nin := func(values ...parse.Value) *query.In { return &query.In{Negate: true, Values: values} }
	field := func(path string, c ...query.Constraint) query.Node {
		return &query.Field{Path: path, Constraints: c}
	}
	clause := func(n query.Node) *query.Where { return &query.Where{Nodes: []query.Node{n}} }
	for _, tt := range []struct {
		name   string
		where  *query.Where
		filter string
	}{
		{"two conditions on a path",
			&query.Where{Nodes: []query.Node{
				field("objectId", in(parse.String("a"))),
				field("objectId", in(parse.String("b"))),
				field("objectId", &query.Equal{Value: parse.String("c")}),
			}},
			`{"_id":{"$in":["a"]},"$and":[{"_id":{"$in":["b"]}},{"_id":"c"}]}`},
		{"two $or and an $and",
			&query.Where{Nodes: []query.Node{
				&query.Logical{Op: query.Or, Clauses: []*query.Where{clause(field("a", in()))}},
				&query.Logical{Op: query.Or, Clauses: []*query.Where{clause(field("b", in()))}},
				&query.Logical{Op: query.And, Clauses: []*query.Where{clause(field("c", in()))}},
			}},
			`{"$or":[{"a":{"$in":[]}}],"$and":[{"$or":[{"b":{"$in":[]}}]},{"c":{"$in":[]}}]}`},
		{"a list beside the results of a subquery",
			&query.Where{Nodes: []query.Node{
				field("name", in(parse.String("a")), in(parse.String("b")), nin(parse.String("c")), nin(parse.String("d"))),
			}},
			`{"name":{"$in":["a"]},"$and":[{"name":{"$in":["b"],"$nin":["c"]}},{"name":{"$nin":["d"]}}]}`},
		{"the same comparison",
			&query.Where{Nodes: []query.Node{
				field("score", &query.Compare{Op: "$gt", Value: parse.Number(1)}, &query.Compare{Op: "$gt", Value: parse.Number(2)}),
			}},
			`{"score":{"$gt":1},"$and":[{"score":{"$gt":2}}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := query.Compile(tt.where, game, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := extJSON(t, d); got != tt.filter {
				t.Errorf("\n got %s\nwant %s", got, tt.filter)
			}
		})
	}
}

// Many different paths are looked up in a map: a repeated one is still found.
func TestCompileManyPaths(t *testing.T) {
	w := &query.Where{}
	for i := range 40 {
		path := "f" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		w.Nodes = append(w.Nodes, &query.Field{Path: path, Constraints: []query.Constraint{&query.Exists{Value: true}}})
	}
	w.Nodes = append(w.Nodes, w.Nodes[0], w.Nodes[39])
	d, err := query.Compile(w, game, now)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range d {
		if seen[e.Key] {
			t.Errorf("%s is there twice", e.Key)
		}
		seen[e.Key] = true
	}
	if len(d) != 41 || len(d[40].Value.(bson.A)) != 2 {
		t.Errorf("got %d keys, the last %v; want 40 and an $and of 2", len(d), d[len(d)-1])
	}
}

func TestCompileErrors(t *testing.T) {
	for _, tt := range []struct {
		where   string
		code    parse.Code
		message string
	}{
		{`{"score":{"$lt":{"$relativeTime":"now"}}}`, parse.InvalidJSON, "$relativeTime can only be used with Date field"},
		{`{"author":{"$inQuery":{"className":"_User","where":{}}}}`, parse.InternalServerError, "Internal server error."},
		{`{"name":{"$dontSelect":{"query":{"className":"_User"},"key":"name"}}}`, parse.InternalServerError, "Internal server error."},
		{`{"$or":[{"$relatedTo":{"object":{"__type":"Pointer","className":"A","objectId":"b"},"key":"c"}}]}`, parse.InternalServerError, "Internal server error."},
		{`{"fans":{"__type":"Pointer","className":"_User","objectId":"ann"}}`, parse.InternalServerError, "Internal server error."},
		{`{"place":{"__type":"GeoPoint","latitude":91,"longitude":0}}`, parse.InvalidJSON, "GeoPoint latitude out of bounds: 91 > 90.0."},
	} {
		_, err := query.Compile(mustDecode(t, tt.where), game, now)
		checkError(t, tt.where, err, tt.code, tt.message)
	}
}

func checkError(t *testing.T, what string, err error, code parse.Code, message string) {
	t.Helper()
	var e *parse.Error
	if !errors.As(err, &e) {
		t.Errorf("%s\n got %v\nwant code %d, %q", what, err, code, message)
		return
	}
	if e.Code != code || e.Message != message {
		t.Errorf("%s\n got code %d, %q\nwant code %d, %q", what, e.Code, e.Message, code, message)
	}
}

func TestPermissions(t *testing.T) {
	for _, tt := range []struct {
		got  bson.E
		want string
	}{
		{query.ReadableBy(nil), `{"_rperm":{"$in":[null,"*"]}}`},
		{query.ReadableBy([]string{"*", "ann", "role:Admin"}), `{"_rperm":{"$in":[null,"*","ann","role:Admin"]}}`},
		{query.WritableBy([]string{"ann"}), `{"_wperm":{"$in":[null,"*","ann"]}}`},
	} {
		if got := extJSON(t, bson.D{tt.got}); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
