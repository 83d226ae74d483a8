package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// needLinux skips what is brought about by means that only Linux has.
func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
}

func openOnce(dir string) error {
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		return err
	}
	return s.Close(context.Background())
}

func TestTwoProcessesCannotShareADirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	out, err := child(t, "open", dir).Output()
	if err == nil || !strings.Contains(string(out), "in use by another process") {
		t.Errorf("the other process got %q (%v)", out, err)
	}
	if _, err := Open(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the same process got %v", err)
	}
	shut(t, s)
	if out, err := child(t, "open", dir).Output(); err != nil {
		t.Errorf("after it was closed: %q (%v)", out, err)
	}
}

// outgrowLimit writes until the file system refuses, and then what must still work.
func outgrowLimit(dir string) error {
	if err := limitFileSize(2 << 20); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	n := 0
	for ; n < 10_000; n++ {
		d, err := bson.Marshal(bson.D{{Key: "_id", Value: n}, {Key: "s", Value: strings.Repeat("x", 2000)}})
		if err != nil {
			return err
		}
		if err = s.Insert(ctx, "c", d); err != nil {
			if !errors.Is(err, store.ErrUnavailable) {
				return fmt.Errorf("a full disk is told as: %w", err)
			}
			fmt.Println(err)
			break
		}
	}
	count, err := s.Count(ctx, "c", store.Count{})
	if err != nil {
		return fmt.Errorf("reading from a full disk: %w", err)
	}
	if count != int64(n) || n == 0 || n == 10_000 {
		return fmt.Errorf("%d documents, %d were acknowledged", count, n)
	}
	if err := recovered(ctx, s, n); err != nil {
		return err
	}
	if err := limitFileSize(2 << 20); err != nil {
		return err
	}
	fmt.Println("acknowledged", n+1)
	_ = s.Close(ctx) // the checkpoint has no room
	return nil
}

// recovered is an error if a store does not go on by itself when there is room
// for one more document.
func recovered(ctx context.Context, s *Store, n int) error {
	if err := limitFileSize(1 << 30); err != nil {
		return err
	}
	d, err := bson.Marshal(bson.D{{Key: "_id", Value: n}, {Key: "s", Value: strings.Repeat("x", 2000)}})
	if err != nil {
		return err
	}
	if err := s.Insert(ctx, "c", d); err != nil {
		return fmt.Errorf("when there is room again: %w", err)
	}
	return s.Check(ctx)
}

func TestFullDiskIsToldAndDoesNoDamage(t *testing.T) {
	needLinux(t)
	dir := t.TempDir()
	out, err := child(t, "outgrow", dir).Output()
	if err != nil {
		t.Fatalf("%s (%v)", out, err)
	}
	var n int64
	text := string(out)
	if _, err := fmt.Sscanf(text[strings.LastIndex(text, "acknowledged"):], "acknowledged %d", &n); err != nil {
		t.Fatal(err, text)
	}
	s := open(t, Options{Dir: dir})
	if got, err := s.Count(t.Context(), "c", store.Count{}); err != nil || got != n {
		t.Errorf("%d documents, want %d (%v)", got, n, err)
	}
	insert(t, s, "c", `{"_id":"there is room again"}`)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A file that may not grow is what SQLite itself calls a full disk.
func TestFullFileIsToldAndWorksAgain(t *testing.T) {
	s := open(t, Options{})
	insert(t, s, "c", `{"_id":1}`)
	limit := func(pages int) {
		err := s.writer.do(t.Context(), &operation{run: func(tx *writeTx) error {
			return tx.conn.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(1)
	big := raw(t, bson.D{{Key: "_id", Value: 2}, {Key: "s", Value: strings.Repeat("x", 1<<20)}})
	err := s.Insert(t.Context(), "c", big)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("told as %v", err)
	}
	insert(t, s, "c", `{"_id":3}`)
	limit(1 << 30)
	if err := s.Insert(t.Context(), "c", big); err != nil {
		t.Error(err)
	}
	if n, err := s.Count(t.Context(), "c", store.Count{}); err != nil || n != 3 {
		t.Errorf("%d documents (%v)", n, err)
	}
}

func openDenied(dir string) error {
	if err := giveUpRights(); err != nil {
		return err
	}
	err := openOnce(dir)
	if err == nil {
		return errors.New("opened what must not be written")
	}
	fmt.Println(err)
	return nil
}

func TestReadOnlyDirectoryIsTold(t *testing.T) {
	needLinux(t)
	for name, make := range map[string]func(dir string){
		"empty": func(string) {},
		"used": func(dir string) {
			s := open(t, Options{Dir: dir})
			insert(t, s, "c", `{"_id":1}`)
			shut(t, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			make(dir)
			if err := os.Chmod(dir, 0o500); err != nil {
				t.Fatal(err)
			}
			cmd := child(t, "open denied", dir)
			out, err := cmd.Output()
			if err != nil || !strings.Contains(string(out), "permission denied") || !strings.Contains(string(out), dir) {
				t.Errorf("told as %q (%v)", out, err)
			}
		})
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"a later format": {
			make: func(t *testing.T, path string) {
				pragma(t, path, fmt.Sprintf("user_version = %d", firstVersion+1+len(formatSteps())))
			},
			want: "format version",
		},
		"a format of nobody": {
			make: func(t *testing.T, path string) { pragma(t, path, "user_version = 0") },
			want: "format version 0",
		},
		"another application's": {
			make: func(t *testing.T, path string) { pragma(t, path, "application_id = 1") },
			want: "not a file of Loam",
		},
		"no database at all": {
			make: func(t *testing.T, path string) {
				if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "damaged",
		},
		"a directory": {
			make: func(t *testing.T, path string) {
				if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
					t.Fatal(err)
				}
			},
			want: "can't be",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := openOnce(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "loam.db")
			test.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := Open(t.Context(), Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("told as %v, want %q", err, test.want)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func pragma(t *testing.T, path, text string) {
	t.Helper()
	c, err := openConn(path, true, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
}

// What SQLite is told of syncing: 2 is before each commit is acknowledged, 1 at
// checkpoints.
func TestDurabilityIsWhatSQLiteIsTold(t *testing.T) {
	for durability, want := range map[Durability]int64{Full: 2, Normal: 1} {
		s := open(t, Options{Durability: durability})
		err := s.apart(t.Context(), func() error {
			got, err := s.writer.conn.queryInt("PRAGMA synchronous")
			if got != want {
				t.Errorf("durability %d: synchronous is %d, want %d", durability, got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
