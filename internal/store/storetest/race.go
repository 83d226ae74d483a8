package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// together runs n functions at once and waits for all.
func together(n int, do func(i int)) {
	var start, running sync.WaitGroup
	start.Add(1)
	for i := range n {
		running.Go(func() {
			start.Wait()
			do(i)
		})
	}
	start.Done()
	running.Wait()
}

// Of many who insert one unique value at once, exactly one succeeds.
func testUniqueRace(f *fixture) {
	for name, ix := range map[string]store.Index{
		"plain":            {Name: "k", Keys: f.doc(`{"k":1}`), Unique: true},
		"sparse":           {Name: "k", Keys: f.doc(`{"k":1}`), Unique: true, Sparse: true},
		"case-insensitive": {Name: "k", Keys: f.doc(`{"k":1}`), Unique: true, CaseInsensitive: true},
	} {
		f.run(name, func(f *fixture) {
			collection := "race " + name
			f.index(collection, ix)
			var won, refused atomic.Int32
			together(50, func(i int) {
				err := f.store.Insert(f.ctx, collection, f.raw(fmt.Sprintf(`{"_id":%d,"k":"one"}`, i)))
				var duplicate *store.DuplicateKeyError
				switch {
				case err == nil:
					won.Add(1)
				case errors.As(err, &duplicate) && duplicate.Index == "k":
					refused.Add(1)
				default:
					f.Errorf("insert %d: %v", i, err)
				}
			})
			if won.Load() != 1 || refused.Load() != 49 {
				f.Errorf("%d won and %d were refused", won.Load(), refused.Load())
			}
			n, err := f.store.Count(f.ctx, collection, store.Count{Filter: f.doc(`{"k":"one"}`)})
			f.mustNot(err)
			if n != 1 {
				f.Errorf("%d documents", n)
			}
		})
	}
	f.run("_id", func(f *fixture) {
		var won atomic.Int32
		together(50, func(i int) {
			if err := f.store.Insert(f.ctx, "ids", f.raw(`{"_id":"one"}`)); err == nil {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			f.Errorf("%d won", won.Load())
		}
	})
}

// No increment is lost.
func testCounterRace(f *fixture) {
	f.insert("c", `{"_id":1,"n":0}`)
	together(100, func(i int) {
		u := store.Update{Filter: bson.D{{Key: "_id", Value: int32(1)}}, Change: f.doc(`{"$inc":{"n":1}}`)}
		var err error
		if i%2 == 0 {
			_, err = f.store.Update(f.ctx, "c", u)
		} else {
			_, err = f.store.FindAndUpdate(f.ctx, "c", u, store.After)
		}
		if err != nil {
			f.Errorf("increment %d: %v", i, err)
		}
	})
	f.wantDoc("c", int32(1), `{"_id":1,"n":100}`)
}

// Upserts of one document make one document.
func testUpsertRace(f *fixture) {
	var added atomic.Int32
	together(30, func(i int) {
		r, err := f.store.Update(f.ctx, "c", store.Update{
			Filter: f.doc(`{"_id":"one"}`), Change: f.doc(`{"$inc":{"n":1}}`), Upsert: true,
		})
		if err != nil {
			f.Errorf("upsert %d: %v", i, err)
		}
		if r.Upserted {
			added.Add(1)
		}
	})
	if added.Load() != 1 {
		f.Errorf("%d upserts added the document", added.Load())
	}
	f.wantDoc("c", "one", `{"_id":"one","n":30}`)
}

// A token that is to be used once is used once: one conditional update consumes it.
func testTokenRace(f *fixture) {
	for i := range 10 {
		f.insert("tokens", fmt.Sprintf(`{"_id":%d,"token":"t%d","used":false}`, i, i))
	}
	f.index("tokens", store.Index{Name: "token", Keys: f.doc(`{"token":1}`)})
	for i := range 10 {
		var won atomic.Int32
		together(20, func(j int) {
			u := store.Update{
				Filter: bson.D{{Key: "token", Value: fmt.Sprintf("t%d", i)}, {Key: "used", Value: false}},
				Change: f.doc(`{"$set":{"used":true},"$unset":{"token":""}}`),
			}
			var err error
			if j%2 == 0 {
				_, err = f.store.FindAndUpdate(f.ctx, "tokens", u, store.Before)
			} else {
				var r store.UpdateResult
				if r, err = f.store.Update(f.ctx, "tokens", u); err == nil && r.Matched == 0 {
					err = store.ErrNotFound
				}
			}
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrNotFound):
				f.Errorf("consume: %v", err)
			}
		})
		if won.Load() != 1 {
			f.Errorf("token %d was used %d times", i, won.Load())
		}
	}
}
