package expression

import (
	"math"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// decimalFunction computes a function of one decimal with two more digits than
// there is room for, and rounds.
func decimalFunction(do func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error), x *apd.Decimal) *apd.Decimal {
	c := decimals
	c.Precision += 2
	d := new(apd.Decimal)
	if _, err := do(&c, d, x); err != nil {
		d.Form = apd.NaN // too far off for the series
		return d
	}
	_, _ = decimals.Round(d, d)
	return d
}

func squareRoot(env *Env, v value) (value, error) {
	if v.Type == bson.TypeDecimal128 {
		d := decimalOf(v)
		if d.Sign() < 0 {
			return missing, errNegativeRoot
		}
		root := decimalFunction((*apd.Context).Sqrt, d)
		if square := new(apd.Decimal); root.Form == apd.Finite {
			_, _ = decimals.Mul(square, root, root) // nothing is trapped
			if square.Cmp(d) == 0 {
				trimZeros(root, d.Exponent/2)
			}
		}
		return env.decimal(root), nil
	}
	d := floatOf(v)
	if d < 0 {
		return missing, errNegativeRoot
	}
	return env.double(math.Sqrt(d)), nil
}

var errNegativeRoot = store.BadRequest(28714, "$sqrt's argument must be greater than or equal to 0")

// largestExponent is beyond what a decimal's exponential can be told from zero
// or infinity with.
const largestExponent = 15000

func exponential(env *Env, v value) (value, error) {
	if v.Type != bson.TypeDecimal128 {
		return env.double(math.Exp(floatOf(v))), nil
	}
	d := decimalOf(v)
	if f := floatOf(v); d.Form == apd.Finite && math.Abs(f) > largestExponent {
		switch {
		case f > 0:
			d.Form = apd.Infinite
		default:
			d.SetInt64(0)
		}
		return env.decimal(d), nil
	}
	return env.decimal(decimalFunction((*apd.Context).Exp, d)), nil
}

func naturalLogarithm(env *Env, v value) (value, error) {
	return logarithmOf(env, v, 28766, "$ln", math.Log, (*apd.Context).Ln)
}

func commonLogarithm(env *Env, v value) (value, error) {
	return logarithmOf(env, v, 28761, "$log10", math.Log10, (*apd.Context).Log10)
}

func logarithmOf(env *Env, v value, code int32, name string, double func(float64) float64,
	decimal func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error)) (value, error) {
	if !positive(v) && !isNaN(v) {
		return missing, store.BadRequest(code, "%s's argument must be a positive number, but is %s", name, shown(v))
	}
	if v.Type == bson.TypeDecimal128 {
		return env.decimal(decimalFunction(decimal, decimalOf(v))), nil
	}
	return env.double(double(floatOf(v))), nil
}

func positive(v value) bool {
	switch v.Type {
	case bson.TypeDouble:
		return doubleOf(v) > 0
	case bson.TypeDecimal128:
		d := decimalOf(v)
		return d.Form != apd.NaN && d.Sign() > 0
	}
	return integerOf(v) > 0
}

func logarithm(env *Env, args []value) (value, error) {
	v, base := args[0], args[1]
	switch {
	case nullish(v) || nullish(base):
		return null, nil
	case !isNumber(v):
		return missing, store.BadRequest(28756, "$log's argument must be numeric, not %s", typeName(v))
	case !isNumber(base):
		return missing, store.BadRequest(28757, "$log's base must be numeric, not %s", typeName(base))
	case !positive(v) && !isNaN(v):
		return missing, store.BadRequest(28758, "$log's argument must be a positive number, but is %s", shown(v))
	case !isNaN(base) && (!positive(base) || floatOf(base) == 1):
		return missing, store.BadRequest(28759, "$log's base must be a positive number not equal to 1, but is %s", shown(base))
	}
	if v.Type == bson.TypeDecimal128 || base.Type == bson.TypeDecimal128 {
		d := decimalFunction((*apd.Context).Ln, decimalOf(v))
		_, _ = decimals.Quo(d, d, decimalFunction((*apd.Context).Ln, decimalOf(base))) // nothing is trapped
		return env.decimal(d), nil
	}
	return env.double(math.Log(floatOf(v)) / math.Log(floatOf(base))), nil
}

func power(env *Env, args []value) (value, error) {
	base, exponent := args[0], args[1]
	switch {
	case nullish(base) || nullish(exponent):
		return null, nil
	case !isNumber(base):
		return missing, store.BadRequest(28762, "$pow's base must be numeric, not %s", typeName(base))
	case !isNumber(exponent):
		return missing, store.BadRequest(28763, "$pow's exponent must be numeric, not %s", typeName(exponent))
	case floatOf(base) == 0 && floatOf(exponent) < 0:
		return missing, store.BadRequest(28764, "$pow cannot take a base of 0 and a negative exponent")
	}
	switch {
	case base.Type == bson.TypeDecimal128 || exponent.Type == bson.TypeDecimal128:
		return env.decimal(decimalPower(decimalOf(base), decimalOf(exponent))), nil
	case isInteger(base) && isInteger(exponent):
		n, ok := integerPower(integerOf(base), integerOf(exponent))
		switch {
		case !ok:
		case base.Type == bson.TypeInt32 && exponent.Type == bson.TypeInt32:
			return env.integer(n), nil
		default:
			return env.int64(n), nil
		}
	}
	return env.double(math.Pow(floatOf(base), floatOf(exponent))), nil
}

// integerPower returns base to the exponent if that is an int64.
func integerPower(base, exponent int64) (n int64, ok bool) {
	odd := exponent&1 != 0
	switch {
	case base == 1 || exponent == 0:
		return 1, true
	case base == -1 && odd:
		return -1, true
	case base == -1:
		return 1, true
	case exponent < 0:
		return 0, false
	case base == 0:
		return 0, true
	}
	n = 1
	// All other bases are out of range within 64 steps.
	for range exponent {
		var overflow bool
		if n, overflow = match.MultiplyIntegers(n, base); overflow {
			return 0, false
		}
	}
	return n, true
}

func decimalPower(base, exponent *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	if exponent.IsZero() {
		return d.SetInt64(1)
	}
	if base.Form == apd.Finite && exponent.Form == apd.Finite {
		c := decimals
		c.Precision += 2
		if _, err := c.Pow(d, base, exponent); err == nil {
			_, _ = decimals.Round(d, d)
			return d
		}
	}
	// What is not finite, or beyond the range, follows the rules of doubles.
	b, _ := base.Float64()
	e, _ := exponent.Float64()
	return decimalOfDouble(math.Pow(b, e), 15)
}
