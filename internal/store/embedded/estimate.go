package embedded

import "slices"

// Estimates of what plans read, in documents.
const (
	// counted is up to how many entries of an index are counted.
	counted = 2000
	// countedRanges is in how many of a plan's ranges they are.
	countedRanges = 32
)

// choose returns the plan that promises to read the least, to give limit
// documents or, if that is 0, all.
func (c *collection) choose(conn *conn, candidates []*plan, limit int64) (*plan, error) {
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	if i := slices.IndexFunc(candidates, func(p *plan) bool { return p.atMostOne() && len(p.ranges) == 1 }); i >= 0 {
		return candidates[i], nil
	}
	total, err := conn.number(stmtKey{does: docsMax, docs: c.n}, nothing)
	if err != nil {
		return nil, err
	}
	sizes := make([]float64, len(candidates))
	matches := float64(total)
	for i, p := range candidates {
		if sizes[i], err = p.size(conn, c, float64(total)); err != nil {
			return nil, err
		}
		matches = min(matches, sizes[i])
	}
	best, least := candidates[0], candidates[0].cost(sizes[0], matches, limit)
	for i, p := range candidates[1:] {
		cost := p.cost(sizes[i+1], matches, limit)
		if cost < least || cost == least && p.better(best) {
			best, least = p, cost
		}
	}
	return best, nil
}

// estimate returns about how many documents the plan reads to give limit of them
// or, if that is 0, all.
func (v *view) estimate(limit int64) (int64, error) {
	if v.coll == nil {
		return 0, nil
	}
	total, err := v.conn.number(stmtKey{does: docsMax, docs: v.coll.n}, nothing)
	if err != nil {
		return 0, err
	}
	size, err := v.plan.size(v.conn, v.coll, float64(total))
	if err != nil {
		return 0, err
	}
	if v.plan.exact && v.plan.sorted && limit > 0 {
		size = min(size, float64(limit))
	}
	return int64(size), nil
}

// size estimates how many documents are in the plan's ranges.
func (p *plan) size(conn *conn, c *collection, total float64) (float64, error) {
	if p.access == union {
		sum := 0.0
		for _, branch := range p.branches {
			n, err := branch.size(conn, c, total)
			if err != nil {
				return 0, err
			}
			sum += n
		}
		return sum, nil
	}
	if p.access == textScan {
		return p.textSize(conn, total)
	}
	if p.bounded == 0 {
		return total, nil
	}
	key := stmtKey{does: indexCount, docs: c.n}
	if p.access == idScan {
		key.does = docsCountIDs
	} else {
		key.index = p.index.n
	}
	var n int64
	ranges := p.ranges[:min(len(p.ranges), countedRanges)]
	for _, r := range ranges {
		m, err := conn.countRange(key, r, counted-n)
		if err != nil {
			return 0, err
		}
		if n += m; n >= counted {
			return max(counted, total/10), nil
		}
	}
	if len(ranges) == 0 {
		return 0, nil
	}
	return float64(n) * float64(len(p.ranges)) / float64(len(ranges)), nil
}

// cost weighs a plan, when the most selective one reads that many matches.
func (p *plan) cost(size, matches float64, limit int64) float64 {
	read := size
	if p.rings != nil {
		// Cells around what is nearest hold some more than that.
		read = min(size, 4*float64(limit)*size/max(matches, 1))
	}
	if limit > 0 && p.sortedRanges {
		// If what matches is spread evenly, so much of a range gives the limit.
		read = float64(limit) * size / max(matches, 1)
		if !p.sorted {
			read *= float64(len(p.ranges))
		}
		read = min(size, read)
	}
	switch {
	case p.access == collectionScan:
	case p.sorted:
		read *= 2 // an index and then a document
	default:
		read *= 3 // and a sort
	}
	if p.access == collectionScan && !p.sorted {
		read *= 2
	}
	return read
}
