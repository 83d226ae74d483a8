package query

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
)

// Compile turns a where into a store filter over the layout in which class is
// stored; a nil class has no fields. now is what relative times are relative
// to. A nil where gives an empty filter.
//
// What only the engine can resolve (InQuery, Select, RelatedTo, constraints on
// a relation) must be gone; finding some is an InternalServerError.
func Compile(w *Where, class *schema.Class, now time.Time) (bson.D, error) {
	c := compiler{class: class, now: now}
	return c.where(w)
}

type compiler struct {
	class *schema.Class
	now   time.Time
}

// filter is a conjunction under construction. Every key is in doc once; what
// would be there again goes into and.
type filter struct {
	doc  bson.D
	keys map[string]struct{} // of doc, when they are many
	and  bson.A
	nor  bson.A
}

// indexedKeys is the number of keys from which on they are looked up in a map.
const indexedKeys = 16

func (f *filter) add(key string, v any) {
	if f.has(key) {
		f.and = append(f.and, bson.D{{Key: key, Value: v}})
		return
	}
	f.doc = append(f.doc, bson.E{Key: key, Value: v})
	if f.keys != nil {
		f.keys[key] = struct{}{}
	}
}

func (f *filter) has(key string) bool {
	if f.keys == nil && len(f.doc) >= indexedKeys {
		f.keys = make(map[string]struct{}, 2*len(f.doc))
		for _, e := range f.doc {
			f.keys[e.Key] = struct{}{}
		}
	}
	if f.keys != nil {
		_, ok := f.keys[key]
		return ok
	}
	return hasKey(f.doc, key)
}

func hasKey(doc bson.D, key string) bool {
	for i := range doc {
		if doc[i].Key == key {
			return true
		}
	}
	return false
}

func (f *filter) finish() bson.D {
	if len(f.and) > 0 {
		f.doc = append(f.doc, bson.E{Key: string(And), Value: f.and})
	}
	if len(f.nor) > 0 {
		f.doc = append(f.doc, bson.E{Key: string(Nor), Value: f.nor})
	}
	return f.doc
}

func (c *compiler) where(w *Where) (bson.D, error) {
	if w == nil {
		return bson.D{}, nil
	}
	f := filter{doc: make(bson.D, 0, len(w.Nodes))}
	for _, n := range w.Nodes {
		if err := c.node(&f, n); err != nil {
			return nil, err
		}
	}
	return f.finish(), nil
}

func (c *compiler) node(f *filter, n Node) error {
	switch n := n.(type) {
	case *Field:
		return c.field(f, n)
	case *Logical:
		return c.logical(f, n)
	}
	return unresolved("$relatedTo")
}

func unresolved(what string) error {
	return parse.NewError(parse.InternalServerError, "Internal server error.").
		WithCause(fmt.Errorf("query: %s was not resolved before compiling", what))
}

func (c *compiler) logical(f *filter, l *Logical) error {
	clauses := make(bson.A, len(l.Clauses))
	for i, w := range l.Clauses {
		d, err := c.where(w)
		if err != nil {
			return err
		}
		clauses[i] = d
	}
	switch l.Op {
	case And:
		f.and = append(f.and, clauses...)
	case Nor:
		f.nor = append(f.nor, clauses...)
	default:
		f.add(string(l.Op), clauses)
	}
	return nil
}

func (c *compiler) field(f *filter, n *Field) error {
	col := columnOf(n.Path, c.class)
	if col.field.Kind == parse.KindRelation {
		return unresolved("a constraint on relation " + n.Path)
	}
	if len(n.Constraints) == 1 {
		if e, ok := n.Constraints[0].(*Equal); ok {
			v, err := col.value(e.Value)
			f.add(col.name, v)
			return err
		}
	}
	ops := operators{column: col, doc: make(bson.D, 0, len(n.Constraints)+1), filter: f}
	for _, constraint := range n.Constraints {
		if err := ops.constraint(constraint, c.now); err != nil {
			return err
		}
	}
	ops.flush()
	return nil
}

// operators is the document of operators for one column under construction.
// What can't be in it goes to the filter directly.
type operators struct {
	column column
	doc    bson.D
	filter *filter
}

// flush ends the document.
func (o *operators) flush() {
	if len(o.doc) > 0 {
		o.filter.add(o.column.name, o.doc)
		o.doc = nil
	}
}

// add adds an operator, in a document of its own when it is there already.
func (o *operators) add(op string, v any) {
	if hasKey(o.doc, op) {
		o.flush()
	}
	o.doc = append(o.doc, bson.E{Key: op, Value: v})
}

func (o *operators) addValue(op string, v parse.Value) error {
	b, err := o.column.value(v)
	o.add(op, b)
	return err
}

func (o *operators) constraint(constraint Constraint, now time.Time) error {
	switch c := constraint.(type) {
	case *Equal:
		return o.addValue("$eq", c.Value)
	case *Compare:
		return o.addValue(c.Op, c.Value)
	case *RelativeTime:
		if o.column.field.Kind != parse.KindInvalid && o.column.field.Kind != parse.KindDate {
			return parse.NewError(parse.InvalidJSON, "$relativeTime can only be used with Date field")
		}
		return o.addValue(c.Op, c.At(now))
	case *In:
		op := "$in"
		if c.Negate {
			op = "$nin"
		}
		values, err := o.column.values(c.Values)
		o.add(op, values)
		return err
	case *All:
		return o.all(c)
	case *ContainedBy:
		values, err := o.column.values(c.Values)
		o.filter.nor = append(o.filter.nor, bson.D{{Key: o.column.name, Value: bson.D{
			{Key: "$elemMatch", Value: bson.D{{Key: "$nin", Value: values}}},
		}}})
		return err
	case *Exists:
		o.add("$exists", c.Value)
	case *Regex:
		o.add("$regex", c.Pattern)
		if c.Options != "" {
			o.doc = append(o.doc, bson.E{Key: "$options", Value: c.Options})
		}
	case *Text:
		o.filter.add("$text", textSearch(c))
	case *NearSphere:
		o.add("$nearSphere", position(c.Point))
		if c.MaxDistance >= 0 {
			o.doc = append(o.doc, bson.E{Key: "$maxDistance", Value: c.MaxDistance})
		}
	case *WithinBox:
		o.add("$geoWithin", bson.D{{Key: "$box", Value: bson.A{position(c.SouthWest), position(c.NorthEast)}}})
	case *WithinPolygon:
		points := make(bson.A, len(c.Points))
		for i, p := range c.Points {
			points[i] = position(p)
		}
		o.add("$geoWithin", bson.D{{Key: "$polygon", Value: points}})
	case *WithinSphere:
		o.add("$geoWithin", bson.D{{Key: "$centerSphere", Value: bson.A{position(c.Center), c.Radius}}})
	case *IntersectsPoint:
		o.add("$geoIntersects", bson.D{{Key: "$geometry", Value: bson.D{
			{Key: "type", Value: "Point"},
			{Key: "coordinates", Value: position(c.Point)},
		}}})
	default:
		return unresolved(fmt.Sprintf("%T on %s", constraint, o.column.name))
	}
	return nil
}

func (o *operators) all(c *All) error {
	if len(c.Prefixes) > 0 {
		patterns := make(bson.A, len(c.Prefixes))
		for i, p := range c.Prefixes {
			patterns[i] = bson.Regex{Pattern: p}
		}
		o.add("$all", patterns)
		return nil
	}
	col := o.column
	col.nested = true // $all looks into arrays, whatever the field's type
	values, err := col.values(c.Values)
	o.add("$all", values)
	return err
}

func textSearch(t *Text) bson.D {
	d := bson.D{{Key: "$search", Value: t.Term}}
	if t.Language != "" {
		d = append(d, bson.E{Key: "$language", Value: t.Language})
	}
	if t.CaseSensitive != nil {
		d = append(d, bson.E{Key: "$caseSensitive", Value: *t.CaseSensitive})
	}
	if t.DiacriticSensitive != nil {
		d = append(d, bson.E{Key: "$diacriticSensitive", Value: *t.DiacriticSensitive})
	}
	return d
}

// position is a point as a store has it, longitude first.
func position(p parse.GeoPoint) bson.A { return bson.A{p.Longitude, p.Latitude} }
