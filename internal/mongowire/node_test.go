package mongowire

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNodeDriver runs MongoDB's driver for Node.js, from npm, against servers.
func TestNodeDriver(t *testing.T) {
	node(t, "driver.test.mjs", start(t, Options{}))
	node(t, "login.test.mjs", guarded(t, Options{}))
}

func node(t *testing.T, script string, r *running) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Node.js")
	}
	directory := filepath.Join("testdata", "node")
	if _, err := os.Stat(filepath.Join(directory, "node_modules", "mongodb")); err != nil {
		t.Fatal("the driver is not installed: run npm ci in internal/mongowire/testdata/node")
	}
	node := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", script)
	node.Dir = directory
	node.Env = append(os.Environ(), "MONGODB_URI=mongodb://"+r.address)
	output, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("node --test %s: %v\n%s", script, err, output)
	}
	t.Logf("%s", output)
}
