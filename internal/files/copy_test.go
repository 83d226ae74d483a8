package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/filestest"
	"github.com/loam-baas/loam/internal/files/local"
	"github.com/loam-baas/loam/internal/parse"
)

func open(t *testing.T) files.Storage {
	t.Helper()
	s, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func create(t *testing.T, s files.Storage, name, content string) {
	t.Helper()
	about := files.About{ContentType: "text/plain", Tags: &parse.Object{Members: []parse.Member{{Key: "of", Value: parse.String(name)}}}}
	if err := s.Create(t.Context(), name, about, bytes.NewReader([]byte(content))); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, s files.Storage, name string) string {
	t.Helper()
	r, err := s.Open(t.Context(), name, 0)
	if errors.Is(err, files.ErrNotFound) {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCopyTakesWhatIsMissing(t *testing.T) {
	from, to := open(t), open(t)
	create(t, from, "a.txt", "a")
	create(t, from, "dir/b.txt", "bb")
	create(t, from, "half.txt", "whole")
	create(t, to, "half.txt", "wh")
	create(t, to, "own.txt", "own")
	var told []string
	tell := func(i files.Info) { told = append(told, i.Name) }
	done, err := files.Copy(t.Context(), from, to, tell)
	if err != nil || done != (files.Copied{Files: 3, Bytes: 8}) || len(told) != 3 {
		t.Errorf("copied %+v (%v), told %q", done, err, told)
	}
	for name, want := range map[string]string{"a.txt": "a", "dir/b.txt": "bb", "half.txt": "whole", "own.txt": "own"} {
		if got := content(t, to, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if info, err := to.Stat(t.Context(), "dir/b.txt"); err != nil || info.Tags == nil || info.ContentType != "text/plain" {
		t.Errorf("what is known of a copy: %+v (%v)", info, err)
	}
	if again, err := files.Copy(t.Context(), from, to, tell); err != nil || again != (files.Copied{Present: 3}) {
		t.Errorf("again: %+v (%v)", again, err)
	}
}

func TestFallback(t *testing.T) {
	filestest.Run(t, func(t *testing.T) files.Storage { return files.Fallback{New: open(t), Old: open(t)} })
	t.Run("of old files", func(t *testing.T) {
		f := files.Fallback{New: open(t), Old: open(t)}
		create(t, f.Old, "old.txt", "old")
		create(t, f.Old, "both.txt", "old")
		create(t, f, "both.txt", "new")
		create(t, f, "new.txt", "new")
		if got := content(t, f, "old.txt") + content(t, f, "both.txt") + content(t, f.Old, "new.txt"); got != "oldnewnothing" {
			t.Errorf("read %s", got)
		}
		n := 0
		if err := f.List(t.Context(), func(files.Info) error { n++; return nil }); err != nil || n != 3 {
			t.Errorf("%d files (%v), want 3", n, err)
		}
		for _, name := range []string{"old.txt", "both.txt"} {
			if err := f.Delete(t.Context(), name); err != nil {
				t.Error(err)
			}
			if got := content(t, f, name); got != "nothing" {
				t.Errorf("%s after it was deleted: %q", name, got)
			}
		}
	})
}
