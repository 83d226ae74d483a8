package embedded

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Reads go on while indexes and collections come and go under them.
func TestReadsSurviveChangesOfTheCatalog(t *testing.T) {
	s := open(t, Options{Durability: Normal, ReadConns: 4})
	index := store.Index{Keys: doc(t, `{"a":1}`)}
	fill := func() {
		define(t, s, "c", index)
		for i := range 20 {
			insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"a":%d}`, i, i%4))
		}
	}
	fill()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reads := []func() error{
		func() error {
			return s.Find(ctx, "c", store.Find{Filter: doc(t, `{"a":1}`)}, ignore)
		},
		func() error {
			return s.Find(ctx, "c", store.Find{Filter: doc(t, `{"$or":[{"a":1},{"a":2}]}`), Sort: doc(t, `{"a":1}`)}, ignore)
		},
		func() error { return s.Find(ctx, "c", store.Find{Filter: doc(t, `{"_id":1}`)}, ignore) },
		func() error { return s.Find(ctx, "c", store.Find{Filter: doc(t, `{"_id":{"$in":[1,2,30]}}`)}, ignore) },
		func() error {
			_, err := s.Count(ctx, "c", store.Count{Filter: doc(t, `{"a":{"$in":[1,2]}}`)})
			return err
		},
		func() error {
			_, err := s.Explain(ctx, "c", store.Find{Filter: doc(t, `{"a":1}`)})
			return err
		},
	}
	var wait sync.WaitGroup
	var done atomic.Int64
	for _, read := range reads {
		wait.Go(func() {
			for ctx.Err() == nil {
				if err := read(); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	for i := 0; i < 150 || done.Load() < 500; i++ {
		var err error
		switch i % 3 {
		case 0:
			err = s.DropIndex(ctx, "c", "a_1")
		case 1:
			err = s.CreateIndexes(ctx, "c", index)
		case 2:
			if err = s.DropCollection(ctx, "c"); err == nil {
				fill()
			}
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	stop()
	wait.Wait()
}

// The first array in an indexed field changes what ranges of the index mean:
// [1, 5] is above 2 and below 4. Who reads after it was acknowledged finds it,
// and who reads meanwhile finds it or not, but fails never.
func TestFirstArrayIsFoundAtOnce(t *testing.T) {
	s := open(t, Options{Durability: Normal, ReadConns: 4})
	query := store.Find{Filter: doc(t, `{"a":{"$gt":2,"$lt":4}}`), Hint: "a_1"}
	count := func(collection string) int {
		n := 0
		err := s.Find(t.Context(), collection, query, func(bson.Raw) error {
			n++
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	for round := range 50 {
		name := fmt.Sprint("c", round)
		define(t, s, name, store.Index{Keys: doc(t, `{"a":1}`)})
		insert(t, s, name, `{"_id":0,"a":3}`)
		var written atomic.Bool
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				for {
					after := written.Load()
					n := count(name)
					if n < 1 || n > 2 || after && n != 2 {
						t.Errorf("found %d, after the write: %t", n, after)
						return
					}
					if after {
						return
					}
				}
			})
		}
		insert(t, s, name, `{"_id":1,"a":[1,5]}`)
		written.Store(true)
		wait.Wait()
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	tests := map[string]string{
		"an entry is missing":             "DELETE FROM ix_1 WHERE rid = 2",
		"an entry too much":               "INSERT INTO ix_1 VALUES (x'2001', 2)",
		"an entry of no document":         "INSERT INTO ix_1 VALUES (x'2001', 99)",
		"an entry of another value":       "UPDATE ix_1 SET k = x'2001' WHERE rid = 2",
		"another id":                      "UPDATE docs_1 SET id = x'2001' WHERE rid = 2",
		"no document":                     "UPDATE docs_1 SET doc = x'00' WHERE rid = 2",
		"an index not marked as multikey": "UPDATE indexes SET multikey = 0",
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			define(t, s, "c", store.Index{Keys: doc(t, `{"a":1}`)})
			insert(t, s, "c", `{"_id":1,"a":1}`, `{"_id":2,"a":2}`, `{"_id":3,"a":[3,4]}`)
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := s.writer.do(t.Context(), &operation{run: func(tx *writeTx) error { return tx.conn.exec(damage) }})
			if err != nil {
				t.Fatal(err)
			}
			shut(t, s)
			s = open(t, Options{Dir: dir})
			if err := s.Check(t.Context()); err == nil {
				t.Error("nothing was found")
			}
		})
	}
}

// What runs long looks at its context.
func TestScanEndsWithItsContext(t *testing.T) {
	s := open(t, Options{Durability: Normal})
	var docs []bson.Raw
	for i := range 3 * patience {
		docs = append(docs, raw(t, bson.D{{Key: "_id", Value: i}}))
	}
	if err := s.Insert(t.Context(), "c", docs...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.Find(ctx, "c", store.Find{}, func(bson.Raw) error {
		n++
		cancel()
		return nil
	})
	if err != context.Canceled || n >= len(docs) {
		t.Errorf("read %d of %d documents: %v", n, len(docs), err)
	}
	if _, err := s.Update(ctx, "c", store.Update{Many: true, Change: doc(t, `{"$set":{"a":1}}`)}); err != context.Canceled {
		t.Errorf("an update: %v", err)
	}
	if n, err := s.Count(t.Context(), "c", store.Count{Filter: doc(t, `{"a":1}`)}); err != nil || n != 0 {
		t.Errorf("%d documents were updated (%v)", n, err)
	}
}
