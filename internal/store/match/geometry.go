package match

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// geometry is a set of places on the sphere.
type geometry struct {
	points []vector
	lines  [][]vector
	areas  []area
}

// coordinate reads a number of a position.
func coordinate(v value) (float64, bool) {
	if !v.isNumber() || v.kind == bson.TypeDecimal128 {
		return 0, false
	}
	f := v.float()
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// legacyPoint reads [x, y] or {name: x, name: y}.
func legacyPoint(v value) (point, bool) {
	if v.kind != bson.TypeArray && v.kind != bson.TypeEmbeddedDocument {
		return point{}, false
	}
	e := elements(v.data)
	_, first, _ := e.next()
	_, second, ok := e.next()
	if !ok {
		return point{}, false
	}
	x, okx := coordinate(first)
	y, oky := coordinate(second)
	return point{x, y}, okx && oky
}

// storedPoint reads a point as documents hold it: legacy or GeoJSON.
func storedPoint(v value) (point, bool) {
	if v.kind == bson.TypeEmbeddedDocument {
		if kind := find(v.data, "type"); kind.isString() {
			if string(kind.text()) != "Point" {
				return point{}, false
			}
			p, ok := legacyPoint(find(v.data, "coordinates"))
			return p, ok && p.onSphere()
		}
	}
	return legacyPoint(v)
}

// geometryOf reads a GeoJSON object, or a legacy point.
func geometryOf(v value) (geometry, error) {
	var g geometry
	if v.kind != bson.TypeArray && v.kind != bson.TypeEmbeddedDocument {
		return g, store.BadRequest(codeBadValue, "geometry must be an object or an array")
	}
	kind := missing
	if v.kind == bson.TypeEmbeddedDocument {
		kind = find(v.data, "type")
	}
	if !kind.isString() {
		p, ok := legacyPoint(v)
		if !ok || !p.onSphere() {
			return g, store.BadRequest(codeBadValue, "geometry is neither GeoJSON nor a longitude and latitude")
		}
		g.points = []vector{p.vector()}
		return g, nil
	}
	return g, g.add(string(kind.text()), v, 0)
}

func (g *geometry) add(kind string, v value, depth int) error {
	coordinates := find(v.data, "coordinates")
	switch kind {
	case "Point":
		return g.addPoint(coordinates)
	case "LineString":
		return g.addLine(coordinates)
	case "Polygon":
		return g.addArea(coordinates)
	case "MultiPoint":
		return eachElement(coordinates, g.addPoint)
	case "MultiLineString":
		return eachElement(coordinates, g.addLine)
	case "MultiPolygon":
		return eachElement(coordinates, g.addArea)
	case "GeometryCollection":
		if depth > 0 {
			return store.BadRequest(codeBadValue, "GeometryCollection in a GeometryCollection")
		}
		return eachElement(find(v.data, "geometries"), func(member value) error {
			kind := missing
			if member.kind == bson.TypeEmbeddedDocument {
				kind = find(member.data, "type")
			}
			if !kind.isString() {
				return store.BadRequest(codeBadValue, "GeometryCollection geometries must be GeoJSON objects")
			}
			return g.add(string(kind.text()), member, depth+1)
		})
	}
	return store.BadRequest(codeBadValue, "unknown GeoJSON type: %s", kind)
}

func eachElement(array value, do func(value) error) error {
	if array.kind != bson.TypeArray {
		return store.BadRequest(codeBadValue, "GeoJSON coordinates must be an array")
	}
	for e := elements(array.data); ; {
		_, v, ok := e.next()
		if !ok {
			return nil
		}
		if err := do(v); err != nil {
			return err
		}
	}
}

func position(v value) (vector, error) {
	p, ok := legacyPoint(v)
	switch {
	case v.kind != bson.TypeArray || !ok:
		return vector{}, store.BadRequest(codeBadValue, "Point must only contain numeric elements")
	case !p.onSphere():
		return vector{}, store.BadRequest(codeBadValue,
			"longitude/latitude is out of bounds, lng: %v lat: %v", p.x, p.y)
	}
	return p.vector(), nil
}

func (g *geometry) addPoint(v value) error {
	p, err := position(v)
	g.points = append(g.points, p)
	return err
}

func positions(v value) (line []vector, err error) {
	err = eachElement(v, func(v value) error {
		p, err := position(v)
		line = append(line, p)
		return err
	})
	return line, err
}

func (g *geometry) addLine(v value) error {
	line, err := positions(v)
	if err == nil && len(line) < 2 {
		err = store.BadRequest(codeBadValue, "GeoJSON LineString must have at least 2 vertices")
	}
	g.lines = append(g.lines, line)
	return err
}

func (g *geometry) addArea(v value) error {
	var a area
	err := eachElement(v, func(v value) error {
		r, err := positions(v)
		switch {
		case err != nil:
			return err
		case len(r) < 4:
			return store.BadRequest(codeBadValue, "Loop must have at least 3 different vertices")
		case r[0] != r[len(r)-1]:
			return store.BadRequest(codeBadValue, "Loop is not closed, first vertex does not equal last vertex")
		}
		a = append(a, ring(r))
		return nil
	})
	if err == nil && len(a) == 0 {
		err = store.BadRequest(codeBadValue, "Polygon coordinates must be an array of loops")
	}
	g.areas = append(g.areas, a)
	return err
}

// contains tells whether the areas of g contain the whole of h.
func (g geometry) contains(h geometry) bool {
	within := func(in func(a area) bool) bool {
		for _, a := range g.areas {
			if in(a) {
				return true
			}
		}
		return false
	}
	for _, p := range h.points {
		if !within(func(a area) bool { return a.contains(p) }) {
			return false
		}
	}
	for _, l := range h.lines {
		if !within(func(a area) bool { return a.containsLine(l) }) {
			return false
		}
	}
	for _, b := range h.areas {
		if !within(func(a area) bool { return a.containsArea(b) }) {
			return false
		}
	}
	return true
}

// intersects tells whether g and h share a place.
func (g geometry) intersects(h geometry) bool {
	return g.meets(h) || h.meets(g)
}

// meets tells whether a point, line or area of g meets one of h of the same or
// of a higher dimension.
func (g geometry) meets(h geometry) bool {
	for _, p := range g.points {
		if h.passes(p) {
			return true
		}
	}
	for _, l := range g.lines {
		for _, m := range h.lines {
			if ring(m).crosses(l) || ring(m).passes(l[0]) || ring(m).passes(l[len(l)-1]) {
				return true
			}
		}
		for _, a := range h.areas {
			if a.intersectsLine(l) {
				return true
			}
		}
	}
	for _, a := range g.areas {
		for _, b := range h.areas {
			if a.intersectsArea(b) {
				return true
			}
		}
	}
	return false
}

// passes tells whether p is a place of g.
func (g geometry) passes(p vector) bool {
	for _, q := range g.points {
		if p.dot(q) > 1-tolerance*tolerance || p == q {
			return true
		}
	}
	for _, l := range g.lines {
		if ring(l).passes(p) {
			return true
		}
	}
	for _, a := range g.areas {
		if a.contains(p) {
			return true
		}
	}
	return false
}
