package match

import (
	"math"

	"github.com/golang/geo/s1"
	"github.com/golang/geo/s2"
)

// earthRadius is what MongoDB takes for the radius of the earth, in metres.
const earthRadius = 6378100.0

// point is a position: longitude and latitude in degrees, or x and y.
type point struct{ x, y float64 }

// onSphere tells whether the point is a valid longitude and latitude.
func (p point) onSphere() bool {
	return p.x >= -180 && p.x <= 180 && p.y >= -90 && p.y <= 90
}

func (p point) planarDistance(q point) float64 { return math.Hypot(p.x-q.x, p.y-q.y) }

// angle returns the angle between two places on the sphere, in radians.
func (p point) angle(q point) float64 {
	sinLat := math.Sin((q.y - p.y) * math.Pi / 360)
	sinLng := math.Sin((q.x - p.x) * math.Pi / 360)
	h := sinLat*sinLat + math.Cos(p.y*math.Pi/180)*math.Cos(q.y*math.Pi/180)*sinLng*sinLng
	return 2 * math.Asin(math.Min(1, math.Sqrt(h)))
}

// place is where the point is on the sphere. The date line has one longitude,
// and a pole has one, so that a place is one point however it is written.
func (p point) place() s2.Point {
	switch {
	case p.y == 90:
		return s2.PointFromCoords(0, 0, 1)
	case p.y == -90:
		return s2.PointFromCoords(0, 0, -1)
	case p.x == -180:
		p.x = 180
	}
	return s2.PointFromLatLng(s2.LatLngFromDegrees(p.y, p.x))
}

// tolerance is the angle under which a place is on a line, in radians. It is a
// rounding error's and less than what s2 pads coverings with, so that what is on
// a border is in the border's covering.
const tolerance s1.Angle = 1e-15

// onEdge tells whether p is on the edge from a to b.
func onEdge(p s2.Point, e s2.Edge) bool {
	return p == e.V0 || p == e.V1 || s2.DistanceFromSegment(p, e.V0, e.V1) <= tolerance
}

// onEdges tells whether p is on one of the edges of a line or an area.
func onEdges(p s2.Point, shape s2.Shape) bool {
	for i := range shape.NumEdges() {
		if onEdge(p, shape.Edge(i)) {
			return true
		}
	}
	return false
}

// manyCrossings is from how many pairs of edges on an index finds crossings
// faster than looking at each pair.
const manyCrossings = 4096

// crossing tells whether an edge of a shape crosses the line or, if touching is
// set, meets it in a vertex.
func crossing(shape s2.Shape, line []s2.Point, touching bool) bool {
	if shape.NumEdges()*len(line) > manyCrossings {
		return crossingIndexed(shape, line, touching)
	}
	least := s2.Cross
	if touching {
		least = s2.MaybeCross
	}
	for i := range shape.NumEdges() {
		e := shape.Edge(i)
		crosser := s2.NewChainEdgeCrosser(e.V0, e.V1, line[0])
		for _, p := range line[1:] {
			// Cross, MaybeCross and DoNotCross are in this order.
			if crosser.ChainCrossingSign(p) <= least {
				return true
			}
		}
	}
	return false
}

func crossingIndexed(shape s2.Shape, line []s2.Point, touching bool) bool {
	kind := s2.CrossingTypeInterior
	if touching {
		kind = s2.CrossingTypeAll
	}
	query := s2.NewCrossingEdgeQuery(indexOfShape(shape))
	for i := range line[1:] {
		if len(query.Crossings(line[i], line[i+1], shape, kind)) > 0 {
			return true
		}
	}
	return false
}

func indexOfShape(shape s2.Shape) *s2.ShapeIndex {
	index := s2.NewShapeIndex()
	index.Add(shape)
	index.Build()
	return index
}

// crossesItself tells whether two edges of a shape cross.
func crossesItself(shape s2.Shape) bool {
	n := shape.NumEdges()
	if n*n > manyCrossings {
		query := s2.NewCrossingEdgeQuery(indexOfShape(shape))
		for i := range n {
			e := shape.Edge(i)
			if len(query.Crossings(e.V0, e.V1, shape, s2.CrossingTypeInterior)) > 0 {
				return true
			}
		}
		return false
	}
	for i := range n {
		e := shape.Edge(i)
		for j := i + 1; j < n; j++ {
			f := shape.Edge(j)
			if s2.CrossingSign(e.V0, e.V1, f.V0, f.V1) == s2.Cross {
				return true
			}
		}
	}
	return false
}

// area is a polygon on the sphere: what its first ring goes around, without what
// the others do. A ring goes around the smaller of the two sides that it has.
type area struct{ *s2.Polygon }

// contains tells whether p is in the area or on its border.
func (a area) contains(p s2.Point) bool {
	return a.ContainsPoint(p) || a.RectBound().ContainsPoint(p) && onEdges(p, a.Polygon)
}

// containsLine tells whether the whole line is in the area.
func (a area) containsLine(line []s2.Point) bool {
	for i, p := range line {
		// Between two places on a concave border, a line may be outside.
		if !a.contains(p) || i > 0 && !a.contains(s2.Interpolate(0.5, line[i-1], p)) {
			return false
		}
	}
	return !crossing(a.Polygon, line, false)
}

func (a area) intersectsLine(line []s2.Point) bool {
	for _, p := range line {
		if a.contains(p) {
			return true
		}
	}
	return crossing(a.Polygon, line, true)
}

// distance returns how far p is from the area, in radians.
func (a area) distance(p s2.Point) float64 {
	if a.contains(p) {
		return 0
	}
	return distanceFromEdges(p, a.Polygon)
}

func distanceFromEdges(p s2.Point, shape s2.Shape) float64 {
	least := s1.InfChordAngle()
	for i := range shape.NumEdges() {
		e := shape.Edge(i)
		least, _ = s2.UpdateMinDistance(p, e.V0, e.V1, least)
	}
	return float64(least.Angle())
}
