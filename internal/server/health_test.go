package server

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/store"
)

// moody is an app whose database comes and goes.
type moody struct {
	application
	gone *atomic.Bool
}

func (m moody) Ready(ctx context.Context) error {
	if m.gone.Load() {
		return store.ErrUnavailable
	}
	return m.application.Ready(ctx)
}

func (r *running) awaitHealth(path string, status int, body string) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		gotStatus, gotBody := r.ask("GET", path, "", "")
		if gotStatus == status && gotBody == body {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: %d %s, want %d %s", path, gotStatus, gotBody, status, body)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestHealthTellsOfTheDatabase(t *testing.T) {
	s := listen(t, processConfig(appConfig(t, "one"), appConfig(t, "two")))
	s.health.age = time.Millisecond
	var gone atomic.Bool
	open := s.open
	s.open = func(ctx context.Context, c *config.App) (application, error) {
		a, err := open(ctx, c)
		return moody{a, &gone}, err
	}
	r := run(t, s).awaitReady()
	for _, path := range []string{"/health", "/parse/health"} {
		gone.Store(true)
		r.awaitHealth(path, 503, `{"status":"unavailable"}`)
		gone.Store(false)
		r.awaitHealth(path, 200, `{"status":"ok"}`)
	}
}

// A database that starts later than Loam is waited for.
func TestServerWaitsForTheDatabase(t *testing.T) {
	s := listen(t, processConfig(appConfig(t, "one")))
	var tries atomic.Int32
	open, started := s.open, make(chan struct{})
	s.open = func(ctx context.Context, c *config.App) (application, error) {
		if tries.Add(1) == 1 {
			return nil, fmt.Errorf("read the migrations: %w", store.ErrUnavailable)
		}
		<-started
		return open(ctx, c)
	}
	r := run(t, s)
	r.awaitHealth("/health", 503, `{"status":"starting"}`)
	close(started)
	r.awaitReady().awaitHealth("/health", 200, `{"status":"ok"}`)
	if n := tries.Load(); n != 2 {
		t.Errorf("the app was opened %d times", n)
	}
}
