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
	test   predicate // nil for what only a search can tell
	// paths are those that it looks at; whole tells that it looks at everything.
	paths []string
	whole bool
	// search tells that it can be part of a search's filter.
	search bool
	// binding is an equality that follows from it, if not nil.
	binding *binding
}

// predicate tells whether a document satisfies a part of a filter.
type predicate interface {
	test(x *execution, doc bson.Raw) (bool, error)
}

func (c compiler) match(v any) (*filtering, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(15959, "the match filter must be an expression in an object")
	}
	f := &filtering{}
	return f, c.conjuncts(f, d, 0)
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
	part := conjunct{filter: filter, search: true}
	if hasText(filter, depth) {
		return part, nil
	}
	part.note(filter)
	var err error
	part.test, err = c.predicate(filter, depth, &part)
	return part, err
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

// predicate compiles a filter of which expressions may be a part.
func (c compiler) predicate(filter bson.D, depth int, part *conjunct) (predicate, error) {
	if !hasExpression(filter, depth) {
		m, err := c.collation.Compile(filter)
		if err != nil {
			return nil, err
		}
		if m.Near() != nil {
			return nil, store.BadRequest(5626500, "$geoNear, $near, and $nearSphere are not allowed in this context")
		}
		return matching{m}, nil
	}
	var parts every
	for _, e := range filter {
		var p predicate
		var err error
		switch e.Key {
		case "$expr":
			p, err = c.test(e.Value, part)
		case "$and", "$or", "$nor":
			p, err = c.combination(e, depth, part)
		default:
			p, err = c.predicate(bson.D{e}, depth, part)
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return parts, nil
}

// hasExpression tells whether there is an $expr outside of conditions on fields.
func hasExpression(filter bson.D, depth int) bool {
	for _, e := range filter {
		if e.Key == "$expr" {
			return true
		}
		list, ok := e.Value.(bson.A)
		if !ok || depth > maxFilterDepth || e.Key != "$and" && e.Key != "$or" && e.Key != "$nor" {
			continue
		}
		for _, clause := range list {
			if d, ok := clause.(bson.D); ok && hasExpression(d, depth+1) {
				return true
			}
		}
	}
	return false
}

func (c compiler) combination(e bson.E, depth int, part *conjunct) (predicate, error) {
	list := e.Value.(bson.A) // or there would be no expression in it
	if depth > maxFilterDepth {
		return nil, store.BadRequest(2, "exceeded maximum query tree depth of %d", maxFilterDepth)
	}
	var clauses []predicate
	for _, clause := range list {
		d, ok := clause.(bson.D)
		if !ok {
			return nil, store.BadRequest(2, "%s entries need to be full objects", e.Key)
		}
		p, err := c.predicate(d, depth+1, part)
		if err != nil {
			return nil, err
		}
		clauses = append(clauses, p)
	}
	switch e.Key {
	case "$and":
		return every(clauses), nil
	case "$or":
		return some(clauses), nil
	}
	return none(clauses), nil
}

// test compiles $expr.
func (c compiler) test(v any, part *conjunct) (predicate, error) {
	e, err := c.expression(v)
	if err != nil {
		return nil, err
	}
	paths, whole := e.Paths()
	part.paths, part.whole = append(part.paths, paths...), part.whole || whole
	// Of variables, a search knows nothing.
	part.search = part.search && !mentions(v, "$$")
	if len(part.filter) == 1 && part.filter[0].Key == "$expr" {
		part.binding = c.bindingOf(v)
	}
	return truth{e}, nil
}

type matching struct{ filter *match.Matcher }

func (m matching) test(_ *execution, doc bson.Raw) (bool, error) { return m.filter.Match(doc), nil }

type truth struct{ expression *expression.Expression }

func (t truth) test(x *execution, doc bson.Raw) (bool, error) {
	v, err := t.expression.Evaluate(x.env, doc)
	return match.Truthy(v), err
}

type (
	every []predicate
	some  []predicate
	none  []predicate
)

func (ps every) test(x *execution, doc bson.Raw) (bool, error) {
	for _, p := range ps {
		if ok, err := p.test(x, doc); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (ps some) test(x *execution, doc bson.Raw) (bool, error) {
	for _, p := range ps {
		if ok, err := p.test(x, doc); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (ps none) test(x *execution, doc bson.Raw) (bool, error) {
	ok, err := some(ps).test(x, doc)
	return !ok && err == nil, err
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
	return &filter{x: x, conjuncts: f.conjuncts, next: next}
}

type filter struct {
	x         *execution
	conjuncts []conjunct
	next      step
}

func (f *filter) take(doc bson.Raw) (bool, error) {
	for _, c := range f.conjuncts {
		if c.test == nil {
			return false, store.BadRequest(17313, "$match with $text is only allowed as the first pipeline stage")
		}
		if ok, err := c.test.test(f.x, doc); !ok || err != nil {
			return true, err
		}
	}
	return f.next.take(doc)
}

func (f *filter) end() error { return f.next.end() }
