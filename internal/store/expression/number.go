package expression

import (
	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// number is a number at work: integer, double or decimal holds it, as its type
// says.
type number struct {
	kind    bson.Type
	integer int64
	double  float64
	decimal *apd.Decimal
}

func numberOf(v value) number {
	switch v.Type {
	case bson.TypeDouble:
		return number{kind: v.Type, double: doubleOf(v)}
	case bson.TypeDecimal128:
		return number{kind: v.Type, decimal: decimalOf(v)}
	}
	return number{kind: v.Type, integer: integerOf(v)}
}

func (env *Env) number(n number) value {
	switch n.kind {
	case bson.TypeInt32:
		return env.int32(int32(n.integer))
	case bson.TypeInt64:
		return env.int64(n.integer)
	case bson.TypeDouble:
		return env.double(n.double)
	}
	return env.decimal(n.decimal)
}

func (n number) asDouble() float64 {
	if n.kind == bson.TypeDouble {
		return n.double
	}
	return float64(n.integer)
}

func (n number) asDecimal() *apd.Decimal {
	switch n.kind {
	case bson.TypeDecimal128:
		return n.decimal
	case bson.TypeDouble:
		return decimalOfDouble(n.double, 15)
	}
	return new(apd.Decimal).SetInt64(n.integer)
}

// operation is arithmetic on two numbers of any types.
type operation struct {
	integers func(a, b int64) (n int64, overflow bool)
	doubles  func(a, b float64) float64
	decimals func(d, x, y *apd.Decimal) (apd.Condition, error)
}

var (
	addition = operation{
		integers: match.AddIntegers,
		doubles:  func(a, b float64) float64 { return a + b },
		decimals: decimals.Add,
	}
	subtraction = operation{
		integers: func(a, b int64) (int64, bool) {
			n := a - b
			return n, (n < a) != (b > 0) && b != 0
		},
		doubles:  func(a, b float64) float64 { return a - b },
		decimals: decimals.Sub,
	}
	multiplication = operation{
		integers: match.MultiplyIntegers,
		doubles:  func(a, b float64) float64 { return a * b },
		decimals: decimals.Mul,
	}
)

// quotient divides decimals. One that is exact has no more zeros at its end than
// its operands ask for.
func quotient(x, y *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	condition, _ := decimals.Quo(d, x, y) // nothing is trapped
	if condition&apd.Inexact == 0 {
		trimZeros(d, x.Exponent-y.Exponent)
	}
	return d
}

// trimZeros takes zeros from the end of a decimal, down to an exponent.
func trimZeros(d *apd.Decimal, exponent int32) {
	if d.Form != apd.Finite || d.Exponent >= exponent {
		return
	}
	d.Reduce(d)
	if d.Exponent > exponent {
		_, _ = decimals.Quantize(d, d, exponent) // there was room for the zeros
	}
}

// apply returns the result in the wider of the two types. An int that overflows
// becomes a long, a long a double.
func (o *operation) apply(a, b number) number {
	switch {
	case a.kind == bson.TypeDecimal128 || b.kind == bson.TypeDecimal128:
		d := new(apd.Decimal)
		_, _ = o.decimals(d, a.asDecimal(), b.asDecimal()) // nothing is trapped
		return number{kind: bson.TypeDecimal128, decimal: d}
	case a.kind == bson.TypeDouble || b.kind == bson.TypeDouble:
		return number{kind: bson.TypeDouble, double: o.doubles(a.asDouble(), b.asDouble())}
	}
	n, overflow := o.integers(a.integer, b.integer)
	switch {
	case overflow:
		return number{kind: bson.TypeDouble, double: o.doubles(float64(a.integer), float64(b.integer))}
	case a.kind == bson.TypeInt32 && b.kind == bson.TypeInt32 && n == int64(int32(n)):
		return number{kind: bson.TypeInt32, integer: n}
	}
	return number{kind: bson.TypeInt64, integer: n}
}
