package match

import (
	"encoding/binary"
	"iter"
	"math"

	"github.com/golang/geo/r1"
	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Region is where a document has a place at a path if it satisfies one of the
// geo operators, as far as an index can tell.
type Region struct {
	// flat is the region for a 2d index, sphere that for a 2dsphere index; nil
	// is for an index that MongoDB does not use for the operator.
	flat   planar
	sphere s2.Region
}

// RegionOf returns the region of a geo operator in a document of operators that
// has been compiled without error; nil if it is none.
func RegionOf(operator string, operators bson.Raw) *Region {
	c := compiler{found: new(*Near)}
	v := find(operators, operator)
	switch operator {
	case "$geoWithin", "$within", "$geoIntersects", "$near", "$nearSphere", "$geoNear":
	default:
		return nil
	}
	cond, err := c.geoOperator(operator, v, operators)
	if err != nil {
		return nil
	}
	e, _ := cond.(existential)
	switch shape := e.leaf.(type) {
	case box:
		return &Region{flat: shape}
	case polygon:
		return &Region{flat: shape}
	case circle:
		if shape.sphere {
			return sphereRegion(capOf(shape.center, shape.radius))
		}
		return &Region{flat: disc{shape.center, shape.radius}}
	case geometryWithin:
		return sphereRegion(shape.g.regions())
	case geoIntersects:
		return sphereRegion(shape.g.regions())
	case *Near:
		return shape.Within(shape.most)
	}
	return nil
}

// Within returns the region of what is not farther than the distance, in the
// unit of Distance.
func (n *Near) Within(distance float64) *Region {
	switch {
	case !n.sphere:
		return &Region{flat: disc{n.center, distance}}
	case n.geoJSON:
		return &Region{sphere: capOf(n.center, distance/n.scale)}
	}
	return sphereRegion(capOf(n.center, distance/n.scale))
}

// Inside returns ranges of a geo index's keys in which every document is too near,
// as $minDistance says. There may be more of them.
func (n *Near) Inside(sphere bool) []KeyRange {
	switch {
	case n.least == 0 || n.sphere && !sphere:
		return nil
	case !sphere:
		return keyRangesOf(coverInside(disc{n.center, n.least}))
	}
	radius := n.least/n.scale*(1-1e-9) - capMargin
	if radius <= 0 {
		return nil
	}
	inner := s2.CapFromCenterAngle(n.center.place(), s1.Angle(min(radius, math.Pi)))
	cells := (&s2.RegionCoverer{MaxLevel: s2.MaxLevel, LevelMod: 1, MaxCells: maxCells}).InteriorCovering(inner)
	found := make([]gridRange, len(cells))
	for i, c := range cells {
		found[i] = gridRange{uint64(c.RangeMin()), uint64(c.RangeMax())}
	}
	return keyRangesOf(joined(found))
}

// capMargin is added to the radius of caps, in radians, for what distances,
// angles and cells are rounded by. It is some centimetres on earth.
const capMargin = 1e-8

func capOf(center point, radius float64) s2.Cap {
	radius = radius*(1+1e-9) + capMargin
	if !(radius < math.Pi) {
		return s2.FullCap()
	}
	return s2.CapFromCenterAngle(center.place(), s1.Angle(radius))
}

// sphereRegion makes a region of one on the sphere: in the plane of longitudes
// and latitudes it is bounded by boxes.
func sphereRegion(r s2.Region) *Region {
	if c, ok := r.(s2.Cap); ok {
		return &Region{flat: flatCap{boxesOf(c.RectBound()), c}, sphere: r}
	}
	parts, ok := r.(s2.RegionUnion)
	if !ok {
		return &Region{flat: boxesOf(r.RectBound()), sphere: r}
	}
	var boxes boxList
	for _, part := range parts[:min(len(parts), maxSquares)] {
		boxes = append(boxes, boxesOf(part.RectBound())...)
	}
	if len(parts) > maxSquares {
		boxes = boxesOf(r.RectBound())
	}
	return &Region{flat: boxes, sphere: r}
}

// flatCap is a cap in the plane of longitudes and latitudes.
type flatCap struct {
	boxList
	cap s2.Cap
}

func (c flatCap) meets(b box) bool {
	low, high := max(b.low.y, -90), min(b.high.y, 90)
	if low > high {
		return false
	}
	rect := s2.Rect{
		Lat: r1.Interval{Lo: low * math.Pi / 180, Hi: high * math.Pi / 180},
		Lng: s1.FullInterval(),
	}
	if west, east := max(b.low.x, -180), min(b.high.x, 180); east-west < 360 {
		rect.Lng = s1.IntervalFromEndpoints(west*math.Pi/180, east*math.Pi/180)
	}
	return rect.DistanceToLatLng(s2.LatLngFromPoint(c.cap.Center())) <= c.cap.Radius()+capMargin
}

// boxesOf returns the boxes of a rectangle on the sphere; one over the date line
// is in two.
func boxesOf(r s2.Rect) boxList {
	if r.IsEmpty() {
		return nil
	}
	const margin = 1e-9
	degrees := func(radians float64) float64 { return radians * 180 / math.Pi }
	low, high := degrees(r.Lat.Lo)-margin, degrees(r.Lat.Hi)+margin
	at := func(west, east float64) box { return box{low: point{west, low}, high: point{east, high}} }
	west, east := degrees(r.Lng.Lo)-margin, degrees(r.Lng.Hi)+margin
	// A pole has all longitudes.
	if r.Lng.IsFull() || low <= -90 || high >= 90 {
		return boxList{at(-180, 180)}
	}
	switch {
	case west > east:
		return boxList{at(west, 180), at(-180, east)}
	case east >= 180:
		return boxList{at(west, 180), at(-180, east-360)}
	case west <= -180:
		return boxList{at(-180, east), at(west+360, 180)}
	}
	return boxList{at(west, east)}
}

// KeyRange is a range of an index field's keys, both ends included, and with
// them all keys that begin as the last one does.
type KeyRange struct{ First, Last []byte }

// maxCells bounds the cells of a covering on the sphere.
const maxCells = 16

// Ranges returns the ranges of a 2d index's field or, if sphere is set, a
// 2dsphere index's, that hold all documents with a place in the region. ok is
// false if such an index is not for the operator.
func (r *Region) Ranges(sphere bool) (ranges []KeyRange, ok bool) {
	if !sphere {
		if r.flat == nil {
			return nil, false
		}
		return keyRangesOf(cover(r.flat)), true
	}
	if r.sphere == nil {
		return nil, false
	}
	cells := (&s2.RegionCoverer{MaxLevel: s2.MaxLevel, LevelMod: 1, MaxCells: maxCells}).Covering(r.sphere)
	var found []gridRange
	ancestors := make(map[s2.CellID]struct{})
	for _, c := range cells {
		found = append(found, gridRange{uint64(c.RangeMin()), uint64(c.RangeMax())})
		// What is larger than the cell may be indexed by a cell around it.
		for level := range c.Level() {
			ancestors[c.Parent(level)] = struct{}{}
		}
	}
	for c := range ancestors {
		found = append(found, gridRange{uint64(c), uint64(c)})
	}
	return keyRangesOf(joined(found)), true
}

func keyRangesOf(cells []gridRange) []KeyRange {
	ranges := make([]KeyRange, len(cells))
	for i, r := range cells {
		ranges[i] = KeyRange{appendCell(nil, r.first), appendCell(nil, r.last)}
	}
	return ranges
}

// appendCell appends the key of a cell.
func appendCell(dst []byte, cell uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, byte(rankPlace)), cell)
}

// Around returns ever larger surroundings of the centre, each a cell with all
// that is in it, and about how far they reach in the unit of Distance.
func (n *Near) Around(sphere bool) iter.Seq2[KeyRange, float64] {
	return func(yield func(KeyRange, float64) bool) { n.around(sphere, yield) }
}

func (n *Near) around(sphere bool, yield func(KeyRange, float64) bool) {
	unit := 1.0
	if n.sphere {
		unit = n.scale * math.Pi / 180
	}
	if !sphere {
		for level := gridLevels - 4; level >= 0; level -= 2 {
			r := keyRangesOf([]gridRange{n.center.gridAround(level)})[0]
			if !yield(r, math.Ldexp(gridHigh-gridLow, -level)*unit) {
				return
			}
		}
		return
	}
	leaf := s2.CellIDFromLatLng(s2.LatLngFromPoint(n.center.place()))
	for level := s2.MaxLevel - 6; level >= 0; level -= 2 {
		c := leaf.Parent(level)
		r := keyRangesOf([]gridRange{{uint64(c.RangeMin()), uint64(c.RangeMax())}})[0]
		if !yield(r, math.Ldexp(90, -level)*unit) {
			return
		}
	}
}
