package match

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Near is the place that a filter's $near or $nearSphere is about: without a
// sort, what the filter finds is ordered by the distance from it.
type Near struct {
	path   path
	center point
	// sphere measures on the sphere, times scale; otherwise in the plane.
	sphere bool
	scale  float64
	// geoJSON tells that the centre is a GeoJSON point, for which MongoDB uses a
	// 2dsphere index only.
	geoJSON     bool
	least, most float64
}

// Near returns the filter's $near or $nearSphere, nil if it has none.
func (m *Matcher) Near() *Near { return m.near }

// Distance returns the document's distance, of several places the least: in
// metres from a GeoJSON point, in radians from a legacy point on the sphere, in
// the coordinates' unit in the plane. ok is false if the document has no place.
func (n *Near) Distance(doc bson.Raw) (distance float64, ok bool) {
	least := nearest{near: n, distance: math.Inf(1)}
	n.path.some(doc, true, &least)
	return least.distance, !math.IsInf(least.distance, 1)
}

// nearest looks at all the places of a document for the least distance.
type nearest struct {
	near     *Near
	distance float64
}

func (l *nearest) test(v value) bool {
	if d, ok := l.near.distance(v); ok && d < l.distance && d >= l.near.least {
		l.distance = d
	}
	return false
}

func (n *Near) distance(v value) (float64, bool) {
	p, ok := storedPoint(v)
	switch {
	case ok && n.sphere:
		return n.center.angle(p) * n.scale, p.onSphere()
	case ok:
		return n.center.planarDistance(p), true
	case !n.sphere || v.kind != bson.TypeEmbeddedDocument || !find(v.data, "type").isString():
		return 0, false
	}
	g, err := storedGeometry(v)
	return g.distance(n.center.place()) * n.scale, err == nil
}

func (n *Near) test(v value) bool {
	d, ok := n.distance(v)
	return ok && d >= n.least && d <= n.most
}

// near compiles $near and $nearSphere.
func (c compiler) near(sphere bool, v value, siblings []byte) (condition, error) {
	switch {
	case c.found == nil:
		return nil, store.BadRequest(codeBadValue, "geo $near must be top-level expr")
	case *c.found != nil:
		return nil, store.BadRequest(codeBadValue, "Too many geoNear expressions")
	}
	n := &Near{path: c.path, sphere: sphere, scale: 1, most: math.Inf(1)}
	limits := [][]byte{siblings}
	shape := missing
	if v.kind == bson.TypeEmbeddedDocument {
		shape = find(v.data, "$geometry")
		limits = append(limits, v.data)
	}
	var ok bool
	if shape.kind != 0 {
		n.sphere, n.scale, n.geoJSON = true, earthRadius, true
		if shape.kind == bson.TypeEmbeddedDocument {
			n.center, ok = storedPoint(shape)
		}
	} else {
		n.center, ok = legacyPoint(v)
	}
	switch {
	case !ok:
		return nil, store.BadRequest(codeBadValue, "invalid point in geo near query")
	case n.sphere && !n.center.onSphere():
		return nil, store.BadRequest(codeBadValue, "longitude/latitude is out of bounds, lng: %v lat: %v", n.center.x, n.center.y)
	}
	for _, doc := range limits {
		if err := n.limit(doc); err != nil {
			return nil, err
		}
	}
	*c.found = n
	return existential{n, true}, nil
}

func (n *Near) limit(doc []byte) error {
	for _, l := range []struct {
		name string
		to   *float64
	}{{"$minDistance", &n.least}, {"$maxDistance", &n.most}} {
		v := find(doc, l.name)
		if v.kind == 0 {
			continue
		}
		if !v.isNumber() || v.kind == bson.TypeDecimal128 || !(v.float() >= 0) {
			return store.BadRequest(codeBadValue, "%s must be a non-negative number", l.name)
		}
		*l.to = v.float()
	}
	return nil
}

// Path returns the path of what is to be near.
func (n *Near) Path() string { return n.path.String() }

// Least returns the least distance asked for, in the unit of Distance.
func (n *Near) Least() float64 { return n.least }

// Most returns the greatest distance that a document in a geo index can have and
// be near, in the unit of Distance.
func (n *Near) Most() float64 {
	if n.sphere {
		return min(n.most, math.Pi*n.scale)
	}
	x := max(gridHigh-n.center.x, n.center.x-gridLow)
	y := max(gridHigh-n.center.y, n.center.y-gridLow)
	return min(n.most, math.Hypot(x, y))
}

// Bounded tells whether there is a greatest distance.
func (n *Near) Bounded() bool { return !math.IsInf(n.most, 1) }
