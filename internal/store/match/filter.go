package match

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Matcher decides whether documents satisfy a filter.
type Matcher struct {
	root all
	near *Near
	text *textSearch
	// failed is the first error of an $expr.
	failed *error
}

// Options are what a filter is compiled with.
type Options struct {
	// Collation is that of strings. Regular expressions know no collation.
	Collation Collation
	// Expr compiles the operand of $expr; nil refuses it. A matcher with an $expr
	// keeps its first error, so that it serves one search at a time.
	Expr func(v bson.RawValue) (Expr, error)
	// Text allows a $text. A matcher with one matches after BindText only.
	Text bool
}

// Expr is a compiled $expr.
type Expr interface {
	// Holds tells whether the document satisfies it.
	Holds(doc bson.Raw) (bool, error)
}

// Compile compiles a MongoDB filter. A nil or empty filter matches everything.
// $where and $jsonSchema are refused, and so are $text and $expr (but see Options).
func Compile(filter bson.D) (*Matcher, error) { return Simple.Compile(filter) }

// Compile is the function Compile with strings under the collation.
func (c Collation) Compile(filter bson.D) (*Matcher, error) {
	return Options{Collation: c}.Compile(filter)
}

// CompileRaw compiles a filter that is already BSON; the matcher keeps it.
func (c Collation) CompileRaw(filter bson.Raw) (*Matcher, error) {
	return Options{Collation: c}.CompileRaw(filter)
}

// Compile is the function Compile with options.
func (o Options) Compile(filter bson.D) (*Matcher, error) {
	raw, err := Encode(filter)
	if err != nil {
		return nil, err
	}
	return o.CompileRaw(raw)
}

// CompileRaw is Compile of a filter that is already BSON; the matcher keeps it.
func (o Options) CompileRaw(filter bson.Raw) (*Matcher, error) {
	m := &Matcher{failed: new(error)}
	c := compiler{collation: o.Collation, found: &m.near, expr: o.Expr, failed: m.failed}
	if o.Text {
		c.search = &m.text
	}
	var err error
	if m.root, err = c.conjunction(filter); err != nil {
		return nil, err
	}
	if m.text != nil && m.near != nil {
		return nil, store.BadRequest(codeBadValue, "text and geoNear not allowed in same query")
	}
	return m, nil
}

// Match tells whether the document satisfies the filter. It does not allocate.
func (m *Matcher) Match(doc bson.Raw) bool { return m.root.match(doc) }

// Decide is Match for filters that may have an $expr, and so an error.
func (m *Matcher) Decide(doc bson.Raw) (bool, error) {
	matches := m.root.match(doc)
	return matches && *m.failed == nil, *m.failed
}

// compiler turns filters into nodes.
type compiler struct {
	collation Collation
	depth     int
	// path is the one whose operators are compiled.
	path path
	// found is where $near goes; nil where it is not allowed.
	found **Near
	// expr compiles $expr, and failed is where its errors go; inside tells that
	// the filter is one of a part of the document, where it is not allowed.
	expr   func(bson.RawValue) (Expr, error)
	failed *error
	inside bool
	// search is where $text goes; nil where it is not allowed.
	search **textSearch
}

func (c compiler) deeper() (compiler, error) {
	c.depth++
	if c.depth > maxFilterDepth {
		return c, store.BadRequest(codeBadValue, "exceeded maximum query tree depth of %d", maxFilterDepth)
	}
	return c, nil
}

// maxFilterDepth is MongoDB's bound on the nesting of a filter's expressions.
const maxFilterDepth = 100

func (c compiler) conjunction(filter []byte) (all, error) {
	c, err := c.deeper()
	if err != nil {
		return nil, err
	}
	var nodes all
	for e := elements(filter); ; {
		key, v, ok := e.next()
		if !ok {
			return nodes, nil
		}
		name := string(key)
		if strings.HasPrefix(name, "$") {
			n, err := c.logical(name, v)
			if err != nil {
				return nil, err
			}
			if n != nil {
				nodes = append(nodes, n)
			}
			continue
		}
		p, err := compilePath(name)
		if err != nil {
			return nil, err
		}
		c.path = p
		cond, err := c.constraint(v)
		if err != nil {
			return nil, err
		}
		if conds, ok := cond.(every); ok {
			for _, cond := range conds {
				nodes = append(nodes, &field{path: p, condition: cond})
			}
			continue
		}
		nodes = append(nodes, &field{path: p, condition: cond})
	}
}

// logical compiles a top-level operator; $comment is no node.
func (c compiler) logical(name string, v value) (node, error) {
	switch name {
	case "$and", "$or", "$nor":
		if name != "$and" {
			c.found = nil
		}
		if name == "$nor" {
			c.search = nil
		}
		clauses, err := c.clauses(name, v)
		if err != nil {
			return nil, err
		}
		switch name {
		case "$and":
			return all(clauses), nil
		case "$or":
			return either(clauses), nil
		}
		return not{either(clauses)}, nil
	case "$comment":
		return nil, nil
	case "$alwaysTrue", "$alwaysFalse":
		if !v.isNumber() || compareNumbers(v, numberOne) != 0 {
			return nil, store.BadRequest(codeFailedToParse, "%s must be an integer value of 1", name)
		}
		return constant(name == "$alwaysTrue"), nil
	case "$expr":
		return c.expression(v)
	case "$text":
		return c.textSearch(v)
	case "$where", "$jsonSchema":
		return nil, store.BadRequest(codeBadValue, "%s is not supported here", name)
	}
	return nil, store.BadRequest(codeBadValue, "unknown top level operator: %s", name)
}

var numberOne = value{kind: bson.TypeInt32, data: []byte{1, 0, 0, 0}}

func (c compiler) clauses(name string, v value) ([]node, error) {
	if v.kind != bson.TypeArray {
		return nil, store.BadRequest(codeBadValue, "%s must be an array", name)
	}
	var nodes []node
	for e := elements(v.data); ; {
		_, clause, ok := e.next()
		if !ok {
			break
		}
		if clause.kind != bson.TypeEmbeddedDocument {
			return nil, store.BadRequest(codeBadValue, "%s entries need to be full objects", name)
		}
		n, err := c.conjunction(clause.data)
		if err != nil {
			return nil, err
		}
		if len(n) == 1 {
			nodes = append(nodes, n[0])
			continue
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, store.BadRequest(codeBadValue, "%s must be a nonempty array", name)
	}
	return nodes, nil
}

// constraint compiles what a filter says of one path: an operator document, a
// regular expression, or a value to equal.
func (c compiler) constraint(v value) (condition, error) {
	if isOperatorDocument(v) {
		return c.operators(v.data)
	}
	if v.kind == bson.TypeRegex {
		pattern, options := v.regex()
		t, err := compileRegex(string(pattern), string(options))
		if err != nil {
			return nil, err
		}
		return existential{t, true}, nil
	}
	t, err := c.comparison(equal, v)
	if err != nil {
		return nil, err
	}
	return existential{t, true}, nil
}

// isOperatorDocument tells whether an operand is a document of operators rather
// than a value: its first name begins with $. A DBRef is a value.
func isOperatorDocument(v value) bool {
	if v.kind != bson.TypeEmbeddedDocument {
		return false
	}
	e := elements(v.data)
	key, _, ok := e.next()
	if !ok || len(key) == 0 || key[0] != '$' {
		return false
	}
	switch string(key) {
	case "$ref", "$id", "$db":
		return false
	}
	return true
}

// operators compiles a document of operators on one path.
func (c compiler) operators(doc []byte) (condition, error) {
	c, err := c.deeper()
	if err != nil {
		return nil, err
	}
	var conds every
	for e := elements(doc); ; {
		key, v, ok := e.next()
		if !ok {
			break
		}
		cond, err := c.operator(string(key), v, doc)
		if err != nil {
			return nil, err
		}
		if cond != nil {
			conds = append(conds, cond)
		}
	}
	if len(conds) == 1 {
		return conds[0], nil
	}
	return conds, nil
}

// operator compiles one operator; siblings is the document that it is in, for
// those that are made of several. It returns nil for a part of another operator.
func (c compiler) operator(name string, v value, siblings []byte) (condition, error) {
	switch name {
	case "$eq":
		return c.compared(equal, v)
	case "$ne":
		if v.kind == bson.TypeRegex {
			return nil, store.BadRequest(codeBadValue, "Can't have regex as arg to $ne.")
		}
		return negated(c.compared(equal, v))
	case "$gt":
		return c.compared(greater, v)
	case "$gte":
		return c.compared(greaterOrEqual, v)
	case "$lt":
		return c.compared(less, v)
	case "$lte":
		return c.compared(lessOrEqual, v)
	case "$in":
		return c.membership(name, v)
	case "$nin":
		return negated(c.membership(name, v))
	case "$not":
		return c.negation(v)
	case "$all":
		return c.containsAll(v)
	case "$exists":
		if v.truthy() {
			return existential{present{}, true}, nil
		}
		return negation{existential{present{}, true}}, nil
	case "$type":
		return compileType(v)
	case "$size":
		return compileSize(v)
	case "$mod":
		return compileMod(v)
	case "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear":
		return compileBits(name, v)
	case "$elemMatch":
		return c.elemMatch(v)
	case "$regex", "$options":
		return regexOperator(name, siblings)
	case "$geoWithin", "$within", "$geoIntersects", "$near", "$nearSphere", "$geoNear",
		"$maxDistance", "$minDistance", "$uniqueDocs":
		return c.geoOperator(name, v, siblings)
	case "$comment":
		return nil, nil
	case "$text", "$where", "$expr", "$jsonSchema":
		return nil, store.BadRequest(codeBadValue, "%s can't be applied to a field", name)
	}
	return nil, store.BadRequest(codeBadValue, "unknown operator: %s", name)
}

func negated(cond condition, err error) (condition, error) {
	if err != nil {
		return nil, err
	}
	return negation{cond}, nil
}

func (c compiler) compared(op comparisonOp, v value) (condition, error) {
	t, err := c.comparison(op, v)
	if err != nil {
		return nil, err
	}
	return existential{t, true}, nil
}

func (c compiler) negation(v value) (condition, error) {
	c.found = nil
	if v.kind == bson.TypeRegex {
		return negated(c.constraint(v))
	}
	if v.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "$not needs a regex or a document")
	}
	if len(v.data) == 5 {
		return nil, store.BadRequest(codeBadValue, "$not cannot be empty")
	}
	if !isOperatorDocument(v) {
		e := elements(v.data)
		key, _, _ := e.next()
		return nil, store.BadRequest(codeBadValue, "unknown operator: %s", key)
	}
	return negated(c.operators(v.data))
}

// containsAll compiles $all: every value, or every $elemMatch, holds.
func (c compiler) containsAll(v value) (condition, error) {
	if v.kind != bson.TypeArray {
		return nil, store.BadRequest(codeBadValue, "$all needs an array")
	}
	var conds every
	first := true
	elemMatches := false
	for e := elements(v.data); ; first = false {
		_, item, ok := e.next()
		if !ok {
			break
		}
		inner, isElemMatch := elemMatchOf(item)
		if first {
			elemMatches = isElemMatch
		}
		var cond condition
		var err error
		switch {
		case elemMatches && !isElemMatch:
			return nil, store.BadRequest(codeBadValue, "$all/$elemMatch has to be consistent")
		case elemMatches:
			cond, err = c.elemMatch(inner)
		case isOperatorDocument(item):
			return nil, store.BadRequest(codeBadValue, "no $ expressions in $all")
		default:
			cond, err = c.constraint(item)
		}
		if err != nil {
			return nil, err
		}
		conds = append(conds, cond)
	}
	if len(conds) == 0 {
		return existential{never{}, false}, nil
	}
	return conds, nil
}

func elemMatchOf(v value) (inner value, ok bool) {
	if v.kind != bson.TypeEmbeddedDocument {
		return value{}, false
	}
	e := elements(v.data)
	key, inner, _ := e.next()
	return inner, string(key) == "$elemMatch"
}

// elemMatch compiles $elemMatch: one element of an array satisfies a filter, if
// it is a document, or a document of operators.
func (c compiler) elemMatch(v value) (condition, error) {
	c.found, c.search, c.inside = nil, nil, true
	if v.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "$elemMatch needs an Object")
	}
	if isOperatorDocument(v) && !isLogical(v) {
		cond, err := c.operators(v.data)
		if err != nil {
			return nil, err
		}
		return existential{elementMatch{cond}, false}, nil
	}
	filter, err := c.conjunction(v.data)
	if err != nil {
		return nil, err
	}
	return existential{elementMatch{documentMatch{filter}}, false}, nil
}

func isLogical(v value) bool {
	e := elements(v.data)
	key, _, _ := e.next()
	switch string(key) {
	case "$and", "$or", "$nor", "$where", "$expr", "$jsonSchema", "$alwaysTrue", "$alwaysFalse", "$text":
		return true
	}
	return false
}
