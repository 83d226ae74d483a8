package app

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/files"
)

func TestOrphansAreFilesThatNothingNames(t *testing.T) {
	c := configured(t)
	c.Keys.MasterIPs = append(c.Keys.MasterIPs, netip.MustParsePrefix("192.0.2.0/24")) // where httptest asks from
	c.Files = config.Files{Adapter: config.FilesAdapter{Kind: config.LocalFiles, Dir: t.TempDir()}, Upload: config.FileAudience{Public: true}}
	a := open(t, c)
	upload := func(name string) string {
		t.Helper()
		status, answer := ask(a, "POST", "/files/"+name, "x")
		if status != 201 {
			t.Fatalf("upload: %d %s", status, answer)
		}
		_, stored, _ := strings.Cut(answer, `"name":"`)
		return strings.TrimSuffix(stored, `"}`)
	}
	file := func(name string) string { return `{"__type":"File","name":"` + name + `"}` }
	field, listed, deep, configured, orphan, mentioned := upload("field.txt"), upload("listed.txt"), upload("deep.txt"), upload("config.txt"), upload("orphan.txt"), upload("mentioned.txt")
	for _, body := range []string{
		`{"file":` + file(field) + `}`, `{"list":[1,[` + file(listed) + `]]}`, `{"object":{"a":{"b":` + file(deep) + `}}}`,
		`{"text":"` + mentioned + `","object":{"name":"` + mentioned + `"}}`, // a name alone is no file
	} {
		if status, answer := ask(a, "POST", "/classes/Note", body); status != 201 {
			t.Fatalf("create: %d %s", status, answer)
		}
	}
	if status, answer := askWith(a, "PUT", "/config", `{"params":{"logo":`+file(configured)+`}}`, "master"); status != 200 {
		t.Fatalf("config: %d %s", status, answer)
	}
	defer func() {
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	// The app still serves: its store is looked at in a copy.
	orphans := func(age time.Duration) (found []string) {
		t.Helper()
		err := Orphans(t.Context(), c, slog.New(slog.DiscardHandler), age, func(_ files.Storage, info files.Info) error {
			found = append(found, info.Name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found)
		return found
	}
	want := []string{orphan, mentioned}
	slices.Sort(want)
	if got := orphans(-time.Minute); !slices.Equal(got, want) {
		t.Errorf("orphans %q, want %q", got, want)
	}
	if got := orphans(time.Hour); len(got) != 0 {
		t.Errorf("orphans of an hour: %q, want none: clients have yet to use them", got)
	}
}

func TestFilesMoveWhileTheyAreServed(t *testing.T) {
	c := configured(t)
	old := config.FilesAdapter{Kind: config.LocalFiles, Dir: t.TempDir()}
	c.Files = config.Files{Adapter: old, Upload: config.FileAudience{Public: true}, Download: config.FileAudience{Public: true}}
	a := open(t, c)
	_, answer := ask(a, "POST", "/files/hello.txt", "hello")
	_, name, _ := strings.Cut(strings.TrimSuffix(answer, `"}`), `"name":"`)
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	c.Files.Adapter, c.Files.Fallback = config.FilesAdapter{Kind: config.GridFS}, old
	moved := make(chan struct{})
	a, err := Open(t.Context(), c, slog.New(slog.NewTextHandler(writerFunc(func(p []byte) {
		if bytes.Contains(p, []byte("all files have moved")) {
			close(moved)
		}
	}), nil)))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := ask(a, "GET", "/files/app/"+name, ""); status != 200 || body != "hello" {
		t.Errorf("while it moves: %d %q", status, body)
	}
	select {
	case <-moved:
	case <-time.After(20 * time.Second):
		t.Fatal("the files don't move")
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	c.Files.Fallback = config.FilesAdapter{}
	a = open(t, c)
	defer func() {
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if status, body := ask(a, "GET", "/files/app/"+name, ""); status != 200 || body != "hello" {
		t.Errorf("after it has moved: %d %q", status, body)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
