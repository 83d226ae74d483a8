package schema

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// EnsureClass returns the class of that name, having the fields wanted with
// their types. What is not there yet is added, as saving an object does: each
// field atomically, so that of two processes that add a field with different
// types one succeeds and the other gets the error of the mismatch
// (parse.IncorrectType). Types of parse.KindInvalid want nothing. Errors are
// those of Class.Missing, parse.InvalidJSON for a class that cannot be, and the
// store's.
func (c *Catalog) EnsureClass(ctx context.Context, name string, wanted map[string]parse.FieldType) (*Class, error) {
	class := c.known(ctx, name)
	if missing, err := class.Missing(name, wanted); err != nil || class != nil && len(missing) == 0 {
		return class, err
	}
	if err := addable(class, name, wanted); err != nil {
		return nil, err
	}
	// Each round either adds what is missing or finds that another has added
	// some of it, so that there are no more rounds than fields.
	for range len(wanted) + 3 {
		class, err := c.reread(ctx, name)
		if err != nil {
			return nil, err
		}
		missing, err := class.Missing(name, wanted)
		if err != nil || class != nil && len(missing) == 0 {
			return class, err
		}
		fields := make([]Field, len(missing))
		for i, field := range missing {
			fields[i] = Field{Name: field, Type: wanted[field]}
		}
		if class == nil {
			err = c.insert(ctx, name, &definition{added: fields})
		} else {
			err = c.addFields(ctx, class, fields)
		}
		if err != nil && !errors.Is(err, errOthersFirst) {
			return nil, err
		}
	}
	return nil, parse.Errorf(parse.InvalidJSON, "Failed to add %s", name)
}

// addable refuses what may not be added to a class by saving an object.
func addable(class *Class, name string, wanted map[string]parse.FieldType) error {
	if class == nil && !ValidClassName(name) {
		return parse.NewError(parse.InvalidJSON, "schema class name does not revalidate")
	}
	points := 0
	for _, t := range wanted {
		if t.Kind == parse.KindGeoPoint {
			points++
		}
	}
	if points > 1 {
		return parse.NewError(parse.IncorrectType, "there can only be one geopoint field in a class")
	}
	return nil
}

// errOthersFirst says that another writer has made the class or one of the fields.
var errOthersFirst = errors.New("schema: another was first")

// insert makes a class.
func (c *Catalog) insert(ctx context.Context, name string, d *definition) error {
	doc, err := encodeClass(name, d.added, d.permissions, d.indexes.recorded(nil))
	if err != nil {
		return err
	}
	err = c.store.Insert(ctx, schemaCollection, doc)
	if _, duplicate := errors.AsType[*store.DuplicateKeyError](err); duplicate {
		if transactionOf(ctx) != nil {
			// The class was made after the transaction began: it must begin again.
			return fmt.Errorf("make class %s: %w", name, store.ErrConflict)
		}
		return errOthersFirst
	}
	if err != nil {
		return fmt.Errorf("make class %s: %w", name, err)
	}
	c.indexFields(ctx, name, d.added)
	return nil
}

// addFields adds fields to a class, all or none: none, and errOthersFirst,
// when the class has one of them meanwhile or is gone.
func (c *Catalog) addFields(ctx context.Context, class *Class, fields []Field) error {
	filter := bson.D{{Key: "_id", Value: class.Name}}
	var set bson.D
	for i := range fields {
		f := &fields[i]
		if class.unstored {
			return parse.Errorf(parse.InvalidJSON, "Could not add field %s", f.Name)
		}
		if f.Type.Kind == parse.KindGeoPoint && class.hasGeoPoint() {
			return parse.NewError(parse.IncorrectType, "MongoDB only supports one GeoPoint field in a class.")
		}
		filter = append(filter, bson.E{Key: f.Name, Value: bson.D{{Key: "$exists", Value: false}}})
		set = append(set, bson.E{Key: f.Name, Value: encodeType(f.Type)})
		if o := f.storedOptions(); len(o) > 0 {
			set = append(set, bson.E{Key: metadataOptions + "." + f.Name, Value: o})
		}
	}
	result, err := c.store.Update(ctx, schemaCollection, store.Update{Filter: filter, Change: bson.D{{Key: "$set", Value: set}}})
	switch {
	case err != nil:
		return fmt.Errorf("add fields to class %s: %w", class.Name, err)
	case result.Matched == 0:
		return errOthersFirst
	}
	c.indexFields(ctx, class.Name, fields)
	return nil
}

func (c *Class) hasGeoPoint() bool {
	for _, t := range c.Types() {
		if t.Kind == parse.KindGeoPoint {
			return true
		}
	}
	return false
}

// indexFields makes the indexes that fields have by their types. Without them
// queries are slower, so that a failure is no reason to refuse the field.
func (c *Catalog) indexFields(ctx context.Context, class string, fields []Field) {
	for i := range fields {
		collection, indexes := fieldIndexes(class, &fields[i])
		if indexes == nil {
			continue
		}
		// An index on a collection with documents can't be made in a transaction.
		afterwards(ctx, func(ctx context.Context) {
			if err := c.store.CreateIndexes(ctx, collection, indexes...); err != nil {
				c.options.Logger.WarnContext(ctx, "the index of a field cannot be made", "class", class, "field", fields[i].Name, "error", err)
			}
		})
	}
}

// IndexPlaces makes the index that finds what is near by a GeoPoint field, if it
// is not there. As in Parse Server, the class does not record it.
func (c *Catalog) IndexPlaces(ctx context.Context, class, field string) error {
	err := c.store.CreateIndexes(ctx, class, store.Index{Name: field + "_2d", Keys: bson.D{{Key: field, Value: "2d"}}})
	if err != nil {
		return fmt.Errorf("index the places of %s.%s: %w", class, field, err)
	}
	return nil
}

// fieldIndexes are the indexes of a field and their collection: polygons are
// indexed as in Parse Server, and the members of relations by both ends, which
// keeps every member in once.
func fieldIndexes(class string, f *Field) (string, []store.Index) {
	switch f.Type.Kind {
	case parse.KindPolygon:
		return class, []store.Index{{Name: f.Name + "_2dsphere", Keys: bson.D{{Key: f.Name, Value: "2dsphere"}}}}
	case parse.KindRelation:
		owning, related := bson.E{Key: "owningId", Value: int32(1)}, bson.E{Key: "relatedId", Value: int32(1)}
		return JoinName(f.Name, class), []store.Index{
			{Name: "owningId_1_relatedId_1", Keys: bson.D{owning, related}, Unique: true},
			{Name: "relatedId_1", Keys: bson.D{related}},
		}
	}
	return "", nil
}
