package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// fixture is a store under test with what tests ask of it. Documents, filters
// and updates are written as MongoDB extended JSON; documents are named by their
// _id.
type fixture struct {
	*testing.T
	store store.Store
	ctx   context.Context
}

func newFixture(t *testing.T, s store.Store) *fixture {
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return &fixture{T: t, store: s, ctx: t.Context()}
}

// run runs a sub-test on the same store.
func (f *fixture) run(name string, test func(f *fixture)) {
	f.Helper()
	f.Run(name, func(t *testing.T) {
		test(&fixture{T: t, store: f.store, ctx: t.Context()})
	})
}

// within returns the fixture with another context, such as a transaction's.
func (f *fixture) within(ctx context.Context) *fixture {
	return &fixture{T: f.T, store: f.store, ctx: ctx}
}

// doc reads a document; "" is nil.
func (f *fixture) doc(text string) bson.D {
	f.Helper()
	if text == "" {
		return nil
	}
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(text), false, &d); err != nil {
		f.Fatalf("%s: %v", text, err)
	}
	return d
}

// docs reads an array of documents; "" is nil.
func (f *fixture) docs(text string) (docs []bson.D) {
	f.Helper()
	if text == "" {
		return nil
	}
	list, _ := f.doc(`{"list":` + text + `}`)[0].Value.(bson.A)
	for _, v := range list {
		docs = append(docs, v.(bson.D))
	}
	return docs
}

func (f *fixture) raw(text string) bson.Raw {
	f.Helper()
	raw, err := bson.Marshal(f.doc(text))
	if err != nil {
		f.Fatal(err)
	}
	return raw
}

// canonical writes a document so that types show.
func (f *fixture) canonical(doc bson.Raw) string {
	f.Helper()
	if doc == nil {
		return ""
	}
	text, err := bson.MarshalExtJSON(doc, true, false)
	if err != nil {
		f.Fatalf("%x: %v", []byte(doc), err)
	}
	return string(text)
}

// insert inserts documents, which must work.
func (f *fixture) insert(collection string, docs ...string) {
	f.Helper()
	var raws []bson.Raw
	for _, d := range docs {
		raws = append(raws, f.raw(d))
	}
	if err := f.store.Insert(f.ctx, collection, raws...); err != nil {
		f.Fatalf("Insert: %v", err)
	}
}

// index makes an index, which must work.
func (f *fixture) index(collection string, indexes ...store.Index) {
	f.Helper()
	if err := f.store.CreateIndexes(f.ctx, collection, indexes...); err != nil {
		f.Fatalf("CreateIndexes: %v", err)
	}
}

// find returns the documents that a query finds.
func (f *fixture) find(collection string, q store.Find) ([]bson.Raw, error) {
	var docs []bson.Raw
	err := f.store.Find(f.ctx, collection, q, func(doc bson.Raw) error {
		docs = append(docs, bytes.Clone(doc))
		return nil
	})
	return docs, err
}

// ids returns the _ids of the documents that a query finds, in its order, with
// spaces between them.
func (f *fixture) ids(collection string, q store.Find) string {
	f.Helper()
	docs, err := f.find(collection, q)
	if err != nil {
		f.Fatalf("Find: %v", err)
	}
	return idsOf(docs)
}

func idsOf(docs []bson.Raw) string {
	var ids []string
	for _, d := range docs {
		ids = append(ids, idOf(d))
	}
	return strings.Join(ids, " ")
}

func idOf(doc bson.Raw) string {
	id := doc.Lookup("_id")
	if s, ok := id.StringValueOK(); ok {
		return s
	}
	if n, ok := id.AsInt64OK(); ok {
		return fmt.Sprint(n)
	}
	return id.String()
}

// wantIDs fails the test unless the query finds these documents in this order.
func (f *fixture) wantIDs(collection string, q store.Find, want string) {
	f.Helper()
	if got := f.ids(collection, q); got != want {
		f.Errorf("found [%s], want [%s]", got, want)
	}
}

// wantDoc fails the test unless the document of this _id is as told; "" means
// that there must be none.
func (f *fixture) wantDoc(collection string, id any, want string) {
	f.Helper()
	docs, err := f.find(collection, store.Find{Filter: bson.D{{Key: "_id", Value: id}}})
	if err != nil {
		f.Fatalf("Find: %v", err)
	}
	switch {
	case len(docs) == 0 && want != "":
		f.Errorf("no document %v, want %s", id, want)
	case len(docs) > 0 && want == "":
		f.Errorf("document %v is there: %s", id, f.canonical(docs[0]))
	case len(docs) > 0:
		f.wantSame(docs[0], want)
	}
}

func (f *fixture) wantSame(got bson.Raw, want string) {
	f.Helper()
	if want == "" {
		if got != nil {
			f.Errorf("got %s, want none", f.canonical(got))
		}
		return
	}
	if a, b := f.canonical(got), f.canonical(f.raw(want)); a != b {
		f.Errorf("got  %s\nwant %s", a, b)
	}
}

// update runs an update, which must work.
func (f *fixture) update(collection, filter, change string) store.UpdateResult {
	f.Helper()
	r, err := f.store.Update(f.ctx, collection, store.Update{Filter: f.doc(filter), Change: f.doc(change)})
	if err != nil {
		f.Fatalf("Update: %v", err)
	}
	return r
}

// wantRequestError fails the test unless err is a *store.RequestError, of one of
// the codes if any are given.
func (f *fixture) wantRequestError(err error, codes ...int32) {
	f.Helper()
	var request *store.RequestError
	if !errors.As(err, &request) {
		f.Errorf("error is %v, want a *store.RequestError", err)
		return
	}
	for _, c := range codes {
		if request.Code == c {
			return
		}
	}
	if len(codes) > 0 {
		f.Errorf("error has code %d (%v), want %v", request.Code, err, codes)
	}
}

// wantDuplicate fails the test unless err says that this index refused a write.
func (f *fixture) wantDuplicate(err error, collection, index string, keys ...string) {
	f.Helper()
	var duplicate *store.DuplicateKeyError
	if !errors.As(err, &duplicate) {
		f.Errorf("error is %v, want a *store.DuplicateKeyError", err)
		return
	}
	got := fmt.Sprint(duplicate.Collection, duplicate.Index, duplicate.Keys)
	if want := fmt.Sprint(collection, index, keys); got != want {
		f.Errorf("error names %s, want %s", got, want)
	}
}

// wantError fails the test unless err wraps target.
func (f *fixture) wantError(err, target error) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Errorf("error is %v, want %v", err, target)
	}
}

// mustNot ends the test on an error.
func (f *fixture) mustNot(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}
