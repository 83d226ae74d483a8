package engine

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Create adds an object; see API.
func (e *Engine) Create(ctx context.Context, c Caller, className string, body *parse.Object) (*Created, error) {
	if err := e.admitWrite(c, className, schema.OpCreate); err != nil {
		return nil, err
	}
	if className == installationClass {
		return e.createInstallation(ctx, c, body)
	}
	return e.create(ctx, c, className, body)
}

// create adds an object of a class that the caller may write to.
func (e *Engine) create(ctx context.Context, c Caller, className string, body *parse.Object) (*Created, error) {
	draft, done, err := e.draftCreate(ctx, c, className, body)
	if done != nil || err != nil {
		return done, err
	}
	w, err := e.decodeWrite(c, className, draft.Body, true)
	if err != nil {
		return nil, err
	}
	id, chosen, err := e.objectID(className, draft.Body)
	if err != nil {
		return nil, err
	}
	class, err := e.class(ctx, className)
	if err != nil {
		return nil, err
	}
	// Who may not create learns nothing of the class's fields (row I11).
	if class != nil {
		if _, err := e.permit(c, class, schema.OpCreate); err != nil {
			return nil, err
		}
	}
	if err := w.checkRequired(className); err != nil {
		return nil, err
	}
	if err := w.ensureClass(ctx, className, w.permitNewFields); err != nil {
		return nil, err
	}
	if err := w.applyDefaultACL(draft); err != nil {
		return nil, err
	}
	defaulted, err := w.applyDefaults()
	if err != nil {
		return nil, err
	}
	created, updated, err := w.times()
	if err != nil {
		return nil, err
	}
	if chosen {
		if err := e.beginWithoutRoles(ctx, c, className, id); err != nil {
			return nil, err
		}
	}
	for try := 0; ; try++ {
		doc, err := w.document(draft, id, created, updated)
		if err != nil {
			return nil, err
		}
		err = e.Store.Insert(ctx, w.class.Name, doc)
		if err == nil {
			draft.ID, draft.Document = id, doc
			break
		}
		if chosen || try == 2 || !isDuplicateID(err) {
			return nil, storeError(e.refused(className, draft, err))
		}
		id = parse.NewObjectID(e.ObjectIDSize)
	}
	if err := e.changeRelations(ctx, w.class.Name, id, w.relations); err != nil {
		return nil, err
	}
	answer := &parse.Object{Members: append([]parse.Member{
		{Key: "objectId", Value: parse.String(id)},
		{Key: "createdAt", Value: parse.String(parse.FormatDate(int64(created)))},
	}, defaulted...)}
	var hidden map[string]bool
	if !e.ProtectedFieldsSaveResponseExempt {
		hidden = e.maskFor(c, w.class).queryHidden
	}
	for _, f := range w.fields {
		if f.op != nil && !hidden[f.path] {
			answer.Members = append(answer.Members, parse.Member{Key: f.path, Value: f.value})
		}
	}
	if w.presetACL {
		answer.Set("ACL", w.aclOf(draft, id).Value())
	}
	if err := e.finish(ctx, className, draft, answer); err != nil {
		return nil, err
	}
	return &Created{Result: *NewResult(parse.AppendJSON(nil, answer)), ObjectID: id}, nil
}

// admitWrite is admit, and keeps those who are not signed in from sessions, and
// all from accounts without their rules.
func (e *Engine) admitWrite(c Caller, class string, op schema.Operation) error {
	if err := e.admit(c, class, op); err != nil {
		return err
	}
	switch {
	case op == schema.OpDelete:
		return nil
	case class == "_Session" && c.UserID == "" && !c.Master():
		return errNoSession
	case e.rules[class] == nil && (class == "_User" || class == "_Session" && c.Scope < ScopeMaster):
		return parse.NewError(parse.CommandUnavailable, "This app has no accounts.")
	}
	return nil
}

// objectID is the id of a new object: the client's, where it may choose one, or
// a generated one.
func (e *Engine) objectID(className string, body *parse.Object) (id string, chosen bool, err error) {
	v, has := body.Get("objectId")
	text, isText := v.(parse.String)
	// A user whose id looks like a role would match ACL entries of the role (advisory A20).
	isRole := isText && strings.HasPrefix(string(text), rolePrefix)
	switch {
	case isRole && className == "_User":
		return "", false, e.denied("Invalid object ID.")
	case !has, !e.AllowCustomObjectID && emptyValue(v):
		return parse.NewObjectID(e.ObjectIDSize), false, nil
	case !e.AllowCustomObjectID:
		return "", false, parse.NewError(parse.InvalidKeyName, "objectId is an invalid field name.")
	case emptyValue(v):
		return "", false, parse.NewError(parse.MissingObjectID, "objectId must not be empty, null or undefined")
	}
	if !isText || isRole || strings.ContainsRune(string(text), 0) {
		return "", false, parse.NewError(parse.InvalidKeyName, "objectId is invalid.")
	}
	return string(text), true, nil
}

// applyDefaultACL gives the new object its class's ACL when it comes without
// one, or that of its class's rules.
func (w *write) applyDefaultACL(d *Draft) error {
	preset := w.class.Permissions.DefaultACL
	switch {
	case w.acl != nil:
		return nil
	case preset == nil:
		w.acl = d.DefaultACL
		return nil
	}
	acl, err := parse.ACLOf(preset)
	if err != nil {
		return err
	}
	entries := acl.Entries[:0]
	for _, entry := range acl.Entries {
		if entry.Key == "currentUser" {
			if entry.Key = w.caller.UserID; entry.Key == "" {
				continue
			}
		}
		entries = append(entries, entry)
	}
	w.acl, w.presetACL = &parse.ACL{Entries: entries}, true
	return nil
}

// checkRequired refuses new objects of a system class that lack what every one
// of them has.
func (w *write) checkRequired(class string) error {
	for _, name := range schema.RequiredFields(class) {
		has := name == "ACL" && w.acl != nil
		for _, f := range w.fields {
			has = has || f.path == name && !emptyValue(f.value)
		}
		if !has {
			return parse.Errorf(parse.IncorrectType, "%s is required.", name)
		}
	}
	return nil
}

// applyDefaults fills the fields that the new object lacks, and refuses objects
// that lack required ones. It tells what it filled and the caller may see.
func (w *write) applyDefaults() ([]parse.Member, error) {
	var filled []parse.Member
	obligations := w.class.Obligations()
	if len(obligations) == 0 {
		return nil, nil
	}
	hidden := w.engine.maskFor(w.caller, w.class).queryHidden
	for _, name := range obligations {
		field := w.class.Fields[name]
		i := slices.IndexFunc(w.fields, func(f change) bool { return f.path == name })
		if i >= 0 && !isNull(w.fields[i].value) {
			if field.Required && emptyValue(w.fields[i].value) {
				return nil, parse.Errorf(parse.ValidationError, "%s is required", name)
			}
			continue
		}
		switch {
		case field.Default != nil:
			if i >= 0 {
				w.fields = slices.Delete(w.fields, i, i+1)
			}
			w.fields = append(w.fields, change{path: name, value: field.Default})
			if !hidden[name] {
				filled = append(filled, parse.Member{Key: name, Value: field.Default})
			}
		case field.Required:
			return nil, parse.Errorf(parse.ValidationError, "%s is required", name)
		}
	}
	return filled, nil
}

func isNull(v parse.Value) bool {
	_, null := v.(parse.Null)
	return null
}

// emptyValue tells whether a value counts as none where one is required.
func emptyValue(v parse.Value) bool {
	switch v := v.(type) {
	case nil, parse.Null:
		return true
	case parse.String:
		return v == ""
	}
	return false
}

// document is the new object as it is stored.
func (w *write) document(d *Draft, id string, created, updated parse.Date) (bson.Raw, error) {
	var row parse.Row
	row.Set("_id", id)
	for _, f := range w.fields {
		// A null may be of no known field.
		if err := row.Field(w.class.Name, f.path, w.class.Types()[f.path], f.value); err != nil {
			return nil, err
		}
	}
	for _, stored := range d.Stored {
		row.Set(stored.Key, stored.Value)
	}
	row.Set("_created_at", bson.DateTime(created))
	row.Set("_updated_at", bson.DateTime(updated))
	if acl := w.aclOf(d, id); acl != nil {
		row.SetACL(*acl)
	}
	return bson.Marshal(row.Document())
}

// aclOf is the ACL that the write gives the object of that id, nil for none.
func (w *write) aclOf(d *Draft, id string) *parse.ACL {
	if w.acl == nil || !d.OwnsItself {
		return w.acl
	}
	entries := slices.DeleteFunc(slices.Clone(w.acl.Entries), func(e parse.ACLEntry) bool { return e.Key == id })
	return &parse.ACL{Entries: append(entries, parse.ACLEntry{Key: id, Read: true, Write: true})}
}

func isDuplicateID(err error) bool {
	d, ok := errorAs[*store.DuplicateKeyError](err)
	return ok && d.Index == "_id_"
}

// times are when the new object is to have been created and updated.
func (w *write) times() (created, updated parse.Date, err error) {
	now := parse.DateOf(w.engine.Now())
	created, updated = now, now
	if w.createdAt != nil {
		created, updated = *w.createdAt, *w.createdAt
		if w.updatedAt != nil {
			updated = *w.updatedAt
		}
	}
	if updated < created {
		return 0, 0, parse.NewError(parse.ValidationError, "updatedAt cannot occur before createdAt")
	}
	return created, updated, nil
}

// permitNewFields decides whether a create may add fields to the class.
func (w *write) permitNewFields(class *schema.Class) error {
	if w.caller.Master() {
		return nil
	}
	return w.engine.sanitize(class.Permissions.TestNew(class.Name, schema.OpAddField, w.caller.UserID, w.caller.Roles))
}
