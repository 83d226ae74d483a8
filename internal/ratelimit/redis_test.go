package ratelimit

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// process is one of several that share a Redis.
func process(t *testing.T, url string, log *bytes.Buffer) *Redis {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	if log != nil {
		logger = slog.New(slog.NewTextHandler(log, nil))
	}
	r, err := OpenRedis(url, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRedis_ProcessesCountTogether(t *testing.T) {
	server := miniredis.RunT(t)
	url := "redis://" + server.Addr() + "/1"
	a, b := process(t, url, nil).Counter("limit", time.Minute), process(t, url, nil).Counter("limit", time.Minute)
	other := process(t, url, nil).Counter("another limit", time.Minute)
	for i, use := range []struct {
		counter Counter
		caller  string
		used    int
	}{{a, "x", 1}, {b, "x", 2}, {a, "x", 3}, {a, "y", 1}, {other, "x", 1}} {
		before := time.Now()
		w := use.counter.Use(t.Context(), use.caller)
		if w.Used != use.used {
			t.Errorf("use %d: %d used, want %d", i, w.Used, use.used)
		}
		if w.Ends.Before(before) || w.Ends.After(time.Now().Add(time.Minute)) {
			t.Errorf("use %d: the window ends %s, want within a minute", i, w.Ends)
		}
	}
	server.FastForward(time.Minute)
	if w := b.Use(t.Context(), "x"); w.Used != 1 {
		t.Errorf("%d used in a new window, want 1", w.Used)
	}
}

// Sessions' tokens, by which callers are told apart, are not for whoever reads Redis.
func TestRedis_KnowsNoCallers(t *testing.T) {
	server := miniredis.RunT(t)
	process(t, "redis://"+server.Addr(), nil).Counter("limit", time.Minute).Use(t.Context(), "session r:secret")
	keys := server.Keys()
	if len(keys) != 1 || strings.Contains(keys[0], "secret") {
		t.Errorf("keys are %q, want one that does not tell the token", keys)
	}
	if left := server.TTL(keys[0]); left <= 0 || left > time.Minute {
		t.Errorf("a window is kept for %s, want a minute at most", left)
	}
}

func TestRedis_ProcessesCountAloneWhileItIsAway(t *testing.T) {
	server := miniredis.RunT(t)
	var log bytes.Buffer
	r := process(t, "redis://"+server.Addr(), &log)
	now := time.Now()
	r.now = func() time.Time { return now }
	c := r.Counter("limit", time.Hour)
	use := func(want int) {
		t.Helper()
		if w := c.Use(t.Context(), "x"); w.Used != want {
			t.Errorf("%d used, want %d", w.Used, want)
		}
	}
	use(1)
	server.SetError("LOADING the data set")
	use(1)
	use(2)
	server.SetError("")
	use(3) // it is left alone for a while
	now = now.Add(redisPause)
	use(2)
	if text := log.String(); strings.Count(text, "does not answer") != 1 || strings.Count(text, "answers again") != 1 {
		t.Errorf("the log tells it not once each:\n%s", text)
	}
}

// A client that goes away says nothing about Redis.
func TestRedis_ClientsThatGoDoNotSilenceIt(t *testing.T) {
	server := miniredis.RunT(t)
	r := process(t, "redis://"+server.Addr(), nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c := r.Counter("limit", time.Hour)
	c.Use(gone, "x")
	if r.silentUntil.Load() != 0 {
		t.Error("Redis is left alone because a client went away")
	}
}

func TestOpenRedis_RefusesWhatIsNoURL(t *testing.T) {
	for _, url := range []string{"", "localhost:6379", "http://localhost", "redis://localhost/x"} {
		if _, err := OpenRedis(url, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}
