package embedded

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/text"
)

// textPlan is what a plan knows of the text that is searched for.
type textPlan struct {
	query *text.Query
	// terms are the keys of the terms, one of which a document must have.
	terms [][]byte
	// ranked tells that the best come first.
	ranked bool
}

// textPlans returns the plan for a filter with a $text, which needs a text index.
func (c *collection) textPlans(r *request) ([]*plan, error) {
	ix := c.textIndex()
	switch {
	case ix == nil:
		return nil, store.BadRequest(27, "text index required for $text query")
	case r.hint != nil:
		return nil, store.BadRequest(2, "text and hint not allowed in same query")
	}
	query, err := ix.text().Compile(*r.text)
	if err != nil {
		return nil, err
	}
	p, err := c.searched(ix, query, r)
	return []*plan{p}, err
}

// searched returns the plan of a request whose clauses have the text search, at
// the top or in an alternative.
func (c *collection) searched(ix *index, query *text.Query, r *request) (*plan, error) {
	if r.clauses.text {
		return ix.textScan(query, r)
	}
	for _, branches := range r.clauses.alternatives {
		if slices.ContainsFunc(branches, clauses.searches) {
			return c.textUnion(ix, query, branches, r)
		}
	}
	return nil, store.BadRequest(codeNoQueryPlan, "no query solutions for $text")
}

// textScan is the plan that reads the terms of a text index, as far as they are
// beside the values that the filter wants of the keys before the text.
func (ix *index) textScan(query *text.Query, r *request) (*plan, error) {
	if ix.def.Partial != nil && !r.clauses.imply(&ix.partial) {
		return nil, store.BadRequest(codeNoQueryPlan, "failed to use text index to satisfy $text query (is the filter of the partial index part of it?)")
	}
	var prefix []byte
	exact, used := query.Exact(), 0
	for _, e := range ix.text().Before {
		b := r.clauses.bounds(e.Key, false)
		if !b.points || len(b.intervals) != 1 || r.collation != match.Simple {
			return nil, store.BadRequest(codeNoQueryPlan,
				"failed to use text index to satisfy $text query (if text index is compound, are equality predicates given for all prefix fields?)")
		}
		key := slices.Clone(b.intervals[0].low.key)
		if isDescending(e.Value) {
			for i := range key {
				key[i] = ^key[i]
			}
		}
		prefix = append(prefix, key...)
		exact = exact && b.exact
		used += b.predicates
	}
	p := &plan{access: textScan, index: ix, text: &textPlan{query: query}, bounded: 1 + len(ix.text().Before)}
	for _, term := range query.Terms() {
		p.text.terms = append(p.text.terms, appendTerm(slices.Clone(prefix), term))
	}
	p.text.ranked = len(r.sort) == 1 && isScore(r.sort[0])
	p.sorted = len(r.sort) == 0 || p.text.ranked
	p.exact = exact && used == len(r.clauses.predicates) && !r.clauses.rest
	return p, nil
}

// textUnion is the plan that reads the branches of an $or, one of which has the
// text search: all of them need indexes then.
func (c *collection) textUnion(ix *index, query *text.Query, branches []clauses, r *request) (*plan, error) {
	p := &plan{access: union, repeats: true, sorted: len(r.sort) == 0, text: &textPlan{query: query}}
	for i := range branches {
		inner := r.within(&branches[i])
		var branch *plan
		var err error
		if branches[i].searches() {
			if branch, err = c.searched(ix, query, inner); err != nil {
				return nil, err
			}
		} else if branch = c.bestBounded(inner); branch == nil {
			return nil, store.BadRequest(codeNoQueryPlan, "Failed to produce a solution for TEXT under OR with other non-TEXT clauses")
		}
		p.branches = append(p.branches, branch)
	}
	return p, nil
}

func isScore(e bson.E) bool {
	meta, ok := e.Value.(bson.D)
	return ok && len(meta) == 1 && meta[0].Key == "$meta" && meta[0].Value == "textScore"
}

// matcher returns what decides on documents: on those that the plan finds, or on
// any.
func (q *search) matcher(p *plan, found bool) *match.Matcher {
	switch {
	case q.text == nil:
		return q.filter
	case !found || p.access != textScan:
		return q.filter.BindText(p.text.query.Match)
	case p.text.query.Exact():
		return q.filter.BindText(nil)
	}
	return q.filter.BindText(p.text.query.MatchFound)
}

// score returns a document's text score, if it is asked for.
func (q *search) score(p *plan, doc bson.Raw) float64 {
	if !q.scored {
		return 0
	}
	return p.text.query.Score(doc)
}

// readText reads the documents that have one of the plan's terms.
func (s *scan) readText(ctx context.Context, p *plan) error {
	key := stmtKey{does: docByRID, docs: s.coll.n}
	read := func(h hit) (bool, error) {
		st, err := s.conn.prepare(key)
		if err != nil {
			return false, err
		}
		st.bindInt(1, h.rid)
		defer st.reset()
		if found, err := st.first(); err != nil || !found {
			return true, err
		}
		doc := bson.Raw(st.blob(1))
		if s.filter != nil {
			if ok, err := s.filter.Decide(doc); err != nil || !ok {
				return err == nil, err
			}
		}
		if !s.first(h.rid) {
			return true, nil
		}
		more, err := s.visit(handle{rid: h.rid, score: h.score}, doc)
		s.ended = !more
		return more, err
	}
	terms := &postings{conn: s.conn, index: p.index, terms: p.text.terms}
	if p.text.ranked {
		return terms.ranked(ctx, read)
	}
	return terms.each(ctx, read)
}

// countText counts the documents that have one of the plan's terms, up to limit
// if that is not negative.
func (v *view) countText(ctx context.Context, limit int64) (n int64, err error) {
	terms := &postings{conn: v.conn, index: v.plan.index, terms: v.plan.text.terms}
	err = terms.each(ctx, func(hit) (bool, error) {
		n++
		return n != limit, nil
	})
	return n, err
}

// textSize estimates how many documents have one of the plan's terms.
func (p *plan) textSize(conn *conn, total float64) (float64, error) {
	var n int64
	for _, term := range p.text.terms[:min(len(p.text.terms), countedRanges)] {
		m, err := conn.number(stmtKey{does: countTerm, index: p.index.n}, func(s *stmt) {
			s.bindBlob(1, term)
			s.bindInt(2, counted-n)
		})
		if err != nil {
			return 0, err
		}
		if n += m; n >= counted {
			return max(counted, total/10), nil
		}
	}
	return float64(n), nil
}

// describeText returns the stages of a text scan, named as MongoDB does.
func (p *plan) describeText(filter bson.D) bson.D {
	return bson.D{
		{Key: "stage", Value: "TEXT_MATCH"},
		{Key: "indexPrefix", Value: orEmpty(p.index.text().Before)},
		{Key: "indexName", Value: p.index.def.Name},
		{Key: "parsedTextQuery", Value: p.text.query.Describe()},
		{Key: "textIndexVersion", Value: store.TextIndexVersion},
		{Key: "filter", Value: orEmpty(filter)},
		{Key: "inputStage", Value: bson.D{
			{Key: "stage", Value: "TEXT_OR"}, {Key: "terms", Value: int32(len(p.text.terms))},
		}},
	}
}
