package parse

import "bytes"

// Equal tells whether two values are the same. The order of an object's keys
// does not matter.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case nil, Null:
		switch b.(type) {
		case nil, Null:
			return true
		}
		return false
	case Bytes:
		b, ok := b.(Bytes)
		return ok && bytes.Equal(a, b)
	case Polygon:
		b, ok := b.(Polygon)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i] != b[i] {
				return false
			}
		}
		return true
	case Array:
		b, ok := b.(Array)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *Object:
		b, ok := b.(*Object)
		return ok && equalObjects(a, b)
	}
	switch b.(type) {
	case Bytes, Polygon, Array: // not comparable
		return false
	}
	return a == b
}

func equalObjects(a, b *Object) bool {
	if a == nil || b == nil {
		return a == b
	}
	if len(a.Members) != len(b.Members) {
		return false
	}
	find := b.Get
	if len(b.Members) > indexedKeys {
		index := indexMembers(b.Members)
		find = func(key string) (Value, bool) {
			i, ok := index[key]
			if !ok {
				return nil, false
			}
			return b.Members[i].Value, true
		}
	}
	for _, m := range a.Members {
		v, ok := find(m.Key)
		if !ok || !Equal(m.Value, v) {
			return false
		}
	}
	return true
}
