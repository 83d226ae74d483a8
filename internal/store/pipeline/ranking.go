package pipeline

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// ranking is $top, $topN, $bottom, $bottomN, $minN, $maxN, $firstN and $lastN: the
// first or the last n values in an order.
type ranking struct {
	name   string
	output *expression.Expression
	n      *expression.Expression // nil for one value instead of an array
	// appendKey appends what puts a value in order; nil is the order of arrival.
	appendKey func(dst []byte, doc bson.Raw, v bson.RawValue) ([]byte, error)
	last      bool
	// skipNull leaves out null and what is missing.
	skipNull bool
}

// ranking compiles what sorts by fields.
func (c compiler) ranking(name string, v any) (accumulator, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(5788001, "specification must be an object; found %s: %v", name, v)
	}
	many := name == "$topN" || name == "$bottomN"
	r := &ranking{name: name, last: name == "$bottom" || name == "$bottomN"}
	var sorter *match.Sorter
	for _, e := range d {
		var err error
		switch {
		case e.Key == "n" && many:
			r.n, err = c.expression(e.Value)
		case e.Key == "output":
			r.output, err = c.expression(e.Value)
		case e.Key == "sortBy":
			by, ok := e.Value.(bson.D)
			if !ok {
				return nil, store.BadRequest(10065, "invalid parameter: expected an object (sortBy)")
			}
			sorter, err = c.collation.CompileSort(by)
		default:
			err = store.BadRequest(5788002, "Unknown argument to %s '%s'", name, e.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case many && r.n == nil:
		return nil, store.BadRequest(5788003, "Missing value for 'n'")
	case r.output == nil:
		return nil, store.BadRequest(5788004, "Missing value for 'output'")
	case sorter == nil:
		return nil, store.BadRequest(5788005, "Missing value for 'sortBy'")
	}
	r.appendKey = func(dst []byte, doc bson.Raw, _ bson.RawValue) ([]byte, error) { return sorter.AppendKey(dst, doc, 0) }
	return r, r.checkN()
}

// selection compiles what takes the values themselves, in their order or as they come.
func (c compiler) selection(name string, v any) (accumulator, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(5787900, "specification must be an object; found %s: %v", name, v)
	}
	r := &ranking{name: name, last: name == "$lastN" || name == "$maxN", skipNull: name == "$minN" || name == "$maxN"}
	for _, e := range d {
		var err error
		switch e.Key {
		case "n":
			r.n, err = c.expression(e.Value)
		case "input":
			r.output, err = c.expression(e.Value)
		default:
			err = store.BadRequest(5787901, "Unknown argument for 'n' operator: %s", e.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case r.n == nil:
		return nil, store.BadRequest(5787906, "Missing value for 'n'")
	case r.output == nil:
		return nil, store.BadRequest(5787907, "Missing value for 'input'")
	}
	if r.skipNull {
		r.appendKey = func(dst []byte, _ bson.Raw, v bson.RawValue) ([]byte, error) {
			return c.collation.AppendKey(dst, v), nil
		}
	}
	return r, r.checkN()
}

// checkN refuses a number that is known to be wrong.
func (r *ranking) checkN() error {
	if r.n == nil {
		return nil
	}
	if v, ok := r.n.Constant(); ok {
		_, err := numberOf(v)
		return err
	}
	return nil
}

func numberOf(v bson.RawValue) (int64, error) {
	if _, ok := doubleOf(v); !ok {
		return 0, store.BadRequest(5787902, "Value for 'n' must be of integral type, but found %s", v)
	}
	n, ok := match.Whole(v)
	if !ok {
		return 0, store.BadRequest(5787903, "Value for 'n' must be of integral type, but found %s", v)
	}
	if n <= 0 {
		return 0, store.BadRequest(5787908, "'n' must be greater than 0, found %d", n)
	}
	return n, nil
}

// start finds out how many values the group is to have, which may depend on its _id.
func (r *ranking) start(x *execution, id bson.RawValue) (state, error) {
	s := &ranked{ranking: r, n: 1}
	if r.n == nil {
		return s, nil
	}
	doc := emptyDocument
	if id.Type == bson.TypeEmbeddedDocument {
		doc = id.Value
	}
	v, err := r.n.Evaluate(x.env, doc)
	if err != nil {
		return nil, err
	}
	s.n, err = numberOf(v)
	return s, err
}

type ranked struct {
	*ranking
	n      int64
	values []rankedValue // in order
	key    []byte
}

type rankedValue struct {
	key   []byte
	value bson.RawValue
}

func (r *ranked) take(env *expression.Env, doc bson.Raw) (grown int, err error) {
	full := int64(len(r.values)) == r.n
	if full && r.appendKey == nil && !r.last {
		return 0, nil
	}
	v, err := r.output.Evaluate(env, doc)
	if err != nil || r.skipNull && nullish(v) {
		return 0, err
	}
	at := len(r.values) // among equals, after those that were there before
	if r.appendKey != nil {
		if r.key, err = r.appendKey(r.key[:0], doc, v); err != nil {
			return 0, err
		}
		at, _ = slices.BinarySearchFunc(r.values, r.key, func(a rankedValue, key []byte) int {
			if c := bytes.Compare(a.key, key); c != 0 {
				return c
			}
			return -1
		})
	}
	switch {
	case full && !r.last && at == len(r.values), full && r.last && at == 0:
		return 0, nil
	case full && r.last:
		grown -= r.drop(0)
		at--
	case full:
		grown -= r.drop(len(r.values) - 1)
	}
	added := rankedValue{bytes.Clone(r.key), cloned(orNull(v))}
	r.values = slices.Insert(r.values, at, added)
	return grown + added.size(), nil
}

func (v *rankedValue) size() int { return len(v.key) + len(v.value.Value) + stateSize }

func (r *ranked) drop(i int) int {
	size := r.values[i].size()
	r.values = slices.Delete(r.values, i, i+1)
	return size
}

func (r *ranked) value() (bson.RawValue, error) {
	if r.ranking.n == nil {
		if len(r.values) == 0 {
			return null, nil
		}
		return r.values[0].value, nil
	}
	if r.name == "$maxN" {
		slices.Reverse(r.values) // a state is asked once
	}
	list := newArray()
	for _, v := range r.values {
		list.add(v.value.Type, v.value.Value)
	}
	return list.value(), nil
}
