package app

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/loam-baas/loam/internal/schema"
)

// follower keeps the classes current, whatever others do to them.
type follower struct {
	catalog *schema.Catalog
	logger  *slog.Logger
	once    sync.Once
	cancel  context.CancelFunc // nil when nothing is followed
	running sync.WaitGroup
}

func (f *follower) start() {
	f.once.Do(func() {
		var ctx context.Context
		ctx, f.cancel = context.WithCancel(context.Background())
		f.running.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					f.logger.Error("panic while the schema was followed", "panic", p, "stack", string(debug.Stack()))
				}
			}()
			f.catalog.Follow(ctx)
		})
	})
}

// stop ends the following and waits for its end.
func (f *follower) stop() {
	f.once.Do(func() {})
	if f.cancel != nil {
		f.cancel()
	}
	f.running.Wait()
}
