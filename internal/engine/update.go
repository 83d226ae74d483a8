package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// Update changes an object; see API.
func (e *Engine) Update(ctx context.Context, c Caller, className, id string, body *parse.Object) (*Result, error) {
	if err := e.admitWrite(c, className, schema.OpUpdate); err != nil {
		return nil, err
	}
	if className == installationClass {
		return e.updateInstallation(ctx, c, id, body)
	}
	return e.update(ctx, c, className, id, body)
}

// update changes an object of a class that the caller may write to. The caller's
// right to write the object is part of the filter of the one store command, so
// that check and write are one atomic step.
func (e *Engine) update(ctx context.Context, c Caller, className, id string, body *parse.Object) (*Result, error) {
	// What is written is answered; when the answer is full, it is time to say so.
	allowance := e.allowance(ctx)
	if err := allowance.Take(0); err != nil {
		return nil, err
	}
	class, err := e.class(ctx, className)
	if err != nil {
		return nil, err
	}
	if class == nil {
		if !e.AllowClientClassCreation && c.Scope < ScopeMaster {
			return nil, e.denied("This user is not allowed to access non-existent class: " + className)
		}
		return nil, objectNotFound()
	}
	owners, err := e.permit(c, class, schema.OpUpdate)
	if err != nil {
		return nil, err
	}
	if err := e.requireUser(c, className, id); err != nil {
		return nil, err
	}
	filter := and(writable(and(bson.D{{Key: "_id", Value: id}}, owners), c), c.own(className))
	draft, err := e.draftUpdate(ctx, c, className, id, body, filter)
	if err != nil {
		return nil, err
	}
	w, err := e.decodeWrite(c, className, draft.Body, false)
	if err != nil {
		return nil, err
	}
	// Nobody adds fields to a class by updating an object that is not there.
	exists := func(class *schema.Class) error {
		adders, err := e.permit(c, class, schema.OpAddField)
		if err != nil {
			return err
		}
		filter = and(filter, adders)
		n, err := e.Store.Count(ctx, className, store.Count{Filter: filter, Limit: 1})
		if err == nil && n == 0 {
			err = objectNotFound()
		}
		return storeError(err)
	}
	if err := w.ensureClass(ctx, className, exists); err != nil {
		return nil, err
	}
	if err := w.keepRequired(); err != nil {
		return nil, err
	}
	now := parse.DateOf(e.Now())
	update, err := w.update(draft, now)
	if err != nil {
		return nil, err
	}
	update.Filter = and(filter, draft.Condition)
	doc, err := e.Store.FindAndUpdate(ctx, className, update, store.After)
	switch {
	case errors.Is(err, store.ErrNotFound) && draft.Unmet != nil:
		return nil, draft.Unmet
	case errors.Is(err, store.ErrNotFound):
		return nil, e.notWritable(c, className)
	case err != nil:
		return nil, updateError(e.refused(className, draft, err))
	}
	draft.Document = doc
	if err := e.changeRelations(ctx, className, id, w.relations); err != nil {
		return nil, err
	}
	answer := &parse.Object{Members: []parse.Member{
		{Key: "updatedAt", Value: parse.String(parse.FormatDate(int64(now)))}}}
	if err := w.echo(answer, doc); err != nil {
		return nil, err
	}
	if err := e.finish(ctx, className, draft, answer); err != nil {
		return nil, err
	}
	json := parse.AppendJSON(nil, answer)
	_ = allowance.Take(len(json)) // it is for those that follow to refuse
	return NewResult(json), nil
}

// keepRequired refuses to empty required fields.
func (w *write) keepRequired() error {
	for _, name := range schema.RequiredFields(w.class.Name) {
		gone := name == "ACL" && w.unsetACL
		for _, f := range w.fields {
			_, unset := f.op.(parse.DeleteField)
			gone = gone || f.path == name && unset
		}
		if gone {
			return parse.Errorf(parse.IncorrectType, "%s is required.", name)
		}
	}
	for _, f := range w.fields {
		_, unset := f.op.(parse.DeleteField)
		if unset && slices.Contains(schema.RequiredFields(w.class.Name), f.path) {
			return parse.Errorf(parse.IncorrectType, "%s is required.", f.path)
		}
		field := w.class.Fields[f.path]
		if field == nil || !field.Required {
			continue
		}
		if unset || f.op == nil && emptyValue(f.value) {
			return parse.Errorf(parse.ValidationError, "%s is required", f.path)
		}
	}
	return nil
}

// update is the change in the store's terms.
func (w *write) update(d *Draft, now parse.Date) (store.Update, error) {
	var u parse.Update
	for _, f := range w.fields {
		t := w.class.Types()[query.Root(f.path)]
		var err error
		if f.op != nil {
			err = u.Operation(w.class.Name, f.path, t, f.op)
		} else {
			err = u.Field(w.class.Name, f.path, t, f.value)
		}
		if err != nil {
			return store.Update{}, err
		}
	}
	for _, stored := range d.Stored {
		u.Set(stored.Key, stored.Value)
	}
	for _, name := range d.Unset {
		u.Unset(name)
	}
	u.Set("_updated_at", bson.DateTime(now))
	if acl := w.aclOf(d, d.ID); acl != nil {
		u.SetACL(*acl)
	}
	return store.Update{Change: u.Document()}, nil
}

// echo adds to the answer what the operations made of their fields, as far as
// the caller may read it (advisory A17).
func (w *write) echo(answer *parse.Object, doc bson.Raw) error {
	e, c := w.engine, w.caller
	var fields []string
	for _, f := range w.fields {
		switch f.op.(type) {
		case nil, parse.DeleteField:
		default:
			fields = append(fields, f.path)
		}
	}
	if len(fields) == 0 || !w.mayRead(doc) {
		return nil
	}
	object, err := parse.ObjectFromBSON(doc, w.class.Name, w.class.Types())
	if err != nil {
		return err
	}
	hidden := make(map[string]bool)
	for _, name := range e.fieldsHidden(c, e.maskFor(c, w.class), doc) {
		hidden[name] = true
	}
	for _, path := range fields {
		if !hidden[query.Root(path)] {
			copyPath(answer, object, strings.Split(path, "."))
		}
	}
	return nil
}

// copyPath copies the value at a path, and nothing beside it, between objects.
func copyPath(to, from *parse.Object, path []string) {
	v, ok := from.Get(path[0])
	if !ok {
		return
	}
	inner, isObject := v.(*parse.Object)
	if len(path) == 1 || !isObject {
		to.Set(path[0], v)
		return
	}
	have, _ := to.Get(path[0])
	into, ok := have.(*parse.Object)
	if !ok {
		into = &parse.Object{}
		to.Set(path[0], into)
	}
	copyPath(into, inner, path[1:])
}

// mayRead tells whether the caller may read the object that it has written.
func (w *write) mayRead(doc bson.Raw) bool {
	if w.caller.Master() {
		return true
	}
	owners, err := w.engine.permit(w.caller, w.class, schema.OpGet)
	if err != nil {
		return false
	}
	matcher, err := match.Compile(readable(owners, w.caller))
	return err == nil && matcher.Match(doc)
}

// updateError is storeError for updates: what the store refuses there is a
// value, not a query.
func updateError(err error) error {
	if request, ok := errorAs[*store.RequestError](err); ok && !request.TooLarge() {
		return parse.NewError(parse.IncorrectType, request.Message).WithCause(err)
	}
	return storeError(err)
}

func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}
