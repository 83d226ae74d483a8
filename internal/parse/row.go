package parse

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Row collects the fields of a new object into its stored document.
type Row struct{ doc bson.D }

// Field adds a field of class with its value, which is none of a relation: that
// is not kept in its object. The authData of _User is split by provider.
func (r *Row) Field(class, name string, t FieldType, v Value) error {
	if providers, ok := v.(*Object); ok && class == "_User" && name == "authData" {
		set, _, err := authDataToBSON(providers)
		r.doc = append(r.doc, set...)
		return err
	}
	stored, err := FieldToBSON(t, v)
	if err != nil {
		return err
	}
	r.Set(StorageName(name, t), stored)
	return nil
}

// Set adds a stored value under a stored name.
func (r *Row) Set(name string, stored any) {
	r.doc = append(r.doc, bson.E{Key: name, Value: stored})
}

// SetACL adds the fields that hold the object's ACL.
func (r *Row) SetACL(acl ACL) { r.doc = append(r.doc, acl.storedFields()...) }

// Document returns the stored document.
func (r *Row) Document() bson.D { return r.doc }
