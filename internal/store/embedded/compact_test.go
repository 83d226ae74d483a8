package embedded

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// fillAndEmpty makes a file of mostly free pages.
func fillAndEmpty(t *testing.T, s *Store) {
	t.Helper()
	for n := range 10 {
		var docs []bson.Raw
		for i := range 200 {
			docs = append(docs, raw(t, bson.D{{Key: "_id", Value: n*200 + i}, {Key: "s", Value: strings.Repeat("x", 8000)}}))
		}
		if err := s.Insert(t.Context(), "c", docs...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Delete(t.Context(), "c", doc(t, `{"_id":{"$gte":100}}`), true); err != nil {
		t.Fatal(err)
	}
}

func pages(t *testing.T, s *Store, does purpose) (n int64) {
	t.Helper()
	err := s.writer.do(t.Context(), &operation{run: func(tx *writeTx) (err error) {
		n, err = tx.conn.number(stmtKey{does: does}, nothing)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Pages that become free go back to the file system while others write.
func TestFreePagesAreGivenBack(t *testing.T) {
	s := open(t, Options{Durability: Normal, SweepInterval: -1})
	fillAndEmpty(t, s)
	full, free := pages(t, s, countPages), pages(t, s, countFree)
	if free < full/2 {
		t.Fatalf("%d of %d pages are free", free, full)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			if err := s.Insert(t.Context(), "c", raw(t, bson.D{{Key: "_id", Value: fmt.Sprint("new", n)}})); err != nil {
				t.Error(err)
			}
		}
	})
	err := s.giveBack(t.Context())
	stop()
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if now, free := pages(t, s, countPages), pages(t, s, countFree); now > full/2 || free >= freePages {
		t.Errorf("%d pages, %d free; before %d", now, free, full)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := s.Count(t.Context(), "c", store.Count{Filter: doc(t, `{"_id":{"$lt":100}}`)}); err != nil || n != 100 {
		t.Errorf("%d documents (%v)", n, err)
	}
}

func TestFreePagesAreGivenBackByItself(t *testing.T) {
	s := open(t, Options{Durability: Normal, SweepInterval: time.Millisecond})
	fillAndEmpty(t, s)
	for pages(t, s, countFree) >= freePages {
		time.Sleep(time.Millisecond)
	}
}

// A file from before pages were given back begins to do so when it is compacted.
func TestCompact(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	s := open(t, Options{Dir: dir, Durability: Normal, SweepInterval: -1})
	fillAndEmpty(t, s)
	full := pages(t, s, countPages)
	if err := s.giveBack(t.Context()); err != nil || pages(t, s, countPages) < full {
		t.Errorf("an old file has %d pages, before %d (%v)", pages(t, s, countPages), full, err)
	}
	shut(t, s)
	before, after, err := CompactDir(t.Context(), dir)
	if err != nil || after > before/5 {
		t.Errorf("%d bytes, before %d (%v)", after, before, err)
	}
	if size, err := sizeOf(filepath.Join(dir, "loam.db")); err != nil || size != after {
		t.Errorf("%d bytes, told as %d (%v)", size, after, err)
	}
	if found := checked(t, dir); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	s = open(t, Options{Dir: dir, Durability: Normal, SweepInterval: -1})
	if n, err := s.Count(t.Context(), "c", store.Count{}); err != nil || n != 100 {
		t.Errorf("%d documents (%v)", n, err)
	}
	if _, err := s.Delete(t.Context(), "c", doc(t, `{}`), true); err != nil {
		t.Fatal(err)
	}
	fillAndEmpty(t, s)
	full = pages(t, s, countPages)
	if err := s.giveBack(t.Context()); err != nil || pages(t, s, countPages) > full/2 {
		t.Errorf("a compacted file has %d pages, before %d (%v)", pages(t, s, countPages), full, err)
	}
	shut(t, s)
	if _, _, err := CompactDir(t.Context(), t.TempDir()); err == nil {
		t.Error("an empty directory was compacted")
	}
}
