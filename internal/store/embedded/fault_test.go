package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// A log that ends too soon, or in garbage, is followed as far as it is sound:
// transactions up to there are whole, later ones are gone.
func TestTruncatedLogKeepsWholeTransactions(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	define(t, s, "c", crashIndexes...)
	const docs = 40
	for i := range docs {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"u":%d,"tags":[%d,%d]}`, i, i, i, i+1))
	}
	file, err := os.ReadFile(filepath.Join(dir, "loam.db"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "loam.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	garbage := func(from int) []byte {
		broken := append([]byte(nil), log...)
		for i := from; i < len(broken); i++ {
			broken[i] ^= 0x5A
		}
		return broken
	}
	half := len(log) / 2
	for name, test := range map[string]struct {
		log         []byte
		least, most int
	}{
		"whole":                {log, docs, docs},
		"cut in a frame":       {log[:half+100], 1, docs - 1},
		"cut in its header":    {log[:20], 0, 0},
		"ends in garbage":      {garbage(half), 1, docs - 1},
		"is gone":              {nil, 0, 0},
		"is garbage":           {garbage(0), 0, 0},
		"the last byte is off": {garbage(len(log) - 1), docs - 1, docs - 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := errors.Join(
				os.WriteFile(filepath.Join(dir, "loam.db"), file, 0o600),
				os.WriteFile(filepath.Join(dir, "loam.db-wal"), test.log, 0o600))
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, Options{Dir: dir})
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
			got := find(t, s, "c", store.Find{Sort: doc(t, `{"_id":1}`), Projection: doc(t, `{"_id":1}`)})
			for i, d := range got {
				if d != fmt.Sprintf(`{"_id":%d}`, i) {
					t.Errorf("number %d is %s: a later one is there without it", i, d)
				}
			}
			if len(got) < test.least || len(got) > test.most {
				t.Errorf("%d documents, want %d to %d", len(got), test.least, test.most)
			}
			insert(t, s, "c", `{"_id":"goes on"}`)
		})
	}
}

// runOutOfFiles uses a store when no file can be opened, and then when it can.
func runOutOfFiles(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: dir, CacheBytes: -1})
	if err != nil {
		return err
	}
	one := func(id int) error {
		d, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
		if err != nil {
			return err
		}
		return s.Insert(ctx, "c", d)
	}
	count := func() (int64, error) { return s.Count(ctx, "c", store.Count{}) }
	if err := one(1); err != nil {
		return err
	}
	next, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	number := uint64(next.Fd())
	if err := errors.Join(next.Close(), limitFiles(number)); err != nil {
		return err
	}
	if _, err := count(); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "can't be opened") {
		return fmt.Errorf("without files: told as %w", err)
	}
	if err := one(2); err != nil {
		return fmt.Errorf("a write needs no new file: %w", err)
	}
	if err := limitFiles(1 << 20); err != nil {
		return err
	}
	if n, err := count(); err != nil || n != 2 {
		return fmt.Errorf("with files again: %d documents (%w)", n, err)
	}
	return errors.Join(s.Check(ctx), s.Close(ctx))
}

func TestWithoutFilesItIsToldAndWorksAgain(t *testing.T) {
	needLinux(t)
	if out, err := child(t, "run out of files", t.TempDir()).Output(); err != nil {
		t.Errorf("%s (%v)", out, err)
	}
}

// A clock that jumps back removes nothing before its time and keeps nothing
// after it; one that jumps ahead has no say in what is not expired yet.
func TestClockThatJumps(t *testing.T) {
	s := open(t, Options{SweepInterval: -1})
	minute := int32(60)
	define(t, s, "c", store.Index{Keys: doc(t, `{"t":1}`), ExpireAfterSeconds: &minute})
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, age := range []time.Duration{2 * time.Hour, 2 * time.Minute, 0, -time.Hour} {
		err := s.Insert(t.Context(), "c", raw(t, bson.D{{Key: "_id", Value: i}, {Key: "t", Value: bson.NewDateTimeFromTime(now.Add(-age))}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, sweep := range []struct {
		at   time.Duration
		left []string
	}{
		{-24 * time.Hour, []string{`{"_id":0}`, `{"_id":1}`, `{"_id":2}`, `{"_id":3}`}},
		{-time.Hour, []string{`{"_id":1}`, `{"_id":2}`, `{"_id":3}`}},
		{-48 * time.Hour, []string{`{"_id":1}`, `{"_id":2}`, `{"_id":3}`}},
		{0, []string{`{"_id":2}`, `{"_id":3}`}},
		{-time.Minute, []string{`{"_id":2}`, `{"_id":3}`}},
		{time.Minute, []string{`{"_id":3}`}},
	} {
		if err := s.sweeper.sweep(t.Context(), now.Add(sweep.at)); err != nil {
			t.Fatal(err)
		}
		want(t, find(t, s, "c", store.Find{Projection: doc(t, `{"_id":1}`), Sort: doc(t, `{"_id":1}`)}), sweep.left...)
	}
}
