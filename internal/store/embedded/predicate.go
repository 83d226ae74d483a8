package embedded

import (
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// clauses are a filter as the planner sees it: what it says of single paths in
// a form that indexes can serve, all of which must hold.
type clauses struct {
	predicates []predicate
	// regions are what the geo operators ask for.
	regions []region
	// alternatives are the branches of every $or.
	alternatives [][]clauses
	// text tells that there is a $text, other than in alternatives.
	text bool
	// rest tells that the filter says more than the predicates and the $text.
	rest bool
}

// predicate is what a filter says of one path. Its bounds hold the key of at
// least one of the values that the path leads to, in every document that
// satisfies it.
type predicate struct {
	path   string
	bounds []interval
	// points tells that every one of the bounds is a single value.
	points bool
	// exact tells that a document with a key within the bounds satisfies the
	// predicate, if no array is on the path.
	exact bool
	// missing tells that documents without the field may satisfy it.
	missing bool
	// existence tells that it asks for nothing but the field to be there.
	existence bool
}

// clausesOf reads a filter that match has compiled without error.
func clausesOf(filter bson.Raw, collation match.Collation) clauses {
	var c clauses
	c.add(filter, collation)
	return c
}

func (c *clauses) add(filter bson.Raw, collation match.Collation) {
	elements, err := filter.Elements()
	if err != nil {
		c.rest = true
		return
	}
	for _, e := range elements {
		key, v := e.Key(), e.Value()
		switch {
		case key == "$and":
			for _, clause := range values(v) {
				c.add(clause.Document(), collation)
			}
		case key == "$or":
			c.rest = true
			var branches []clauses
			for _, clause := range values(v) {
				branches = append(branches, clausesOf(clause.Document(), collation))
			}
			c.alternatives = append(c.alternatives, branches)
		case key == "$text":
			c.text = true
		case key == "$comment":
		case strings.HasPrefix(key, "$"):
			c.rest = true
		default:
			c.constrain(key, v, collation)
		}
	}
}

// constrain adds what the filter says of one path.
func (c *clauses) constrain(path string, v bson.RawValue, collation match.Collation) {
	operators := operatorsOf(v)
	if operators == nil {
		c.keep(equality(path, v, collation))
		return
	}
	for _, e := range operators {
		operand := e.Value()
		switch e.Key() {
		case "$eq":
			c.keep(comparison(path, "$eq", operand, collation))
		case "$gt", "$gte", "$lt", "$lte":
			c.keep(comparison(path, e.Key(), operand, collation))
		case "$in":
			c.keep(membership(path, operand, collation))
		case "$all":
			// Each of the values must be there; more than that is for the filter.
			c.rest = true
			for _, item := range values(operand) {
				if operatorsOf(item) == nil {
					c.keep(equality(path, item, collation))
				}
			}
		case "$exists":
			here, ok := operand.BooleanOK()
			c.keep(predicate{path: path, bounds: []interval{everything()}, existence: true}, ok && here)
		case "$regex":
			c.keep(regexOperator(path, operators, collation))
		case "$options", "$comment":
		default:
			c.rest = true
			if cells := match.RegionOf(e.Key(), v.Document()); cells != nil {
				c.regions = append(c.regions, region{path, cells})
			}
		}
	}
}

func (c *clauses) keep(p predicate, ok bool) {
	if !ok {
		c.rest = true
		return
	}
	c.predicates = append(c.predicates, p)
}

// searches tells whether there is a $text, in an alternative or not.
func (c clauses) searches() bool {
	return c.text || slices.ContainsFunc(c.alternatives, func(branches []clauses) bool {
		return slices.ContainsFunc(branches, clauses.searches)
	})
}

// empty tells whether the filter says nothing.
func (c *clauses) empty() bool { return len(c.predicates) == 0 && !c.rest }

// requires tells whether documents without the field can't satisfy the clauses.
func (c *clauses) requires(path string) bool {
	return slices.ContainsFunc(c.predicates, func(p predicate) bool { return p.path == path && !p.missing })
}

// imply tells whether what satisfies c satisfies d for sure.
func (c *clauses) imply(d *clauses) bool {
	return !d.rest && !slices.ContainsFunc(d.predicates, func(want predicate) bool {
		return !slices.ContainsFunc(c.predicates, func(have predicate) bool { return have.implies(want) })
	})
}

// implies tells whether what satisfies p satisfies q for sure.
func (p predicate) implies(q predicate) bool {
	if p.path != q.path || p.missing && !q.missing {
		return false
	}
	if q.existence {
		return true
	}
	if !q.exact {
		return false
	}
	return slices.EqualFunc(intersect(p.bounds, q.bounds), p.bounds, interval.equal)
}

// bounds are what the predicates on one path come to.
type bounds struct {
	intervals []interval
	// predicates is how many predicates there were.
	predicates    int
	points, exact bool
	// existence tells that they ask for nothing but the field to be there.
	existence bool
}

// bounds returns the bounds of the predicates on a path. If the path meets
// arrays, different elements may satisfy different predicates, so that only
// one predicate can give the bounds.
func (c *clauses) bounds(path string, multikey bool) bounds {
	var b bounds
	for _, p := range c.predicates {
		if p.path != path {
			continue
		}
		b.predicates++
		switch {
		case b.predicates == 1:
			b.take(p)
			b.exact = p.exact && !(multikey && p.missing)
		case !multikey:
			b.intervals = intersect(b.intervals, p.bounds)
			b.points = b.points || p.points
			b.exact = b.exact && p.exact
			b.existence = b.existence && p.existence
		default:
			b.exact = false
			if b.existence || p.points && (!b.points || len(p.bounds) < len(b.intervals)) {
				b.take(p)
			}
		}
	}
	return b
}

func (b *bounds) take(p predicate) {
	b.intervals, b.points, b.existence = p.bounds, p.points, p.existence
}

// operatorsOf returns the operators of an operand, or nil if it is a value.
func operatorsOf(v bson.RawValue) []bson.RawElement {
	doc, ok := v.DocumentOK()
	if !ok {
		return nil
	}
	elements, err := doc.Elements()
	if err != nil || len(elements) == 0 {
		return nil
	}
	switch key := elements[0].Key(); {
	case key == "$ref", key == "$id", key == "$db", !strings.HasPrefix(key, "$"):
		return nil
	}
	return elements
}

func values(v bson.RawValue) []bson.RawValue {
	array, ok := v.ArrayOK()
	if !ok {
		return nil
	}
	items, err := array.Values()
	if err != nil {
		return nil
	}
	return items
}

// equality is the predicate of {path: v}.
func equality(path string, v bson.RawValue, collation match.Collation) (predicate, bool) {
	if v.Type == bson.TypeRegex {
		pattern, options := v.Regex()
		return regex(path, pattern, options, v, collation)
	}
	return comparison(path, "$eq", v, collation)
}

// comparison is the predicate of one comparison operator. Arrays are not in
// indexes as a whole, and comparisons with null, MinKey and MaxKey other than
// for equality go beyond one type: none of them has bounds.
func comparison(path, operator string, v bson.RawValue, collation match.Collation) (predicate, bool) {
	if v.Type == bson.TypeArray || v.Type == bson.TypeUndefined {
		return predicate{}, false
	}
	point := exactly(collation.AppendKey(nil, v))
	if operator == "$eq" {
		return predicate{
			path: path, bounds: []interval{point}, points: true, exact: true,
			missing: v.Type == bson.TypeNull,
		}, true
	}
	switch v.Type {
	case bson.TypeNull, bson.TypeMinKey, bson.TypeMaxKey:
		return predicate{}, false
	}
	first, beyond := match.KeyBounds(v.Type)
	bracket := interval{position{key: []byte{first}}, position{key: []byte{beyond}}}
	if isNumber(v) {
		// NaN equals itself and is neither above nor below any number.
		nan := exactly(match.AppendKey(nil, notANumber()))
		if point.low.compare(nan.low) == 0 {
			p := predicate{path: path, exact: true, points: true}
			if operator == "$gte" || operator == "$lte" {
				p.bounds = []interval{nan}
			}
			return p, true
		}
		bracket.low = nan.high
	}
	bounds := bracket
	switch operator {
	case "$gt":
		bounds.low = point.high
	case "$gte":
		bounds.low = point.low
	case "$lt":
		bounds.high = point.low
	case "$lte":
		bounds.high = point.high
	}
	return predicate{path: path, bounds: merge([]interval{bounds}), exact: true}, true
}

func isNumber(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeDouble, bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128:
		return true
	}
	return false
}

func notANumber() bson.RawValue {
	_, data, _ := bson.MarshalValue(math.NaN())
	return bson.RawValue{Type: bson.TypeDouble, Value: data}
}

// membership is the predicate of $in.
func membership(path string, v bson.RawValue, collation match.Collation) (predicate, bool) {
	p := predicate{path: path, points: true, exact: true}
	for _, item := range values(v) {
		one, ok := equality(path, item, collation)
		if !ok {
			return predicate{}, false
		}
		p.bounds = append(p.bounds, one.bounds...)
		p.points = p.points && one.points
		p.exact = p.exact && one.exact
		p.missing = p.missing || one.missing
	}
	p.bounds = merge(p.bounds)
	return p, true
}

// regexOperator is the predicate of {$regex: …, $options: …}.
func regexOperator(path string, operators []bson.RawElement, collation match.Collation) (predicate, bool) {
	var pattern, options string
	var value bson.RawValue
	for _, e := range operators {
		switch v := e.Value(); e.Key() {
		case "$regex":
			if v.Type == bson.TypeRegex {
				var own string
				pattern, own = v.Regex()
				options += own
			} else {
				pattern, _ = v.StringValueOK()
			}
		case "$options":
			own, _ := v.StringValueOK()
			options += own
		}
	}
	value.Type, value.Value, _ = bson.MarshalValue(bson.Regex{Pattern: pattern, Options: options})
	return regex(path, pattern, options, value, collation)
}

// regex is the predicate of a regular expression that strings must begin with a
// text to match; value is the expression itself, which as a value matches too.
// Regular expressions know no collation, so that one says nothing of keys under
// another than the simple one.
func regex(path, pattern, options string, value bson.RawValue, collation match.Collation) (predicate, bool) {
	prefix, whole := match.RegexPrefix(pattern, options)
	if prefix == "" || collation != match.Simple {
		return predicate{}, false
	}
	_, text, _ := bson.MarshalValue(prefix)
	key := match.AppendKey(nil, bson.RawValue{Type: bson.TypeString, Value: text})
	key = key[:len(key)-1] // without the end of the string
	return predicate{path: path, exact: whole, bounds: merge([]interval{
		{position{key: key}, position{key: key, after: true}},
		exactly(match.AppendKey(nil, value)),
	})}, true
}
