package pipeline

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// unwinding is $unwind.
type unwinding struct {
	path, index string
	parts       []string
	// preserve keeps documents that have nothing to unwind.
	preserve bool
}

func (c compiler) unwind(v any) (*unwinding, error) {
	u := &unwinding{}
	path, hasPath := v.(string)
	if !hasPath {
		d, ok := v.(bson.D)
		if !ok {
			return nil, store.BadRequest(15981, "expected either a string or an object as specification for $unwind stage")
		}
		for _, e := range d {
			switch e.Key {
			case "path":
				if path, hasPath = e.Value.(string); !hasPath {
					return nil, store.BadRequest(28808, "expected a string as the path for $unwind stage")
				}
			case "preserveNullAndEmptyArrays":
				if u.preserve, ok = e.Value.(bool); !ok {
					return nil, store.BadRequest(28809, "expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage")
				}
			case "includeArrayIndex":
				if u.index, ok = e.Value.(string); !ok || u.index == "" {
					return nil, store.BadRequest(28810, "expected a non-empty string for the includeArrayIndex option to $unwind stage")
				}
				if u.index[0] == '$' {
					return nil, store.BadRequest(28822, "includeArrayIndex option to $unwind stage should not be prefixed with a '$': %s", u.index)
				}
				if _, err := splitPath(u.index); err != nil {
					return nil, err
				}
			default:
				return nil, store.BadRequest(28811, "unrecognized option to $unwind stage: %s", e.Key)
			}
		}
	}
	if !hasPath || path == "" {
		return nil, store.BadRequest(28812, "no path specified to $unwind stage")
	}
	if u.path, hasPath = strings.CutPrefix(path, "$"); !hasPath {
		return nil, store.BadRequest(28818, "path option to $unwind stage should be prefixed with a '$': %s", path)
	}
	var err error
	u.parts, err = splitPath(u.path)
	return u, err
}

func (u *unwinding) traits() traits {
	return traits{keeps: func(path string) bool {
		return !overlap(path, u.path) && (u.index == "" || !overlap(path, u.index))
	}}
}

func (u *unwinding) step(x *execution, next step, _ bool) step { return u.unwinder(x, next) }

func (u *unwinding) unwinder(x *execution, next step) *unwinder {
	w := &unwinder{unwinding: u, x: x, next: next}
	w.shape = at(u.parts, &w.value)
	if u.index != "" {
		parts, _ := splitPath(u.index) // was looked at before
		w.indexed = at(parts, &w.position)
	}
	return w
}

type unwinder struct {
	*unwinding
	x                *execution
	shape, indexed   *shape // indexed is nil if the index is not wanted
	value, position  slot
	buffer, numbered []byte
	next             step
}

func (u *unwinder) take(doc bson.Raw) (bool, error) {
	v := fieldOf(doc, u.parts)
	switch {
	case v.Type == bson.TypeArray:
		return u.elements(doc, v)
	case nullish(v):
		if !u.preserve {
			return true, nil
		}
		return u.pass(doc, null)
	}
	return u.pass(doc, null)
}

// elements passes on the document with each of the array's elements.
func (u *unwinder) elements(doc bson.Raw, v bson.RawValue) (more bool, err error) {
	n := int64(0)
	for e := match.Elements(v.Value); ; n++ {
		_, item, ok := e.Next()
		if !ok {
			break
		}
		if err := u.x.alive(); err != nil {
			return false, err
		}
		if more, err := u.passWith(doc, item, int64Value(n)); err != nil || !more {
			return more, err
		}
	}
	if n > 0 || !u.preserve {
		return true, nil
	}
	return u.passWith(doc, bson.RawValue{}, null)
}

// passWith passes on the document with a value at the path.
func (u *unwinder) passWith(doc bson.Raw, v, index bson.RawValue) (_ bool, err error) {
	u.value.value = v
	if u.buffer, err = u.shape.append(u.buffer[:0], u.x.env, doc, doc); err != nil {
		return false, err
	}
	return u.pass(u.buffer, index)
}

func (u *unwinder) pass(doc bson.Raw, index bson.RawValue) (_ bool, err error) {
	if u.indexed == nil {
		return u.next.take(doc)
	}
	u.position.value = index
	if u.numbered, err = u.indexed.append(u.numbered[:0], u.x.env, doc, doc); err != nil {
		return false, err
	}
	return u.next.take(u.numbered)
}

func (u *unwinder) end() error { return u.next.end() }
