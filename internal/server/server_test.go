package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/config"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func appConfig(t *testing.T, id string) *config.App {
	url := "http://127.0.0.1/parse"
	return &config.App{
		AppID: id, ServerURL: url, PublicServerURL: url,
		Keys:                     config.Keys{Master: id + "-master", MasterIPs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
		Database:                 config.Database{Engine: config.Embedded, Path: t.TempDir()},
		AllowClientClassCreation: true, ObjectIDSize: 10, DefaultLimit: 100,
		EnableSanitizedErrorResponse: true,
	}
}

func processConfig(apps ...*config.App) *config.Process {
	return &config.Process{
		Host: "127.0.0.1", MountPath: "/parse", MaxUploadSize: 1 << 20, AllowOrigin: []string{"*"},
		DrainTimeout: patience, Apps: apps,
	}
}

// running is a server that runs until stop is called.
type running struct {
	*Server
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error
}

func listen(t *testing.T, c *config.Process) *Server {
	t.Helper()
	s, err := New(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *Server) *running {
	ctx, stop := context.WithCancel(t.Context())
	r := &running{Server: s, t: t, url: "http://" + s.Addr().String(), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(stop)
	return r
}

func (r *running) awaitReady() *running {
	r.t.Helper()
	select {
	case <-r.Ready():
	case err := <-r.done:
		r.t.Fatalf("Run ended: %v", err)
	case <-time.After(patience):
		r.t.Fatal("the server does not get ready")
	}
	return r
}

func (r *running) awaitEnd() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		r.t.Fatal("the server does not end")
		return nil
	}
}

// ask sends a request as an app's client and returns status and body.
func (r *running) ask(method, path, app, body string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if app != "" {
		request.Header.Set("X-Parse-Application-Id", app)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func TestServerServesAppsOnOneListener(t *testing.T) {
	r := run(t, listen(t, processConfig(appConfig(t, "one"), appConfig(t, "two")))).awaitReady()
	if status, body := r.ask("POST", "/parse/classes/Note", "one", `{"text":"of one"}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	for _, test := range []struct{ app, found string }{{"one", "of one"}, {"two", `"results":[]`}} {
		if status, body := r.ask("GET", "/parse/classes/Note", test.app, ""); status != 200 || !strings.Contains(body, test.found) {
			t.Errorf("app %s finds %d %s", test.app, status, body)
		}
	}
	if _, body := r.ask("POST", "/parse/classes/Note", "", `{"_method":"GET","_ApplicationId":"one"}`); !strings.Contains(body, "of one") {
		t.Errorf("with the app in the body: %s", body)
	}
	for _, path := range []string{"/health", "/parse/health"} {
		if status, body := r.ask("GET", path, "", ""); status != 200 || body != `{"status":"ok"}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	r.stop()
	if err := r.awaitEnd(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.Dial("tcp", r.Addr().String()); err == nil {
		t.Error("the server still listens after its end")
	}
}

func TestServerTellsThatItStarts(t *testing.T) {
	s := listen(t, processConfig(appConfig(t, "one")))
	open, proceed := s.open, make(chan struct{})
	s.open = func(ctx context.Context, c *config.App) (application, error) {
		<-proceed
		return open(ctx, c)
	}
	r := run(t, s)
	for _, path := range []string{"/health", "/parse/health"} {
		if status, body := r.ask("GET", path, "", ""); status != 503 || body != `{"status":"starting"}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := r.ask("GET", "/parse/classes/A", "one", ""); status != 503 || body != `{"code":1,"error":"Invalid server state: starting"}` {
		t.Errorf("a request: %d %s", status, body)
	}
	close(proceed)
	r.awaitReady()
	if status, body := r.ask("GET", "/health", "", ""); status != 200 || body != `{"status":"ok"}` {
		t.Errorf("when ready: %d %s", status, body)
	}
}

func TestServerCanBeStoppedWhileItStarts(t *testing.T) {
	s := listen(t, processConfig(appConfig(t, "one")))
	s.open = func(ctx context.Context, _ *config.App) (application, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r := run(t, s)
	r.stop()
	if err := r.awaitEnd(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestServerNamesTheAppThatDoesNotOpen(t *testing.T) {
	s := listen(t, processConfig(appConfig(t, "good"), appConfig(t, "bad")))
	open, closed := s.open, 0
	broken := errors.New("no such disk")
	s.open = func(ctx context.Context, c *config.App) (application, error) {
		if c.AppID == "bad" {
			return nil, broken
		}
		a, err := open(ctx, c)
		return countingClose{a, &closed}, err
	}
	err := run(t, s).awaitEnd()
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "open app bad") {
		t.Errorf("Run: %v", err)
	}
	if closed != 1 {
		t.Errorf("the app that was open was closed %d times", closed)
	}
}

type countingClose struct {
	application
	closed *int
}

func (c countingClose) Close(ctx context.Context) error {
	*c.closed++
	return c.application.Close(ctx)
}

func TestServerPortTaken(t *testing.T) {
	c := processConfig(appConfig(t, "one"))
	first := listen(t, c)
	defer first.listener.Close()
	c.Port = first.Addr().(*net.TCPAddr).Port
	if _, err := New(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), fmt.Sprint("127.0.0.1:", c.Port)) {
		t.Errorf("New on a taken port: %v", err)
	}
}

// begin sends all of a create but the last byte of its body.
func (r *running) begin() (conn net.Conn, finish func() (string, error)) {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	body := `{"text":"slow"}`
	_, err = fmt.Fprintf(conn, "POST /parse/classes/Note HTTP/1.1\r\nHost: x\r\nX-Parse-Application-Id: one\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	if err != nil {
		r.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	// The server asks for the body when the request is being handled.
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		r.t.Fatalf("%q %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		r.t.Fatal(err)
	}
	return conn, func() (string, error) {
		if _, err := io.WriteString(conn, body); err != nil {
			return "", err
		}
		return in.ReadString('\n')
	}
}

func TestServerDrains(t *testing.T) {
	r := run(t, listen(t, processConfig(appConfig(t, "one")))).awaitReady()
	_, finish := r.begin()
	r.stop()
	for { // until it does not listen any more
		conn, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	select {
	case err := <-r.done:
		t.Fatalf("the server did not wait for a request: %v", err)
	default:
	}
	if status, err := finish(); err != nil || !strings.Contains(status, "201 Created") {
		t.Errorf("a request that ran at the stop: %q %v", status, err)
	}
	if err := r.awaitEnd(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestServerCutsOffWhatTakesTooLong(t *testing.T) {
	c := processConfig(appConfig(t, "one"))
	c.DrainTimeout = time.Millisecond
	r := run(t, listen(t, c)).awaitReady()
	conn, _ := r.begin()
	r.stop()
	if err := r.awaitEnd(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

func TestServerBoundsHeaders(t *testing.T) {
	r := run(t, listen(t, processConfig(appConfig(t, "one")))).awaitReady()
	// An endless header, as of a client version (advisory F24), is not read.
	request, err := http.NewRequestWithContext(t.Context(), "GET", r.url+"/parse/classes/A", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Parse-Client-Version", strings.Repeat("a", 1<<20))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %d", response.StatusCode)
	}
}
