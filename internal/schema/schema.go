// Package schema holds what an app knows of its classes: fields, permissions
// and indexes. A Snapshot is immutable; a change makes another one.
package schema

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// Snapshot is the state of an app's classes at one moment. It is immutable and
// safe to share.
type Snapshot struct {
	classes map[string]*Class
}

// Class returns a class by name, or nil when there is none.
func (s *Snapshot) Class(name string) *Class { return s.classes[name] }

// Class describes one class. It is immutable.
type Class struct {
	Name string
	// Fields are all fields by name, the default ones (objectId, createdAt,
	// updatedAt, ACL and a system class's own) among them.
	Fields      map[string]*Field
	Permissions Permissions
	// Indexes are the index definitions kept in the schema, by name; nil when
	// the schema has none.
	Indexes map[string]bson.D
}

// Field is a field of a class.
type Field struct {
	Name     string
	Type     parse.FieldType
	Required bool
	// Default is the value of the field when a new object lacks it; nil means none.
	Default parse.Value
}

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

// Permissions are a class's class-level permissions (CLP).
type Permissions struct {
	Grants [operationCount]Grant
	// ProtectedFields are the fields hidden from a group: "*",
	// "authenticated", "role:Name", a user id, "userField:<pointer>".
	ProtectedFields map[string][]string
	// ReadUserFields and WriteUserFields are pointer fields whose users may
	// read (find, get, count), respectively write (create, update, delete,
	// addField), the object.
	ReadUserFields, WriteUserFields []string
}

// Grant says who may do one operation.
type Grant struct {
	Public                 bool // "*"
	RequiresAuthentication bool
	Users                  map[string]bool // user ids
	Roles                  map[string]bool // role names, without "role:"
	PointerFields          []string
}
