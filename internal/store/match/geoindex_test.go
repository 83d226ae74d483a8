package match

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/loam-baas/loam/internal/store"
)

func geoIndexer(t testing.TB, keys string) *GeoIndexer {
	t.Helper()
	x, err := CompileGeoIndex(store.Index{Keys: document(t, keys)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Keys are in files: what they are for a document never changes, not with a new
// version of S2 either. If it must, a step of the file's format fills the indexes
// anew.
func TestGeoKeysNeverChange(t *testing.T) {
	for _, c := range []struct{ keys, doc, want string }{
		{`{"p":"2d"}`, `{"p":[13.4,52.52]}`, "88 c493916a7d63341e"},
		{`{"p":"2d"}`, `{"p":{"x":-180,"y":180}}`, "88 5555555555555555"},
		{`{"p":"2d"}`, `{"p":[[180,180],[180,180],[-180,-180]]}`, "88 0000000000000000, 88 ffffffffffffffff"},
		{`{"p":"2d","k":-1}`, `{"p":[0,0],"k":"a"}`, "88 c000000000000000 d79eff"},
		{`{"p":"2d","k":1}`, `{"p":[0,0],"k":[1,2]}`, "88 c000000000000000 20bff000000000000000, 88 c000000000000000 20c00000000000000000"},
		{`{"p":"2d","k":1}`, `{"k":1}`, ""},
		{`{"p":"2dsphere"}`, `{"p":[13.4,52.52]}`, "88 47a851de6f2ddd3b"},
		{`{"p":"2dsphere"}`, `{"p":{"type":"Point","coordinates":[13.4,52.52]}}`, "88 47a851de6f2ddd3b"},
		{`{"k":1,"p":"2dsphere"}`, `{"k":1}`, ""},
		{`{"k":1,"p":"2dsphere","q":"2dsphere"}`, `{"p":[0,0]}`, "18 88 1000000000000001 18"},
		{`{"p":"2dsphere"}`, `{"p":{"type":"LineString","coordinates":[[10.3,50.1],[11.7,51.2]]}}`, "8847a2535000000000,8847a2550000000000,8847a2564000000000,8847a3950000000000,8847a3ad0000000000,8847a3af0000000000,8847a3b04000000000,8847a3bc0000000000,8847a3eb5500000000,8847a3ed0000000000,8847a3f40000000000,8847a4050000000000,8847a4070000000000,8847a4084000000000,8847a41b5400000000,8847a41d0000000000,8847a41f0000000000,8847a69c4000000000,8847a69f0000000000,8847a6a01000000000"},
		{`{"p":"2dsphere"}`, `{"p":{"type":"Polygon","coordinates":[[[13,52],[14,52],[14,53],[13,53],[13,52]]]}}`, "8847078aac00000000,884707f40000000000,884707f90000000000,8847a8400000000000,8847a88c0000000000,8847a8f40000000000,8847a8fc0000000000,8847a9100000000000,8847a9740000000000,8847a9940000000000,8847a9990000000000,8847a99f0000000000,8847a9b00000000000,8847a9c40000000000,8847a9cc0000000000,8847a9d40000000000,8847a9ec0000000000"},
	} {
		got, err := geoIndexer(t, c.keys).AppendKeys(nil, rawDocument(t, c.doc))
		if err != nil {
			t.Errorf("%s: %v", c.doc, err)
		}
		var texts []string
		for _, k := range got {
			texts = append(texts, hex.EncodeToString(k))
		}
		if got, want := strings.Join(texts, ","), strings.ReplaceAll(c.want, " ", ""); got != want {
			t.Errorf("%s of %s:\ngot  %s\nwant %s", c.keys, c.doc, got, want)
		}
	}
}

// What an index has in the ranges inside of the least distance is nearer, and most
// of what is well within it is there.
func TestInsideOfNearIsTooNear(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		index, near string
		spread      float64 // of the places around the centre, in degrees
		none        bool
	}{
		{`{"p":"2d"}`, `{"p":{"$near":[10,50],"$minDistance":2}}`, 3, false},
		{`{"p":"2d"}`, `{"p":{"$near":[179.5,50],"$minDistance":2}}`, 3, false},
		{`{"p":"2d"}`, `{"p":{"$near":[10,50]}}`, 3, true},
		{`{"p":"2d"}`, `{"p":{"$nearSphere":[10,50],"$minDistance":0.05}}`, 3, true},
		{`{"p":"2dsphere"}`, `{"p":{"$nearSphere":[10,50],"$minDistance":0.05}}`, 4, false},
		{`{"p":"2dsphere"}`, `{"p":{"$near":{"$geometry":{"type":"Point","coordinates":[179.9,-20]},"$minDistance":300000}}}`, 4, false},
		{`{"p":"2dsphere"}`, `{"p":{"$near":{"$geometry":{"type":"Point","coordinates":[0,0]},"$minDistance":0.001}}}`, 1e-8, true},
		{`{"p":"2dsphere"}`, `{"p":{"$near":{"$geometry":{"type":"Point","coordinates":[0,0]},"$minDistance":1e9}}}`, 90, false},
	} {
		t.Run(c.index+c.near, func(t *testing.T) {
			m, err := Compile(document(t, c.near))
			if err != nil {
				t.Fatal(err)
			}
			near, x := m.Near(), geoIndexer(t, c.index)
			ranges := near.Inside(x.Sphere())
			if (len(ranges) == 0) != c.none {
				t.Fatalf("%d ranges", len(ranges))
			}
			within, found := 0, 0
			for range 2000 {
				at := point{near.center.x + c.spread*(2*random.Float64()-1), near.center.y + c.spread*(2*random.Float64()-1)}
				if !at.onSphere() {
					continue
				}
				doc, err := Encode(bson.D{{Key: "p", Value: bson.A{at.x, at.y}}})
				if err != nil {
					t.Fatal(err)
				}
				keys, err := x.AppendKeys(nil, doc)
				if err != nil {
					t.Fatal(err)
				}
				least := nearest{near: &Near{center: near.center, sphere: near.sphere, scale: near.scale}, distance: math.Inf(1)}
				near.path.some(doc, true, &least)
				if least.distance < 0.7*near.least {
					within++
				}
				if !slices.ContainsFunc(ranges, func(r KeyRange) bool {
					return bytes.Compare(r.First, keys[0]) <= 0 && bytes.Compare(keys[0], r.Last) <= 0
				}) {
					continue
				}
				if found++; least.distance >= near.least {
					t.Errorf("%v is inside, at a distance of %v", at, least.distance)
				}
			}
			if !c.none && found < within*9/10 {
				t.Errorf("%d places are inside, of %d well within the distance", found, within)
			}
		})
	}
}

func TestGeoIndexBoundsTheKeysOfADocument(t *testing.T) {
	many := make(bson.A, 400)
	for i := range many {
		many[i] = int32(i)
	}
	raw, err := bson.Marshal(bson.D{{Key: "p", Value: bson.A{0, 0}}, {Key: "a", Value: many}, {Key: "b", Value: many}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = geoIndexer(t, `{"p":"2d","a":1,"b":1}`).AppendKeys(nil, raw)
	wantCode(t, err, codeCannotBuildIndexKeys)
	keys, err := geoIndexer(t, `{"p":"2d","a":1}`).AppendKeys(nil, raw)
	if err != nil || len(keys) != len(many) {
		t.Errorf("%d keys (%v)", len(keys), err)
	}
}

func TestGridCoversWithFewRanges(t *testing.T) {
	for _, shape := range []planar{
		box{point{-180, -180}, point{180, 180}}, box{point{-1, -1}, point{1, 1}}, box{point{13, 52}, point{13, 52}},
		box{point{-200, 0}, point{-190, 1}}, disc{point{0, 0}, 1e-9}, disc{point{500, 500}, 1}, disc{point{3, 4}, 5},
		disc{point{0, 0}, math.Inf(1)}, polygon{{0, 0}, {100, 100}, {100, 100.001}}, boxList{},
	} {
		ranges := cover(shape)
		if len(ranges) > maxSquares {
			t.Errorf("%v: %d ranges", shape, len(ranges))
		}
		for i, r := range ranges {
			if r.first > r.last || i > 0 && r.first <= ranges[i-1].last {
				t.Errorf("%v: ranges are not in order: %x", shape, ranges)
			}
		}
	}
	if cells := cover(polygon{{0, 0}, {100, 100}, {100, 100.001}}); !slices.ContainsFunc(cells, func(r gridRange) bool { return r.last-r.first < 1<<58 }) {
		t.Errorf("a thin triangle is covered by %x", cells)
	}
}

// Whatever a filter finds is in the ranges of its region, in indexes that hold it.
func checkRegion(t *testing.T, filter, doc bson.Raw) {
	m, err := Simple.CompileRaw(filter)
	if err != nil {
		return
	}
	found := m.Match(doc)
	operators, ok := filter.Lookup("p").DocumentOK()
	if !ok {
		return
	}
	elements, err := operators.Elements()
	if err != nil || len(elements) == 0 {
		return
	}
	region := RegionOf(elements[0].Key(), operators)
	for _, kind := range []string{"2d", "2dsphere"} {
		keys, err := geoIndexer(t, `{"p":"`+kind+`"}`).AppendKeys(nil, doc)
		if err != nil || region == nil {
			continue
		}
		ranges, ok := region.Ranges(kind == "2dsphere")
		within := slices.ContainsFunc(keys, func(k []byte) bool {
			return slices.ContainsFunc(ranges, func(r KeyRange) bool {
				return bytes.Compare(r.First, k) <= 0 && bytes.Compare(k, r.Last) <= 0
			})
		})
		if ok && found && !within {
			t.Fatalf("%s finds %s, which a %s index does not", filter, doc, kind)
		}
	}
}

func TestRegionsHoldWhatIsFound(t *testing.T) {
	for _, c := range geoCases {
		for _, d := range c.yes {
			checkRegion(t, rawDocument(t, c.filter), rawDocument(t, d))
		}
	}
}

func FuzzGeometry(f *testing.F) {
	for _, c := range geoCases {
		for _, d := range append(c.yes, c.no...) {
			f.Add([]byte(rawDocument(f, c.filter)), []byte(rawDocument(f, d)))
		}
	}
	f.Fuzz(func(t *testing.T, filter, doc []byte) {
		if wellFormed(filter) && wellFormed(doc) {
			checkRegion(t, filter, doc)
		}
	})
}

// wellFormed tells whether data is one document and no more: Validate alone takes
// what is behind the document's end for a part of it.
func wellFormed(data []byte) bool {
	n, _, ok := bsoncore.ReadLength(data)
	return ok && int(n) == len(data) && bson.Raw(data).Validate() == nil
}
