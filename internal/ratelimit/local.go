package ratelimit

import (
	"context"
	"math"
	"sync"
	"time"
)

// Local is a Counter of this process.
type Local struct {
	length time.Duration
	now    func() time.Time

	mu      sync.Mutex
	windows map[string]Window
}

// maxWindows bounds the callers that a counter remembers.
const maxWindows = 1 << 17

// NewLocal returns a counter whose windows have that length.
func NewLocal(length time.Duration) *Local {
	return &Local{length: length, now: time.Now, windows: make(map[string]Window)}
}

// Use counts a request; see Counter.
func (l *Local) Use(_ context.Context, caller string) Window {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.windows[caller]
	if !ok && len(l.windows) >= maxWindows {
		l.makeRoom(now)
	}
	if !ok || !now.Before(w.Ends) {
		w = Window{Ends: now.Add(l.length)}
	}
	w.Used = min(w.Used+1, math.MaxInt32)
	l.windows[caller] = w
	return w
}

// makeRoom forgets the windows that have ended, and if none has, any one: a
// caller who comes from that many addresses is not stopped by counting them.
func (l *Local) makeRoom(now time.Time) {
	for caller, w := range l.windows {
		if !now.Before(w.Ends) {
			delete(l.windows, caller)
		}
	}
	for caller := range l.windows {
		if len(l.windows) < maxWindows {
			break
		}
		delete(l.windows, caller)
	}
}
