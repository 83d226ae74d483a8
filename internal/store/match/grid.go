package match

import (
	"math"
	"slices"
)

// A 2d index lays a grid over the square from -180 to 180: 2³² columns and rows.
// A cell's number interleaves the bits of both, x in the higher place, so that
// the cells of every square of the halved, quartered, … plane are one range.

const (
	gridLow, gridHigh = -180.0, 180.0
	gridLevels        = 32
	gridScale         = (1 << gridLevels) / (gridHigh - gridLow)
)

// inGrid tells whether a 2d index takes the point.
func (p point) inGrid() bool {
	return p.x >= gridLow && p.x <= gridHigh && p.y >= gridLow && p.y <= gridHigh
}

// gridLine returns the column or row of a coordinate, those beyond the grid in
// the outermost. It never falls when the coordinate rises, so what is within
// bounds is within the cells of the bounds.
func gridLine(f float64) uint32 {
	return uint32(max(0, min((f-gridLow)*gridScale, 1<<gridLevels-1)))
}

// cell returns the number of the point's cell.
func (p point) cell() uint64 { return spread(gridLine(p.x))<<1 | spread(gridLine(p.y)) }

// spread moves the bits of n to the even places.
func spread(n uint32) uint64 {
	x := uint64(n)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	x = (x | x<<8) & 0x00FF00FF00FF00FF
	x = (x | x<<4) & 0x0F0F0F0F0F0F0F0F
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// square is one of the 4^level squares of the grid.
type square struct {
	column, row uint32 // of its first cell
	level       uint8
}

// cells returns the square's first and last cell.
func (q square) cells() (first, last uint64) {
	first = spread(q.column)<<1 | spread(q.row)
	return first, first | (1<<(2*(gridLevels-q.level)) - 1) // 0 at the root's shift of 64, less 1
}

// side is the square's breadth in lines.
func (q square) side() uint64 { return 1 << (gridLevels - q.level) }

// bounds returns the square's corners in the plane, with a margin for rounding.
func (q square) bounds() box {
	const margin = 1e-7
	x, y := gridLow+float64(q.column)/gridScale, gridLow+float64(q.row)/gridScale
	side := float64(q.side()) / gridScale
	return box{low: point{x - margin, y - margin}, high: point{x + side + margin, y + side + margin}}
}

// over tells what the square has to do with the lines between two cells.
func (q square) over(low, high gridCorner) (meets, within bool) {
	lastColumn, lastRow := uint64(q.column)+q.side()-1, uint64(q.row)+q.side()-1
	meets = q.column <= high.column && lastColumn >= uint64(low.column) &&
		q.row <= high.row && lastRow >= uint64(low.row)
	within = q.column >= low.column && lastColumn <= uint64(high.column) &&
		q.row >= low.row && lastRow <= uint64(high.row)
	return meets, within
}

func (q square) quarters() [4]square {
	half := uint32(q.side() / 2)
	l := q.level + 1
	return [4]square{
		{q.column, q.row, l}, {q.column, q.row + half, l},
		{q.column + half, q.row, l}, {q.column + half, q.row + half, l},
	}
}

// planar is a part of the plane as coverings see it.
type planar interface {
	// boxes bound the shape.
	boxes() []box
	// meets tells whether the shape has a place in the box; it may say so when
	// it hasn't.
	meets(b box) bool
}

type gridCorner struct{ column, row uint32 }

// gridRange is a range of cells, its ends included.
type gridRange struct{ first, last uint64 }

// maxSquares bounds the squares of a covering.
const maxSquares = 48

// cover returns ranges of cells that hold all of the shape's places in the grid:
// the finest squares, of one size but for those inside, that are few enough.
func cover(shape planar) []gridRange {
	type bound struct{ low, high gridCorner }
	var bounds []bound
	for _, b := range shape.boxes() {
		if b.high.x < gridLow || b.low.x > gridHigh || b.high.y < gridLow || b.low.y > gridHigh {
			continue
		}
		bounds = append(bounds, bound{
			gridCorner{gridLine(b.low.x), gridLine(b.low.y)}, gridCorner{gridLine(b.high.x), gridLine(b.high.y)},
		})
	}
	var settled []square
	open := []square{{}}
	if len(bounds) == 0 {
		open = nil
	}
	for len(open) > 0 && open[0].level < gridLevels {
		var next, inside []square
		for _, q := range open {
			for _, quarter := range q.quarters() {
				meets, within := false, false
				for _, b := range bounds {
					m, w := quarter.over(b.low, b.high)
					meets, within = meets || m, within || w
				}
				switch _, plain := shape.(box); {
				case !meets || !plain && !shape.meets(quarter.bounds()):
				case within && plain:
					inside = append(inside, quarter)
				default:
					next = append(next, quarter)
				}
			}
		}
		if len(settled)+len(inside)+len(next) > maxSquares {
			break
		}
		settled, open = append(settled, inside...), next
	}
	ranges := make([]gridRange, 0, len(settled)+len(open))
	for _, q := range append(settled, open...) {
		first, last := q.cells()
		ranges = append(ranges, gridRange{first, last})
	}
	return joined(ranges)
}

// coverInside returns ranges of cells of which all places are in the disc: the
// largest squares, and finer ones as long as there are few.
func coverInside(d disc) []gridRange {
	var inside []gridRange
	open := []square{{}}
	for len(open) > 0 && open[0].level < gridLevels {
		var next []square
		for _, q := range open {
			for _, quarter := range q.quarters() {
				switch b := quarter.bounds(); {
				case d.contains(b):
					first, last := quarter.cells()
					inside = append(inside, gridRange{first, last})
				case d.meets(b):
					next = append(next, quarter)
				}
			}
		}
		if len(inside)+len(next) > maxSquares {
			break
		}
		open = next
	}
	return joined(inside)
}

// joined puts ranges in order and makes one of those side by side.
func joined(ranges []gridRange) []gridRange {
	slices.SortFunc(ranges, func(a, b gridRange) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && (r.first <= out[n-1].last || r.first == out[n-1].last+1) {
			out[n-1].last = max(out[n-1].last, r.last)
			continue
		}
		out = append(out, r)
	}
	return out
}

func (b box) boxes() []box { return []box{b} }

func (b box) meets(c box) bool {
	return b.low.x <= c.high.x && b.high.x >= c.low.x && b.low.y <= c.high.y && b.high.y >= c.low.y
}

func (g polygon) boxes() []box {
	b := box{low: point{math.Inf(1), math.Inf(1)}, high: point{math.Inf(-1), math.Inf(-1)}}
	for _, p := range g {
		b.low = point{min(b.low.x, p.x), min(b.low.y, p.y)}
		b.high = point{max(b.high.x, p.x), max(b.high.y, p.y)}
	}
	return []box{b}
}

// meets is true if an edge may enter the box or the box is inside.
func (g polygon) meets(b box) bool {
	if g.contains(b.low) {
		return true
	}
	for i := range g {
		if segmentMeets(g[i], g[(i+1)%len(g)], b) {
			return true
		}
	}
	return false
}

// segmentMeets tells whether the segment from a to c may have a place in the box:
// it does not if the box is beyond one of its ends or on one side of its line.
func segmentMeets(a, c point, b box) bool {
	bound := box{point{min(a.x, c.x), min(a.y, c.y)}, point{max(a.x, c.x), max(a.y, c.y)}}
	if !bound.meets(b) {
		return false
	}
	var left, right bool
	for _, corner := range [4]point{b.low, {b.high.x, b.low.y}, b.high, {b.low.x, b.high.y}} {
		side := (c.x-a.x)*(corner.y-a.y) - (c.y-a.y)*(corner.x-a.x)
		left, right = left || side >= 0, right || side <= 0
	}
	return left && right
}

// disc is a circle in the plane.
type disc struct {
	center point
	radius float64
}

func (d disc) boxes() []box {
	r := d.radius * (1 + 1e-12)
	return []box{{point{d.center.x - r, d.center.y - r}, point{d.center.x + r, d.center.y + r}}}
}

func (d disc) meets(b box) bool {
	x := max(b.low.x-d.center.x, 0, d.center.x-b.high.x)
	y := max(b.low.y-d.center.y, 0, d.center.y-b.high.y)
	return math.Hypot(x, y) <= d.radius*(1+1e-12)
}

// contains tells whether the disc has all of the box, and its edge has none.
func (d disc) contains(b box) bool {
	x := max(b.high.x-d.center.x, d.center.x-b.low.x)
	y := max(b.high.y-d.center.y, d.center.y-b.low.y)
	return math.Hypot(x, y) < d.radius*(1-1e-12)
}

// boxList is a part of the plane that consists of boxes.
type boxList []box

func (l boxList) boxes() []box { return l }

func (l boxList) meets(b box) bool {
	return slices.ContainsFunc(l, func(c box) bool { return c.meets(b) })
}

// gridAround returns the cells of the square of a level that the point is in.
func (p point) gridAround(level int) gridRange {
	shift := gridLevels - level
	q := square{column: gridLine(p.x) >> shift << shift, row: gridLine(p.y) >> shift << shift, level: uint8(level)}
	first, last := q.cells()
	return gridRange{first, last}
}
