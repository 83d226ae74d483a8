package query

import (
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// DecodeWhere decodes the where of a query. A nil or empty object gives nil.
// Everything that is not exactly a constraint, a logical operator or a value is
// refused with the code that parse-server answers, and every limit is held to
// before the decoder goes any deeper; one walk, linear in the size of o.
//
// Names that start with an underscore pass: the engine knows who may use which.
func DecodeWhere(o *parse.Object, lim Limits) (*Where, error) {
	d := decoder{limits: lim}
	return d.where(o, 0, 0)
}

// decoder carries what is counted over a whole query, subqueries included.
type decoder struct {
	limits Limits
	nodes  int
}

// count adds n constraints to those of the query.
func (d *decoder) count(n int) error {
	d.nodes += n
	return d.limits.checkWhereNodes(d.nodes)
}

// where decodes a conjunction. depth is the number of logical operators around
// it, subqueries passed through included; subdepth that of subqueries.
func (d *decoder) where(o *parse.Object, depth, subdepth int) (*Where, error) {
	if o == nil || len(o.Members) == 0 {
		return nil, nil
	}
	nodes := make([]Node, 0, len(o.Members))
	for _, m := range o.Members {
		n, err := d.node(m.Key, m.Value, depth, subdepth)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return &Where{Nodes: nodes}, nil
}

// conjunction returns the object that v is as a set of conditions, nil for none.
// Clients in PHP write a set of none as an empty array.
func conjunction(v parse.Value) (o *parse.Object, ok bool) {
	switch v := v.(type) {
	case *parse.Object:
		return v, true
	case parse.Array:
		return nil, len(v) == 0
	}
	return nil, false
}

func (d *decoder) node(key string, v parse.Value, depth, subdepth int) (Node, error) {
	switch key {
	case string(Or), string(And), string(Nor):
		return d.logical(LogicalOp(key), v, depth, subdepth)
	case "$relatedTo":
		return d.relatedTo(v)
	case "ACL":
		return nil, parse.NewError(parse.InvalidQuery, "Cannot query on ACL.")
	}
	if !ValidPath(key) {
		return nil, parse.NewError(parse.InvalidKeyName, "Invalid key name: "+key)
	}
	return d.field(key, v, depth, subdepth)
}

// logical decodes $or, $and and $nor, whose value must be an array and nothing
// that merely looks like one (CVE-2026-34595).
func (d *decoder) logical(op LogicalOp, v parse.Value, depth, subdepth int) (Node, error) {
	if err := d.count(1); err != nil {
		return nil, err
	}
	if err := d.limits.checkQueryDepth(depth + 1); err != nil {
		return nil, err
	}
	values, ok := v.(parse.Array)
	switch {
	case !ok && op != Nor:
		return nil, parse.Errorf(parse.InvalidQuery, "Bad %s format - use an array value.", op)
	case len(values) == 0:
		return nil, parse.Errorf(parse.InvalidQuery, "Bad %s format - use an array of at least 1 value.", op)
	}
	clauses := make([]*Where, len(values))
	for i, v := range values {
		o, ok := conjunction(v)
		if !ok {
			return nil, parse.Errorf(parse.InvalidQuery, "Bad %s format - each clause must be an object.", op)
		}
		w, err := d.where(o, depth+1, subdepth)
		if err != nil {
			return nil, err
		}
		clauses[i] = w
	}
	return &Logical{Op: op, Clauses: clauses}, nil
}

func (d *decoder) relatedTo(v parse.Value) (Node, error) {
	if err := d.count(1); err != nil {
		return nil, err
	}
	o, _ := v.(*parse.Object)
	object, _ := o.Get("object")
	key, _ := o.Get("key")
	pointer, okObject := object.(parse.Pointer)
	name, okKey := key.(parse.String)
	if !okObject || !okKey || !ValidPath(string(name)) {
		return nil, improperUsage("$relatedTo")
	}
	return &RelatedTo{Object: pointer, Key: string(name)}, nil
}

// equality is a Field of one Equal, by far the most frequent node, in one
// allocation.
type equality struct {
	field      Field
	constraint [1]Constraint
	equal      Equal
}

func newEquality(path string, v parse.Value) *Field {
	e := &equality{equal: Equal{Value: v}}
	e.constraint[0] = &e.equal
	e.field = Field{Path: path, Constraints: e.constraint[:]}
	return &e.field
}

// field decodes what a path is to satisfy. An object with a key that starts
// with a dollar sign is a set of constraints, to which its other keys, if any,
// add equality with the object that they make up; every other value asks for
// equality.
func (d *decoder) field(path string, v parse.Value, depth, subdepth int) (Node, error) {
	o, ok := v.(*parse.Object)
	operators := 0
	if ok {
		operators = countOperators(o)
	}
	if operators == 0 {
		if err := d.count(1); err != nil {
			return nil, err
		}
		if err := checkOperand(v); err != nil {
			return nil, err
		}
		return newEquality(path, v), nil
	}
	if err := d.count(operators); err != nil {
		return nil, err
	}
	f := &Field{Path: path, Constraints: make([]Constraint, 0, len(o.Members))}
	if operators < len(o.Members) {
		equal, err := plainPart(o)
		if err != nil {
			return nil, err
		}
		f.Constraints = append(f.Constraints, &Equal{Value: equal})
	}
	for _, m := range o.Members {
		if !isOperator(m.Key) {
			continue
		}
		c, err := d.constraint(o, m.Key, m.Value, depth, subdepth)
		if err != nil {
			return nil, err
		}
		if c != nil {
			f.Constraints = append(f.Constraints, c)
		}
	}
	return f, nil
}

func isOperator(key string) bool { return strings.HasPrefix(key, "$") }

func countOperators(o *parse.Object) int {
	n := 0
	for i := range o.Members {
		if isOperator(o.Members[i].Key) {
			n++
		}
	}
	return n
}

// plainPart returns what o is without its operators: a typed value, such as a
// pointer, when that is what remains.
func plainPart(o *parse.Object) (parse.Value, error) {
	plain := &parse.Object{}
	for _, m := range o.Members {
		if !isOperator(m.Key) {
			plain.Members = append(plain.Members, m)
		}
	}
	v, err := parse.DecodeValue(parse.AppendJSON(nil, plain), parse.Limits{})
	if err != nil {
		return nil, err
	}
	return v, checkOperand(v)
}

// constraint decodes one operator of the set o. It returns nil for one that
// only goes with another ($options, $maxDistance).
func (d *decoder) constraint(o *parse.Object, op string, v parse.Value, depth, subdepth int) (Constraint, error) {
	switch op {
	case "$eq", "$ne", "$lt", "$lte", "$gt", "$gte":
		return comparison(op, v)
	case "$in", "$nin":
		return d.in(op, v)
	case "$all":
		return d.all(v)
	case "$containedBy":
		values, ok := v.(parse.Array)
		if !ok {
			return nil, parse.NewError(parse.InvalidJSON, "bad $containedBy: should be an array")
		}
		return &ContainedBy{Values: values}, d.operands(op, values)
	case "$exists":
		return exists(v)
	case "$regex":
		return d.regex(o, v)
	case "$options":
		return nil, requires(o, op, "$regex")
	case "$inQuery", "$notInQuery":
		return d.inQuery(op, v, depth, subdepth)
	case "$select", "$dontSelect":
		return d.selection(op, v, depth, subdepth)
	case "$text":
		return text(v)
	case "$nearSphere":
		return nearSphere(o, v)
	case "$maxDistance", "$maxDistanceInRadians", "$maxDistanceInMiles", "$maxDistanceInKilometers":
		return nil, requires(o, op, "$nearSphere")
	case "$within":
		return within(v)
	case "$geoWithin":
		return geoWithin(v)
	case "$geoIntersects":
		return geoIntersects(v)
	}
	return nil, parse.NewError(parse.InvalidJSON, "bad constraint: "+op)
}

// requires is an error unless the set o has the operator that op goes with.
func requires(o *parse.Object, op, with string) error {
	if _, ok := o.Get(with); ok {
		return nil
	}
	return parse.Errorf(parse.InvalidQuery, "%s needs a %s", op, with)
}

func comparison(op string, v parse.Value) (Constraint, error) {
	if o, ok := v.(*parse.Object); ok {
		if t, ok := o.Get("$relativeTime"); ok {
			return relativeTime(op, o, t)
		}
	}
	if err := checkOperand(v); err != nil {
		return nil, err
	}
	if op == "$eq" {
		return &Equal{Value: v}, nil
	}
	return &Compare{Op: op, Value: v}, nil
}

// in decodes $in and $nin. An array among the values stands for its elements.
func (d *decoder) in(op string, v parse.Value) (Constraint, error) {
	values, ok := v.(parse.Array)
	if !ok {
		return nil, parse.NewError(parse.InvalidJSON, "bad "+op+" value")
	}
	values = flatten(values)
	return &In{Negate: op == "$nin", Values: values}, d.operands(op, values)
}

func flatten(values parse.Array) parse.Array {
	total, nested := 0, false
	for _, v := range values {
		if a, ok := v.(parse.Array); ok {
			total += len(a)
			nested = true
			continue
		}
		total++
	}
	if !nested {
		return values
	}
	flat := make(parse.Array, 0, total)
	for _, v := range values {
		if a, ok := v.(parse.Array); ok {
			flat = append(flat, a...)
			continue
		}
		flat = append(flat, v)
	}
	return flat
}

func (d *decoder) operands(op string, values parse.Array) error {
	if err := d.limits.checkInValues(op, len(values)); err != nil {
		return err
	}
	for _, v := range values {
		if err := checkOperand(v); err != nil {
			return err
		}
	}
	return nil
}

// all decodes $all, over values or over {"$regex": "^\\Qtext\\E"}, as the SDKs
// send containsAllStartingWith; not over a mix of both.
func (d *decoder) all(v parse.Value) (Constraint, error) {
	values, ok := v.(parse.Array)
	if !ok {
		return nil, parse.NewError(parse.InvalidJSON, "bad $all value")
	}
	if err := d.limits.checkInValues("$all", len(values)); err != nil {
		return nil, err
	}
	var prefixes []string
	for _, v := range values {
		o, ok := v.(*parse.Object)
		if !ok {
			continue
		}
		pattern, ok := o.Get("$regex")
		if !ok {
			continue
		}
		s, ok := pattern.(parse.String)
		if !ok || len(o.Members) != 1 {
			return nil, badAtom(o)
		}
		if err := d.checkPattern(string(s)); err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(s), `^\Q`) && strings.HasSuffix(string(s), `\E`) {
			prefixes = append(prefixes, string(s))
		}
	}
	if len(prefixes) > 0 && len(prefixes) == len(values) {
		return &All{Prefixes: prefixes}, nil
	}
	for _, v := range values {
		if o, ok := v.(*parse.Object); ok && countOperators(o) > 0 {
			return nil, parse.NewError(parse.InvalidJSON, "All $all values must be of regex type or none")
		}
		if err := checkOperand(v); err != nil {
			return nil, err
		}
	}
	return &All{Values: values}, nil
}

func exists(v parse.Value) (Constraint, error) {
	switch v := v.(type) {
	case parse.Bool:
		return &Exists{Value: bool(v)}, nil
	case parse.Number: // some clients send 0 and 1
		return &Exists{Value: v != 0}, nil
	}
	return nil, parse.NewError(parse.InvalidJSON, "bad $exists value")
}

func (d *decoder) regex(o *parse.Object, v parse.Value) (Constraint, error) {
	pattern, ok := v.(parse.String)
	if !ok {
		return nil, parse.NewError(parse.InvalidQuery, "$regex value must be a string")
	}
	if err := d.checkPattern(string(pattern)); err != nil {
		return nil, err
	}
	r := &Regex{Pattern: string(pattern)}
	if v, ok := o.Get("$options"); ok {
		options, ok := v.(parse.String)
		if !ok {
			return nil, parse.NewError(parse.InvalidQuery, "$options value must be a string")
		}
		if options == "" || strings.Trim(string(options), "imxsu") != "" {
			return nil, parse.NewError(parse.InvalidQuery, "Bad $options value for query: "+string(options))
		}
		r.Options = string(options)
	}
	return r, nil
}

// checkPattern holds a pattern to the limits. Whether it compiles is for the
// store to say: stores differ in what they can.
func (d *decoder) checkPattern(pattern string) error {
	if err := d.limits.checkRegex(pattern); err != nil {
		return err
	}
	if strings.IndexByte(pattern, 0) >= 0 {
		return parse.NewError(parse.InvalidQuery, "$regex value must not contain a null character")
	}
	return nil
}
