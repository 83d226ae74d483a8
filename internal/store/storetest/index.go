package storetest

import (
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func (f *fixture) indexNames(collection string) []string {
	f.Helper()
	list, err := f.store.Indexes(f.ctx, collection)
	f.mustNot(err)
	var names []string
	for _, ix := range list {
		names = append(names, ix.Name)
	}
	if len(names) > 1 {
		slices.Sort(names[1:])
	}
	return names
}

func (f *fixture) wantIndexes(collection string, want ...string) {
	f.Helper()
	if got := f.indexNames(collection); !slices.Equal(got, want) {
		f.Errorf("indexes are %v, want %v", got, want)
	}
}

func testIndexes(f *fixture) {
	seconds := int32(3600)
	all := []store.Index{
		{Name: "plain", Keys: f.doc(`{"a":1}`)},
		{Name: "compound", Keys: f.doc(`{"a":1,"b.c":-1}`), Unique: true},
		{Name: "sparse", Keys: f.doc(`{"b":-1}`), Sparse: true},
		{Name: "partial", Keys: f.doc(`{"c":1}`), Partial: f.doc(`{"c":{"$gt":5}}`)},
		{Name: "ttl", Keys: f.doc(`{"expire":1}`), ExpireAfterSeconds: &seconds},
		{Name: "ci", Keys: f.doc(`{"a":1}`), CaseInsensitive: true},
	}
	f.run("none", func(f *fixture) {
		list, err := f.store.Indexes(f.ctx, "nothing")
		f.mustNot(err)
		if len(list) != 0 {
			f.Errorf("a collection that is not there has indexes %v", list)
		}
	})
	f.run("that of _id", func(f *fixture) {
		f.insert("c", `{"_id":1}`)
		list, err := f.store.Indexes(f.ctx, "c")
		f.mustNot(err)
		if len(list) != 1 || list[0].Name != "_id_" || len(list[0].Keys) != 1 || list[0].Keys[0].Key != "_id" {
			f.Errorf("indexes are %+v", list)
		}
	})
	f.run("created ones are listed as they were asked for", func(f *fixture) {
		f.index("c", all...)
		list, err := f.store.Indexes(f.ctx, "c")
		f.mustNot(err)
		for _, want := range all {
			i := slices.IndexFunc(list, func(ix store.Index) bool { return ix.Name == want.Name })
			if i < 0 {
				f.Errorf("index %s is not listed", want.Name)
				continue
			}
			if got := list[i]; describe(f, got) != describe(f, want) {
				f.Errorf("index is %s, want %s", describe(f, got), describe(f, want))
			}
		}
		f.wantIndexes("c", "_id_", "ci", "compound", "partial", "plain", "sparse", "ttl")
	})
	f.run("creating again changes nothing", func(f *fixture) {
		f.index("c", all...)
		f.wantIndexes("c", "_id_", "ci", "compound", "partial", "plain", "sparse", "ttl")
	})
	f.run("indexes of other kinds on the same field stand side by side", func(f *fixture) {
		f.index("kinds", store.Index{Name: "up", Keys: f.doc(`{"a":1}`)}, store.Index{Name: "down", Keys: f.doc(`{"a":-1}`)},
			store.Index{Name: "places", Keys: f.doc(`{"a":"2d"}`)})
		f.wantIndexes("kinds", "_id_", "down", "places", "up")
	})
	f.run("another form under the same name is refused", func(f *fixture) {
		for _, ix := range []store.Index{
			{Name: "plain", Keys: f.doc(`{"b":1}`)},
			{Name: "plain", Keys: f.doc(`{"a":-1}`)},
			{Name: "compound", Keys: f.doc(`{"a":1,"b.c":-1}`)},
			{Name: "partial", Keys: f.doc(`{"c":1}`), Partial: f.doc(`{"c":{"$gt":6}}`)},
		} {
			f.wantError(f.store.CreateIndexes(f.ctx, "c", ix), store.ErrIndexConflict)
		}
	})
	f.run("an index without a name gets MongoDB's", func(f *fixture) {
		f.index("unnamed", store.Index{Keys: f.doc(`{"a":1,"b.c":-1}`)})
		f.wantIndexes("unnamed", "_id_", "a_1_b.c_-1")
	})
	f.run("an index makes its collection", func(f *fixture) {
		f.index("made", store.Index{Name: "x", Keys: f.doc(`{"x":1}`)})
		f.wantIndexes("made", "_id_", "x")
	})
	f.run("drop", func(f *fixture) {
		f.mustNot(f.store.DropIndex(f.ctx, "c", "plain"))
		f.wantIndexes("c", "_id_", "ci", "compound", "partial", "sparse", "ttl")
		f.wantError(f.store.DropIndex(f.ctx, "c", "plain"), store.ErrNotFound)
		f.wantError(f.store.DropIndex(f.ctx, "nothing", "plain"), store.ErrNotFound)
		f.wantRequestError(f.store.DropIndex(f.ctx, "c", "_id_"))
	})
	f.run("what is no index is refused", func(f *fixture) {
		for _, ix := range []store.Index{
			{Name: "x"},
			{Name: "x", Keys: f.doc(`{"a":"nothing"}`)},
			{Name: "x", Keys: f.doc(`{"a":0}`)},
			{Name: "x", Keys: f.doc(`{"":1}`)},
			{Name: "x", Keys: f.doc(`{"a":1}`), Partial: f.doc(`{"$foo":1}`)},
		} {
			f.wantRequestError(f.store.CreateIndexes(f.ctx, "c", ix))
		}
	})
	f.run("side by side arrays can't be indexed together", func(f *fixture) {
		f.index("parallel", store.Index{Name: "x", Keys: f.doc(`{"a":1,"b":1}`)})
		f.insert("parallel", `{"_id":1,"a":[1,2],"b":1}`)
		err := f.store.Insert(f.ctx, "parallel", f.raw(`{"_id":2,"a":[1,2],"b":[1,2]}`))
		f.wantRequestError(err, 171)
		f.wantIDs("parallel", store.Find{}, "1")
	})
}

// describe writes what an index is, numbers in keys whatever their types.
func describe(f *fixture, ix store.Index) string {
	f.Helper()
	text := ix.Name
	for _, e := range ix.Keys {
		text += fmt.Sprintf(" %s:%v", e.Key, e.Value)
	}
	if ix.Partial != nil {
		raw, err := bson.Marshal(ix.Partial)
		f.mustNot(err)
		text += " partial " + bson.Raw(raw).String()
	}
	if ix.ExpireAfterSeconds != nil {
		text += fmt.Sprintf(" expires %d", *ix.ExpireAfterSeconds)
	}
	return fmt.Sprintf("%s unique %v sparse %v ci %v", text, ix.Unique, ix.Sparse, ix.CaseInsensitive)
}

func testUniqueIndexes(f *fixture) {
	for _, c := range []struct {
		name  string
		index store.Index
		docs  []string // inserted in turn; those that begin with ! are refused
	}{
		{"plain", store.Index{Name: "ix", Keys: f.doc(`{"k":1}`)}, []string{
			`{"_id":1,"k":"a"}`, `!{"_id":2,"k":"a"}`, `{"_id":3,"k":"A"}`, `{"_id":4,"k":1}`, `!{"_id":5,"k":1.0}`,
			`{"_id":6}`, `!{"_id":7}`, `!{"_id":8,"k":null}`, `{"_id":9,"k":{"x":1}}`, `!{"_id":10,"k":{"x":1}}`,
		}},
		{"sparse", store.Index{Name: "ix", Keys: f.doc(`{"k":1}`), Sparse: true}, []string{
			`{"_id":1}`, `{"_id":2}`, `{"_id":3,"k":"a"}`, `!{"_id":4,"k":"a"}`, `{"_id":5,"k":null}`, `!{"_id":6,"k":null}`,
		}},
		{"sparse below", store.Index{Name: "ix", Keys: f.doc(`{"k.id":1}`), Sparse: true}, []string{
			`{"_id":1}`, `{"_id":2,"k":{"x":1}}`, `{"_id":3,"k":{"id":"a"}}`, `!{"_id":4,"k":{"id":"a","x":1}}`, `{"_id":5,"k":5}`,
		}},
		{"partial", store.Index{Name: "ix", Keys: f.doc(`{"k":1}`), Partial: f.doc(`{"on":true}`)}, []string{
			`{"_id":1,"k":"a"}`, `{"_id":2,"k":"a"}`, `{"_id":3,"k":"a","on":true}`, `!{"_id":4,"k":"a","on":true}`, `{"_id":5,"k":"b","on":true}`,
		}},
		{"compound", store.Index{Name: "ix", Keys: f.doc(`{"k":1,"l":-1}`)}, []string{
			`{"_id":1,"k":"a","l":1}`, `{"_id":2,"k":"a","l":2}`, `{"_id":3,"k":"b","l":1}`, `!{"_id":4,"k":"a","l":1}`,
			`{"_id":5,"k":"a"}`, `!{"_id":6,"k":"a","l":null}`,
		}},
		{"case-insensitive", store.Index{Name: "ix", Keys: f.doc(`{"k":1}`), CaseInsensitive: true}, []string{
			`{"_id":1,"k":"Ann"}`, `!{"_id":2,"k":"ANN"}`, `{"_id":3,"k":"Änn"}`, `!{"_id":4,"k":"änn"}`, `{"_id":5,"k":1}`,
		}},
		{"multikey", store.Index{Name: "ix", Keys: f.doc(`{"k":1}`)}, []string{
			`{"_id":1,"k":[1,2,1]}`, `{"_id":2,"k":[3]}`, `!{"_id":3,"k":[4,2]}`, `!{"_id":4,"k":3}`, `{"_id":5,"k":[4,5]}`, `{"_id":6,"k":[]}`,
			`!{"_id":7,"k":[]}`,
		}},
		{"multikey below", store.Index{Name: "ix", Keys: f.doc(`{"k.x":1,"l":1}`)}, []string{
			`{"_id":1,"k":[{"x":1},{"x":2}],"l":1}`, `{"_id":2,"k":[{"x":1}],"l":2}`, `!{"_id":3,"k":[{"x":2},{"x":9}],"l":1}`,
		}},
	} {
		f.run(c.name, func(f *fixture) {
			c.index.Unique = true
			collection := "unique " + c.name
			f.index(collection, c.index)
			var keys []string
			for _, e := range c.index.Keys {
				keys = append(keys, e.Key)
			}
			refused := 0
			for i, doc := range c.docs {
				if doc[0] != '!' {
					f.insert(collection, doc)
					continue
				}
				refused++
				f.wantDuplicate(f.store.Insert(f.ctx, collection, f.raw(doc[1:])), collection, "ix", keys...)
				f.wantDoc(collection, int32(i+1), "")
			}
			n, err := f.store.Count(f.ctx, collection, store.Count{})
			f.mustNot(err)
			if int(n) != len(c.docs)-refused {
				f.Errorf("%d documents, want %d", n, len(c.docs)-refused)
			}
		})
	}

	f.run("updates", func(f *fixture) {
		f.index("updates", store.Index{Name: "ix", Keys: f.doc(`{"k":1}`), Unique: true, Sparse: true})
		f.insert("updates", `{"_id":1,"k":"a"}`, `{"_id":2,"k":"b"}`, `{"_id":3}`)
		for _, id := range []int{2, 3} {
			_, err := f.store.Update(f.ctx, "updates", store.Update{
				Filter: f.doc(fmt.Sprintf(`{"_id":%d}`, id)), Change: f.doc(`{"$set":{"k":"a","x":1}}`),
			})
			f.wantDuplicate(err, "updates", "ix", "k")
		}
		f.wantDoc("updates", int32(2), `{"_id":2,"k":"b"}`)
		f.update("updates", `{"_id":1}`, `{"$set":{"k":"c"}}`)
		f.update("updates", `{"_id":2}`, `{"$set":{"k":"a"}}`)
		f.update("updates", `{"_id":2}`, `{"$set":{"k":"a","x":1}}`)
		f.wantDoc("updates", int32(2), `{"_id":2,"k":"a","x":1}`)
		_, err := f.store.Delete(f.ctx, "updates", f.doc(`{"_id":2}`), false)
		f.mustNot(err)
		f.insert("updates", `{"_id":4,"k":"a"}`)
	})
}

func testUniqueIndexOverDuplicates(f *fixture) {
	f.insert("c", `{"_id":1,"k":"a"}`, `{"_id":2,"k":"a"}`)
	ix := store.Index{Name: "k", Keys: f.doc(`{"k":1}`), Unique: true}
	err := f.store.CreateIndexes(f.ctx, "c", ix)
	var duplicate *store.DuplicateKeyError
	if !errors.As(err, &duplicate) {
		f.Errorf("error is %v, want a *store.DuplicateKeyError", err)
	}
	f.wantIndexes("c", "_id_")
	f.insert("c", `{"_id":3,"k":"a"}`)
	_, err = f.store.Delete(f.ctx, "c", f.doc(`{"_id":{"$gt":1}}`), true)
	f.mustNot(err)
	f.index("c", ix)
	f.wantDuplicate(f.store.Insert(f.ctx, "c", f.raw(`{"_id":4,"k":"a"}`)), "c", "k", "k")
}

func testHint(f *fixture) {
	f.insert("c", `{"_id":1,"a":1}`, `{"_id":2,"a":2}`)
	f.index("c", store.Index{Name: "a", Keys: f.doc(`{"a":-1}`)})
	for _, hint := range []any{"a", f.doc(`{"a":-1}`), "_id_"} {
		f.wantIDs("c", store.Find{Filter: f.doc(`{"a":2}`), Hint: hint, Comment: "a hint"}, "2")
		n, err := f.store.Count(f.ctx, "c", store.Count{Filter: f.doc(`{"a":2}`), Hint: hint})
		f.mustNot(err)
		if n != 1 {
			f.Errorf("counted %d", n)
		}
	}
	for _, hint := range []any{"nothing", f.doc(`{"a":1}`)} {
		_, err := f.find("c", store.Find{Hint: hint})
		f.wantRequestError(err, 2)
	}
}
