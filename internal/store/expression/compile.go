package expression

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// MongoDB's named error codes that this package gives. Those that MongoDB knows
// by number only stand where they are given.
const (
	codeBadValue         = 2
	codeFailedToParse    = 9
	codeTypeMismatch     = 14
	codeOverflow         = 15
	codeExceededMemory   = 146
	codeUnknownOperator  = 168
	codeConversionFailed = 241
	codeTooLarge         = 10334
	codeArity            = 16020
)

// maxDepth bounds the nesting of expressions.
const maxDepth = 200

// node is a part of an expression.
type node interface {
	eval(env *Env) (value, error)
}

// compiler turns expressions into nodes. Copies of it hold what is known at one
// place in an expression.
type compiler struct {
	options    Options
	expression *Expression
	depth      int
	// variables are those defined around the place, the innermost last; each has
	// a slot of its own while it can be seen.
	variables []string
}

// compile compiles an expression.
func (c compiler) compile(v value) (node, error) {
	c.depth++
	if c.depth > maxDepth {
		return nil, store.BadRequest(codeOverflow, "expression is nested deeper than %d levels", maxDepth)
	}
	switch v.Type {
	case bson.TypeString:
		if text := textOf(v); len(text) > 0 && text[0] == '$' {
			return c.path(string(text))
		}
	case bson.TypeArray:
		return c.arrayLiteral(v)
	case bson.TypeEmbeddedDocument:
		e := match.Elements(v.Value)
		if name, operand, ok := e.Next(); ok && len(name) > 0 && name[0] == '$' {
			if _, _, more := e.Next(); more {
				return nil, store.BadRequest(15983,
					"an object representing an expression must have exactly one field: %s", shown(v))
			}
			return c.operator(string(name), operand)
		}
		return c.documentLiteral(v)
	}
	return constant{v}, nil
}

// constant is a value that is the same for all documents.
type constant struct{ v value }

func (c constant) eval(*Env) (value, error) { return c.v, nil }

// maxFolded bounds the memory, in bytes, that it takes to find out a constant.
const maxFolded = 64 << 10

// folded returns the value of a node that depends on nothing but its parts as a
// constant, if they are, so that it is found out once. One that fails is left to
// fail when it is evaluated, and one that is much larger than its parts is left
// to be made when it is needed: a compiled expression is as large as its source.
func folded(n node, parts ...node) node {
	size := 64
	for _, part := range parts {
		if part == nil {
			continue
		}
		c, ok := part.(constant)
		if !ok {
			return n
		}
		size += len(c.v.Value)
	}
	v, err := n.eval(&Env{live: maxLive - maxFolded})
	if err != nil || len(v.Value) > size {
		return n
	}
	return constant{v}
}

// arrayLiteral is an array of expressions.
type arrayLiteral []node

func (c compiler) arrayLiteral(v value) (node, error) {
	nodes, err := c.all(v)
	if err != nil {
		return nil, err
	}
	return folded(arrayLiteral(nodes), nodes...), nil
}

// all compiles the elements of an array.
func (c compiler) all(array value) ([]node, error) {
	nodes := []node{}
	for e := match.Elements(array.Value); ; {
		_, item, ok := e.Next()
		if !ok {
			return nodes, nil
		}
		n, err := c.compile(item)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
}

func (a arrayLiteral) eval(env *Env) (value, error) {
	b := env.array()
	for _, n := range a {
		v, err := n.eval(env)
		if err != nil {
			return missing, err
		}
		if err := b.add(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// documentLiteral is a document of expressions.
type documentLiteral struct {
	names  [][]byte
	values []node
}

func (c compiler) documentLiteral(v value) (node, error) {
	d := &documentLiteral{}
	for e := match.Elements(v.Value); ; {
		name, item, ok := e.Next()
		if !ok {
			return folded(d, d.values...), nil
		}
		if err := checkFieldName(string(name)); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(d.names, func(n []byte) bool { return string(n) == string(name) }) {
			return nil, store.BadRequest(16406, "duplicate field name specified in object literal: %s", name)
		}
		n, err := c.compile(item)
		if err != nil {
			return nil, err
		}
		d.names, d.values = append(d.names, name), append(d.values, n)
	}
}

// checkFieldName holds a name to what a part of a path can be.
func checkFieldName(name string) error {
	switch {
	case name == "":
		return store.BadRequest(15998, "FieldPath field names may not be empty strings.")
	case name[0] == '$':
		return store.BadRequest(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
	case strings.IndexByte(name, 0) >= 0:
		return store.BadRequest(16411, "FieldPath field names may not contain '\\0'.")
	case strings.IndexByte(name, '.') >= 0:
		return store.BadRequest(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")
	}
	return nil
}

func (d *documentLiteral) eval(env *Env) (value, error) {
	b := env.document()
	for i, n := range d.values {
		v, err := n.eval(env)
		if err != nil {
			return missing, err
		}
		if err := b.set(d.names[i], v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// with returns the compiler for a place where one more variable is seen, and the
// variable's slot.
func (c compiler) with(name string) (compiler, int) {
	c.variables = append(slices.Clip(c.variables), name)
	c.expression.slots = max(c.expression.slots, len(c.variables))
	return c, len(c.variables) - 1
}

// checkVariable holds a name to what a variable of a user can be called.
func checkVariable(name string) error {
	if name == "" {
		return store.BadRequest(codeFailedToParse, "empty variable names are not allowed")
	}
	if first := name[0]; name != "CURRENT" && (first < 'a' || first > 'z') && first < utf8.RuneSelf {
		return store.BadRequest(codeFailedToParse, "'%s' starts with an invalid character for a user variable name", name)
	}
	for i := range len(name) {
		if b := name[i]; !isNamePart(b) {
			return store.BadRequest(codeFailedToParse, "'%s' contains an invalid character for a variable name: '%c'", name, b)
		}
	}
	return nil
}

func isNamePart(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b >= utf8.RuneSelf
}
