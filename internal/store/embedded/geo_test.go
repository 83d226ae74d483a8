package embedded

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// earth makes random places: clustered, scattered, and where maps end.
type earth struct{ *rand.Rand }

func (e earth) position() bson.A {
	lng, lat := e.Float64()*360-180, math.Asin(e.Float64()*2-1)*180/math.Pi
	switch e.IntN(8) {
	case 0:
		lng = []float64{-180, 180, 179.999, -179.999, 0}[e.IntN(5)]
	case 1:
		lat = []float64{-90, 90, 89.99, -89.99, 0}[e.IntN(5)]
	case 2, 3:
		lng, lat = 10+e.Float64(), 50+e.Float64()
	case 4:
		lng, lat = float64(e.IntN(9)-4), float64(e.IntN(9)-4)
	}
	return bson.A{lng, lat}
}

func (e earth) radius() float64 { return math.Pow(10, e.Float64()*5-4.4) }

// ring goes around no pole, where its corners would be one.
func (e earth) ring() bson.A {
	at := e.position()
	lng, lat := at[0].(float64), max(-80, min(80, at[1].(float64)))
	size := min(e.radius()*20, 9.9)
	n := 3 + e.IntN(5)
	var ring bson.A
	for i := range n {
		turn := 2 * math.Pi * (float64(i) + 0.8*e.Float64()) / float64(n)
		x, y := lng+size*math.Cos(turn), lat+size*math.Sin(turn)
		ring = append(ring, bson.A{math.Remainder(x, 360), y})
	}
	return append(ring, ring[0])
}

func geoJSON(kind string, coordinates any) bson.D {
	return bson.D{{Key: "type", Value: kind}, {Key: "coordinates", Value: coordinates}}
}

func with(operator string, operand any) bson.D { return bson.D{{Key: operator, Value: operand}} }

// within is a random $geoWithin or $geoIntersects.
func (e earth) within() bson.D {
	switch e.IntN(8) {
	case 0:
		return with("$geoWithin", with("$box", bson.A{e.position(), e.position()}))
	case 1:
		return with("$geoWithin", with("$polygon", e.ring()))
	case 2:
		return with("$geoWithin", with("$center", bson.A{e.position(), e.radius() * 30}))
	case 3, 4:
		return with("$geoWithin", with("$centerSphere", bson.A{e.position(), e.radius()}))
	case 5:
		return with("$geoWithin", with("$geometry", geoJSON("Polygon", bson.A{e.ring()})))
	case 6:
		return with("$geoIntersects", with("$geometry", geoJSON("Point", e.position())))
	}
	return with("$geoIntersects", with("$geometry", geoJSON("Polygon", bson.A{e.ring()})))
}

func (e earth) near() bson.D {
	var d bson.D
	limits := bson.D{}
	if e.IntN(2) == 0 {
		limits = append(limits, bson.E{Key: "$maxDistance", Value: e.radius()})
	}
	if e.IntN(3) == 0 {
		limits = append(limits, bson.E{Key: "$minDistance", Value: e.radius() / 4})
	}
	switch e.IntN(3) {
	case 0:
		d = with("$near", e.position())
	case 1:
		d = with("$nearSphere", e.position())
	default:
		for i := range limits {
			limits[i].Value = limits[i].Value.(float64) * 6.4e6
		}
		return with("$near", append(with("$geometry", geoJSON("Point", e.position())), limits...))
	}
	return append(d, limits...)
}

// insertPlaces inserts documents, but for those that an index refuses.
func insertPlaces(t testing.TB, s *Store, docs []bson.D) (stored []bson.Raw) {
	t.Helper()
	for _, d := range docs {
		if err := s.Insert(t.Context(), "c", raw(t, d)); err == nil {
			stored = append(stored, raw(t, d))
		}
	}
	return stored
}

// Whatever the place and the shape, an index finds what a scan does, and what is
// near comes in the order of its distance.
func TestGeoPlansFindWhatAScanFinds(t *testing.T) {
	for _, kind := range []string{"2d", "2dsphere"} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(kind, seed), func(t *testing.T) {
				e := earth{rand.New(rand.NewPCG(seed, 7))}
				var docs []bson.D
				for i := range 400 {
					var p any = e.position()
					switch {
					case e.IntN(10) > 2:
					case kind == "2d":
						p = bson.A{e.position(), e.position(), e.position()}
					case e.IntN(2) == 0:
						p = geoJSON("Polygon", bson.A{e.ring()})
					case e.IntN(2) == 0:
						p = geoJSON("LineString", bson.A{e.position(), e.position()})
					default:
						p = geoJSON("Point", e.position())
					}
					d := bson.D{{Key: "_id", Value: int32(i)}, {Key: "k", Value: int32(e.IntN(3))}}
					if e.IntN(20) > 0 {
						d = append(d, bson.E{Key: "p", Value: p})
					}
					docs = append(docs, d)
				}
				s := open(t, Options{})
				keys := bson.D{{Key: "p", Value: kind}, {Key: "k", Value: int32(1)}}
				if kind == "2dsphere" && seed%2 == 0 {
					keys = bson.D{{Key: "k", Value: int32(1)}, {Key: "p", Value: kind}}
				}
				define(t, s, "c", store.Index{Keys: keys})
				stored := insertPlaces(t, s, docs)
				if len(stored) < 300 {
					t.Fatalf("only %d documents are stored", len(stored))
				}
				if err := s.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				found := 0
				for range 150 {
					found += sameAsScan(t, s, bson.D{{Key: "p", Value: e.within()}, {Key: "k", Value: int32(e.IntN(3))}}, keys)
					nearestInOrder(t, s, kind, bson.D{{Key: "p", Value: e.near()}, {Key: "k", Value: int32(e.IntN(3))}}, stored, int64(e.IntN(30)))
				}
				if found < 300 {
					t.Errorf("the queries found %d documents, too few to say much", found)
				}
			})
		}
	}
}

func sameAsScan(t *testing.T, s *Store, filter, keys bson.D) int {
	t.Helper()
	want := find(t, s, "c", store.Find{Filter: filter, Hint: doc(t, `{"$natural":1}`)})
	slices.Sort(want)
	for _, q := range []store.Find{{Filter: filter}, {Filter: filter, Hint: keys}} {
		got := find(t, s, "c", q)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v finds\n%v\na scan\n%v", filter, got, want)
		}
	}
	return len(want)
}

func nearestInOrder(t *testing.T, s *Store, kind string, filter bson.D, docs []bson.Raw, limit int64) {
	t.Helper()
	m, err := match.Compile(filter)
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	for _, d := range docs {
		if m.Match(d) {
			distance, _ := m.Near().Distance(d)
			want = append(want, distance)
		}
	}
	slices.Sort(want)
	if limit > 0 {
		want = want[:min(limit, int64(len(want)))]
	}
	var got []float64
	seen := map[string]bool{}
	err = s.Find(t.Context(), "c", store.Find{Filter: filter, Limit: limit}, func(d bson.Raw) error {
		distance, _ := m.Near().Distance(d)
		got = append(got, distance)
		if id := d.Lookup("_id").String(); seen[id] {
			t.Errorf("%v finds %s twice", filter, id)
		} else {
			seen[id] = true
		}
		return nil
	})
	_, served := m.Near().Within(1).Ranges(kind == "2dsphere")
	if r, ok := err.(*store.RequestError); !served && ok && r.Code == codeNoQueryPlan {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%v, limit %d: distances\n%v\nwant\n%v", filter, limit, got, want)
	}
}
