package embedded

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// groupedDocs is how many documents are grouped.
const groupedDocs = 100_000

func groupedStore(b *testing.B) *Store {
	b.Helper()
	s := open(b, Options{})
	err := s.CreateIndexes(b.Context(), "c", store.Index{Keys: bson.D{{Key: "category", Value: 1}}})
	if err != nil {
		b.Fatal(err)
	}
	var docs []bson.Raw
	for i := range groupedDocs {
		docs = append(docs, raw(b, benchDoc(i)))
		if len(docs) == 1000 {
			if err := s.Insert(b.Context(), "c", docs...); err != nil {
				b.Fatal(err)
			}
			docs = docs[:0]
		}
	}
	return s
}

// BenchmarkAggregate runs pipelines over 100,000 documents; the searches beside
// them are what they can't be faster than.
func BenchmarkAggregate(b *testing.B) {
	s := groupedStore(b)
	b.Run("find all", func(b *testing.B) {
		for b.Loop() {
			if err := s.Find(b.Context(), "c", store.Find{}, ignore); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("find, sort and limit by index", func(b *testing.B) {
		q := store.Find{Filter: doc(b, `{"category":"category07"}`), Sort: doc(b, `{"_id":1}`), Limit: 20}
		for b.Loop() {
			if err := s.Find(b.Context(), "c", q, ignore); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, bench := range []struct{ name, stages string }{
		{"match, sort and limit by index", `[{"$match":{"category":"category07"}},{"$sort":{"_id":1}},{"$limit":20}]`},
		{"group by an indexed field", `[{"$group":{"_id":"$category","n":{"$sum":1},"s":{"$avg":"$score"}}}]`},
		{"group by a field without index", `[{"$group":{"_id":"$_p_author","n":{"$sum":1},"s":{"$avg":"$score"}}}]`},
		{"count what an index knows", `[{"$match":{"category":"category07"}},{"$count":"n"}]`},
		{"sort all without index", `[{"$sort":{"score":1}},{"$project":{"score":1}}]`},
		{"look up for 1,000", `[{"$match":{"category":"category07"}},{"$lookup":{"from":"c","localField":"_id","foreignField":"_id","as":"x"}}]`},
		{"look up with a pipeline for 1,000", `[{"$match":{"category":"category07"}},{"$lookup":{"from":"c","let":{"i":"$_id"},"pipeline":[{"$match":{"$expr":{"$eq":["$_id","$$i"]}}}],"as":"x"}}]`},
	} {
		stages := doc(b, `{"p":`+bench.stages+`}`)[0].Value.(bson.A)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Aggregate(b.Context(), "c", stages, store.AggregateOptions{}, ignore); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
