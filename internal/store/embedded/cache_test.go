package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func TestCacheGivesAndTakesOnlyBetweenCommits(t *testing.T) {
	c := newCache(1 << 20)
	id, key := []byte("x"), []cacheKey{{1, 7}}
	old, young := bson.Raw("old"), bson.Raw("new")
	expect := func(when, want string) {
		t.Helper()
		if doc := c.byID(1, id); string(doc) != want {
			t.Errorf("%s, the id gives %q, want %q", when, doc, want)
		}
		if doc := c.byRow(1, 7, c.now()); string(doc) != want {
			t.Errorf("%s, the row gives %q, want %q", when, doc, want)
		}
	}

	expect("at first", "")
	c.put(1, 7, id, old, c.now())
	expect("after put", "old")
	if doc := c.byID(2, id); doc != nil {
		t.Errorf("another collection has %q", doc)
	}

	before := c.now()
	neighbour := int64(7 + cacheShards) // of the same shard
	c.put(1, neighbour, nil, old, c.now())
	c.hold(key)
	expect("during a commit", "")
	if doc := c.byRow(1, neighbour, c.now()); string(doc) != "old" {
		t.Errorf("during a commit, a document that it does not change is %q", doc)
	}
	c.put(1, 7, id, old, c.now())
	expect("put during a commit", "")
	c.release(key)
	expect("after a commit", "")
	c.put(1, 7, id, old, before)
	expect("read before a commit and put after it", "")
	c.put(1, 7, id, young, c.now())
	expect("put last", "new")

	c.holdAll()
	expect("during a commit of everything", "")
	c.releaseAll()
	expect("after a commit of everything", "")
}

func TestCacheGivesSnapshotsNothingYounger(t *testing.T) {
	c := newCache(1 << 20)
	before := c.now()
	c.hold([]cacheKey{{1, 7}})
	c.release([]cacheKey{{1, 7}})
	after := c.now()
	c.put(1, 7, nil, bson.Raw("new"), after)
	if doc := c.byRow(1, 7, before); doc != nil {
		t.Errorf("a snapshot from before a commit has %q", doc)
	}
	if doc := c.byRow(1, 7, after); string(doc) != "new" {
		t.Errorf("a snapshot from after a commit has %q", doc)
	}
	// What another commit changes does not matter.
	c.hold([]cacheKey{{1, 8}})
	c.release([]cacheKey{{1, 8}})
	c.put(1, 9, nil, bson.Raw("other"), after)
	if doc := c.byRow(1, 9, after); string(doc) != "other" {
		t.Errorf("a document that no commit changed is %q", doc)
	}
}

func TestCacheKnowsIDsOfTheirDocumentsOnly(t *testing.T) {
	c := newCache(1 << 20)
	c.put(1, 7, nil, bson.Raw("a"), c.now())
	if doc := c.byID(1, []byte("a")); doc != nil {
		t.Errorf("an id that nobody told gives %q", doc)
	}
	c.put(1, 7, []byte("a"), bson.Raw("a"), c.now())
	if doc := c.byID(1, []byte("a")); string(doc) != "a" {
		t.Errorf("an id told later gives %q", doc)
	}
	// The row is given to another document.
	c.hold([]cacheKey{{1, 7}})
	c.release([]cacheKey{{1, 7}})
	c.put(1, 7, []byte("b"), bson.Raw("b"), c.now())
	c.put(1, 8, []byte("a"), bson.Raw("a2"), c.now())
	for id, want := range map[string]string{"a": "a2", "b": "b"} {
		if doc := c.byID(1, []byte(id)); string(doc) != want {
			t.Errorf("%s gives %q, want %q", id, doc, want)
		}
	}
}

func TestCacheForgetsWhatIsNotUsed(t *testing.T) {
	c := newCache(cacheShards * 4000)
	put := func(rid int64) { c.put(1, rid, fmt.Append(nil, rid), make(bson.Raw, 500), c.now()) }
	put(0)
	for rid := range int64(10_000) {
		put(rid)
		c.byID(1, []byte("0"))
	}
	if doc := c.byID(1, []byte("0")); doc == nil {
		t.Error("what is used all the time is forgotten")
	}
	var size int64
	entries, ids := 0, 0
	for i := range c.rows {
		size += c.rows[i].size
		entries += len(c.rows[i].entries)
		ids += len(c.ids[i].rows)
	}
	if size > cacheShards*4000 || entries < cacheShards || ids != entries {
		t.Errorf("%d entries of %d bytes, %d ids", entries, size, ids)
	}
	if c.wants(2000) {
		t.Error("a document that takes half a shard is wanted")
	}
	c.put(1, 1<<20, nil, make(bson.Raw, 2000), c.now())
	if doc := c.byRow(1, 1<<20, c.now()); doc != nil {
		t.Error("a document that takes half a shard is kept")
	}
}

// Documents that are said to stay do so, whatever becomes of the stored ones.
func TestKeptDocumentsStay(t *testing.T) {
	s := open(t, Options{Durability: Normal})
	define(t, s, "c", store.Index{Keys: doc(t, `{"k":1}`)})
	const docs = 20
	for i := range docs {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"k":%d,"n":0}`, i, i%2))
	}
	for _, q := range []store.Find{
		{Filter: doc(t, `{"k":1}`)},
		{Filter: doc(t, `{"k":1}`), Sort: doc(t, `{"n":-1}`)},
		{Filter: doc(t, `{"_id":1}`)},
		{Filter: doc(t, `{"_id":{"$in":[1,3,5]}}`)},
	} {
		var held, copies []bson.Raw
		stays := false
		q.Kept = &stays
		for range 3 { // first from the file, then from the cache
			err := s.Find(t.Context(), "c", q, func(doc bson.Raw) error {
				if stays {
					held, copies = append(held, doc), append(copies, bytes.Clone(doc))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(held) == 0 {
			t.Errorf("%v: no document stays", q.Filter)
		}
		if _, err := s.Update(t.Context(), "c", store.Update{Many: true, Change: doc(t, `{"$inc":{"n":1}}`)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Find(t.Context(), "c", q, ignore); err != nil {
			t.Fatal(err)
		}
		for i := range held {
			if !bytes.Equal(held[i], copies[i]) {
				t.Errorf("%v: a document has become %v", q.Filter, held[i])
			}
		}
	}
	// A projection is made in memory that is used again.
	stays := true
	q := store.Find{Filter: doc(t, `{"k":1}`), Projection: doc(t, `{"n":1}`), Kept: &stays}
	err := s.Find(t.Context(), "c", q, func(bson.Raw) error {
		if stays {
			t.Error("a projected document is said to stay")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A search sees one snapshot, whether its documents come from the cache or from
// the file: what is moved from one document to another is never seen twice or not
// at all.
func TestFindSeesOneSnapshot(t *testing.T) {
	s := open(t, Options{Durability: Normal, ReadConns: 4})
	define(t, s, "c", store.Index{Keys: doc(t, `{"k":1}`)})
	const docs, each = 6, 100
	for i := range docs {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"k":"k","n":%d}`, i, each))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	sum := func(ctx context.Context) (int64, error) {
		var n int64
		err := s.Find(ctx, "c", store.Find{Filter: doc(t, `{"k":"k"}`)}, func(doc bson.Raw) error {
			n += doc.Lookup("n").AsInt64()
			return nil
		})
		return n, err
	}
	check := func(n int64, err error) bool {
		if err != nil && ctx.Err() == nil || err == nil && n != docs*each {
			t.Errorf("the sum is %d, %v", n, err)
			stop()
		}
		return ctx.Err() == nil
	}
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			for check(sum(ctx)) {
			}
		})
	}
	wait.Go(func() { // in a snapshot that lasts
		for ctx.Err() == nil {
			err := s.Transaction(ctx, func(ctx context.Context) error {
				for range 5 {
					if !check(sum(ctx)) {
						break
					}
				}
				return nil
			})
			if err != nil && ctx.Err() == nil {
				t.Error(err)
				stop()
			}
		}
	})
	for range 1000 {
		from, to := rand.Int32N(docs), rand.Int32N(docs)
		err := s.Transaction(ctx, func(ctx context.Context) error {
			for id, change := range map[int32]int{from: -1, to: +1} {
				if from == to {
					continue
				}
				_, err := s.Update(ctx, "c", store.Update{Filter: bson.D{{Key: "_id", Value: id}}, Change: bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: change}}}}})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			break
		}
	}
	stop()
	wait.Wait()
}

// Who has seen a document by a search never gets an older one by its id,
// whoever else reads and writes.
func TestGetIsNeverOlderThanFind(t *testing.T) {
	s := open(t, Options{Durability: Normal, ReadConns: 4})
	define(t, s, "c", store.Index{Keys: doc(t, `{"k":1}`)})
	const docs = 8
	for i := range docs {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"k":"k%d","n":0}`, i, i))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	number := func(q store.Find) (int64, error) {
		n := int64(-1)
		err := s.Find(ctx, "c", q, func(doc bson.Raw) error {
			n = doc.Lookup("n").AsInt64()
			return nil
		})
		return n, err
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for ctx.Err() == nil {
				id := rand.Int32N(docs)
				seen, err := number(store.Find{Filter: bson.D{{Key: "k", Value: fmt.Sprintf("k%d", id)}}})
				if err != nil {
					break
				}
				byID := store.Find{Filter: bson.D{{Key: "_id", Value: id}}}
				if rand.IntN(2) == 0 {
					byID.Filter[0].Value = bson.D{{Key: "$in", Value: bson.A{id, int32(docs)}}}
				}
				got, err := number(byID)
				if err != nil {
					break
				}
				if got < seen {
					t.Errorf("got %d of document %d after having seen %d", got, id, seen)
					stop()
				}
			}
		})
	}
	for i := range 3000 {
		filter := bson.D{{Key: "_id", Value: int32(i % docs)}}
		if i%100 == 0 {
			filter = nil
		}
		_, err := s.Update(ctx, "c", store.Update{Filter: filter, Many: filter == nil, Change: doc(t, `{"$inc":{"n":1}}`)})
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
	}
	stop()
	wait.Wait()
}
