package match

import (
	"math"

	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// geometry is a set of places on the sphere.
type geometry struct {
	points []s2.Point
	lines  []s2.Polyline
	areas  []area
	// trusted tells that rings are not looked at for whether they cross
	// themselves, which takes time and is settled for what is stored.
	trusted bool
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
	return g, g.read(v)
}

// storedGeometry is geometryOf for what a document holds.
func storedGeometry(v value) (geometry, error) {
	g := geometry{trusted: true}
	return g, g.read(v)
}

func (g *geometry) read(v value) error {
	if v.kind != bson.TypeArray && v.kind != bson.TypeEmbeddedDocument {
		return store.BadRequest(codeBadValue, "geometry must be an object or an array")
	}
	kind := missing
	if v.kind == bson.TypeEmbeddedDocument {
		kind = find(v.data, "type")
	}
	if !kind.isString() {
		p, ok := legacyPoint(v)
		switch {
		case !ok:
			return store.BadRequest(codeBadValue, "geometry is neither GeoJSON nor a longitude and latitude")
		case !p.onSphere():
			return outOfBounds(p)
		}
		g.points = append(g.points, p.place())
		return nil
	}
	return g.add(string(kind.text()), v, 0)
}

func outOfBounds(p point) error {
	return store.BadRequest(codeBadValue, "longitude/latitude is out of bounds, lng: %v lat: %v", p.x, p.y)
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

func position(v value) (s2.Point, error) {
	p, ok := legacyPoint(v)
	switch {
	case v.kind != bson.TypeArray || !ok:
		return s2.Point{}, store.BadRequest(codeBadValue, "Point must only contain numeric elements")
	case !p.onSphere():
		return s2.Point{}, outOfBounds(p)
	}
	return p.place(), nil
}

func (g *geometry) addPoint(v value) error {
	p, err := position(v)
	g.points = append(g.points, p)
	return err
}

// positions reads positions, of equal ones side by side the first.
func positions(v value) (line []s2.Point, err error) {
	err = eachElement(v, func(v value) error {
		p, err := position(v)
		if len(line) == 0 || line[len(line)-1] != p {
			line = append(line, p)
		}
		return err
	})
	return line, err
}

func (g *geometry) addLine(v value) error {
	line, err := positions(v)
	if err != nil {
		return err
	}
	if len(line) < 2 {
		return store.BadRequest(codeBadValue, "GeoJSON LineString must have at least 2 vertices")
	}
	l := s2.Polyline(line)
	if err := l.Validate(); err != nil {
		return store.BadRequest(codeBadValue, "GeoJSON LineString is not valid: %v", err)
	}
	g.lines = append(g.lines, l)
	return nil
}

func (g *geometry) addArea(v value) error {
	var rings []*s2.Loop
	err := eachElement(v, func(v value) error {
		r, err := g.ring(v)
		rings = append(rings, r)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(rings) == 0:
		return store.BadRequest(codeBadValue, "Polygon coordinates must be an array of loops")
	}
	a := area{s2.PolygonFromLoops(rings)}
	switch {
	case !g.trusted && crossesItself(a.Polygon):
		return store.BadRequest(codeBadValue, "Loop is not valid: edges cross")
	case a.LastDescendant(0) < a.NumLoops()-1:
		return store.BadRequest(codeBadValue,
			"Secondary loops not contained by first exterior loop - secondary loops must be holes")
	}
	g.areas = append(g.areas, a)
	return nil
}

// ring reads one ring of a polygon, in whichever direction it is written.
func (g *geometry) ring(v value) (*s2.Loop, error) {
	r, err := positions(v)
	switch {
	case err != nil:
		return nil, err
	case len(r) == 0 || r[0] != r[len(r)-1]:
		return nil, store.BadRequest(codeBadValue, "Loop is not closed, first vertex does not equal last vertex")
	case len(r) < 4:
		return nil, store.BadRequest(codeBadValue, "Loop must have at least 3 different vertices")
	}
	r = r[:len(r)-1]
	if i, j, again := duplicate(r); again {
		return nil, store.BadRequest(codeBadValue, "Loop is not valid: Duplicate vertices: %d and %d", i, j)
	}
	loop := s2.LoopFromPoints(r)
	if err := loop.Validate(); err != nil {
		return nil, store.BadRequest(codeBadValue, "Loop is not valid: %v", err)
	}
	loop.Normalize()
	return loop, nil
}

// duplicate returns two places of one point.
func duplicate(points []s2.Point) (i, j int, found bool) {
	const few = 16
	if len(points) <= few {
		for j := range points {
			for i := range j {
				if points[i] == points[j] {
					return i, j, true
				}
			}
		}
		return 0, 0, false
	}
	at := make(map[s2.Point]int, len(points))
	for j, p := range points {
		if i, found := at[p]; found {
			return i, j, true
		}
		at[p] = j
	}
	return 0, 0, false
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
		if !within(func(a area) bool { return a.Contains(b.Polygon) }) {
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
		for i := range h.lines {
			m := &h.lines[i]
			if crossing(m, l, true) || onEdges(l[0], m) || onEdges(l[len(l)-1], m) {
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
			if a.Intersects(b.Polygon) {
				return true
			}
		}
	}
	return false
}

// passes tells whether p is a place of g.
func (g geometry) passes(p s2.Point) bool {
	for _, q := range g.points {
		if p.Distance(q) <= tolerance {
			return true
		}
	}
	for i := range g.lines {
		if onEdges(p, &g.lines[i]) {
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

// distance returns how far p is from the nearest place of g, in radians.
func (g geometry) distance(p s2.Point) float64 {
	least := math.Inf(1)
	for _, q := range g.points {
		least = min(least, float64(p.Distance(q)))
	}
	for i := range g.lines {
		least = min(least, distanceFromEdges(p, &g.lines[i]))
	}
	for _, a := range g.areas {
		least = min(least, a.distance(p))
	}
	return least
}

// regions are g's parts as they are covered with cells.
func (g geometry) regions() s2.RegionUnion {
	var parts s2.RegionUnion
	for _, p := range g.points {
		parts = append(parts, p)
	}
	for i := range g.lines {
		parts = append(parts, &g.lines[i])
	}
	for _, a := range g.areas {
		parts = append(parts, a.Polygon)
	}
	return parts
}
