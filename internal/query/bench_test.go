package query_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// BenchmarkDecodeCompile is the whole way of a typical query from its decoded
// JSON body to the filter and the sort.
func BenchmarkDecodeCompile(b *testing.B) {
	for _, bm := range []struct{ name, body string }{
		{"typical", `{"where":{"name":"x","score":{"$gt":5}},"order":"-createdAt","limit":20}`},
		{"by pointer", `{"where":{"author":{"__type":"Pointer","className":"_User","objectId":"aaaaaaaaaa"}},"include":"author","limit":100}`},
		{"$or of five", `{"where":{"$or":[{"name":"a"},{"name":"b"},{"score":{"$gt":1,"$lt":2}},{"tags":"x"},{"over":true}]}}`},
		{"$in of 100", `{"where":{"objectId":{"$in":[` + hundredIDs() + `]}}}`},
	} {
		o, err := parse.DecodeObject([]byte(bm.body), parse.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		limits := query.Limits{QueryDepth: 10, SubqueryDepth: 5, IncludeDepth: 5, IncludeCount: 50, WhereNodes: 500, InValues: 1000, RegexLength: 1000}
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q, err := query.Decode(query.ParamsFromObject(o), limits)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := query.Compile(q.Where, game, now); err != nil {
					b.Fatal(err)
				}
				if _, err := query.CompileOrder(q.Order, game); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func hundredIDs() string {
	ids := `"aaaaaaaaaa"`
	for range 99 {
		ids += `,"aaaaaaaaaa"`
	}
	return ids
}
