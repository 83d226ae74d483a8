package storetest

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func testCollections(f *fixture) {
	list := func() []string {
		f.Helper()
		names, err := f.store.Collections(f.ctx)
		f.mustNot(err)
		slices.Sort(names)
		return names
	}
	if names := list(); len(names) != 0 {
		f.Errorf("a new store has collections %v", names)
	}
	f.insert("b", `{"_id":1}`)
	f.index("a", store.Index{Name: "x", Keys: f.doc(`{"x":1}`)})
	if names := list(); !slices.Equal(names, []string{"a", "b"}) {
		f.Errorf("collections are %v, want a and b", names)
	}
	_, err := f.store.Delete(f.ctx, "b", nil, true)
	f.mustNot(err)
	if names := list(); !slices.Equal(names, []string{"a", "b"}) {
		f.Errorf("collections are %v, want a and b, though empty", names)
	}
	f.index("b", store.Index{Name: "u", Keys: f.doc(`{"u":1}`), Unique: true})
	f.insert("b", `{"_id":1,"u":1}`)
	f.mustNot(f.store.DropCollection(f.ctx, "b"))
	f.mustNot(f.store.DropCollection(f.ctx, "b"))
	if names := list(); !slices.Equal(names, []string{"a"}) {
		f.Errorf("collections are %v, want a", names)
	}
	f.wantIDs("b", store.Find{}, "")
	f.wantIndexes("b")
	f.insert("b", `{"_id":1,"u":1}`, `{"_id":2,"u":1}`)
	f.wantIndexes("b", "_id_")
}

func testNames(f *fixture) {
	names := []string{
		"_SCHEMA", "_Join:users:_Role", "fs.files", "With Space", `q"uo'te`, "ünï", "a.b.c", "select", "x--y", "ABC", "abc", "%d", "a_b", "aXb",
		strings.Repeat("n", 150),
	}
	for _, name := range names {
		f.index(name, store.Index{Name: name + " ix", Keys: bson.D{{Key: "f " + name, Value: int32(1)}}})
		f.insert(name, `{"_id":1}`)
		f.update(name, `{"_id":1}`, `{"$set":{"at":1}}`)
	}
	got, err := f.store.Collections(f.ctx)
	f.mustNot(err)
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		f.Errorf("collections are %q, want %q", got, names)
	}
	for _, name := range names {
		f.wantDoc(name, int32(1), `{"_id":1,"at":1}`)
		f.wantIndexes(name, "_id_", name+" ix")
	}
	for _, name := range []string{"", "a\x00b"} {
		f.wantRequestError(f.store.Insert(f.ctx, name, f.raw(`{"_id":1}`)))
		_, err := f.find(name, store.Find{})
		f.wantRequestError(err)
	}
}

// A null byte ends names and regular expressions in BSON: requests can't have one
// there, and say so.
func testNullBytes(f *fixture) {
	f.insert("c", `{"_id":1,"a":"x","o":{"a":1}}`)
	name := bson.D{{Key: "a\x00b", Value: int32(1)}}
	pattern := bson.Regex{Pattern: "x\x00"}
	for what, filter := range map[string]bson.D{
		"a name":                name,
		"a name within":         {{Key: "o", Value: name}},
		"a name in an operator": {{Key: "o", Value: bson.D{{Key: "$in", Value: bson.A{name}}}}},
		"a pattern":             {{Key: "a", Value: pattern}},
		"a pattern in a list":   {{Key: "a", Value: bson.D{{Key: "$in", Value: bson.A{pattern}}}}},
		"a pattern's options":   {{Key: "a", Value: bson.Regex{Pattern: "x", Options: "i\x00"}}},
	} {
		f.run(what, func(f *fixture) {
			_, err := f.find("c", store.Find{Filter: filter})
			f.wantRequestError(err)
			_, err = f.store.Count(f.ctx, "c", store.Count{Filter: filter})
			f.wantRequestError(err)
			_, err = f.store.Distinct(f.ctx, "c", "a", filter)
			f.wantRequestError(err)
			_, err = f.store.Delete(f.ctx, "c", filter, true)
			f.wantRequestError(err)
			_, err = f.store.Update(f.ctx, "c", store.Update{Filter: filter, Change: f.doc(`{"$set":{"b":1}}`)})
			f.wantRequestError(err)
			err = f.store.Aggregate(f.ctx, "c", bson.A{bson.D{{Key: "$match", Value: filter}}}, store.AggregateOptions{}, func(bson.Raw) error { return nil })
			f.wantRequestError(err)
		})
	}
	for what, change := range map[string]bson.D{
		"a path":        {{Key: "$set", Value: name}},
		"a name within": {{Key: "$set", Value: bson.D{{Key: "b", Value: name}}}},
		"in a list":     {{Key: "$push", Value: bson.D{{Key: "b", Value: name}}}},
	} {
		f.run(what+" of a change", func(f *fixture) {
			_, err := f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":1}`), Change: change})
			f.wantRequestError(err)
			_, err = f.store.FindAndUpdate(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":9}`), Change: change, Upsert: true}, store.After)
			f.wantRequestError(err)
		})
	}
	_, err := f.find("c", store.Find{Sort: name})
	f.wantRequestError(err)
	_, err = f.find("c", store.Find{Projection: name})
	f.wantRequestError(err)
	f.wantRequestError(f.store.CreateIndexes(f.ctx, "c", store.Index{Name: "i", Keys: name}))
	f.wantDoc("c", int32(1), `{"_id":1,"a":"x","o":{"a":1}}`)
}

func testLargeDocuments(f *fixture) {
	const limit = 16 << 20
	large := func(id string, size int) bson.Raw {
		empty, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "s", Value: ""}})
		f.mustNot(err)
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "s", Value: strings.Repeat("x", size-len(empty))}})
		f.mustNot(err)
		return doc
	}
	f.mustNot(f.store.Insert(f.ctx, "c", large("most", limit)))
	docs, err := f.find("c", store.Find{Filter: f.doc(`{"_id":"most"}`)})
	f.mustNot(err)
	if len(docs) != 1 || len(docs[0]) != limit {
		f.Errorf("the document did not come back whole")
	}
	f.wantRequestError(f.store.Insert(f.ctx, "c", large("more", limit+1)))
	f.wantIDs("c", store.Find{Projection: f.doc(`{"_id":1}`)}, "most")

	f.mustNot(f.store.Insert(f.ctx, "c", large("grows", limit-10)))
	_, err = f.store.Update(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":"grows"}`), Change: f.doc(`{"$set":{"much":"0123456789"}}`)})
	f.wantRequestError(err)
}

func testExplain(f *fixture) {
	f.insert("c", `{"_id":1,"a":1}`)
	f.index("c", store.Index{Name: "a", Keys: f.doc(`{"a":1}`)})
	doc, err := f.store.Explain(f.ctx, "c", store.Find{Filter: f.doc(`{"a":1}`)})
	f.mustNot(err)
	if elements, err := doc.Elements(); err != nil || len(elements) == 0 {
		f.Errorf("explained by %v, %v", doc, err)
	}
}

// operations are all that a store does.
func (f *fixture) operations() map[string]func(ctx context.Context) error {
	update := store.Update{Filter: f.doc(`{"_id":1}`), Change: f.doc(`{"$set":{"a":2}}`)}
	pass := func(bson.Raw) error { return nil }
	return map[string]func(ctx context.Context) error{
		"Find":  func(ctx context.Context) error { return f.store.Find(ctx, "c", store.Find{}, pass) },
		"Count": func(ctx context.Context) error { _, err := f.store.Count(ctx, "c", store.Count{}); return err },
		"Distinct": func(ctx context.Context) error {
			_, err := f.store.Distinct(ctx, "c", "a", nil)
			return err
		},
		"Insert": func(ctx context.Context) error { return f.store.Insert(ctx, "c", f.raw(`{"_id":2}`)) },
		"Update": func(ctx context.Context) error { _, err := f.store.Update(ctx, "c", update); return err },
		"FindAndUpdate": func(ctx context.Context) error {
			_, err := f.store.FindAndUpdate(ctx, "c", update, store.After)
			return err
		},
		"FindAndDelete": func(ctx context.Context) error {
			_, err := f.store.FindAndDelete(ctx, "c", f.doc(`{"_id":1}`))
			return err
		},
		"Delete": func(ctx context.Context) error { _, err := f.store.Delete(ctx, "c", nil, true); return err },
		"Aggregate": func(ctx context.Context) error {
			return f.store.Aggregate(ctx, "c", bson.A{f.doc(`{"$match":{}}`)}, store.AggregateOptions{}, pass)
		},
		"Explain": func(ctx context.Context) error { _, err := f.store.Explain(ctx, "c", store.Find{}); return err },
		"CreateIndexes": func(ctx context.Context) error {
			return f.store.CreateIndexes(ctx, "c", store.Index{Name: "x", Keys: f.doc(`{"x":1}`)})
		},
		"DropIndex":      func(ctx context.Context) error { return f.store.DropIndex(ctx, "c", "a") },
		"Indexes":        func(ctx context.Context) error { _, err := f.store.Indexes(ctx, "c"); return err },
		"Collections":    func(ctx context.Context) error { _, err := f.store.Collections(ctx); return err },
		"DropCollection": func(ctx context.Context) error { return f.store.DropCollection(ctx, "c") },
		"Ping":           func(ctx context.Context) error { return f.store.Ping(ctx) },
		"Transaction": func(ctx context.Context) error {
			return f.store.Transaction(ctx, func(ctx context.Context) error { return f.store.Insert(ctx, "c", f.raw(`{"_id":3}`)) })
		},
	}
}

func testCancelledContext(f *fixture) {
	f.insert("c", `{"_id":1,"a":1}`)
	f.index("c", store.Index{Name: "a", Keys: f.doc(`{"a":1}`)})
	cancelled, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, do := range f.operations() {
		f.run(name, func(f *fixture) { f.wantError(do(cancelled), context.Canceled) })
	}
	f.wantDoc("c", int32(1), `{"_id":1,"a":1}`)
	f.wantIndexes("c", "_id_", "a")
	f.mustNot(f.store.Ping(f.ctx))
}

func testClose(f *fixture) {
	f.insert("c", `{"_id":1}`)
	f.mustNot(f.store.Ping(f.ctx))
	f.mustNot(f.store.Close(f.ctx))
	for name, do := range f.operations() {
		f.run(name, func(f *fixture) { f.wantError(do(f.ctx), store.ErrClosed) })
	}
}
