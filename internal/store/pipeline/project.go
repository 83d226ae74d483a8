package pipeline

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// projection is a $project while it is compiled. Whether it includes or excludes
// is decided by its first field other than _id.
type projection struct {
	compiler
	shape   *shape
	decided bool
}

func (c compiler) project(v any) (*shaping, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(15969, "$project specification must be an object")
	}
	if len(d) == 0 {
		return nil, store.BadRequest(51272, "Invalid $project :: caused by :: projection specification must have at least one field")
	}
	p := projection{compiler: c, shape: &shape{}}
	if err := p.decide(d, nil); err != nil {
		return nil, err
	}
	if err := p.add(nil, d); err != nil {
		return nil, err
	}
	s := p.shape
	if s.include && s.field("_id") == nil {
		s.fields = append(s.fields, &shapedField{name: "_id", keep: true})
	}
	return &shaping{s}, nil
}

// decide finds out whether the projection includes.
func (p *projection) decide(d bson.D, prefix []string) error {
	if len(prefix) > maxPathParts {
		return store.BadRequest(15, "FieldPath is too long")
	}
	for _, e := range d {
		if p.decided {
			return nil
		}
		isID := len(prefix) == 0 && e.Key == "_id"
		below, isDocument := e.Value.(bson.D)
		keep, flag := flagOf(e.Value)
		switch {
		case flag && isID:
		case flag:
			p.decided, p.shape.include = true, keep
		case isDocument && !operatorDocument(below):
			if err := p.decide(below, append(slices.Clip(prefix), e.Key)); err != nil {
				return err
			}
		default:
			p.decided, p.shape.include = true, true
		}
	}
	if len(prefix) == 0 && !p.decided {
		// Only _id is named: keeping it is to keep nothing else.
		p.shape.include = slices.ContainsFunc(d, func(e bson.E) bool {
			keep, flag := flagOf(e.Value)
			return e.Key == "_id" && flag && keep
		})
	}
	return nil
}

// flagOf returns what a number or a boolean says.
func flagOf(v any) (keep, flag bool) {
	if b, ok := v.(bool); ok {
		return b, true
	}
	if !isNumber(v) {
		return false, false
	}
	raw, err := match.Encode(bson.D{{Value: v}})
	return err == nil && match.Truthy(match.Lookup(raw, "")), true
}

func (p *projection) add(prefix []string, d bson.D) error {
	for _, e := range d {
		parts, err := splitPath(e.Key)
		if err != nil {
			return err
		}
		parts = slices.Concat(prefix, parts)
		path := strings.Join(parts, ".")
		if len(parts) > maxPathParts {
			return store.BadRequest(15, "FieldPath is too long")
		}
		below, isDocument := e.Value.(bson.D)
		if isDocument && !operatorDocument(below) {
			if len(below) == 0 {
				return store.BadRequest(51270, "An empty sub-projection is not a valid value. Found empty object at path")
			}
			if err := p.add(parts, below); err != nil {
				return err
			}
			continue
		}
		leaf := shapedField{}
		if keep, flag := flagOf(e.Value); flag {
			leaf.keep = keep
			switch {
			case path == "_id":
			case keep && !p.shape.include:
				return store.BadRequest(31253, "Invalid $project :: caused by :: Cannot do inclusion on field %s in exclusion projection", path)
			case !keep && p.shape.include:
				return store.BadRequest(31254, "Invalid $project :: caused by :: Cannot do exclusion on field %s in inclusion projection", path)
			}
		} else {
			if !p.shape.include {
				return store.BadRequest(31252, "Invalid $project :: caused by :: Cannot use an expression other than $meta in exclusion projection")
			}
			if leaf.computed, err = p.expression(e.Value); err != nil {
				return err
			}
		}
		if err := p.shape.add(parts, leaf); err != nil {
			return collision(err, path)
		}
	}
	return nil
}
