package embedded

import (
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// stages names a plan as "SORT < FETCH < IXSCAN a_1 backward".
func stages(t *testing.T, s *Store, q store.Find) string {
	t.Helper()
	explained, err := s.Explain(t.Context(), "c", q)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := explained.LookupErr("queryPlanner", "winningPlan")
	var names []string
	for err == nil {
		doc := stage.Document()
		name := doc.Lookup("stage").StringValue()
		switch name {
		case "IXSCAN", "IDHACK":
			name += " " + doc.Lookup("indexName").StringValue()
			fallthrough
		case "COLLSCAN":
			if doc.Lookup("direction").StringValue() == "backward" {
				name += " backward"
			}
		}
		names = append(names, name)
		stage, err = doc.LookupErr("inputStage")
	}
	return strings.Join(names, " < ")
}

func planStore(t *testing.T) *Store {
	s := open(t, Options{})
	define(t, s, "c",
		store.Index{Keys: doc(t, `{"category":1,"at":1}`)},
		store.Index{Keys: doc(t, `{"at":-1}`)},
		store.Index{Keys: doc(t, `{"username":1}`), Unique: true, Sparse: true},
		store.Index{Keys: doc(t, `{"username":1}`), Name: "username_ci", CaseInsensitive: true},
		store.Index{Keys: doc(t, `{"tags":1}`)},
		store.Index{Keys: doc(t, `{"rank":1}`), Name: "ranked", Partial: doc(t, `{"rank":{"$exists":true}}`)},
		store.Index{Keys: doc(t, `{"a.0":1}`)},
	)
	var docs []bson.Raw
	for i := range 3000 {
		d := bson.D{
			{Key: "_id", Value: fmt.Sprintf("id%04d", i)},
			{Key: "category", Value: int32(i % 30)},
			{Key: "at", Value: bson.DateTime(i)},
			{Key: "tags", Value: bson.A{int32(i % 10), int32(i % 7)}},
			{Key: "a", Value: bson.A{int32(i)}},
		}
		if i%10 == 0 {
			d = append(d, bson.E{Key: "username", Value: fmt.Sprintf("User%04d", i)}, bson.E{Key: "rank", Value: int32(i)})
		}
		docs = append(docs, raw(t, d))
	}
	if err := s.Insert(t.Context(), "c", docs...); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPlanChoice(t *testing.T) {
	s := planStore(t)
	tests := []struct {
		name, filter, sort string
		limit              int64
		ci                 bool
		want               string
	}{
		{name: "everything", filter: `{}`, want: "COLLSCAN"},
		{name: "id", filter: `{"_id":"id0001","x":1}`, want: "FETCH < IDHACK _id_"},
		{name: "ids", filter: `{"_id":{"$in":["id0001","id0002"]}}`, want: "FETCH < IXSCAN _id_"},
		{name: "id case-insensitively", filter: `{"_id":"ID0001"}`, ci: true, want: "COLLSCAN"},
		{name: "id prefix", filter: `{"_id":{"$regex":"^id000"}}`, want: "FETCH < IXSCAN _id_"},
		{name: "id before others", filter: `{"_id":"id0001","category":1}`, want: "FETCH < IDHACK _id_"},
		{name: "sort by id", filter: `{}`, sort: `{"_id":-1}`, limit: 10, want: "LIMIT < FETCH < IXSCAN _id_ backward"},
		{name: "equality", filter: `{"category":3}`, want: "FETCH < IXSCAN category_1_at_1"},
		{name: "second field only", filter: `{"at":{"$gt":{"$date":{"$numberLong":"2990"}}}}`, want: "FETCH < IXSCAN at_-1"},
		{name: "equality and sort", filter: `{"category":3}`, sort: `{"at":-1}`, limit: 10,
			want: "LIMIT < FETCH < IXSCAN category_1_at_1 backward"},
		{name: "equality and range", filter: `{"category":3,"at":{"$gt":{"$date":{"$numberLong":"2000"}}}}`,
			want: "FETCH < IXSCAN category_1_at_1"},
		{name: "sort and limit only", filter: `{}`, sort: `{"at":-1}`, limit: 10, want: "LIMIT < FETCH < IXSCAN at_-1"},
		{name: "sort the other way", filter: `{}`, sort: `{"at":1}`, limit: 10, want: "LIMIT < FETCH < IXSCAN at_-1 backward"},
		{name: "sort by several", filter: `{}`, sort: `{"category":-1,"at":-1}`, limit: 10,
			want: "LIMIT < FETCH < IXSCAN category_1_at_1 backward"},
		{name: "sort both ways", filter: `{}`, sort: `{"category":1,"at":-1}`, limit: 10, want: "LIMIT < SORT < COLLSCAN"},
		{name: "sort with a constant in it", filter: `{"category":2}`, sort: `{"at":1,"category":-1}`, limit: 10,
			want: "LIMIT < FETCH < IXSCAN category_1_at_1"},
		{name: "one category or another in order", filter: `{"category":{"$in":[1,2]}}`, sort: `{"at":1}`, limit: 10,
			want: "LIMIT < SORT < FETCH < IXSCAN category_1_at_1"},
		{name: "unique", filter: `{"username":"User0010"}`, want: "FETCH < IXSCAN username_1"},
		{name: "unique case-insensitively", filter: `{"username":"uSER0010"}`, ci: true, want: "FETCH < IXSCAN username_ci"},
		{name: "missing is not in a sparse index", filter: `{"username":null}`, want: "COLLSCAN"},
		{name: "existence by a sparse index", filter: `{"username":{"$exists":true}}`, want: "FETCH < IXSCAN username_1"},
		{name: "sort by a sparse index", filter: `{}`, sort: `{"username":1}`, limit: 1, want: "LIMIT < SORT < COLLSCAN"},
		{name: "partial index", filter: `{"rank":{"$gt":2000}}`, want: "FETCH < IXSCAN ranked"},
		{name: "not in a partial index", filter: `{"rank":null}`, want: "COLLSCAN"},
		{name: "array element", filter: `{"tags":6}`, want: "FETCH < IXSCAN tags_1"},
		{name: "sort by arrays", filter: `{}`, sort: `{"tags":1}`, limit: 10, want: "LIMIT < SORT < COLLSCAN"},
		{name: "sort by arrays that have an element", filter: `{"tags":6}`, sort: `{"tags":1}`, want: "SORT < FETCH < IXSCAN tags_1"},
		{name: "path into an array", filter: `{"a.0":7}`, want: "COLLSCAN"},
		{name: "alternatives", filter: `{"$or":[{"username":"User0010"},{"category":3,"at":{"$date":{"$numberLong":"5"}}}]}`,
			want: "FETCH < OR"},
		{name: "alternatives without an index", filter: `{"$or":[{"username":"User0010"},{"x":3}]}`, want: "COLLSCAN"},
		{name: "negation", filter: `{"category":{"$ne":3}}`, want: "COLLSCAN"},
		{name: "the more selective of two", filter: `{"tags":3,"category":4}`, want: "FETCH < IXSCAN category_1_at_1"},
		{name: "impossible", filter: `{"category":{"$gt":3,"$lt":3}}`, want: "FETCH < IXSCAN category_1_at_1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := store.Find{Filter: doc(t, test.filter), Limit: test.limit, CaseInsensitive: test.ci}
			if test.sort != "" {
				q.Sort = doc(t, test.sort)
			}
			if got := stages(t, s, q); got != test.want {
				t.Errorf("plan is %s, want %s", got, test.want)
			}
		})
	}
}

func TestBoundsOfKeys(t *testing.T) {
	at := func(key string, after bool) position { return position{key: []byte(key), after: after} }
	between := func(low, high string) interval { return interval{at(low, false), at(high, false)} }
	show := func(intervals []interval) string {
		var b strings.Builder
		for _, i := range intervals {
			fmt.Fprintf(&b, "[%s,%s)", i.low.append(nil, false), i.high.append(nil, false))
		}
		return b.String()
	}
	tests := []struct {
		name      string
		got       []interval
		want      string
		intersect bool
	}{
		{name: "merge overlapping", got: merge([]interval{between("c", "f"), between("a", "d")}), want: "[a,f)"},
		{name: "merge apart", got: merge([]interval{between("e", "f"), between("a", "b")}), want: "[a,b)[e,f)"},
		{name: "merge equal", got: merge([]interval{exactly([]byte("a")), exactly([]byte("a"))}), want: "[a,b)"},
		{name: "merge empty", got: merge([]interval{between("b", "b"), between("c", "a")}), want: ""},
		{name: "intersect", got: intersect([]interval{between("a", "c"), between("e", "h")}, []interval{between("b", "f")}), want: "[b,c)[e,f)"},
		{name: "intersect points", got: intersect([]interval{exactly([]byte("a")), exactly([]byte("c"))}, []interval{between("b", "d")}), want: "[c,d)"},
		{name: "intersect nothing", got: intersect([]interval{between("a", "b")}, []interval{between("b", "c")}), want: ""},
		{name: "intersect everything", got: intersect([]interval{everything()}, []interval{between("b", "c")}), want: "[b,c)"},
	}
	for _, test := range tests {
		if got := show(test.got); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := successor([]byte{1, 0xFF, 0xFF}); string(got) != "\x02" {
		t.Errorf("successor is %x", got)
	}
}
