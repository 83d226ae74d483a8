package embedded

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// Aggregate runs the stages $match, $sort, $skip, $limit, $project (of kept or
// left out fields) and $count; others are refused. What the pipeline begins with
// becomes a search, as far as that can say it, and so is served by indexes.
func (s *Store) Aggregate(ctx context.Context, collection string, pipeline bson.A, o store.AggregateOptions, yield func(bson.Raw) error) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	stages, err := pipelineOf(pipeline)
	if err != nil {
		return err
	}
	query, stages := leading(stages)
	query.Hint = o.Hint
	compiled, err := newSearch(collection, query)
	if err != nil {
		return err
	}
	var first step = delivery{yield: yield}
	for i := len(stages) - 1; i >= 0; i-- {
		if first, err = stages[i].step(first); err != nil {
			return err
		}
	}
	if o.Explain {
		doc, err := s.Explain(ctx, collection, query)
		if err != nil {
			return err
		}
		return yield(doc)
	}
	err = s.read(ctx, tx, compiled, func(v *view) error {
		return compiled.run(ctx, v, func(doc bson.Raw) error {
			more, err := first.take(doc)
			if err == nil && !more {
				return errEnough
			}
			return err
		})
	})
	if err != nil && err != errEnough {
		return err
	}
	return first.end()
}

// pipelineStage is a stage as it is written.
type pipelineStage struct {
	name    string
	operand any
}

func pipelineOf(pipeline bson.A) ([]pipelineStage, error) {
	stages := make([]pipelineStage, len(pipeline))
	for i, v := range pipeline {
		d, ok := v.(bson.D)
		if !ok {
			return nil, store.BadRequest(14, "Each element of the 'pipeline' array must be an object")
		}
		if len(d) != 1 {
			return nil, store.BadRequest(40323, "A pipeline stage specification object must contain exactly one field.")
		}
		stages[i] = pipelineStage{d[0].Key, d[0].Value}
	}
	return stages, nil
}

// leading makes a search of the stages that a pipeline begins with, and returns
// the others.
func leading(stages []pipelineStage) (store.Find, []pipelineStage) {
	var q store.Find
	for i, s := range stages {
		d, isDocument := s.operand.(bson.D)
		n, isCount := whole(s.operand)
		switch {
		case s.name == "$match" && isDocument && q.Sort == nil && q.Skip == 0 && q.Limit == 0:
			if q.Filter != nil {
				d = bson.D{{Key: "$and", Value: bson.A{q.Filter, d}}}
			}
			q.Filter = d
		case s.name == "$sort" && isDocument && len(d) > 0 && q.Sort == nil && q.Skip == 0 && q.Limit == 0:
			q.Sort = d
		case s.name == "$skip" && isCount && n > 0 && q.Skip == 0 && q.Limit == 0:
			q.Skip = n
		case s.name == "$limit" && isCount && n > 0 && q.Limit == 0:
			q.Limit = n
		default:
			return q, stages[i:]
		}
	}
	return q, nil
}

// whole returns a number without a fraction.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		return int64(v), v == float64(int64(v))
	}
	return 0, false
}

// step is a stage at work. It passes on to the next one what it makes of the
// documents it takes, which are valid during the call only.
type step interface {
	// take returns false when no more documents are wanted.
	take(doc bson.Raw) (more bool, err error)
	// end tells that there are no more documents.
	end() error
}

// step compiles a stage.
func (s pipelineStage) step(next step) (step, error) {
	d, isDocument := s.operand.(bson.D)
	n, isCount := whole(s.operand)
	switch s.name {
	case "$match":
		if !isDocument {
			return nil, store.BadRequest(15959, "the match filter must be an expression in an object")
		}
		m, err := match.Compile(d)
		return &matching{filter: m, next: next}, err
	case "$sort":
		if !isDocument {
			return nil, store.BadRequest(15973, "the $sort key specification must be an object")
		}
		if len(d) == 0 {
			return nil, store.BadRequest(15976, "$sort stage must have at least one sort key")
		}
		sorter, err := match.CompileSort(d)
		return &sorting{order: ordering{search: &search{sorter: sorter}}, next: next}, err
	case "$skip":
		if !isCount || n < 0 {
			return nil, store.BadRequest(5107200, "invalid argument to $skip stage: Expected a non-negative number")
		}
		return &skipping{rest: n, next: next}, nil
	case "$limit":
		if !isCount || n <= 0 {
			return nil, store.BadRequest(15958, "the limit must be positive")
		}
		return &limiting{rest: n, next: next}, nil
	case "$project":
		if !isDocument || len(d) == 0 {
			return nil, store.BadRequest(15969, "$project specification must be an object with at least one field")
		}
		p, err := match.CompileProjection(d)
		return &projecting{projection: p, next: next}, err
	case "$count":
		name, ok := s.operand.(string)
		if !ok || name == "" || name[0] == '$' {
			return nil, store.BadRequest(40156, "the count field must be a non-empty string that is no path")
		}
		return &counting{name: name, next: next}, nil
	}
	return nil, store.BadRequest(40324, "pipeline stage %q is not supported by the embedded store yet", s.name)
}

// errEnough ends the search of a pipeline that wants no more documents.
var errEnough = errors.New("store: enough")

// delivery is the end of a pipeline.
type delivery struct{ yield func(bson.Raw) error }

func (d delivery) take(doc bson.Raw) (bool, error) { return true, d.yield(doc) }
func (delivery) end() error                        { return nil }

type matching struct {
	filter *match.Matcher
	next   step
}

func (m *matching) take(doc bson.Raw) (bool, error) {
	if ok, err := m.filter.Decide(doc); err != nil || !ok {
		return true, err
	}
	return m.next.take(doc)
}

func (m *matching) end() error { return m.next.end() }

type sorting struct {
	order ordering
	next  step
}

func (s *sorting) take(doc bson.Raw) (bool, error) { return true, s.order.add(handle{}, doc) }

func (s *sorting) end() error {
	for _, item := range s.order.sorted() {
		if more, err := s.next.take(item.doc); err != nil {
			return err
		} else if !more {
			break
		}
	}
	return s.next.end()
}

type skipping struct {
	rest int64
	next step
}

func (s *skipping) take(doc bson.Raw) (bool, error) {
	if s.rest > 0 {
		s.rest--
		return true, nil
	}
	return s.next.take(doc)
}

func (s *skipping) end() error { return s.next.end() }

type limiting struct {
	rest int64
	next step
}

func (l *limiting) take(doc bson.Raw) (bool, error) {
	if l.rest == 0 {
		return false, nil
	}
	l.rest--
	more, err := l.next.take(doc)
	return more && l.rest > 0, err
}

func (l *limiting) end() error { return l.next.end() }

type projecting struct {
	projection *match.Projection
	buffer     []byte
	next       step
}

func (p *projecting) take(doc bson.Raw) (bool, error) {
	p.buffer = p.projection.Append(p.buffer[:0], doc, 0)
	return p.next.take(p.buffer)
}

func (p *projecting) end() error { return p.next.end() }

type counting struct {
	name string
	n    int64
	next step
}

func (c *counting) take(bson.Raw) (bool, error) {
	c.n++
	return true, nil
}

// end passes on the count, as an int32 if it fits; of no documents there is none.
func (c *counting) end() error {
	if c.n > 0 {
		var n any = c.n
		if small := int32(c.n); int64(small) == c.n {
			n = small
		}
		doc, err := match.Encode(bson.D{{Key: c.name, Value: n}})
		if err != nil {
			return err
		}
		if _, err := c.next.take(doc); err != nil {
			return err
		}
	}
	return c.next.end()
}
