package embedded

import (
	"errors"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// fuzzDocs bounds the documents of one input, fuzzBytes each of its texts.
const (
	fuzzDocs  = 20
	fuzzBytes = 2000
)

// fuzzDocument reads a document from extended JSON, nil if it is none.
func fuzzDocument(json string) bson.D {
	var d bson.D
	if len(json) > fuzzBytes || bson.UnmarshalExtJSON([]byte(json), false, &d) != nil {
		return nil
	}
	return d
}

// documentsOf are those in the array "d", each with an _id of its own.
func documentsOf(json string) (docs []bson.Raw) {
	list := fuzzDocument(json)
	if len(list) != 1 {
		return nil
	}
	array, _ := list[0].Value.(bson.A)
	for _, v := range array {
		d, ok := v.(bson.D)
		if !ok || len(docs) == fuzzDocs {
			continue
		}
		doc := bson.D{{Key: "_id", Value: len(docs)}}
		for _, e := range d {
			if e.Key != "_id" {
				doc = append(doc, e)
			}
		}
		if b, err := bson.Marshal(doc); err == nil {
			docs = append(docs, b)
		}
	}
	return docs
}

// Documents, a filter, an order and an index in extended JSON: with the index,
// by the plan that is chosen and by a hint, the answer is that without it. The
// bits of kind make the index sparse, partial by the filter, and case-insensitive.
func FuzzIndexAnswersAsScan(f *testing.F) {
	for _, seed := range []struct {
		docs, filter, sort, keys string
		kind                     byte
	}{
		{`{"d":[{"a":1},{"a":[1,2]},{"a":null},{},{"a":"x"}]}`, `{"a":{"$gt":0,"$lt":2}}`, `{"a":1}`, `{"a":1}`, 0},
		{`{"d":[{"a":[{"b":1},{"b":3}]},{"a":{"b":2}},{"a":[]}]}`, `{"a.b":{"$gt":1,"$lt":3}}`, `{"a.b":-1}`, `{"a.b":1}`, 0},
		{`{"d":[{"a":[{"b":1},{"b":3}]},{"a":{"b":2}}]}`, `{"a":{"$elemMatch":{"b":{"$gte":2}}}}`, `{}`, `{"a.b":-1,"c":1}`, 1},
		{`{"d":[{"a":"A","b":1},{"a":"a","b":2},{"a":"ä"}]}`, `{"a":{"$in":["a",null]},"b":{"$gte":1}}`, `{"b":-1,"a":1}`, `{"a":1,"b":-1}`, 4},
		{`{"d":[{"a":{"$numberDouble":"NaN"}},{"a":{"$numberLong":"9007199254740993"}},{"a":9007199254740992}]}`, `{"a":{"$gte":9007199254740992}}`, `{"a":1}`, `{"a":-1}`, 0},
		{`{"d":[{"a":"abc"},{"a":"abd"},{"a":{"$regularExpression":{"pattern":"^ab","options":""}}}]}`, `{"a":{"$regularExpression":{"pattern":"^ab","options":""}}}`, `{"a":1}`, `{"a":1}`, 2},
		{`{"d":[{"a":{"$date":"2020-01-01T00:00:00Z"}},{"a":{"$oid":"0123456789abcdef01234567"}},{"a":true}]}`, `{"$or":[{"a":true},{"a":{"$type":"date"}},{"a":{"$exists":false}}]}`, `{"a":-1}`, `{"a":1}`, 1},
		{`{"d":[{"a":[[1,2],3]},{"a":[1,[2]]},{"a":{"0":1}}]}`, `{"a.0":1}`, `{"a.0":1}`, `{"a.0":1}`, 0},
		{`{"d":[{"a":{"$numberDecimal":"1.5"}},{"a":1.5},{"a":{"$minKey":1}},{"a":{"$maxKey":1}}]}`, `{"a":{"$lte":1.5}}`, `{"a":1}`, `{"a":1}`, 2},
		{`{"d":[{"a":1,"b":[1,2]},{"a":2,"b":[2]},{"a":1}]}`, `{"$and":[{"a":1},{"$nor":[{"b":2}]}]}`, `{"b":1,"a":-1}`, `{"a":1,"b":1}`, 0},
		{`{"d":[{"a":"x","n":1},{"a":"y"},{"n":2}]}`, `{"a":{"$not":{"$gt":"x"}},"n":{"$ne":null}}`, `{"n":1}`, `{"n":1,"a":1}`, 1},
	} {
		f.Add(seed.docs, seed.filter, seed.sort, seed.keys, seed.kind)
	}
	s := open(f, Options{Durability: Normal, CacheBytes: -1, SweepInterval: -1})
	f.Fuzz(func(t *testing.T, docs, filter, sort, keys string, kind byte) {
		q := store.Find{Filter: fuzzDocument(filter), Sort: fuzzDocument(sort), CaseInsensitive: kind&4 != 0, Limit: int64(kind >> 6)}
		ix := store.Index{Name: "ix", Keys: fuzzDocument(keys), Sparse: kind&1 != 0, CaseInsensitive: kind&12 == 4}
		if kind&2 != 0 {
			ix.Partial = q.Filter
		}
		all := documentsOf(docs)
		if len(all) == 0 || q.Filter == nil || ix.Keys == nil {
			t.Skip()
		}
		compareWithIndex(t, s, all, q, ix, kind&16 != 0)
	})
}

// compareWithIndex compares answers without an index, and with one that is made
// before the documents or after them.
func compareWithIndex(t *testing.T, s *Store, docs []bson.Raw, q store.Find, ix store.Index, late bool) {
	t.Helper()
	ctx := t.Context()
	if err := s.DropCollection(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	fill := func() {
		for _, d := range docs {
			var refusal *store.RequestError
			if err := s.Insert(ctx, "c", d); err != nil && !errors.As(err, &refusal) {
				t.Fatalf("insert %v: %v", d, err)
			}
		}
	}
	if late {
		fill()
	}
	err := s.CreateIndexes(ctx, "c", ix)
	if err != nil {
		if !refused(err) {
			t.Fatalf("index %+v: %v", ix, err)
		}
		t.Skip()
	}
	if !late {
		fill()
	}
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
	natural := q
	natural.Hint = bson.D{{Key: "$natural", Value: 1}}
	want, err := results(t, s, natural)
	if err != nil {
		if !refused(err) {
			t.Fatalf("%+v: %v", q, err)
		}
		t.Skip()
	}
	whole := natural
	whole.Limit = 0
	every, err := results(t, s, whole)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := newSearch("c", q)
	if err != nil {
		t.Fatal(err)
	}
	hints := []any{nil}
	if coll := s.catalog.Load().collections["c"]; coll.indexes[0].plan(&compiled.request) != nil {
		hints = append(hints, "ix")
	}
	for _, hint := range hints {
		q.Hint = hint
		got, err := results(t, s, q)
		problem := fmt.Sprint(err)
		if err == nil {
			problem = differ(t, q, got, want, every)
		}
		if problem != "" {
			plan, _ := s.Explain(ctx, "c", q)
			t.Fatalf("%s\nfind %+v\nindex %+v\nplan %v\ngot  %v\nwant %v", problem, q, ix, plan, got, want)
		}
	}
}

// Bytes that are no document are refused at the insert; what is stored can be
// read back, changed and removed, and its indexes are right.
func FuzzInsertBytes(f *testing.F) {
	for _, json := range []string{`{"_id":1}`, `{"_id":"x","a":[1,{"b":2}],"c":{"d":null}}`, `{"_id":{"$oid":"0123456789abcdef01234567"},"a":{"$binary":{"base64":"AA==","subType":"00"}}}`} {
		b := raw(f, doc(f, json))
		f.Add([]byte(b), true)
		f.Add([]byte(b[:len(b)-1]), false)
	}
	s := open(f, Options{Durability: Normal, SweepInterval: -1})
	define(f, s, "c",
		store.Index{Keys: doc(f, `{"a":1}`)}, store.Index{Keys: doc(f, `{"c.d":-1,"a":1}`), Sparse: true},
		store.Index{Keys: doc(f, `{"a":1}`), Name: "ci", CaseInsensitive: true}, store.Index{Keys: doc(f, `{"c":1}`), Partial: doc(f, `{"a":{"$gt":0}}`), Unique: true})
	f.Fuzz(func(t *testing.T, bytes []byte, mend bool) {
		d := bson.Raw(bytes)
		if mend && len(d) >= 5 && len(d) < 1<<16 { // so that more than the length is looked at
			d = append(bson.Raw(nil), d...)
			d[0], d[1], d[2], d[3], d[len(d)-1] = byte(len(d)), byte(len(d)>>8), 0, 0, 0
		}
		ctx := t.Context()
		err := s.Insert(ctx, "c", d)
		if !refused(err) {
			t.Fatalf("told as %v", err)
		}
		if valid := d.Validate(); err == nil && valid != nil {
			t.Fatalf("stored, though the library says %v", valid)
		}
		if err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
		_, err = s.Update(ctx, "c", store.Update{Filter: bson.D{}, Change: bson.D{{Key: "$set", Value: bson.D{{Key: "z", Value: 1}}}}, Many: true})
		if !refused(err) {
			t.Fatalf("an update of it: told as %v", err)
		}
		if n, err := s.Delete(ctx, "c", bson.D{}, true); err != nil || n > 1 {
			t.Fatalf("%d documents removed (%v)", n, err)
		}
		if err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
	})
}
