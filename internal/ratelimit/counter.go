// Package ratelimit counts requests in windows of time: in this process, or in
// a Redis that counts for several processes together.
package ratelimit

import (
	"context"
	"time"
)

// Window is what a caller has used of one.
type Window struct {
	Ends time.Time
	// Used are the caller's requests in it, this one included.
	Used int
}

// Counter counts the requests that one limit is for. Each caller has windows of
// its own, of which the first begins with its first request. It is safe for
// concurrent use.
type Counter interface {
	// Use counts a request of the caller and returns the caller's window.
	Use(ctx context.Context, caller string) Window
}
