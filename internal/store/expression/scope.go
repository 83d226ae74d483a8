package expression

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// let is $let.
type let struct {
	slots  []int
	values []node
	in     node
}

func (c compiler) let(name string, v value) (node, error) {
	raw, err := named{notDocument: 16874, unknown: 16875, operands: []operand{{"vars", 16876}, {"in", 16877}}}.read(name, v)
	if err != nil {
		return nil, err
	}
	if raw[0].Type != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(10065, "invalid parameter: expected an object (vars)")
	}
	n := &let{}
	inner := c
	for e := match.Elements(raw[0].Value); ; {
		key, item, ok := e.Next()
		if !ok {
			break
		}
		if err := checkVariable(string(key)); err != nil {
			return nil, err
		}
		// The values do not see the variables, but must not use their slots.
		value, err := c.beside(inner).compile(item)
		if err != nil {
			return nil, err
		}
		var slot int
		inner, slot = inner.with(string(key))
		n.slots, n.values = append(n.slots, slot), append(n.values, value)
	}
	if n.in, err = inner.compile(raw[1]); err != nil {
		return nil, err
	}
	if _, ok := n.in.(constant); ok {
		return n.in, nil
	}
	return n, nil
}

// beside returns c with the slots of another compiler's variables taken, which
// it can't see.
func (c compiler) beside(other compiler) compiler {
	for range len(other.variables) - len(c.variables) {
		c, _ = c.with("")
	}
	return c
}

func (l *let) eval(env *Env) (value, error) {
	held := 0
	for i, n := range l.values {
		v, err := n.eval(env)
		if err != nil {
			return missing, err
		}
		held += len(v.Value)
		if err := env.hold(len(v.Value)); err != nil {
			return missing, err
		}
		env.slots[l.slots[i]] = v
	}
	v, err := l.in.eval(env)
	env.live -= held
	return v, err
}

// each is $map, or $filter when keep is set.
type each struct {
	input node
	slot  int
	in    node
	keep  bool
	limit node // of $filter; nil for none
}

func (c compiler) each(name string, v value) (node, error) {
	signature := named{notDocument: 16878, unknown: 16879, operands: []operand{{"input", 16880}, {"as", 0}, {"in", 16882}}}
	keep := name == "$filter"
	if keep {
		signature = named{notDocument: 28646, unknown: 28647, operands: []operand{{"input", 28648}, {"as", 0}, {"cond", 28650}, {"limit", 0}}}
	}
	raw, err := signature.read(name, v)
	if err != nil {
		return nil, err
	}
	variable := "this"
	if as := raw[1]; !absent(as) {
		if as.Type != bson.TypeString {
			return nil, store.BadRequest(codeFailedToParse, "%s requires 'as' to be a string, found: %s", name, typeName(as))
		}
		variable = string(textOf(as))
		if err := checkVariable(variable); err != nil {
			return nil, err
		}
	}
	n := &each{keep: keep}
	if n.input, err = c.compile(raw[0]); err != nil {
		return nil, err
	}
	inner, slot := c.with(variable)
	n.slot = slot
	if n.in, err = inner.compile(raw[2]); err != nil {
		return nil, err
	}
	if keep && !absent(raw[3]) {
		if n.limit, err = c.compile(raw[3]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (n *each) eval(env *Env) (value, error) {
	input, err := n.input.eval(env)
	if err != nil {
		return missing, err
	}
	code, notArray := int32(16883), "input to $map must be an array not %s"
	if n.keep {
		code, notArray = 28651, "input to $filter must be an array not %s"
	}
	if ok, err := arrayOrNull(input, code, notArray); !ok {
		return null, err
	}
	limit, err := n.most(env)
	if err != nil {
		return missing, err
	}
	b := env.array()
	for e := match.Elements(input.Value); b.count < limit; {
		_, item, ok := e.Next()
		if !ok {
			break
		}
		env.slots[n.slot] = item
		v, err := n.in.eval(env)
		if err != nil {
			return missing, err
		}
		if n.keep {
			if err := env.step(); err != nil {
				return missing, err
			}
			if !match.Truthy(v) {
				continue
			}
			v = item
		}
		if err := b.add(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// most returns how many elements $filter keeps at most.
func (n *each) most(env *Env) (int, error) {
	if n.limit == nil {
		return math.MaxInt, nil
	}
	v, err := n.limit.eval(env)
	if err != nil || nullish(v) {
		return math.MaxInt, err
	}
	limit, ok := int32Of(v)
	switch {
	case !ok:
		return 0, store.BadRequest(327391, "$filter: limit must be represented as a 32-bit integral value: %s", shown(v))
	case limit <= 0:
		return 0, store.BadRequest(327392, "$filter: limit must be greater than 0: %d", limit)
	}
	return int(limit), nil
}

// reduction is $reduce.
type reduction struct {
	input, initial, in node
	this, value        int // slots
}

func (c compiler) reduce(name string, v value) (node, error) {
	raw, err := named{notDocument: 40075, unknown: 40076, operands: []operand{
		{"input", 40077}, {"initialValue", 40078}, {"in", 40079},
	}}.read(name, v)
	if err != nil {
		return nil, err
	}
	n := &reduction{}
	if n.input, err = c.compile(raw[0]); err != nil {
		return nil, err
	}
	if n.initial, err = c.compile(raw[1]); err != nil {
		return nil, err
	}
	inner, this := c.with("this")
	inner, value := inner.with("value")
	n.this, n.value = this, value
	if n.in, err = inner.compile(raw[2]); err != nil {
		return nil, err
	}
	return n, nil
}

// depthChecks is how many steps of $reduce may pass between two looks at how
// deep its value has become.
const depthChecks = 64

func (n *reduction) eval(env *Env) (value, error) {
	input, err := n.input.eval(env)
	if err != nil {
		return missing, err
	}
	if ok, err := arrayOrNull(input, 40080, "$reduce requires that 'input' be an array, found: %s"); !ok {
		return null, err
	}
	v, err := n.initial.eval(env)
	if err != nil {
		return missing, err
	}
	e := match.Elements(input.Value)
	for i := 1; ; i++ {
		_, item, ok := e.Next()
		if !ok {
			return v, checkNesting(v)
		}
		if i%depthChecks == 0 {
			if err := checkNesting(v); err != nil {
				return missing, err
			}
		}
		env.slots[n.this], env.slots[n.value] = item, v
		if v, err = n.in.eval(env); err != nil {
			return missing, err
		}
		if err := env.step(); err != nil {
			return missing, err
		}
	}
}

// checkNesting refuses a value that is nested deeper than a document may be.
func checkNesting(v value) error {
	if nestedWithin(v, maxDepth) {
		return nil
	}
	return store.BadRequest(codeOverflow, "an expression's value is nested deeper than %d levels", maxDepth)
}

func nestedWithin(v value, depth int) bool {
	if v.Type != bson.TypeArray && v.Type != bson.TypeEmbeddedDocument {
		return true
	}
	if depth == 0 {
		return false
	}
	for e := match.Elements(v.Value); ; {
		_, item, ok := e.Next()
		if !ok {
			return true
		}
		if !nestedWithin(item, depth-1) {
			return false
		}
	}
}
