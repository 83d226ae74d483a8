package match

import "math"

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

// vector is a direction in space.
type vector struct{ x, y, z float64 }

func (p point) vector() vector {
	lng, lat := p.x*math.Pi/180, p.y*math.Pi/180
	return vector{math.Cos(lat) * math.Cos(lng), math.Cos(lat) * math.Sin(lng), math.Sin(lat)}
}

func (v vector) dot(w vector) float64 { return v.x*w.x + v.y*w.y + v.z*w.z }

func (v vector) cross(w vector) vector {
	return vector{v.y*w.z - v.z*w.y, v.z*w.x - v.x*w.z, v.x*w.y - v.y*w.x}
}

// tolerance is the sine of the angle under which places are the same, some
// micrometres on earth.
const tolerance = 1e-12

// onArc tells whether v is on the shorter great-circle arc from a to b.
func (v vector) onArc(a, b vector) bool {
	n := a.cross(b)
	length := math.Sqrt(n.dot(n))
	if length < tolerance {
		return v.dot(a) > 1-tolerance*tolerance
	}
	return math.Abs(v.dot(n)) <= tolerance*length &&
		a.cross(v).dot(n) >= -tolerance*length && v.cross(b).dot(n) >= -tolerance*length
}

// arcsCross tells whether the arcs from a to b and from c to d cross, touching
// at an end not included.
func arcsCross(a, b, c, d vector) bool {
	ab, cd := a.cross(b), c.cross(d)
	abc, abd := ab.dot(c), ab.dot(d)
	cda, cdb := cd.dot(a), cd.dot(b)
	if abc*abd >= 0 || cda*cdb >= 0 {
		return false
	}
	// The great circles meet at two opposite places; both arcs pass the same one.
	meeting := ab.cross(cd)
	return meeting.dot(middle(a, b))*meeting.dot(middle(c, d)) > 0
}

func middle(a, b vector) vector { return vector{a.x + b.x, a.y + b.y, a.z + b.z} }

// ring is a closed line on the sphere; its last vertex is its first.
type ring []vector

// contains tells whether v is on the ring or inside, that is on the side of the
// smaller area.
func (r ring) contains(v vector) bool {
	var sum vector
	winding := 0.0
	for i := 1; i < len(r); i++ {
		a, b := r[i-1], r[i]
		if v.onArc(a, b) {
			return true
		}
		sum = middle(sum, a)
		winding += math.Atan2(v.dot(a.cross(b)), a.dot(b)-a.dot(v)*b.dot(v))
	}
	// Seen from the antipode of an inner place, the ring winds around as well.
	return math.Abs(winding) > math.Pi && v.dot(sum) > 0
}

// crosses tells whether a line crosses the ring.
func (r ring) crosses(line []vector) bool {
	for i := 1; i < len(r); i++ {
		for j := 1; j < len(line); j++ {
			if arcsCross(r[i-1], r[i], line[j-1], line[j]) {
				return true
			}
		}
	}
	return false
}

// area is a polygon on the sphere: what the first ring contains, without what
// is inside the others.
type area []ring

func (a area) contains(v vector) bool {
	if !a[0].contains(v) {
		return false
	}
	for _, hole := range a[1:] {
		if hole.contains(v) && !hole.passes(v) {
			return false
		}
	}
	return true
}

// passes tells whether the ring goes through v.
func (r ring) passes(v vector) bool {
	for i := 1; i < len(r); i++ {
		if v.onArc(r[i-1], r[i]) {
			return true
		}
	}
	return false
}

func (a area) crosses(line []vector) bool {
	for _, r := range a {
		if r.crosses(line) {
			return true
		}
	}
	return false
}

// containsLine tells whether the whole line is in the area.
func (a area) containsLine(line []vector) bool {
	for _, v := range line {
		if !a.contains(v) {
			return false
		}
	}
	return !a.crosses(line)
}

// containsArea tells whether the whole of b is in the area.
func (a area) containsArea(b area) bool {
	if !a.containsLine(b[0]) {
		return false
	}
	for _, hole := range a[1:] {
		if b.contains(hole[0]) && !hole.passes(b[0][0]) {
			return false
		}
	}
	return true
}

func (a area) intersectsLine(line []vector) bool {
	for _, v := range line {
		if a.contains(v) {
			return true
		}
	}
	return a.crosses(line)
}

func (a area) intersectsArea(b area) bool {
	return a.intersectsLine(b[0]) || b.contains(a[0][0])
}
