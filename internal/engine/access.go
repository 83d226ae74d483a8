package engine

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
)

// admit decides from the class's name alone whether the caller may operate on
// it at all: internal classes are the master key's, and the read-only master
// key writes nothing (advisories A09, A10, A24).
func (e *Engine) admit(c Caller, class string, op schema.Operation) error {
	writes := op == schema.OpCreate || op == schema.OpUpdate || op == schema.OpDelete || op == schema.OpAddField
	if c.Scope == ScopeReadOnlyMaster && writes {
		return e.denied("read-only masterKey isn't allowed to perform the " + op.String() + " operation.")
	}
	if c.Master() {
		return nil
	}
	switch {
	case class == "_Installation" && (op == schema.OpFind || op == schema.OpCount || op == schema.OpDelete):
		return e.denied("Clients aren't allowed to perform the " + op.String() + " operation on the installation collection.")
	case schema.MasterOnly(class):
		return e.denied("Clients aren't allowed to perform the " + op.String() + " operation on the " + class + " collection.")
	}
	return nil
}

// permit decides by class-level permissions. What it returns is a condition
// that the objects must satisfy when the caller is let in only through pointer
// fields; nil means every object.
func (e *Engine) permit(c Caller, class *schema.Class, op schema.Operation) (bson.D, error) {
	if c.Master() {
		return nil, nil
	}
	fields, err := class.Permissions.Test(class.Name, op, c.UserID, c.Roles)
	if err != nil {
		return nil, e.sanitize(err)
	}
	if len(fields) == 0 {
		return nil, nil
	}
	if c.UserID == "" {
		return nothing, nil // no field can name who is not signed in
	}
	var owners bson.A
	for _, name := range fields {
		field := class.Fields[name]
		if field == nil {
			continue
		}
		switch field.Type.Kind {
		case parse.KindPointer:
			owners = append(owners, bson.D{{Key: parse.StorageName(name, field.Type), Value: "_User$" + c.UserID}})
		case parse.KindArray:
			owners = append(owners, bson.D{{Key: name, Value: bson.D{{Key: "$elemMatch", Value: bson.D{
				{Key: "className", Value: "_User"}, {Key: "objectId", Value: c.UserID}}}}}})
		case parse.KindObject:
			owners = append(owners, bson.D{
				{Key: name + ".className", Value: "_User"}, {Key: name + ".objectId", Value: c.UserID}})
		}
	}
	switch len(owners) {
	case 0:
		return nil, e.denied("Permission denied for action " + op.String() + " on class " + class.Name + ".")
	case 1:
		return owners[0].(bson.D), nil
	}
	return bson.D{{Key: "$or", Value: owners}}, nil
}

// nothing is a condition that no object satisfies.
var nothing = bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{}}}}}

// identities are the names under which ACLs may let the caller in, "*" apart. A
// user whose id reads like a role is nobody to them: a database that comes from
// elsewhere may have one (advisory A20).
func (c Caller) identities() []string {
	if c.UserID == "" {
		return nil
	}
	ids := make([]string, 0, 1+len(c.Roles))
	if !strings.HasPrefix(c.UserID, rolePrefix) {
		ids = append(ids, c.UserID)
	}
	for _, role := range c.Roles {
		ids = append(ids, rolePrefix+role)
	}
	return ids
}

// rolePrefix is before the names of roles in ACLs, and begins no object's id.
const rolePrefix = "role:"

// readable adds to a filter that the caller may read the object.
func readable(filter bson.D, c Caller) bson.D {
	if c.Master() {
		return filter
	}
	return append(filter, query.ReadableBy(c.identities()))
}

// writable adds to a filter that the caller may write the object.
func writable(filter bson.D, c Caller) bson.D {
	if c.mayWriteAsMaster() {
		return filter
	}
	return append(filter, query.WritableBy(c.identities()))
}

// checkPath refuses to filter or sort by a field that the caller may not see:
// an answer that depends on a hidden value reveals it (advisories A03, A06,
// A07, F10).
func (e *Engine) checkPath(c Caller, class *schema.Class, hidden map[string]bool, path string) error {
	field := query.Root(path)
	if c.Scope == ScopeReadOnlyMaster && (slices.Contains(secrets[class.Name], field) || class.Name == "_User" && identifies(field)) {
		return e.denied("read-only masterKey isn't allowed to query " + path + " on class " + class.Name)
	}
	if query.Internal(field) && !queryableInternal(c, class.Name, field) {
		return parse.Errorf(parse.InvalidKeyName, "Invalid key name: %s", path)
	}
	if hidden[field] {
		return e.denied("This user is not allowed to query " + path + " on class " + class.Name)
	}
	return nil
}

// identifies tells whether a field of users says how they sign in with providers.
func identifies(field string) bool {
	return field == "authData" || strings.HasPrefix(field, authDataPrefix)
}

// queryableInternal tells which stored, undeclared fields may be filtered by.
func queryableInternal(c Caller, class, field string) bool {
	if field == "_rperm" || field == "_wperm" {
		return true
	}
	return c.Master() && schema.InternalField(class, field)
}
