package match

import (
	"bytes"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxDepth bounds every recursion over nested values, documents and filters.
// MongoDB's own bound on the nesting of a document is 180 by default.
const maxDepth = 200

// value is a BSON value in place. Its data has exactly the length that its kind
// requires, so that the accessors need no checks. The zero value is a missing
// one.
type value struct {
	kind bson.Type
	data []byte
}

// missing is what a path leads to when there is nothing.
var missing = value{}

// The values that have no data.
var (
	null      = value{kind: bson.TypeNull}
	undefined = value{kind: bson.TypeUndefined}
)

// valueOf takes over a value from outside; one that is not well formed is missing.
func valueOf(v bson.RawValue) value {
	n := size(v.Type, v.Value)
	if n < 0 {
		return missing
	}
	return value{kind: v.Type, data: v.Value[:n:n]}
}

func (v value) raw() bson.RawValue { return bson.RawValue{Type: v.kind, Value: v.data} }

func (v value) isNumber() bool {
	switch v.kind {
	case bson.TypeDouble, bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128:
		return true
	}
	return false
}

func (v value) isString() bool { return v.kind == bson.TypeString }

// text returns the bytes of a string, symbol or code.
func (v value) text() []byte { return v.data[4 : len(v.data)-1] }

func (v value) int32() int32      { return int32(binary.LittleEndian.Uint32(v.data)) }
func (v value) int64() int64      { return int64(binary.LittleEndian.Uint64(v.data)) }
func (v value) double() float64   { return math.Float64frombits(binary.LittleEndian.Uint64(v.data)) }
func (v value) boolean() bool     { return v.data[0] != 0 }
func (v value) timestamp() uint64 { return binary.LittleEndian.Uint64(v.data) }

func (v value) decimal() bson.Decimal128 {
	return bson.NewDecimal128(binary.LittleEndian.Uint64(v.data[8:]), binary.LittleEndian.Uint64(v.data))
}

// regex returns the pattern and the options of a regular expression.
func (v value) regex() (pattern, options []byte) {
	i := bytes.IndexByte(v.data, 0)
	return v.data[:i], v.data[i+1 : len(v.data)-1]
}

// truthy is MongoDB's notion of an operand that means yes.
func (v value) truthy() bool {
	switch v.kind {
	case bson.TypeBoolean:
		return v.boolean()
	case bson.TypeInt32:
		return v.int32() != 0
	case bson.TypeInt64:
		return v.int64() != 0
	case bson.TypeDouble:
		return v.double() != 0
	case bson.TypeDecimal128:
		return !v.decimal().IsZero()
	case 0, bson.TypeNull, bson.TypeUndefined:
		return false
	}
	return true
}

// cursor walks the elements of a document or array.
type cursor struct{ rest []byte }

// elements returns a cursor at the first element of a document or array.
func elements(doc []byte) cursor {
	if len(doc) < 5 {
		return cursor{}
	}
	n := int(int32(binary.LittleEndian.Uint32(doc)))
	if n < 5 || n > len(doc) {
		return cursor{}
	}
	return cursor{rest: doc[4 : n-1]}
}

// next returns the next element; ok is false at the end.
func (c *cursor) next() (key []byte, v value, ok bool) {
	if len(c.rest) < 2 {
		return nil, value{}, false
	}
	kind := bson.Type(c.rest[0])
	rest := c.rest[1:]
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		c.rest = nil
		return nil, value{}, false
	}
	data := rest[end+1:]
	n := size(kind, data)
	if n < 0 {
		c.rest = nil
		return nil, value{}, false
	}
	c.rest = data[n:]
	return rest[:end], value{kind: kind, data: data[:n:n]}, true
}

// find returns the value of a document's first element of this name.
func find(doc []byte, name string) value {
	rest := elements(doc).rest
	for len(rest) > 1 {
		kind := bson.Type(rest[0])
		rest = rest[1:]
		if len(rest) > len(name) && rest[len(name)] == 0 && string(rest[:len(name)]) == name {
			rest = rest[len(name)+1:]
			n := size(kind, rest)
			if n < 0 {
				return missing
			}
			return value{kind: kind, data: rest[:n:n]}
		}
		end := bytes.IndexByte(rest, 0)
		if end < 0 {
			return missing
		}
		rest = rest[end+1:]
		n := size(kind, rest)
		if n < 0 {
			return missing
		}
		rest = rest[n:]
	}
	return missing
}

// size returns how many bytes a value of this kind takes at the start of b, or
// -1 when it is not well formed.
func size(kind bson.Type, b []byte) int {
	n := 0
	switch kind {
	case bson.TypeString, bson.TypeJavaScript, bson.TypeSymbol:
		n = prefixed(b, 4, 1)
		if n < 0 || b[n-1] != 0 {
			return -1
		}
		return n
	case bson.TypeInt32:
		n = 4
	case bson.TypeDouble, bson.TypeDateTime, bson.TypeTimestamp, bson.TypeInt64:
		n = 8
	case bson.TypeBoolean:
		n = 1
	case bson.TypeObjectID:
		n = 12
	case bson.TypeDecimal128:
		n = 16
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		return prefixed(b, 0, 5)
	case bson.TypeBinary:
		return prefixed(b, 5, 0)
	case bson.TypeCodeWithScope:
		return prefixed(b, 0, 14)
	case bson.TypeDBPointer:
		return prefixed(b, 16, 1)
	case bson.TypeRegex:
		pattern := bytes.IndexByte(b, 0)
		if pattern < 0 {
			return -1
		}
		options := bytes.IndexByte(b[pattern+1:], 0)
		if options < 0 {
			return -1
		}
		return pattern + options + 2
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
		return 0
	default:
		return -1
	}
	if len(b) < n {
		return -1
	}
	return n
}

// prefixed returns the size of a value that begins with its length, which does
// not count extra bytes and is at least least; -1 when b is too short.
func prefixed(b []byte, extra, least int) int {
	if len(b) < 4 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(b)))
	if n < least || n > len(b)-extra {
		return -1
	}
	return n + extra
}
