package embedded

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
	"zombiezen.com/go/sqlite"

	"github.com/loam-baas/loam/internal/store/match"
)

// What others make of the same documents and keys, without queries, uniqueness
// or a cache: SQLite as it is, and bbolt, which reads from mapped memory. They
// are the floor that the store's own benchmarks are measured from.

var (
	boltDocs  = []byte("docs")
	boltIndex = []byte("index")
)

// boltKey is the key of a document in the index of category and time.
func boltKey(b *testing.B, doc bson.Raw) []byte {
	b.Helper()
	key, err := match.AppendKeyOf(nil, doc.Lookup("category").StringValue())
	if err != nil {
		b.Fatal(err)
	}
	return binary.BigEndian.AppendUint64(key, uint64(doc.Lookup("_created_at").DateTime()))
}

func boltPut(tx *bbolt.Tx, id, key, doc []byte) error {
	if err := tx.Bucket(boltDocs).Put(id, doc); err != nil {
		return err
	}
	return tx.Bucket(boltIndex).Put(key, id)
}

func openBolt(b *testing.B) *bbolt.DB {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bolt.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{boltDocs, boltIndex} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func boltStore(b *testing.B) *bbolt.DB {
	b.Helper()
	db := openBolt(b)
	err := db.Update(func(tx *bbolt.Tx) error {
		for i := range benchDocs {
			doc := raw(b, benchDoc(i))
			if err := boltPut(tx, benchKey(b, i), boltKey(b, doc), doc); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return db
}

func BenchmarkGetBolt(b *testing.B) {
	db := boltStore(b)
	var buffer []byte
	for b.Loop() {
		err := db.View(func(tx *bbolt.Tx) error {
			buffer = append(buffer[:0], tx.Bucket(boltDocs).Get(benchKey(b, rand.IntN(benchDocs)))...)
			return nil
		})
		if err != nil || len(buffer) == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind100Bolt(b *testing.B) {
	db := boltStore(b)
	first := boltKey(b, raw(b, benchDoc(42)))
	var buffer []byte
	for b.Loop() {
		n := 0
		err := db.View(func(tx *bbolt.Tx) error {
			docs, c := tx.Bucket(boltDocs), tx.Bucket(boltIndex).Cursor()
			for k, id := c.Seek(first); k != nil && n < 100; k, id = c.Next() {
				buffer = append(buffer[:0], docs.Get(id)...)
				n++
			}
			return nil
		})
		if err != nil || n != 100 {
			b.Fatal(n, err)
		}
	}
}

// benchScanFilter is the filter of BenchmarkScan.
func benchScanFilter(b *testing.B) *match.Matcher {
	b.Helper()
	filter, err := match.Encode(benchScan)
	if err != nil {
		b.Fatal(err)
	}
	m, err := match.CollationOf(false).CompileRaw(filter)
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func BenchmarkScanBolt(b *testing.B) {
	db, m := boltStore(b), benchScanFilter(b)
	for b.Loop() {
		n := 0
		err := db.View(func(tx *bbolt.Tx) error {
			return tx.Bucket(boltDocs).ForEach(func(_, doc []byte) error {
				if m.Match(doc) {
					n++
				}
				return nil
			})
		})
		if err != nil || n != 1 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchDocs, "ns/doc")
}

// The same statement and filter on a connection alone.
func BenchmarkScanBare(b *testing.B) {
	dir := b.TempDir()
	s, m := benchStore(b, Options{Dir: dir}), benchScanFilter(b)
	db, err := sqlite.OpenConn(filepath.Join(dir, "loam.db"), sqlite.OpenReadOnly)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	st, err := db.Prepare(stmtKey{does: docsAll, docs: s.catalog.Load().collections["c"].n}.sql())
	if err != nil {
		b.Fatal(err)
	}
	var buffer [1024]byte
	for b.Loop() {
		n := 0
		for {
			more, err := st.Step()
			if err != nil {
				b.Fatal(err)
			}
			if !more {
				break
			}
			if m.Match(buffer[:st.ColumnBytes(1, buffer[:])]) {
				n++
			}
		}
		if n != 1 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchDocs, "ns/doc")
}

// Each insert is synced to the disk; those of several writers may share that.
func BenchmarkInsertBolt(b *testing.B) {
	insert := func(db *bbolt.DB, do func(func(*bbolt.Tx) error) error, i int) error {
		doc := raw(b, benchDoc(i))
		id, key := benchKey(b, i), boltKey(b, doc)
		return do(func(tx *bbolt.Tx) error { return boltPut(tx, id, key, doc) })
	}
	b.Run("1", func(b *testing.B) {
		db := openBolt(b)
		for i := 0; b.Loop(); i++ {
			if err := insert(db, db.Update, i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("16", func(b *testing.B) {
		db := openBolt(b)
		var next atomic.Int64
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := insert(db, db.Batch, int(next.Add(1))); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
