package pipeline

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// arrange makes a search of the stages that the pipeline begins with. Stages
// change places where the results are the same: what filters and cuts goes
// before what computes.
func (p *Pipeline) arrange() {
	if !p.options.plain {
		p.stages = limitSorts(advance(fuse(p.stages)))
	}
	if p.collection == "" || p.documents != nil {
		return
	}
	p.lead()
	p.scored = p.asksForScore()
	if p.options.plain {
		return
	}
	p.bind()
	p.countOnly()
}

// fuse has a $lookup whose results are unwound at once make documents of them
// instead of an array.
func fuse(stages []stage) []stage {
	var out []stage
	for _, s := range stages {
		u, ok := s.operation.(*unwinding)
		if last := len(out) - 1; ok && last >= 0 {
			if l, ok := out[last].operation.(*lookingUp); ok && l.unwind == nil && l.path == u.path {
				fused := *l
				fused.unwind = u
				out[last] = stage{append(out[last].spec[:1:1], s.spec[0]), &fused}
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// advance moves stages to the front.
func advance(stages []stage) []stage {
	var out []stage
	for _, s := range stages {
		switch op := s.operation.(type) {
		case *filtering:
			for _, c := range op.conjuncts {
				out = insert(out, c)
			}
		case *skipping, *limiting:
			at := len(out)
			for at > 0 && out[at-1].traits().single {
				at--
			}
			out = slices.Insert(out, at, s)
		default:
			out = append(out, s)
		}
	}
	return out
}

// insert adds a part of a filter as far to the front as it can go.
func insert(stages []stage, c conjunct) []stage {
	at := len(stages)
	for at > 0 && c.passes(stages[at-1]) {
		if _, ok := stages[at-1].operation.(*nearness); ok { // which stays the first
			break
		}
		at--
	}
	if at < len(stages) {
		if f, ok := stages[at].operation.(*filtering); ok {
			stages[at] = matchStage(append(slices.Clip(f.conjuncts), c))
			return stages
		}
	}
	return slices.Insert(stages, at, matchStage([]conjunct{c}))
}

// passes tells whether it makes no difference on which side of a stage the
// filter is.
func (c *conjunct) passes(s stage) bool {
	t := s.traits()
	switch {
	case t.keepsAll:
		return true
	case c.whole || t.keeps == nil || c.test == nil:
		return false
	}
	for _, path := range c.paths {
		if !t.keeps(path) {
			return false
		}
	}
	return true
}

func matchStage(conjuncts []conjunct) stage {
	var filter bson.D
	for _, c := range conjuncts {
		filter = conjunction(filter, c.filter)
	}
	return stage{bson.D{{Key: "$match", Value: filter}}, &filtering{conjuncts}}
}

// limitSorts tells sorts how many documents are wanted of them.
func limitSorts(stages []stage) []stage {
	for i, s := range stages {
		sort, ok := s.operation.(*sorting)
		if !ok {
			continue
		}
		rest := stages[i+1:]
		skip := int64(0)
		if len(rest) > 0 {
			if op, ok := rest[0].operation.(*skipping); ok {
				skip, rest = op.n, rest[1:]
			}
		}
		if len(rest) == 0 {
			continue
		}
		if op, ok := rest[0].operation.(*limiting); ok && op.n <= maxWanted-skip {
			limited := *sort
			limited.limit = skip + op.n
			stages[i].operation = &limited
		}
	}
	return stages
}

// maxWanted is above what anybody wants, and far from an overflow.
const maxWanted = 1 << 40

// lead makes a search of the first stages. Of those as they are written, only
// what nothing but a search can do.
func (p *Pipeline) lead() {
	for len(p.stages) > 0 && p.absorb(p.stages[0]) {
		p.stages = p.stages[1:]
	}
}

// absorb tells whether the search does all that the stage does. It may do a part.
func (p *Pipeline) absorb(s stage) bool {
	q := &p.query
	cut := q.Skip > 0 || q.Limit > 0
	switch op := s.operation.(type) {
	case *nearness:
		return true
	case *filtering:
		if cut || q.Sort != nil {
			return false
		}
		rest := p.pushFilter(op.conjuncts)
		if len(rest) > 0 {
			p.stages[0] = matchStage(rest)
		}
		return len(rest) == 0
	case *sorting:
		if cut || q.Sort != nil || p.geo != nil || p.options.plain && !op.scored {
			return false
		}
		q.Sort = op.spec
		return true
	case *skipping:
		if cut || op.n > maxWanted || p.options.plain {
			return false
		}
		q.Skip = op.n
		return true
	case *limiting:
		if q.Limit > 0 || p.options.plain {
			return false
		}
		q.Limit = op.n
		return true
	}
	return false
}

// pushFilter adds parts of a filter to the search, and returns those that the
// search can't decide.
func (p *Pipeline) pushFilter(conjuncts []conjunct) (rest []conjunct) {
	for _, c := range conjuncts {
		if !c.search || p.options.plain && c.test != nil || p.geo != nil && !c.passes(stage{operation: p.geo}) {
			rest = append(rest, c)
			continue
		}
		p.query.Filter = conjunction(p.query.Filter, c.filter)
		if c.binding == nil {
			continue
		}
		if v, ok := c.binding.value.Constant(); ok && equatable(v) {
			p.query.Filter = conjunction(p.query.Filter, c.binding.filter(v))
		}
	}
	return rest
}

// bind takes from the first filter what an index can help with.
func (p *Pipeline) bind() {
	if len(p.stages) == 0 || p.query.Skip > 0 || p.query.Limit > 0 {
		return
	}
	f, ok := p.stages[0].operation.(*filtering)
	if !ok {
		return
	}
	for _, c := range f.conjuncts {
		if c.binding != nil {
			p.bindings = append(p.bindings, *c.binding)
		}
	}
}

// count makes one document of the number of documents.
type count struct {
	spec bson.D // of the stage
	// result returns the document for n documents, nil for none.
	result func(n int64) (bson.Raw, error)
}

// countOnly has the store count, where that is all that the search is for: it
// counts better than it reads.
func (p *Pipeline) countOnly() {
	if len(p.stages) == 0 || p.geo != nil || len(p.bindings) > 0 {
		return
	}
	counter, ok := p.stages[0].operation.(interface {
		counts() (func(n int64) (bson.Raw, error), bool)
	})
	if !ok {
		return
	}
	result, ok := counter.counts()
	if ok {
		p.counted = &count{p.stages[0].spec, result}
		p.stages = p.stages[1:]
	}
}

func (c *count) read(x *execution, p *Pipeline, take func(bson.Raw) error) error {
	search := p.bound(x)
	q := store.Count{
		Filter: search.Filter, Hint: search.Hint, Comment: search.Comment,
		ReadPreference: search.ReadPreference, CaseInsensitive: search.CaseInsensitive,
	}
	if search.Limit > 0 {
		q.Limit = search.Skip + min(search.Limit, maxWanted)
	}
	n, err := x.source.Count(x.ctx, p.collection, q)
	if err != nil {
		return err
	}
	if n -= search.Skip; n <= 0 {
		return nil
	}
	doc, err := c.result(n)
	if err != nil {
		return err
	}
	return take(doc)
}
