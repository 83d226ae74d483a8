package expression

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// Filters returns what compiles $expr in filters, to be evaluated in env: it is
// for match.Options.
func Filters(env *Env, o Options) func(v bson.RawValue) (match.Expr, error) {
	return func(v bson.RawValue) (match.Expr, error) {
		e, err := CompileRaw(v, o)
		if err != nil {
			return nil, err
		}
		return e.Filter(env), nil
	}
}

// Filter returns the expression as what a filter asks about documents, evaluated
// in env.
func (e *Expression) Filter(env *Env) match.Expr { return filter{expression: e, env: env} }

// filter is an $expr.
type filter struct {
	expression *Expression
	env        *Env
}

func (f filter) Holds(doc bson.Raw) (bool, error) {
	v, err := f.expression.Evaluate(f.env, doc)
	return err == nil && match.Truthy(v), err
}
