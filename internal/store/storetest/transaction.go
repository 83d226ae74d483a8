package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func testTransactions(f *fixture) {
	f.index("c", store.Index{Name: "k", Keys: f.doc(`{"k":1}`), Unique: true, Sparse: true})
	reset := func(f *fixture) {
		f.Helper()
		_, err := f.store.Delete(f.ctx, "c", nil, true)
		f.mustNot(err)
		f.insert("c", `{"_id":1,"n":1}`, `{"_id":2,"n":2,"k":"taken"}`)
	}
	f.run("commit", func(f *fixture) {
		reset(f)
		f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
			in := f.within(ctx)
			in.insert("c", `{"_id":3,"n":3}`)
			in.update("c", `{"_id":1}`, `{"$inc":{"n":10}}`)
			_, err := f.store.Delete(ctx, "c", f.doc(`{"_id":2}`), false)
			return err
		}))
		f.wantIDs("c", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 3")
		f.wantDoc("c", int32(1), `{"_id":1,"n":11}`)
	})
	f.run("an error aborts and comes back", func(f *fixture) {
		reset(f)
		no := errors.New("no")
		err := f.store.Transaction(f.ctx, func(ctx context.Context) error {
			in := f.within(ctx)
			in.insert("c", `{"_id":3,"k":"new"}`)
			in.update("c", `{"_id":1}`, `{"$inc":{"n":10}}`)
			return no
		})
		f.wantError(err, no)
		f.wantIDs("c", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 2")
		f.wantDoc("c", int32(1), `{"_id":1,"n":1}`)
		f.insert("c", `{"_id":4,"k":"new"}`)
	})
	f.run("reads see its own writes", func(f *fixture) {
		reset(f)
		f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
			in := f.within(ctx)
			in.insert("c", `{"_id":3,"n":3,"k":"three"}`)
			in.update("c", `{"n":{"$lte":2}}`, `{"$set":{"n":0}}`)
			in.wantDoc("c", int32(3), `{"_id":3,"n":3,"k":"three"}`)
			in.wantIDs("c", store.Find{Filter: f.doc(`{"k":"three"}`)}, "3")
			in.wantIDs("c", store.Find{Sort: f.doc(`{"n":-1,"_id":1}`)}, "3 2 1")
			if n, err := f.store.Count(ctx, "c", store.Count{Filter: f.doc(`{"n":{"$gt":0}}`)}); n != 2 || err != nil {
				in.Errorf("counted %d, %v", n, err)
			}
			doc, err := f.store.FindAndUpdate(ctx, "c", store.Update{Filter: f.doc(`{"_id":3}`), Change: f.doc(`{"$inc":{"n":1}}`)}, store.After)
			if err != nil {
				return err
			}
			in.wantSame(doc, `{"_id":3,"n":4,"k":"three"}`)
			if _, err := f.store.Delete(ctx, "c", f.doc(`{"_id":3}`), false); err != nil {
				return err
			}
			in.wantDoc("c", int32(3), "")
			in.wantIDs("c", store.Find{Filter: f.doc(`{"k":"three"}`)}, "")
			return nil
		}))
	})
	f.run("others do not see it before it commits", func(f *fixture) {
		reset(f)
		f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
			in := f.within(ctx)
			in.insert("c", `{"_id":3}`)
			in.update("c", `{"_id":1}`, `{"$set":{"n":99}}`)
			f.wantIDs("c", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 2")
			f.wantDoc("c", int32(1), `{"_id":1,"n":1}`)
			return nil
		}))
		f.wantDoc("c", int32(1), `{"_id":1,"n":99}`)
	})
	f.run("one in another is part of it", func(f *fixture) {
		reset(f)
		no := errors.New("no")
		err := f.store.Transaction(f.ctx, func(ctx context.Context) error {
			f.within(ctx).insert("c", `{"_id":3}`)
			if err := f.store.Transaction(ctx, func(ctx context.Context) error {
				in := f.within(ctx)
				in.wantDoc("c", int32(3), `{"_id":3}`)
				in.insert("c", `{"_id":4}`)
				return nil
			}); err != nil {
				return err
			}
			f.within(ctx).wantDoc("c", int32(4), `{"_id":4}`)
			return no
		})
		f.wantError(err, no)
		f.wantIDs("c", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 2")
	})
	f.run("a duplicate key inside aborts", func(f *fixture) {
		reset(f)
		err := f.store.Transaction(f.ctx, func(ctx context.Context) error {
			f.within(ctx).insert("c", `{"_id":3}`)
			return f.store.Insert(ctx, "c", f.raw(`{"_id":4,"k":"taken"}`))
		})
		f.wantDuplicate(err, "c", "k", "k")
		f.wantIDs("c", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 2")
	})
	f.run("several collections", func(f *fixture) {
		reset(f)
		f.insert("d", `{"_id":1}`)
		no := errors.New("no")
		for _, end := range []error{no, nil} {
			err := f.store.Transaction(f.ctx, func(ctx context.Context) error {
				in := f.within(ctx)
				in.update("c", `{"_id":1}`, `{"$set":{"x":1}}`)
				in.update("d", `{"_id":1}`, `{"$set":{"x":1}}`)
				in.insert("new", `{"_id":1}`)
				return end
			})
			if !errors.Is(err, end) {
				f.Fatalf("error is %v, want %v", err, end)
			}
			want, made := `{"_id":1}`, ""
			if end == nil {
				want, made = `{"_id":1,"x":1}`, `{"_id":1}`
			}
			f.wantDoc("d", int32(1), want)
			f.wantDoc("new", int32(1), made)
		}
	})
	f.run("an empty one", func(f *fixture) {
		f.mustNot(f.store.Transaction(f.ctx, func(context.Context) error { return nil }))
	})
	f.run("a cancelled one leaves nothing", func(f *fixture) {
		reset(f)
		ctx, cancel := context.WithCancel(f.ctx)
		defer cancel()
		err := f.store.Transaction(ctx, func(ctx context.Context) error {
			f.within(ctx).insert("c", `{"_id":3}`)
			cancel()
			return ctx.Err()
		})
		f.wantError(err, context.Canceled)
		f.wantIDs("c", store.Find{Sort: f.doc(`{"_id":1}`)}, "1 2")
		f.insert("c", `{"_id":3}`)
	})
}

// testConflictingTransactions has writers read a counter and put back what they
// read plus one, trying again on a conflict: none may be lost.
func testConflictingTransactions(f *fixture) {
	const writers, rounds = 8, 5
	f.insert("c", `{"_id":"counter","n":0}`)
	increment := func(ctx context.Context) error {
		in := f.within(ctx)
		docs, err := in.find("c", store.Find{Filter: bson.D{{Key: "_id", Value: "counter"}}})
		if err != nil {
			return err
		}
		n := docs[0].Lookup("n").AsInt64()
		_, err = f.store.Update(ctx, "c", store.Update{
			Filter: bson.D{{Key: "_id", Value: "counter"}},
			Change: bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: int32(n + 1)}}}},
		})
		return err
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for range rounds {
				for try := 0; ; try++ {
					err := f.store.Transaction(f.ctx, increment)
					if err == nil {
						break
					}
					if !errors.Is(err, store.ErrConflict) || try == 500 {
						f.Errorf("writer %d, try %d: %v", w, try, err)
						return
					}
					time.Sleep(time.Duration(w+1) * time.Millisecond)
				}
			}
		})
	}
	writing.Wait()
	f.wantDoc("c", "counter", `{"_id":"counter","n":40}`)
}
