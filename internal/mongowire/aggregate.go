package mongowire

import (
	"cmp"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// pipeline is an aggregation.
type pipeline struct {
	stages  bson.A
	options store.AggregateOptions
}

func (m *members) pipeline() pipeline {
	p := pipeline{options: store.AggregateOptions{
		Let: m.document("let"), Hint: m.hint(), Comment: m.comment(), Explain: m.flag("explain"), CaseInsensitive: m.caseInsensitive(),
	}}
	if _, ok := m.look("allowDiskUse"); ok {
		p.options.InMemory = !m.flag("allowDiskUse")
	}
	if p.stages = m.list("pipeline"); p.stages == nil {
		m.fail(codeTypeMismatch, "'pipeline' must be an array")
	}
	return p
}

// noCollection takes the place of a collection's name in the namespace of what
// comes out of a pipeline over none.
const noCollection = "$cmd.aggregate"

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
	found := c.results(cmp.Or(collection, noCollection), size)
	return found.answer(db.Aggregate(ctx, collection, p.stages, p.options, found.add), c.cursorTimeout())
}
