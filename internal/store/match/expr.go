package match

import "github.com/loam-baas/loam/internal/store"

// expr is $expr, an aggregation expression that must mean yes.
type expr struct {
	expression Expr
	failed     *error
}

func (c compiler) expression(v value) (node, error) {
	switch {
	case c.inside:
		return nil, store.BadRequest(codeBadValue, "$expr can only be applied to the top-level document")
	case c.expr == nil:
		return nil, store.BadRequest(codeBadValue, "$expr is not supported here")
	}
	e, err := c.expr(v.raw())
	if err != nil {
		return nil, err
	}
	return expr{expression: e, failed: c.failed}, nil
}

func (e expr) match(doc []byte) bool {
	if *e.failed != nil {
		return false
	}
	holds, err := e.expression.Holds(doc)
	if err != nil {
		*e.failed = err
	}
	return holds && err == nil
}
