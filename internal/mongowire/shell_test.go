package mongowire

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestShell runs a script in mongosh, from npm, with and without a login.
func TestShell(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Node.js")
	}
	directory := filepath.Join("testdata", "mongosh")
	shell, err := filepath.Abs(filepath.Join(directory, "node_modules", ".bin", "mongosh"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(shell); err != nil {
		t.Fatal("mongosh is not installed: run npm ci in internal/mongowire/testdata/mongosh")
	}
	for _, c := range []struct {
		name  string
		r     *running
		login []string
	}{
		{"open", start(t, Options{}), nil},
		{"with a password", guarded(t, Options{}), []string{"--username", "ann", "--password", "p4ss wörd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			uri := "mongodb://" + c.r.address + "/test?directConnection=true"
			run := exec.CommandContext(t.Context(), shell, append([]string{"--quiet", "--norc", uri, "shell.js"}, c.login...)...)
			run.Dir = directory
			run.Env = append(os.Environ(), "HOME="+t.TempDir())
			output, err := run.CombinedOutput()
			if err != nil || !bytes.Contains(output, []byte("done")) {
				t.Fatalf("mongosh: %v\n%s", err, output)
			}
		})
	}
}
