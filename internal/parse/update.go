package parse

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Update collects changes of fields into one MongoDB update document. The zero
// Update changes nothing. No two changes may be of the same path.
type Update struct {
	set, unset, inc, push, addToSet, pullAll, setOnInsert bson.D
}

// Field adds the change of a field of class to v: a value or {"__op":…}. The name
// may be a dotted path into an Object field; t is the type of the field at its
// root. The authData of _User changes provider by provider: null removes one. A
// relation is not kept in its object: a change of one is an error here.
func (u *Update) Field(class, name string, t FieldType, v Value) error {
	op, ok, err := OperationOf(v)
	if err != nil {
		return err
	}
	if ok {
		return u.Operation(class, name, t, op)
	}
	if err := checkPath(name); err != nil {
		return err
	}
	if providers, ok := v.(*Object); ok && class == "_User" && name == "authData" {
		return u.authData(providers)
	}
	stored, err := pathToBSON(name, t, v)
	if err != nil {
		return err
	}
	u.Set(StoragePath(class, name, t), stored)
	return nil
}

func (u *Update) authData(providers *Object) error {
	set, unset, err := authDataToBSON(providers)
	if err != nil {
		return err
	}
	u.set = append(u.set, set...)
	for _, name := range unset {
		u.Unset(name)
	}
	return nil
}

// Operation adds an operation on a field, under the rules of Field.
func (u *Update) Operation(class, name string, t FieldType, op Operation) error {
	if err := checkPath(name); err != nil {
		return err
	}
	path := StoragePath(class, name, t)
	switch op := op.(type) {
	case Increment:
		u.inc = append(u.inc, bson.E{Key: path, Value: storedNumber(op.Amount)})
	case Add:
		return each(&u.push, path, op.Objects)
	case AddUnique:
		return each(&u.addToSet, path, op.Objects)
	case Remove:
		objects, err := elementsToBSON(op.Objects)
		if err != nil {
			return err
		}
		u.pullAll = append(u.pullAll, bson.E{Key: path, Value: objects})
	case DeleteField:
		u.Unset(path)
	case SetOnInsert:
		stored, err := pathToBSON(name, t, op.Value)
		if err != nil {
			return err
		}
		u.setOnInsert = append(u.setOnInsert, bson.E{Key: path, Value: stored})
	default:
		return NewError(IncorrectType, "relation operations work on relation fields only")
	}
	return nil
}

// Set sets a stored path to a stored value.
func (u *Update) Set(path string, stored any) {
	u.set = append(u.set, bson.E{Key: path, Value: stored})
}

// Unset removes a stored path.
func (u *Update) Unset(path string) { u.unset = append(u.unset, bson.E{Key: path, Value: ""}) }

// SetACL sets the fields that hold an object's ACL.
func (u *Update) SetACL(acl ACL) { u.set = append(u.set, acl.storedFields()...) }

// Document returns the update document; within an operator the paths are in the
// order in which they were added.
func (u *Update) Document() bson.D {
	var doc bson.D
	for _, operator := range []bson.E{
		{Key: "$set", Value: u.set}, {Key: "$unset", Value: u.unset}, {Key: "$inc", Value: u.inc},
		{Key: "$push", Value: u.push}, {Key: "$addToSet", Value: u.addToSet}, {Key: "$pullAll", Value: u.pullAll},
		{Key: "$setOnInsert", Value: u.setOnInsert},
	} {
		if paths := operator.Value.(bson.D); len(paths) > 0 {
			doc = append(doc, operator)
		}
	}
	return doc
}

// checkPath refuses a path that MongoDB would not take for a plain one.
func checkPath(path string) error {
	for segment := range strings.SplitSeq(path, ".") {
		if segment == "" || segment[0] == '$' || strings.IndexByte(segment, 0) >= 0 {
			return NewError(InvalidKeyName, "Invalid field name: "+path+".")
		}
	}
	return nil
}

func each(operator *bson.D, path string, objects []Value) error {
	stored, err := elementsToBSON(objects)
	if err != nil {
		return err
	}
	*operator = append(*operator, bson.E{Key: path, Value: bson.D{{Key: "$each", Value: stored}}})
	return nil
}

func elementsToBSON(objects []Value) (any, error) {
	if err := CheckKeys(Array(objects)); err != nil {
		return nil, err
	}
	return ToBSON(Array(objects)), nil
}

// pathToBSON returns the stored form of the value at a path: the nested form
// below the top level.
func pathToBSON(path string, t FieldType, v Value) (any, error) {
	if !strings.Contains(path, ".") {
		return FieldToBSON(t, v)
	}
	if err := CheckKeys(v); err != nil {
		return nil, err
	}
	return ToBSON(v), nil
}
