package mongowire

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNodeDriver runs MongoDB's driver for Node.js, from npm, against a server.
func TestNodeDriver(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Node.js")
	}
	directory := filepath.Join("testdata", "node")
	if _, err := os.Stat(filepath.Join(directory, "node_modules", "mongodb")); err != nil {
		t.Fatal("the driver is not installed: run npm ci in internal/mongowire/testdata/node")
	}
	r := start(t, Options{})
	node := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "driver.test.mjs")
	node.Dir = directory
	node.Env = append(os.Environ(), "MONGODB_URI=mongodb://"+r.address)
	output, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, output)
	}
	t.Logf("%s", output)
}
