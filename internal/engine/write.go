package engine

import (
	"context"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
)

// write is one create or update, decoded and typed.
type write struct {
	engine *Engine
	caller Caller
	class  *schema.Class
	fields []change
	acl    *parse.ACL // nil leaves it as it is
	// presetACL tells that acl is the class's, which the caller is told.
	presetACL bool
	// unsetACL says that the write asked to delete the ACL, which acl is empty for.
	unsetACL bool
	// createdAt and updatedAt are times that the caller may set.
	createdAt, updatedAt *parse.Date
	relations            []relationChange
	// needed are the types of the fields that the write uses.
	needed map[string]parse.FieldType
}

// change is what a write does to one path: a value, or an operation.
type change struct {
	path  string
	value parse.Value
	op    parse.Operation
}

// decodeWrite reads a body into changes. Keys that only the server sets are
// refused or dropped, as parse-server does.
func (e *Engine) decodeWrite(c Caller, className string, body *parse.Object, creating bool) (*write, error) {
	w := &write{engine: e, caller: c, fields: make([]change, 0, len(body.Members)), needed: make(map[string]parse.FieldType, len(body.Members))}
	for _, m := range body.Members {
		switch m.Key {
		case "objectId":
			if err := w.checkID(className, m.Value); err != nil {
				return nil, err
			}
			continue
		case "createdAt", "updatedAt":
			if err := w.setTime(className, m); err != nil {
				return nil, err
			}
			continue
		case "id":
			return nil, parse.NewError(parse.InvalidKeyName, "id is an invalid field name.")
		}
		if err := e.checkFileURLs(m.Value); err != nil {
			return nil, err
		}
		op, isOp, err := parse.OperationOf(m.Value)
		if err != nil {
			return nil, err
		}
		if m.Key == "ACL" {
			if err := w.setACL(m.Value, op); err != nil {
				return nil, err
			}
			continue
		}
		if err := w.checkName(m.Key, creating); err != nil {
			return nil, err
		}
		if isOp {
			err = w.addOperation(m.Key, op, creating)
		} else {
			err = w.addValue(m.Key, m.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// checkID refuses an id that is none. Which id a new object gets is for objectID;
// an update names its object in the path, and changes no id.
func (w *write) checkID(className string, v parse.Value) error {
	t, err := parse.TypeOf(v)
	if err == nil && t.Kind != parse.KindString && t.Kind != parse.KindInvalid {
		err = parse.Errorf(parse.IncorrectType, "schema mismatch for %s.objectId; expected String but got %s", className, t)
	}
	return err
}

// setTime keeps the times of an object that is brought over from elsewhere with
// the maintenance key; other callers' times must be dates, and do not count.
func (w *write) setTime(className string, m parse.Member) error {
	date, ok := m.Value.(parse.Date)
	if !ok {
		t, err := parse.TypeOf(m.Value)
		if err != nil || t.Kind == parse.KindInvalid {
			return err // null, or to be deleted: the times are always there
		}
		return parse.Errorf(parse.IncorrectType, "schema mismatch for %s.%s; expected Date but got %s", className, m.Key, t)
	}
	if w.caller.Scope != ScopeMaintenance {
		return nil
	}
	if m.Key == "createdAt" {
		w.createdAt = &date
	} else {
		w.updatedAt = &date
	}
	return nil
}

// setACL reads the object's new ACL. Null leaves it as it is; to delete it
// leaves the object to the master key, as parse-server does.
func (w *write) setACL(v parse.Value, op parse.Operation) error {
	if isNull(v) {
		return nil
	}
	if _, unset := op.(parse.DeleteField); unset {
		w.acl, w.unsetACL = &parse.ACL{}, true
		return nil
	}
	acl, err := parse.ACLOf(v)
	if err != nil {
		return err
	}
	w.acl = &acl
	return nil
}

// checkName refuses keys that name no field a client may write (advisories
// A22, F12, F13).
func (w *write) checkName(key string, creating bool) error {
	name, path, dotted := strings.Cut(key, ".")
	if dotted && creating {
		return parse.Errorf(parse.InvalidKeyName, "Invalid field name: %s.", key)
	}
	if !schema.ValidFieldName(name) {
		return parse.Errorf(parse.InvalidKeyName, "Invalid field name: %s.", name)
	}
	if !dotted {
		return nil
	}
	for segment := range strings.SplitSeq(path, ".") {
		if segment == "" || strings.HasPrefix(segment, "$") {
			return parse.Errorf(parse.InvalidKeyName, "Invalid field name: %s.", key)
		}
	}
	return nil
}

func (w *write) addValue(key string, v parse.Value) error {
	root, path, dotted := strings.Cut(key, ".")
	switch {
	case dotted:
		w.need(root, container(root, path))
	case !isNull(v):
		t, err := parse.TypeOf(v)
		if err != nil {
			return err
		}
		w.need(key, t)
		if t.Kind == parse.KindRelation {
			return nil // declares the field; the members are changed by operations
		}
	}
	w.fields = append(w.fields, change{path: key, value: v})
	return nil
}

func (w *write) addOperation(key string, op parse.Operation, creating bool) error {
	root, path, dotted := strings.Cut(key, ".")
	switch op.(type) {
	case parse.AddRelation, parse.RemoveRelation, parse.BatchOp:
		return w.addRelationOps(key, op)
	}
	if dotted {
		w.need(root, container(root, path))
	} else {
		t, err := parse.TypeOfOperation(op)
		if err != nil {
			return err
		}
		w.need(key, t)
	}
	if !creating {
		w.fields = append(w.fields, change{path: key, op: op})
		return nil
	}
	if v, ok := parse.Flatten(op); ok {
		w.fields = append(w.fields, change{path: key, value: v, op: op})
	}
	return nil
}

// addRelationOps collects the changes to a relation; all members are of one class.
func (w *write) addRelationOps(key string, op parse.Operation) error {
	rel := relationChange{field: key}
	var target string
	collect := func(into *[]string, pointers []parse.Pointer) error {
		for _, p := range pointers {
			if target == "" {
				target = p.ClassName
			}
			if p.ClassName != target {
				return parse.NewError(parse.IncorrectType, "All objects of a relation must be of one class.")
			}
			*into = append(*into, p.ObjectID)
		}
		return nil
	}
	ops := []parse.Operation{op}
	if batch, ok := op.(parse.BatchOp); ok {
		ops = batch.Ops
	}
	for _, op := range ops {
		var err error
		switch op := op.(type) {
		case parse.AddRelation:
			err = collect(&rel.add, op.Objects)
		case parse.RemoveRelation:
			err = collect(&rel.remove, op.Objects)
		default:
			err = parse.NewError(parse.CommandUnavailable, "A Batch holds operations on relations only.")
		}
		if err != nil {
			return err
		}
	}
	if target == "" {
		return nil
	}
	w.need(key, parse.FieldType{Kind: parse.KindRelation, TargetClass: target})
	w.relations = append(w.relations, rel)
	return nil
}

// container is the type of a field into which a path leads: what begins with a
// number is an element of an array, but in the counts by time zone of a push.
func container(field, path string) parse.FieldType {
	name, _, _ := strings.Cut(path, ".")
	if strings.Trim(name, "0123456789") == "" && field != "sentPerUTCOffset" && field != "failedPerUTCOffset" {
		return parse.FieldType{Kind: parse.KindArray}
	}
	return parse.FieldType{Kind: parse.KindObject}
}

func (w *write) need(field string, t parse.FieldType) {
	w.needed[field] = t
}

// ensureClass makes sure that the class has the fields that the write uses,
// with the types that it uses them with. What is new is added to the schema if
// permitNewFields lets the caller.
func (w *write) ensureClass(ctx context.Context, name string, permitNewFields func(*schema.Class) error) error {
	e := w.engine
	class, err := e.class(ctx, name)
	if err != nil {
		return err
	}
	if class == nil && !e.AllowClientClassCreation && w.caller.Scope < ScopeMaster {
		return e.denied("This user is not allowed to access non-existent class: " + name)
	}
	missing, err := class.Missing(name, w.needed)
	if err != nil && e.Catalog.Renew(ctx) {
		if class, err = e.class(ctx, name); err != nil {
			return err
		}
		missing, err = class.Missing(name, w.needed)
	}
	if err != nil {
		return err
	}
	if class != nil && len(missing) == 0 && !w.nullsUnknown(class) {
		w.class = class
		return nil
	}
	if class != nil {
		if err := permitNewFields(class); err != nil {
			return err
		}
	}
	w.class, err = e.Catalog.EnsureClass(ctx, name, w.needed)
	return storeError(err)
}

// nullsUnknown tells whether the write stores a null under a name that the class
// does not know. A null has no type to declare, but is there all the same
// (advisory A21).
func (w *write) nullsUnknown(class *schema.Class) bool {
	for _, f := range w.fields {
		if f.op == nil && isNull(f.value) && class.Fields[query.Root(f.path)] == nil {
			return true
		}
	}
	return false
}
