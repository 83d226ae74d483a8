package embedded

import (
	"math/rand/v2"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// placesStore has 100,000 places all over the earth, in documents of about 600 bytes.
func placesStore(b *testing.B) *Store {
	b.Helper()
	s := open(b, Options{})
	e := earth{rand.New(rand.NewPCG(1, 7))}
	var docs []bson.Raw
	for i := range 100_000 {
		docs = append(docs, raw(b, append(benchDoc(i), bson.E{Key: "p", Value: e.position()})))
		if len(docs) == 1000 {
			if err := s.Insert(b.Context(), "c", docs...); err != nil {
				b.Fatal(err)
			}
			docs = docs[:0]
		}
	}
	define(b, s, "c", store.Index{Keys: bson.D{{Key: "p", Value: "2d"}}})
	return s
}

func benchFind(b *testing.B, s *Store, q store.Find, want int) {
	b.Helper()
	for b.Loop() {
		n := 0
		if err := s.Find(b.Context(), "c", q, func(bson.Raw) error { n++; return nil }); err != nil {
			b.Fatal(err)
		}
		if n < want {
			b.Fatalf("found %d", n)
		}
	}
}

func BenchmarkGeo(b *testing.B) {
	s := placesStore(b)
	near := bson.D{{Key: "p", Value: with("$nearSphere", bson.A{11.5, 48.2})}}
	box := bson.D{{Key: "p", Value: with("$geoWithin", with("$box", bson.A{bson.A{10.5, 50.5}, bson.A{10.6, 50.6}}))}}
	b.Run("near10", func(b *testing.B) { benchFind(b, s, store.Find{Filter: near, Limit: 10}, 10) })
	// The least that a scan for what is near must do.
	b.Run("near10scan", func(b *testing.B) {
		m, err := match.Compile(near)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			nearest := 1e9
			err := s.Find(b.Context(), "c", store.Find{}, func(d bson.Raw) error {
				distance, _ := m.Near().Distance(d)
				nearest = min(nearest, distance)
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("box", func(b *testing.B) { benchFind(b, s, store.Find{Filter: box}, 1) })
	b.Run("boxScan", func(b *testing.B) {
		benchFind(b, s, store.Find{Filter: box, Hint: bson.D{{Key: "$natural", Value: 1}}}, 1)
	})
}
