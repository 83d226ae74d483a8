package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
)

// column is where a store keeps what a path names, and in which form.
type column struct {
	name string
	// field is the field's type; its Kind is KindInvalid for a dotted path and
	// for a field that the class has not.
	field parse.FieldType
	// nested says that values are in the form that they have inside objects and
	// arrays, where for example a pointer is a document.
	nested bool
	// date says that a text which spells a date means that date.
	date bool
}

func columnOf(path string, class *schema.Class) column {
	root := Root(path)
	var className string
	var t parse.FieldType
	if class != nil {
		className = class.Name
		if f := class.Fields[root]; f != nil {
			t = f.Type
		}
	}
	name := parse.StoragePath(className, path, t)
	if root != path {
		return column{name: name, nested: true}
	}
	return column{
		name:   name,
		field:  t,
		nested: t.Kind == parse.KindArray || t.Kind == parse.KindObject,
		date:   t.Kind == parse.KindDate || internalDate(path),
	}
}

// internalDate tells whether a path names a date that is no field of a class.
func internalDate(path string) bool {
	switch path {
	case "_email_verify_token_expires_at", "_perishable_token_expires_at",
		"_account_lockout_expires_at", "_password_changed_at":
		return true
	}
	return false
}

// value gives v as the store keeps it in the column. A value whose type is not
// the column's is given in its own form: it may be compared with, and differs.
func (c column) value(v parse.Value) (any, error) {
	if c.nested {
		return parse.ToBSON(v), nil
	}
	switch v := v.(type) {
	case parse.String:
		if c.field.Kind == parse.KindPointer {
			return parse.PointerString(parse.Pointer{ClassName: c.field.TargetClass, ObjectID: string(v)}), nil
		}
		if c.date {
			if ms, ok := parse.ParseDate(string(v)); ok {
				return bson.DateTime(ms), nil
			}
		}
	case parse.Pointer, parse.File, parse.GeoPoint, parse.Polygon:
		return parse.FieldToBSON(c.field, v)
	}
	return parse.ToBSON(v), nil
}

func (c column) values(values []parse.Value) (bson.A, error) {
	a := make(bson.A, len(values))
	for i, v := range values {
		var err error
		if a[i], err = c.value(v); err != nil {
			return nil, err
		}
	}
	return a, nil
}
