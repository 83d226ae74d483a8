package match

import (
	"cmp"
	"math"
	"math/big"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// compareNumbers compares two numbers of any types by their exact values. NaN
// equals itself and comes before all others; the zeros are one.
func compareNumbers(a, b value) int {
	if a.kind == bson.TypeDecimal128 || b.kind == bson.TypeDecimal128 {
		return compareDecimals(a, b)
	}
	if a.kind == bson.TypeDouble {
		if b.kind == bson.TypeDouble {
			return cmp.Compare(a.double(), b.double())
		}
		return -compareIntDouble(b.integer(), a.double())
	}
	if b.kind == bson.TypeDouble {
		return compareIntDouble(a.integer(), b.double())
	}
	return cmp.Compare(a.integer(), b.integer())
}

// integer returns the value of an int32 or int64.
func (v value) integer() int64 {
	if v.kind == bson.TypeInt32 {
		return int64(v.int32())
	}
	return v.int64()
}

func (v value) isNaN() bool {
	switch v.kind {
	case bson.TypeDouble:
		return math.IsNaN(v.double())
	case bson.TypeDecimal128:
		return v.decimal().IsNaN()
	}
	return false
}

func compareIntDouble(i int64, d float64) int {
	switch {
	case math.IsNaN(d):
		return 1
	case d >= 1<<63:
		return -1
	case d < -1<<63:
		return 1
	}
	whole := math.Trunc(d)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(whole, d)
}

// number is a number as a decimal or binary fraction, for the comparisons that
// machine arithmetic can't do.
type number struct {
	inf int // ±1 for the infinities
	rat *big.Rat
}

// exact returns v, which is not NaN, exactly.
func exact(v value) number {
	switch v.kind {
	case bson.TypeInt32, bson.TypeInt64:
		return number{rat: new(big.Rat).SetInt64(v.integer())}
	case bson.TypeDouble:
		d := v.double()
		if math.IsInf(d, 0) {
			return number{inf: sign(d)}
		}
		return number{rat: new(big.Rat).SetFloat64(d)}
	}
	d := v.decimal()
	if inf := d.IsInf(); inf != 0 {
		return number{inf: inf}
	}
	digits, exponent, err := d.BigInt()
	if err != nil {
		return number{rat: new(big.Rat)}
	}
	r := new(big.Rat).SetInt(digits)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exponent, -exponent))), nil)
	if exponent < 0 {
		return number{rat: r.Quo(r, new(big.Rat).SetInt(scale))}
	}
	return number{rat: r.Mul(r, new(big.Rat).SetInt(scale))}
}

func sign(d float64) int {
	if d < 0 {
		return -1
	}
	return 1
}

func (n number) compare(m number) int {
	if n.inf != 0 || m.inf != 0 {
		return cmp.Compare(n.inf, m.inf)
	}
	return n.rat.Cmp(m.rat)
}

// floor returns the greatest double that is not above n, and whether it is n.
func (n number) floor() (d float64, same bool) {
	if n.inf != 0 {
		return math.Inf(n.inf), true
	}
	d, same = n.rat.Float64()
	if same {
		return d, true
	}
	if math.IsInf(d, 1) {
		return math.MaxFloat64, false
	}
	if !math.IsInf(d, -1) && new(big.Rat).SetFloat64(d).Cmp(n.rat) > 0 {
		d = math.Nextafter(d, math.Inf(-1))
	}
	return d, false
}

func compareDecimals(a, b value) int {
	if a.isNaN() || b.isNaN() {
		return cmp.Compare(boolRank(!a.isNaN()), boolRank(!b.isNaN()))
	}
	return exact(a).compare(exact(b))
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}
