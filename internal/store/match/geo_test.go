package match

import (
	"math"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var geoCases = []struct {
	name, filter string
	yes, no      []string
}{
	{
		"box", `{"p":{"$geoWithin":{"$box":[[0,0],[10,5]]}}}`,
		[]string{`{"p":[5,2]}`, `{"p":[0,0]}`, `{"p":[10,5]}`, `{"p":{"x":5,"y":2}}`, `{"p":{"type":"Point","coordinates":[5,2]}}`, `{"p":[[50,50],[5,2]]}`},
		[]string{`{"p":[11,2]}`, `{"p":[5,6]}`, `{}`, `{"p":5}`, `{"p":["a","b"]}`, `{"p":[5]}`, `{"p":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}}`},
	},
	{"box by any two corners", `{"p":{"$geoWithin":{"$box":[[10,5],[0,0]]}}}`, []string{`{"p":[5,2]}`}, []string{`{"p":[11,2]}`}},
	{
		"polygon, its border included", `{"p":{"$geoWithin":{"$polygon":[[0,0],[4,0],[4,4],[0,4]]}}}`,
		[]string{`{"p":[2,2]}`, `{"p":[0,2]}`, `{"p":[4,4]}`, `{"p":[2,0]}`}, []string{`{"p":[5,2]}`, `{"p":[-1,0]}`, `{"p":[2,4.001]}`},
	},
	{
		"concave polygon", `{"p":{"$geoWithin":{"$polygon":[[0,0],[6,0],[6,6],[3,1],[0,6]]}}}`,
		[]string{`{"p":[1,2]}`, `{"p":[5,2]}`, `{"p":[3,0.5]}`}, []string{`{"p":[3,3]}`, `{"p":[3,6]}`},
	},
	{"circle", `{"p":{"$geoWithin":{"$center":[[0,0],5]}}}`, []string{`{"p":[3,4]}`, `{"p":[0,0]}`}, []string{`{"p":[4,4]}`}},
	{
		"circle on the sphere", `{"p":{"$geoWithin":{"$centerSphere":[[0,0],0.1]}}}`, // 5.73 degrees
		[]string{`{"p":[5.7,0]}`, `{"p":[0,-5.7]}`}, []string{`{"p":[5.8,0]}`, `{"p":[500,0]}`},
	},
	{"circle over a pole", `{"p":{"$geoWithin":{"$centerSphere":[[0,89],0.1]}}}`, []string{`{"p":[180,88]}`}, []string{`{"p":[180,80]}`}},
	{"circle over the date line", `{"p":{"$geoWithin":{"$centerSphere":[[179,0],0.05]}}}`, []string{`{"p":[-179,0]}`}, []string{`{"p":[170,0]}`}},
	{
		"GeoJSON polygon with a hole", `{"p":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[
			[[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]}}}}`,
		[]string{`{"p":[1,1]}`, `{"p":{"type":"Point","coordinates":[9,9]}}`, `{"p":[0,0]}`, `{"p":{"type":"LineString","coordinates":[[1,1],[3,3]]}}`,
			`{"p":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}}`},
		[]string{`{"p":[5,5]}`, `{"p":[11,1]}`, `{"p":[-175,-5]}`, `{"p":[-179,-1]}`, `{"p":{"type":"LineString","coordinates":[[1,1],[11,3]]}}`,
			`{"p":{"type":"LineString","coordinates":[[1,5],[9,5]]}}`, `{"p":{"type":"Polygon","coordinates":[[[1,1],[9,1],[9,9],[1,9],[1,1]]]}}`},
	},
	{
		"GeoJSON edges are great circles", `{"p":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,50],[60,50],[60,40],[0,40],[0,50]]]}}}}`,
		[]string{`{"p":[30,52]}`}, []string{`{"p":[30,41]}`, `{"p":[30,56]}`},
	},
	{
		"MultiPolygon over the date line", `{"p":{"$geoWithin":{"$geometry":{"type":"MultiPolygon","coordinates":[[[[170,-5],[-170,-5],[-170,5],[170,5],[170,-5]]],[[[0,0],[1,0],[1,1],[0,0]]]]}}}}`,
		[]string{`{"p":[180,0]}`, `{"p":[-175,1]}`, `{"p":[0.9,0.5]}`}, []string{`{"p":[160,0]}`, `{"p":[0,1]}`},
	},
	{
		"a point in stored geometries", `{"p":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[5,5]}}}}`,
		[]string{`{"p":[5,5]}`, `{"p":{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}}`,
			`{"p":{"type":"Polygon","coordinates":[[[5,5],[10,0],[10,10],[5,5]]]}}`, `{"p":{"type":"LineString","coordinates":[[5,0],[5,10]]}}`,
			`{"p":{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,1]},{"type":"Point","coordinates":[5,5]}]}}`,
			`{"p":{"type":"MultiPoint","coordinates":[[1,1],[5,5]]}}`},
		[]string{`{"p":[5,5.1]}`, `{"p":{"type":"Polygon","coordinates":[[[6,0],[10,0],[10,10],[6,10],[6,0]]]}}`,
			`{"p":{"type":"LineString","coordinates":[[6,0],[6,10]]}}`, `{"p":{"type":"Nonsense","coordinates":[5,5]}}`,
			`{"p":{"type":"Polygon","coordinates":[[0,0]]}}`, `{"p":{"type":"Polygon"}}`, `{"p":"x"}`, `{}`},
	},
	{
		"areas that intersect", `{"p":{"$geoIntersects":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}}}}`,
		[]string{`{"p":{"type":"Polygon","coordinates":[[[5,5],[15,5],[15,15],[5,5]]]}}`, `{"p":{"type":"Polygon","coordinates":[[[1,1],[2,1],[2,2],[1,1]]]}}`,
			`{"p":{"type":"Polygon","coordinates":[[[-5,-5],[20,-5],[20,20],[-5,20],[-5,-5]]]}}`, `{"p":{"type":"LineString","coordinates":[[-5,5],[15,5]]}}`, `{"p":[3,3]}`},
		[]string{`{"p":{"type":"Polygon","coordinates":[[[20,20],[21,20],[21,21],[20,20]]]}}`, `{"p":{"type":"LineString","coordinates":[[-5,5],[-1,5]]}}`, `{"p":[-3,3]}`},
	},
	{
		"lines that cross", `{"p":{"$geoIntersects":{"$geometry":{"type":"LineString","coordinates":[[0,0],[10,10]]}}}}`,
		[]string{`{"p":{"type":"LineString","coordinates":[[0,10],[10,0]]}}`, `{"p":[0,0]}`},
		[]string{`{"p":{"type":"LineString","coordinates":[[0,10],[1,9]]}}`, `{"p":{"type":"LineString","coordinates":[[180,0],[170,-10]]}}`},
	},
	{
		// A ring's inside is the smaller side, however the ring is written, also of one that nearly halves the earth.
		"big polygon", `{"p":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[-170,-60],[-60,-60],[60,-60],[170,-60],[170,-10],[60,-10],[-60,-10],[-170,-10],[-170,-60]]]}}}}`,
		[]string{`{"p":[0,-30]}`, `{"p":[100,-50]}`, `{"p":[-150,-20]}`, `{"p":[-60,-10]}`}, []string{`{"p":[180,-30]}`, `{"p":[0,40]}`, `{"p":[0,-89]}`},
	},
	{
		"polygon around a pole", `{"p":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,80],[120,80],[-120,80],[0,80]]]}}}}`,
		[]string{`{"p":[55,90]}`, `{"p":[180,89]}`, `{"p":[0,80]}`}, []string{`{"p":[0,79]}`, `{"p":[60,80]}`, `{"p":[0,-90]}`},
	},
	{
		"the date line has one longitude", `{"p":{"$geoIntersects":{"$geometry":{"type":"Point","coordinates":[180,10]}}}}`,
		[]string{`{"p":[-180,10]}`, `{"p":{"type":"Polygon","coordinates":[[[170,0],[-170,0],[-170,20],[170,20],[170,0]]]}}`}, []string{`{"p":[179.9,10]}`},
	},
	{
		"areas side by side do not meet", `{"p":{"$geoIntersects":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}}}}`,
		[]string{`{"p":{"type":"LineString","coordinates":[[10,0],[10,10]]}}`}, []string{`{"p":{"type":"Polygon","coordinates":[[[10,0],[20,0],[20,10],[10,10],[10,0]]]}}`},
	},
	{
		"a line between places on a concave border", `{"p":{"$geoWithin":{"$geometry":{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,10],[5,1],[0,10],[0,0]]]}}}}`,
		[]string{`{"p":{"type":"LineString","coordinates":[[0,0],[10,0.5]]}}`}, []string{`{"p":{"type":"LineString","coordinates":[[0,10],[10,10]]}}`},
	},
	{"near within", `{"p":{"$nearSphere":[0,0],"$maxDistance":0.1}}`, []string{`{"p":[5,0]}`, `{"p":[[90,0],[5,0]]}`}, []string{`{"p":[6,0]}`, `{}`}},
	{"near beyond", `{"p":{"$nearSphere":[0,0],"$minDistance":0.1}}`, []string{`{"p":[6,0]}`}, []string{`{"p":[5,0]}`}},
	{"near in metres", `{"p":{"$nearSphere":{"$geometry":{"type":"Point","coordinates":[0,0]},"$maxDistance":111400}}}`, []string{`{"p":[1,0]}`}, []string{`{"p":[1.01,0]}`}},
	{"near in the plane", `{"p":{"$near":[0,0],"$maxDistance":5}}`, []string{`{"p":[3,4]}`}, []string{`{"p":[3,5]}`}},
	{"near within $and", `{"$and":[{"p":{"$near":[0,0],"$maxDistance":5}}]}`, []string{`{"p":[3,4]}`}, []string{`{"p":[3,5]}`}},
}

func TestGeo(t *testing.T) {
	for _, c := range geoCases {
		t.Run(c.name, func(t *testing.T) {
			m, err := Compile(document(t, c.filter))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range c.yes {
				if !m.Match(rawDocument(t, d)) {
					t.Errorf("does not match %s", d)
				}
			}
			for _, d := range c.no {
				if m.Match(rawDocument(t, d)) {
					t.Errorf("matches %s", d)
				}
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		filter, doc string
		want        float64
		ok          bool
	}{
		{`{"p":{"$nearSphere":[0,0]}}`, `{"p":[90,0]}`, math.Pi / 2, true},
		{`{"p":{"$nearSphere":[0,0]}}`, `{"p":[180,0]}`, math.Pi, true},
		{`{"p":{"$nearSphere":[13.4,52.5]}}`, `{"p":[13.4,52.5]}`, 0, true},
		{`{"p":{"$nearSphere":[0,0]}}`, `{"p":[[90,0],[45,0]]}`, math.Pi / 4, true},
		{`{"p":{"$nearSphere":[0,0],"$minDistance":1}}`, `{"p":[[90,0],[45,0]]}`, math.Pi / 2, true},
		{`{"p":{"$near":{"$geometry":{"type":"Point","coordinates":[0,0]}}}}`, `{"p":[0,1]}`, earthRadius * math.Pi / 180, true},
		{`{"p":{"$near":[0,0]}}`, `{"p":[3,4]}`, 5, true},
		{`{"p.q":{"$near":[0,0]}}`, `{"p":[{"q":[3,4]},{"q":[0,1]}]}`, 1, true},
		{`{"p":{"$near":[0,0]}}`, `{"p":"x"}`, 0, false},
		{`{"p":{"$near":[0,0]}}`, `{}`, 0, false},
	} {
		m, err := Compile(document(t, c.filter))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := m.Near().Distance(rawDocument(t, c.doc))
		if ok != c.ok || ok && math.Abs(got-c.want) > 1e-9*(1+c.want) {
			t.Errorf("%s to %s: %v, %v, want %v, %v", c.filter, c.doc, got, ok, c.want, c.ok)
		}
	}
	m, err := Compile(document(t, `{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if m.Near() != nil {
		t.Error("a filter without $near has one")
	}
}

// Berlin to Paris is some 878 km.
func TestDistanceOfCities(t *testing.T) {
	berlin, paris := point{13.405, 52.52}, point{2.3522, 48.8566}
	if km := berlin.angle(paris) * earthRadius / 1000; math.Abs(km-878) > 2 {
		t.Errorf("%v km", km)
	}
}

func TestGeometriesThatAreNone(t *testing.T) {
	for _, geometry := range []string{
		`{"type":"Polygon","coordinates":[]}`,
		`{"type":"Polygon","coordinates":[[]]}`,
		`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}`,                                     // not closed
		`{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}`,                                           // a line
		`{"type":"Polygon","coordinates":[[[1,1],[1,1],[1,1],[1,1]]]}`,                                     // a point
		`{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,1],[1,0],[0,0]]]}`,                               // crosses itself
		`{"type":"Polygon","coordinates":[[[0,0],[2,0],[1,1],[2,2],[0,2],[1,1],[0,0]]]}`,                   // touches itself
		`{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[8,1],[12,1],[12,2],[8,1]]]}`,   // a hole across the border
		`{"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[20,1],[22,1],[22,2],[20,1]]]}`, // a hole elsewhere
		`{"type":"LineString","coordinates":[[0,0]]}`,
		`{"type":"LineString","coordinates":[[0,0],[0,0]]}`,
		`{"type":"Point","coordinates":[0,90.5]}`,
		`{"type":"GeometryCollection","geometries":[{"type":"GeometryCollection","geometries":[]}]}`,
		`{"type":"Circle","coordinates":[0,0]}`,
	} {
		_, err := Compile(document(t, `{"p":{"$geoIntersects":{"$geometry":`+geometry+`}}}`))
		wantCode(t, err, codeBadValue)
		_, err = geoIndexer(t, `{"p":"2dsphere"}`).AppendKeys(nil, rawDocument(t, `{"p":`+geometry+`}`))
		wantCode(t, err, codeNoGeoKeys)
	}
}

// A ring of many corners is looked at for crossings through an index, and so are
// lines across it.
func TestRingsOfManyCorners(t *testing.T) {
	ring := make(bson.A, 0, 501)
	for i := range 500 {
		angle := 2 * math.Pi * float64(i) / 500
		ring = append(ring, bson.A{10 * math.Cos(angle), 10 * math.Sin(angle)})
	}
	polygon := func(ring bson.A) bson.D {
		return bson.D{{Key: "p", Value: bson.D{{Key: "$geoIntersects", Value: bson.D{{Key: "$geometry", Value: bson.D{
			{Key: "type", Value: "Polygon"}, {Key: "coordinates", Value: bson.A{append(slices.Clone(ring), ring[0])}},
		}}}}}}}
	}
	m, err := Compile(polygon(ring))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		doc  string
		want bool
	}{
		{`{"p":[9,0]}`, true}, {`{"p":[10,0]}`, true}, {`{"p":[10.1,0]}`, false},
		{`{"p":{"type":"LineString","coordinates":[[-20,1],[-15,2],[-12,3],[-11,1],[0,-20],[1,-20],[2,-20],[3,-20],[4,-20]]}}`, true},
		{`{"p":{"type":"LineString","coordinates":[[-20,1],[-15,2],[-12,3],[-12,1],[-20,-20],[1,-20],[2,-20],[3,-20],[4,-20]]}}`, false},
	} {
		if got := m.Match(rawDocument(t, c.doc)); got != c.want {
			t.Errorf("%s: %t", c.doc, got)
		}
	}
	ring[100], ring[101] = ring[101], ring[100]
	_, err = Compile(polygon(ring))
	wantCode(t, err, codeBadValue)
}
