package embedded

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
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
		for i := range limits {
			limits[i].Value = limits[i].Value.(float64) * 30
		}
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

// insertPlaces inserts the documents that the index of these keys takes.
func insertPlaces(t testing.TB, s *Store, keys bson.D, docs []bson.D) (stored []bson.Raw) {
	t.Helper()
	x, err := match.CompileGeoIndex(store.Index{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if _, err := x.AppendKeys(nil, raw(t, d)); err == nil {
			stored = append(stored, raw(t, d))
		}
	}
	if err := s.Insert(t.Context(), "c", stored...); err != nil {
		t.Fatal(err)
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
				stored := insertPlaces(t, s, keys, docs)
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

// explained returns the plan of a query as extended JSON.
func explained(t *testing.T, s *Store, q store.Find) string {
	t.Helper()
	plan, err := s.Explain(t.Context(), "c", q)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Lookup("queryPlanner", "winningPlan").String()
}

func TestGeoPlansAreExplained(t *testing.T) {
	s := open(t, Options{})
	for i := range 50 {
		insert(t, s, "c", fmt.Sprintf(`{"_id":%d,"p":[%d,0],"k":%d}`, i, i, i%5))
	}
	define(t, s, "c", store.Index{Keys: doc(t, `{"p":"2d"}`)}, store.Index{Keys: doc(t, `{"k":1,"p":"2dsphere"}`)})
	within := `"p":{"$geoWithin":{"$centerSphere":[[3,0],0.01]}}`
	for _, c := range []struct {
		name string
		q    store.Find
		want []string
	}{
		{"within", store.Find{Filter: doc(t, `{`+within+`}`)}, []string{"IXSCAN", "p_2d"}},
		{"within and a value", store.Find{Filter: doc(t, `{`+within+`,"k":3}`), Hint: "k_1_p_2dsphere"}, []string{"IXSCAN", "k_1_p_2dsphere"}},
		{"within, by another order", store.Find{Filter: doc(t, `{`+within+`}`), Hint: doc(t, `{"$natural":1}`)}, []string{"COLLSCAN"}},
		{"near", store.Find{Filter: doc(t, `{"p":{"$nearSphere":[3,0]}}`), Limit: 5}, []string{"GEO_NEAR_2D", "LIMIT"}},
		{"near by a hint", store.Find{Filter: doc(t, `{"p":{"$nearSphere":[3,0]},"k":3}`), Hint: "k_1_p_2dsphere", Limit: 5}, []string{"GEO_NEAR_2DSPHERE"}},
		{"near one document", store.Find{Filter: doc(t, `{"p":{"$nearSphere":[3,0]},"_id":3}`)}, []string{"IDHACK", "SORT"}},
	} {
		plan := explained(t, s, c.q)
		for _, want := range c.want {
			if !strings.Contains(plan, `"`+want+`"`) {
				t.Errorf("%s: no %s in %s", c.name, want, plan)
			}
		}
	}
	for _, hint := range []any{"_id_", "k_1_p_2dsphere", doc(t, `{"$natural":1}`)} {
		err := s.Find(t.Context(), "c", store.Find{Filter: doc(t, `{"p":{"$nearSphere":[3,0]}}`), Hint: hint}, ignore)
		if _, ok := errors.AsType[*store.RequestError](err); !ok {
			t.Errorf("near by hint %v: %v", hint, err)
		}
	}
}

func TestCheckFindsWrongGeoKeys(t *testing.T) {
	s := open(t, Options{})
	define(t, s, "c", store.Index{Keys: doc(t, `{"p":"2dsphere"}`)})
	insert(t, s, "c", `{"_id":1,"p":[1,1]}`, `{"_id":2,"p":{"type":"LineString","coordinates":[[0,0],[3,4]]}}`)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ix := s.catalog.Load().collections["c"].indexes[0]
	err := s.writer.do(t.Context(), &operation{run: func(tx *writeTx) error {
		return tx.conn.exec(fmt.Sprintf("DELETE FROM ix_%d WHERE rid = 1", ix.n))
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "index p_2dsphere: row 1: the entries are not the document") {
		t.Errorf("Check says %v", err)
	}
}

// A geo index that earlier versions had in the catalog only serves queries once
// the file has come forward; one that could not have been made is dropped.
func TestGeoIndexesOfVersion1AreFilled(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	s := open(t, Options{Dir: dir})
	want(t, find(t, s, "places", store.Find{
		Filter: doc(t, `{"at":{"$nearSphere":[7,44]}}`), Limit: 2, Projection: doc(t, `{"name":1}`),
	}), `{"_id":"nice","name":"nice"}`, `{"_id":"lyon","name":"Lyon"}`)
	want(t, find(t, s, "places", store.Find{
		Filter: doc(t, `{"flat":{"$geoWithin":{"$box":[[2,48],[3,49]]}}}`), Hint: "flat_2d", Projection: doc(t, `{"name":1}`),
	}), `{"_id":"paris","name":"Paris"}`)
}

func TestGeoIndexesOfVersion1ThatRefuseADocumentAreDropped(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	c, err := openConn(filepath.Join(dir, "loam.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	beyond := raw(t, doc(t, `{"_id":"beyond","flat":[500,0]}`))
	id, err := idKey(beyond)
	if err != nil {
		t.Fatal(err)
	}
	err = c.exec(fmt.Sprintf("INSERT INTO docs_1 (id, doc) VALUES (X'%x', X'%x'); ", id, []byte(beyond)))
	if err := errors.Join(err, c.close()); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir})
	coll := s.catalog.Load().collections["places"]
	if coll.index("flat_2d") != nil || coll.index("at_2dsphere") == nil {
		t.Error("flat_2d is there, or at_2dsphere is not")
	}
	want(t, find(t, s, "places", store.Find{Filter: doc(t, `{"_id":"beyond"}`)}), `{"_id":"beyond","flat":[500,0]}`)
}
