package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// Operation is a class-level operation that permissions are given for.
type Operation uint8

// The operations of class-level permissions.
const (
	OpFind Operation = iota
	OpCount
	OpGet
	OpCreate
	OpUpdate
	OpDelete
	OpAddField
	operationCount
)

var operationNames = [operationCount]string{"find", "count", "get", "create", "update", "delete", "addField"}

// String gives the operation's name on the wire, such as "addField".
func (op Operation) String() string { return operationNames[op] }

// reads tells whether the operation is one that ReadUserFields are for.
func (op Operation) reads() bool { return op == OpFind || op == OpCount || op == OpGet }

// Permissions are a class's class-level permissions (CLP). The zero value
// admits nobody but the master key.
type Permissions struct {
	Grants [operationCount]Grant
	// ProtectedFields are the fields hidden from a group: "*",
	// "authenticated", "role:Name", a user id, "userField:<pointer>".
	ProtectedFields map[string][]string
	// ReadUserFields and WriteUserFields are pointer fields whose users may
	// read (find, get, count), respectively write (update, delete, addField),
	// the object.
	ReadUserFields, WriteUserFields []string
	// DefaultACL is the ACL of new objects that come without one, in its REST
	// form; its key "currentUser" stands for the user who creates the object.
	// nil means that they have none.
	DefaultACL *parse.Object
	// publicACL says that the default ACL lets everybody read and write, which
	// is shown but is otherwise none.
	publicACL bool
}

// Grant says who may do one operation.
type Grant struct {
	Public                 bool // "*"
	RequiresAuthentication bool
	Users                  map[string]bool // user ids
	Roles                  map[string]bool // role names, without "role:"
	PointerFields          []string
}

// OwnerMask is a rule about objects whose field names the caller.
type OwnerMask struct {
	// Field is a pointer or an array of pointers.
	Field string
	// Hidden are the protected fields of the rule: of the fields hidden by the
	// other rules, those that are not among them are shown to the owner.
	Hidden []string
}

// publicPermissions are those of a class whose schema says nothing.
func publicPermissions() Permissions {
	p := Permissions{publicACL: true, ProtectedFields: map[string][]string{"*": {}}}
	for op := range p.Grants {
		p.Grants[op].Public = true
	}
	return p
}

// Test decides whether a user may do an operation on a class; userID is "" for
// callers who are not signed in, and roles are names without "role:".
//
// When it returns fields, the user may do it to those objects only of which
// one of the fields names the user; to a caller who is not signed in no object
// does. A create is never restricted in this way but denied, since the object
// is not there yet. The caller must not change what it gets.
//
// Errors are parse.OperationForbidden, and parse.ObjectNotFound when it is only
// a user that is missing, as in parse-server.
func (p *Permissions) Test(class string, op Operation, userID string, roles []string) ([]string, error) {
	grant := &p.Grants[op]
	if grant.Public || grant.names(userID, roles) {
		return nil, nil
	}
	if op == OpCreate || grant.RequiresAuthentication && userID == "" {
		return nil, p.TestNew(class, op, userID, roles)
	}
	fields := p.ownerFields(op)
	if len(fields) == 0 && !grant.RequiresAuthentication {
		return nil, denied(class, op)
	}
	return fields, nil
}

// TestNew decides about an operation that no stored object is part of, so that
// no field can name the user: a create, and the addField that is part of one.
// Its errors are those of Test.
func (p *Permissions) TestNew(class string, op Operation, userID string, roles []string) error {
	grant := &p.Grants[op]
	switch {
	case grant.Public || grant.names(userID, roles):
		return nil
	case !grant.RequiresAuthentication:
		return denied(class, op)
	case userID == "":
		return parse.NewError(parse.ObjectNotFound, "Permission denied, user needs to be authenticated.")
	}
	return nil
}

func denied(class string, op Operation) error {
	return parse.Errorf(parse.OperationForbidden, "Permission denied for action %s on class %s.", op, class)
}

// names tells whether the grant names the user or one of the roles. Ids and role
// names are looked up apart from each other: a user whose id reads "role:admin"
// has no role by it (advisory A20).
func (g *Grant) names(userID string, roles []string) bool {
	if userID != "" && g.Users[userID] {
		return true
	}
	if len(g.Roles) == 0 {
		return false
	}
	for _, role := range roles {
		if g.Roles[role] {
			return true
		}
	}
	return false
}

// ownerFields are the fields whose users may do an operation.
func (p *Permissions) ownerFields(op Operation) []string {
	own, group := p.Grants[op].PointerFields, p.WriteUserFields
	if op.reads() {
		group = p.ReadUserFields
	}
	if len(own) == 0 {
		return group
	}
	fields := slices.Clip(own)
	for _, field := range group {
		if !slices.Contains(own, field) {
			fields = append(fields, field)
		}
	}
	return fields
}

// publicACL lets everybody read and write, as having no ACL does.
func publicACL() *parse.Object {
	return &parse.Object{Members: []parse.Member{{Key: "*", Value: &parse.Object{Members: []parse.Member{
		{Key: "read", Value: parse.Bool(true)}, {Key: "write", Value: parse.Bool(true)}}}}}}
}

// ProtectedFieldsFor returns the fields that are hidden from a user ("" for a
// caller who is not signed in): those that all rules for groups that the user
// is in have in common. owners are the rules to apply to each object besides.
// The caller must not change what it gets.
func (p *Permissions) ProtectedFieldsFor(userID string, roles []string) (hidden []string, owners []OwnerMask) {
	if len(p.ProtectedFields) == 0 {
		return nil, nil
	}
	ruled := false
	apply := func(group string) {
		fields, ok := p.ProtectedFields[group]
		switch {
		case !ok:
		case !ruled:
			hidden, ruled = fields, true
		default:
			hidden = intersection(hidden, fields)
		}
	}
	apply("*")
	if userID == "" {
		return hidden, nil
	}
	apply("authenticated")
	if isUserGroup(userID) {
		apply(userID)
	}
	for _, role := range roles {
		apply("role:" + role)
	}
	if len(hidden) == 0 {
		return nil, nil
	}
	for group, fields := range p.ProtectedFields {
		if field, ok := strings.CutPrefix(group, ownerPrefix); ok {
			owners = append(owners, OwnerMask{Field: field, Hidden: fields})
		}
	}
	return hidden, owners
}

const (
	rolePrefix  = "role:"
	ownerPrefix = "userField:"
)

// isUserGroup tells whether a key of protectedFields can be a user's id, and is
// not one of the other groups.
func isUserGroup(key string) bool {
	return key != "*" && key != "authenticated" && !strings.HasPrefix(key, rolePrefix) && !strings.HasPrefix(key, ownerPrefix)
}

// intersection returns the elements that both have, in the order of a.
func intersection(a, b []string) []string {
	var both []string
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}

// protecting returns the permissions with more protected fields. Owner rules
// about fields that the class does not have can't hold, and go.
func (p Permissions) protecting(more map[string][]string, fields map[string]*Field) Permissions {
	p.ProtectedFields = mergeProtected(p.ProtectedFields, more)
	maps.DeleteFunc(p.ProtectedFields, func(group string, _ []string) bool {
		field, owner := strings.CutPrefix(group, ownerPrefix)
		return owner && fields[field] == nil
	})
	return p
}

// mergeProtected joins the protected fields of each group.
func mergeProtected(a, b map[string][]string) map[string][]string {
	merged := make(map[string][]string, len(a)+len(b))
	for group, names := range a {
		merged[group] = slices.Clip(names)
	}
	for group, names := range b {
		for _, name := range names {
			if !slices.Contains(merged[group], name) {
				merged[group] = append(merged[group], name)
			}
		}
	}
	return merged
}
