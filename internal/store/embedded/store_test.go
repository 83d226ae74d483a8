package embedded

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// open returns a store that the test closes at its end.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// doc reads a document from extended JSON.
func doc(t testing.TB, json string) bson.D {
	t.Helper()
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(json), false, &d); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return d
}

func raw(t testing.TB, d bson.D) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func insert(t testing.TB, s *Store, collection string, json ...string) {
	t.Helper()
	for _, j := range json {
		if err := s.Insert(t.Context(), collection, raw(t, doc(t, j))); err != nil {
			t.Fatalf("insert %s: %v", j, err)
		}
	}
}

func define(t testing.TB, s *Store, collection string, indexes ...store.Index) {
	t.Helper()
	if err := s.CreateIndexes(t.Context(), collection, indexes...); err != nil {
		t.Fatal(err)
	}
}

// find returns the documents that a query finds, as extended JSON.
func find(t testing.TB, s *Store, collection string, q store.Find) []string {
	t.Helper()
	return findIn(t, t.Context(), s, collection, q)
}

func findIn(t testing.TB, ctx context.Context, s *Store, collection string, q store.Find) []string {
	t.Helper()
	var got []string
	err := s.Find(ctx, collection, q, func(doc bson.Raw) error {
		json, err := bson.MarshalExtJSON(doc, false, false)
		got = append(got, string(json))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestReopenedStoreIsAsItWas(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	ttl := int32(60)
	indexes := []store.Index{
		{Keys: doc(t, `{"a":1,"b":-1}`), Unique: true},
		{Keys: doc(t, `{"a":1}`), Name: "ci", CaseInsensitive: true, Sparse: true},
		{Keys: doc(t, `{"b":1}`), Name: "some", Partial: doc(t, `{"a":{"$gt":1}}`)},
		{Keys: doc(t, `{"t":1}`), ExpireAfterSeconds: &ttl},
		{Keys: doc(t, `{"place":"2dsphere"}`)},
	}
	define(t, s, "c", indexes...)
	insert(t, s, "c", `{"_id":1,"a":[1,2],"b":1}`, `{"_id":2,"a":3,"b":2}`)
	before, err := s.Indexes(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	shut(t, s)

	s = open(t, Options{Dir: dir})
	after, err := s.Indexes(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(before, after, func(a, b store.Index) bool {
		x, _ := bson.Marshal(a)
		y, _ := bson.Marshal(b)
		return string(x) == string(y)
	}) {
		t.Errorf("indexes were %v, are %v", before, after)
	}
	// A reopened index still knows that it has met arrays: 2 > 1 and 1 < 2.
	want(t, find(t, s, "c", store.Find{Filter: doc(t, `{"a":{"$gt":1,"$lt":2}}`), Hint: "a_1_b_-1"}), `{"_id":1,"a":[1,2],"b":1}`)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	// Making the same indexes again changes nothing.
	define(t, s, "c", indexes...)
}

func TestCloseRefusesWorkAndFinishesWhatWasBegun(t *testing.T) {
	s := open(t, Options{})
	release := make(chan struct{})
	begun := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		result <- s.writer.do(t.Context(), &operation{run: func(tx *writeTx) error {
			close(begun)
			<-release
			return tx.insert("c", raw(t, doc(t, `{"_id":1}`)))
		}})
	}()
	<-begun
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(short); !errors.Is(err, context.Canceled) {
		t.Errorf("Close gave %v while a write was under way", err)
	}
	if err := s.Insert(t.Context(), "c", raw(t, doc(t, `{"_id":2}`))); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Insert after Close: %v", err)
	}
	close(release)
	if err := <-result; err != nil {
		t.Errorf("the write that was under way: %v", err)
	}
	<-s.writer.done
}
