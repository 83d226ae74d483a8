package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// rings reads a geo index around a place in rings, from the inside out, until
// what is still to be read is farther than enough documents found.
type rings struct {
	near   *match.Near
	lead   *lead
	sphere bool
}

// run emits the nearest documents in order. What a ring's cells hold beyond the
// ring is kept, so that nothing is read twice.
func (g *rings) run(ctx context.Context, v *view, out *emitter, order *ordering) error {
	return v.conn.inSnapshot(func() error {
		radius, err := g.first(v, order.capacity)
		if err != nil {
			return err
		}
		plan := *v.plan
		reading := scan{
			conn: v.conn, coll: v.coll, plan: &plan, filter: order.search.filter, cache: v.cache, at: v.at, checked: v.pinned,
			visit: func(h handle, doc bson.Raw) (bool, error) {
				v.delivered = true
				return true, order.add(h, doc)
			},
		}
		if plan.repeats {
			reading.seen = make(map[int64]struct{})
		}
		read := g.lead.ranges(g.near.Inside(g.sphere)) // there is nothing to be found
		for most := g.near.Most(); ; {
			radius = min(radius, most)
			plan.ranges = remove(g.within(radius), read)
			if err := reading.read(ctx, &plan); err != nil {
				return err
			}
			if farthest, full := order.farthest(); radius >= most || full && farthest <= radius {
				return out.emitAll(order)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			read = append(read, plan.ranges...)
			slices.SortFunc(read, func(a, b keyRange) int { return bytes.Compare(a.low, b.low) })
			switch farthest, full := order.farthest(); {
			case full: // and none of those wanted is farther
				radius = farthest
			case order.count == 0:
				radius *= growth * growth
			default:
				radius *= growth
			}
		}
	})
}

func (g *rings) within(radius float64) []keyRange {
	cells, _ := g.near.Within(radius).Ranges(g.sphere)
	return g.lead.ranges(cells)
}

// growth is by how much a ring is wider than the one before. What the last one
// reads beyond what is wanted may be dense, which costs more than one more ring.
const growth = 1.5

// first returns the radius to begin with: well within the least surroundings in
// which the index has as many entries as documents are wanted.
func (g *rings) first(v *view, wanted int64) (float64, error) {
	key := stmtKey{does: indexCount, docs: v.coll.n, index: v.plan.index.n}
	for cells, reach := range g.near.Around(g.sphere) {
		var n int64
		for _, r := range g.lead.ranges([]match.KeyRange{cells}) {
			m, err := v.conn.countRange(key, r, wanted-n)
			if err != nil {
				return 0, err
			}
			if n += m; n >= wanted {
				return g.near.Least() + reach/8, nil
			}
		}
	}
	return g.near.Most(), nil
}

// farthest returns the distance of the farthest document in the heap, and whether
// the heap holds all that is wanted.
func (o *ordering) farthest() (distance float64, full bool) {
	if int64(len(o.items)) < o.capacity {
		return 0, false
	}
	return math.Float64frombits(binary.BigEndian.Uint64(o.items[0].key)), true
}

// remove returns what is in ranges but not in gone. All are in order.
func remove(ranges, gone []keyRange) []keyRange {
	var rest []keyRange
	for _, r := range ranges {
		for len(gone) > 0 && bytes.Compare(gone[0].high, r.low) <= 0 {
			gone = gone[1:]
		}
		for _, g := range gone {
			if bytes.Compare(g.low, r.high) >= 0 {
				break
			}
			if bytes.Compare(r.low, g.low) < 0 {
				rest = append(rest, keyRange{low: r.low, high: g.low})
			}
			r.low = g.high
		}
		if bytes.Compare(r.low, r.high) < 0 {
			rest = append(rest, r)
		}
	}
	return rest
}
