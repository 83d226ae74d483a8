package embedded

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// millionVariable makes BenchmarkMillion run: it takes minutes and a gigabyte.
const millionVariable = "LOAM_BENCH_MILLION"

var millionIndexes = []store.Index{
	{Keys: bson.D{{Key: "category", Value: 1}, {Key: "_created_at", Value: 1}}},
	{Keys: bson.D{{Key: "_p_author", Value: 1}}},
}

// load inserts documents from a number on, a thousand at a time.
func load(b *testing.B, s *Store, from, to int) {
	b.Helper()
	docs := make([]bson.Raw, 0, 1000)
	for i := from; i < to; i++ {
		docs = append(docs, raw(b, benchDoc(i)))
		if len(docs) == cap(docs) || i == to-1 {
			if err := s.Insert(b.Context(), "c", docs...); err != nil {
				b.Fatal(err)
			}
			docs = docs[:0]
		}
	}
}

// latency is the median time of a hundred documents by an index, one category
// from some time on, in microseconds. The times are those of that many documents,
// the latest.
func latency(b *testing.B, s *Store, docs, latest int) float64 {
	b.Helper()
	const rounds = 2000
	took := make([]time.Duration, 0, rounds)
	for range rounds {
		n := 0
		// A category has a document each 100 seconds.
		since := benchEpoch + (docs-latest+rand.IntN(max(latest-10_000, 1)))*1000
		begun := time.Now()
		err := s.Find(b.Context(), "c", store.Find{
			Filter: bson.D{
				{Key: "category", Value: fmt.Sprintf("category%02d", rand.IntN(100))},
				{Key: "_created_at", Value: bson.D{{Key: "$gte", Value: bson.DateTime(since)}}},
			},
			Sort: bson.D{{Key: "_created_at", Value: 1}}, Limit: 100,
		}, func(bson.Raw) error {
			n++
			return nil
		})
		if err != nil || n < 99 {
			b.Fatal(n, err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return float64(took[rounds/2].Nanoseconds()) / 1e3
}

// A million documents of about 600 bytes with two indexes are loaded durably, a
// thousand in one call, an indexed query takes what it takes among ten thousand,
// and the file is copied and checked.
func BenchmarkMillion(b *testing.B) {
	if os.Getenv(millionVariable) == "" {
		b.Skip("takes minutes; set " + millionVariable)
	}
	const few, many = 10_000, 1_000_000
	dir := b.TempDir()
	s := open(b, Options{Dir: dir})
	if err := s.CreateIndexes(b.Context(), "c", millionIndexes...); err != nil {
		b.Fatal(err)
	}
	load(b, s, 0, few)
	among10k := latency(b, s, few, few)
	begun := time.Now()
	load(b, s, few, many)
	b.ReportMetric(time.Since(begun).Seconds(), "s/load")
	b.ReportMetric(among10k, "µs/find-10k")
	b.ReportMetric(latency(b, s, many, few), "µs/find-1M")
	b.ReportMetric(latency(b, s, many, many), "µs/find-1M-anywhere")
	begun = time.Now()
	if err := s.Snapshot(b.Context(), filepath.Join(b.TempDir(), "copy")); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(begun).Seconds(), "s/snapshot")
	begun = time.Now()
	if err := CheckDir(b.Context(), dir, func(f *Finding) error { return f }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(begun).Seconds(), "s/check")
	size, err := sizeOf(filepath.Join(dir, "loam.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size)/1e6, "MB")
}
