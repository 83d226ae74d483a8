package pipeline

import (
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// filtering is $match: all conjuncts of its filter hold.
type filtering struct{ conjuncts []conjunct }

// conjunct is a part of a filter, as small as it can be.
type conjunct struct {
	filter bson.D
	raw    bson.Raw       // the filter
	test   *match.Matcher // nil for what only a search can tell
	// expressions are those of its $exprs. They know what is asked of them in a run
	// only, for which test is compiled anew.
	expressions []*expression.Expression
	collation   match.Collation
	// paths are those that it looks at; whole tells that it looks at everything.
	paths []string
	whole bool
	// search tells that it can be part of a search's filter.
	search bool
	// binding is an equality that follows from it, if not nil.
	binding *binding
}

func (c compiler) match(v any) (*filtering, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(15959, "the match filter must be an expression in an object")
	}
	f := &filtering{}
	return f, c.conjuncts(f, d, 0)
}

// searchable is an error if a filter, of that name, can't be that of a search, which
// knows no variables.
func (c compiler) searchable(name string, filter bson.D) error {
	f, err := c.match(filter)
	if err != nil {
		return err
	}
	for _, part := range f.conjuncts {
		if !part.search {
			return store.BadRequest(codeNotSupported, "variables in %s are not served", name)
		}
	}
	return nil
}

// maxFilterDepth is MongoDB's bound on the nesting of a filter.
const maxFilterDepth = 100

// conjuncts adds the parts of a filter.
func (c compiler) conjuncts(f *filtering, filter bson.D, depth int) error {
	if depth > maxFilterDepth {
		return store.BadRequest(2, "exceeded maximum query tree depth of %d", maxFilterDepth)
	}
	for _, e := range filter {
		if list, ok := e.Value.(bson.A); ok && e.Key == "$and" && len(list) > 0 && allDocuments(list) {
			for _, clause := range list {
				if err := c.conjuncts(f, clause.(bson.D), depth+1); err != nil {
					return err
				}
			}
			continue
		}
		part, err := c.conjunct(bson.D{e}, depth)
		if err != nil {
			return err
		}
		f.conjuncts = append(f.conjuncts, part)
	}
	return nil
}

func allDocuments(list bson.A) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		_, ok := v.(bson.D)
		return !ok
	})
}

func (c compiler) conjunct(filter bson.D, depth int) (conjunct, error) {
	part := conjunct{filter: filter, search: true, collation: c.collation}
	if hasText(filter, depth) {
		return part, nil
	}
	part.note(filter)
	var err error
	if part.raw, err = match.Encode(filter); err != nil {
		return part, err
	}
	part.test, err = part.compile(func(v bson.RawValue) (match.Expr, error) { return nil, c.expr(v, &part) })
	if err == nil && part.test.Near() != nil {
		err = store.BadRequest(5626500, "$geoNear, $near, and $nearSphere are not allowed in this context")
	}
	return part, err
}

func (p *conjunct) compile(expr func(bson.RawValue) (match.Expr, error)) (*match.Matcher, error) {
	return match.Options{Collation: p.collation, Expr: expr}.CompileRaw(p.raw)
}

// in returns what decides in a run.
func (p *conjunct) in(env *expression.Env) (*match.Matcher, error) {
	if len(p.expressions) == 0 {
		return p.test, nil
	}
	rest := p.expressions
	return p.compile(func(bson.RawValue) (match.Expr, error) {
		next := rest[0]
		rest = rest[1:]
		return next.Filter(env), nil
	})
}

// hasText tells whether there is a $text, in an alternative or not.
func hasText(filter bson.D, depth int) bool {
	return depth <= maxFilterDepth && slices.ContainsFunc(filter, func(e bson.E) bool {
		list, _ := e.Value.(bson.A)
		return e.Key == "$text" || (e.Key == "$and" || e.Key == "$or") && slices.ContainsFunc(list, func(v any) bool {
			clause, _ := v.(bson.D)
			return hasText(clause, depth+1)
		})
	})
}

// note notes the paths that a filter looks at, but for those of $expr.
func (p *conjunct) note(filter bson.D) {
	for _, e := range filter {
		if !strings.HasPrefix(e.Key, "$") {
			p.paths = append(p.paths, e.Key, unindexed(e.Key))
			continue
		}
		switch list, ok := e.Value.(bson.A); {
		case e.Key == "$expr", e.Key == "$comment":
		case ok && (e.Key == "$and" || e.Key == "$or" || e.Key == "$nor"):
			for _, clause := range list {
				d, _ := clause.(bson.D)
				p.note(d)
			}
		default:
			p.whole = true
		}
	}
}

// unindexed returns the path without what may be indexes of arrays, since other
// stages look into all elements.
func unindexed(path string) string {
	parts := strings.Split(path, ".")
	kept := parts[:1]
	for _, part := range parts[1:] {
		if _, err := strconv.Atoi(part); err != nil {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ".")
}

// expr compiles an $expr of a conjunct.
func (c compiler) expr(raw bson.RawValue, part *conjunct) error {
	var v any
	if err := raw.Unmarshal(&v); err != nil {
		return store.BadRequest(codeFailedToParse, "$expr cannot be read")
	}
	e, err := c.expression(v)
	if err != nil {
		return err
	}
	paths, whole := e.Paths()
	part.expressions = append(part.expressions, e)
	part.paths, part.whole = append(part.paths, paths...), part.whole || whole
	// Of variables, and of scores before it has them, a search knows nothing.
	part.search = part.search && !mentions(v, "$$") && !mentions(v, textScore)
	if len(part.filter) == 1 && part.filter[0].Key == "$expr" {
		part.binding = c.bindingOf(v)
	}
	return nil
}

// mentions tells whether a part of v is a string with text in it.
func mentions(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, text)
	case bson.D:
		return slices.ContainsFunc(v, func(e bson.E) bool { return mentions(e.Value, text) })
	case bson.A:
		return slices.ContainsFunc(v, func(item any) bool { return mentions(item, text) })
	}
	return false
}

// binding is an equality of a field with what is known when a run begins. It
// follows from an $expr, so that an index can help to find what that is true of.
type binding struct {
	path  string
	value *expression.Expression
}

// bindingOf returns the binding that follows from {$eq: ["$field", value]}.
func (c compiler) bindingOf(v any) *binding {
	d, _ := v.(bson.D)
	if len(d) != 1 || d[0].Key != "$eq" {
		return nil
	}
	sides, _ := d[0].Value.(bson.A)
	if len(sides) != 2 {
		return nil
	}
	for i, side := range sides {
		field, err := c.expression(side)
		if err != nil {
			return nil
		}
		path, ok := field.FieldPath()
		if !ok {
			continue
		}
		other, err := c.expression(sides[1-i])
		if err != nil {
			return nil
		}
		_, constant := other.Constant()
		name, isText := sides[1-i].(string)
		paths, whole := other.Paths()
		if constant || isText && strings.HasPrefix(name, "$$") && len(paths) == 0 && !whole {
			return &binding{path, other}
		}
	}
	return nil
}

// known returns the value.
func (b *binding) known(x *execution) (bson.RawValue, bool) {
	v, err := b.value.Evaluate(x.env, emptyDocument)
	return v, err == nil && equatable(v)
}

// filter returns what follows for a search.
func (b *binding) filter(v bson.RawValue) bson.D {
	return bson.D{{Key: b.path, Value: bson.D{{Key: "$eq", Value: v}}}}
}

// equatable tells whether a filter finds all that an expression says is equal
// to v: but for what is not there and for arrays, of which the two think apart.
func equatable(v bson.RawValue) bool {
	return !nullish(v) && v.Type != bson.TypeArray && v.Type != bson.TypeRegex
}

func (f *filtering) traits() traits {
	return traits{keepsAll: true, keeps: func(string) bool { return true }}
}

func (f *filtering) step(x *execution, next step, _ bool) step {
	s := &filter{next: next}
	for _, c := range f.conjuncts {
		if c.test == nil {
			s.err = store.BadRequest(17313, "$match with $text is only allowed as the first pipeline stage")
			break
		}
		test, err := c.in(x.env)
		if err != nil {
			s.err = err
			break
		}
		s.tests = append(s.tests, test)
	}
	return s
}

type filter struct {
	tests []*match.Matcher
	err   error // once the tests before have held
	next  step
}

func (f *filter) take(doc bson.Raw) (bool, error) {
	for _, test := range f.tests {
		if ok, err := test.Decide(doc); !ok || err != nil {
			return true, err
		}
	}
	if f.err != nil {
		return false, f.err
	}
	return f.next.take(doc)
}

func (f *filter) end() error { return f.next.end() }
