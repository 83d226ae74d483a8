package loam

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// program, when it is in the environment, makes the test binary be loam.
const program = "LOAM_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		Main()
	}
	os.Exit(m.Run())
}

// process is a loam that serves.
type process struct {
	cmd  *exec.Cmd
	out  *strings.Builder
	base string // of the REST API
}

// environment has nothing of the machine's that could configure loam.
func environment(dataDir string) []string {
	return []string{program + "=1", "LOAM_DATA_DIR=" + dataDir, "PORT=0", "TMPDIR=" + os.TempDir()}
}

// start starts "loam serve", with further variables, and waits until its log
// says where it serves.
func start(t *testing.T, dataDir string, env ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "serve"), out: &strings.Builder{}}
	p.cmd.Env = append(environment(dataDir), env...)
	p.cmd.Stdout = p.out
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	var lines []string
	address := regexp.MustCompile(`msg=serving address=(\S+)`)
	for scan := bufio.NewScanner(log); scan.Scan(); {
		lines = append(lines, scan.Text())
		if found := address.FindStringSubmatch(scan.Text()); found != nil {
			p.base = "http://" + found[1] + "/parse"
			go io.Copy(io.Discard, log) // until the process ends
			return p
		}
	}
	t.Fatalf("it does not serve; its log:\n%s", strings.Join(lines, "\n"))
	return nil
}

// stop asks the process to stop, and returns what it printed.
func (p *process) stop(t *testing.T) string {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	return p.out.String()
}

// get is what "loam config get" prints.
func get(t *testing.T, dataDir, name string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "config", "get", name)
	cmd.Env = environment(dataDir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("config get %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// call sends a request with the app's id and, unless it is empty, the master key.
func (p *process) call(t *testing.T, method, path, body, appID, masterKey string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Parse-Application-Id", appID)
	if masterKey != "" {
		r.Header.Set("X-Parse-Master-Key", masterKey)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, answer
}

// Without any configuration Loam starts, keeps what it is given, and is the
// same app at the next start.
func TestMain_FirstRun(t *testing.T) {
	dataDir := filepath.Join(t.TempDir(), "data")
	p := start(t, dataDir)
	appID, masterKey := get(t, dataDir, "appId"), get(t, dataDir, "masterKey")

	if !strings.HasPrefix(p.base, "http://127.0.0.1:") {
		t.Errorf("it serves on %s, though nobody opened it to the network", p.base)
	}
	status, created := p.call(t, "POST", "/classes/Note", `{"text": "hello"}`, appID, masterKey)
	if status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, created)
	}
	if status, answer := p.call(t, "GET", "/classes/Note", "", "another", ""); status != http.StatusForbidden {
		t.Errorf("another app id: %d %v", status, answer)
	}
	out := p.stop(t)
	if !strings.Contains(out, appID) || !strings.Contains(out, masterKey) {
		t.Errorf("the first start does not print id and key:\n%s", out)
	}

	p = start(t, dataDir)
	id, _ := created["objectId"].(string)
	status, note := p.call(t, "GET", "/classes/Note/"+id, "", appID, "")
	if status != http.StatusOK || note["text"] != "hello" {
		t.Errorf("after the second start: %d %v", status, note)
	}
	if out := p.stop(t); !strings.Contains(out, appID) || strings.Contains(out, masterKey) {
		t.Errorf("the second start should print the id and not the key:\n%s", out)
	}
}

// With routeAllowList, clients reach what is on it and nothing else.
func TestMain_RouteAllowList(t *testing.T) {
	dataDir := filepath.Join(t.TempDir(), "data")
	p := start(t, dataDir, "PARSE_SERVER_ROUTE_ALLOW_LIST=classes/Open.*")
	appID, masterKey := get(t, dataDir, "appId"), get(t, dataDir, "masterKey")
	for _, class := range []string{"Open", "Closed"} {
		if status, answer := p.call(t, "POST", "/classes/"+class, `{}`, appID, masterKey); status != http.StatusCreated {
			t.Fatalf("create in %s: %d %v", class, status, answer)
		}
	}
	for path, want := range map[string]int{"/classes/Open": http.StatusOK, "/classes/Closed": http.StatusBadRequest} {
		if status, answer := p.call(t, "GET", path, "", appID, ""); status != want {
			t.Errorf("GET %s: %d %v, want %d", path, status, answer, want)
		}
	}
	if status, answer := p.call(t, "GET", "/classes/Closed", "", appID, masterKey); status != http.StatusOK {
		t.Errorf("with the master key: %d %v", status, answer)
	}
	p.stop(t)
}
