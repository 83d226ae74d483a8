package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// Describe returns a class as the REST API shows it, or parse.InvalidClassName
// when there is none. It reads it anew.
func (c *Catalog) Describe(ctx context.Context, name string) (*parse.Object, error) {
	class, err := c.reread(ctx, name)
	if err != nil {
		return nil, err
	}
	if class == nil {
		return nil, noClass(name)
	}
	return class.Object(), nil
}

func noClass(name string) error {
	return parse.Errorf(parse.InvalidClassName, "Class %s does not exist.", name)
}

// CreateClass makes a class as the body says, {"fields":…,
// "classLevelPermissions":…, "indexes":…}, and returns it as the REST API shows
// it. A class that exists, or a name that none may have, is
// parse.InvalidClassName.
func (c *Catalog) CreateClass(ctx context.Context, name string, body *parse.Object) (*parse.Object, error) {
	if err := acquire(ctx, c.administration); err != nil {
		return nil, err
	}
	defer release(c.administration)
	exists := parse.Errorf(parse.InvalidClassName, "Class %s already exists.", name)
	if err := checkBodyName(name, body); err != nil {
		return nil, err
	}
	class, err := c.reread(ctx, name)
	if err != nil {
		return nil, err
	}
	if class != nil {
		return nil, exists
	}
	d, err := defineClass(name, body, c.rules())
	if err != nil {
		return nil, err
	}
	// An index that can't be made keeps the class from being made.
	if err := c.createIndexes(ctx, name, d.indexes); err != nil {
		return nil, err
	}
	switch err := c.insert(ctx, name, d); {
	case errors.Is(err, errOthersFirst):
		return nil, exists
	case err != nil:
		return nil, err
	}
	if class, err = c.reread(ctx, name); err != nil {
		return nil, err
	}
	if class == nil {
		return nil, noClass(name)
	}
	return class.Object(), nil
}

// UpdateClass changes a class as the body says; a member {"__op":"Delete"} of
// "fields" or "indexes" deletes the field with its data, respectively the index.
// It returns the class as the REST API shows it after a change: the protected
// fields of the app's options are among the class's own, as in parse-server.
func (c *Catalog) UpdateClass(ctx context.Context, name string, body *parse.Object) (*parse.Object, error) {
	if err := acquire(ctx, c.administration); err != nil {
		return nil, err
	}
	defer release(c.administration)
	if err := checkBodyName(name, body); err != nil {
		return nil, err
	}
	class, err := c.reread(ctx, name)
	if err != nil {
		return nil, err
	}
	if class == nil || class.unstored {
		return nil, noClass(name)
	}
	d, err := redefineClass(class, body, c.rules())
	if err != nil {
		return nil, err
	}
	if err := c.redefine(ctx, class, d); err != nil {
		return nil, err
	}
	if class, err = c.reread(ctx, name); err != nil {
		return nil, err
	}
	if class == nil {
		return nil, noClass(name)
	}
	return class.object(mergeProtected(class.protected, c.options.ProtectedFields[name])), nil
}

// redefine carries out a definition: first it takes away, then it adds, and
// what can fail for the values given comes before what is only written down.
func (c *Catalog) redefine(ctx context.Context, class *Class, d *definition) error {
	if err := c.deleteFields(ctx, class, d.deleted); err != nil {
		return err
	}
	for _, index := range d.indexes.dropped {
		if err := c.store.DropIndex(ctx, class.Name, index); err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("drop index %s of class %s: %w", index, class.Name, err)
		}
	}
	if err := c.createIndexes(ctx, class.Name, d.indexes); err != nil {
		return err
	}
	if err := c.enforceFields(ctx, class, d.added); err != nil {
		return err
	}
	change := d.metadataChange(class)
	if len(change) == 0 {
		return nil
	}
	_, err := c.store.Update(ctx, schemaCollection, store.Update{Filter: bson.D{{Key: "_id", Value: class.Name}}, Change: change})
	if err != nil {
		return fmt.Errorf("change class %s: %w", class.Name, err)
	}
	return nil
}

// metadataChange is the update of the class's metadata: of the members that
// the definition is about, and of no other.
func (d *definition) metadataChange(class *Class) bson.D {
	var set, unset bson.D
	for i := range d.optioned {
		path := metadataOptions + "." + d.optioned[i].Name
		if o := d.optioned[i].storedOptions(); len(o) > 0 {
			set = append(set, bson.E{Key: path, Value: o})
		} else {
			unset = append(unset, bson.E{Key: path, Value: ""})
		}
	}
	switch {
	case d.permissions != nil:
		set = append(set, bson.E{Key: metadataPermissions, Value: encodeJSON(d.permissions)})
	case d.setPermissions:
		unset = append(unset, bson.E{Key: metadataPermissions, Value: ""})
	}
	if !d.indexes.empty() {
		set = append(set, bson.E{Key: metadataIndexes, Value: d.indexes.recorded(class)})
	}
	var change bson.D
	if set != nil {
		change = append(change, bson.E{Key: "$set", Value: set})
	}
	if unset != nil {
		change = append(change, bson.E{Key: "$unset", Value: unset})
	}
	return change
}

// enforceFields adds fields to a class. One that another has added meanwhile
// must have the same type.
func (c *Catalog) enforceFields(ctx context.Context, class *Class, fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	err := c.addFields(ctx, class, fields)
	if !errors.Is(err, errOthersFirst) {
		return err
	}
	wanted := make(map[string]parse.FieldType, len(fields))
	for _, f := range fields {
		wanted[f.Name] = f.Type
	}
	_, err = c.EnsureClass(ctx, class.Name, wanted)
	return err
}

// deleteFields removes fields with their data. The data goes first: when the
// work is broken off the field is still there and can be deleted again.
func (c *Catalog) deleteFields(ctx context.Context, class *Class, fields []*Field) error {
	if len(fields) == 0 {
		return nil
	}
	var present bson.A
	var unsetData, unset bson.D
	for _, f := range fields {
		unset = append(unset, bson.E{Key: f.Name, Value: ""}, bson.E{Key: metadataOptions + "." + f.Name, Value: ""})
		if f.Type.Kind == parse.KindRelation {
			continue
		}
		stored := parse.StorageName(f.Name, f.Type)
		present = append(present, bson.D{{Key: stored, Value: bson.D{{Key: "$exists", Value: true}}}})
		unsetData = append(unsetData, bson.E{Key: stored, Value: ""})
	}
	if present != nil {
		_, err := c.store.Update(ctx, class.Name, store.Update{
			Filter: bson.D{{Key: "$or", Value: present}}, Change: bson.D{{Key: "$unset", Value: unsetData}}, Many: true,
		})
		if err != nil {
			return fmt.Errorf("delete the data of fields of class %s: %w", class.Name, err)
		}
	}
	if err := c.dropJoins(ctx, class.Name, fields); err != nil {
		return err
	}
	_, err := c.store.Update(ctx, schemaCollection, store.Update{
		Filter: bson.D{{Key: "_id", Value: class.Name}}, Change: bson.D{{Key: "$unset", Value: unset}},
	})
	if err != nil {
		return fmt.Errorf("delete fields of class %s: %w", class.Name, err)
	}
	return nil
}

// DeleteClass deletes a class that has no objects; one that has is
// parse.ClassNotEmpty. To delete a class that is not there is no error.
func (c *Catalog) DeleteClass(ctx context.Context, name string) error {
	if !ValidClassName(name) {
		return InvalidClassName(name)
	}
	if err := acquire(ctx, c.administration); err != nil {
		return err
	}
	defer release(c.administration)
	class, err := c.reread(ctx, name)
	if err != nil {
		return err
	}
	n, err := c.store.Count(ctx, name, store.Count{})
	if err != nil {
		return fmt.Errorf("count the objects of class %s: %w", name, err)
	}
	if n > 0 {
		return parse.Errorf(parse.ClassNotEmpty, "Class %s is not empty, contains %d objects, cannot drop schema.", name, n)
	}
	// A system class's collection stays, empty, for the sake of its indexes:
	// they keep names and addresses unique when the class is used again.
	if !strings.HasPrefix(name, "_") {
		if err := c.store.DropCollection(ctx, name); err != nil {
			return fmt.Errorf("drop class %s: %w", name, err)
		}
	}
	if class != nil {
		var fields []*Field
		for _, field := range class.FieldNames() {
			fields = append(fields, class.Fields[field])
		}
		if err := c.dropJoins(ctx, name, fields); err != nil {
			return err
		}
	}
	if _, err := c.store.Delete(ctx, schemaCollection, bson.D{{Key: "_id", Value: name}}, false); err != nil {
		return fmt.Errorf("delete class %s: %w", name, err)
	}
	_, err = c.reread(ctx, name)
	return err
}

// dropJoins drops the members of those of the fields that are relations.
func (c *Catalog) dropJoins(ctx context.Context, class string, fields []*Field) error {
	for _, f := range fields {
		if f.Type.Kind != parse.KindRelation {
			continue
		}
		if err := c.store.DropCollection(ctx, JoinName(f.Name, class)); err != nil {
			return fmt.Errorf("drop relation %s of class %s: %w", f.Name, class, err)
		}
	}
	return nil
}

func (c *Catalog) createIndexes(ctx context.Context, class string, changes indexChanges) error {
	if len(changes.added) == 0 {
		return nil
	}
	err := c.store.CreateIndexes(ctx, class, changes.stored()...)
	if errors.Is(err, store.ErrIndexConflict) {
		return parse.NewError(parse.InvalidQuery, "An index of this name exists in another form.").WithCause(err)
	}
	if err != nil {
		return fmt.Errorf("make indexes of class %s: %w", class, err)
	}
	return nil
}

// checkBodyName refuses a body that names another class than the request does.
func checkBodyName(name string, body *parse.Object) error {
	v, ok := body.Get("className")
	if !ok || v == parse.Value(parse.Null{}) || v == parse.Value(parse.String("")) || v == parse.Value(parse.String(name)) {
		return nil
	}
	return parse.Errorf(parse.InvalidClassName, "Class name mismatch between %s and %s.", text(v), name)
}

func (c *Catalog) rules() rules {
	return rules{customIDs: c.options.AllowCustomObjectID, anyIndexField: c.options.DisableIndexFieldValidation}
}
