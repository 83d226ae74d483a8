package mongowire

import (
	"cmp"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// pipeline is an aggregation.
type pipeline struct {
	stages          bson.A
	options         store.AggregateOptions
	caseInsensitive bool
}

func (m *members) pipeline() pipeline {
	p := pipeline{
		options:         store.AggregateOptions{Hint: m.hint(), Comment: m.comment(), Explain: m.flag("explain")},
		caseInsensitive: m.caseInsensitive(),
	}
	list := m.array("pipeline")
	if list == nil {
		m.fail(codeTypeMismatch, "'pipeline' must be an array")
		return p
	}
	if err := (bson.RawValue{Type: bson.TypeArray, Value: list}).Unmarshal(&p.stages); err != nil {
		m.fail(codeFailedToParse, "'pipeline' cannot be read")
	}
	return p
}

func aggregate(ctx context.Context, c *command) (bson.D, error) {
	p := c.pipeline()
	if c.err == nil {
		if answer, ok, err := c.diagnose(ctx, &p); ok {
			return answer, err
		}
	}
	db, collection, err := c.watched(&p)
	if err != nil {
		return nil, err
	}
	cursor, hasCursor := c.look("cursor")
	if !hasCursor && !p.options.Explain {
		c.fail(codeFailedToParse, "The 'cursor' option is required, except for aggregate with the explain argument")
	}
	options := members{doc: bson.Raw{5, 0, 0, 0, 0}}
	if hasCursor {
		var ok bool
		if options.doc, ok = cursor.DocumentOK(); !ok {
			c.fail(codeTypeMismatch, "'cursor' must be an object")
		}
	}
	size := options.batchSize()
	if err := cmp.Or(c.err, options.err); err != nil {
		return nil, err
	}
	if watching, ok := p.changeStream(); ok {
		return c.watch(ctx, db, collection, watching, p.stages[1:])
	}
	if p.options.Explain {
		return p.explain(ctx, db, collection)
	}
	found := c.results(collection, size)
	return found.answer(p.run(ctx, db, collection, found.add), c.cursorTimeout())
}

// run runs the pipeline. That by which drivers count becomes a count, since a
// store counts better than it groups.
func (p *pipeline) run(ctx context.Context, db store.Store, collection string, yield func(bson.Raw) error) error {
	q, ok := countOf(p.stages)
	if !ok {
		if p.caseInsensitive {
			return refusal(codeCommandNotSupported, "a collation is not served here")
		}
		return db.Aggregate(ctx, collection, p.stages, p.options, yield)
	}
	q.query.Hint, q.query.Comment, q.query.CaseInsensitive = p.options.Hint, p.options.Comment, p.caseInsensitive
	n, err := q.run(ctx, db, collection)
	if err != nil || n == 0 { // no group, if there is nothing in it
		return err
	}
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: int32(1)}, {Key: "n", Value: shortest(n)}})
	if err != nil {
		return err
	}
	return yield(doc)
}

// countOf recognises the pipeline with which drivers count the documents that
// match a filter: $match, $skip and $limit if need be, and a $group that sums 1.
func countOf(stages bson.A) (q counting, ok bool) {
	for i, stage := range stages {
		d, isDocument := stage.(bson.D)
		if !isDocument || len(d) != 1 {
			return q, false
		}
		n, isNumber := wholeNumber(d[0].Value)
		switch d[0].Key {
		case "$match":
			if q.query.Filter, isDocument = d[0].Value.(bson.D); !isDocument || i > 0 {
				return q, false
			}
		case "$skip":
			if !isNumber || n < 0 || q.skip > 0 || q.limit > 0 {
				return q, false
			}
			q.skip = n
		case "$limit":
			if !isNumber || n <= 0 || q.limit > 0 {
				return q, false
			}
			q.limit = n
		case "$group":
			return q, i == len(stages)-1 && countsAll(d[0].Value)
		default:
			return q, false
		}
	}
	return q, false
}

func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}

// countsAll tells whether a group is {_id: 1, n: {$sum: 1}}.
func countsAll(group any) bool {
	d, _ := group.(bson.D)
	if len(d) != 2 || d[0].Key != "_id" || d[0].Value != int32(1) || d[1].Key != "n" {
		return false
	}
	sum, _ := d[1].Value.(bson.D)
	return len(sum) == 1 && sum[0].Key == "$sum" && sum[0].Value == int32(1)
}
