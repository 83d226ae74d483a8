package expression

import (
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// arrayFunctions are the operators on arrays that know no order of values.
var arrayFunctions = map[string]function{
	"$arrayElemAt":  {2, 2, elementAt},
	"$first":        {1, 1, nth(0, "$first's argument must be an array, but is %s")},
	"$last":         {1, 1, nth(-1, "$last's argument must be an array, but is %s")},
	"$concatArrays": {0, many, concatArrays},
	"$isArray":      {1, 1, func(_ *Env, args []value) (value, error) { return boolean(args[0].Type == bson.TypeArray), nil }},
	"$range":        {2, 3, rangeOf},
	"$reverseArray": {1, 1, reverseArray},
	"$size":         {1, 1, sizeOf},
	"$slice":        {2, 3, slice},
}

func sizeOf(env *Env, args []value) (value, error) {
	if args[0].Type != bson.TypeArray {
		return missing, store.BadRequest(17124, "The argument to $size must be an array, but was of type: %s", typeName(args[0]))
	}
	return env.int32(int32(length(args[0]))), nil
}

func elementAt(_ *Env, args []value) (value, error) {
	array, index := args[0], args[1]
	switch {
	case nullish(array) || nullish(index):
		return null, nil
	case array.Type != bson.TypeArray:
		return missing, store.BadRequest(28689, "$arrayElemAt's first argument must be an array, but is %s", typeName(array))
	case !isNumber(index):
		return missing, store.BadRequest(28690, "$arrayElemAt's second argument must be a numeric value, but is %s", typeName(index))
	}
	i, ok := int32Of(index)
	if !ok {
		return missing, store.BadRequest(28691, "$arrayElemAt's second argument must be representable as a 32-bit integer: %s", shown(index))
	}
	return element(array, int(i)), nil
}

// element returns an array's element, counted from the end if i is negative,
// missing if there is none.
func element(array value, i int) value {
	if i < 0 {
		if i += length(array); i < 0 {
			return missing
		}
	}
	for e := match.Elements(array.Value); ; i-- {
		_, v, ok := e.Next()
		if !ok || i == 0 {
			return v
		}
	}
}

func nth(i int, notArray string) evaluator {
	return func(_ *Env, args []value) (value, error) {
		if ok, err := arrayOrNull(args[0], 28689, notArray); !ok {
			return null, err
		}
		return element(args[0], i), nil
	}
}

func concatArrays(env *Env, args []value) (value, error) {
	return joined(env, args, 28664, "$concatArrays only supports arrays, not %s")
}

func rangeOf(env *Env, args []value) (value, error) {
	bounds := [3]int64{2: 1}
	for i, v := range args {
		what := [3]string{"$range's starting value", "$range's ending value", "$range's step value"}[i]
		n, err := int32Argument(v, 34443+2*int32(i), what)
		if err != nil {
			return missing, err
		}
		bounds[i] = int64(n)
	}
	start, end, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		return missing, store.BadRequest(34449, "$range requires a non-zero step value")
	}
	b := env.array()
	for n := start; step > 0 && n < end || step < 0 && n > end; n += step {
		if err := b.add(env.int32(int32(n))); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

func reverseArray(env *Env, args []value) (value, error) {
	v := args[0]
	if ok, err := arrayOrNull(v, 34435, "The argument to $reverseArray must be an array, but was of type: %s"); !ok {
		return null, err
	}
	list := items(v)
	slices.Reverse(list)
	return env.list(list)
}

// slice is {$slice: [array, n]} or {$slice: [array, position, n]}.
func slice(env *Env, args []value) (value, error) {
	array := args[0]
	if slices.ContainsFunc(args, nullish) {
		return null, nil
	}
	if array.Type != bson.TypeArray {
		return missing, store.BadRequest(28724, "First argument to $slice must be an array, but is of type: %s", typeName(array))
	}
	var numbers [2]int
	for i, v := range args[1:] {
		what := [2]string{"Second argument to $slice", "Third argument to $slice"}[i]
		n, err := int32Argument(v, 28725+2*int32(i), what)
		if err != nil {
			return missing, err
		}
		numbers[i] = int(n)
	}
	size := length(array)
	start, end := 0, size
	switch n := numbers[0]; {
	case len(args) == 3 && numbers[1] <= 0:
		return missing, store.BadRequest(28729, "Third argument to $slice must be positive: %s", shown(args[2]))
	case len(args) == 3:
		if start = n; n < 0 {
			start = max(size+n, 0)
		}
		end = min(start+numbers[1], size)
	case n < 0:
		start = max(size+n, 0)
	default:
		end = min(n, size)
	}
	b := env.array()
	e := match.Elements(array.Value)
	for i := 0; i < end; i++ {
		_, v, ok := e.Next()
		if !ok {
			break
		}
		if i < start {
			continue
		}
		if err := b.add(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// arrayOperators are those with named operands.
var arrayOperators = map[string]named{
	"$firstN": {5787801, 5787901, operandsOfN, func(env *Env, args []value) (value, error) {
		return takeN(env, "$firstN", args, func(list []value, n int) []value { return list[:n] })
	}},
	"$lastN": {5787801, 5787901, operandsOfN, func(env *Env, args []value) (value, error) {
		return takeN(env, "$lastN", args, func(list []value, n int) []value { return list[len(list)-n:] })
	}},
}

var operandsOfN = []operand{{"n", 5787906}, {"input", 5787907}}

// takeN takes n of the values of args[1], as many as args[0] says.
func takeN(env *Env, name string, args []value, take func(list []value, n int) []value) (value, error) {
	n, err := countOf(args[0])
	if err != nil {
		return missing, err
	}
	if args[1].Type != bson.TypeArray {
		return missing, store.BadRequest(5788200, "%s requires an input array, found: %s", name, typeName(args[1]))
	}
	list := items(args[1])
	return env.list(take(list, int(min(n, int64(len(list))))))
}

// countOf returns the n of $firstN and its like.
func countOf(v value) (int64, error) {
	if !isNumber(v) {
		return 0, store.BadRequest(5787902, "Value for 'n' must be of integral type, but found %s", shown(v))
	}
	n, ok := match.Whole(v)
	switch {
	case !ok:
		return 0, store.BadRequest(5787903, "Value for 'n' must be of integral type, but found %s", shown(v))
	case n <= 0:
		return 0, store.BadRequest(5787908, "'n' must be greater than 0, found %d", n)
	}
	return n, nil
}

// zip is $zip: arrays of the first elements, of the second ones, and so on.
type zip struct {
	inputs   []node
	defaults []node
	longest  bool
}

func (c compiler) zip(name string, v value) (node, error) {
	raw, err := named{notDocument: 34460, unknown: 34464, operands: []operand{
		{"inputs", 34465}, {"useLongestLength", 0}, {"defaults", 0},
	}}.read(name, v)
	if err != nil {
		return nil, err
	}
	inputs, longest, defaults := raw[0], raw[1], raw[2]
	n := &zip{}
	if inputs.Type != bson.TypeArray {
		return nil, store.BadRequest(34461, "inputs must be an array of expressions, found %s", typeName(inputs))
	}
	if n.inputs, err = c.all(inputs); err != nil {
		return nil, err
	}
	if len(n.inputs) == 0 {
		return nil, store.BadRequest(34465, "$zip requires at least one input array")
	}
	if !absent(longest) {
		if longest.Type != bson.TypeBoolean {
			return nil, store.BadRequest(34463, "useLongestLength must be a bool, found %s", typeName(longest))
		}
		n.longest = longest.Boolean()
	}
	if absent(defaults) {
		return n, nil
	}
	if defaults.Type != bson.TypeArray {
		return nil, store.BadRequest(34462, "defaults must be an array of expressions, found %s", typeName(defaults))
	}
	if n.defaults, err = c.all(defaults); err != nil {
		return nil, err
	}
	switch {
	case !n.longest:
		return nil, store.BadRequest(34466, "cannot specify 'defaults' unless 'useLongestLength' is true.")
	case len(n.defaults) != len(n.inputs):
		return nil, store.BadRequest(34467, "defaults and inputs must have the same length")
	}
	return n, nil
}

func (n *zip) eval(env *Env) (value, error) {
	columns := make([][]value, len(n.inputs))
	rows, held := math.MaxInt, 0
	if n.longest {
		rows = 0
	}
	for i, input := range n.inputs {
		v, err := input.eval(env)
		switch {
		case err != nil:
			return missing, err
		case nullish(v):
			return null, nil
		case v.Type != bson.TypeArray:
			return missing, store.BadRequest(34468, "$zip found a non-array expression in input: %s", shown(v))
		}
		held += len(v.Value)
		if err := env.hold(len(v.Value)); err != nil {
			return missing, err
		}
		columns[i] = items(v)
		if n.longest {
			rows = max(rows, len(columns[i]))
		} else {
			rows = min(rows, len(columns[i]))
		}
	}
	defaults := make([]value, len(n.inputs))
	for i, d := range n.defaults {
		var err error
		if defaults[i], err = d.eval(env); err != nil {
			return missing, err
		}
	}
	b := env.array()
	for i := range rows {
		row := env.array()
		for j, column := range columns {
			v := defaults[j]
			if i < len(column) {
				v = column[i]
			}
			if err := row.add(v); err != nil {
				return missing, err
			}
		}
		if err := b.add(row.done()); err != nil {
			return missing, err
		}
	}
	env.live -= held
	return b.done(), nil
}
