package match

import (
	"math"
	"testing"
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
