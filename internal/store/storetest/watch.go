package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Watch holds a driver that is also a store.Watcher to what that promises. open
// is that of Run.
func Watch(t *testing.T, open func(t *testing.T) store.Store) {
	for _, section := range []struct {
		name string
		test func(f *watching)
	}{
		{"Changes", testChanges},
		{"Updates", testUpdateDescriptions},
		{"FullDocument", testFullDocument},
		{"Transactions", testWatchedTransactions},
		{"Collections", testWatchedCollections},
		{"Resume", testResume},
		{"Invalidation", testInvalidation},
		{"Errors", testWatchErrors},
	} {
		t.Run(section.name, func(t *testing.T) {
			f := newFixture(t, open(t))
			w, ok := f.store.(store.Watcher)
			if !ok {
				t.Fatalf("%T is no store.Watcher", f.store)
			}
			section.test(&watching{fixture: f, watcher: w})
		})
	}
}

// watching is a fixture whose store is watched.
type watching struct {
	*fixture
	watcher store.Watcher
}

// newsTimeout is how long a change that must come is waited for.
const newsTimeout = 30 * time.Second

func (f *watching) watch(collection string, o store.WatchOptions) store.Changes {
	f.Helper()
	changes, err := f.watcher.Watch(f.ctx, collection, o)
	f.mustNot(err)
	f.Cleanup(changes.Close)
	return changes
}

func (f *watching) next(changes store.Changes) *store.Change {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, newsTimeout)
	defer cancel()
	change, err := changes.Next(ctx)
	f.mustNot(err)
	return change
}

// want fails the test unless the next changes are these: each is the kind, the
// collection, the id, and what else there is, as a document.
func (f *watching) want(changes store.Changes, want ...string) (last *store.Change) {
	f.Helper()
	for _, w := range want {
		last = f.next(changes)
		f.wantSame(f.summary(last), w)
		if string(last.Token) != string(changes.Token()) {
			f.Errorf("the place is %s after a change whose token is %s", changes.Token(), last.Token)
		}
	}
	return last
}

func (f *watching) summary(c *store.Change) bson.Raw {
	f.Helper()
	d := bson.D{{Key: "kind", Value: string(c.Kind)}}
	if c.Collection != "" {
		d = append(d, bson.E{Key: "of", Value: c.Collection})
	}
	if !c.ID.IsZero() {
		d = append(d, bson.E{Key: "id", Value: c.ID})
	}
	if c.Document != nil {
		d = append(d, bson.E{Key: "doc", Value: c.Document})
	}
	if c.Set != nil {
		d = append(d, bson.E{Key: "set", Value: c.Set})
	}
	if c.Removed != nil {
		d = append(d, bson.E{Key: "removed", Value: c.Removed})
	}
	for _, t := range c.Truncated {
		d = append(d, bson.E{Key: "truncated", Value: bson.D{{Key: t.Field, Value: t.NewSize}}})
	}
	raw, err := bson.Marshal(d)
	f.mustNot(err)
	return raw
}

func testChanges(f *watching) {
	f.insert("c", `{"_id":"before"}`)
	changes := f.watch("c", store.WatchOptions{})
	begun := time.Now()
	f.insert("c", `{"_id":1,"a":"x"}`, `{"_id":2}`)
	f.update("c", `{"_id":1}`, `{"$set":{"a":"y"}}`)
	f.update("c", `{"_id":1}`, `{"$set":{"a":"y"}}`) // changes nothing
	f.update("c", `{"_id":77}`, `{"$set":{"a":"y"}}`)
	_, err := f.store.FindAndUpdate(f.ctx, "c", store.Update{Filter: f.doc(`{"_id":3}`), Change: f.doc(`{"$set":{"b":1}}`), Upsert: true}, store.After)
	f.mustNot(err)
	_, err = f.store.FindAndDelete(f.ctx, "c", f.doc(`{"_id":2}`))
	f.mustNot(err)
	_, err = f.store.Delete(f.ctx, "c", f.doc(`{"_id":3}`), true)
	f.mustNot(err)
	first := f.want(changes, `{"kind":"insert","of":"c","id":1,"doc":{"_id":1,"a":"x"}}`)
	if age := first.Wall.Sub(begun); age < -time.Minute || age > time.Minute {
		f.Errorf("the change is of %s, want about %s", first.Wall, begun)
	}
	last := f.want(changes,
		`{"kind":"insert","of":"c","id":2,"doc":{"_id":2}}`,
		`{"kind":"update","of":"c","id":1,"set":{"a":"y"}}`,
		`{"kind":"insert","of":"c","id":3,"doc":{"_id":3,"b":1}}`,
		`{"kind":"delete","of":"c","id":2}`,
		`{"kind":"delete","of":"c","id":3}`,
	)
	if !first.Time.Before(last.Time) {
		f.Errorf("the last change is of %v, the first of %v", last.Time, first.Time)
	}
}

func testUpdateDescriptions(f *watching) {
	f.insert("c", `{"_id":1,"a":1,"gone":1,"d":{"x":1,"y":{"z":1}},"list":[1,2,3,4],"long":[1,2,3,4,5,6]}`)
	changes := f.watch("c", store.WatchOptions{})
	for _, c := range []struct{ change, want string }{
		{`{"$set":{"a":2,"new":{"k":1}},"$unset":{"gone":1}}`, `"set":{"a":2,"new":{"k":1}},"removed":["gone"]`},
		{`{"$set":{"d.y.z":2}}`, `"set":{"d.y.z":2}`},
		{`{"$unset":{"d.x":1}}`, `"removed":["d.x"]`},
		{`{"$push":{"list":5}}`, `"set":{"list.4":5}`},
		{`{"$set":{"list.0":9}}`, `"set":{"list.0":9}`},
		{`{"$pop":{"long":1}}`, `"truncated":{"long":5}`},
		{`{"$set":{"a":"text"}}`, `"set":{"a":"text"}`},
	} {
		f.update("c", `{"_id":1}`, c.change)
		f.want(changes, `{"kind":"update","of":"c","id":1,`+c.want+`}`)
	}
}

func testFullDocument(f *watching) {
	f.insert("c", `{"_id":1,"a":1,"b":1}`)
	changes := f.watch("c", store.WatchOptions{FullDocument: true})
	f.update("c", `{"_id":1}`, `{"$inc":{"a":1}}`)
	f.want(changes, `{"kind":"update","of":"c","id":1,"doc":{"_id":1,"a":2,"b":1},"set":{"a":2}}`)
}

func testWatchedTransactions(f *watching) {
	f.insert("c", `{"_id":1,"n":1}`, `{"_id":2,"n":1}`)
	changes := f.watch("", store.WatchOptions{})
	no := errors.New("no")
	f.wantError(f.store.Transaction(f.ctx, func(ctx context.Context) error {
		f.within(ctx).insert("c", `{"_id":9}`)
		return no
	}), no)
	f.mustNot(f.store.Transaction(f.ctx, func(ctx context.Context) error {
		in := f.within(ctx)
		in.update("c", `{"_id":1}`, `{"$inc":{"n":1}}`)
		in.insert("c", `{"_id":3}`)
		_, err := f.store.Delete(ctx, "c", f.doc(`{"_id":2}`), false)
		return err
	}))
	f.want(changes,
		`{"kind":"update","of":"c","id":1,"set":{"n":2}}`,
		`{"kind":"insert","of":"c","id":3,"doc":{"_id":3}}`,
		`{"kind":"delete","of":"c","id":2}`,
	)
}

func testWatchedCollections(f *watching) {
	f.insert("c", `{"_id":0}`)
	one, all := f.watch("c", store.WatchOptions{}), f.watch("", store.WatchOptions{})
	f.insert("d", `{"_id":1}`)
	f.insert("c", `{"_id":2}`)
	f.mustNot(f.store.DropCollection(f.ctx, "d"))
	f.want(one, `{"kind":"insert","of":"c","id":2,"doc":{"_id":2}}`)
	f.want(all, `{"kind":"insert","of":"d","id":1,"doc":{"_id":1}}`, `{"kind":"insert","of":"c","id":2,"doc":{"_id":2}}`, `{"kind":"drop","of":"d"}`)
}

func testResume(f *watching) {
	changes := f.watch("c", store.WatchOptions{})
	start := changes.Token()
	f.insert("c", `{"_id":1}`, `{"_id":2}`, `{"_id":3}`)
	token := f.want(changes, `{"kind":"insert","of":"c","id":1,"doc":{"_id":1}}`).Token
	changes.Close()
	f.insert("c", `{"_id":4}`)
	again := f.watch("c", store.WatchOptions{After: token})
	f.want(again, `{"kind":"insert","of":"c","id":2,"doc":{"_id":2}}`, `{"kind":"insert","of":"c","id":3,"doc":{"_id":3}}`, `{"kind":"insert","of":"c","id":4,"doc":{"_id":4}}`)
	if start != nil { // a driver may have no place before the first change
		f.want(f.watch("c", store.WatchOptions{After: start}), `{"kind":"insert","of":"c","id":1,"doc":{"_id":1}}`)
	}
}

func testInvalidation(f *watching) {
	f.insert("c", `{"_id":1}`)
	changes := f.watch("c", store.WatchOptions{})
	f.mustNot(f.store.DropCollection(f.ctx, "c"))
	f.want(changes, `{"kind":"drop","of":"c"}`)
	last := f.want(changes, `{"kind":"invalidate"}`)
	if _, err := changes.Next(f.ctx); !errors.Is(err, store.ErrInvalidated) {
		f.Errorf("after the end: %v, want %v", err, store.ErrInvalidated)
	}
	again := f.watch("c", store.WatchOptions{After: last.Token})
	f.insert("c", `{"_id":2}`)
	f.want(again, `{"kind":"insert","of":"c","id":2,"doc":{"_id":2}}`)
}

func testWatchErrors(f *watching) {
	changes := f.watch("c", store.WatchOptions{})
	ctx, cancel := context.WithTimeout(f.ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := changes.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		f.Errorf("without a change: %v, want %v", err, context.DeadlineExceeded)
	}
	f.insert("c", `{"_id":1}`)
	f.want(changes, `{"kind":"insert","of":"c","id":1,"doc":{"_id":1}}`)
	if _, err := f.watcher.Watch(f.ctx, "c", store.WatchOptions{After: f.raw(`{"_data":"no token"}`)}); err == nil {
		f.Error("a token that is none is taken")
	}
}
