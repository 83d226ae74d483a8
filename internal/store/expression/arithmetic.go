package expression

import (
	"math"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

var arithmeticFunctions = map[string]function{
	"$add":      {0, many, add},
	"$subtract": {2, 2, subtract},
	"$multiply": {0, many, multiply},
	"$divide":   {2, 2, divide},
	"$mod":      {2, 2, modulo},
	"$pow":      {2, 2, power},
	"$log":      {2, 2, logarithm},
	"$round":    {1, 2, rounding("$round", math.RoundToEven, apd.RoundHalfEven)},
	"$trunc":    {1, 2, rounding("$trunc", math.Trunc, apd.RoundDown)},
	"$abs":      {1, 1, numeric("$abs", absolute)},
	"$ceil":     {1, 1, numeric("$ceil", integral(math.Ceil, apd.RoundCeiling))},
	"$floor":    {1, 1, numeric("$floor", integral(math.Floor, apd.RoundFloor))},
	"$sqrt":     {1, 1, numeric("$sqrt", squareRoot)},
	"$exp":      {1, 1, numeric("$exp", exponential)},
	"$ln":       {1, 1, numeric("$ln", naturalLogarithm)},
	"$log10":    {1, 1, numeric("$log10", commonLogarithm)},
	"$bitAnd":   {0, many, bitwise("$bitAnd", -1, func(a, b int64) int64 { return a & b })},
	"$bitOr":    {0, many, bitwise("$bitOr", 0, func(a, b int64) int64 { return a | b })},
	"$bitXor":   {0, many, bitwise("$bitXor", 0, func(a, b int64) int64 { return a ^ b })},
	"$bitNot":   {1, 1, bitNot},
}

func add(env *Env, args []value) (value, error) {
	sum := number{kind: bson.TypeInt32}
	date := false
	for _, v := range args {
		switch {
		case nullish(v):
			return null, nil
		case isNumber(v):
			sum = addition.apply(sum, numberOf(v))
		case v.Type == bson.TypeDateTime:
			if date {
				return missing, store.BadRequest(16612, "only one date allowed in an $add expression")
			}
			date = true
			sum = addition.apply(sum, number{kind: bson.TypeInt64, integer: int64Of(v)})
		default:
			return missing, store.BadRequest(16554, "$add only supports numeric or date types, not %s", typeName(v))
		}
	}
	if date {
		return env.date(sum)
	}
	return env.number(sum), nil
}

// date returns a number of milliseconds, rounded, as a date.
func (env *Env) date(n number) (value, error) {
	switch n.kind {
	case bson.TypeDecimal128:
		whole := new(apd.Decimal)
		_, _ = decimals.RoundToIntegralValue(whole, n.decimal) // nothing is trapped
		millis, err := whole.Int64()
		if err != nil {
			return missing, errDateOverflow
		}
		return env.millis(millis), nil
	case bson.TypeDouble:
		d := math.Round(n.double)
		if !(d >= -1<<63 && d < 1<<63) {
			return missing, errDateOverflow
		}
		return env.millis(int64(d)), nil
	}
	return env.millis(n.integer), nil
}

var errDateOverflow = store.BadRequest(codeOverflow, "date overflow")

func subtract(env *Env, args []value) (value, error) {
	a, b := args[0], args[1]
	switch {
	case nullish(a) || nullish(b):
		return null, nil
	case isNumber(a) && isNumber(b):
		return env.number(subtraction.apply(numberOf(a), numberOf(b))), nil
	case a.Type == bson.TypeDateTime && b.Type == bson.TypeDateTime:
		n, overflow := subtraction.integers(int64Of(a), int64Of(b))
		if overflow {
			return missing, errDateOverflow
		}
		return env.int64(n), nil
	case a.Type == bson.TypeDateTime && isNumber(b):
		return env.date(subtraction.apply(number{kind: bson.TypeInt64, integer: int64Of(a)}, numberOf(b)))
	}
	return missing, store.BadRequest(16556, "can't $subtract %s from %s", typeName(b), typeName(a))
}

func multiply(env *Env, args []value) (value, error) {
	product := number{kind: bson.TypeInt32, integer: 1}
	for _, v := range args {
		switch {
		case nullish(v):
			return null, nil
		case !isNumber(v):
			return missing, store.BadRequest(16555, "$multiply only supports numeric types, not %s", typeName(v))
		}
		product = multiplication.apply(product, numberOf(v))
	}
	return env.number(product), nil
}

// pair tells what there is to say of the operands of $divide or $mod before
// anything is computed: done when the result is known or an error.
func pair(name string, code int32, args []value) (done bool, err error) {
	a, b := args[0], args[1]
	switch {
	case isNumber(a) && isNumber(b):
		return false, nil
	case nullish(a) || nullish(b):
		return true, nil
	}
	return true, store.BadRequest(code, "%s only supports numeric types, not %s and %s", name, typeName(a), typeName(b))
}

func divide(env *Env, args []value) (value, error) {
	if done, err := pair("$divide", 16609, args); done {
		return null, err
	}
	a, b := numberOf(args[0]), numberOf(args[1])
	if a.kind == bson.TypeDecimal128 || b.kind == bson.TypeDecimal128 {
		divisor := b.asDecimal()
		if divisor.IsZero() {
			return missing, errDivideByZero
		}
		return env.decimal(quotient(a.asDecimal(), divisor)), nil
	}
	divisor := b.asDouble()
	if divisor == 0 {
		return missing, errDivideByZero
	}
	return env.double(a.asDouble() / divisor), nil
}

var (
	errDivideByZero = store.BadRequest(16608, "can't $divide by zero")
	errModuloByZero = store.BadRequest(16610, "can't $mod by zero")
)

func modulo(env *Env, args []value) (value, error) {
	if done, err := pair("$mod", 16611, args); done {
		return null, err
	}
	a, b := numberOf(args[0]), numberOf(args[1])
	switch {
	case a.kind == bson.TypeDecimal128 || b.kind == bson.TypeDecimal128:
		divisor := b.asDecimal()
		if divisor.IsZero() {
			return missing, errModuloByZero
		}
		return env.decimal(decimalRemainder(a.asDecimal(), divisor)), nil
	case b.asDouble() == 0:
		return missing, errModuloByZero
	case a.kind == bson.TypeDouble, b.kind == bson.TypeDouble && b.double != float64(int32(b.double)):
		return env.double(math.Mod(a.asDouble(), b.asDouble())), nil
	case b.kind == bson.TypeDouble:
		b = number{kind: bson.TypeInt32, integer: int64(b.double)}
	}
	n := int64(0)
	if b.integer != -1 {
		n = a.integer % b.integer
	}
	if a.kind == bson.TypeInt64 || b.kind == bson.TypeInt64 {
		return env.int64(n), nil
	}
	return env.int32(int32(n)), nil
}

// decimalRemainder has a bound on the digits of the quotient, which Decimal128's
// range does not need more than.
func decimalRemainder(a, b *apd.Decimal) *apd.Decimal {
	c := decimals
	c.Precision = 2 * 6144
	d := new(apd.Decimal)
	_, _ = c.Rem(d, a, b) // nothing is trapped
	_, _ = decimals.Round(d, d)
	return d
}

// numeric makes an evaluator of what a function of one number does.
func numeric(name string, do func(env *Env, v value) (value, error)) evaluator {
	return func(env *Env, args []value) (value, error) {
		v := args[0]
		switch {
		case nullish(v):
			return null, nil
		case !isNumber(v):
			return missing, store.BadRequest(28765, "%s only supports numeric types, not %s", name, typeName(v))
		}
		return do(env, v)
	}
}

func absolute(env *Env, v value) (value, error) {
	n := numberOf(v)
	switch n.kind {
	case bson.TypeDouble:
		return env.double(math.Abs(n.double)), nil
	case bson.TypeDecimal128:
		return env.decimal(n.decimal.Abs(n.decimal)), nil
	}
	switch {
	case n.integer == math.MinInt64:
		return missing, store.BadRequest(28680, "can't take $abs of long long min")
	case n.kind == bson.TypeInt32:
		return env.integer(max(n.integer, -n.integer)), nil
	}
	return env.int64(max(n.integer, -n.integer)), nil
}

// integral makes $ceil or $floor.
func integral(double func(float64) float64, mode apd.Rounder) func(env *Env, v value) (value, error) {
	return func(env *Env, v value) (value, error) {
		switch v.Type {
		case bson.TypeDouble:
			return env.double(double(doubleOf(v))), nil
		case bson.TypeDecimal128:
			return env.decimal(quantized(decimalOf(v), 0, mode)), nil
		}
		return v, nil
	}
}

// quantized returns d rounded to a number of decimal places.
func quantized(d *apd.Decimal, places int32, mode apd.Rounder) *apd.Decimal {
	if d.Form != apd.Finite || d.Exponent >= -places {
		return d
	}
	c := decimals
	c.Rounding = mode
	// A finite decimal cut to fewer digits always has a result.
	rounded := new(apd.Decimal)
	_, _ = c.Quantize(rounded, d, -places)
	return rounded
}

// rounding makes $round or $trunc.
func rounding(name string, whole func(float64) float64, mode apd.Rounder) evaluator {
	return func(env *Env, args []value) (value, error) {
		v, places := args[0], int32(0)
		if len(args) == 2 {
			switch p, ok := int32Of(args[1]); {
			case nullish(v) || nullish(args[1]):
				return null, nil
			case !ok:
				return missing, store.BadRequest(51082, "precision argument to %s must be a integral value", name)
			case p < -20 || p > 100:
				return missing, store.BadRequest(51083, "cannot apply %s with precision value %d value must be in [-20, 100]", name, p)
			default:
				places = p
			}
		}
		switch {
		case nullish(v):
			return null, nil
		case !isNumber(v):
			return missing, store.BadRequest(51081, "%s only supports numeric types, not %s", name, typeName(v))
		}
		n := numberOf(v)
		switch {
		case n.kind == bson.TypeDecimal128:
			return env.decimal(quantized(n.decimal, places, mode)), nil
		case n.kind == bson.TypeDouble && places == 0:
			return env.double(whole(n.double)), nil
		case n.kind == bson.TypeDouble:
			// A double has more digits than the 15 that are certain of it: where it
			// lies between two candidates is decided on all of them.
			rounded := quantized(decimalOfDouble(n.double, 34), places, mode)
			return env.double(floatOf(env.decimal(rounded))), nil
		case places >= 0:
			return v, nil
		}
		rounded, err := quantized(new(apd.Decimal).SetInt64(n.integer), places, mode).Int64()
		switch {
		case err != nil:
			return missing, store.BadRequest(51080, "invalid conversion from Decimal128 result in %s resulting from arguments: [%s, %d]", name, shown(v), places)
		case n.kind == bson.TypeInt32:
			return env.integer(rounded), nil
		}
		return env.int64(rounded), nil
	}
}

// bitwise makes $bitAnd, $bitOr or $bitXor; of nothing it is initial.
func bitwise(name string, initial int64, do func(a, b int64) int64) evaluator {
	return func(env *Env, args []value) (value, error) {
		n, long := initial, false
		for _, v := range args {
			switch {
			case nullish(v):
				return null, nil
			case !isInteger(v):
				return missing, store.BadRequest(codeTypeMismatch, "%s only supports int and long operands.", name)
			}
			n = do(n, integerOf(v))
			long = long || v.Type == bson.TypeInt64
		}
		if long {
			return env.int64(n), nil
		}
		return env.int32(int32(n)), nil
	}
}

func bitNot(env *Env, args []value) (value, error) {
	v := args[0]
	switch {
	case nullish(v):
		return null, nil
	case v.Type == bson.TypeInt32:
		return env.int32(^int32(integerOf(v))), nil
	case v.Type == bson.TypeInt64:
		return env.int64(^integerOf(v)), nil
	}
	return missing, store.BadRequest(28765, "$bitNot only supports int and long, not: %s.", typeName(v))
}
