package schema

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// idIndex is the name of the index that every collection has.
const idIndex = "_id_"

// indexChanges are the indexes that a schema request adds and drops.
type indexChanges struct {
	added   []indexDefinition
	dropped []string
}

// indexDefinition is an index as the schema keeps it, with the names of fields,
// and as the store makes it, with the names under which they are stored.
type indexDefinition struct {
	name string
	keys bson.D
	made bson.D
}

func (c indexChanges) empty() bool { return len(c.added) == 0 && len(c.dropped) == 0 }

// stored are the added indexes as the store makes them.
func (c indexChanges) stored() []store.Index {
	indexes := make([]store.Index, len(c.added))
	for i, d := range c.added {
		indexes[i] = store.Index{Name: d.name, Keys: d.made}
	}
	return indexes
}

// decodeIndexChanges reads the member "indexes" of a schema request about a
// class, nil when it is a new one, which is going to have these fields.
func decodeIndexChanges(class *Class, body *parse.Object, fields fieldSet, anyField bool) (indexChanges, error) {
	members, err := memberObject(body, "indexes")
	if err != nil {
		return indexChanges{}, err
	}
	var c indexChanges
	for _, m := range members {
		o, ok := m.Value.(*parse.Object)
		if !ok {
			return indexChanges{}, errInvalidJSON
		}
		if err := c.add(class, m.Key, o, fields, anyField); err != nil {
			return indexChanges{}, err
		}
	}
	return c, nil
}

// add takes in one change: the keys of a new index, or the deletion of one.
func (c *indexChanges) add(class *Class, name string, o *parse.Object, fields fieldSet, anyField bool) error {
	exists := name == idIndex || class != nil && class.Indexes[name] != nil
	switch deletion := isDeletion(o); {
	case exists && !deletion:
		return parse.Errorf(parse.InvalidQuery, "Index %s exists, cannot update.", name)
	case !exists && deletion:
		return parse.Errorf(parse.InvalidQuery, "Index %s does not exist, cannot delete.", name)
	case deletion && name == idIndex:
		return parse.NewError(parse.InvalidQuery, "cannot drop _id index")
	case deletion:
		c.dropped = append(c.dropped, name)
		return nil
	case name == "" || strings.ContainsAny(name, "$\x00"):
		return parse.Errorf(parse.InvalidQuery, "Invalid index name: %s", name)
	}
	d, err := decodeIndex(name, o, fields, anyField)
	c.added = append(c.added, d)
	return err
}

// decodeIndex reads {field: 1 | -1 | "text" | "2d" | "2dsphere" | "hashed"}. A
// pointer is named as the field or, as Parse Server wants it, "_p_<field>".
func decodeIndex(name string, o *parse.Object, fields fieldSet, anyField bool) (indexDefinition, error) {
	d := indexDefinition{name: name}
	if len(o.Members) == 0 {
		return d, parse.Errorf(parse.InvalidQuery, "Index %s names no fields.", name)
	}
	for _, m := range o.Members {
		var kind any
		switch v := m.Value.(type) {
		case parse.Number:
			if v != 1 && v != -1 {
				return d, parse.Errorf(parse.InvalidQuery, "Index %s: the order of %s must be 1 or -1.", name, m.Key)
			}
			kind = int32(v)
		case parse.String:
			kind = string(v)
		default:
			return d, parse.Errorf(parse.InvalidQuery, "Index %s: the order of %s must be 1 or -1.", name, m.Key)
		}
		field := strings.TrimPrefix(m.Key, "_p_")
		t, known := fields[field]
		if !known && !anyField || t.Kind == parse.KindACL || t.Kind == parse.KindRelation {
			return d, parse.Errorf(parse.InvalidQuery, "Field %s does not exist, cannot add index.", m.Key)
		}
		made := m.Key
		if known {
			made = parse.StorageName(field, t)
		}
		d.keys = append(d.keys, bson.E{Key: m.Key, Value: kind})
		d.made = append(d.made, bson.E{Key: made, Value: kind})
	}
	return d, nil
}

// recorded are a class's index definitions after the changes, as its schema
// keeps them.
func (c indexChanges) recorded(class *Class) bson.D {
	var record bson.D
	if class != nil {
		record = append(record, bson.E{Key: idIndex, Value: bson.D{{Key: "_id", Value: int32(1)}}})
		for _, name := range class.indexNames {
			if name != idIndex && !slices.Contains(c.dropped, name) {
				record = append(record, bson.E{Key: name, Value: class.Indexes[name]})
			}
		}
	}
	for _, d := range c.added {
		record = append(record, bson.E{Key: d.name, Value: d.keys})
	}
	return record
}
