// Package pages is the door for people with a browser: the pages that the links
// in mails lead to, at the paths and with the headers of Parse Server's.
//
// A page shows what it is told as text, whoever told it (advisory G15), fetches
// nothing from elsewhere, and is not remembered: its address holds a secret.
package pages

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// Door serves the pages of one or more apps below one mount path. It is safe for
// concurrent use.
type Door struct {
	apps      map[string]*App
	endpoints []string
	logger    *slog.Logger
	rate      rate
}

// New returns the pages of apps.
func New(logger *slog.Logger, apps ...*App) *Door {
	d := &Door{apps: make(map[string]*App, len(apps)), logger: logger, rate: newRate()}
	if d.logger == nil {
		d.logger = slog.New(slog.DiscardHandler)
	}
	seen := make(map[string]bool)
	for _, app := range apps {
		d.apps[app.ID] = app
		if endpoint := "/" + app.Endpoint; !seen[endpoint] {
			seen[endpoint] = true
			d.endpoints = append(d.endpoints, endpoint)
		}
	}
	return d
}

// Handles tells whether a path below the mount path is one of pages.
func (d *Door) Handles(path string) bool {
	_, _, ok := d.cut(path)
	return ok
}

// cut finds the endpoint that a path begins with.
func (d *Door) cut(path string) (endpoint, rest string, ok bool) {
	for _, endpoint := range d.endpoints {
		if rest, ok := strings.CutPrefix(path, endpoint); ok && (rest == "" || rest[0] == '/') {
			return endpoint[1:], strings.TrimPrefix(rest, "/"), true
		}
	}
	return "", "", false
}

// maxForm bounds what a form may send, in bytes.
const maxForm = 16 << 10

// Serve answers a request at a path below the mount path, escaped as it came, of
// a client at an address.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, path string, client netip.Addr) {
	v := &visit{door: d, w: w, r: r}
	defer v.recover()
	endpoint, rest, _ := d.cut(path)
	rest, err := url.PathUnescape(rest)
	if err != nil {
		v.notFound()
		return
	}
	v.query = r.URL.Query()
	if wait := d.rate.use(r.Context(), client, r.Method == http.MethodPost); wait > 0 {
		v.tooMany(wait)
		return
	}
	if r.Method == http.MethodPost && !v.readForm() {
		v.refuse(http.StatusRequestEntityTooLarge, "The form is too large.")
		return
	}
	v.route(endpoint, rest)
}

// visit is one request.
type visit struct {
	door  *Door
	w     http.ResponseWriter
	r     *http.Request
	app   *App // nil while none is named
	query url.Values
	form  url.Values
}

// readForm reads what a form has sent. Other bodies are none, as they are to
// Parse Server's pages.
func (v *visit) readForm() bool {
	v.form = url.Values{}
	kind, _, _ := strings.Cut(v.r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(strings.ToLower(kind)) != "application/x-www-form-urlencoded" {
		return true
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		_, large := err.(*http.MaxBytesError)
		return !large // of a form that can't be read the rest counts
	}
	v.form = v.r.PostForm
	return true
}

// route finds what is at a path below the endpoint: <app>/<what> or a file.
func (v *visit) route(endpoint, path string) {
	app, what, nested := strings.Cut(path, "/")
	serve, ours := v.find(what)
	switch {
	case nested && ours:
		if v.app = v.door.app(app, endpoint); v.app == nil {
			v.refuse(http.StatusForbidden, "unauthorized")
			return
		}
		serve()
	case path == "choose_password" && v.reads():
		if v.app = v.door.app(single(v.query, "appId"), endpoint); v.app == nil {
			v.refuse(http.StatusForbidden, "unauthorized")
			return
		}
		v.choosePassword()
	case v.reads():
		v.app = v.door.app(single(v.query, "appId"), endpoint)
		v.file(endpoint, path)
	default:
		v.notFound()
	}
}

func (v *visit) find(what string) (serve func(), ours bool) {
	switch v.r.Method + " " + what {
	case "GET verify_email":
		return v.verifyEmail, true
	case "POST resend_verification_email":
		return v.resendVerification, true
	case "GET request_password_reset":
		return v.requestPasswordReset, true
	case "POST request_password_reset":
		return v.resetPassword, true
	case "HEAD verify_email", "HEAD request_password_reset":
		// Who looks whether a link leads anywhere, as mail scanners do, uses nothing up.
		return func() { v.headers(contentHTML) }, true
	}
	return nil, false
}

func (v *visit) reads() bool { return v.r.Method == http.MethodGet || v.r.Method == http.MethodHead }

// app is an app whose pages are at the endpoint, or nil.
func (d *Door) app(id, endpoint string) *App {
	if a := d.apps[id]; a != nil && a.Endpoint == endpoint {
		return a
	}
	return nil
}

// single is a parameter that is there once; what is there several times is no
// text to Parse Server either.
func single(values url.Values, name string) string {
	if list := values[name]; len(list) == 1 {
		return list[0]
	}
	return ""
}

// refuse answers in JSON.
func (v *visit) refuse(status int, message string) {
	v.json(status, parse.AppendJSON(nil, &parse.Object{Members: []parse.Member{{Key: "error", Value: parse.String(message)}}}))
}

func (v *visit) json(status int, body []byte) {
	v.headers("application/json; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body) // the client has gone when it fails
}

const contentHTML = "text/html; charset=utf-8"

// headers sets what every answer has.
func (v *visit) headers(contentType string) {
	h := v.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

func (v *visit) tooMany(wait time.Duration) {
	v.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	if v.script() {
		v.json(http.StatusTooManyRequests, []byte(`{"code":100,"error":"Too many requests."}`))
		return
	}
	v.show(http.StatusTooManyRequests, tooMany, params{})
}

func (v *visit) notFound() { v.show(http.StatusNotFound, notFound, params{}) }

// script tells whether a script asks, which wants no page.
func (v *visit) script() bool {
	return strings.EqualFold(v.r.Header.Get("X-Requested-With"), "XMLHttpRequest")
}

// recover answers a panic, so that it is this request's only (root cause R11).
func (v *visit) recover() {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			panic(p)
		}
		v.fail(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// fail answers what went wrong inside; why is for the log (root cause R8).
func (v *visit) fail(err error) {
	v.door.logger.ErrorContext(v.r.Context(), "a page failed", "method", v.r.Method, "error", err)
	if v.script() {
		v.json(http.StatusInternalServerError, []byte(`{"code":1,"error":"Internal server error."}`))
		return
	}
	v.show(http.StatusInternalServerError, failed, params{})
}
