package engine

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// sessionWatch is the store under the engine. It sees every write of whatever
// part of the app, and has sessions forgotten that were made of what is written.
// A write whose outcome is unknown counts.
type sessionWatch struct {
	store.Store
	cache *sessionCache
}

// Insert adds documents.
func (w sessionWatch) Insert(ctx context.Context, collection string, docs ...bson.Raw) error {
	err := w.Store.Insert(ctx, collection, docs...)
	if collection == "_Session" || collection == "_User" {
		return err // no session was made of what was not there
	}
	for field := range sessionParts[collection] {
		for _, doc := range docs {
			w.cache.wrote(ctx, collection, bson.D{{Key: field, Value: text(doc, field)}})
		}
	}
	return err
}

// Update changes documents.
func (w sessionWatch) Update(ctx context.Context, collection string, u store.Update) (store.UpdateResult, error) {
	result, err := w.Store.Update(ctx, collection, u)
	w.updated(ctx, collection, u.Filter)
	return result, err
}

// FindAndUpdate changes a document.
func (w sessionWatch) FindAndUpdate(ctx context.Context, collection string, u store.Update, want store.Version) (bson.Raw, error) {
	doc, err := w.Store.FindAndUpdate(ctx, collection, u, want)
	w.updated(ctx, collection, u.Filter)
	return doc, err
}

// updated is wrote for updates: of a user, sessions know only that there is one.
func (w sessionWatch) updated(ctx context.Context, collection string, filter bson.D) {
	if collection != "_User" {
		w.cache.wrote(ctx, collection, filter)
	}
}

// FindAndDelete removes a document.
func (w sessionWatch) FindAndDelete(ctx context.Context, collection string, filter bson.D) (bson.Raw, error) {
	doc, err := w.Store.FindAndDelete(ctx, collection, filter)
	w.removed(ctx, collection, filter)
	return doc, err
}

// Delete removes documents.
func (w sessionWatch) Delete(ctx context.Context, collection string, filter bson.D, many bool) (int64, error) {
	n, err := w.Store.Delete(ctx, collection, filter, many)
	w.removed(ctx, collection, filter)
	return n, err
}

// removed is wrote for deletions. Rows of a relation may be told by the role that
// owns them, too: who loses a role has had it.
func (w sessionWatch) removed(ctx context.Context, collection string, filter bson.D) {
	if (collection == usersOfRoles || collection == rolesOfRoles) && len(filter) == 1 && filter[0].Key == "owningId" {
		if tags := tagsFor(taggedRole, bson.A{filter[0].Value}); tags != nil {
			w.cache.forgetLater(ctx, tags)
			return
		}
	}
	w.cache.wrote(ctx, collection, filter)
}

// DropCollection removes a collection.
func (w sessionWatch) DropCollection(ctx context.Context, name string) error {
	err := w.Store.DropCollection(ctx, name)
	w.cache.wrote(ctx, name, nil)
	return err
}

// Transaction runs fn; what it has written is forgotten when others can see it.
func (w sessionWatch) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	return w.cache.around(ctx, func(ctx context.Context) error { return w.Store.Transaction(ctx, fn) })
}

// unforgotten is what a transaction has written so far.
type unforgotten struct {
	tags []tag
	all  bool
}

type unforgottenKey struct{}

func inTransaction(ctx context.Context) (*unforgotten, bool) {
	written, ok := ctx.Value(unforgottenKey{}).(*unforgotten)
	return written, ok
}

// around runs transact, within which a transaction runs, and forgets at its end
// what was made of what it has written.
func (c *sessionCache) around(ctx context.Context, transact func(ctx context.Context) error) error {
	if _, inside := inTransaction(ctx); inside {
		return transact(ctx) // as part of the one around it
	}
	written := &unforgotten{}
	err := transact(context.WithValue(ctx, unforgottenKey{}, written))
	switch {
	case written.all:
		c.forgetAll()
	case len(written.tags) > 0:
		c.forget(written.tags...)
	}
	return err
}

// wrote forgets the sessions that were made of the documents of a collection that
// a filter selects.
func (c *sessionCache) wrote(ctx context.Context, collection string, filter bson.D) {
	if fields, ok := sessionParts[collection]; ok {
		c.forgetLater(ctx, tagsOf(filter, fields))
	}
}

// forgetLater forgets the sessions with one of the tags, all if there are none:
// within a transaction at its end, else now.
func (c *sessionCache) forgetLater(ctx context.Context, tags []tag) {
	written, inside := inTransaction(ctx)
	switch {
	case inside:
		written.tags = append(written.tags, tags...)
		written.all = written.all || tags == nil
	case tags == nil:
		c.forgetAll()
	default:
		c.forget(tags...)
	}
}

// sessionParts are the collections that sessions are made of, and the fields by
// which a filter tells of which sessions its documents are part. Of a relation it
// is the member only: who gets a role has not had it before.
var sessionParts = map[string]map[string]tagged{
	"_Session":   {"_id": taggedSession, "_session_token": taggedToken, "_p_user": taggedUser},
	"_User":      {"_id": taggedUser},
	"_Role":      {"_id": taggedRole},
	usersOfRoles: {"relatedId": taggedUser},
	rolesOfRoles: {"relatedId": taggedRole},
}

// tagsOf are the tags of the sessions that the documents selected by a filter may
// be part of; nil when the filter does not tell.
func tagsOf(filter bson.D, fields map[string]tagged) []tag {
	for _, e := range filter {
		if all, ok := e.Value.(bson.A); ok && e.Key == "$and" {
			for _, part := range all {
				inner, _ := part.(bson.D)
				if tags := tagsOf(inner, fields); tags != nil {
					return tags
				}
			}
			continue
		}
		of, known := fields[e.Key]
		if !known {
			continue
		}
		values := bson.A{e.Value}
		if d, ok := e.Value.(bson.D); ok && len(d) == 1 && d[0].Key == "$in" {
			values, _ = d[0].Value.(bson.A)
		}
		if tags := tagsFor(of, values); tags != nil {
			return tags
		}
	}
	return nil
}

// tagsFor are the tags for values of a field, nil when one of them is no text.
func tagsFor(of tagged, values bson.A) []tag {
	tags := make([]tag, 0, len(values)+1)
	for _, v := range values {
		id, ok := v.(string)
		if !ok {
			return nil
		}
		if of == taggedUser {
			id = strings.TrimPrefix(id, userPrefix)
		}
		tags = append(tags, tag{of, id})
	}
	if of == taggedRole {
		tags = append(tags, manyRoles)
	}
	return tags
}
