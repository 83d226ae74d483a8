package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// Definitions are classes as they are to be, kept as code (Parse Server's option
// schema). The fields carry the meaning of the option's members.
type Definitions struct {
	// Classes have the form of the REST API: {"className":…, "fields":{…},
	// "classLevelPermissions":{…}, "indexes":{…}}.
	Classes []*parse.Object
	// Strict warns of classes and fields that no definition has.
	Strict bool
	// DeleteExtraFields deletes fields that a class's definition lacks, with their data.
	DeleteExtraFields bool
	// RecreateModifiedFields deletes fields of another type than defined, with
	// their data, and makes them anew.
	RecreateModifiedFields bool
	// KeepUnknownIndexes keeps indexes that a class's definition lacks.
	KeepUnknownIndexes bool
}

// Plan is what it takes to make the classes be as defined.
type Plan struct {
	Steps []Step
	// Warnings are about differences that stay.
	Warnings []string
}

// Step is one change of one class.
type Step struct {
	Class string
	// Create tells that the class is made, otherwise changed.
	Create bool
	// Body is that of the request of the schema API that does it.
	Body *parse.Object
	// Changes say what it does, in words.
	Changes []string
}

// Plan compares the classes with their definitions. As in parse-server, what a
// definition does not permit is closed, and no client adds fields to any class.
// A definition that can't be is the error that the schema API has for it.
func (c *Catalog) Plan(ctx context.Context, d Definitions) (*Plan, error) {
	if err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	p := &planner{Definitions: d, rules: c.rules(), plan: &Plan{}}
	defined := make(map[string]bool)
	for _, definition := range d.Classes {
		v, _ := definition.Get("className")
		name, ok := v.(parse.String)
		switch {
		case !ok:
			return nil, parse.NewError(parse.InvalidClassName, "a class definition has no className")
		case defined[string(name)]:
			return nil, parse.Errorf(parse.InvalidClassName, "class %s is defined twice", name)
		}
		defined[string(name)] = true
		if err := p.class(string(name), c.Snapshot().Class(string(name)), definition); err != nil {
			return nil, fmt.Errorf("definition of class %s: %w", name, err)
		}
	}
	for _, class := range c.Snapshot().Classes() {
		if !defined[class.Name] {
			p.undefined(class)
		}
	}
	return p.plan, nil
}

// Apply carries out a plan. Steps that another process has carried out meanwhile
// are errors: plan again.
func (c *Catalog) Apply(ctx context.Context, p *Plan) error {
	for _, s := range p.Steps {
		change := c.UpdateClass
		if s.Create {
			change = c.CreateClass
		}
		if _, err := change(ctx, s.Class, s.Body); err != nil {
			return fmt.Errorf("class %s: %w", s.Class, err)
		}
	}
	return nil
}

// planner makes a plan.
type planner struct {
	Definitions
	rules rules
	plan  *Plan
}

func (p *planner) warn(format string, args ...any) {
	p.plan.Warnings = append(p.plan.Warnings, fmt.Sprintf(format, args...))
}

// undefined closes a class that no definition has to new fields.
func (p *planner) undefined(class *Class) {
	if p.Strict && !strings.HasPrefix(class.Name, "_") {
		p.warn("class %s is in the database, but not defined", class.Name)
	}
	if len(class.Permissions.Grants[OpAddField].object().Members) == 0 {
		return
	}
	permissions := class.Permissions.object(class.protected)
	permissions.Set(OpAddField.String(), &parse.Object{})
	s := newStep(class)
	s.permissions(permissions, "close to new fields")
	p.plan.Steps = append(p.plan.Steps, s.Step)
}

// class plans one class, nil when there is none yet. Classes that exist in
// memory only are as they are.
func (p *planner) class(name string, class *Class, definition *parse.Object) error {
	wanted, err := p.wanted(name, definition)
	if err != nil || class != nil && class.unstored {
		return err
	}
	if class == nil {
		s := &step{Step: Step{Class: name, Create: true, Body: wanted.body(), Changes: []string{"make the class"}}}
		for _, f := range wanted.fields {
			s.Changes = append(s.Changes, "add field "+describe(f))
		}
		for _, ix := range wanted.indexes {
			s.Changes = append(s.Changes, "make index "+ix.name)
		}
		p.plan.Steps = append(p.plan.Steps, s.Step)
		return nil
	}
	away, anew := newStep(class), newStep(class)
	p.fields(class, wanted, away, anew)
	p.indexes(class, wanted, away, anew)
	if has := class.Permissions.object(class.protected); !parse.Equal(has, wanted.permissions) {
		anew.permissions(wanted.permissions, "change permissions")
	}
	for _, s := range []*step{away, anew} {
		if len(s.Changes) > 0 {
			p.plan.Steps = append(p.plan.Steps, s.Step)
		}
	}
	return nil
}

// wantedClass is a valid definition. Fields and indexes that the class has
// anyway are not part of it.
type wantedClass struct {
	fields      []Field
	indexes     []indexDefinition
	permissions *parse.Object
}

func (p *planner) wanted(name string, definition *parse.Object) (*wantedClass, error) {
	for _, m := range definition.Members {
		switch m.Key {
		case "className", "fields", "indexes", "classLevelPermissions":
		default:
			return nil, parse.Errorf(parse.InvalidJSON, "unknown member %q", m.Key)
		}
	}
	body := &parse.Object{}
	for _, list := range []struct {
		key  string
		skip func(string) bool
	}{
		{"fields", func(field string) bool { return isDefaultField(name, field) }},
		{"indexes", func(index string) bool { return index == idIndex || slices.Contains(systemIndexes[name], index) }},
	} {
		members, err := memberObject(definition, list.key)
		if err != nil {
			return nil, err
		}
		kept := slices.DeleteFunc(slices.Clone(members), func(m parse.Member) bool { return list.skip(m.Key) })
		body.Set(list.key, &parse.Object{Members: kept})
	}
	permissions := &parse.Object{}
	if v, ok := definition.Get("classLevelPermissions"); ok {
		o, isObject := v.(*parse.Object)
		if !isObject {
			return nil, errInvalidJSON
		}
		permissions.Members = slices.Clone(o.Members)
	} else {
		p.warn("class %s is defined without classLevelPermissions: only the master key gets at it", name)
	}
	permissions.Set(OpAddField.String(), &parse.Object{})
	body.Set("classLevelPermissions", permissions)
	d, err := defineClass(name, body, p.rules)
	if err != nil {
		return nil, err
	}
	decoded := decodePermissions(permissions)
	return &wantedClass{fields: d.added, indexes: d.indexes.added, permissions: decoded.object(decoded.ProtectedFields)}, nil
}

// systemIndexes are the indexes that system classes have whatever is defined.
var systemIndexes = map[string][]string{
	"_User":        {"username_1", "email_1", "case_insensitive_username", "case_insensitive_email", "_email_verify_token", "_perishable_token"},
	"_Role":        {"name_1"},
	"_Idempotency": {"reqId_1", "ttl"},
}

// body is that of the request that makes the class.
func (w *wantedClass) body() *parse.Object {
	s := &step{Step: Step{Body: &parse.Object{}}}
	for i := range w.fields {
		s.set("fields", w.fields[i].Name, w.fields[i].object())
	}
	for _, ix := range w.indexes {
		s.set("indexes", ix.name, indexObject(ix.keys))
	}
	s.Body.Set("classLevelPermissions", w.permissions)
	return s.Body
}

func (p *planner) fields(class *Class, wanted *wantedClass, away, anew *step) {
	for i := range wanted.fields {
		f := &wanted.fields[i]
		old := class.Fields[f.Name]
		switch {
		case old == nil:
			anew.set("fields", f.Name, f.object())
			anew.change("add field %s", describe(*f))
		case old.Type == f.Type && !sameOptions(old.options, f.options):
			anew.set("fields", f.Name, f.object())
			anew.change("change field %s", describe(*f))
		case old.Type == f.Type:
		case p.RecreateModifiedFields:
			away.set("fields", f.Name, deletion())
			away.change("delete field %s with its data, as it is to be a %s", describe(*old), f.Type)
			anew.set("fields", f.Name, f.object())
			anew.change("add field %s", describe(*f))
		default:
			p.warn("field %s of class %s is a %s, but defined as a %s: it stays as it is", f.Name, class.Name, old.Type, f.Type)
		}
	}
	for _, name := range class.FieldNames() {
		if isDefaultField(class.Name, name) || slices.ContainsFunc(wanted.fields, func(f Field) bool { return f.Name == name }) {
			continue
		}
		switch {
		case p.DeleteExtraFields:
			away.set("fields", name, deletion())
			away.change("delete field %s with its data", describe(*class.Fields[name]))
		case p.Strict:
			p.warn("field %s of class %s is in the database, but not defined", name, class.Name)
		}
	}
}

func (p *planner) indexes(class *Class, wanted *wantedClass, away, anew *step) {
	for _, ix := range wanted.indexes {
		has, ok := class.Indexes[ix.name]
		if ok && sameIndex(has, ix.keys) {
			continue
		}
		if ok {
			away.set("indexes", ix.name, deletion())
			away.change("drop index %s, as its keys change", ix.name)
		}
		anew.set("indexes", ix.name, indexObject(ix.keys))
		anew.change("make index %s", ix.name)
	}
	if p.KeepUnknownIndexes {
		return
	}
	for _, name := range class.indexNames {
		known := name == idIndex || slices.Contains(systemIndexes[class.Name], name) ||
			slices.ContainsFunc(wanted.indexes, func(ix indexDefinition) bool { return ix.name == name })
		if !known {
			away.set("indexes", name, deletion())
			away.change("drop index %s", name)
		}
	}
}

// sameIndex tells whether two indexes have the same keys in the same order.
func sameIndex(a, b bson.D) bool {
	return slices.EqualFunc(a, b, func(x, y bson.E) bool {
		return x.Key == y.Key && parse.Equal(indexOrder(x.Value), indexOrder(y.Value))
	})
}

// step is a Step in the making.
type step struct{ Step }

func newStep(class *Class) *step {
	return &step{Step: Step{Class: class.Name, Body: &parse.Object{}}}
}

// set puts a member into the object at a key of the body.
func (s *step) set(key, name string, v parse.Value) {
	part, _ := s.Body.Get(key)
	o, ok := part.(*parse.Object)
	if !ok {
		o = &parse.Object{}
		s.Body.Set(key, o)
	}
	o.Set(name, v)
}

func (s *step) permissions(o *parse.Object, change string) {
	s.Body.Set("classLevelPermissions", o)
	s.change("%s", change)
}

func (s *step) change(format string, args ...any) {
	s.Changes = append(s.Changes, fmt.Sprintf(format, args...))
}

func deletion() *parse.Object {
	return &parse.Object{Members: []parse.Member{{Key: "__op", Value: parse.String("Delete")}}}
}

// describe is a field in words: "name (String, required)".
func describe(f Field) string {
	text := f.Name + " (" + f.Type.String()
	if f.Required {
		text += ", required"
	}
	return text + ")"
}

// Definition is the class as Definitions have it: without what it has anyway.
func (c *Class) Definition() *parse.Object {
	s := newStep(c)
	s.Body.Set("className", parse.String(c.Name))
	s.Body.Set("fields", &parse.Object{})
	for _, name := range c.FieldNames() {
		if !isDefaultField(c.Name, name) {
			s.set("fields", name, c.Fields[name].object())
		}
	}
	for _, name := range c.indexNames {
		if name != idIndex && !slices.Contains(systemIndexes[c.Name], name) {
			s.set("indexes", name, indexObject(c.Indexes[name]))
		}
	}
	s.Body.Set("classLevelPermissions", c.Permissions.object(c.protected))
	return s.Body
}
