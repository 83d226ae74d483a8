package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func numbered(t *testing.T, n int) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(bson.D{{Key: "n", Value: int64(n)}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSpoolKeepsTheOrder(t *testing.T) {
	for name, memory := range map[string]int{"in memory": 1 << 20, "in a file": 100} {
		t.Run(name, func(t *testing.T) {
			reserved := int64(0)
			s := New(Options{Dir: t.TempDir(), Memory: memory, Reserve: func(n int64) bool {
				reserved += n
				return true
			}})
			for i := range 1000 {
				if err := s.Add(numbered(t, i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Rewind(); err != nil {
				t.Fatal(err)
			}
			for i := range 1000 {
				doc, err := s.Next()
				if err != nil || doc.Lookup("n").Int64() != int64(i) {
					t.Fatalf("document %d is %s, %v", i, doc, err)
				}
			}
			if doc, err := s.Next(); doc != nil || err != nil {
				t.Errorf("after the last one comes %s, %v", doc, err)
			}
			s.Close()
			if reserved != 0 {
				t.Errorf("%d bytes are still reserved", reserved)
			}
		})
	}
}

func TestNothingIsLeftOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := New(Options{Dir: dir, Memory: 10})
	sorter := NewSorter(Options{Dir: dir, Memory: 200}, 0)
	for i := range 100 {
		if err := errors.Join(s.Add(numbered(t, i)), sorter.Add([]byte{byte(i)}, numbered(t, i))); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	sorter.Close()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestWhereFilesAreRefused(t *testing.T) {
	refused := errors.New("no files")
	o := Options{Dir: t.TempDir(), Memory: 200, Refuse: refused}
	s, sorter := New(o), NewSorter(o, 0)
	var spooled, sorted error
	for i := range 100 {
		spooled, sorted = errors.Join(spooled, s.Add(numbered(t, i))), errors.Join(sorted, sorter.Add(nil, numbered(t, i)))
	}
	if !errors.Is(spooled, refused) || !errors.Is(sorted, refused) {
		t.Errorf("errors are %v and %v", spooled, sorted)
	}
}

// TestSorterSorts compares it with a sort of all in memory, ties in the order in
// which they came.
func TestSorterSorts(t *testing.T) {
	for _, memory := range []int{1 << 20, 2000, 100} {
		for _, capacity := range []int64{0, 1, 10, 500} {
			t.Run(fmt.Sprintf("%d bytes, first %d", memory, capacity), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				s := NewSorter(Options{Dir: t.TempDir(), Memory: memory}, capacity)
				defer s.Close()
				keys := make([]byte, 300)
				want := make([]int, len(keys))
				for i := range keys {
					keys[i], want[i] = byte(r.IntN(40)), i
					if err := s.Add(keys[i:i+1], binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
						t.Fatal(err)
					}
				}
				slices.SortStableFunc(want, func(a, b int) int { return int(keys[a]) - int(keys[b]) })
				if capacity > 0 {
					want = want[:min(int(capacity), len(want))]
				}
				var got []int
				err := s.Sorted(func(record []byte) (bool, error) {
					got = append(got, int(binary.BigEndian.Uint32(record)))
					return true, nil
				})
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("sorted %v, %v\nwant %v", got, err, want)
				}
			})
		}
	}
	t.Run("until enough", func(t *testing.T) {
		s := NewSorter(Options{Dir: t.TempDir(), Memory: 100}, 0)
		defer s.Close()
		for i := range 50 {
			if err := s.Add([]byte{byte(i)}, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		err := s.Sorted(func([]byte) (bool, error) {
			n++
			return n < 3, nil
		})
		if n != 3 || err != nil {
			t.Errorf("%d records, %v", n, err)
		}
	})
}

func TestAFileThatIsCutOff(t *testing.T) {
	s := New(Options{Dir: t.TempDir(), Memory: 10})
	defer s.Close()
	if err := errors.Join(s.Add(numbered(t, 1)), s.Add(numbered(t, 2)), s.Rewind(), s.file.Truncate(25)); err != nil {
		t.Fatal(err)
	}
	if doc, err := s.Next(); err != nil || doc.Lookup("n").Int64() != 1 {
		t.Errorf("the whole document is read as %s, %v", doc, err)
	}
	if doc, err := s.Next(); err == nil {
		t.Errorf("half a document is read as %s", doc)
	}
}
