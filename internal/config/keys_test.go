package config

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// childDir, when it is in the environment, makes the test binary generate keys
// there and print them: one of several processes that start at once.
const childDir = "CONFIG_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	// The parent lets all children go at the same moment.
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	e, err := Load(Sources{Env: []string{"LOAM_DATA_DIR=" + dir}, GenerateKeys: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	a := e.Process.Apps[0]
	fmt.Println(a.AppID, a.Keys.Master, e.KeysMade)
}

func generated(t *testing.T, dir string) *Effective {
	t.Helper()
	return mustLoad(t, Sources{Env: []string{"LOAM_DATA_DIR=" + dir}, GenerateKeys: true})
}

func TestGeneratedKeys_AreMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := generated(t, dir)
	a := first.Process.Apps[0]
	if !first.KeysMade || !first.Process.GeneratedKeys || len(a.AppID) < 20 || len(a.Keys.Master) < 20 || a.AppID == a.Keys.Master {
		t.Errorf("made %t: id %q, key %q", first.KeysMade, a.AppID, a.Keys.Master)
	}
	if first.Process.Host != "127.0.0.1" {
		t.Errorf("listens on %s, though nobody configured it", first.Process.Host)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, keysFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	second := generated(t, dir)
	b := second.Process.Apps[0]
	if second.KeysMade || b.AppID != a.AppID || b.Keys.Master != a.Keys.Master {
		t.Errorf("the second start has other keys: made %t, id %q", second.KeysMade, b.AppID)
	}
	names, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(names) > 0 {
		t.Errorf("left behind: %q, %v", names, err)
	}
}

func TestGeneratedKeys_HostCanBeChosen(t *testing.T) {
	e := mustLoad(t, Sources{Env: []string{"LOAM_DATA_DIR=" + t.TempDir(), "PARSE_SERVER_HOST=0.0.0.0"}, GenerateKeys: true})
	if e.Process.Host != "0.0.0.0" {
		t.Errorf("host %s", e.Process.Host)
	}
}

func TestGeneratedKeys_LookingMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	e := mustLoad(t, Sources{Env: []string{"LOAM_DATA_DIR=" + dir}})
	if !e.KeysMissing {
		t.Error("keys are not said to be missing")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
	made := generated(t, dir)
	looked := mustLoad(t, Sources{Env: []string{"LOAM_DATA_DIR=" + dir}})
	if looked.KeysMissing || looked.Process.Apps[0].AppID != made.Process.Apps[0].AppID {
		t.Error("keys that are there are not read")
	}
}

func TestGeneratedKeys_NotForAConfiguredApp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	e := mustLoad(t, Sources{Env: append([]string{"LOAM_DATA_DIR=" + dir}, app...), GenerateKeys: true})
	if e.KeysFile != "" || e.Process.GeneratedKeys {
		t.Errorf("keys file %q", e.KeysFile)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
}

func TestGeneratedKeys_NotForABrokenConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	_, err := Load(Sources{Env: []string{"LOAM_DATA_DIR=" + dir, "PORT=x"}, GenerateKeys: true})
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
}

func TestGeneratedKeys_WideModeIsWarnedAbout(t *testing.T) {
	dir := t.TempDir()
	generated(t, dir)
	path := filepath.Join(dir, keysFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	e := generated(t, dir)
	if w := strings.Join(e.Process.Warnings, "\n"); !strings.Contains(w, "can be read by others than its owner (mode 0644)") {
		t.Errorf("warnings %q", w)
	}
}

func TestGeneratedKeys_BrokenFile(t *testing.T) {
	for content, want := range map[string]string{
		"{":                            "the JSON ends too early",
		`{"appId": "a"}`:               "masterKey is missing",
		`{"appId": "a", "maserKey":1}`: "did you mean masterKey?",
		`{"appId": 1, "masterKey":""}`: "appId must be text",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, keysFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Sources{Env: []string{"LOAM_DATA_DIR=" + dir}, GenerateKeys: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", content, err, want)
		}
		if data, _ := os.ReadFile(filepath.Join(dir, keysFile)); string(data) != content {
			t.Errorf("%s: the file was changed to %s", content, data)
		}
	}
}

func TestGeneratedKeys_Goroutines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ids := make([]string, 16)
	made := make([]bool, len(ids))
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			e, err := Load(Sources{Env: []string{"LOAM_DATA_DIR=" + dir}, GenerateKeys: true})
			if err != nil {
				t.Errorf("Load: %v", err)
				return
			}
			ids[i], made[i] = e.Process.Apps[0].AppID, e.KeysMade
		})
	}
	wg.Wait()
	makers := 0
	for i := range ids {
		if ids[i] != ids[0] || ids[i] == "" {
			t.Errorf("goroutine %d has the id %q, goroutine 0 %q", i, ids[i], ids[0])
		}
		if made[i] {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d made the keys, want 1", makers)
	}
}

func TestGeneratedKeys_Processes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	const n = 4
	var outputs [n]strings.Builder
	var cmds [n]*exec.Cmd
	var starts [n]io.WriteCloser
	for i := range cmds {
		cmds[i] = exec.Command(os.Args[0])
		cmds[i].Env = append(os.Environ(), childDir+"="+dir)
		cmds[i].Stdout, cmds[i].Stderr = &outputs[i], os.Stderr
		var err error
		if starts[i], err = cmds[i].StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, start := range starts {
		if _, err := io.WriteString(start, "go\n"); err != nil {
			t.Error(err)
		}
	}
	makers := 0
	var first []string
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("process %d: %v", i, err)
		}
		fields := strings.Fields(outputs[i].String())
		if len(fields) != 3 {
			t.Fatalf("process %d printed %q", i, outputs[i].String())
		}
		if first == nil {
			first = fields
		}
		if fields[0] != first[0] || fields[1] != first[1] {
			t.Errorf("process %d has %q, process 0 %q", i, fields[:2], first[:2])
		}
		if fields[2] == "true" {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d processes made the keys, want 1", makers)
	}
}
