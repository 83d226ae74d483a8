package rest_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/rest"
)

// scenario is one request and all that must come of it.
type scenario struct {
	name    string
	request string   // "GET /parse/classes/A"
	header  []string // "Name: value"
	from    string   // the peer's address; "" is 127.0.0.1
	body    string

	status int    // 0 is 200
	want   string // the whole body
	engine string // what the engine was asked, lines joined by " | "
}

// door is a handler under test with the engine behind it and its log.
type door struct {
	*rest.Handler
	engine *recorder
	log    bytes.Buffer
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}

// masterKeys are privileged keys for callers from this machine only.
var masterKeys = config.Keys{
	Master: "master", MasterIPs: loopback,
	ReadOnly: "readonly", ReadOnlyIPs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")},
	Maintenance: "maintenance", MaintenanceIPs: loopback,
}

// newDoor serves one app "app" below /parse; change may alter its options.
func newDoor(t testing.TB, change func(*rest.Options, *rest.AppOptions)) *door {
	t.Helper()
	d := &door{engine: &recorder{}}
	logger := slog.New(slog.NewTextHandler(&d.log, nil))
	denylist, err := rest.NewDenylist([]config.Keyword{
		{Key: "_bsontype", Value: "Code", HasValue: true}, {Key: "constructor"}, {Key: "__proto__"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20, Logger: logger}
	a := rest.AppOptions{
		ID: "app", Engine: d.engine, Logger: logger, Keys: masterKeys, Denylist: denylist,
		ServerURL: "http://localhost:1337/parse", PublicServerURL: "http://localhost:1337/parse", SanitizeErrors: true,
	}
	if change != nil {
		change(&o, &a)
	}
	d.Handler = rest.New(o, rest.NewApp(a))
	return d
}

// app is the header that names the app.
const app, master = "X-Parse-Application-Id: app", "X-Parse-Master-Key: master"

func (s scenario) http() *http.Request {
	method, target, _ := strings.Cut(s.request, " ")
	var body io.Reader
	if s.body != "" {
		body = strings.NewReader(s.body)
	}
	r := httptest.NewRequest(method, target, body)
	for _, line := range s.header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	r.RemoteAddr = "127.0.0.1:4000"
	if s.from != "" {
		r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(s.from), 4000).String()
	}
	return r
}

// run answers the request and compares all that came of it.
func (s scenario) run(t *testing.T, d *door) http.Header {
	t.Helper()
	d.engine.lines = nil
	w := httptest.NewRecorder()
	d.ServeHTTP(w, s.http())
	want := s.status
	if want == 0 {
		want = http.StatusOK
	}
	if w.Code != want {
		t.Errorf("status %d, want %d; body %s", w.Code, want, w.Body)
	}
	if got := w.Body.String(); got != s.want {
		t.Errorf("body %s\nwant %s", got, s.want)
	}
	if got := strings.Join(d.engine.lines, " | "); got != s.engine {
		t.Errorf("engine was asked %q\nwant %q", got, s.engine)
	}
	return w.Header()
}

// play runs scenarios against one door.
func play(t *testing.T, d *door, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		name := s.name
		if name == "" {
			name = s.request
		}
		t.Run(name, func(t *testing.T) { s.run(t, d) })
	}
}

// with is header lines with more of them.
func with(header ...string) []string { return slices.Concat([]string{app}, header) }

const (
	unauthorized = `{"error":"unauthorized"}`
	denied       = `{"error":"Permission denied"}`
	empty        = `{"results":[]}`
)
