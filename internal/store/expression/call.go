package expression

import (
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// evaluator makes an operator's value of those of its operands. The operands are
// its own until it returns.
type evaluator func(env *Env, args []value) (value, error)

// function is an operator that takes a list of operands, all of which are
// evaluated.
type function struct {
	least, most int // most is many when there is no bound
	eval        evaluator
}

const many = 1 << 30

// named is an operator that takes a document of operands, all of which are
// evaluated. Its codes are MongoDB's for what is wrong with that document.
type named struct {
	notDocument, unknown int32
	operands             []operand
	eval                 evaluator
}

// operand is one that has a name. missing is the code for its absence, 0 if it
// may be absent.
type operand struct {
	name    string
	missing int32
}

// call is an operator with its operands; nil is one that was not given, which
// the evaluator sees as absent.
type call struct {
	do   evaluator
	args []node
}

func (c *call) eval(env *Env) (value, error) {
	base := len(env.stack)
	for _, n := range c.args {
		v := value{Type: typeAbsent}
		if n != nil {
			var err error
			if v, err = n.eval(env); err != nil {
				return missing, err
			}
		}
		env.stack = append(env.stack, v)
	}
	v, err := c.do(env, env.stack[base:])
	env.stack = env.stack[:base]
	return v, err
}

// operator compiles {name: v}.
func (c compiler) operator(name string, v value) (node, error) {
	if compile, ok := c.special(name); ok {
		return compile(name, v)
	}
	for _, table := range []map[string]function{
		arithmeticFunctions, trigonometricFunctions, logicFunctions, textFunctions, arrayFunctions,
		setFunctions, objectFunctions, typeFunctions, dateFunctions, accumulations,
	} {
		if f, ok := table[name]; ok {
			return c.function(name, f, v)
		}
	}
	if f, ok := collatedFunctions[name]; ok {
		return c.function(name, function{f.least, f.most, f.eval(c.options.Collation)}, v)
	}
	for _, table := range []map[string]named{
		textOperators, arrayOperators, dateOperators, dateFormats, percentileOperators,
	} {
		if f, ok := table[name]; ok {
			return c.named(name, f, v)
		}
	}
	switch name {
	case "$minN":
		return c.named(name, extremes(name, c.options.Collation, 1), v)
	case "$maxN":
		return c.named(name, extremes(name, c.options.Collation, -1), v)
	case "$function", "$accumulator", "$where":
		return nil, store.BadRequest(31264, "%s is not supported: there is no server-side JavaScript", name)
	}
	return nil, store.BadRequest(codeUnknownOperator, "Unrecognized expression '%s'", name)
}

// special returns what compiles an operator that decides which of its operands
// are evaluated, or that has a syntax of its own.
func (c compiler) special(name string) (func(name string, v value) (node, error), bool) {
	if dateParts[name] != nil {
		return c.datePart, true
	}
	switch name {
	case "$literal", "$const":
		return func(_ string, v value) (node, error) { return constant{v}, nil }, true
	case "$and", "$or":
		return c.junction, true
	case "$cond":
		return c.cond, true
	case "$ifNull":
		return c.ifNull, true
	case "$switch":
		return c.choice, true
	case "$cmp", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte":
		return c.comparison, true
	case "$let":
		return c.let, true
	case "$map", "$filter":
		return c.each, true
	case "$reduce":
		return c.reduce, true
	case "$zip":
		return c.zip, true
	case "$sortArray":
		return c.sortArray, true
	case "$getField":
		return c.getField, true
	case "$setField", "$unsetField":
		return c.setField, true
	case "$regexMatch", "$regexFind", "$regexFindAll":
		return c.regex, true
	case "$convert", "$toBool", "$toDate", "$toDecimal", "$toDouble", "$toInt", "$toLong", "$toObjectId", "$toString":
		return c.convert, true
	case "$rand":
		return c.random, true
	case "$meta":
		return c.meta, true
	}
	return nil, false
}

// function compiles a call of a function. An operand that is no array is the
// only one.
func (c compiler) function(name string, f function, v value) (node, error) {
	args, err := c.list(v)
	if err != nil {
		return nil, err
	}
	if err := checkArity(name, f.least, f.most, len(args)); err != nil {
		return nil, err
	}
	return folded(&call{do: f.eval, args: args}, args...), nil
}

// list compiles the operands of a function.
func (c compiler) list(v value) ([]node, error) {
	if v.Type == bson.TypeArray {
		return c.all(v)
	}
	n, err := c.compile(v)
	return []node{n}, err
}

func checkArity(name string, least, most, n int) error {
	switch {
	case n >= least && n <= most:
		return nil
	case least == most:
		return store.BadRequest(codeArity, "Expression %s takes exactly %d arguments. %d were passed in.", name, least, n)
	case most == many:
		return store.BadRequest(28667, "Expression %s takes at least %d arguments, but %d were passed in.", name, least, n)
	}
	return store.BadRequest(28667, "Expression %s takes at least %d arguments, and at most %d, but %d were passed in.",
		name, least, most, n)
}

// named compiles a call of an operator with named operands.
func (c compiler) named(name string, f named, v value) (node, error) {
	args, err := c.operands(name, f, v)
	if err != nil {
		return nil, err
	}
	return folded(&call{do: f.eval, args: args}, args...), nil
}

// operands compiles named operands, in the order of f.
func (c compiler) operands(name string, f named, v value) ([]node, error) {
	raw, err := f.read(name, v)
	if err != nil {
		return nil, err
	}
	args := make([]node, len(raw))
	for i, v := range raw {
		if absent(v) {
			continue
		}
		if args[i], err = c.compile(v); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// read returns what is written for each of the named operands.
func (f named) read(name string, v value) ([]value, error) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, store.BadRequest(f.notDocument, "%s requires an object as an argument, found: %s", name, typeName(v))
	}
	raw := make([]value, len(f.operands))
	for i := range raw {
		raw[i].Type = typeAbsent
	}
	for e := match.Elements(v.Value); ; {
		key, v, ok := e.Next()
		if !ok {
			break
		}
		i := f.position(string(key))
		if i < 0 {
			return nil, store.BadRequest(f.unknown, "%s found an unknown argument: %s", name, key)
		}
		raw[i] = v
	}
	for i, o := range f.operands {
		if o.missing != 0 && absent(raw[i]) {
			return nil, store.BadRequest(o.missing, "%s requires '%s' to be specified", name, o.name)
		}
	}
	return raw, nil
}

func (f named) position(name string) int {
	for i, o := range f.operands {
		if o.name == name {
			return i
		}
	}
	return -1
}
