package expression

import (
	"cmp"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// A set is an array of which neither order nor repetition counts. What operators
// make of sets is in order.

// setOf returns the members of an array in order, each once.
func setOf(c match.Collation, array value) []value {
	list := items(array)
	slices.SortStableFunc(list, func(a, b value) int { return compare(c, a, b) })
	return slices.CompactFunc(list, func(a, b value) bool { return compare(c, a, b) == 0 })
}

func setContains(c match.Collation, set []value, v value) bool {
	_, found := slices.BinarySearchFunc(set, v, func(a, b value) int { return compare(c, a, b) })
	return found
}

func setEquals(c match.Collation) evaluator {
	return func(_ *Env, args []value) (value, error) {
		var first []value
		for i, v := range args {
			if v.Type != bson.TypeArray {
				return missing, store.BadRequest(17044, "All operands of $setEquals must be arrays. One argument is of type: %s", typeName(v))
			}
			set := setOf(c, v)
			if i == 0 {
				first = set
			} else if !slices.EqualFunc(first, set, func(a, b value) bool { return compare(c, a, b) == 0 }) {
				return no, nil
			}
		}
		return yes, nil
	}
}

func setIntersection(c match.Collation) evaluator {
	return func(env *Env, args []value) (value, error) {
		var common []value
		for i, v := range args {
			if ok, err := arrayOrNull(v, 17047, "All operands of $setIntersection must be arrays. One argument is of type: %s"); !ok {
				return null, err
			}
			set := setOf(c, v)
			if i == 0 {
				common = set
				continue
			}
			common = slices.DeleteFunc(common, func(v value) bool { return !setContains(c, set, v) })
		}
		return env.list(common)
	}
}

func setUnion(c match.Collation) evaluator {
	return func(env *Env, args []value) (value, error) {
		all, err := joined(env, args, 17043, "All operands of $setUnion must be arrays. One argument is of type: %s")
		if err != nil || all.Type != bson.TypeArray {
			return all, err
		}
		return env.list(setOf(c, all))
	}
}

// setDifference keeps the order of the first array.
func setDifference(c match.Collation) evaluator {
	return func(env *Env, args []value) (value, error) {
		for i, v := range args {
			switch {
			case nullish(args[0]) || nullish(args[1]):
				return null, nil
			case v.Type != bson.TypeArray:
				return missing, store.BadRequest(17048+int32(i), "both operands of $setDifference must be arrays. One argument is of type: %s", typeName(v))
			}
		}
		without := setOf(c, args[1])
		type place struct {
			at int
			v  value
		}
		var kept []place
		for i, v := range items(args[0]) {
			if !setContains(c, without, v) {
				kept = append(kept, place{i, v})
			}
		}
		slices.SortStableFunc(kept, func(a, b place) int { return compare(c, a.v, b.v) })
		kept = slices.CompactFunc(kept, func(a, b place) bool { return compare(c, a.v, b.v) == 0 })
		slices.SortFunc(kept, func(a, b place) int { return cmp.Compare(a.at, b.at) })
		list := make([]value, len(kept))
		for i, k := range kept {
			list[i] = k.v
		}
		return env.list(list)
	}
}

func setIsSubset(c match.Collation) evaluator {
	return func(_ *Env, args []value) (value, error) {
		for i, v := range args {
			if v.Type != bson.TypeArray {
				return missing, store.BadRequest([2]int32{17046, 17042}[i], "both operands of $setIsSubset must be arrays. Argument %d is of type: %s", i+1, typeName(v))
			}
		}
		all := setOf(c, args[1])
		for _, v := range items(args[0]) {
			if !setContains(c, all, v) {
				return no, nil
			}
		}
		return yes, nil
	}
}

// setFunctions are the operators on sets that compare nothing.
var setFunctions = map[string]function{
	"$anyElementTrue":  {1, 1, quantifier("$anyElementTrue", 17041, true)},
	"$allElementsTrue": {1, 1, quantifier("$allElementsTrue", 17040, false)},
}

// quantifier answers found as soon as an element means that.
func quantifier(name string, code int32, found bool) evaluator {
	return func(_ *Env, args []value) (value, error) {
		if args[0].Type != bson.TypeArray {
			return missing, store.BadRequest(code, "%s's argument must be an array, but is %s", name, typeName(args[0]))
		}
		for e := match.Elements(args[0].Value); ; {
			_, v, ok := e.Next()
			if !ok {
				return boolean(!found), nil
			}
			if match.Truthy(v) == found {
				return boolean(found), nil
			}
		}
	}
}
