package expression

import (
	"iter"
	"math"
	"slices"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// accumulations are the accumulators that are expressions too, over the elements
// of one array or over all the operands. They pass over what is no number.
var accumulations = map[string]function{
	"$sum":        {0, many, sum},
	"$avg":        {0, many, average},
	"$stdDevPop":  {0, many, deviation(0)},
	"$stdDevSamp": {0, many, deviation(1)},
}

// operands are the elements of a sole operand that is an array, else the
// operands themselves.
func operands(args []value) iter.Seq[value] {
	if len(args) != 1 || args[0].Type != bson.TypeArray {
		return slices.Values(args)
	}
	return func(yield func(value) bool) {
		for e := match.Elements(args[0].Value); ; {
			_, v, ok := e.Next()
			if !ok || !yield(v) {
				return
			}
		}
	}
}

// summation adds numbers as $sum does: in the widest of their types, doubles
// without losing what is too small for the sum so far. The zero one is 0.
type summation struct {
	exact  number  // the sum of ints and longs, or of all once there is a decimal
	double float64 // the sum of doubles
	rest   float64 // what double has lost
	float  bool    // a double was added
	count  int64
}

// add adds v if it is a number.
func (s *summation) add(v value) {
	if !isNumber(v) {
		return
	}
	s.count++
	if s.exact.kind == 0 {
		s.exact.kind = bson.TypeInt32
	}
	if v.Type != bson.TypeDouble {
		if n := addition.apply(s.exact, numberOf(v)); n.kind != bson.TypeDouble {
			s.exact = n
			return
		}
		// The longs overflow.
		s.addDouble(float64(s.exact.integer))
		s.exact.integer = integerOf(v)
		s.float = true
		return
	}
	s.float = true
	s.addDouble(doubleOf(v))
}

// addDouble is Neumaier's summation.
func (s *summation) addDouble(d float64) {
	t := s.double + d
	switch {
	case math.IsInf(t, 0) || math.IsNaN(t):
		s.rest = 0
	case math.Abs(s.double) >= math.Abs(d):
		s.rest += (s.double - t) + d
	default:
		s.rest += (d - t) + s.double
	}
	s.double = t
}

func (s *summation) number() number {
	switch {
	case s.exact.kind == 0:
		return number{kind: bson.TypeInt32}
	case s.exact.kind == bson.TypeDecimal128 && s.float:
		return addition.apply(s.exact, number{kind: bson.TypeDouble, double: s.double + s.rest})
	case s.float:
		total := *s
		total.addDouble(float64(s.exact.integer))
		return number{kind: bson.TypeDouble, double: total.double + total.rest}
	}
	return s.exact
}

// average returns the sum divided by the count, a double or a decimal, or null
// if there were no numbers.
func (s *summation) average(env *Env) value {
	if s.count == 0 {
		return null
	}
	total := s.number()
	if total.kind == bson.TypeDecimal128 {
		return env.decimal(quotient(total.decimal, new(apd.Decimal).SetInt64(s.count)))
	}
	return env.double(total.asDouble() / float64(s.count))
}

func sum(env *Env, args []value) (value, error) {
	var s summation
	for v := range operands(args) {
		s.add(v)
	}
	return env.number(s.number()), nil
}

func average(env *Env, args []value) (value, error) {
	var s summation
	for v := range operands(args) {
		s.add(v)
	}
	return s.average(env), nil
}

// deviation makes $stdDevPop, or $stdDevSamp when one degree of freedom less.
func deviation(less int64) evaluator {
	return func(env *Env, args []value) (value, error) {
		var d spread
		for v := range operands(args) {
			d.add(v)
		}
		return d.value(env, less), nil
	}
}

// spread is the standard deviation of numbers, by Welford's method.
type spread struct {
	count         int64
	mean, squares float64
}

// add adds v if it is a number.
func (d *spread) add(v value) {
	if !isNumber(v) {
		return
	}
	f := floatOf(v)
	d.count++
	delta := f - d.mean
	d.mean += delta / float64(d.count)
	d.squares += delta * (f - d.mean)
}

// value returns the deviation with some degrees of freedom less than numbers,
// null if there are not more of them.
func (d *spread) value(env *Env, less int64) value {
	if d.count <= less {
		return null
	}
	return env.double(math.Sqrt(d.squares / float64(d.count-less)))
}

// percentileOperators are $median and $percentile.
var percentileOperators = map[string]named{
	"$median": {7436201, 40415, []operand{{"input", 40414}, {"method", 40414}}, func(env *Env, args []value) (value, error) {
		found, err := percentiles(args[0], args[1], []float64{0.5})
		if err != nil || found == nil {
			return null, err
		}
		return env.double(found[0]), nil
	}},
	"$percentile": {7436200, 40415, []operand{{"input", 40414}, {"p", 40414}, {"method", 40414}}, percentile},
}

// percentiles returns the numbers of input at the percentiles, nil if there are
// none.
func percentiles(input, method value, p []float64) ([]float64, error) {
	if method.Type != bson.TypeString || string(textOf(method)) != "approximate" {
		return nil, store.BadRequest(codeBadValue, "Currently only 'approximate' can be used as percentile 'method'.")
	}
	var numbers []float64
	for v := range operands([]value{input}) {
		if isNumber(v) && !isNaN(v) {
			numbers = append(numbers, floatOf(v))
		}
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	slices.Sort(numbers)
	found := make([]float64, len(p))
	for i, q := range p {
		rank := int(math.Ceil(q*float64(len(numbers)))) - 1
		found[i] = numbers[min(max(rank, 0), len(numbers)-1)]
	}
	return found, nil
}

func percentile(env *Env, args []value) (value, error) {
	if args[1].Type != bson.TypeArray {
		return missing, store.BadRequest(7750300, "The $percentile 'p' field must be an array of numbers from [0.0, 1.0]")
	}
	var p []float64
	for v := range operands(args[1:2]) {
		if !isNumber(v) || !(floatOf(v) >= 0 && floatOf(v) <= 1) {
			return missing, store.BadRequest(7750301, "The $percentile 'p' field must be an array of numbers from [0.0, 1.0], found: %s", shown(v))
		}
		p = append(p, floatOf(v))
	}
	found, err := percentiles(args[0], args[2], p)
	if err != nil {
		return missing, err
	}
	b := env.array()
	for i := range p {
		v := null
		if found != nil {
			v = env.double(found[i])
		}
		if err := b.add(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}
