package local_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/filestest"
	"github.com/loam-baas/loam/internal/files/local"
)

func open(t *testing.T, directory string) *local.Storage {
	t.Helper()
	s, err := local.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStorage(t *testing.T) {
	filestest.Run(t, func(t *testing.T) files.Storage { return open(t, t.TempDir()) })
}

func TestFilesOfParseServersAdapter(t *testing.T) {
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "0f_a%20b.txt"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	info, err := open(t, directory).Stat(t.Context(), "0f_a b.txt")
	if err != nil || info.Size != 5 || info.ContentType != "" {
		t.Errorf("got %+v (%v), want a file of 5 bytes of no known type", info, err)
	}
}

func TestNothingOutsideIsReached(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for link, target := range map[string]string{"link": filepath.Join(outside, "secret"), "relative": "../" + filepath.Base(outside) + "/secret"} {
		if err := os.Symlink(target, filepath.Join(directory, link)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, directory)
	for _, name := range []string{"link", "relative"} {
		if r, err := s.Open(t.Context(), name, 0); err == nil {
			_ = r.Close()
			t.Errorf("%s was opened", name)
		}
	}
}

func TestUnfinishedFilesAreRemovedWhenTheirWriterIsGone(t *testing.T) {
	directory := t.TempDir()
	if err := open(t, directory).Create(t.Context(), "x.txt", files.About{}, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	unfinished := filepath.Join(directory, ".loam", "new")
	old, fresh := filepath.Join(unfinished, "OLD"), filepath.Join(unfinished, "FRESH")
	for _, path := range []string{old, fresh} {
		if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	open(t, directory)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old one: %v, want it gone", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("the fresh one: %v, want it there: another process may be writing it", err)
	}
}
