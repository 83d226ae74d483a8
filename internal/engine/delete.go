package engine

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Delete removes an object; see API.
func (e *Engine) Delete(ctx context.Context, c Caller, className, id string) error {
	if err := e.admitWrite(c, className, schema.OpDelete); err != nil {
		return err
	}
	if err := e.requireSession(c, className); err != nil {
		return err
	}
	class, err := e.class(ctx, className)
	if err != nil {
		return err
	}
	if class == nil {
		return nil // as parse-server: there is nothing, as wanted
	}
	owners, err := e.permit(c, class, schema.OpDelete)
	if err != nil {
		return err
	}
	filter := and(writable(and(bson.D{{Key: "_id", Value: id}}, owners), c), c.own(className))
	rules := e.rules[className]
	if rules == nil {
		n, err := e.Store.Delete(ctx, className, filter, false)
		switch {
		case err != nil:
			return storeError(err)
		case n == 0:
			return e.notWritable(c, className)
		}
		return e.leaveRoles(ctx, className, id)
	}
	doc, err := e.Store.FindAndDelete(ctx, className, filter)
	switch {
	case errors.Is(err, store.ErrNotFound) && className == "_Session":
		return parse.NewError(parse.ObjectNotFound, "Object not found for delete.")
	case errors.Is(err, store.ErrNotFound):
		return e.notWritable(c, className)
	case err != nil:
		return storeError(err)
	}
	if err := e.leaveRoles(ctx, className, id); err != nil {
		return err
	}
	return rules.Deleted(ctx, c, doc)
}

// requireUser keeps those who are not signed in from changing users, whatever
// the ACLs say.
func (e *Engine) requireUser(c Caller, class, id string) error {
	if class != "_User" || c.Master() || c.UserID != "" {
		return nil
	}
	return e.sanitize(parse.NewError(parse.SessionMissing, "Cannot modify user "+id+"."))
}

// requireSession keeps those who are not signed in from deleting users and
// sessions, whatever the ACLs say: rows that were put in past the accounts have
// none.
func (e *Engine) requireSession(c Caller, class string) error {
	if c.Master() || c.UserID != "" {
		return nil
	}
	switch class {
	case "_User":
		return parse.NewError(parse.SessionMissing, "Insufficient auth to delete user")
	case "_Session":
		return e.sanitize(errInvalidSession)
	}
	return nil
}
