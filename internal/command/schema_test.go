package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSchema(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "loam.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(code int, args ...string) (out, complaint string) {
		t.Helper()
		c := newConsole(t, append([]string{"schema"}, args...)...)
		c.Env = append(c.Env, "LOAM_DATA_DIR="+dir, "PARSE_SERVER_APPLICATION_ID=a", "PARSE_SERVER_MASTER_KEY=m")
		if got := c.Run(t.Context()); got != code {
			t.Errorf("schema %q ended with %d, want %d: %s", args, got, code, c.err.String())
		}
		return c.out.String(), c.err.String()
	}

	write(`{"schema":{"definitions":[{"className":"Note","fields":{"text":{"type":"String"}}}]}}`)
	const changes = "Note: make the class\nNote: add field text (String)\n_Role: close to new fields\n_User: close to new fields\n"
	out, complaint := run(exitFailure, "plan", "--check", file)
	if out != changes || !strings.Contains(complaint, "class Note is defined without classLevelPermissions") {
		t.Errorf("plan printed %q and complained %q", out, complaint)
	}
	if out, _ := run(exitOK, "apply", file); out != changes {
		t.Errorf("apply printed %q", out)
	}
	if out, _ := run(exitOK, "plan", "--check", file); out != "nothing to change\n" {
		t.Errorf("after it was applied, plan printed %q", out)
	}
	exported, _ := run(exitOK, "export", file)
	write(exported)
	if out, _ := run(exitOK, "plan", "--check", file); out != "nothing to change\n" {
		t.Errorf("with what was exported, %s\nplan printed %q", exported, out)
	}

	write(`{"schema":{"definitions":[{"className":"Note","fields":{"text":{"type":"Nothing"}}}]}}`)
	if _, complaint := run(exitFailure, "plan", file); !strings.Contains(complaint, "definition of class Note: ") {
		t.Errorf("a wrong definition: %q", complaint)
	}
	write(`{}`)
	for _, args := range [][]string{{}, {"drop", file}, {"plan", file}, {"plan", "--app", "b", file}} {
		run(exitUsage, args...)
	}
}
