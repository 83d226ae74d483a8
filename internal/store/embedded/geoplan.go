package embedded

import (
	"context"
	"errors"
	"slices"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// geo is the kind of a 2d or a 2dsphere index.
type geo struct{ *match.GeoIndexer }

func newGeo(def store.Index) (kind, error) {
	if def.Unique {
		return nil, store.BadRequest(67, "index %q can't be unique", def.Name)
	}
	keys, err := match.CompileGeoIndex(def)
	if err != nil {
		return nil, err
	}
	return geo{keys}, nil
}

// fillGeoIndexes brings the geo indexes forward of a file in which they were in
// the catalog only. One that refuses a document that is there is dropped, as it
// could not have been made.
func fillGeoIndexes(ctx context.Context, c *conn) error {
	cat, err := readCatalog(c)
	if err != nil {
		return err
	}
	tx := &writeTx{conn: c}
	for _, coll := range cat.collections {
		for _, ix := range coll.indexes {
			if _, is := ix.keys.(geo); !is {
				continue
			}
			err := c.refill(ctx, coll, ix)
			if _, refused := errors.AsType[*store.RequestError](err); refused {
				err = tx.dropIndex(ix)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// region is what a geo operator asks of a path.
type region struct {
	path  string
	cells *match.Region
}

// plan serves $geoWithin and $geoIntersects. The filter decides in the end. As in
// MongoDB, the index is of no use to what does not ask for its place.
func (g geo) plan(ix *index, r *request) *plan {
	lead, ok := g.lead(ix, r)
	if !ok || !lead.points {
		return nil
	}
	for _, region := range r.clauses.regions {
		if region.path != lead.place {
			continue
		}
		if ranges, ok := region.cells.Ranges(g.Sphere()); ok {
			p := lead.plan(ix, r)
			p.ranges = lead.ranges(ranges)
			p.bounded++
			return p
		}
	}
	return nil
}

// lead is what a request says of the fields that a geo index has before its first
// place.
type lead struct {
	fields []indexField // with the place
	bounds [][]interval
	place  string
	// points tells that all of the bounds are single values, so that the place
	// can be bound as well.
	points bool
}

// lead returns false if the index is not for the request, whatever the place.
func (g geo) lead(ix *index, r *request) (*lead, bool) {
	at := 0
	for !g.Place(at) {
		at++
	}
	l := &lead{fields: ix.fields[:at+1], place: ix.fields[at].path, points: true}
	switch {
	case ix.def.Partial != nil && !r.clauses.imply(&ix.partial):
		return nil, false
	case at > 0 && ix.collation() != r.collation:
		return nil, false
	case ix.fields[at].positional:
		return nil, false
	}
	multikey := ix.multikey.Load()
	ranges := 1
	for i, f := range ix.fields[:at] {
		b := r.clauses.bounds(f.path, multikey>>i&1 == 1)
		ranges *= len(b.intervals)
		if b.predicates == 0 || f.positional || ranges > maxLeads {
			l.points = false
			break
		}
		l.bounds = append(l.bounds, b.intervals)
		if !b.points {
			l.points = false
			break
		}
	}
	return l, l.points || len(l.bounds) > 0
}

// maxLeads bounds the combinations of values of the fields before a place.
const maxLeads = 256

// plan returns a plan bound to the fields before the place.
func (l *lead) plan(ix *index, r *request) *plan {
	p := &plan{
		access: indexScan, index: ix, multikey: ix.multikey.Load(),
		bounded: len(l.bounds), equal: len(l.bounds), sorted: len(r.sort) == 0,
	}
	p.repeats = p.multikey != 0
	p.ranges = allKeys()
	if len(l.bounds) > 0 {
		p.ranges = keyRanges(l.fields, l.bounds)
	}
	return p
}

// ranges are those of the index in which the place is in one of the cells.
func (l *lead) ranges(cells []match.KeyRange) []keyRange {
	intervals := make([]interval, len(cells))
	for i, c := range cells {
		intervals[i] = interval{position{key: c.First}, position{key: c.Last, after: true}}
	}
	return keyRanges(l.fields, append(slices.Clone(l.bounds), intervals))
}

// codeNoQueryPlan is MongoDB's code for what no index can answer.
const codeNoQueryPlan = 291

// nearPlans returns the plans of a request with $near, which must have a geo
// index for it, as in MongoDB. Another index may still be the better one.
func (c *collection) nearPlans(r *request) ([]*plan, error) {
	var candidates []*plan
	for _, ix := range c.indexes {
		if p := ix.nearPlan(r); p != nil {
			candidates = append(candidates, p)
		}
	}
	if candidates == nil {
		return nil, noGeoIndex(r)
	}
	if p := c.idPlan(r); p.bounded > 0 {
		candidates = append(candidates, p)
	}
	for _, ix := range c.indexes {
		if p := ix.plan(r); p != nil && p.bounded > 0 && !p.isGeo() {
			candidates = append(candidates, p)
		}
	}
	return candidates, nil
}

func noGeoIndex(r *request) error {
	return store.BadRequest(codeNoQueryPlan, "error processing query: field=%s planner returned error :: caused by :: "+
		"unable to find index for $geoNear query", r.near.Path())
}

// hintedNear returns the plan of a request with $near that names a geo index.
func (c *collection) hintedNear(r *request) (*plan, error) {
	for _, ix := range c.indexes {
		if r.hint != ix.def.Name && !sameKeys(r.hint, ix.def.Keys) {
			continue
		}
		if p := ix.nearPlan(r); p != nil {
			return p, nil
		}
		return nil, noGeoIndex(r)
	}
	if r.hint == idIndex {
		return nil, noGeoIndex(r)
	}
	return nil, badHint()
}

func (p *plan) isGeo() bool {
	if p.index == nil {
		return false
	}
	_, is := p.index.keys.(geo)
	return is
}

// nearPlan returns how the index serves a request with $near, nil if it does not.
func (ix *index) nearPlan(r *request) *plan {
	g, is := ix.keys.(geo)
	if !is {
		return nil
	}
	l, ok := g.lead(ix, r)
	if !ok || l.place != r.near.Path() {
		return nil
	}
	cells, ok := r.near.Within(r.near.Most()).Ranges(g.Sphere())
	if !ok {
		return nil
	}
	p := l.plan(ix, r)
	if !l.points {
		return p
	}
	p.ranges = remove(l.ranges(cells), l.ranges(r.near.Inside(g.Sphere())))
	if r.nearest {
		p.rings = &rings{near: r.near, lead: l, sphere: g.Sphere()}
	}
	if r.nearest || r.near.Bounded() {
		p.bounded++
	}
	return p
}
