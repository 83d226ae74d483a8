package expression

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Trigonometry is done in doubles: of a decimal the result is one too, but with
// 15 digits that are certain.
var trigonometricFunctions = map[string]function{
	"$sin":              {1, 1, trigonometric("$sin", math.Sin, finite)},
	"$cos":              {1, 1, trigonometric("$cos", math.Cos, finite)},
	"$tan":              {1, 1, trigonometric("$tan", math.Tan, finite)},
	"$asin":             {1, 1, trigonometric("$asin", math.Asin, between(-1, 1))},
	"$acos":             {1, 1, trigonometric("$acos", math.Acos, between(-1, 1))},
	"$atan":             {1, 1, trigonometric("$atan", math.Atan, all)},
	"$sinh":             {1, 1, trigonometric("$sinh", math.Sinh, all)},
	"$cosh":             {1, 1, trigonometric("$cosh", math.Cosh, all)},
	"$tanh":             {1, 1, trigonometric("$tanh", math.Tanh, all)},
	"$asinh":            {1, 1, trigonometric("$asinh", math.Asinh, all)},
	"$acosh":            {1, 1, trigonometric("$acosh", math.Acosh, between(1, math.Inf(1)))},
	"$atanh":            {1, 1, trigonometric("$atanh", math.Atanh, between(-1, 1))},
	"$degreesToRadians": {1, 1, trigonometric("$degreesToRadians", func(d float64) float64 { return d * (math.Pi / 180) }, all)},
	"$radiansToDegrees": {1, 1, trigonometric("$radiansToDegrees", func(d float64) float64 { return d * (180 / math.Pi) }, all)},
	"$atan2":            {2, 2, arcTangent},
}

func all(float64) bool      { return true }
func finite(d float64) bool { return !math.IsInf(d, 0) }

func between(least, most float64) func(float64) bool {
	return func(d float64) bool { return d >= least && d <= most }
}

// trigonometric makes an evaluator of a function that is defined where within
// says; NaN stays what it is.
func trigonometric(name string, do func(float64) float64, within func(float64) bool) evaluator {
	return numeric(name, func(env *Env, v value) (value, error) {
		d := floatOf(v)
		if !math.IsNaN(d) && !within(d) {
			return missing, store.BadRequest(50989, "cannot apply %s to %s, value is out of its range", name, shown(v))
		}
		return env.real(do(d), v), nil
	})
}

// real returns a double, or a decimal if one of the operands is one.
func (env *Env) real(d float64, operands ...value) value {
	for _, v := range operands {
		if v.Type == bson.TypeDecimal128 {
			return env.decimal(decimalOfDouble(d, 15))
		}
	}
	return env.double(d)
}

func arcTangent(env *Env, args []value) (value, error) {
	y, x := args[0], args[1]
	switch {
	case nullish(y) || nullish(x):
		return null, nil
	case !isNumber(y):
		return missing, store.BadRequest(51044, "$atan2 only supports numeric types, not %s", typeName(y))
	case !isNumber(x):
		return missing, store.BadRequest(51045, "$atan2 only supports numeric types, not %s", typeName(x))
	}
	return env.real(math.Atan2(floatOf(y), floatOf(x)), y, x), nil
}
