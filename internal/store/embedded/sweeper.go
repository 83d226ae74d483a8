package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// sweeper removes documents that TTL indexes say are expired, from time to time
// as MongoDB does, and gives back the pages that are free. Its goroutine ends with close.
type sweeper struct {
	store  *Store
	logger *slog.Logger
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newSweeper(s *Store, interval time.Duration) *sweeper {
	ctx, cancel := context.WithCancel(context.Background())
	w := &sweeper{store: s, logger: s.logger, cancel: cancel}
	if interval > 0 {
		w.wait.Go(func() { w.loop(ctx, interval) })
	}
	return w
}

func (w *sweeper) close() {
	w.cancel()
	w.wait.Wait()
}

func (w *sweeper) loop(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := w.sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			w.logger.Error("removing expired documents failed", "error", err)
		}
		if err := w.store.giveBack(ctx); err != nil && ctx.Err() == nil {
			w.logger.Error("giving free pages back failed", "error", err)
		}
	}
}

// sweep removes what is expired at that time.
func (w *sweeper) sweep(ctx context.Context, now time.Time) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	for name, coll := range w.store.catalog.Load().collections {
		for _, ix := range coll.indexes {
			if ix.def.ExpireAfterSeconds == nil || len(ix.fields) != 1 {
				continue
			}
			age := time.Duration(*ix.def.ExpireAfterSeconds) * time.Second
			if err := w.expire(ctx, name, ix, now.Add(-age)); err != nil {
				return fmt.Errorf("index %s of %s: %w", ix.def.Name, name, err)
			}
		}
	}
	return nil
}

// sweepBatch bounds the documents removed in one operation, during which other
// writes wait.
const sweepBatch = 500

// expire removes the documents whose dates are not after the time given.
func (w *sweeper) expire(ctx context.Context, name string, ix *index, until time.Time) error {
	filter := bson.D{{Key: ix.fields[0].path, Value: bson.D{{Key: "$lte", Value: bson.NewDateTimeFromTime(until)}}}}
	if ix.def.Partial != nil {
		filter = bson.D{{Key: "$and", Value: bson.A{ix.def.Partial, filter}}}
	}
	q, err := newSearch(name, store.Find{Filter: filter, Limit: sweepBatch})
	if err != nil {
		return err
	}
	for {
		deleted, err := w.store.delete(ctx, q)
		if err != nil || deleted < sweepBatch {
			return err
		}
	}
}
