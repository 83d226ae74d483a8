package expression

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// comparison is $cmp and its like: MongoDB's order over all values, without the
// type bracketing of filters. What is missing comes before null.
type comparison struct {
	collation match.Collation
	decide    func(order int) value
	a, b      node
}

func comparisonOf(name string) func(order int) value {
	switch name {
	case "$eq":
		return func(order int) value { return boolean(order == 0) }
	case "$ne":
		return func(order int) value { return boolean(order != 0) }
	case "$gt":
		return func(order int) value { return boolean(order > 0) }
	case "$gte":
		return func(order int) value { return boolean(order >= 0) }
	case "$lt":
		return func(order int) value { return boolean(order < 0) }
	case "$lte":
		return func(order int) value { return boolean(order <= 0) }
	case "$cmp":
		return func(order int) value { return signs[order+1] }
	}
	return nil
}

// signs are what $cmp answers.
var signs = [3]value{
	{Type: bson.TypeInt32, Value: []byte{0xff, 0xff, 0xff, 0xff}},
	{Type: bson.TypeInt32, Value: []byte{0, 0, 0, 0}},
	{Type: bson.TypeInt32, Value: []byte{1, 0, 0, 0}},
}

func (c compiler) comparison(name string, v value) (node, error) {
	args, err := c.list(v)
	if err != nil {
		return nil, err
	}
	if err := checkArity(name, 2, 2, len(args)); err != nil {
		return nil, err
	}
	n := &comparison{collation: c.options.Collation, decide: comparisonOf(name), a: args[0], b: args[1]}
	return folded(n, args...), nil
}

func (n *comparison) eval(env *Env) (value, error) {
	a, err := n.a.eval(env)
	if err != nil {
		return missing, err
	}
	b, err := n.b.eval(env)
	if err != nil {
		return missing, err
	}
	return n.decide(compare(n.collation, a, b)), nil
}

// compare orders two values, each of which may be missing, as -1, 0 or 1.
func compare(c match.Collation, a, b value) int {
	if a.Type == 0 || b.Type == 0 {
		return order(rankOfMissing(a), rankOfMissing(b))
	}
	return order(c.Compare(a, b), 0)
}

// rankOfMissing puts what is missing behind MinKey, before all else.
func rankOfMissing(v value) int {
	switch v.Type {
	case 0:
		return 1
	case bson.TypeMinKey:
		return 0
	}
	return 2
}

func order(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
