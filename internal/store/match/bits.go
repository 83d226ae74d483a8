package match

import (
	"bytes"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// bitTest holds for numbers and binary data by the state of some of their bits.
type bitTest struct {
	positions []uint
	set       bool // the state asked for
	any       bool // of one bit rather than of all
}

func (b bitTest) test(v value) bool {
	var at func(uint) bool
	switch v.kind {
	case bson.TypeBinary:
		data := v.data[5:]
		at = func(p uint) bool { return p/8 < uint(len(data)) && data[p/8]&(1<<(p%8)) != 0 }
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		n, ok := v.whole()
		if !ok {
			return false
		}
		at = func(p uint) bool { return n>>min(p, 63)&1 != 0 }
	default:
		return false
	}
	for _, p := range b.positions {
		if (at(p) == b.set) == b.any {
			return b.any
		}
	}
	return !b.any
}

func compileBits(name string, v value) (condition, error) {
	b := bitTest{
		set: name == "$bitsAllSet" || name == "$bitsAnySet",
		any: name == "$bitsAnySet" || name == "$bitsAnyClear",
	}
	switch v.kind {
	case bson.TypeArray:
		for e := elements(v.data); ; {
			_, item, ok := e.next()
			if !ok {
				break
			}
			n, ok := item.whole()
			if !ok || n < 0 || n > math.MaxInt32 {
				return nil, store.BadRequest(codeBadValue, "bit positions of %s must be non-negative integers", name)
			}
			b.positions = append(b.positions, uint(n))
		}
	case bson.TypeBinary:
		for i, octet := range v.data[5:] {
			for bit := range 8 {
				if octet&(1<<bit) != 0 {
					b.positions = append(b.positions, uint(i*8+bit))
				}
			}
		}
	default:
		mask, ok := v.whole()
		if !ok || mask < 0 {
			return nil, store.BadRequest(codeBadValue,
				"%s takes an array, a non-negative number or binary data", name)
		}
		for bit := range uint(63) {
			if mask>>bit&1 != 0 {
				b.positions = append(b.positions, bit)
			}
		}
	}
	return existential{b, true}, nil
}

// bitwise is $bit.
type bitwise struct {
	creator
	path string
	op   string
	v    value
}

func compileBit(path string, v value) (modifier, error) {
	if v.kind != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(codeBadValue, "The $bit modifier is not compatible with the operand of '%s'", path)
	}
	e := elements(v.data)
	op, mask, ok := e.next()
	known := bytes.Equal(op, []byte("and")) || bytes.Equal(op, []byte("or")) || bytes.Equal(op, []byte("xor"))
	if !ok || !known || mask.kind != bson.TypeInt32 && mask.kind != bson.TypeInt64 {
		return nil, store.BadRequest(codeBadValue, "$bit of '%s' takes one of 'and', 'or', 'xor' and an integer", path)
	}
	return &bitwise{path: path, op: string(op), v: mask}, nil
}

func (b *bitwise) modify(old value, _ *applying) (value, error) {
	switch old.kind {
	case 0:
		old = int32Value(0)
	case bson.TypeInt32, bson.TypeInt64:
	default:
		return missing, store.BadRequest(codeBadValue, "Cannot apply $bit to a value of non-integral type in '%s'", b.path)
	}
	n := old.integer()
	switch b.op {
	case "and":
		n &= b.v.integer()
	case "or":
		n |= b.v.integer()
	default:
		n ^= b.v.integer()
	}
	if old.kind == bson.TypeInt32 && b.v.kind == bson.TypeInt32 {
		return int32Value(int32(n)), nil
	}
	return int64Value(n), nil
}
