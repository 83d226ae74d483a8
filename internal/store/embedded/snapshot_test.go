package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// move moves an amount from one account to another in a transaction.
func move(ctx context.Context, s *Store, from, to, amount int) error {
	return s.Transaction(ctx, func(ctx context.Context) error {
		for account, change := range map[int]int{from: -amount, to: amount} {
			_, err := s.Update(ctx, "accounts", store.Update{
				Filter: bson.D{{Key: "_id", Value: account}}, Upsert: true,
				Change: bson.D{{Key: "$inc", Value: bson.D{{Key: "amount", Value: change}}}},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// balance is what all accounts have together.
func balance(t *testing.T, s *Store) (sum int64) {
	t.Helper()
	err := s.Find(t.Context(), "accounts", store.Find{}, func(d bson.Raw) error {
		sum += d.Lookup("amount").AsInt64()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// A snapshot is of one moment, whatever is written while it is made: no
// transaction is in it by half, and what was acknowledged before is.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	tests := map[string]func(s *Store, from, to string) error{
		"by the store":      func(s *Store, _, to string) error { return s.Snapshot(t.Context(), to) },
		"beside the writer": func(_ *Store, from, to string) error { return SnapshotDir(t.Context(), from, to) },
	}
	for name, snapshot := range tests {
		t.Run(name, func(t *testing.T) {
			from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
			s := open(t, Options{Dir: from})
			define(t, s, "c", crashIndexes...)
			for i := range 1000 {
				insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"writer":0,"tags":[1,%d],"filling":"%s"}`, i, i, strings.Repeat("x", 3000)))
			}
			ctx, stop := context.WithCancel(t.Context())
			var written atomic.Int64
			var writers sync.WaitGroup
			for w := range 4 {
				writers.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						err := move(t.Context(), s, w, (w+1+n%3)%4, n)
						if err != nil && !errors.Is(err, store.ErrConflict) {
							t.Error(err)
							return
						}
						if err := crashStep(t.Context(), s, io.Discard, "run", w, n); err != nil {
							t.Error(err)
							return
						}
						written.Add(1)
					}
				})
			}
			for written.Load() < 100 && !t.Failed() {
				insert(t, s, "d", fmt.Sprintf(`{"_id":%d}`, written.Load()*1000+int64(len(find(t, s, "d", store.Find{})))))
			}
			before := len(find(t, s, "d", store.Find{}))
			err := snapshot(s, from, to)
			stop()
			writers.Wait()
			if err != nil {
				t.Fatal(err)
			}

			c := open(t, Options{Dir: to})
			if err := c.Check(t.Context()); err != nil {
				t.Error(err)
			}
			if sum := balance(t, c); sum != 0 {
				t.Errorf("the accounts' sum is %d", sum)
			}
			if n := len(find(t, c, "d", store.Find{})); n != before {
				t.Errorf("%d documents, %d were acknowledged", n, before)
			}
			insert(t, c, "c", `{"_id":"the copy can be written"}`)
			if left, _ := filepath.Glob(to + ".partial-*"); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// Nothing that a snapshot holds keeps the write-ahead log from being reused, and
// pages written while it is made are in it.
func TestSnapshotLetsTheLogBeReused(t *testing.T) {
	s := open(t, Options{})
	insert(t, s, "c", `{"_id":1,"s":"`+strings.Repeat("x", 1<<20)+`"}`)
	to := filepath.Join(t.TempDir(), "copy")
	err := writeSnapshot(t.Context(), to, func(path string) error {
		copying, err := s.writer.conn.copyTo(path)
		if err != nil {
			return err
		}
		for n := 0; ; n++ {
			more, err := copying.step(50)
			if err != nil || !more {
				return errors.Join(err, copying.close())
			}
			insert(t, s, "c", fmt.Sprintf(`{"_id":%d}`, 100+n))
			busy, err := s.writer.conn.queryInt("PRAGMA wal_checkpoint(TRUNCATE)")
			if err != nil || busy != 0 {
				t.Errorf("the log is held (%v)", err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{Dir: to})
	if a, b := find(t, s, "c", store.Find{}), find(t, c, "c", store.Find{}); len(a) != len(b) || len(a) < 3 {
		t.Errorf("%d documents in the copy of %d", len(b), len(a))
	}
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A file that gets smaller while it is copied, and changes that are rolled back,
// leave the copy as the file is in the end.
func TestSnapshotOfAFileThatShrinks(t *testing.T) {
	s := open(t, Options{SweepInterval: -1, Durability: Normal})
	fillAndEmpty(t, s)
	to, given := filepath.Join(t.TempDir(), "copy"), false
	err := writeSnapshot(t.Context(), to, func(path string) error {
		copying, err := s.writer.conn.copyTo(path)
		if err != nil {
			return err
		}
		for n := 0; ; n++ {
			more, err := copying.step(700)
			if err != nil || !more {
				return errors.Join(err, copying.close())
			}
			switch n {
			case 1:
				given = true
				if err := s.giveBack(t.Context()); err != nil {
					return err
				}
			case 0:
				err := s.CreateIndexes(t.Context(), "c", store.Index{Keys: doc(t, `{"t":1}`), Unique: true})
				if !errors.As(err, new(*store.DuplicateKeyError)) {
					t.Errorf("the index: told as %v", err)
				}
			}
			insert(t, s, "c", fmt.Sprintf(`{"_id":"n%d","s":"%s"}`, n, strings.Repeat("y", 9000)))
		}
	})
	if err != nil || !given {
		t.Fatal(err, given)
	}
	c := open(t, Options{Dir: to})
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	q := store.Find{Sort: doc(t, `{"_id":1}`)}
	want(t, find(t, c, "c", q), find(t, s, "c", q)...)
}

func TestSnapshotLeavesNothingWhenItFails(t *testing.T) {
	from := t.TempDir()
	s := open(t, Options{Dir: from})
	insert(t, s, "c", `{"_id":1}`)
	parent := t.TempDir()
	there := filepath.Join(parent, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		to   string
		want error
	}{
		"the target is there": {t.Context(), there, fs.ErrExist},
		"no parent":           {t.Context(), filepath.Join(parent, "no", "copy"), fs.ErrNotExist},
		"the context ended":   {ended, filepath.Join(parent, "copy"), context.Canceled},
	} {
		if err := s.Snapshot(test.ctx, test.to); !errors.Is(err, test.want) {
			t.Errorf("%s: told as %v", name, err)
		}
		if err := SnapshotDir(test.ctx, from, test.to); !errors.Is(err, test.want) {
			t.Errorf("%s, beside the writer: told as %v", name, err)
		}
	}
	if err := SnapshotDir(t.Context(), t.TempDir(), filepath.Join(parent, "copy")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no store in") {
		t.Errorf("no store: told as %v", err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
	shut(t, s)
	if err := s.Snapshot(t.Context(), filepath.Join(parent, "copy")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed store: told as %v", err)
	}
}

// snapshotOntoFullDisk makes snapshots where the file system refuses.
func snapshotOntoFullDisk(dir string) error {
	from, to := filepath.Join(dir, "store"), filepath.Join(dir, "copy")
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: from})
	if err != nil {
		return err
	}
	if err := limitFileSize(1 << 20); err != nil {
		return err
	}
	for _, err := range []error{s.Snapshot(ctx, to), SnapshotDir(ctx, from, to)} {
		if !errors.Is(err, store.ErrUnavailable) {
			return fmt.Errorf("a full disk is told as: %w", err)
		}
	}
	d, err := bson.Marshal(bson.D{{Key: "_id", Value: "afterwards"}})
	if err != nil {
		return err
	}
	return errors.Join(s.Insert(ctx, "c", d), s.Close(ctx))
}

func TestSnapshotOntoAFullDisk(t *testing.T) {
	needLinux(t)
	dir := t.TempDir()
	s := open(t, Options{Dir: filepath.Join(dir, "store")})
	insert(t, s, "c", `{"_id":1,"s":"`+strings.Repeat("x", 4<<20)+`"}`)
	shut(t, s)
	if out, err := child(t, "snapshot onto full disk", dir).Output(); err != nil {
		t.Errorf("%s (%v)", out, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

// A store that closes while a snapshot is made ends it.
func TestSnapshotEndsWithTheStore(t *testing.T) {
	s := open(t, Options{})
	insert(t, s, "c", `{"_id":1,"s":"`+strings.Repeat("x", 4<<20)+`"}`)
	release := hold(t, s)
	to := filepath.Join(t.TempDir(), "copy")
	failed := make(chan error, 1)
	go func() { failed <- s.Snapshot(t.Context(), to) }()
	await(t, s, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	release()
	if err := <-failed; !errors.Is(err, store.ErrClosed) {
		t.Errorf("told as %v", err)
	}
	<-s.writer.done
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the snapshot is there (%v)", err)
	}
}

// A store that another process writes to can be copied and checked.
func TestSnapshotBesideAnotherProcess(t *testing.T) {
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	cmd := child(t, "write", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}()
	there := make(map[string]bool)
	counts := make(map[string]int64)
	lines := bufio.NewScanner(out)
	for n := 0; n < 300 && lines.Scan(); n++ {
		note(t, lines.Text(), there, counts)
	}
	go func() { // it must not wait for us
		for lines.Scan() {
		}
	}()
	if err := SnapshotDir(t.Context(), dir, to); err != nil {
		t.Fatal(err)
	}
	if found := checked(t, dir); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	// What went on after the last line that was read is in it or not.
	maps.DeleteFunc(there, func(id string, inserted bool) bool { return !inserted || deletable(id) })
	s := open(t, Options{Dir: to})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if sum := balance(t, s); sum != 0 {
		t.Errorf("the accounts' sum is %d", sum)
	}
	for id := range there {
		if len(find(t, s, "c", store.Find{Filter: bson.D{{Key: "_id", Value: id}}})) != 1 {
			t.Errorf("document %s is not in the copy", id)
		}
	}
	for id, count := range counts {
		if len(find(t, s, "c", store.Find{Filter: bson.D{{Key: "_id", Value: id}, {Key: "count", Value: bson.D{{Key: "$gte", Value: count}}}}})) != 1 {
			t.Errorf("counter %s was acknowledged at %d before the copy", id, count)
		}
	}
}
