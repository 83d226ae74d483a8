// Package rest is the REST door: it takes requests of the Parse protocol out of
// their envelope, finds out whose they are, hands them to the engine and encodes
// what it answers. It has no rules of its own about data.
//
// An App is one application as the door serves it; a Handler serves one or more
// of them below one mount path.
package rest

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// Options configure a Handler. The fields carry the meaning of Parse Server's
// options of the same name.
type Options struct {
	// MountPath is the prefix of the API's paths: "/parse", or "" for the root.
	MountPath string
	// AllowOrigin are the origins that browsers may call from; none means "*".
	AllowOrigin []string
	// AllowHeaders are request headers that browsers may send besides Parse's own.
	AllowHeaders []string
	// MaxUploadSize bounds request bodies, in bytes.
	MaxUploadSize int64
	// TrustProxy tells whose X-Forwarded-For is believed.
	TrustProxy config.ProxyTrust
	// Status is what /health says; everything but "ok" goes with status 503.
	// nil means always "ok".
	Status func() string
	// Pages answers what people see in a browser; nil for none.
	Pages  Pages
	Logger *slog.Logger
}

// Pages are the door for people with a browser, below the same mount path. Neither
// keys nor sessions count there.
type Pages interface {
	// Handles tells whether a path below the mount path, escaped, is one of pages.
	Handles(path string) bool
	// Serve answers a request at such a path of a client at an address.
	Serve(w http.ResponseWriter, r *http.Request, path string, client netip.Addr)
}

// Handler serves apps below one mount path. It is safe for concurrent use.
type Handler struct {
	mount   string
	apps    map[string]*App
	limits  parse.Limits // for bodies that have yet to tell their app
	cors    cors
	maxBody int64
	trust   config.ProxyTrust
	status  func() string
	pages   Pages
	logger  *slog.Logger
	routes  *router

	calls  sync.Pool // of *call
	bodies sync.Pool // of *bytes.Buffer

	// Requests have numbers, and the process a name, for the log.
	requests atomic.Uint64
	process  string
}

// New returns the door of apps.
func New(o Options, apps ...*App) *Handler {
	h := &Handler{
		mount: o.MountPath, apps: make(map[string]*App, len(apps)),
		cors: newCORS(o.AllowOrigin, o.AllowHeaders), maxBody: o.MaxUploadSize, trust: o.TrustProxy,
		status: o.Status, pages: o.Pages, logger: o.Logger, routes: newRouter(),
		process: strconv.FormatUint(rand.Uint64N(1<<30), 36),
	}
	h.calls.New = func() any { return &call{handler: h} }
	h.bodies.New = func() any { return new(bytes.Buffer) }
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	for _, app := range apps {
		h.apps[app.id] = app
		h.limits.Depth = max(h.limits.Depth, app.limits.Depth)
		h.limits.Keys = max(h.limits.Keys, app.limits.Keys)
	}
	h.limits.Bytes = int(h.maxBody)
	return h
}

// call is one request without its envelope, or one of a batch.
type call struct {
	handler *Handler
	app     *App
	caller  engine.Caller
	// method is the one that is meant, and path is below the mount path, escaped.
	method, path string
	// class and id are the path's parameters.
	class, id string
	// query is the URL's, not decoded.
	query string
	// body is nil when there is none.
	body *parse.Object

	// token is the session token that was sent, until it is resolved.
	token string
	// number is that of the HTTP request, address where it came from if a rate
	// limit asked for it.
	number  uint64
	address netip.Addr
	match   match
	out     response
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.cors.set(w.Header(), r)
	if r.Method == http.MethodOptions {
		if uploadRoute(strings.TrimPrefix(r.URL.Path, h.mount)) {
			h.discoverUploads(w)
		}
		_, _ = w.Write(optionsBody) // the client has gone when it fails
		return
	}
	c := h.calls.Get().(*call)
	defer h.release(c)
	c.number, c.out.ResponseWriter = h.requests.Add(1), w
	if h.logger.Enabled(r.Context(), slog.LevelDebug) {
		defer c.logAccess(r, time.Now())
	}
	defer c.recover()
	a, err := c.serve(w, r)
	if err != nil {
		c.fail(err)
		return
	}
	c.out.send(a)
	a.done()
}

var optionsBody = []byte("OK")

func (h *Handler) release(c *call) {
	*c = call{handler: h, match: c.match}
	h.calls.Put(c)
}

// serve takes the envelope off and does what is asked for.
func (c *call) serve(w http.ResponseWriter, r *http.Request) (answer, error) {
	c.method = r.Method
	if err := c.below(r.URL); err != nil {
		return answer{}, err
	}
	if c.path == "/health" {
		return c.health(), nil
	}
	if below, ok := c.fileRoute(); ok {
		return c.serveFile(w, r, below)
	}
	if pages := c.handler.pages; pages != nil && pages.Handles(c.path) {
		pages.Serve(&c.out, r, c.path, clientAddress(r, &c.handler.trust))
		return answer{sent: true}, nil
	}
	if uploadRoute(c.path) {
		return c.serveUpload(w, r)
	}
	if err := c.open(w, r); err != nil {
		return answer{}, err
	}
	if err := c.app.checkRoute(c.caller, c.method, c.path); err != nil {
		return answer{}, err
	}
	if err := c.limitRate(r); err != nil {
		return answer{}, err
	}
	act := c.handler.routes.find(c)
	if act == nil {
		return answer{}, noRoute(c.method, c.path, http.StatusNotFound)
	}
	if strings.EqualFold(c.path, loginPath) {
		c.token = "" // who logs in is not who is logged in
	}
	if c.path != ownSession || c.method != http.MethodGet { // which says in words of its own when there is none
		if err := c.resolveSession(r.Context()); err != nil {
			return answer{}, err
		}
	}
	if err := c.once(r.Context(), r); err != nil {
		return answer{}, err
	}
	return act(r.Context(), c)
}

// below finds the path below the mount path. It works on the escaped path, so
// that an escaped slash does not separate.
func (c *call) below(u *url.URL) error {
	path := canonical(u.EscapedPath())
	mount := c.handler.mount
	rest, ok := strings.CutPrefix(path, mount)
	if !ok || rest != "" && rest[0] != '/' {
		return noRoute(c.method, path, http.StatusNotFound)
	}
	// Old SDKs put two slashes behind the mount path, some one at the end.
	if strings.HasPrefix(rest, "//") {
		rest = rest[1:]
	}
	if len(rest) > 1 {
		rest = strings.TrimSuffix(rest, "/")
	}
	c.path, c.query = rest, u.RawQuery
	return nil
}

// canonical writes a path in one way only, so that escaping a letter that needs
// no escape leads past no rate limit and no list of routes. It leaves as it is
// what can't be read.
func canonical(escaped string) string {
	if strings.IndexByte(escaped, '%') < 0 {
		return escaped
	}
	elements := strings.Split(escaped, "/")
	for i, element := range elements {
		if text, err := url.PathUnescape(element); err == nil {
			elements[i] = strings.ReplaceAll((&url.URL{Path: text}).EscapedPath(), "/", "%2F")
		}
	}
	return strings.Join(elements, "/")
}

// noRoute says that nothing is served at a path.
func noRoute(method, path string, status int) *parse.Error {
	err := parse.NewError(parse.InvalidJSON, "cannot route "+method+" "+path)
	err.Status = status
	return err
}
