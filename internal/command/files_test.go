package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	dir, from := t.TempDir(), t.TempDir()
	run := func(code int, args ...string) (out, complaint string) {
		t.Helper()
		c := newConsole(t, append([]string{"files"}, args...)...)
		c.Env = append(c.Env, "LOAM_DATA_DIR="+dir, "PARSE_SERVER_APPLICATION_ID=a", "PARSE_SERVER_MASTER_KEY=m")
		if got := c.Run(t.Context()); got != code {
			t.Errorf("files %q ended with %d, want %d: %s", args, got, code, c.err.String())
		}
		return c.out.String(), c.err.String()
	}
	if err := os.WriteFile(filepath.Join(from, "hello.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "files")
	if out, _ := run(exitOK, "migrate", "--from", "file://"+from, "--to", "file://"+to); out != "hello.txt\t5 bytes\ncopied 1 files of 5 bytes; 0 were there\n" {
		t.Errorf("migrate printed %q", out)
	}
	if out, _ := run(exitOK, "migrate", "--from", "file://"+to, "--to", "gridfs:"); !strings.HasSuffix(out, "copied 1 files of 5 bytes; 0 were there\n") {
		t.Errorf("migrate printed %q", out)
	}
	for _, c := range []struct {
		args  []string
		lines int
		last  string
	}{
		{[]string{"gc"}, 1, "deleted: 0 files of 0 bytes\n"}, // it is too young
		{[]string{"gc", "--dry-run", "--older-than", "0s"}, 2, "to delete: 1 files of 5 bytes\n"},
		{[]string{"gc", "--older-than", "0s"}, 2, "deleted: 1 files of 5 bytes\n"},
		{[]string{"gc", "--older-than", "0s"}, 1, "deleted: 0 files of 0 bytes\n"},
	} {
		if out, _ := run(exitOK, c.args...); strings.Count(out, "\n") != c.lines || !strings.HasSuffix(out, c.last) {
			t.Errorf("files %q printed %q", c.args, out)
		}
	}
	for _, args := range [][]string{{}, {"eat"}, {"migrate"}, {"migrate", "--from", "gridfs:", "--to", "ftp://x"}, {"gc", "--older-than", "soon"}} {
		run(exitUsage, args...)
	}
}
