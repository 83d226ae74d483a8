package match

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// typeNames are the aliases that $type knows.
var typeNames = map[string]bson.Type{
	"double": bson.TypeDouble, "string": bson.TypeString, "object": bson.TypeEmbeddedDocument,
	"array": bson.TypeArray, "binData": bson.TypeBinary, "undefined": bson.TypeUndefined,
	"objectId": bson.TypeObjectID, "bool": bson.TypeBoolean, "date": bson.TypeDateTime,
	"null": bson.TypeNull, "regex": bson.TypeRegex, "dbPointer": bson.TypeDBPointer,
	"javascript": bson.TypeJavaScript, "symbol": bson.TypeSymbol,
	"javascriptWithScope": bson.TypeCodeWithScope, "int": bson.TypeInt32,
	"timestamp": bson.TypeTimestamp, "long": bson.TypeInt64, "decimal": bson.TypeDecimal128,
	"minKey": bson.TypeMinKey, "maxKey": bson.TypeMaxKey,
}

// typeSet is a set of BSON types, by type byte.
type typeSet [4]uint64

func (s *typeSet) add(t bson.Type) { s[t>>6] |= 1 << (t & 63) }

func (s *typeSet) test(v value) bool { return v.kind != 0 && s[v.kind>>6]&(1<<(v.kind&63)) != 0 }

func compileType(v value) (condition, error) {
	set := &typeSet{}
	if v.kind != bson.TypeArray {
		if err := addType(set, v); err != nil {
			return nil, err
		}
		return existential{set, true}, nil
	}
	count := 0
	for e := elements(v.data); ; count++ {
		_, item, ok := e.next()
		if !ok {
			break
		}
		if err := addType(set, item); err != nil {
			return nil, err
		}
	}
	if count == 0 {
		return nil, store.BadRequest(codeFailedToParse, "$type must match at least one type")
	}
	return existential{set, true}, nil
}

func addType(set *typeSet, v value) error {
	if v.isString() {
		name := string(v.text())
		if name == "number" {
			for _, t := range []bson.Type{bson.TypeDouble, bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128} {
				set.add(t)
			}
			return nil
		}
		t, ok := typeNames[name]
		if !ok {
			return store.BadRequest(codeBadValue, "Unknown type name alias: %s", name)
		}
		set.add(t)
		return nil
	}
	if !v.isNumber() {
		return store.BadRequest(codeTypeMismatch, "type must be represented as a number or a string")
	}
	n, ok := v.whole()
	if !ok || n != -1 && n != 127 && n != 255 && (n < 1 || n > 19) {
		return store.BadRequest(codeBadValue, "Invalid numerical type code")
	}
	set.add(bson.Type(byte(n)))
	return nil
}

// whole returns a number that has no fraction and fits an int64.
func (v value) whole() (int64, bool) {
	switch v.kind {
	case bson.TypeInt32, bson.TypeInt64:
		return v.integer(), true
	case bson.TypeDouble:
		d := v.double()
		if d != math.Trunc(d) || d < -1<<63 || d >= 1<<63 {
			return 0, false
		}
		return int64(d), true
	case bson.TypeDecimal128:
		if v.isNaN() || v.decimal().IsInf() != 0 || !v.decimalInRange() {
			return 0, false
		}
		n := exact(v)
		if !n.rat.IsInt() || !n.rat.Num().IsInt64() {
			return 0, false
		}
		return n.rat.Num().Int64(), true
	}
	return 0, false
}

// truncated returns a finite number without its fraction, if it fits an int64.
func (v value) truncated() (int64, bool) {
	switch v.kind {
	case bson.TypeDouble:
		d := math.Trunc(v.double())
		if !(d >= -1<<63 && d < 1<<63) {
			return 0, false
		}
		return int64(d), true
	case bson.TypeDecimal128:
		if v.isNaN() || v.decimal().IsInf() != 0 {
			return 0, false
		}
		d, _ := exact(v).floor()
		if d < 0 && d != math.Trunc(d) {
			d++
		}
		d = math.Trunc(d)
		if !(d >= -1<<63 && d < 1<<63) {
			return 0, false
		}
		return int64(d), true
	}
	return v.whole()
}

// decimalInRange tells whether a decimal's exponent is such that it may be an int64.
func (v value) decimalInRange() bool {
	_, exponent, err := v.decimal().BigInt()
	return err == nil && exponent > -40 && exponent < 40
}

type sized int

func (s sized) test(v value) bool {
	if v.kind != bson.TypeArray {
		return false
	}
	n := 0
	for e := elements(v.data); n <= int(s); n++ {
		if _, _, ok := e.next(); !ok {
			break
		}
	}
	return n == int(s)
}

func compileSize(v value) (condition, error) {
	n, ok := v.whole()
	switch {
	case !v.isNumber():
		return nil, store.BadRequest(codeFailedToParse, "Failed to parse $size. Expected a number")
	case !ok || n > math.MaxInt32:
		return nil, store.BadRequest(codeFailedToParse, "Failed to parse $size. Expected an integer")
	case n < 0:
		return nil, store.BadRequest(codeFailedToParse, "Failed to parse $size. Expected a non-negative number")
	}
	return existential{sized(n), false}, nil
}

type modulo struct{ divisor, remainder int64 }

func (m modulo) test(v value) bool {
	if !v.isNumber() {
		return false
	}
	n, ok := v.truncated()
	return ok && n%m.divisor == m.remainder
}

func compileMod(v value) (condition, error) {
	if v.kind != bson.TypeArray {
		return nil, store.BadRequest(codeBadValue, "malformed mod, needs to be an array")
	}
	var operands []int64
	for e := elements(v.data); ; {
		_, item, ok := e.next()
		if !ok {
			break
		}
		if !item.isNumber() {
			return nil, store.BadRequest(codeBadValue, "malformed mod, divisor and remainder must be numbers")
		}
		n, ok := item.truncated()
		if !ok {
			return nil, store.BadRequest(codeBadValue, "malformed mod, value is not a 64-bit integer")
		}
		operands = append(operands, n)
	}
	switch {
	case len(operands) < 2:
		return nil, store.BadRequest(codeBadValue, "malformed mod, not enough elements")
	case len(operands) > 2:
		return nil, store.BadRequest(codeBadValue, "malformed mod, too many elements")
	case operands[0] == 0:
		return nil, store.BadRequest(codeBadValue, "divisor cannot be 0")
	}
	return existential{modulo{operands[0], operands[1]}, true}, nil
}
