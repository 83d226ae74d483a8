package app

import (
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/loam-baas/loam/internal/config"
)

// Processes of one app count together, and nobody counts with another app or
// against another limit.
func TestCounters(t *testing.T) {
	url := "redis://" + miniredis.RunT(t).Addr()
	limit := config.RateLimit{Path: regexp.MustCompile("^/classes/A$"), Window: time.Minute, Zone: config.ZoneIP, RedisURL: url}
	other := limit
	other.Path = regexp.MustCompile("^/classes/B$")
	alone := limit
	alone.RedisURL = ""
	process := func(id string) *counters {
		c, err := openCounters(&config.App{AppID: id, RateLimits: []config.RateLimit{limit, other, alone}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.close(); err != nil {
				t.Error(err)
			}
		})
		return c
	}
	for i, use := range []struct {
		process *counters
		limit   config.RateLimit
		used    int
	}{
		{process("shop"), limit, 1}, {process("shop"), limit, 2}, {process("shop"), other, 1}, {process("blog"), limit, 1}, {process("shop"), alone, 1},
	} {
		if w := use.process.counter(use.limit).Use(t.Context(), "x"); w.Used != use.used {
			t.Errorf("use %d: %d used, want %d", i, w.Used, use.used)
		}
	}
}
