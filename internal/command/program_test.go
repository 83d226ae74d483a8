package command

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/loam-baas/loam/internal/config"
)

// buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// console is a program with everything around it in the test's hands.
type console struct {
	Program
	out, err buffer
	signals  chan os.Signal
}

func newConsole(t *testing.T, args ...string) *console {
	t.Helper()
	c := &console{signals: make(chan os.Signal, 2)}
	c.Program = Program{
		Args: args, Env: []string{"LOAM_DATA_DIR=" + filepath.Join(t.TempDir(), "data")},
		Stdout: &c.out, Stderr: &c.err,
		Signals: func() <-chan os.Signal { return c.signals },
		NewServer: func(context.Context, *config.Process, *slog.Logger) (Server, error) {
			return nil, errors.New("no server in this test")
		},
	}
	return c
}

// fakeServer is ready at once, or never, and then runs a function.
type fakeServer struct {
	ready chan struct{}
	run   func(context.Context) error
}

func (s *fakeServer) Addr() net.Addr                { return &net.TCPAddr{} }
func (s *fakeServer) Ready() <-chan struct{}        { return s.ready }
func (s *fakeServer) Run(ctx context.Context) error { return s.run(ctx) }

// serveWith puts a server in place that is ready at once.
func (c *console) serveWith(run func(context.Context) error) {
	ready := make(chan struct{})
	close(ready)
	c.NewServer = func(context.Context, *config.Process, *slog.Logger) (Server, error) {
		return &fakeServer{ready, run}, nil
	}
}

// serveUntilWelcome puts a server in place that ends once the welcome is printed.
func (c *console) serveUntilWelcome() {
	c.serveWith(func(context.Context) error {
		for !strings.Contains(c.out.String(), "application id") {
			runtime.Gosched()
		}
		return nil
	})
}

func TestProgram_Commands(t *testing.T) {
	tests := map[string]struct {
		args     []string
		env      []string
		code     int
		out, err string
	}{
		"nothing":             {nil, nil, exitUsage, "", "loam serve"},
		"help":                {[]string{"help"}, nil, exitOK, "loam serve [flags] [file]", ""},
		"--help":              {[]string{"--help"}, nil, exitOK, "loam serve [flags] [file]", ""},
		"help of a command":   {[]string{"help", "serve"}, nil, exitOK, "--master-key-ips", ""},
		"--help of one":       {[]string{"serve", "--help"}, nil, exitOK, "--master-key-ips", ""},
		"version":             {[]string{"version"}, nil, exitOK, "loam devel (go", ""},
		"openapi":             {[]string{"openapi"}, nil, exitOK, "openapi: 3.1.0\n", ""},
		"unknown command":     {[]string{"sevre"}, nil, exitUsage, "", `there is no command "sevre"; did you mean "serve"?`},
		"flag as command":     {[]string{"--port", "1"}, nil, exitUsage, "", "loam serve --port"},
		"unknown flag":        {[]string{"serve", "--prot", "1"}, nil, exitUsage, "", "flag --prot: there is no such option; did you mean --port?"},
		"flag without value":  {[]string{"serve", "--port"}, nil, exitUsage, "", "flag needs an argument: --port"},
		"bad value":           {[]string{"serve", "--port=x"}, nil, exitUsage, "", `flag --port: port must be an integer, not "x"`},
		"space after a bool":  {[]string{"serve", "--silent", "true"}, nil, exitUsage, "", "write --flag=true"},
		"two files":           {[]string{"serve", "a", "b"}, nil, exitUsage, "", "one configuration file is enough"},
		"no such file":        {[]string{"serve", "nowhere.yaml"}, nil, exitUsage, "", "can't read the configuration"},
		"config":              {[]string{"config", "--max-limit", "7"}, nil, exitOK, "flag --max-limit", ""},
		"config get":          {[]string{"config", "get", "port"}, nil, exitOK, "1337\n", ""},
		"config get --flag":   {[]string{"config", "get", "port", "--port=5"}, nil, exitOK, "5\n", ""},
		"config get nothing":  {[]string{"config", "get"}, nil, exitUsage, "", "of which option?"},
		"config get unknown":  {[]string{"config", "get", "prot"}, nil, exitUsage, "", "prot is not known; did you mean port?"},
		"config get too soon": {[]string{"config", "get", "appId"}, nil, exitFailure, "", "appId has no value yet: Loam makes it when it first serves"},
		"config warns":        {[]string{"config"}, []string{"PARSE_SERVER_CLOUD=x"}, exitOK, "OPTION", "loam: warning: environment variable PARSE_SERVER_CLOUD: cloud is not served yet"},
		"config docs":         {[]string{"config", "docs"}, nil, exitOK, "# Configuration", ""},
		"server that fails":   {[]string{"serve"}, nil, exitFailure, "", "loam: no server in this test"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, tt.args...)
			c.Env = append(c.Env, tt.env...)
			if code := c.Run(t.Context()); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if !strings.Contains(c.out.String(), tt.out) || tt.out == "" && c.out.String() != "" {
				t.Errorf("printed %q, want %q", c.out.String(), tt.out)
			}
			if !strings.Contains(c.err.String(), tt.err) || tt.err == "" && c.err.String() != "" {
				t.Errorf("complained %q, want %q", c.err.String(), tt.err)
			}
		})
	}
}

func TestServe_Welcome(t *testing.T) {
	c := newConsole(t, "serve", "--mount-path=/1", "--port=4242")
	c.serveUntilWelcome()
	if code := c.Run(t.Context()); code != exitOK {
		t.Fatalf("code %d: %s", code, c.err.String())
	}
	get := func(name string) string {
		g := newConsole(t, "config", "get", name)
		g.Env = c.Env
		if code := g.Run(t.Context()); code != exitOK {
			t.Fatalf("config get %s: code %d: %s", name, code, g.err.String())
		}
		return strings.TrimSpace(g.out.String())
	}
	id, key := get("appId"), get("masterKey")
	for _, want := range []string{"http://localhost:4242/1", id, key, "keys.json"} {
		if !strings.Contains(c.out.String(), want) {
			t.Errorf("no %q in the welcome:\n%s", want, c.out.String())
		}
	}
	again := newConsole(t, "serve")
	again.Env = c.Env
	again.serveUntilWelcome()
	if code := again.Run(t.Context()); code != exitOK {
		t.Fatalf("code %d: %s", code, again.err.String())
	}
	if out := again.out.String(); !strings.Contains(out, id) || strings.Contains(out, key) {
		t.Errorf("the second welcome should have the id and not the key:\n%s", out)
	}
}

func TestServe_NoWelcomeForAConfiguredApp(t *testing.T) {
	c := newConsole(t, "serve", "--app-id=a", "--master-key=b")
	c.serveWith(func(context.Context) error { return nil })
	if code := c.Run(t.Context()); code != exitOK || c.out.String() != "" {
		t.Errorf("code %d, printed %q", code, c.out.String())
	}
}

func TestServe_FirstSignalDrains(t *testing.T) {
	c := newConsole(t, "serve")
	c.serveWith(func(ctx context.Context) error {
		c.signals <- syscall.SIGTERM
		<-ctx.Done()
		return nil
	})
	if code := c.Run(t.Context()); code != exitOK {
		t.Errorf("code %d: %s", code, c.err.String())
	}
	if !strings.Contains(c.err.String(), "stopping") {
		t.Errorf("log %q", c.err.String())
	}
}

func TestServe_SecondSignalStopsAtOnce(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	c := newConsole(t, "serve")
	c.serveWith(func(ctx context.Context) error {
		c.signals <- syscall.SIGINT
		<-ctx.Done()
		c.signals <- syscall.SIGINT
		<-release // a request that does not end
		return nil
	})
	if code := c.Run(t.Context()); code != 128+int(syscall.SIGINT) {
		t.Errorf("code %d: %s", code, c.err.String())
	}
}

func TestServe_NoWelcomeBeforeReady(t *testing.T) {
	c := newConsole(t, "serve")
	c.NewServer = func(context.Context, *config.Process, *slog.Logger) (Server, error) {
		return &fakeServer{make(chan struct{}), func(ctx context.Context) error {
			c.signals <- syscall.SIGINT
			<-ctx.Done()
			return nil
		}}, nil
	}
	if code := c.Run(t.Context()); code != exitOK || c.out.String() != "" {
		t.Errorf("code %d, printed %q", code, c.out.String())
	}
}

func TestServe_Panic(t *testing.T) {
	c := newConsole(t, "serve")
	c.serveWith(func(context.Context) error { panic("boom") })
	if code := c.Run(t.Context()); code != exitFailure || !strings.Contains(c.err.String(), "panic: boom") {
		t.Errorf("code %d: %s", code, c.err.String())
	}
}

func TestServe_Logs(t *testing.T) {
	for format, want := range map[string]string{"--json-logs": `"msg":"hello"`, "--log-level=info": "msg=hello", "--silent": ""} {
		c := newConsole(t, "serve", format)
		c.NewServer = func(_ context.Context, _ *config.Process, logger *slog.Logger) (Server, error) {
			logger.Info("hello")
			logger.Debug("details")
			return &fakeServer{run: func(context.Context) error { return nil }}, nil
		}
		if code := c.Run(t.Context()); code != exitOK {
			t.Errorf("%s: code %d", format, code)
		}
		if got := c.err.String(); !strings.Contains(got, want) || strings.Contains(got, "details") || want == "" && got != "" {
			t.Errorf("%s: logged %q", format, got)
		}
	}
}

func TestHealth(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusOK)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/health" {
			status.Store(http.StatusNotFound)
		}
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(`{"status":"ok"}`))
	}))
	defer s.Close()
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := newConsole(t, "health", "--mount-path=/api", "--host="+host, "--port="+port)
	if code := c.Run(t.Context()); code != exitOK || c.out.String() != "{\"status\":\"ok\"}\n" {
		t.Errorf("code %d, printed %q, complained %q", code, c.out.String(), c.err.String())
	}
	status.Store(http.StatusServiceUnavailable)
	c = newConsole(t, "health", "--mount-path=/api", "--host=0.0.0.0", "--port="+port)
	if code := c.Run(t.Context()); code != exitFailure || !strings.Contains(c.err.String(), "503 Service Unavailable") {
		t.Errorf("code %d, complained %q", code, c.err.String())
	}
	s.Close()
	c = newConsole(t, "health", "--mount-path=/api", "--port="+port)
	if code := c.Run(t.Context()); code != exitFailure || !strings.Contains(c.err.String(), "no answer") {
		t.Errorf("code %d, complained %q", code, c.err.String())
	}
}
