package embedded

import (
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
	id, key := []byte("x"), cacheKey{1, "x"}
	old, young := bson.Raw("old"), bson.Raw("new")

	_, early := c.get(1, id)
	early.put(1, id, old)
	if doc, _ := c.get(1, id); string(doc) != "old" {
		t.Fatalf("got %q after put", doc)
	}
	if doc, _ := c.get(2, id); doc != nil {
		t.Errorf("another collection has %q", doc)
	}

	c.hold(key)
	doc, during := c.get(1, id)
	if doc != nil {
		t.Errorf("got %q during a commit", doc)
	}
	during.put(1, id, old)
	c.release(key)
	if doc, _ := c.get(1, id); doc != nil {
		t.Errorf("got %q, put during a commit", doc)
	}

	_, before := c.get(1, id)
	c.hold(key)
	c.release(key)
	before.put(1, id, old)
	doc, after := c.get(1, id)
	if doc != nil {
		t.Errorf("got %q, read before a commit and put after it", doc)
	}
	after.put(1, id, young)
	if doc, _ := c.get(1, id); string(doc) != "new" {
		t.Errorf("got %q, want what was put last", doc)
	}

	c.holdAll()
	if doc, _ := c.get(1, id); doc != nil {
		t.Errorf("got %q during a commit of everything", doc)
	}
	c.releaseAll()
	if doc, _ := c.get(1, id); doc != nil {
		t.Errorf("got %q after a commit of everything", doc)
	}
}

func TestCacheForgetsWhatIsNotUsed(t *testing.T) {
	c := newCache(cacheShards * 4000)
	put := func(i int) {
		id := fmt.Append(nil, i)
		_, ticket := c.get(1, id)
		ticket.put(1, id, make(bson.Raw, 500))
	}
	put(0)
	for i := range 10_000 {
		put(i)
		c.get(1, []byte("0"))
	}
	if doc, _ := c.get(1, []byte("0")); doc == nil {
		t.Error("what is used all the time is forgotten")
	}
	var size, entries int64
	for i := range c.shards {
		size += c.shards[i].size
		entries += int64(len(c.shards[i].entries))
	}
	if size > cacheShards*4000 || entries < cacheShards {
		t.Errorf("%d entries of %d bytes", entries, size)
	}
	id := []byte("large")
	_, ticket := c.get(1, id)
	if ticket.wants(2000) {
		t.Error("a document that takes half a shard is wanted")
	}
	ticket.put(1, id, make(bson.Raw, 2000))
	if doc, _ := c.get(1, id); doc != nil {
		t.Error("a document that takes half a shard is kept")
	}
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
