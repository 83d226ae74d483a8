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
	url := startLoam(t, database)
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
		"LOAM_OTHER_JAVASCRIPT_KEY=second-javascript",
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
				t.Errorf("%s %s does not fit api/openapi.yaml: %v\n\trequest: %s %s\n\tanswer: %d %s", x.Method, x.Path, err, x.Query, x.Body, x.Status, x.Answer)
			},
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL + target.Path
}

// startLoam builds the program, runs it with two apps until the test ends, and
// returns the URL of its REST API as clients know it, behind a proxy.
func startLoam(t *testing.T, database func(app string) string) string {
	t.Helper()
	directory := t.TempDir()
	program := filepath.Join(directory, "loam")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/loam").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	port := freePort(t)
	direct := fmt.Sprintf("http://127.0.0.1:%d/parse", port)
	url := described(t, direct)
	config := filepath.Join(directory, "loam.json")
	writeJSON(t, config, map[string]any{
		"host": "127.0.0.1", "port": port,
		"apps": []map[string]any{{
			"appId": "first", "masterKey": "first-master", "serverURL": url,
			"databaseURI": database("first"), "allowClientClassCreation": true,
			"fileUpload": map[string]any{"enableForPublic": true},
		}, {
			"appId": "second", "masterKey": "second-master", "javascriptKey": "second-javascript", "serverURL": url,
			"databaseURI": database("second"),
		}},
	})
	var log bytes.Buffer
	loam := exec.Command(program, "serve", "--config", config)
	loam.Dir = directory
	loam.Stdout, loam.Stderr = &log, &log
	if err := loam.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- loam.Wait() }()
	t.Cleanup(func() {
		if err := loam.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop: %v", err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the program ended: %v", err)
			}
		case <-time.After(patience):
			t.Errorf("the program does not stop")
			_ = loam.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("the program's log:\n%s", log.String())
		}
	})
	awaitHealth(t, direct, ended)
	return url
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
