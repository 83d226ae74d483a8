package rest

import (
	"context"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/ratelimit"
)

// rateLimit is a limit, and what counts the requests that it is for.
type rateLimit struct {
	config.RateLimit
	counter ratelimit.Counter
}

// concerns tells whether the limit is for requests of one of the methods.
func (l *rateLimit) concerns(c *call, methods []string) bool {
	switch {
	case !l.Path.MatchString(c.path):
		return false
	case c.caller.Administers() && !l.IncludeMasterKey:
		return false
	case c.address.IsLoopback() && !l.IncludeInternalRequests:
		return false
	}
	return l.Methods == nil || slices.ContainsFunc(methods, l.Methods.MatchString)
}

// limitRate counts the request against the limits that it falls under and
// refuses it when there have been too many. The headers tell clients how much
// is left of what is scarcest.
func (c *call) limitRate(r *http.Request) error {
	if len(c.app.rates) == 0 {
		return nil
	}
	c.address = clientAddress(r, &c.handler.trust)
	err := c.countRequest(r.Context(), c.method)
	if tooMany, ok := err.(*parse.Error); ok && tooMany.Code == parse.ConnectionFailed {
		tooMany.Status = http.StatusTooManyRequests
	}
	return err
}

// countRequest counts a request against the limits that it falls under, with
// any of the methods that it goes by: what comes in a batch is a POST, too
// (advisory I05).
func (c *call) countRequest(ctx context.Context, methods ...string) error {
	least := math.MaxInt
	for _, l := range c.app.rates {
		if !l.concerns(c, methods) {
			continue
		}
		caller, invalid := c.rateKey(ctx, l.Zone)
		w := l.counter.Use(ctx, caller)
		rest := l.Count - w.Used
		if c.out.ResponseWriter != nil && rest < least {
			least = rest
			header := c.out.Header()
			header.Set("X-RateLimit-Limit", strconv.Itoa(l.Count))
			header.Set("X-RateLimit-Remaining", strconv.Itoa(max(rest, 0)))
			header.Set("X-RateLimit-Reset", strconv.FormatInt(w.Ends.Unix(), 10))
		}
		if rest < 0 {
			if c.out.ResponseWriter != nil {
				seconds := math.Ceil(time.Until(w.Ends).Seconds())
				c.out.Header().Set("Retry-After", strconv.Itoa(max(int(seconds), 1)))
			}
			return parse.NewError(parse.ConnectionFailed, l.Message)
		}
		if invalid != nil {
			return invalid
		}
	}
	return nil
}

// rateKey names whose requests count together. Only a session that exists
// counts by itself, so that nobody gets a new window with a made-up token; the
// error of one that does not is the answer, unless there are too many requests.
func (c *call) rateKey(ctx context.Context, zone config.RateLimitZone) (string, error) {
	switch zone {
	case config.ZoneGlobal:
		return "", nil
	case config.ZoneSession, config.ZoneUser:
		if err := c.resolveSession(ctx); err != nil {
			return addressKey(c.address), err
		}
		if c.caller.UserID == "" {
			break
		}
		if zone == config.ZoneUser {
			return "user " + c.caller.UserID, nil
		}
		return "session " + c.caller.SessionToken, nil
	}
	return addressKey(c.address), nil
}

// addressKey names an address; those of IPv6 by their network of 64 bits, which
// is what one subscriber has.
func addressKey(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
