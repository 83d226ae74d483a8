package pipeline

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// shape says what becomes of the fields of a document, or of those of a field.
type shape struct {
	// include tells that only what is named stays; otherwise all but what is
	// named as left out does.
	include bool
	fields  []*shapedField // in the order in which new ones are added
	// computes tells that values are put in here or below.
	computes bool
}

// shapedField is a field that a shape names: kept or left out, unless it is
// computed or has a shape itself.
type shapedField struct {
	name     string
	keep     bool
	computed computed // nil if it is not
	below    *shape   // nil if it has none
}

// computed is where the value of a field comes from.
type computed interface {
	Evaluate(env *expression.Env, doc bson.Raw) (bson.RawValue, error)
}

// slot is a computed value that is put there beforehand.
type slot struct{ value bson.RawValue }

func (s *slot) Evaluate(*expression.Env, bson.Raw) (bson.RawValue, error) { return s.value, nil }

func (s *shape) field(name string) *shapedField {
	for _, f := range s.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// errCollision stands for a path that is named twice; the caller says so in its words.
type errCollision struct{ remaining string }

func (errCollision) Error() string { return "store: path collision" }

// add adds a field at a path.
func (s *shape) add(parts []string, leaf shapedField) error {
	for i, part := range parts {
		s.computes = s.computes || leaf.computed != nil
		f := s.field(part)
		last := i == len(parts)-1
		switch {
		case last && f != nil:
			return errCollision{}
		case last:
			leaf.name = part
			s.fields = append(s.fields, &leaf)
			return nil
		case f == nil:
			f = &shapedField{name: part, below: &shape{include: s.include}}
			s.fields = append(s.fields, f)
		case f.below == nil:
			return errCollision{strings.Join(parts[i+1:], ".")}
		}
		s = f.below
	}
	return nil
}

// at returns a shape that puts a value at a path.
func at(parts []string, c computed) *shape {
	s := &shape{}
	// The first path can't collide.
	_ = s.add(parts, shapedField{computed: c})
	return s
}

// append appends what becomes of doc, which is a part of root or root itself.
func (s *shape) append(dst []byte, env *expression.Env, root, doc bson.Raw) ([]byte, error) {
	dst, start := openDocument(dst)
	var space [32]bool
	seen := space[:]
	if len(s.fields) > len(seen) {
		seen = make([]bool, len(s.fields))
	}
	for e := match.Elements(doc); ; {
		name, v, ok := e.Next()
		if !ok {
			break
		}
		i := s.find(name)
		var err error
		switch {
		case i < 0:
			if !s.include {
				dst = appendField(dst, name, v)
			}
		case s.fields[i].computed != nil:
			if s.include {
				break // what is computed comes after what is kept
			}
			seen[i] = true
			if v, err = s.fields[i].computed.Evaluate(env, root); err == nil {
				dst = appendField(dst, name, v)
			}
		case s.fields[i].below != nil:
			below := s.fields[i].below
			container := v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray
			if below.computes && !container && s.include {
				break // likewise
			}
			seen[i] = true
			dst, err = below.appendValue(dst, name, env, root, v, 0)
		case s.fields[i].keep:
			dst = appendField(dst, name, v)
		}
		if err != nil {
			return dst, err
		}
	}
	for i, f := range s.fields {
		if seen[i] {
			continue
		}
		var err error
		switch {
		case f.computed != nil:
			var v bson.RawValue
			if v, err = f.computed.Evaluate(env, root); err == nil {
				dst = appendField(dst, f.name, v)
			}
		case f.below != nil && f.below.computes:
			dst, err = f.below.append(appendName(dst, bson.TypeEmbeddedDocument, f.name), env, root, emptyDocument)
		}
		if err != nil {
			return dst, err
		}
	}
	return closeDocument(dst, start), nil
}

var emptyDocument = bson.Raw{5, 0, 0, 0, 0}

func (s *shape) find(name []byte) int {
	for i, f := range s.fields {
		if f.name == string(name) {
			return i
		}
	}
	return -1
}

// maxArrayDepth bounds the arrays in arrays that a shape looks into.
const maxArrayDepth = 200

// appendValue appends what becomes of a value. In an array, every document gets
// the shape; what is no document makes way for what is computed, or else is left
// out of an inclusion.
func (s *shape) appendValue(dst, name []byte, env *expression.Env, root bson.Raw, v bson.RawValue, depth int) ([]byte, error) {
	switch {
	case depth > maxArrayDepth:
		return dst, nil
	case v.Type == bson.TypeEmbeddedDocument:
		return s.append(appendName(dst, v.Type, name), env, root, v.Value)
	case v.Type == bson.TypeArray:
		dst, start := openDocument(appendName(dst, v.Type, name))
		count := 0
		var space [20]byte
		for e := match.Elements(v.Value); ; {
			_, item, ok := e.Next()
			if !ok {
				return closeDocument(dst, start), nil
			}
			scalar := item.Type != bson.TypeEmbeddedDocument && item.Type != bson.TypeArray
			if s.include && scalar {
				continue
			}
			var err error
			if dst, err = s.appendValue(dst, appendDecimal(space[:0], count), env, root, item, depth+1); err != nil {
				return dst, err
			}
			count++
		}
	case s.computes:
		return s.append(appendName(dst, bson.TypeEmbeddedDocument, name), env, root, emptyDocument)
	case s.include:
		return dst, nil
	}
	return appendField(dst, name, v), nil
}

// leaves tells whether a filter sees at a path what it saw before.
func (s *shape) leaves(path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	f := s.field(name)
	switch {
	case f == nil:
		return !s.include
	case f.computed != nil:
		return false
	case f.below != nil:
		// What is computed turns what is no document in an array into one.
		return deeper && !f.below.include && !f.below.computes && f.below.leaves(rest)
	}
	return f.keep
}

// shaping is $project, $addFields and $unset: one document of each.
type shaping struct{ shape *shape }

func (s *shaping) traits() traits { return traits{single: true, keeps: s.shape.leaves} }

func (s *shaping) step(x *execution, next step, _ bool) step {
	return &shaper{x: x, shape: s.shape, next: next}
}

type shaper struct {
	x      *execution
	shape  *shape
	buffer []byte
	next   step
}

func (s *shaper) take(doc bson.Raw) (_ bool, err error) {
	if s.buffer, err = s.shape.append(s.buffer[:0], s.x.env, doc, doc); err != nil {
		return false, err
	}
	return s.next.take(s.buffer)
}

func (s *shaper) end() error { return s.next.end() }

func (c compiler) addFields(name string, v any) (*shaping, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(40272, "%s specification stage must be an object", name)
	}
	if len(d) == 0 {
		return nil, store.BadRequest(40177, "Invalid %s :: caused by :: specification must have at least one field", name)
	}
	s := &shaping{&shape{}}
	return s, c.addComputed(s.shape, nil, d)
}

// addComputed adds the fields of a specification below a path.
func (c compiler) addComputed(s *shape, prefix []string, d bson.D) error {
	for _, e := range d {
		parts, err := splitPath(e.Key)
		if err != nil {
			return err
		}
		parts = slices.Concat(prefix, parts)
		if len(parts) > maxPathParts {
			return store.BadRequest(15, "FieldPath is too long")
		}
		if below, ok := e.Value.(bson.D); ok && !operatorDocument(below) {
			if len(below) == 0 {
				return store.BadRequest(40180, "an empty object is not a valid value. Found empty object at path %s", strings.Join(parts, "."))
			}
			if err := c.addComputed(s, parts, below); err != nil {
				return err
			}
			continue
		}
		if operatorDocument(e.Value) && len(e.Value.(bson.D)) > 1 {
			return store.BadRequest(40181, "an expression specification must contain exactly one field, the name of the expression")
		}
		value, err := c.expression(e.Value)
		if err != nil {
			return err
		}
		if _, collides := s.add(parts, shapedField{computed: value}).(errCollision); collides {
			return store.BadRequest(40176, "specification contains two conflicting paths. Cannot specify '%s' twice", strings.Join(parts, "."))
		}
	}
	return nil
}

func (c compiler) unset(v any) (*shaping, error) {
	var paths bson.A
	switch v := v.(type) {
	case string:
		paths = bson.A{v}
	case bson.A:
		if paths = v; len(v) == 0 {
			return nil, store.BadRequest(31119, "$unset specification must be a string or an array with at least one field")
		}
	default:
		return nil, store.BadRequest(31002, "$unset specification must be a string or an array")
	}
	s := &shape{}
	for _, v := range paths {
		path, ok := v.(string)
		if !ok {
			return nil, store.BadRequest(31120, "$unset specification must be a string or an array containing only string values")
		}
		parts, err := splitPath(path)
		if err != nil {
			return nil, err
		}
		if err := s.add(parts, shapedField{}); err != nil {
			return nil, collision(err, path)
		}
	}
	return &shaping{s}, nil
}

// collision words a projection's error.
func collision(err error, path string) error {
	c, ok := err.(errCollision)
	switch {
	case !ok:
		return err
	case c.remaining != "":
		return store.BadRequest(31249, "Path collision at %s remaining portion %s", path, c.remaining)
	}
	return store.BadRequest(31250, "Path collision at %s", path)
}
