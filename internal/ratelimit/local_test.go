package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

func TestWindows_BeginAnewWhenTheyHaveEnded(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLocal(time.Minute)
	l.now = func() time.Time { return now }
	for i, want := range []struct {
		after time.Duration
		used  int
	}{{0, 1}, {30 * time.Second, 2}, {29 * time.Second, 3}, {time.Second, 1}, {0, 2}} {
		now = now.Add(want.after)
		if w := l.Use(t.Context(), "a"); w.Used != want.used {
			t.Errorf("use %d: %d used, want %d", i, w.Used, want.used)
		}
	}
}

func TestWindows_AreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	l := NewLocal(time.Minute)
	l.now = func() time.Time { return now }
	for i := range maxWindows + 100 {
		l.Use(t.Context(), fmt.Sprint(i))
	}
	if len(l.windows) > maxWindows {
		t.Errorf("%d windows, want at most %d", len(l.windows), maxWindows)
	}
	now = now.Add(time.Hour)
	if l.Use(t.Context(), "new"); len(l.windows) != 1 {
		t.Errorf("%d windows are left when all have ended, want 1", len(l.windows))
	}
}
