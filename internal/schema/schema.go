// Package schema holds what an app knows of its classes: fields, permissions
// and indexes. A Snapshot is immutable; a change makes another one. The Catalog
// keeps the classes in the store, in Parse Server's collection _SCHEMA, and the
// snapshot that is in force.
package schema

import (
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// Snapshot is the state of an app's classes at one moment. It is immutable and
// safe to share.
type Snapshot struct {
	classes map[string]*Class
}

// NewSnapshot returns a snapshot of classes, and of the internal classes that
// are always there.
func NewSnapshot(classes ...*Class) *Snapshot {
	s := &Snapshot{classes: make(map[string]*Class, len(classes)+len(internalClasses))}
	for _, name := range internalClasses {
		s.classes[name] = newInternalClass(name)
	}
	for _, class := range classes {
		s.classes[class.Name] = class
	}
	return s
}

// Class returns a class by name, or nil when there is none.
func (s *Snapshot) Class(name string) *Class { return s.classes[name] }

// Classes returns the classes by name, without the internal ones that only
// exist in memory.
func (s *Snapshot) Classes() []*Class {
	classes := make([]*Class, 0, len(s.classes))
	for _, name := range slices.Sorted(maps.Keys(s.classes)) {
		if class := s.classes[name]; !class.unstored {
			classes = append(classes, class)
		}
	}
	return classes
}

// with returns the snapshot that differs in one class; nil removes it.
func (s *Snapshot) with(name string, class *Class) *Snapshot {
	classes := maps.Clone(s.classes)
	switch {
	case class != nil:
		classes[name] = class
	case slices.Contains(internalClasses, name):
		classes[name] = newInternalClass(name)
	default:
		delete(classes, name)
	}
	return &Snapshot{classes: classes}
}

// same tells whether both have the very same classes.
func (s *Snapshot) same(t *Snapshot) bool {
	return maps.EqualFunc(s.classes, t.classes, func(a, b *Class) bool { return a == b || a.unstored && b.unstored })
}

// Class describes one class. It is immutable.
type Class struct {
	Name string
	// Fields are all fields by name, the default ones (objectId, createdAt,
	// updatedAt, ACL and a system class's own) among them.
	Fields map[string]*Field
	// Permissions are those in force: what the class's schema says, and the
	// fields that the app's options protect besides.
	Permissions Permissions
	// Indexes are the index definitions kept in the schema, by name; nil when
	// the schema has none.
	Indexes map[string]bson.D

	// names are the fields in the order in which they are shown.
	names []string
	types map[string]parse.FieldType
	// obligations are the fields with a default or a requirement.
	obligations []string
	// indexNames are the indexes in the order in which they are shown.
	indexNames []string
	// protected are the protected fields that the class's own schema names.
	protected map[string][]string
	// document is what the store keeps of the class; nil when it keeps none.
	document bson.Raw
	// unstored says that the class exists in memory only.
	unstored bool
}

// Field is a field of a class.
type Field struct {
	Name     string
	Type     parse.FieldType
	Required bool
	// Default is the value of the field when a new object lacks it; nil means none.
	Default parse.Value

	// options are what the schema says of the field besides its type, Required
	// and Default among it; nil when nothing.
	options *parse.Object
}

func (f *Field) setOptions(o *parse.Object) {
	f.options, f.Required, f.Default = nil, false, nil
	if len(o.Members) == 0 {
		return
	}
	f.options = o
	if required, ok := o.Get("required"); ok {
		f.Required = required == parse.Value(parse.Bool(true))
	}
	if v, ok := o.Get("defaultValue"); ok && v != parse.Value(parse.Null{}) {
		f.Default = v
	}
}

// sealed fills in what is derived from the class's fields, in the order given.
func (c *Class) sealed(fields []Field) *Class {
	c.Fields = make(map[string]*Field, len(fields))
	c.types = make(map[string]parse.FieldType, len(fields))
	for i := range fields {
		f := &fields[i]
		if _, again := c.Fields[f.Name]; !again {
			c.names = append(c.names, f.Name)
		}
		c.Fields[f.Name], c.types[f.Name] = f, f.Type
	}
	for _, name := range c.names {
		if f := c.Fields[name]; f.Required || f.Default != nil {
			c.obligations = append(c.obligations, name)
		}
	}
	return c
}

// FieldNames are the class's fields, the default ones first and then in the
// order of the schema. The caller must not change it.
func (c *Class) FieldNames() []string {
	if c.names == nil {
		return slices.Sorted(maps.Keys(c.Fields))
	}
	return c.names
}

// Types are the types of the class's fields. The caller must not change it.
func (c *Class) Types() map[string]parse.FieldType {
	if c.types != nil {
		return c.types
	}
	types := make(map[string]parse.FieldType, len(c.Fields))
	for name, f := range c.Fields {
		types[name] = f.Type
	}
	return types
}

// Obligations are the fields that every new object must have: those that are
// required or have a default. The caller must not change it.
func (c *Class) Obligations() []string {
	if c.names != nil {
		return c.obligations
	}
	var names []string
	for _, name := range c.FieldNames() {
		if f := c.Fields[name]; f.Required || f.Default != nil {
			names = append(names, name)
		}
	}
	return names
}

// Missing returns which of the wanted fields the class lacks, in alphabetical
// order, or an error when it has one with another type (parse.IncorrectType) or
// one has a name that no field may have (parse.InvalidKeyName). A wanted type
// of parse.KindInvalid fits any field and adds none. A nil class, named name,
// has no fields but the default ones.
func (c *Class) Missing(name string, wanted map[string]parse.FieldType) ([]string, error) {
	var missing, wrong []string
	for field, t := range wanted {
		has, ok := c.typeOf(name, field)
		switch {
		case ok && (t.Kind == parse.KindInvalid || has == t):
		case ok || !ValidFieldName(field):
			wrong = append(wrong, field)
		case t.Kind != parse.KindInvalid:
			missing = append(missing, field)
		}
	}
	if len(wrong) > 0 {
		field := slices.Min(wrong)
		if has, ok := c.typeOf(name, field); ok {
			return nil, mismatch(name, field, has, wanted[field])
		}
		return nil, parse.Errorf(parse.InvalidKeyName, "Invalid field name: %s.", field)
	}
	slices.Sort(missing)
	return missing, nil
}

// typeOf returns the type of a field of the class, which is named name; a nil
// class has the default fields only.
func (c *Class) typeOf(name, field string) (parse.FieldType, bool) {
	if c == nil {
		return defaultType(name, field)
	}
	f, ok := c.Fields[field]
	if !ok {
		return parse.FieldType{}, false
	}
	return f.Type, true
}

// mismatch is the error about a field that is used with another type than it has.
func mismatch(class, field string, has, got parse.FieldType) error {
	return parse.Errorf(parse.IncorrectType, "schema mismatch for %s.%s; expected %s but got %s", class, field, has, got)
}
