package expression

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

var logicFunctions = map[string]function{
	"$not": {1, 1, func(_ *Env, args []value) (value, error) { return boolean(!match.Truthy(args[0])), nil }},
}

// junction is $and, or $or when any is set.
type junction struct {
	nodes []node
	any   bool
}

func (c compiler) junction(name string, v value) (node, error) {
	nodes, err := c.list(v)
	if err != nil {
		return nil, err
	}
	return folded(&junction{nodes: nodes, any: name == "$or"}, nodes...), nil
}

func (j *junction) eval(env *Env) (value, error) {
	for _, n := range j.nodes {
		v, err := n.eval(env)
		if err != nil {
			return missing, err
		}
		if match.Truthy(v) == j.any {
			return boolean(j.any), nil
		}
	}
	return boolean(!j.any), nil
}

// conditional is $cond.
type conditional struct{ condition, then, otherwise node }

func (c compiler) cond(name string, v value) (node, error) {
	var args []node
	var err error
	if v.Type == bson.TypeEmbeddedDocument {
		args, err = c.operands(name, named{unknown: 17083, operands: []operand{
			{"if", 17080}, {"then", 17081}, {"else", 17082},
		}}, v)
	} else if args, err = c.list(v); err == nil {
		err = checkArity(name, 3, 3, len(args))
	}
	if err != nil {
		return nil, err
	}
	if known, ok := args[0].(constant); ok {
		if match.Truthy(known.v) {
			return args[1], nil
		}
		return args[2], nil
	}
	return &conditional{args[0], args[1], args[2]}, nil
}

func (c *conditional) eval(env *Env) (value, error) {
	v, err := c.condition.eval(env)
	if err != nil {
		return missing, err
	}
	if match.Truthy(v) {
		return c.then.eval(env)
	}
	return c.otherwise.eval(env)
}

// firstOf is $ifNull.
type firstOf []node

func (c compiler) ifNull(name string, v value) (node, error) {
	nodes, err := c.list(v)
	if err != nil {
		return nil, err
	}
	if len(nodes) < 2 {
		return nil, store.BadRequest(1257300, "$ifNull needs at least two arguments, had: %d", len(nodes))
	}
	return folded(firstOf(nodes), nodes...), nil
}

func (f firstOf) eval(env *Env) (value, error) {
	last := len(f) - 1
	for _, n := range f[:last] {
		if v, err := n.eval(env); err != nil || !nullish(v) {
			return v, err
		}
	}
	return f[last].eval(env)
}

// choice is $switch.
type choice struct {
	branches  []branch
	otherwise node // nil when there is no default
}

type branch struct{ condition, then node }

func (c compiler) choice(name string, v value) (node, error) {
	raw, err := named{notDocument: 40060, unknown: 40067, operands: []operand{{"branches", 40068}, {"default", 0}}}.read(name, v)
	if err != nil {
		return nil, err
	}
	if raw[0].Type != bson.TypeArray {
		return nil, store.BadRequest(40061, "$switch expected an array for 'branches', found: %s", typeName(raw[0]))
	}
	n := &choice{}
	for e := match.Elements(raw[0].Value); ; {
		_, item, ok := e.Next()
		if !ok {
			break
		}
		args, err := c.operands(name, named{notDocument: 40062, unknown: 40063, operands: []operand{{"case", 40064}, {"then", 40065}}}, item)
		if err != nil {
			return nil, err
		}
		n.branches = append(n.branches, branch{args[0], args[1]})
	}
	if len(n.branches) == 0 {
		return nil, store.BadRequest(40068, "$switch requires at least one branch.")
	}
	if !absent(raw[1]) {
		if n.otherwise, err = c.compile(raw[1]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (c *choice) eval(env *Env) (value, error) {
	for _, b := range c.branches {
		v, err := b.condition.eval(env)
		if err != nil {
			return missing, err
		}
		if match.Truthy(v) {
			return b.then.eval(env)
		}
	}
	if c.otherwise == nil {
		return missing, store.BadRequest(40066, "$switch could not find a matching branch for an input, and no default was specified.")
	}
	return c.otherwise.eval(env)
}
