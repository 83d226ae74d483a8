package pages

import (
	"context"
	"net/netip"
	"time"

	"github.com/loam-baas/loam/internal/ratelimit"
)

// How many requests for pages, and how many forms, one address may send in a
// window of time. This machine's own are not counted: a proxy on it stands for
// everybody when it is not trusted.
const (
	rateWindow = time.Minute
	maxReads   = 120
	maxForms   = 20
)

// rate bounds what an address may ask.
type rate struct{ reads, forms ratelimit.Counter }

func newRate() rate {
	return rate{reads: ratelimit.NewLocal(rateWindow), forms: ratelimit.NewLocal(rateWindow)}
}

// use counts a request, and returns how long to wait if it is one too many.
func (r rate) use(ctx context.Context, client netip.Addr, form bool) time.Duration {
	if client.IsLoopback() {
		return 0
	}
	counter, most := r.reads, maxReads
	if form {
		counter, most = r.forms, maxForms
	}
	if client.Is6() { // one customer's network
		if network, err := client.Prefix(64); err == nil {
			client = network.Addr()
		}
	}
	w := counter.Use(ctx, client.String())
	if w.Used <= most {
		return 0
	}
	return max(time.Until(w.Ends), time.Second)
}
