package embedded

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"zombiezen.com/go/sqlite"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// benchDocs is how many documents there are to read.
const benchDocs = 20_000

func benchID(i int) string { return fmt.Sprintf("id%08d", i) }

func benchKey(b *testing.B, i int) []byte {
	key, err := match.AppendKeyOf(nil, benchID(i))
	if err != nil {
		b.Fatal(err)
	}
	return key
}

// benchEpoch is when the first document was made, in milliseconds; each other is
// a second younger.
const benchEpoch = 1_700_000_000_000

// benchDoc is a document of about 600 bytes, as Parse objects are stored.
func benchDoc(i int) bson.D {
	return bson.D{
		{Key: "_id", Value: benchID(i)},
		{Key: "category", Value: fmt.Sprintf("category%02d", i%100)},
		{Key: "title", Value: fmt.Sprintf("The title of number %d, which is not very long", i)},
		{Key: "body", Value: "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud."},
		{Key: "score", Value: float64(i % 1000)},
		{Key: "tags", Value: bson.A{"red", "green", fmt.Sprintf("tag%d", i%50)}},
		{Key: "active", Value: i%2 == 0},
		{Key: "_p_author", Value: fmt.Sprintf("_User$u%08d", i%500)},
		{Key: "_rperm", Value: bson.A{"*", "role:moderator"}},
		{Key: "_wperm", Value: bson.A{fmt.Sprintf("u%08d", i%500)}},
		{Key: "_created_at", Value: bson.DateTime(benchEpoch + i*1000)},
		{Key: "_updated_at", Value: bson.DateTime(benchEpoch + i*1000)},
	}
}

func benchStore(b *testing.B, o Options) *Store {
	b.Helper()
	s := open(b, o)
	ctx := b.Context()
	err := s.CreateIndexes(ctx, "c", store.Index{Keys: bson.D{{Key: "category", Value: 1}, {Key: "_created_at", Value: 1}}})
	if err != nil {
		b.Fatal(err)
	}
	var docs []bson.Raw
	for i := range benchDocs {
		docs = append(docs, raw(b, benchDoc(i)))
		if len(docs) == 1000 {
			if err := s.Insert(ctx, "c", docs...); err != nil {
				b.Fatal(err)
			}
			docs = docs[:0]
		}
	}
	b.ResetTimer()
	return s
}

func ignore(bson.Raw) error { return nil }

// The bare look-up is what any store on SQLite must do at least.
func BenchmarkGetBare(b *testing.B) {
	dir := b.TempDir()
	s := benchStore(b, Options{Dir: dir})
	coll := s.catalog.Load().collections["c"]
	db, err := sqlite.OpenConn(filepath.Join(dir, "loam.db"), sqlite.OpenReadOnly)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	st, err := db.Prepare(stmtKey{does: docByID, docs: coll.n}.sql())
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		st.BindBytes(1, benchKey(b, rand.IntN(benchDocs)))
		if found, err := st.Step(); err != nil || !found {
			b.Fatal(found, err)
		}
		st.ColumnBytes(1, buffer)
		st.Reset()
	}
}

func benchmarkGet(b *testing.B, o Options, filter func(id string) bson.D, parallel bool) {
	s := benchStore(b, o)
	ctx := b.Context()
	b.ReportAllocs()
	get := func() {
		id := benchID(rand.IntN(benchDocs))
		found := false
		err := s.Find(ctx, "c", store.Find{Filter: filter(id), Limit: 1}, func(bson.Raw) error {
			found = true
			return nil
		})
		if err != nil || !found {
			b.Fatal(id, found, err)
		}
	}
	for i := range benchDocs { // fills the cache, if there is one
		if _, err := s.lookup(ctx, "c", benchKey(b, i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	if parallel {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				get()
			}
		})
		return
	}
	for b.Loop() {
		get()
	}
}

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func byIDAndACL(id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "_rperm", Value: bson.D{{Key: "$in", Value: bson.A{nil, "*", "u00000001"}}}}}
}

func BenchmarkGetUncached(b *testing.B) { benchmarkGet(b, Options{CacheBytes: -1}, byID, false) }
func BenchmarkGetCached(b *testing.B)   { benchmarkGet(b, Options{CacheBytes: 64 << 20}, byID, false) }
func BenchmarkGetCachedACL(b *testing.B) {
	benchmarkGet(b, Options{CacheBytes: 64 << 20}, byIDAndACL, false)
}
func BenchmarkGetUncachedParallel(b *testing.B) {
	benchmarkGet(b, Options{CacheBytes: -1}, byID, true)
}
func BenchmarkGetCachedParallel(b *testing.B) {
	benchmarkGet(b, Options{CacheBytes: 64 << 20}, byID, true)
}

func benchmarkFind(b *testing.B, q store.Find, want int) {
	s := benchStore(b, Options{})
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		err := s.Find(ctx, "c", q, func(bson.Raw) error {
			n++
			return nil
		})
		if err != nil || n != want {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkFind100ByIndex(b *testing.B) {
	benchmarkFind(b, store.Find{
		Filter: bson.D{{Key: "category", Value: "category42"}}, Sort: bson.D{{Key: "_created_at", Value: -1}}, Limit: 100,
	}, 100)
}

func BenchmarkFind100ByIndexACL(b *testing.B) {
	benchmarkFind(b, store.Find{
		Filter: bson.D{{Key: "category", Value: "category42"}, {Key: "_rperm", Value: bson.D{{Key: "$in", Value: bson.A{nil, "*", "u00000001"}}}}},
		Sort:   bson.D{{Key: "_created_at", Value: -1}}, Limit: 100,
	}, 100)
}

// Documents all over a collection that is much larger than the cache.
func BenchmarkFind100Anywhere(b *testing.B) {
	s := benchStore(b, Options{CacheBytes: 1 << 20})
	b.ReportAllocs()
	for b.Loop() {
		since := bson.DateTime(benchEpoch + rand.IntN(benchDocs/2)*1000)
		n := 0
		err := s.Find(b.Context(), "c", store.Find{
			Filter: bson.D{
				{Key: "category", Value: fmt.Sprintf("category%02d", rand.IntN(100))},
				{Key: "_created_at", Value: bson.D{{Key: "$gte", Value: since}}},
			},
			Sort: bson.D{{Key: "_created_at", Value: 1}}, Limit: 100,
		}, func(bson.Raw) error {
			n++
			return nil
		})
		if err != nil || n != 100 {
			b.Fatal(n, err)
		}
	}
}

// The same statement on the connection alone is the limit of the one above.
func BenchmarkFind100Bare(b *testing.B) {
	s := benchStore(b, Options{})
	coll := s.catalog.Load().collections["c"]
	q, err := newSearch("c", store.Find{
		Filter: bson.D{{Key: "category", Value: "category42"}}, Sort: bson.D{{Key: "_created_at", Value: -1}}, Limit: 100,
	})
	if err != nil {
		b.Fatal(err)
	}
	c, err := s.readers.take()
	if err != nil {
		b.Fatal(err)
	}
	defer s.readers.keep(c)
	r := coll.indexes[0].plan(&q.request).ranges[0]
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		st, err := c.prepare(stmtKey{does: indexDown, docs: coll.n, index: coll.indexes[0].n})
		if err != nil {
			b.Fatal(err)
		}
		st.bindBlob(1, r.low)
		st.bindBlob(2, r.high)
		for range 100 {
			if more, err := st.step(); err != nil || !more {
				b.Fatal(more, err)
			}
			buffer = append(buffer[:0], st.blob(1)...)
		}
		st.reset()
	}
}

func BenchmarkFind100IDs(b *testing.B) {
	ids := bson.A{}
	for i := range 100 {
		ids = append(ids, benchID(i*7))
	}
	benchmarkFind(b, store.Find{Filter: bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}}, 100)
}

// benchScan is a filter that no index serves.
var benchScan = bson.D{{Key: "title", Value: bson.Regex{Pattern: "number 77, "}}, {Key: "_rperm", Value: bson.D{{Key: "$in", Value: bson.A{nil, "*"}}}}}

// One operation reads all the documents.
func BenchmarkScan(b *testing.B) {
	benchmarkFind(b, store.Find{Filter: benchScan}, 1)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchDocs, "ns/doc")
}

func BenchmarkCountByIndex(b *testing.B) {
	s := benchStore(b, Options{})
	ctx := b.Context()
	for b.Loop() {
		if n, err := s.Count(ctx, "c", store.Count{Filter: bson.D{{Key: "category", Value: "category42"}}}); err != nil || n != benchDocs/100 {
			b.Fatal(n, err)
		}
	}
}

func benchmarkWrite(b *testing.B, clients int, d Durability, write func(s *Store, i int) error) {
	s := open(b, Options{Durability: d})
	if err := s.CreateIndexes(b.Context(), "c", store.Index{Keys: bson.D{{Key: "category", Value: 1}, {Key: "_created_at", Value: 1}}}); err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(clients) // times GOMAXPROCS
	one := func() {
		if err := write(s, int(next.Add(1))); err != nil {
			b.Error(err)
		}
	}
	if clients == 0 {
		for b.Loop() {
			one()
		}
	} else {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				one()
			}
		})
	}
	b.ReportMetric(float64(next.Load())/float64(max(s.writer.commits.Load(), 1)), "writes/commit")
}

func BenchmarkInsert(b *testing.B) {
	insert := func(s *Store, i int) error { return s.Insert(b.Context(), "c", raw(b, benchDoc(i))) }
	b.Run("1", func(b *testing.B) { benchmarkWrite(b, 0, Full, insert) })
	b.Run("16", func(b *testing.B) { benchmarkWrite(b, 8, Full, insert) })
	b.Run("64", func(b *testing.B) { benchmarkWrite(b, 32, Full, insert) })
	b.Run("16Normal", func(b *testing.B) { benchmarkWrite(b, 8, Normal, insert) })
}

func BenchmarkIncrement(b *testing.B) {
	increment := func(s *Store, i int) error {
		_, err := s.Update(b.Context(), "c", store.Update{
			Filter: byID(benchID(i % 100)), Change: bson.D{{Key: "$inc", Value: bson.D{{Key: "score", Value: 1}}}}, Upsert: true,
		})
		return err
	}
	b.Run("1", func(b *testing.B) { benchmarkWrite(b, 0, Full, increment) })
	b.Run("16", func(b *testing.B) { benchmarkWrite(b, 8, Full, increment) })
}
