package mongo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/mongo"
)

// A server that goes away makes requests fail soon and say why. When it is back,
// they work again, with nothing done to the store.
func TestServerGoneAndBack(t *testing.T) {
	t.Parallel()
	at := newServer(t)
	// The driver looks for a server that is gone at most twice a second, and fails
	// what waits for it after this time.
	s, err := mongo.Open(t.Context(), mongo.Options{URI: at.uri(), ServerSelectionTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ctx := t.Context()
	insert := func(id int) error {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Insert(ctx, "c", doc)
	}
	for round := range 3 {
		if err := await(t, func() error { return s.Ping(ctx) }); err != nil {
			t.Fatalf("round %d: the server is there, but: %v", round, err)
		}
		if err := insert(round); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		inTransaction := make(chan error, 1)
		err := s.Transaction(ctx, func(ctx context.Context) error {
			if _, err := s.Delete(ctx, "c", nil, true); err != nil {
				return err
			}
			at.stop()
			_, err := s.Count(ctx, "c", store.Count{})
			inTransaction <- err
			return err
		})
		if before := <-inTransaction; before == nil || err == nil {
			t.Errorf("round %d: a transaction outlives its server: %v", round, err)
		}
		for name, do := range map[string]func() error{
			"Insert": func() error { return insert(1000 + round) },
			"Ping":   func() error { return s.Ping(ctx) },
			"Find":   func() error { return s.Find(ctx, "c", store.Find{}, func(bson.Raw) error { return nil }) },
			"Transaction": func() error {
				return s.Transaction(ctx, func(ctx context.Context) error {
					_, err := s.Delete(ctx, "c", nil, true)
					return err
				})
			},
		} {
			if err := do(); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("round %d, %s: error is %v, want store.ErrUnavailable", round, name, err)
			}
		}
		at.start()
	}
	if err := await(t, func() error { return s.Ping(ctx) }); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Count(ctx, "c", store.Count{}); n != 3 || err != nil {
		t.Errorf("%d documents, %v; want the 3 that were acknowledged", n, err)
	}
}

// await tries until it works, for as long as it may take at the worst.
func await(t *testing.T, do func() error) (err error) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = do(); err == nil {
			return nil
		}
	}
	return err
}

// A cursor whose server goes away while it is read fails, and does not end as if
// that had been all.
func TestServerGoneUnderACursor(t *testing.T) {
	t.Parallel()
	at := newServer(t)
	s, err := mongo.Open(t.Context(), mongo.Options{URI: at.uri(), ServerSelectionTimeout: 100 * time.Millisecond, BatchSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var docs []bson.Raw
	for i := range 30 {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: i}})
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	if err := s.Insert(t.Context(), "c", docs...); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = s.Find(t.Context(), "c", store.Find{}, func(bson.Raw) error {
		if n++; n == 5 {
			at.stop()
		}
		return nil
	})
	if n != 10 || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%d documents, then %v; want store.ErrUnavailable after a batch of 10", n, err)
	}
}
