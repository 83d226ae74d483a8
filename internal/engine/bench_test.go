package engine_test

import (
	"context"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/store"
)

// The objects of the benchmarks have 12 fields and about 600 bytes of BSON, as
// those that the embedded store was chosen by.
const benchObjects = 2000

func benchObject(i int) string {
	return fmt.Sprintf(`{"title":"Title of object %d","category":"category-%d","score":%d,"ratio":%d.25,"active":%t,
		"when":{"__type":"Date","iso":"2026-01-02T03:04:05.678Z"},"tags":["red","green","blue"],"owner":{"__type":"Pointer","className":"_User","objectId":"user%d"},
		"place":{"__type":"GeoPoint","latitude":48.5,"longitude":16.25},"details":{"color":"red","size":%d,"list":[1,2,3]},
		"text":"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.","note":"short"}`,
		i, i%20, i%1000, i, i%2 == 0, i%50, i)
}

func benchApp(b *testing.B) (a app, ids []string) {
	a = open(b)
	for i := range benchObjects {
		ids = append(ids, a.create(master, "Thing", benchObject(i)))
	}
	return a, ids
}

// BenchmarkFind100 sets a find of 100 objects against reading the same stored
// documents, by the same conditions, without encoding them.
func BenchmarkFind100(b *testing.B) {
	a, _ := benchApp(b)
	ctx := context.Background()
	index := store.Index{Name: "category_1", Keys: bson.D{{Key: "category", Value: 1}}}
	if err := a.store.CreateIndexes(ctx, "Thing", index); err != nil {
		b.Fatal(err)
	}
	params := object(b, `{"where":{"category":"category-3"},"limit":100}`)
	for _, who := range []struct {
		name   string
		caller engine.Caller
	}{{"client", engine.Caller{UserID: "user1", Roles: []string{"a", "b"}}}, {"master", master}} {
		b.Run("engine/"+who.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q, err := query.Decode(query.ParamsFromObject(params), a.QueryLimits(who.caller))
				if err != nil {
					b.Fatal(err)
				}
				result, err := a.Find(ctx, who.caller, "Thing", q)
				if err != nil {
					b.Fatal(err)
				}
				result.Release()
			}
		})
	}
	for name, filter := range map[string]bson.D{
		"master": {{Key: "category", Value: "category-3"}},
		"client": {{Key: "category", Value: "category-3"}, query.ReadableBy([]string{"user1", "role:a", "role:b"})},
	} {
		b.Run("store/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				find := store.Find{Filter: filter, Limit: 100}
				err := a.store.Find(ctx, "Thing", find, func(doc bson.Raw) error { n += len(doc); return nil })
				if err != nil || n == 0 {
					b.Fatal(err, n)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	a, ids := benchApp(b)
	ctx := context.Background()
	q := &query.Query{}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		result, err := a.Get(ctx, alice, "Thing", ids[i%len(ids)], q)
		if err != nil {
			b.Fatal(err)
		}
		result.Release()
		i++
	}
}

func BenchmarkCreate(b *testing.B) {
	a := open(b)
	ctx := context.Background()
	body := object(b, benchObject(1))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := a.Create(ctx, alice, "Thing", body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	a, ids := benchApp(b)
	ctx := context.Background()
	body := object(b, `{"score":{"__op":"Increment","amount":1}}`)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := a.Update(ctx, alice, "Thing", ids[i%len(ids)], body); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
