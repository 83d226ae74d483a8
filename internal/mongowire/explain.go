package mongowire

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// explained are the commands that can be explained, with their members.
var explained = map[string]known{
	"find": findMembers, "count": countMembers, "distinct": distinctMembers, "aggregate": aggregateMembers,
	"update": updateMembers, "delete": deleteMembers, "findAndModify": modifyMembers("findAndModify"),
}

// verbosities are what may be asked of an explanation. It makes no difference: the
// plan is all that there is.
var verbosities = []string{"queryPlanner", "executionStats", "allPlansExecution"}

// explain answers how a read would be run.
func explain(ctx context.Context, c *command) (bson.D, error) {
	if _, ok := c.look("verbosity"); ok {
		verbosity := c.text("verbosity")
		if c.err == nil && !slices.Contains(verbosities, verbosity) {
			c.fail(codeBadValue, "Enumeration value '%s' for field 'explain.verbosity' is not a valid value.", verbosity)
		}
		if c.err != nil {
			return nil, c.err
		}
	}
	db, err := c.existing()
	if err != nil {
		return nil, err
	}
	doc, ok := c.subject.DocumentOK()
	if !ok {
		return nil, refusal(codeTypeMismatch, "'explain' must be an object")
	}
	first, err := doc.IndexErr(0)
	if err != nil {
		return nil, refusal(codeFailedToParse, "the command to explain is empty")
	}
	name := first.Key()
	collection, isName := first.Value().StringValueOK()
	if explained[name] == nil || !isName {
		return nil, refusal(codeCommandNotSupported, "an explanation of '%s' is not served", name)
	}
	if err := explained[name].check(name, doc); err != nil {
		return nil, err
	}
	inner := members{doc: doc}
	if name == "aggregate" {
		p := inner.pipeline()
		if inner.err != nil {
			return nil, inner.err
		}
		return p.explain(ctx, db, collection)
	}
	q := inner.explainable(name)
	if inner.err != nil {
		return nil, inner.err
	}
	plan, err := db.Explain(ctx, collection, q)
	if err != nil {
		return nil, err
	}
	return planOf(plan)
}

// explainable is the search of a command.
func (m *members) explainable(name string) store.Find {
	switch name {
	case "find":
		return m.query()
	case "update", "delete":
		statement := members{}
		if values, err := m.array(name + "s").Values(); err == nil && len(values) == 1 {
			statement.doc, _ = values[0].DocumentOK()
		} else {
			m.fail(codeInvalidLength, "an explanation is of one statement")
		}
		q := store.Find{Filter: statement.document("q"), Hint: statement.hint()}
		if statement.err != nil && m.err == nil {
			m.err = statement.err
		}
		return q
	}
	q := m.query()
	q.Filter = m.document("query")
	if name == "findAndModify" { // its other members are not those of a find
		q = store.Find{Filter: q.Filter, Sort: m.document("sort"), Hint: m.hint()}
	}
	return q
}

// explain answers how the pipeline would be run.
func (p *pipeline) explain(ctx context.Context, db store.Store, collection string) (bson.D, error) {
	p.options.Explain = true
	var answer bson.D
	err := db.Aggregate(ctx, collection, p.stages, p.options, func(plan bson.Raw) (err error) {
		answer, err = planOf(plan)
		return err
	})
	return answer, err
}

// planOf is a store's plan as the members of an answer.
func planOf(plan bson.Raw) (bson.D, error) {
	elements, err := plan.Elements()
	if err != nil {
		return nil, err
	}
	answer := make(bson.D, 0, len(elements))
	for _, e := range elements {
		if e.Key() != "ok" { // every answer gets it in the end
			answer = append(answer, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return answer, nil
}
