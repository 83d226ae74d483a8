package embedded

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/text"
)

// plan is a way to come by the documents that may satisfy a filter. Whatever
// the plan, the filter decides in the end, unless the plan is exact; so a plan
// may yield too many documents, but must never leave one out.
type plan struct {
	access access
	// index is what an index scan goes through.
	index *index
	// ranges are what is read of the index, in ascending order, downwards from
	// the last one if reverse is set.
	ranges  []keyRange
	reverse bool
	// sorted tells that documents come in the order asked for; sortedRanges,
	// that they do so within each range.
	sorted, sortedRanges bool
	// exact tells that exactly the documents of the ranges satisfy the filter.
	exact bool
	// repeats tells that a document may come more than once.
	repeats bool
	// branches are the plans of a union.
	branches []*plan
	// multikey is what the plan took for the index's multikey fields; it holds
	// for a snapshot if the index says the same after the snapshot began.
	multikey uint64
	// rings finds what is nearest first; nil for plans that don't.
	rings *rings
	// text is what is searched for as text; nil for nothing.
	text *textPlan
	// equal and bounded count the leading fields of which single values are
	// wanted, and those with any bounds.
	equal, bounded int
}

// access is where a plan finds documents.
type access uint8

const (
	collectionScan access = iota
	idScan                // the unique index of _id
	indexScan
	textScan
	union
)

// request is what a plan is for.
type request struct {
	clauses   clauses
	collation match.Collation
	sort      bson.D
	hint      any
	// near is what the filter wants to be near, which needs an index for that;
	// nil for nothing.
	near *match.Near
	// nearest tells that a limited number is wanted in the order of distance.
	nearest bool
	// text is what the filter searches for, which needs a text index; nil for nothing.
	text *text.Search
}

// within returns the request for one branch of an $or.
func (r *request) within(branch *clauses) *request {
	inner := &request{collation: r.collation}
	inner.clauses.predicates = slices.Concat(r.clauses.predicates, branch.predicates)
	inner.clauses.regions = slices.Concat(r.clauses.regions, branch.regions)
	inner.clauses.alternatives = branch.alternatives
	inner.clauses.text = branch.text
	inner.clauses.rest = true
	return inner
}

// idFields describes the index of _id, which holds ids by their keys.
var idFields = []indexField{{path: "_id"}}

// plans returns the plans worth considering, none that reads more than another
// for sure.
func (c *collection) plans(r *request) ([]*plan, error) {
	if r.text != nil {
		return c.textPlans(r)
	}
	if c == nil {
		return []*plan{c.natural(r)}, nil
	}
	if r.hint != nil {
		p, err := c.hinted(r)
		if err != nil {
			return nil, err
		}
		return []*plan{p}, nil
	}
	if r.near != nil {
		return c.nearPlans(r)
	}
	var candidates []*plan
	if p := c.idPlan(r); p.bounded > 0 || p.sorted && len(r.sort) > 0 {
		candidates = append(candidates, p)
	}
	for _, ix := range c.indexes {
		p := ix.plan(r)
		if p != nil && (p.bounded > 0 || p.sorted && len(r.sort) > 0) {
			candidates = append(candidates, p)
		}
	}
	if !slices.ContainsFunc(candidates, func(p *plan) bool { return p.bounded > 0 }) {
		candidates = append(candidates, c.natural(r))
		if p := c.unionPlan(r); p != nil {
			candidates = append(candidates, p)
		}
	}
	return candidates, nil
}

// natural is the plan that reads all documents.
func (c *collection) natural(r *request) *plan {
	return &plan{access: collectionScan, sorted: len(r.sort) == 0, exact: r.clauses.empty()}
}

// hinted returns the plan that the request names. An index that does not hold
// all the documents asked for is read all the same, as MongoDB does.
func (c *collection) hinted(r *request) (*plan, error) {
	if r.near != nil {
		return c.hintedNear(r)
	}
	if keys, ok := r.hint.(bson.D); ok && len(keys) == 1 && keys[0].Key == "$natural" {
		p := c.natural(r)
		p.reverse = isDescending(keys[0].Value)
		return p, nil
	}
	if r.hint == idIndex || sameKeys(r.hint, bson.D{{Key: "_id", Value: int32(1)}}) {
		return c.idPlan(r), nil
	}
	for _, ix := range c.indexes {
		if r.hint != ix.def.Name && !sameKeys(r.hint, ix.def.Keys) {
			continue
		}
		if ix.keys == nil {
			return c.natural(r), nil
		}
		if ix.text() != nil {
			return nil, badHint()
		}
		if p := ix.plan(r); p != nil {
			return p, nil
		}
		p := &plan{access: indexScan, index: ix, ranges: allKeys(), sorted: len(r.sort) == 0}
		p.multikey = ix.multikey.Load()
		p.repeats = p.multikey != 0
		return p, nil
	}
	return nil, badHint()
}

func badHint() error {
	return store.BadRequest(2, "error processing query: planner returned error: bad hint")
}

// sameKeys tells whether a hint names these keys.
func sameKeys(hint any, keys bson.D) bool {
	named, ok := hint.(bson.D)
	return ok && slices.EqualFunc(named, keys, func(a, b bson.E) bool {
		kind, special := a.Value.(string)
		other, otherSpecial := b.Value.(string)
		return a.Key == b.Key && special == otherSpecial && kind == other && isDescending(a.Value) == isDescending(b.Value)
	})
}

// idPlan is the plan that reads the index of _id.
func (c *collection) idPlan(r *request) *plan {
	p := &plan{access: idScan, ranges: allKeys(), sorted: len(r.sort) == 0, exact: r.clauses.empty()}
	// Ids are in the simple order, whatever the collation of the request.
	if r.collation == match.Simple {
		p.bind(idFields, r)
	}
	return p
}

// plan returns how the index serves the request, nil if it does not.
func (ix *index) plan(r *request) *plan {
	if ix.keys == nil {
		return nil
	}
	return ix.keys.plan(ix, r)
}

// holds tells whether all documents that satisfy the filter are in the index.
func (ix *index) holds(r *request) bool {
	if ix.def.Sparse && !slices.ContainsFunc(ix.fields, func(f indexField) bool {
		return r.clauses.requires(f.path)
	}) {
		return false
	}
	return ix.def.Partial == nil || r.clauses.imply(&ix.partial)
}

// bind finds the ranges of an index with these fields that the request is
// about, and whether they come in its order.
func (p *plan) bind(fields []indexField, r *request) {
	var bounds [][]interval
	single := 0   // leading fields of which one value is wanted
	points := 0   // leading fields of which single values are wanted
	bounded := 0  // predicates that made bounds
	exact := true // so far, the bounds say all that these predicates do
	var arrays uint64
	ranges := 1
	for i, f := range fields {
		multikey := p.multikey >> i & 1
		// With two paths through one array, the filter may find its values in
		// different elements; the index has those of the same element together.
		if f.positional || multikey == 1 && arrays != 0 {
			break
		}
		b := r.clauses.bounds(f.path, multikey == 1)
		ranges *= len(b.intervals)
		if b.predicates == 0 || ranges > maxRanges || b.existence && !p.sparse() {
			break
		}
		bounds = append(bounds, b.intervals)
		bounded += b.predicates
		exact = exact && b.exact
		arrays |= multikey << i
		if !b.points || ranges == 0 {
			break
		}
		points++
		if len(b.intervals) == 1 && single == i {
			single++
		}
	}
	p.bounded, p.equal = len(bounds), points
	p.ranges = allKeys()
	if len(bounds) > 0 {
		p.ranges = keyRanges(fields, bounds)
	}
	p.exact = exact && bounded == len(r.clauses.predicates) && !r.clauses.rest
	p.repeats = p.multikey>>single != 0
	p.order(fields, r.sort, single, points)
}

// sparse tells whether the index leaves documents out, so that reading all of
// it is worth while.
func (p *plan) sparse() bool {
	return p.index != nil && (p.index.def.Sparse || p.index.def.Partial != nil)
}

// order finds out whether the index is in the order asked for, upwards or
// downwards, of all ranges together or of each.
func (p *plan) order(fields []indexField, sort bson.D, single, points int) {
	if len(sort) == 0 {
		p.sorted, p.sortedRanges = true, true
		return
	}
	var pinned []string
	whole := true
	decided := false
	for i, f := range fields {
		multikey := p.multikey>>i&1 == 1
		for len(sort) > 0 && slices.Contains(pinned, sort[0].Key) {
			sort = sort[1:]
		}
		if len(sort) == 0 {
			break
		}
		// An array's place in an order depends on all of its elements.
		if sort[0].Key == f.path && !multikey && !f.positional {
			down := isDescending(sort[0].Value) != f.descending
			if decided && down != p.reverse {
				return
			}
			p.reverse, decided = down, true
			sort = sort[1:]
			continue
		}
		if i >= points {
			return
		}
		if i >= single {
			whole = false
		} else if !multikey {
			pinned = append(pinned, f.path)
		}
	}
	for len(sort) > 0 && slices.Contains(pinned, sort[0].Key) {
		sort = sort[1:]
	}
	p.sortedRanges = len(sort) == 0
	p.sorted = p.sortedRanges && whole
}

// unionPlan is the plan that reads the branches of an $or one by one, if each of
// them has an index.
func (c *collection) unionPlan(r *request) *plan {
	for _, branches := range r.clauses.alternatives {
		p := &plan{access: union, repeats: true, sorted: len(r.sort) == 0}
		for _, branch := range branches {
			best := c.bestBounded(r.within(&branch))
			if best == nil {
				p = nil
				break
			}
			p.branches = append(p.branches, best)
		}
		if p != nil {
			return p
		}
	}
	return nil
}

// bestBounded returns the plan with the most bounds, nil if none has any.
func (c *collection) bestBounded(r *request) *plan {
	candidates, err := c.plans(r)
	if err != nil {
		return nil
	}
	var best *plan
	for _, p := range candidates {
		if p.selects() && (best == nil || p.better(best)) {
			best = p
		}
	}
	return best
}

// selects tells whether the plan reads a part of the collection only.
func (p *plan) selects() bool { return p.access == union || p.bounded > 0 }

// better tells which of two plans promises to read less, without a look at the data.
func (p *plan) better(q *plan) bool {
	switch {
	case p.atMostOne() != q.atMostOne():
		return p.atMostOne()
	case p.equal != q.equal:
		return p.equal > q.equal
	case p.bounded != q.bounded:
		return p.bounded > q.bounded
	case p.sorted != q.sorted:
		return p.sorted
	}
	return len(p.ranges) < len(q.ranges)
}

// atMostOne tells whether every range of the plan has one document at most.
func (p *plan) atMostOne() bool {
	if p.access == idScan {
		return p.equal == 1
	}
	return p.access == indexScan && p.index.def.Unique && p.equal == len(p.index.fields)
}

// stale tells whether an index has met arrays since the plan was made.
func (p *plan) stale() bool {
	for _, branch := range p.branches {
		if branch.stale() {
			return true
		}
	}
	return p.index != nil && p.index.multikey.Load() != p.multikey
}
