package match

import (
	"bytes"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The index key of a value is its rank followed by a payload that ends itself,
// so that no key is a prefix of another, keys concatenate to compound keys, and
// their complements sort in descending order.
//
//	number     the greatest double not above it, as 8 ordered bytes; then 0 when
//	           it is that double, else 1 and its decimal digits (appendDecimal)
//	string     its bytes, 0 and 1 escaped as 1 1 and 1 2, then 0
//	object     its elements, each rank, name as a string, payload; then rankEnd
//	array      its elements, each rank, payload; then rankEnd
//	binary     length (4 bytes, big endian), subtype, bytes
//	others     fixed size, big endian, sign bit flipped where signed

// AppendKey appends the index key of v to dst: bytes.Compare of two keys is
// Compare of their values, and keys that are equal are of values that are equal.
func AppendKey(dst []byte, v bson.RawValue) []byte { return Simple.AppendKey(dst, v) }

// AppendKey is the function AppendKey with strings under the collation.
func (c Collation) AppendKey(dst []byte, v bson.RawValue) []byte {
	return appendKey(dst, valueOf(v), c, 0)
}

// AppendKeyOf is AppendKey for a value of one of the types that the store's
// contract names. It does not allocate for strings.
func AppendKeyOf(dst []byte, v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		return appendEscaped(append(dst, byte(rankString)), []byte(s)), nil
	}
	raw, err := Encode(bson.D{{Value: v}})
	if err != nil {
		return dst, err
	}
	return appendKey(dst, find(raw, ""), Simple, 0), nil
}

// KeyBounds returns the first byte of the ascending keys of all the values that
// a comparison with a value of this type can match, and the byte after it: the
// type bracket of MongoDB's $gt, $lt and their like is low <= key[0] < high.
func KeyBounds(t bson.Type) (low, high byte) {
	r := byte(rankOf(t))
	return r, r + 1
}

func appendDirectedKey(dst []byte, v value, c Collation, descending bool) []byte {
	start := len(dst)
	dst = appendKey(dst, v, c, 0)
	if descending {
		complement(dst[start:])
	}
	return dst
}

func complement(key []byte) {
	for i := range key {
		key[i] = ^key[i]
	}
}

func appendKey(dst []byte, v value, c Collation, depth int) []byte {
	return appendPayload(append(dst, byte(rankOf(v.kind))), v, c, depth)
}

func appendPayload(dst []byte, v value, c Collation, depth int) []byte {
	switch rankOf(v.kind) {
	case rankNumber:
		return appendNumber(dst, v)
	case rankString:
		if c == CaseInsensitive {
			return appendEscaped(dst, c.key(v.text()))
		}
		return appendEscaped(dst, v.text())
	case rankObject:
		if depth >= maxDepth {
			return appendEscaped(dst, v.data)
		}
		for e := elements(v.data); ; {
			name, v, ok := e.next()
			if !ok {
				return append(dst, byte(rankEnd))
			}
			dst = append(dst, byte(rankOf(v.kind)))
			dst = appendEscaped(dst, name)
			dst = appendPayload(dst, v, c, depth+1)
		}
	case rankArray:
		if depth >= maxDepth {
			return appendEscaped(dst, v.data)
		}
		for e := elements(v.data); ; {
			_, v, ok := e.next()
			if !ok {
				return append(dst, byte(rankEnd))
			}
			dst = appendKey(dst, v, c, depth+1)
		}
	case rankBinary:
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(v.data)-5))
		return append(dst, v.data[4:]...)
	case rankObjectID:
		return append(dst, v.data...)
	case rankBoolean:
		return append(dst, v.data[0])
	case rankDate:
		return binary.BigEndian.AppendUint64(dst, uint64(v.int64())^1<<63)
	case rankTimestamp:
		return binary.BigEndian.AppendUint64(dst, v.timestamp())
	case rankRegex:
		pattern, options := v.regex()
		return appendEscaped(appendEscaped(dst, pattern), options)
	case rankCode:
		return appendEscaped(dst, v.text())
	case rankDBPointer, rankScope:
		dst = binary.BigEndian.AppendUint32(dst, binary.LittleEndian.Uint32(v.data))
		return appendEscaped(dst, v.data)
	}
	return dst
}

// appendEscaped appends text so that it ends itself and keeps its order.
func appendEscaped(dst, text []byte) []byte {
	for {
		i := 0
		for i < len(text) && text[i] > 1 {
			i++
		}
		dst = append(dst, text[:i]...)
		if i == len(text) {
			return append(dst, 0)
		}
		dst = append(dst, 1, text[i]+1)
		text = text[i+1:]
	}
}

func appendNumber(dst []byte, v value) []byte {
	if v.isNaN() {
		return append(binary.BigEndian.AppendUint64(dst, 0), 0)
	}
	switch v.kind {
	case bson.TypeDouble:
		return append(appendDouble(dst, v.double()), 0)
	case bson.TypeInt32:
		return append(appendDouble(dst, float64(v.int32())), 0)
	case bson.TypeInt64:
		i := v.int64()
		if i >= -1<<53 && i <= 1<<53 {
			return append(appendDouble(dst, float64(i)), 0)
		}
	}
	n := exact(v)
	d, same := n.floor()
	dst = appendDouble(dst, d)
	if same {
		return append(dst, 0)
	}
	return appendDecimal(append(dst, 1), n)
}

// appendDouble appends a double, not NaN, as 8 bytes in the order of doubles.
func appendDouble(dst []byte, d float64) []byte {
	if d == 0 {
		d = 0 // the zeros are equal
	}
	bits := math.Float64bits(d)
	if bits>>63 != 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return binary.BigEndian.AppendUint64(dst, bits)
}

// appendDecimal appends a number that is not zero, to be compared with others
// of its sign only: its decimal exponent and its significant digits, complemented
// when it is negative. Such a number is an int64 or a decimal, so that it has an
// end in decimal digits.
func appendDecimal(dst []byte, n number) []byte {
	start := len(dst)
	digits, exponent := n.decimal()
	dst = binary.BigEndian.AppendUint16(dst, uint16(exponent+1<<15))
	dst = append(append(dst, digits...), 0)
	if n.rat.Sign() < 0 {
		complement(dst[start:])
	}
	return dst
}

// decimal returns n's magnitude as 0.digits × 10^exponent, with neither leading
// nor trailing zeros.
func (n number) decimal() (digits []byte, exponent int) {
	num, denom := n.rat.Num(), n.rat.Denom()
	// The denominator of a reduced decimal fraction divides a power of ten not
	// above its own number of bits.
	text := ""
	if denom.IsInt64() && denom.Int64() == 1 {
		text = num.Text(10)
	} else {
		places := denom.BitLen()
		text = n.rat.FloatString(places)
		exponent = -places
	}
	digits = make([]byte, 0, len(text))
	for i := range len(text) {
		if text[i] != '-' && text[i] != '.' {
			digits = append(digits, text[i])
		}
	}
	exponent += len(digits)
	trimmed := bytes.TrimLeft(digits, "0")
	exponent -= len(digits) - len(trimmed)
	return bytes.TrimRight(trimmed, "0"), exponent
}
