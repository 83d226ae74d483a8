// Package expression evaluates MongoDB's aggregation expressions on raw BSON
// documents. It does no I/O; an Expression is immutable and safe for concurrent
// use, an Env belongs to one goroutine.
//
// Documents are read in place, without decoding them. Work is bounded: nesting
// when an expression is compiled, the size and depth of values when it is
// evaluated. Every error but that of a context is a *store.RequestError with
// MongoDB's code. Server-side JavaScript is refused.
package expression

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// Options are what an expression is compiled in.
type Options struct {
	Collation match.Collation
	// Variables are the names, without $$, of the variables that are defined
	// outside, as by $lookup's let. Env gives their values.
	Variables []string
}

// Expression is a compiled expression.
type Expression struct {
	root  node
	slots int
	paths []string
	whole bool
}

// Compile compiles an expression, which is of the types that the contract of
// store.Store names.
func Compile(v any, o Options) (*Expression, error) {
	doc, err := match.Encode(bson.D{{Value: v}})
	if err != nil {
		return nil, err
	}
	return CompileRaw(match.Lookup(doc, ""), o)
}

// CompileRaw compiles an expression that is already BSON; the result keeps it.
func CompileRaw(v bson.RawValue, o Options) (*Expression, error) {
	e := &Expression{}
	c := compiler{options: o, expression: e}
	var err error
	e.root, err = c.compile(match.Checked(v))
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Evaluate returns the value of the expression for a document, of type 0 when it
// is missing. The value may lie in the document and is valid as long as that is.
func (e *Expression) Evaluate(env *Env, doc bson.Raw) (bson.RawValue, error) {
	env.doc = doc
	env.stack = env.stack[:0]
	env.live = 0
	if len(env.slots) < e.slots {
		env.slots = make([]value, e.slots)
	}
	return e.root.eval(env)
}

// Constant returns the value of an expression that depends on nothing.
func (e *Expression) Constant() (bson.RawValue, bool) {
	c, ok := e.root.(constant)
	return c.v, ok
}

// FieldPath returns the dotted path of an expression that is nothing but a path
// into the document.
func (e *Expression) FieldPath() (string, bool) {
	switch n := e.root.(type) {
	case *field:
		return n.name, true
	case *fieldPath:
		return n.dotted(), true
	}
	return "", false
}

// Paths returns the dotted paths that the expression reads of the document, each
// once; whole tells that it reads all of it.
func (e *Expression) Paths() (paths []string, whole bool) { return e.paths, e.whole }
