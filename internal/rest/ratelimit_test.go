package rest_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/rest"
)

// limited is a door with one limit of an hour.
func limited(t testing.TB, l config.RateLimit) *door {
	t.Helper()
	l.Window = time.Hour
	if l.Message == "" {
		l.Message = "Too many requests."
	}
	return newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.RateLimits = []config.RateLimit{l} })
}

const (
	tooMany = `{"code":100,"error":"Too many requests."}`
	client  = "203.0.113.7"
)

func TestRateLimit_CountsByAddress(t *testing.T) {
	play(t, limited(t, config.RateLimit{Path: regexp.MustCompile("^/classes/A$"), Count: 1}), []scenario{
		{name: "the first", request: "GET /parse/classes/A", header: with(), from: client, want: empty, engine: "client find A"},
		{name: "the second", request: "GET /parse/classes/A", header: with(), from: client, status: 429, want: tooMany},
		{name: "another address", request: "GET /parse/classes/A", header: with(), from: "203.0.113.8", want: empty, engine: "client find A"},
		{name: "another path", request: "GET /parse/classes/B", header: with(), from: client, want: empty, engine: "client find B"},
		{name: "this machine", request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"},
		{name: "this machine again", request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"},
		{name: "a network of IPv6", request: "GET /parse/classes/A", header: with(), from: "2001:db8::1", want: empty, engine: "client find A"},
		{name: "another address of that network", request: "GET /parse/classes/A", header: with(), from: "2001:db8::2", status: 429, want: tooMany},
	})
}

func TestRateLimit_CountsByUserAndSession(t *testing.T) {
	for _, zone := range []config.RateLimitZone{config.ZoneUser, config.ZoneSession} {
		alice := "X-Parse-Session-Token: r:alice"
		play(t, limited(t, config.RateLimit{Path: regexp.MustCompile("."), Count: 1, Zone: zone}), []scenario{
			{name: "a user", request: "GET /parse/classes/A", header: with(alice), from: client, want: empty, engine: "client:alice find A"},
			{name: "the user from elsewhere", request: "GET /parse/classes/A", header: with(alice), from: "203.0.113.8", status: 429, want: tooMany},
			{name: "nobody", request: "GET /parse/classes/A", header: with(), from: client, want: empty, engine: "client find A"},
		})
	}
}

// Row I05: neither a made-up session nor another spelling of the method or the
// path nor a batch gives a new window.
func TestAdvisory_I05_RateLimitIsNotEvaded(t *testing.T) {
	const invalid = `{"code":209,"error":"Invalid session token"}`
	play(t, limited(t, config.RateLimit{Path: regexp.MustCompile("."), Count: 1, Zone: config.ZoneUser}), []scenario{
		{name: "a made-up session", request: "GET /parse/classes/A", header: with("X-Parse-Session-Token: r:1"), from: client, status: 400, want: invalid},
		{name: "another one", request: "GET /parse/classes/A", header: with("X-Parse-Session-Token: r:2"), from: client, status: 429, want: tooMany},
	})
	posts := config.RateLimit{Path: regexp.MustCompile("^/classes/A$"), Methods: regexp.MustCompile("^POST$"), Count: 1}
	play(t, limited(t, posts), []scenario{
		{name: "a POST", request: "POST /parse/classes/A", header: with(), from: client, body: `{}`, status: 201, want: `{"objectId":"new"}`, engine: "client create A {}"},
		{name: "a POST that says so in small letters", request: "POST /parse/classes/A", header: with(), from: client, body: `{"_method":"post"}`, status: 429, want: tooMany},
		{name: "a POST that is meant as GET", request: "POST /parse/classes/A", header: with(), from: client, body: `{"_method":"get"}`, want: empty, engine: "client find A"},
		{name: "a POST to a path with an escaped letter", request: "POST /parse/classes/%41", header: with(), from: client, body: `{}`, status: 429, want: tooMany},
		{name: "a POST in a batch", request: "POST /parse/batch", header: with(), from: client, status: 400, want: tooMany,
			body: `{"requests":[{"method":"post","path":"/parse/classes/A","body":{}}]}`},
		{name: "a GET in a batch comes in a POST", request: "POST /parse/batch", header: with(), from: client, status: 400, want: tooMany,
			body: `{"requests":[{"method":"GET","path":"/parse/classes/A"}]}`},
	})
}

// Row F25: every request of a batch counts.
func TestAdvisory_F25_BatchesUseTheRateLimit(t *testing.T) {
	play(t, limited(t, config.RateLimit{Path: regexp.MustCompile("^/classes/A$"), Count: 2}), []scenario{
		{name: "more than are left", request: "POST /parse/batch", header: with(), from: client, status: 400, want: tooMany,
			body: `{"requests":[{"method":"GET","path":"/parse/classes/A"},{"method":"GET","path":"/parse/classes/A"},{"method":"GET","path":"/parse/classes/A"}]}`},
		{name: "and none is left", request: "GET /parse/classes/A", header: with(), from: client, status: 429, want: tooMany},
	})
}

func TestRateLimit_TellsWhatIsLeft(t *testing.T) {
	d := limited(t, config.RateLimit{Path: regexp.MustCompile("."), Count: 1})
	for _, want := range []struct {
		status    int
		remaining string
		retry     bool
	}{{200, "0", false}, {429, "0", true}} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, scenario{request: "GET /parse/classes/A", header: with(), from: client}.http())
		h := w.Header()
		if w.Code != want.status || h.Get("X-RateLimit-Limit") != "1" || h.Get("X-RateLimit-Remaining") != want.remaining {
			t.Errorf("status %d, headers %v; want %+v", w.Code, h, want)
		}
		seconds, err := strconv.Atoi(h.Get("Retry-After"))
		if want.retry != (err == nil && seconds > 3500 && seconds <= 3600) {
			t.Errorf("Retry-After %q with status %d", h.Get("Retry-After"), w.Code)
		}
	}
}

func TestIdempotency(t *testing.T) {
	once, err := rest.NewIdempotency(config.Idempotency{Paths: []string{"classes/A"}, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.Idempotency = once })
	id := "X-Parse-Request-Id: 7"
	play(t, d, []scenario{
		{request: "POST /parse/classes/A", header: with(id), status: http.StatusCreated, want: `{"objectId":"new"}`, engine: "client once 7 1m0s | client create A {}"},
		{request: "PUT /parse/classes/A/x", header: with(id), want: `{"updatedAt":"now"}`, engine: "client once 7 1m0s | client update A x {}"},
		{request: "DELETE /parse/classes/A/x", header: with(id), want: `{}`, engine: "client delete A x"},
		{request: "GET /parse/classes/A/x", header: with(id), want: `{"objectId":"x"}`, engine: "client get A x"},
		{request: "POST /parse/classes/B", header: with(id), status: http.StatusCreated, want: `{"objectId":"new"}`, engine: "client create B {}"},
		{request: "POST /parse/classes/A", header: with(), status: http.StatusCreated, want: `{"objectId":"new"}`, engine: "client create A {}"},
	})
}
