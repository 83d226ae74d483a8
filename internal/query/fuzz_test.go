package query_test

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// Whatever decodes compiles, once its subqueries are resolved, to a filter that
// can be put into BSON and has no operator but those that a where may use. All
// errors on the way are Parse errors.
func FuzzDecodeWhere(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b.c":null,"tags":["x"],"rules":{"a":{"b":1}}}`, tangled,
		`{"author":{"__type":"Pointer","className":"_User","objectId":"x","$exists":true,"$in":[1,[2]]}}`,
		`{"name":{"$regex":"^a","$options":"i","$ne":{"$relativeTime":"now"}},"played":{"$lt":{"$relativeTime":"in 3 days"}}}`,
		`{"tags":{"$all":[{"$regex":"^\\Qa\\E"}],"$containedBy":[{"__type":"Date","iso":"2020-01-01"}]}}`,
		`{"place":{"$nearSphere":{"__type":"GeoPoint","latitude":1,"longitude":2},"$maxDistanceInMiles":3}}`,
		`{"place":{"$geoWithin":{"$polygon":[[1,2],[3,4],[5,6]]},"$within":{"$box":[1,2]}},"area":{"$geoIntersects":{"$point":1}}}`,
		`{"name":{"$text":{"$search":{"$term":"x","$language":"en"}}},"$nor":[{"ACL":1}]}`,
	} {
		f.Add(seed)
	}
	limits := query.Limits{QueryDepth: 8, SubqueryDepth: 3, WhereNodes: 100, InValues: 50, RegexLength: 100}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parse.DecodeObject([]byte(text), parse.Limits{})
		if err != nil {
			return
		}
		w, err := query.DecodeWhere(o, limits)
		if err != nil {
			wantParseError(t, err)
			return
		}
		d, err := query.Compile(resolve(t, w), game, now)
		if err != nil {
			wantParseError(t, err)
			if parse.CodeOf(err) == parse.InternalServerError {
				// A polygon that is none is parse-server's only one.
				var e *parse.Error
				if errors.As(err, &e); e.Message == "Internal server error." {
					t.Fatal(err)
				}
			}
			return
		}
		if _, err := bson.Marshal(d); err != nil {
			t.Fatalf("%v cannot be marshalled: %v", d, err)
		}
		checkFilter(t, d)
	})
}

func wantParseError(t *testing.T, err error) {
	var e *parse.Error
	if !errors.As(err, &e) || e.Code == 0 || e.Message == "" {
		t.Fatalf("%v is no Parse error", err)
	}
}

// resolve puts an In where the engine would put one.
func resolve(t *testing.T, w *query.Where) *query.Where {
	resolved, err := w.Rewrite(func(n query.Node) (query.Node, error) {
		f, ok := n.(*query.Field)
		if !ok {
			return &query.Field{Path: "objectId", Constraints: []query.Constraint{&query.In{}}}, nil
		}
		if f.Path == "fans" { // a relation
			return &query.Field{Path: "objectId", Constraints: []query.Constraint{&query.In{}}}, nil
		}
		constraints := make([]query.Constraint, len(f.Constraints))
		for i, c := range f.Constraints {
			switch c := c.(type) {
			case *query.InQuery:
				constraints[i] = &query.In{Negate: c.Negate}
			case *query.Select:
				constraints[i] = &query.In{Negate: c.Negate}
			default:
				constraints[i] = c
			}
		}
		return &query.Field{Path: f.Path, Constraints: constraints}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

var operators = map[string]bool{
	"$eq": true, "$ne": true, "$lt": true, "$lte": true, "$gt": true, "$gte": true,
	"$in": true, "$nin": true, "$all": true, "$exists": true, "$regex": true, "$options": true,
	"$nearSphere": true, "$maxDistance": true, "$geoWithin": true, "$geoIntersects": true,
}

// checkFilter fails unless every key of a filter is a path or a known operator,
// and no value of an operator has an operator inside.
func checkFilter(t *testing.T, filter bson.D) {
	for _, e := range filter {
		switch e.Key {
		case "$or", "$and", "$nor":
			for _, clause := range e.Value.(bson.A) {
				checkFilter(t, clause.(bson.D))
			}
			continue
		case "$text":
			continue
		}
		if !query.ValidPath(e.Key) {
			t.Fatalf("%q is no path: %v", e.Key, filter)
		}
		ops, ok := e.Value.(bson.D)
		if !ok || len(ops) == 0 || ops[0].Key == "" || ops[0].Key[0] != '$' {
			checkPlain(t, e.Value)
			continue
		}
		for _, op := range ops {
			switch {
			case op.Key == "$elemMatch":
				checkPlain(t, op.Value.(bson.D)[0].Value)
			case !operators[op.Key]:
				t.Fatalf("operator %q: %v", op.Key, filter)
			case op.Key != "$geoWithin" && op.Key != "$geoIntersects":
				checkPlain(t, op.Value)
			}
		}
	}
}

func checkPlain(t *testing.T, v any) {
	switch v := v.(type) {
	case bson.A:
		for _, e := range v {
			checkPlain(t, e)
		}
	case bson.D:
		for _, e := range v {
			if e.Key != "" && e.Key[0] == '$' {
				t.Fatalf("operator in a value: %v", v)
			}
			checkPlain(t, e.Value)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"where":"{}","order":"-a,b.c","limit":"5","skip":1,"count":1}`,
		`{"keys":"a.b,c","excludeKeys":["d"],"include":"e.f.g,*","includeAll":true}`,
		`{"hint":{"a":1},"explain":"queryPlanner","comment":"x","readPreference":"NEAREST","redirectClassNameForKey":"k"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parse.DecodeObject([]byte(text), parse.Limits{})
		if err != nil {
			return
		}
		for _, decode := range []func(query.Params, query.Limits) (*query.Query, error){query.Decode, query.DecodeGet} {
			q, err := decode(query.ParamsFromObject(o), query.Limits{IncludeDepth: 5, IncludeCount: 10})
			if err != nil {
				wantParseError(t, err)
				continue
			}
			for _, path := range q.Include {
				if !query.ValidPath(path) {
					t.Fatalf("include %q is no path", path)
				}
			}
			if _, err := query.CompileOrder(q.Order, game); err != nil {
				t.Fatalf("an order that decodes does not compile: %v", err)
			}
		}
	})
}
