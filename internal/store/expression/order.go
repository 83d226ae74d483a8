package expression

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// collatedFunctions are the operators that compare values, which are made for a
// collation.
var collatedFunctions = map[string]struct {
	least, most int
	eval        func(match.Collation) evaluator
}{
	"$in":              {2, 2, contains},
	"$indexOfArray":    {2, 4, indexOfArray},
	"$setEquals":       {2, many, setEquals},
	"$setIntersection": {0, many, setIntersection},
	"$setUnion":        {0, many, setUnion},
	"$setDifference":   {2, 2, setDifference},
	"$setIsSubset":     {2, 2, setIsSubset},
	"$min":             {0, many, func(c match.Collation) evaluator { return extreme(c, -1) }},
	"$max":             {0, many, func(c match.Collation) evaluator { return extreme(c, 1) }},
}

func contains(c match.Collation) evaluator {
	return func(_ *Env, args []value) (value, error) {
		if args[1].Type != bson.TypeArray {
			return missing, store.BadRequest(40081, "$in requires an array as a second argument, found: %s", typeName(args[1]))
		}
		for e := match.Elements(args[1].Value); ; {
			_, v, ok := e.Next()
			if !ok {
				return no, nil
			}
			if compare(c, v, args[0]) == 0 {
				return yes, nil
			}
		}
	}
}

// indexOfArray is $indexOfArray.
func indexOfArray(c match.Collation) evaluator {
	return func(env *Env, args []value) (value, error) {
		if ok, err := arrayOrNull(args[0], 40090, "$indexOfArray requires an array as a first argument, found: %s"); !ok {
			return null, err
		}
		b, ok, err := boundsOf("$indexOfArray", args[2:], length(args[0]))
		if err != nil {
			return missing, err
		}
		e := match.Elements(args[0].Value)
		for i := 0; ok && i < b.end; i++ {
			_, v, more := e.Next()
			if !more {
				break
			}
			if i >= b.start && compare(c, v, args[1]) == 0 {
				return env.int32(int32(i)), nil
			}
		}
		return signs[0], nil
	}
}

// extreme makes $min or $max as direction is -1 or 1.
func extreme(c match.Collation, direction int) evaluator {
	return func(_ *Env, args []value) (value, error) {
		best := null
		for v := range operands(args) {
			if !nullish(v) && (nullish(best) || compare(c, v, best)*direction > 0) {
				best = v
			}
		}
		return best, nil
	}
}

// extremes makes $minN or $maxN as direction is 1 or -1.
func extremes(name string, c match.Collation, direction int) named {
	return named{5787801, 5787901, operandsOfN, func(env *Env, args []value) (value, error) {
		return takeN(env, name, args, func(list []value, n int) []value {
			list = slices.DeleteFunc(list, nullish)
			slices.SortStableFunc(list, func(a, b value) int { return direction * compare(c, a, b) })
			return list[:min(n, len(list))]
		})
	}}
}

// sortArray is $sortArray.
type sortArray struct {
	input node
	// fields sorts by fields of the elements; nil sorts by the elements.
	fields    *match.Sorter
	collation match.Collation
	direction int
}

func (c compiler) sortArray(name string, v value) (node, error) {
	raw, err := named{notDocument: 2942500, unknown: 2942501, operands: []operand{
		{"input", 2942502}, {"sortBy", 2942503},
	}}.read(name, v)
	if err != nil {
		return nil, err
	}
	n := &sortArray{collation: c.options.Collation}
	if n.input, err = c.compile(raw[0]); err != nil {
		return nil, err
	}
	by := raw[1]
	if by.Type == bson.TypeEmbeddedDocument {
		var fields bson.D
		if err := bson.Unmarshal(by.Value, &fields); err != nil || len(fields) == 0 {
			return nil, store.BadRequest(2942506, "$sortArray requires a sort pattern of at least one field")
		}
		n.fields, err = c.options.Collation.CompileSort(fields)
		return n, err
	}
	direction, ok := match.Whole(by)
	if !ok || direction != 1 && direction != -1 {
		return nil, store.BadRequest(2942507, "Invalid sortBy: must be 1 or -1, or a document of fields")
	}
	n.direction = int(direction)
	return n, nil
}

func (n *sortArray) eval(env *Env) (value, error) {
	input, err := n.input.eval(env)
	if err != nil {
		return missing, err
	}
	if ok, err := arrayOrNull(input, 2942504, "The input argument to $sortArray must be an array, but was of type: %s"); !ok {
		return null, err
	}
	list := items(input)
	if n.fields == nil {
		slices.SortStableFunc(list, func(a, b value) int { return n.direction * compare(n.collation, a, b) })
		return env.list(list)
	}
	type keyed struct {
		key  []byte
		item value
	}
	all := make([]keyed, len(list))
	held := 0
	for i, item := range list {
		doc := bson.Raw(emptyDocument)
		if item.Type == bson.TypeEmbeddedDocument {
			doc = item.Value
		}
		key, err := n.fields.AppendKey(nil, doc, 0)
		if err != nil {
			return missing, err
		}
		held += len(key)
		if err := env.hold(len(key)); err != nil {
			return missing, err
		}
		all[i] = keyed{key, item}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	for i := range all {
		list[i] = all[i].item
	}
	env.live -= held
	return env.list(list)
}

var emptyDocument = []byte{5, 0, 0, 0, 0}
