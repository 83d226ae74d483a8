package expression

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// decimals is the arithmetic of Decimal128: 34 digits, half to even.
var decimals = apd.Context{
	Precision:   34,
	MaxExponent: 6144,
	MinExponent: -6143,
	Rounding:    apd.RoundHalfEven,
}

// decimalOf returns a number as a decimal. A double has 15 digits, as many as it
// holds for certain.
func decimalOf(v value) *apd.Decimal {
	d := new(apd.Decimal)
	switch v.Type {
	case bson.TypeDouble:
		return decimalOfDouble(doubleOf(v), 15)
	case bson.TypeDecimal128:
		stored := bson.NewDecimal128(binary.LittleEndian.Uint64(v.Value[8:]), binary.LittleEndian.Uint64(v.Value))
		coefficient, exponent, err := stored.BigInt()
		if err != nil {
			d.Form = apd.NaN
			if inf := stored.IsInf(); inf != 0 {
				d.Form, d.Negative = apd.Infinite, inf < 0
			}
			return d
		}
		d.Negative = coefficient.Sign() < 0
		d.Coeff.SetMathBigInt(coefficient.Abs(coefficient))
		d.Exponent = int32(exponent)
		return d
	}
	return d.SetInt64(integerOf(v))
}

func decimalOfDouble(f float64, digits int) *apd.Decimal {
	d := new(apd.Decimal)
	switch {
	case math.IsNaN(f):
		d.Form = apd.NaN
	case math.IsInf(f, 0):
		d.Form, d.Negative = apd.Infinite, f < 0
	case f != 0:
		// What strconv writes is always a decimal.
		_, _, _ = d.SetString(strconv.FormatFloat(f, 'e', digits-1, 64))
	}
	return d
}

// decimal returns d, of at most 34 digits, as a value.
func (env *Env) decimal(d *apd.Decimal) value {
	var stored bson.Decimal128
	switch d.Form {
	case apd.Finite:
		coefficient := d.Coeff.MathBigInt()
		if d.Negative {
			coefficient.Neg(coefficient)
		}
		var ok bool
		if stored, ok = bson.ParseDecimal128FromBigInt(coefficient, int(d.Exponent)); !ok && d.Exponent > 0 {
			stored = decimalInfinity(d.Negative)
		}
	case apd.Infinite:
		stored = decimalInfinity(d.Negative)
	default:
		stored = bson.NewDecimal128(0x7c<<56, 0)
	}
	high, low := stored.GetBytes()
	b := env.small(16)
	binary.LittleEndian.PutUint64(b, low)
	binary.LittleEndian.PutUint64(b[8:], high)
	return value{Type: bson.TypeDecimal128, Value: b}
}

func decimalInfinity(negative bool) bson.Decimal128 {
	if negative {
		return bson.NewDecimal128(0xf8<<56, 0)
	}
	return bson.NewDecimal128(0x78<<56, 0)
}

// floatOf returns a number as a double.
func floatOf(v value) float64 {
	switch v.Type {
	case bson.TypeDouble:
		return doubleOf(v)
	case bson.TypeDecimal128:
		d := decimalOf(v)
		switch {
		case d.Form == apd.Infinite && d.Negative:
			return math.Inf(-1)
		case d.Form == apd.Infinite:
			return math.Inf(1)
		case d.Form != apd.Finite:
			return math.NaN()
		}
		f, _ := strconv.ParseFloat(d.String(), 64) // infinite when it is out of range
		return f
	}
	return float64(integerOf(v))
}

// isNaN tells whether a number is none.
func isNaN(v value) bool {
	switch v.Type {
	case bson.TypeDouble:
		return math.IsNaN(doubleOf(v))
	case bson.TypeDecimal128:
		return decimalOf(v).Form == apd.NaN
	}
	return false
}
