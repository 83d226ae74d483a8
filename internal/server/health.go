package server

import (
	"context"
	"sync"
	"time"
)

// Bounds of what /health, which anyone may ask, costs the databases: how long an
// answer stays good, and how long a database may take to give one.
const (
	healthAge  = time.Second
	healthTime = 2 * time.Second
)

// unavailable is the state that /health tells of while the server is ready and a
// database is not.
const unavailable state = "unavailable"

// health knows whether the apps' databases answer.
type health struct {
	// age is how old an answer may be.
	age time.Duration

	mu   sync.Mutex
	at   time.Time
	last bool
}

// good asks the apps, or gives the last answer while it is fresh. Those who ask
// at the same time share an answer.
func (h *health) good(apps []application) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.at.IsZero() && time.Since(h.at) < h.age {
		return h.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTime)
	defer cancel()
	h.last = true
	for _, a := range apps {
		if a.Ready(ctx) != nil {
			h.last = false
			break
		}
	}
	h.at = time.Now()
	return h.last
}

// status is what /health says.
func (s *Server) status() state {
	now := *s.state.Load()
	if apps := s.apps.Load(); now == ready && apps != nil && !s.health.good(*apps) {
		return unavailable
	}
	return now
}
