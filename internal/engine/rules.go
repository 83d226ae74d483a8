package engine

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Rules are what a system class demands of its objects beyond its schema: users
// have passwords, sessions are the server's. The gate asks them once the caller
// may write at all (advisory C20), whichever door the write came through.
type Rules interface {
	// Prepare looks at a write before it is typed and stored. It may change the
	// draft's body, add stored fields and conditions, or answer the whole request
	// itself: a sign-up whose identity is known is a log-in.
	Prepare(ctx context.Context, d *Draft) (done *Created, err error)
	// Duplicate is the error of a write that gives a value to a second object that
	// one object only may have; nil leaves it to the gate.
	Duplicate(d *Draft, e *store.DuplicateKeyError) error
	// Finish is called once the object is stored; what it adds to the draft's
	// answer goes to the client.
	Finish(ctx context.Context, d *Draft) error
	// Deleted is called with the document that has been removed.
	Deleted(ctx context.Context, c Caller, doc bson.Raw) error
}

// Draft is one write of a class with rules.
type Draft struct {
	Caller   Caller
	Creating bool
	// ID is that of the object; "" at a create until it is stored.
	ID string
	// Body is what the caller sent. It is the draft's own; its values are not.
	Body *parse.Object
	// Current is the row as it is now, for an update.
	Current bson.Raw

	// DefaultACL is the new object's ACL when neither the caller nor the class
	// gives it one; nil leaves it without.
	DefaultACL *parse.ACL
	// OwnsItself lets the object's own id read and write it, whatever ACL is set.
	OwnsItself bool
	// Stored and Unset are fields in storage form, written in the same command as
	// the rest.
	Stored bson.D
	Unset  []string
	// Condition must hold of the row for the update to happen: by it, what may be
	// used once is used once (root cause R6). Unmet is the error if it doesn't.
	Condition bson.D
	Unmet     error

	// Answer is added to what the client is answered.
	Answer parse.Object
	// Document is the row as it was stored, when Finish is called.
	Document bson.Raw
	// State is what Prepare leaves for Finish.
	State any
}

// SetRules makes the writes of a class follow rules. It is called while the app
// is put together, before anything is served.
func (e *Engine) SetRules(class string, r Rules) {
	if e.rules == nil {
		e.rules = make(map[string]Rules)
	}
	e.rules[class] = r
}

// draftCreate lets the class's rules look at a new object. Without rules the
// draft is the body as it came.
func (e *Engine) draftCreate(ctx context.Context, c Caller, className string, body *parse.Object) (*Draft, *Created, error) {
	d := &Draft{Caller: c, Creating: true, Body: body}
	rules := e.rules[className]
	if rules == nil {
		return d, nil, nil
	}
	class, err := e.class(ctx, className)
	if err != nil {
		return nil, nil, err
	}
	if class != nil {
		if _, err := e.permit(c, class, schema.OpCreate); err != nil {
			return nil, nil, err
		}
	}
	d.Body = shallowCopy(body)
	done, err := rules.Prepare(ctx, d)
	return d, done, err
}

// draftUpdate lets the class's rules look at a change of an object that the
// caller may write: one that satisfies the filter.
func (e *Engine) draftUpdate(ctx context.Context, c Caller, className, id string, body *parse.Object, filter bson.D) (*Draft, error) {
	d := &Draft{Caller: c, ID: id, Body: body}
	rules := e.rules[className]
	if rules == nil {
		return d, nil
	}
	err := e.Store.Find(ctx, className, store.Find{Filter: filter, Limit: 1}, func(doc bson.Raw) error {
		d.Current = slices.Clone(doc)
		return nil
	})
	if err != nil {
		return nil, storeError(err)
	}
	if d.Current == nil {
		return nil, e.notWritable(c, className)
	}
	d.Body = shallowCopy(body)
	_, err = rules.Prepare(ctx, d)
	return d, err
}

// finish lets the rules do what follows a write, and adds to the answer what the
// draft has for it.
func (e *Engine) finish(ctx context.Context, className string, d *Draft, answer *parse.Object) error {
	if rules := e.rules[className]; rules != nil {
		if err := rules.Finish(ctx, d); err != nil {
			return err
		}
	}
	for _, m := range d.Answer.Members {
		answer.Set(m.Key, m.Value)
	}
	return nil
}

// refused is what a write is answered that the store refused.
func (e *Engine) refused(className string, d *Draft, err error) error {
	duplicate, ok := errorAs[*store.DuplicateKeyError](err)
	if !ok || e.rules[className] == nil {
		return err
	}
	if public, ok := errorAs[*parse.Error](e.rules[className].Duplicate(d, duplicate)); ok {
		return public.WithCause(err)
	}
	return err
}

// notWritable answers a write of an object that is not there for the caller.
func (e *Engine) notWritable(c Caller, className string) error {
	if className == "_User" && !c.Master() {
		return e.sanitize(parse.NewError(parse.SessionMissing, "Insufficient auth."))
	}
	return objectNotFound()
}

func shallowCopy(o *parse.Object) *parse.Object {
	return &parse.Object{Members: slices.Clone(o.Members)}
}
