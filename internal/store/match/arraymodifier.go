package match

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// arrayItems returns the elements of an array.
func arrayItems(array value) []value {
	var items []value
	for e := elements(array.data); ; {
		_, v, ok := e.next()
		if !ok {
			return items
		}
		items = append(items, v)
	}
}

func arrayOf(items []value) value {
	dst, start := openDocument(nil)
	var index [20]byte
	for i, v := range items {
		dst = appendValueElement(dst, appendIndex(index[:0], i), v)
	}
	return value{kind: bson.TypeArray, data: closeDocument(dst, start)}
}

// each returns the values of {$each: […]}, and whether v is of that form.
func each(name string, v value) (values []value, ok bool, err error) {
	if v.kind != bson.TypeEmbeddedDocument {
		return nil, false, nil
	}
	list := find(v.data, "$each")
	switch list.kind {
	case 0:
		return nil, false, nil
	case bson.TypeArray:
		return arrayItems(list), true, nil
	}
	return nil, false, store.BadRequest(codeBadValue, "The argument to $each in %s must be an array", name)
}

// push is $push.
type push struct {
	creator
	path     string
	values   []value
	position *int64
	slice    *int64
	// sort is +1 or -1 to sort whole values, 0 for by or nothing.
	sort int
	by   pattern
}

func compilePush(path string, v value) (modifier, error) {
	p := &push{path: path}
	values, ok, err := each("$push", v)
	if err != nil {
		return nil, err
	}
	if !ok {
		p.values = []value{v}
		return p, nil
	}
	p.values = values
	for e := elements(v.data); ; {
		key, clause, ok := e.next()
		if !ok {
			return p, nil
		}
		switch string(key) {
		case "$each":
		case "$position":
			p.position, err = wholeClause("$position", clause)
		case "$slice":
			p.slice, err = wholeClause("$slice", clause)
		case "$sort":
			err = p.compileSort(clause)
		default:
			err = store.BadRequest(codeBadValue, "Unrecognized clause in $push: %s", key)
		}
		if err != nil {
			return nil, err
		}
	}
}

func wholeClause(name string, v value) (*int64, error) {
	n, ok := v.whole()
	if !ok {
		return nil, store.BadRequest(codeBadValue, "The value for %s must be an integer value", name)
	}
	return &n, nil
}

func (p *push) compileSort(v value) error {
	if v.kind == bson.TypeEmbeddedDocument {
		for e := elements(v.data); ; {
			key, direction, ok := e.next()
			if !ok {
				break
			}
			n, ok := direction.whole()
			if !ok || n != 1 && n != -1 || len(key) == 0 {
				return store.BadRequest(codeBadValue, "The $sort element value must be either 1 or -1")
			}
			if err := p.by.add(string(key), n < 0); err != nil {
				return err
			}
		}
		if len(p.by.fields) == 0 {
			return store.BadRequest(codeBadValue, "The $sort pattern is empty when it should be a set of fields.")
		}
		return nil
	}
	n, ok := v.whole()
	if !ok || n != 1 && n != -1 {
		return store.BadRequest(codeBadValue, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields")
	}
	p.sort = int(n)
	return nil
}

func (p *push) modify(old value, _ *applying) (value, error) {
	if old.kind != 0 && old.kind != bson.TypeArray {
		return missing, store.BadRequest(codeBadValue, "The field '%s' must be an array", p.path)
	}
	items := arrayItems(old)
	at := len(items)
	if p.position != nil {
		switch n := *p.position; {
		case n < 0:
			at = int(max(0, int64(len(items))+n))
		default:
			at = int(min(int64(len(items)), n))
		}
	}
	items = slices.Insert(items, at, p.values...)
	switch {
	case p.sort != 0:
		slices.SortStableFunc(items, func(a, b value) int { return compare(a, b, Simple, 0) * p.sort })
	case len(p.by.fields) > 0:
		slices.SortStableFunc(items, p.compare)
	}
	if p.slice != nil {
		switch n := *p.slice; {
		case n >= 0:
			items = items[:min(n, int64(len(items)))]
		default:
			items = items[max(0, int64(len(items))+n):]
		}
	}
	return arrayOf(items), nil
}

// compare compares elements by fields; one that is no document has none.
func (p *push) compare(a, b value) int {
	for i := range p.by.fields {
		f := &p.by.fields[i]
		n := compare(f.path.in(a), f.path.in(b), Simple, 0)
		if f.descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

// in returns the value at the path through documents.
func (p path) in(v value) value {
	if v.kind != bson.TypeEmbeddedDocument {
		return missing
	}
	v, at := p.descend(v.data, 0)
	if at < len(p.parts) {
		return missing
	}
	return v
}

// addToSet is $addToSet.
type addToSet struct {
	creator
	path   string
	values []value
}

func compileAddToSet(path string, v value) (modifier, error) {
	values, ok, err := each("$addToSet", v)
	if err != nil {
		return nil, err
	}
	if !ok {
		values = []value{v}
	} else if n := elements(v.data); extraClause(n) {
		return nil, store.BadRequest(codeBadValue, "Found unexpected fields after $each in $addToSet")
	}
	return &addToSet{path: path, values: values}, nil
}

func extraClause(e cursor) bool {
	e.next()
	_, _, more := e.next()
	return more
}

func (s *addToSet) modify(old value, _ *applying) (value, error) {
	if old.kind != 0 && old.kind != bson.TypeArray {
		return missing, store.BadRequest(codeBadValue,
			"Cannot apply $addToSet to non-array field. Field named '%s' has a non-array type", s.path)
	}
	items := arrayItems(old)
	count := len(items)
	set := newValueSet(items)
	for _, v := range s.values {
		if set.add(v) {
			items = append(items, v)
		}
	}
	if old.kind != 0 && len(items) == count {
		return old, nil
	}
	return arrayOf(items), nil
}

// valueSet is a set of values under Compare. Few values are compared with each
// other; many are kept by their keys, so that no size of array is slow.
type valueSet struct {
	few  []value
	many map[string]struct{}
	key  []byte
}

const fewValues = 16

func newValueSet(values []value) *valueSet {
	s := &valueSet{}
	if len(values) <= fewValues {
		s.few = slices.Clone(values)
		return s
	}
	s.many = make(map[string]struct{}, len(values))
	for _, v := range values {
		s.add(v)
	}
	return s
}

func (s *valueSet) has(v value) bool {
	if s.many != nil {
		s.key = appendKey(s.key[:0], v, Simple, 0)
		_, ok := s.many[string(s.key)]
		return ok
	}
	return slices.ContainsFunc(s.few, func(w value) bool { return compare(v, w, Simple, 0) == 0 })
}

// add adds a value and tells whether it was new.
func (s *valueSet) add(v value) bool {
	if s.has(v) {
		return false
	}
	if s.many == nil && len(s.few) == fewValues {
		s.many = make(map[string]struct{}, 2*fewValues)
		for _, w := range s.few {
			s.add(w)
		}
		s.key = appendKey(s.key[:0], v, Simple, 0)
	}
	if s.many != nil {
		s.many[string(s.key)] = struct{}{}
		return true
	}
	s.few = append(s.few, v)
	return true
}

// pull is $pull and $pullAll: it removes the elements that gone holds for.
type pull struct {
	keeper
	gone leaf
}

func (p pull) modify(old value, _ *applying) (value, error) {
	if old.kind != bson.TypeArray {
		return missing, store.BadRequest(codeBadValue, "Cannot apply $pull to a non-array value")
	}
	items := arrayItems(old)
	kept := slices.DeleteFunc(slices.Clone(items), p.gone.test)
	if len(kept) == len(items) {
		return old, nil
	}
	return arrayOf(kept), nil
}

// compilePull compiles $pull: a document without operators is a filter on the
// elements that are documents, operators and regular expressions are conditions
// on the elements, anything else is a value to equal.
func compilePull(_ string, v value) (modifier, error) {
	switch {
	case isOperatorDocument(v) && !isLogical(v), v.kind == bson.TypeRegex:
		cond, err := compiler{}.constraint(v)
		if err != nil {
			return nil, err
		}
		return pull{gone: standalone{cond}}, nil
	case v.kind == bson.TypeEmbeddedDocument:
		filter, err := compiler{}.conjunction(v.data)
		if err != nil {
			return nil, err
		}
		return pull{gone: onlyDocuments{filter}}, nil
	}
	return pull{gone: equalTo{v}}, nil
}

// standalone applies a condition to a value as if it were a field's, so that
// an array stands for its elements too.
type standalone struct{ condition condition }

var standalonePath = path{parts: []string{""}, index: []int{-1}}

func (s standalone) test(v value) bool {
	dst, start := openDocument(make([]byte, 0, len(v.data)+16))
	dst = appendValueElement(dst, nil, v)
	return s.condition.at(standalonePath, closeDocument(dst, start))
}

type onlyDocuments struct{ filter all }

func (d onlyDocuments) test(v value) bool {
	return v.kind == bson.TypeEmbeddedDocument && d.filter.match(v.data)
}

type equalTo struct{ v value }

func (e equalTo) test(v value) bool { return compare(e.v, v, Simple, 0) == 0 }

// anyOf holds for the values of a set.
type anyOf struct{ values []value }

func (a anyOf) test(v value) bool {
	i, found := slices.BinarySearchFunc(a.values, v, func(w, v value) int { return compare(w, v, Simple, 0) })
	return i < len(a.values) && found
}

func compilePullAll(_ string, v value) (modifier, error) {
	if v.kind != bson.TypeArray {
		return nil, store.BadRequest(codeBadValue, "$pullAll requires an array argument")
	}
	values := arrayItems(v)
	slices.SortFunc(values, func(a, b value) int { return compare(a, b, Simple, 0) })
	return pull{gone: anyOf{values}}, nil
}

// pop is $pop.
type pop struct {
	keeper
	path  string
	first bool
}

func compilePop(path string, v value) (modifier, error) {
	n, ok := v.whole()
	if !ok || n != 1 && n != -1 {
		return nil, store.BadRequest(codeFailedToParse, "$pop expects 1 or -1")
	}
	return pop{path: path, first: n < 0}, nil
}

func (p pop) modify(old value, _ *applying) (value, error) {
	if old.kind != bson.TypeArray {
		return missing, store.BadRequest(codeTypeMismatch, "Path '%s' contains an element of non-array type", p.path)
	}
	items := arrayItems(old)
	switch {
	case len(items) == 0:
		return old, nil
	case p.first:
		return arrayOf(items[1:]), nil
	}
	return arrayOf(items[:len(items)-1]), nil
}
