package expression

import (
	"iter"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// accumulations are the accumulators that are expressions too, over the elements
// of one array or over all the operands. They pass over what is no number.
var accumulations = map[string]function{
	"$sum":        {0, many, sum},
	"$avg":        {0, many, average},
	"$stdDevPop":  {0, many, deviation(false)},
	"$stdDevSamp": {0, many, deviation(true)},
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

func sum(env *Env, args []value) (value, error) {
	var s Summation
	for v := range operands(args) {
		s.Add(v)
	}
	return env.number(s.number()), nil
}

func average(env *Env, args []value) (value, error) {
	var s Summation
	for v := range operands(args) {
		s.Add(v)
	}
	mean, ok := s.mean()
	if !ok {
		return null, nil
	}
	return env.number(mean), nil
}

// deviation makes $stdDevPop, or $stdDevSamp if the numbers are a sample.
func deviation(sample bool) evaluator {
	return func(env *Env, args []value) (value, error) {
		var d Deviation
		for v := range operands(args) {
			d.Add(v)
		}
		return d.Value(sample), nil
	}
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
