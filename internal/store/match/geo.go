package match

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// geoOperator compiles the operators on places; siblings is the document of
// operators that it is in, of which the distances are parts.
func (c compiler) geoOperator(name string, v value, siblings []byte) (condition, error) {
	switch name {
	case "$geoWithin", "$within":
		return compileGeoWithin(v)
	case "$geoIntersects":
		return compileGeoIntersects(v)
	case "$near", "$nearSphere", "$geoNear":
		return c.near(name != "$near", v, siblings)
	}
	for _, near := range []string{"$near", "$nearSphere", "$geoNear"} {
		if find(siblings, near).kind != 0 {
			return nil, nil
		}
	}
	return nil, store.BadRequest(codeBadValue, "%s needs $near or $nearSphere", name)
}

func compileGeoWithin(v value) (condition, error) {
	if v.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "$geoWithin needs an object")
	}
	for e := elements(v.data); ; {
		key, shape, ok := e.next()
		if !ok {
			return nil, store.BadRequest(codeBadValue, "$geoWithin needs a shape")
		}
		var t leaf
		var err error
		switch string(key) {
		case "$box":
			t, err = compileBox(shape)
		case "$polygon":
			t, err = compilePolygon(shape)
		case "$center":
			t, err = compileCircle(shape, false)
		case "$centerSphere":
			t, err = compileCircle(shape, true)
		case "$geometry":
			t, err = compileGeometryWithin(shape)
		case "$uniqueDocs":
			continue
		default:
			err = store.BadRequest(codeBadValue, "unknown geo specifier: %s", key)
		}
		if err != nil {
			return nil, err
		}
		return existential{t, true}, nil
	}
}

// box is $box.
type box struct{ low, high point }

func compileBox(v value) (leaf, error) {
	corners, err := pointsOf(v, "$box")
	if err != nil {
		return nil, err
	}
	if len(corners) != 2 {
		return nil, store.BadRequest(codeBadValue, "$box needs two corners")
	}
	a, b := corners[0], corners[1]
	return box{
		low:  point{math.Min(a.x, b.x), math.Min(a.y, b.y)},
		high: point{math.Max(a.x, b.x), math.Max(a.y, b.y)},
	}, nil
}

func (b box) test(v value) bool {
	p, ok := storedPoint(v)
	return ok && p.x >= b.low.x && p.x <= b.high.x && p.y >= b.low.y && p.y <= b.high.y
}

// pointsOf reads legacy points from an array or a document.
func pointsOf(v value, name string) ([]point, error) {
	if v.kind != bson.TypeArray && v.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "%s must be an array of points", name)
	}
	var points []point
	for e := elements(v.data); ; {
		_, item, ok := e.next()
		if !ok {
			return points, nil
		}
		p, ok := legacyPoint(item)
		if !ok {
			return nil, store.BadRequest(codeBadValue, "Point must be an array or object of two numbers")
		}
		points = append(points, p)
	}
}

// polygon is $polygon: a polygon in the plane, its border included.
type polygon []point

func compilePolygon(v value) (leaf, error) {
	points, err := pointsOf(v, "$polygon")
	if err != nil {
		return nil, err
	}
	if len(points) < 3 {
		return nil, store.BadRequest(codeBadValue, "Polygon must have at least 3 points")
	}
	return polygon(points), nil
}

func (g polygon) test(v value) bool {
	p, ok := storedPoint(v)
	return ok && g.contains(p)
}

func (g polygon) contains(p point) bool {
	inside := false
	for i := range g {
		a, b := g[i], g[(i+1)%len(g)]
		turn := (b.x-a.x)*(p.y-a.y) - (b.y-a.y)*(p.x-a.x)
		if turn == 0 && p.x >= min(a.x, b.x) && p.x <= max(a.x, b.x) && p.y >= min(a.y, b.y) && p.y <= max(a.y, b.y) {
			return true
		}
		// A ray to the right crosses the edges that p is to the left of.
		if (a.y > p.y) != (b.y > p.y) && (turn > 0) == (b.y > a.y) {
			inside = !inside
		}
	}
	return inside
}

// circle is $center and $centerSphere.
type circle struct {
	center point
	radius float64
	sphere bool
}

func compileCircle(v value, sphere bool) (leaf, error) {
	if v.kind != bson.TypeArray {
		return nil, store.BadRequest(codeBadValue, "$center needs an array of a point and a radius")
	}
	center, ok := legacyPoint(elementAt(v.data, 0))
	radius := elementAt(v.data, 1)
	r, numeric := coordinate(radius)
	switch {
	case !ok:
		return nil, store.BadRequest(codeBadValue, "Point must be an array or object of two numbers")
	case radius.isNumber() && !numeric && !radius.isNaN() && radius.kind == bson.TypeDouble && radius.double() > 0:
		r = math.Inf(1)
	case !numeric || r < 0:
		return nil, store.BadRequest(codeBadValue, "radius must be a non-negative number")
	}
	if sphere && !center.onSphere() {
		return nil, store.BadRequest(codeBadValue, "longitude/latitude is out of bounds, lng: %v lat: %v", center.x, center.y)
	}
	return circle{center: center, radius: r, sphere: sphere}, nil
}

func (c circle) test(v value) bool {
	p, ok := storedPoint(v)
	switch {
	case !ok:
		return false
	case c.sphere:
		return p.onSphere() && c.center.angle(p) <= c.radius
	}
	return c.center.planarDistance(p) <= c.radius
}

// geometryWithin is $geoWithin with a GeoJSON polygon.
type geometryWithin struct{ g geometry }

func compileGeometryWithin(v value) (leaf, error) {
	g, err := geometryOf(v)
	if err != nil {
		return nil, err
	}
	if len(g.areas) == 0 || len(g.points)+len(g.lines) > 0 {
		return nil, store.BadRequest(codeBadValue, "$geoWithin not supported with provided geometry: a Polygon or MultiPolygon is needed")
	}
	return geometryWithin{g}, nil
}

func (w geometryWithin) test(v value) bool {
	if p, ok := storedPoint(v); ok {
		return p.onSphere() && w.g.passes(p.place())
	}
	g, err := storedGeometry(v)
	return err == nil && w.g.contains(g)
}

// geoIntersects is $geoIntersects.
type geoIntersects struct{ g geometry }

func compileGeoIntersects(v value) (condition, error) {
	if v.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "$geoIntersects needs an object")
	}
	shape := find(v.data, "$geometry")
	if shape.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "$geoIntersects needs a $geometry")
	}
	g, err := geometryOf(shape)
	if err != nil {
		return nil, err
	}
	return existential{geoIntersects{g}, true}, nil
}

func (i geoIntersects) test(v value) bool {
	g, err := storedGeometry(v)
	return err == nil && i.g.intersects(g)
}
