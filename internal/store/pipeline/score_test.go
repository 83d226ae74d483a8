package pipeline

import (
	"context"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// searched is a source in which a text search finds all documents, each with its
// field b for a score. It sorts nothing.
type searched struct{ *memory }

func (s searched) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	if len(q.Sort) > 0 {
		return store.BadRequest(codeMemoryNeedsDisk, "too much to sort")
	}
	scored := q.Projection != nil
	q.Filter, q.Projection = nil, nil
	return s.memory.Find(ctx, collection, q, func(doc bson.Raw) error {
		if !scored {
			return yield(doc)
		}
		b, _ := match.Lookup(doc, "b").AsInt64OK()
		with := append([]byte(nil), doc[:len(doc)-1]...)
		return yield(closeDocument(appendField(with, scoreField, doubleValue(float64(b))), 0))
	})
}

func (s searched) Count(ctx context.Context, collection string, _ store.Count) (int64, error) {
	return s.memory.Count(ctx, collection, store.Count{})
}

// Whatever holds documents, in memory or in files, they come out of it with the
// score with which they went in, and what is made of many has none.
func TestDocumentsKeepTheirScores(t *testing.T) {
	const right = `{"$match":{"$expr":{"$ne":["$b",{"$meta":"textScore"}]}}},{"$count":"wrong"}`
	m := searched{manyDocuments(t, 1000)}
	for _, c := range []struct {
		stages string
		want   []string
	}{
		{`{"$set":{"k":{"$mod":["$a",1000]}}},{"$sort":{"k":1}},` + right, nil},
		{`{"$sort":{"a":-1}},{"$skip":1},` + right, nil},
		{`{"$sample":{"size":900}},` + right, nil},
		{`{"$lookup":{"from":"c","localField":"a","foreignField":"_id","as":"x"}},{"$unwind":"$x"},` + right, nil},
		{`{"$limit":50},{"$lookup":{"from":"c","let":{"a":"$a"},"pipeline":[{"$match":{"$expr":{"$eq":["$_id","$$a"]}}}],"as":"x"}},{"$sort":{"a":1}},` + right, nil},
		{`{"$sort":{"s":{"$meta":"textScore"},"_id":1}},{"$limit":2},{"$project":{"_id":1,"m":{"$meta":"textScore"}}}`,
			[]string{`{"_id":499,"m":499.0}`, `{"_id":999,"m":499.0}`}},
		{`{"$set":{"k":1}},{"$sort":{"s":{"$meta":"textScore"},"_id":-1}},{"$limit":1},{"$project":{"_id":1}}`, []string{`{"_id":999}`}},
		{`{"$group":{"_id":"$a","m":{"$max":{"$meta":"textScore"}},"b":{"$first":"$b"}}},{"$match":{"$expr":{"$ne":["$m","$b"]}}},{"$count":"wrong"}`, nil},
		{`{"$bucketAuto":{"groupBy":"$a","buckets":1,"output":{"wrong":{"$max":{"$cond":[{"$eq":["$b",{"$meta":"textScore"}]},0,1]}}}}},{"$project":{"_id":0,"wrong":1,"m":{"$meta":"textScore"}}}`,
			[]string{`{"wrong":0}`}},
		{`{"$group":{"_id":null,"n":{"$sum":1}}},{"$project":{"n":1,"m":{"$meta":"textScore"}}}`, []string{`{"_id":null,"n":1000}`}},
		{`{"$count":"n"},{"$project":{"n":1,"m":{"$meta":"textScore"}}}`, []string{`{"n":1000}`}},
		{`{"$facet":{"a":[{"$lookup":{"from":"c","localField":"a","foreignField":"_id","as":"x"}},{"$limit":500},` + right + `],"b":[` + right + `]}}`,
			[]string{`{"a":[],"b":[]}`}},
		{`{"$limit":1},{"$unionWith":{"coll":"c","pipeline":[{"$limit":1}]}},{"$project":{"_id":1,"m":{"$meta":"textScore"}}}`,
			[]string{`{"_id":0,"m":0.0}`, `{"_id":0}`}},
	} {
		for _, memory := range []int{0, 64 << 10} {
			t.Run(c.stages, func(t *testing.T) {
				got, err := run(t.Context(), m, "c", `[{"$match":{"$text":{"$search":"x"}}},`+c.stages+`]`, Options{Dir: t.TempDir(), memory: memory})
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, text := range c.want {
					text, err := bson.MarshalExtJSON(document(t, text), true, false)
					if err != nil {
						t.Fatal(err)
					}
					want = append(want, string(text))
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}
