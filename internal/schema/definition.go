package schema

import (
	"slices"

	"github.com/loam-baas/loam/internal/parse"
)

// definition is what the body of a schema request asks for, validated against
// the class that it is about.
type definition struct {
	added   []Field
	deleted []*Field
	// optioned are fields that are there and get other options.
	optioned []Field
	// permissions are the new class-level permissions when setPermissions is
	// true; nil then means the default ones.
	permissions    *parse.Object
	setPermissions bool
	indexes        indexChanges
}

// rules are the options that a definition is validated under.
type rules struct {
	// customIDs: user ids may be any text (option allowCustomObjectId).
	customIDs bool
	// anyIndexField: indexes may name fields that the class does not have
	// (option databaseOptions.disableIndexFieldValidation).
	anyIndexField bool
}

var errInvalidJSON = parse.NewError(parse.InvalidJSON, "invalid JSON")

// defineClass validates the body that creates a class.
func defineClass(name string, body *parse.Object, r rules) (*definition, error) {
	if !ValidClassName(name) {
		return nil, InvalidClassName(name)
	}
	fields, err := memberObject(body, "fields")
	if err != nil {
		return nil, err
	}
	d := &definition{}
	all := initialFields(name, len(fields))
	for _, m := range fields {
		f, err := newField(name, m)
		if err != nil {
			return nil, err
		}
		d.added = append(d.added, f)
	}
	return d, d.complete(nil, append(all, d.added...), body, r)
}

// redefineClass validates the body that changes a class.
func redefineClass(class *Class, body *parse.Object, r rules) (*definition, error) {
	fields, err := memberObject(body, "fields")
	if err != nil {
		return nil, err
	}
	// Whether the fields may be changed at all comes before how.
	for _, m := range fields {
		o, _ := m.Value.(*parse.Object)
		old := class.Fields[m.Key]
		switch deletion := isDeletion(o); {
		case old == nil && deletion:
			return nil, parse.Errorf(parse.ClassNotEmpty, "Field %s does not exist, cannot delete.", m.Key)
		case old != nil && !deletion && typeName(o) != old.Type.Kind.String():
			return nil, parse.Errorf(parse.ClassNotEmpty, "Field %s exists, cannot update.", m.Key)
		}
	}
	d := &definition{}
	for _, m := range fields {
		if err := d.change(class, m); err != nil {
			return nil, err
		}
	}
	all := make([]Field, 0, len(class.Fields)+len(d.added))
	for _, name := range class.FieldNames() {
		if f := class.Fields[name]; !slices.Contains(d.deleted, f) {
			all = append(all, *f)
		}
	}
	if err := d.complete(class, append(all, d.added...), body, r); err != nil {
		return nil, err
	}
	for _, f := range d.deleted {
		if isDefaultField(class.Name, f.Name) {
			return nil, parse.Errorf(parse.ImmutableDeviceField, "field %s cannot be changed", f.Name)
		}
	}
	return d, nil
}

// change takes in one member of "fields".
func (d *definition) change(class *Class, m parse.Member) error {
	old := class.Fields[m.Key]
	o, _ := m.Value.(*parse.Object)
	switch {
	case old == nil:
		f, err := newField(class.Name, m)
		d.added = append(d.added, f)
		return err
	case isDeletion(o):
		d.deleted = append(d.deleted, old)
	case isDefaultField("", m.Key):
		// The fields that every class has are as they are.
	default:
		f, err := decodeField(class.Name, m)
		if err != nil {
			return err
		}
		if f.Type != old.Type {
			return mismatch(class.Name, m.Key, old.Type, f.Type)
		}
		if !sameOptions(f.options, old.options) {
			d.optioned = append(d.optioned, f)
		}
	}
	return nil
}

// complete validates what the fields are needed for: fields are all that the
// class, nil when it is a new one, is going to have.
func (d *definition) complete(class *Class, fields []Field, body *parse.Object, r rules) error {
	types := make(fieldSet, len(fields))
	point := ""
	for _, f := range fields {
		types[f.Name] = f.Type
		if f.Type.Kind != parse.KindGeoPoint {
			continue
		}
		if point != "" {
			return parse.Errorf(parse.IncorrectType,
				"currently, only one GeoPoint field may exist in an object. Adding %s when %s already exists.", f.Name, point)
		}
		point = f.Name
	}
	if err := d.decodePermissions(body, permissionCheck{fields: types, customIDs: r.customIDs}); err != nil {
		return err
	}
	var err error
	d.indexes, err = decodeIndexChanges(class, body, types, r.anyIndexField)
	return err
}

func (d *definition) decodePermissions(body *parse.Object, check permissionCheck) error {
	v, ok := body.Get("classLevelPermissions")
	if !ok {
		return nil
	}
	d.setPermissions = true
	switch v := v.(type) {
	case parse.Null:
		return nil
	case *parse.Object:
		d.permissions = v
		return check.check(v)
	}
	return errInvalidJSON
}

// newField reads a field that a class does not have yet.
func newField(class string, m parse.Member) (Field, error) {
	switch {
	case !ValidFieldName(m.Key):
		return Field{}, parse.Errorf(parse.InvalidKeyName, "invalid field name: %s", m.Key)
	case isDefaultField(class, m.Key):
		return Field{}, parse.Errorf(parse.ImmutableDeviceField, "field %s cannot be added", m.Key)
	}
	return decodeField(class, m)
}

// decodeField reads {"type":…, "targetClass":…, "required":…, "defaultValue":…}.
func decodeField(class string, m parse.Member) (Field, error) {
	o, ok := m.Value.(*parse.Object)
	if !ok {
		return Field{}, errInvalidJSON
	}
	f := Field{Name: m.Key}
	var err error
	if f.Type, err = decodeRESTType(o); err != nil {
		return Field{}, err
	}
	options := &parse.Object{}
	for _, option := range o.Members {
		if option.Key != "type" && option.Key != "targetClass" {
			options.Members = append(options.Members, option)
		}
	}
	if err := parse.CheckKeys(options); err != nil {
		return Field{}, err
	}
	f.setOptions(options)
	return f, f.checkOptions(class)
}

// checkOptions validates the field's default and requirement.
func (f *Field) checkOptions(class string) error {
	relation := f.Type.Kind == parse.KindRelation
	if f.Default == nil {
		if relation && f.Required {
			return parse.Errorf(parse.IncorrectType, "The 'required' option is not applicable for %s", f.Type)
		}
		return nil
	}
	got, err := parse.TypeOf(f.Default)
	if err != nil {
		return err
	}
	switch {
	case relation && got.TargetClass != "":
		return parse.Errorf(parse.IncorrectType, "The 'default value' option is not applicable for %s", f.Type)
	case got != f.Type:
		return parse.Errorf(parse.IncorrectType,
			"schema mismatch for %s.%s default value; expected %s but got %s", class, f.Name, f.Type, got)
	}
	if _, operation, _ := parse.OperationOf(f.Default); operation {
		return parse.Errorf(parse.IncorrectType,
			"schema mismatch for %s.%s default value; expected %s but got %s", class, f.Name, f.Type, objectType)
	}
	return nil
}

func decodeRESTType(o *parse.Object) (parse.FieldType, error) {
	switch name := typeName(o); name {
	case "":
		if v, _ := o.Get("type"); v == parse.String("") {
			return parse.FieldType{}, parse.NewError(parse.IncorrectType, "invalid field type: ")
		}
		return parse.FieldType{}, errInvalidJSON
	case "Pointer", "Relation":
		kind := parse.KindPointer
		if name == "Relation" {
			kind = parse.KindRelation
		}
		target, err := decodeTarget(o, name)
		return parse.FieldType{Kind: kind, TargetClass: target}, err
	default:
		for _, kind := range storedKinds {
			if name == kind.String() {
				return parse.FieldType{Kind: kind}, nil
			}
		}
		return parse.FieldType{}, parse.Errorf(parse.IncorrectType, "invalid field type: %s", name)
	}
}

func decodeTarget(o *parse.Object, kind string) (string, error) {
	v, ok := o.Get("targetClass")
	if !ok || v == parse.Value(parse.Null{}) || v == parse.Value(parse.String("")) {
		return "", parse.Errorf(parse.MissingDeviceField, "type %s needs a class name", kind)
	}
	target, ok := v.(parse.String)
	if !ok {
		return "", errInvalidJSON
	}
	if !ValidClassName(string(target)) {
		return "", InvalidClassName(string(target))
	}
	return string(target), nil
}

// typeName is the member "type" of a field's definition, "" when it is no text.
func typeName(o *parse.Object) string {
	v, _ := o.Get("type")
	name, _ := v.(parse.String)
	return string(name)
}

// isDeletion tells whether o is {"__op":"Delete"}.
func isDeletion(o *parse.Object) bool {
	op, _ := o.Get("__op")
	return op == parse.Value(parse.String("Delete"))
}

// memberObject returns the members of the object at a key of the body; none
// when there is no such key.
func memberObject(body *parse.Object, key string) ([]parse.Member, error) {
	v, ok := body.Get(key)
	if !ok {
		return nil, nil
	}
	o, ok := v.(*parse.Object)
	if !ok {
		return nil, errInvalidJSON
	}
	return o.Members, nil
}

func sameOptions(a, b *parse.Object) bool {
	if a == nil || b == nil {
		return a == b
	}
	return parse.Equal(a, b)
}
