package match

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func int32Value(n int32) value {
	return value{kind: bson.TypeInt32, data: binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

func int64Value(n int64) value {
	return value{kind: bson.TypeInt64, data: binary.LittleEndian.AppendUint64(nil, uint64(n))}
}

// arithmetic is $inc and $mul. The result has the wider of the two types; an
// int32 that overflows becomes an int64, an int64 that does is an error.
type arithmetic struct {
	creator
	name     string
	path     string
	operand  value
	integers func(a, b int64) (n int64, overflow bool)
	doubles  func(a, b float64) float64
	exacts   func(z, a, b *big.Rat) *big.Rat
	initial  value // what a missing value becomes
}

func compileIncrement(path string, v value) (modifier, error) {
	if !v.isNumber() {
		return nil, store.BadRequest(codeTypeMismatch, "Cannot increment with non-numeric argument: {%s}", path)
	}
	return &arithmetic{
		name: "$inc", path: path, operand: v, initial: v,
		integers: AddIntegers,
		doubles:  func(a, b float64) float64 { return a + b },
		exacts:   (*big.Rat).Add,
	}, nil
}

func compileMultiply(path string, v value) (modifier, error) {
	if !v.isNumber() {
		return nil, store.BadRequest(codeTypeMismatch, "Cannot multiply with non-numeric argument: {%s}", path)
	}
	m := &arithmetic{
		name: "$mul", path: path, operand: v,
		integers: MultiplyIntegers,
		doubles:  func(a, b float64) float64 { return a * b },
		exacts:   (*big.Rat).Mul,
	}
	zero, err := m.combine(int32Value(0))
	m.initial = zero
	return m, err
}

func (m *arithmetic) modify(old value, _ *applying) (value, error) {
	switch {
	case old.kind == 0:
		return m.initial, nil
	case !old.isNumber():
		return missing, store.BadRequest(codeTypeMismatch,
			"Cannot apply %s to a value of non-numeric type. The field '%s' has a non-numeric type", m.name, m.path)
	}
	return m.combine(old)
}

func (m *arithmetic) combine(old value) (value, error) {
	switch {
	case old.kind == bson.TypeDecimal128 || m.operand.kind == bson.TypeDecimal128:
		return m.combineDecimals(old)
	case old.kind == bson.TypeDouble || m.operand.kind == bson.TypeDouble:
		return doubleValue(m.doubles(old.float(), m.operand.float())), nil
	}
	n, overflow := m.integers(old.integer(), m.operand.integer())
	if overflow {
		return missing, store.BadRequest(codeBadValue,
			"Failed to apply %s operations to current value of '%s': the result overflows a 64-bit integer", m.name, m.path)
	}
	if old.kind == bson.TypeInt32 && m.operand.kind == bson.TypeInt32 && n == int64(int32(n)) {
		return int32Value(int32(n)), nil
	}
	return int64Value(n), nil
}

// float returns an int32, int64 or double as a double.
func (v value) float() float64 {
	if v.kind == bson.TypeDouble {
		return v.double()
	}
	return float64(v.integer())
}

// AddIntegers adds; overflow tells that the sum is no int64.
func AddIntegers(a, b int64) (sum int64, overflow bool) {
	n := a + b
	return n, (n > a) != (b > 0) && b != 0
}

// MultiplyIntegers multiplies; overflow tells that the product is no int64.
func MultiplyIntegers(a, b int64) (product int64, overflow bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	n := a * b
	negative := (a < 0) != (b < 0)
	return n, high != 0 || low > math.MaxInt64 && !(negative && low == 1<<63)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (m *arithmetic) combineDecimals(old value) (value, error) {
	for _, v := range []value{old, m.operand} {
		if v.isNaN() {
			return decimalValue("NaN")
		}
	}
	a, b := exact(old), exact(m.operand)
	if a.inf != 0 || b.inf != 0 {
		// Doubles have the same rules for infinities.
		da, _ := a.floor()
		db, _ := b.floor()
		switch d := m.doubles(da, db); {
		case math.IsNaN(d):
			return decimalValue("NaN")
		case d < 0:
			return decimalValue("-Infinity")
		}
		return decimalValue("Infinity")
	}
	return roundDecimal(m.exacts(new(big.Rat), a.rat, b.rat))
}

func decimalValue(s string) (value, error) {
	d, err := bson.ParseDecimal128(s)
	if err != nil {
		return missing, store.BadRequest(codeBadValue, "the result is no decimal: %v", err)
	}
	high, low := d.GetBytes()
	data := binary.LittleEndian.AppendUint64(nil, low)
	return value{kind: bson.TypeDecimal128, data: binary.LittleEndian.AppendUint64(data, high)}, nil
}

// decimalDigits is the precision of a Decimal128.
const decimalDigits = 34

// roundDecimal returns the decimal next to r, half to even.
func roundDecimal(r *big.Rat) (value, error) {
	if r.Sign() == 0 {
		return decimalValue("0")
	}
	n := number{rat: r}
	digits, exponent := n.decimal()
	if len(digits) > decimalDigits {
		scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10),
			big.NewInt(int64(max(exponent-decimalDigits, decimalDigits-exponent))), nil))
		if exponent > decimalDigits {
			scale.Inv(scale)
		}
		// The scaled number has decimalDigits digits before the point.
		scaled := new(big.Rat).Mul(r, scale)
		whole, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
		twice := rest.Abs(rest).Lsh(rest, 1).Cmp(scaled.Denom())
		if twice > 0 || twice == 0 && whole.Bit(0) == 1 {
			whole.Add(whole, big.NewInt(int64(r.Sign())))
		}
		return decimalValue(whole.String() + "E" + big.NewInt(int64(exponent-decimalDigits)).String())
	}
	text := string(digits) + "E" + big.NewInt(int64(exponent-len(digits))).String()
	if r.Sign() < 0 {
		text = "-" + text
	}
	return decimalValue(text)
}
