// Package e2e holds Loam against the official Parse JS SDK: the test files
// beside this one run under Node's own test runner and drive the built program.
//
// They were first run against parse-server itself, so that they ask for what
// Parse promises and not for what Loam happens to do; README.md tells how.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/apitest"
)

// patience is how long the program may take to start, and to stop.
const patience = 20 * time.Second

// TestSDK runs all test files against Loam on the embedded store.
func TestSDK(t *testing.T) {
	t.Parallel()
	runSDK(t, func(string) string { return "file://" + filepath.ToSlash(t.TempDir()) })
}

// TestSDKOverTheWire runs them on the MongoDB driver, which asks an embedded store
// over MongoDB's wire protocol.
func TestSDKOverTheWire(t *testing.T) {
	t.Parallel()
	address := serveMongo(t, "first", "second")
	runSDK(t, func(app string) string { return "mongodb://" + address + "/" + app })
}

// TestSDKOnMongoDB runs them on the MongoDB that LOAM_TEST_MONGODB_URI names, a
// URI without a database.
func TestSDKOnMongoDB(t *testing.T) {
	uri := os.Getenv("LOAM_TEST_MONGODB_URI")
	if uri == "" {
		t.Skip("LOAM_TEST_MONGODB_URI is not set")
	}
	t.Parallel()
	runSDK(t, func(app string) string { return mongoDatabase(t, uri, app) })
}

func runSDK(t *testing.T, database func(app string) string) {
	if _, err := os.Stat(filepath.Join("node_modules", "parse")); err != nil {
		t.Fatal("the Parse SDK is not installed: run npm ci in internal/e2e")
	}
	data := t.TempDir()
	url := startLoam(t, data, database)
	files, err := filepath.Glob("*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	// The spec reporter would print only what fails in a form for people; this
	// one names every test, so that a log shows what ran.
	node := exec.CommandContext(t.Context(), "node", append([]string{"--test", "--test-reporter=spec"}, files...)...)
	node.Env = append(os.Environ(),
		"LOAM_URL="+url, "LOAM_APP_ID=first", "LOAM_MASTER_KEY=first-master",
		"LOAM_OTHER_URL="+url, "LOAM_OTHER_APP_ID=second", "LOAM_OTHER_MASTER_KEY=second-master",
		"LOAM_OTHER_JAVASCRIPT_KEY=second-javascript", "LOAM_INBOX="+filepath.Join(data, "mail", "first"),
	)
	output, err := node.CombinedOutput()
	if err != nil {
		t.Errorf("node --test: %v\n%s", err, output)
	} else {
		t.Logf("%s", output)
	}
}

// described returns a URL of the same API where every exchange is held to its
// description: what the SDK sends and what it is answered.
func described(t *testing.T, api string) string {
	t.Helper()
	target, err := url.Parse(api)
	if err != nil {
		t.Fatal(err)
	}
	description, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
		},
		Transport: &apitest.Transport{
			Description: description, Mount: target.Path, Next: http.DefaultTransport,
			Report: func(x *apitest.Exchange, err error) {
				t.Errorf("%s %s does not fit api/openapi.yaml: %v\n\trequest: %s %s\n\tanswer: %d %s", x.Method, x.Path, err, x.Query, x.Body[:min(len(x.Body), 1000)], x.Status, x.Answer)
			},
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL + target.Path
}

// startLoam runs the program with two apps until the test ends, and returns the
// URL of its REST API as clients know it, behind a proxy.
func startLoam(t *testing.T, data string, database func(app string) string) string {
	t.Helper()
	var url string
	start(t, func(direct string) map[string]any {
		url = described(t, direct)
		return map[string]any{"dataDir": data, "apps": []map[string]any{{
			"appName": "First", "emailAdapter": "inbox:", "verifyUserEmails": true,
			"appId": "first", "masterKey": "first-master", "serverURL": url,
			"databaseURI": database("first"), "allowClientClassCreation": true,
			"fileUpload": map[string]any{"enableForPublic": true},
		}, {
			"appId": "second", "masterKey": "second-master", "javascriptKey": "second-javascript", "serverURL": url,
			"databaseURI": database("second"),
		}}}
	})
	return url
}

// program is Loam, built and running.
type program struct {
	t    *testing.T
	path string
	// url is that of the REST API, dir where it runs.
	url, dir string
	log      bytes.Buffer
	process  *exec.Cmd
	ended    chan error
}

// build builds the program, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "loam")
	if output, err := exec.Command("go", "build", "-o", path, "../../cmd/loam").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, nil
})

// binaries is the directory of what is built, until all tests have run.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "loam-e2e-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(binaries)
		return m.Run()
	}())
}

// start builds the program and runs it until the test ends, with a configuration
// that may depend on the URL of the REST API.
func start(t *testing.T, configure func(url string) map[string]any) *program {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, path: path, dir: t.TempDir()}
	port := freePort(t)
	p.url = fmt.Sprintf("http://127.0.0.1:%d/parse", port)
	options := configure(p.url)
	options["host"], options["port"] = "127.0.0.1", port
	writeJSON(t, filepath.Join(p.dir, "loam.json"), options)
	p.run()
	t.Cleanup(p.stop)
	return p
}

// run starts the process and waits until it serves.
func (p *program) run() {
	p.t.Helper()
	p.process = exec.Command(p.path, "serve", "--config", filepath.Join(p.dir, "loam.json"))
	p.process.Dir = p.dir
	p.process.Stdout, p.process.Stderr = &p.log, &p.log
	if err := p.process.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.process.Wait() }()
	awaitHealth(p.t, p.url, p.ended)
}

// kill ends the process without a word.
func (p *program) kill() {
	p.t.Helper()
	if err := p.process.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
}

// stop ends the process as an operator does.
func (p *program) stop() {
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Errorf("stop: %v", err)
	}
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("the program ended: %v", err)
		}
	case <-time.After(patience):
		p.t.Errorf("the program does not stop")
		_ = p.process.Process.Kill()
		<-p.ended
	}
	if p.t.Failed() {
		p.t.Logf("the program's log:\n%s", p.log.String())
	}
}

func awaitHealth(t *testing.T, url string, ended chan error) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the program ended: %v", err)
		default:
		}
		response, err := http.Get(url + "/health")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatal("the program does not answer")
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
