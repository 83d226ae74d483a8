package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// accumulator makes one value of all documents of a group.
type accumulator interface {
	// start returns the state of a group with that _id.
	start(x *execution, id bson.RawValue) (state, error)
}

// state is what an accumulator knows of a group.
type state interface {
	// take returns how many bytes more are held, below 0 for fewer.
	take(env *expression.Env, doc bson.Raw) (grown int, err error)
	value() (bson.RawValue, error)
}

// accumulator compiles {name: v}.
func (c compiler) accumulator(name string, v any) (accumulator, error) {
	switch name {
	case "$count":
		if d, ok := v.(bson.D); !ok || len(d) > 0 {
			return nil, store.BadRequest(codeTypeMismatch, "$count takes no arguments, i.e. $count:{}")
		}
		return c.accumulator("$sum", int32(1))
	case "$top", "$topN", "$bottom", "$bottomN":
		return c.ranking(name, v)
	case "$firstN", "$lastN", "$minN", "$maxN":
		return c.selection(name, v)
	case "$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet", "$mergeObjects", "$stdDevPop", "$stdDevSamp":
	case "$accumulator", "$median", "$percentile":
		return nil, store.BadRequest(codeNotSupported, "the accumulator %s is not served", name)
	default:
		return nil, store.BadRequest(15952, "unknown group operator '%s'", name)
	}
	if list, ok := v.(bson.A); ok {
		if len(list) != 1 {
			return nil, store.BadRequest(40237, "The %s accumulator is a unary operator", name)
		}
		v = list[0]
	}
	e, err := c.expression(v)
	if err != nil {
		return nil, err
	}
	switch name {
	case "$sum", "$avg":
		return c.sum(name, e), nil
	case "$min":
		return &picking{e, func(old, v bson.RawValue) bool {
			return !nullish(v) && (old.Type == 0 || c.collation.Compare(v, old) < 0)
		}}, nil
	case "$max":
		return &picking{e, func(old, v bson.RawValue) bool {
			return !nullish(v) && (old.Type == 0 || c.collation.Compare(v, old) > 0)
		}}, nil
	case "$first":
		return &picking{e, func(old, _ bson.RawValue) bool { return old.Type == 0 }}, nil
	case "$last":
		return &picking{e, func(_, _ bson.RawValue) bool { return true }}, nil
	case "$push":
		return &pushing{e}, nil
	case "$addToSet":
		return &uniting{e, c.collation}, nil
	case "$mergeObjects":
		return &merging{e}, nil
	}
	return &deviating{e, name == "$stdDevSamp"}, nil
}

// picking is $min, $max, $first and $last: one of the values.
type picking struct {
	operand *expression.Expression
	// better tells whether v takes the place of old, of type 0 when there is none.
	better func(old, v bson.RawValue) bool
}

func (p *picking) start(*execution, bson.RawValue) (state, error) { return &picked{picking: p}, nil }

type picked struct {
	*picking
	best bson.RawValue
}

func (p *picked) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := p.operand.Evaluate(env, doc)
	if err != nil || !p.better(p.best, v) {
		return 0, err
	}
	grown := len(v.Value) - len(p.best.Value)
	// The memory of the old one is used again; what is missing is kept as null.
	p.best = bson.RawValue{Type: orNull(v).Type, Value: append(p.best.Value[:0], v.Value...)}
	return grown, nil
}

func (p *picked) value() (bson.RawValue, error) { return orNull(p.best), nil }

// pushing is $push.
type pushing struct{ operand *expression.Expression }

func (p *pushing) start(*execution, bson.RawValue) (state, error) {
	return &pushed{pushing: p, list: newArray()}, nil
}

type pushed struct {
	*pushing
	list array
}

func (p *pushed) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := p.operand.Evaluate(env, doc)
	if err != nil || v.Type == 0 {
		return 0, err
	}
	return p.list.grow(v)
}

func (p *pushed) value() (bson.RawValue, error) { return p.list.value(), nil }

// grow adds an element and returns how much it takes.
func (a *array) grow(v bson.RawValue) (int, error) {
	before := cap(a.data)
	a.add(v.Type, v.Value)
	if len(a.data) > maxMemory {
		return 0, store.BadRequest(codeExceededMemory, "an array of a group used too much memory. Memory limit: %d bytes", maxMemory)
	}
	return cap(a.data) - before, nil
}

// uniting is $addToSet.
type uniting struct {
	operand   *expression.Expression
	collation match.Collation
}

func (u *uniting) start(*execution, bson.RawValue) (state, error) {
	return &united{uniting: u, seen: make(map[string]struct{}), list: newArray()}, nil
}

type united struct {
	*uniting
	seen map[string]struct{}
	list array
	key  []byte
}

func (u *united) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := u.operand.Evaluate(env, doc)
	if err != nil || v.Type == 0 {
		return 0, err
	}
	u.key = u.collation.AppendKey(u.key[:0], v)
	if _, ok := u.seen[string(u.key)]; ok {
		return 0, nil
	}
	u.seen[string(u.key)] = struct{}{}
	grown, err := u.list.grow(v)
	return grown + len(u.key) + stateSize, err
}

func (u *united) value() (bson.RawValue, error) { return u.list.value(), nil }

// merging is $mergeObjects.
type merging struct{ operand *expression.Expression }

func (m *merging) start(*execution, bson.RawValue) (state, error) {
	return &merged{merging: m, doc: emptyDocument}, nil
}

type merged struct {
	*merging
	doc bson.Raw
}

func (m *merged) take(env *expression.Env, doc bson.Raw) (int, error) {
	v, err := m.operand.Evaluate(env, doc)
	switch {
	case err != nil || nullish(v):
		return 0, err
	case v.Type != bson.TypeEmbeddedDocument:
		return 0, store.BadRequest(40400, "$mergeObjects requires object inputs, but input %s is of type %s", v, v.Type)
	}
	before := len(m.doc)
	if m.doc, err = mergedDocument(m.doc, v.Value); err != nil {
		return 0, err
	}
	return len(m.doc) - before, nil
}

func (m *merged) value() (bson.RawValue, error) { return documentValue(m.doc), nil }

// mergedDocument returns a document with the fields of both; those of b win.
func mergedDocument(a, b bson.Raw) (bson.Raw, error) {
	dst, start := openDocument(make([]byte, 0, len(a)+len(b)))
	for e := match.Elements(a); ; {
		name, v, ok := e.Next()
		if !ok {
			break
		}
		if other := match.Lookup(b, string(name)); other.Type != 0 {
			v = other
		}
		dst = appendField(dst, name, v)
	}
	for e := match.Elements(b); ; {
		name, v, ok := e.Next()
		if !ok {
			break
		}
		if match.Lookup(a, string(name)).Type == 0 {
			dst = appendField(dst, name, v)
		}
	}
	dst = closeDocument(dst, start)
	return dst, checkSize(len(dst))
}
