package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/migrations"
)

func TestOnce_OfRequestsAtTheSameTimeOneGoesThrough(t *testing.T) {
	a := openMigrated(t)
	var through, refused atomic.Int32
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			err := a.Once(context.Background(), anonymous, "id", time.Minute)
			switch {
			case err == nil:
				through.Add(1)
			case codeOf(err) == parse.DuplicateRequest:
				refused.Add(1)
			}
		})
	}
	clients.Wait()
	if through.Load() != 1 || refused.Load() != 49 {
		t.Errorf("%d went through and %d were refused, want 1 and 49", through.Load(), refused.Load())
	}
}

func TestOnce_BoundsTheIDAndWritesNothingForReaders(t *testing.T) {
	a := openMigrated(t)
	if err := a.Once(context.Background(), anonymous, strings.Repeat("x", 257), time.Minute); codeOf(err) != parse.InvalidValue {
		t.Errorf("an id of 257 bytes: %v", err)
	}

	for range 2 {
		if err := a.Once(context.Background(), readOnly, "id", time.Minute); err != nil {
			t.Errorf("the read-only master key: %v", err)
		}
	}
}

// openMigrated is an app whose store has the indexes that decide.
func openMigrated(t *testing.T) app {
	a := open(t)
	if err := migrations.Run(t.Context(), a.store, migrations.Options{}); err != nil {
		t.Fatal(err)
	}
	return a
}

func codeOf(err error) parse.Code {
	if e, ok := errors.AsType[*parse.Error](err); ok {
		return e.Code
	}
	return 0
}
