package rest

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/config"
)

// Idempotency says which requests are carried out once, however often they are
// sent (Parse Server's option idempotencyOptions).
type Idempotency struct {
	paths []*regexp.Regexp
	ttl   time.Duration
}

// NewIdempotency compiles the option. Its expressions match from the beginning
// of a path without the slashes around it.
func NewIdempotency(o config.Idempotency) (*Idempotency, error) {
	i := &Idempotency{ttl: o.TTL}
	for _, expression := range o.Paths {
		re, err := regexp.Compile("^(?:" + strings.TrimPrefix(expression, "^") + ")")
		if err != nil {
			return nil, fmt.Errorf("idempotencyOptions.paths: %w", err)
		}
		i.paths = append(i.paths, re)
	}
	return i, nil
}

// concerns tells whether a request is one to be carried out once: a POST or PUT
// of objects.
func (i *Idempotency) concerns(c *call) bool {
	if i == nil || c.class == "" || c.method != http.MethodPost && c.method != http.MethodPut {
		return false
	}
	path := identifier(c.path)
	for _, re := range i.paths {
		if re.MatchString(path) {
			return true
		}
	}
	return false
}

// once refuses a request whose id was seen before.
func (c *call) once(ctx context.Context, r *http.Request) error {
	id := first(r.Header["X-Parse-Request-Id"])
	if id == "" || !c.app.idempotency.concerns(c) {
		return nil
	}
	return c.app.engine.Once(ctx, c.caller, id, c.app.idempotency.ttl)
}
