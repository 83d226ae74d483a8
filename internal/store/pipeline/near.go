package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// nearness is $geoNear: a search for what is near, with the distances.
type nearness struct {
	near          *expression.Expression
	least, most   *expression.Expression // nil for no bound
	path          string                 // of the places, "" for that of the only geo index
	query         bson.D
	spherical     bool
	multiplier    float64
	distanceField string
	locationField string // "" for none
	collation     match.Collation
}

func (c compiler) geoNear(v any) (*nearness, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(10065, "invalid parameter: expected an object ($geoNear)")
	}
	n := &nearness{multiplier: 1, collation: c.collation}
	for _, e := range d {
		var err error
		switch e.Key {
		case "near":
			n.near, err = c.expression(e.Value)
		case "minDistance":
			n.least, err = c.expression(e.Value)
		case "maxDistance":
			n.most, err = c.expression(e.Value)
		case "spherical":
			n.spherical, _ = flagOf(e.Value)
		case "distanceMultiplier":
			raw, encoding := match.Encode(bson.D{{Value: e.Value}})
			if n.multiplier, ok = doubleOf(match.Lookup(raw, "")); !ok || encoding != nil || n.multiplier < 0 {
				err = store.BadRequest(codeTypeMismatch, "distanceMultiplier must be a non-negative number")
			}
		case "key":
			if n.path, ok = e.Value.(string); !ok || n.path == "" {
				err = store.BadRequest(codeTypeMismatch, "$geoNear parameter 'key' must be a non-empty string")
			}
		case "query":
			if n.query, ok = e.Value.(bson.D); !ok {
				err = store.BadRequest(codeTypeMismatch, "$geoNear parameter 'query' must be an object")
			} else {
				err = c.searchable("the query of $geoNear", n.query)
			}
		case "distanceField":
			if n.distanceField, ok = e.Value.(string); !ok {
				err = store.BadRequest(16606, "$geoNear requires that the 'distanceField' option is a String")
			} else {
				_, err = splitPath(n.distanceField)
			}
		case "includeLocs":
			if n.locationField, ok = e.Value.(string); !ok {
				err = store.BadRequest(16607, "$geoNear requires that 'includeLocs' option is a String")
			} else {
				_, err = splitPath(n.locationField)
			}
		default:
			err = store.BadRequest(codeFailedToParse, "Unknown argument to $geoNear: %s", e.Key)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case n.near == nil:
		return nil, store.BadRequest(5860400, "$geoNear requires a 'near' argument")
	case n.distanceField == "":
		return nil, store.BadRequest(16606, "$geoNear requires a 'distanceField' option as a String")
	}
	return n, nil
}

func (n *nearness) traits() traits {
	return traits{keeps: func(path string) bool {
		return !overlap(path, n.distanceField) && (n.locationField == "" || !overlap(path, n.locationField))
	}}
}

// step is never called, since the stage is what a pipeline reads.
func (n *nearness) step(_ *execution, next step, _ bool) step { return next }

func (n *nearness) read(x *execution, p *Pipeline, take func(bson.Raw) error) error {
	path, err := n.place(x, p.collection)
	if err != nil {
		return err
	}
	condition, err := n.condition(x)
	if err != nil {
		return err
	}
	q := p.bound(x)
	near := bson.D{{Key: path, Value: condition}}
	q.Filter = conjunction(near, conjunction(n.query, q.Filter))
	m, err := n.collation.Compile(near)
	if err != nil {
		return err
	}
	parts, err := splitPath(path)
	if err != nil {
		return err
	}
	var distance, location slot
	names := &shape{}
	for _, field := range []struct {
		path string
		slot *slot
	}{{n.distanceField, &distance}, {n.locationField, &location}} {
		if field.path == "" {
			continue
		}
		fieldParts, _ := splitPath(field.path) // was looked at before
		if err := names.add(fieldParts, shapedField{computed: field.slot}); err != nil {
			return collision(err, field.path)
		}
	}
	var buffer []byte
	return x.source.Find(x.ctx, p.collection, q, func(doc bson.Raw) (err error) {
		d, _ := m.Near().Distance(doc)
		distance.value, location.value = doubleValue(d*n.multiplier), fieldOf(doc, parts)
		if buffer, err = names.append(buffer[:0], x.env, doc, doc); err != nil {
			return err
		}
		return take(buffer)
	})
}

// place returns the path of the places.
func (n *nearness) place(x *execution, collection string) (string, error) {
	if n.path != "" {
		return n.path, nil
	}
	indexes, err := x.source.Indexes(x.ctx, collection)
	if err != nil {
		return "", err
	}
	path := ""
	for _, ix := range indexes {
		for _, key := range ix.Keys {
			if key.Value != "2dsphere" && key.Value != "2d" || key.Key == path {
				continue
			}
			if path != "" {
				return "", store.BadRequest(27, "There is more than one geo index on %s; unsure which to use for $geoNear", collection)
			}
			path = key.Key
		}
	}
	if path == "" {
		return "", store.BadRequest(27, "$geoNear requires a 2d or 2dsphere index, but none were found")
	}
	return path, nil
}

// condition is what the place has to satisfy.
func (n *nearness) condition(x *execution) (bson.D, error) {
	near, err := n.near.Evaluate(x.env, emptyDocument)
	if err != nil {
		return nil, err
	}
	var bounds bson.D
	for _, bound := range []struct {
		name  string
		value *expression.Expression
	}{{"$minDistance", n.least}, {"$maxDistance", n.most}} {
		if bound.value == nil {
			continue
		}
		v, err := bound.value.Evaluate(x.env, emptyDocument)
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, bson.E{Key: bound.name, Value: v})
	}
	if near.Type == bson.TypeEmbeddedDocument && match.Lookup(near.Value, "type").Type != 0 {
		return bson.D{{Key: "$nearSphere", Value: append(bson.D{{Key: "$geometry", Value: near}}, bounds...)}}, nil
	}
	name := "$near"
	if n.spherical {
		name = "$nearSphere"
	}
	return append(bson.D{{Key: name, Value: near}}, bounds...), nil
}
