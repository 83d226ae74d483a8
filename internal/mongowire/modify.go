package mongowire

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// modification is what became of a findAndModify.
type modification struct {
	doc        bson.Raw // to answer; nil for none
	matched    bool
	upsertedID any // nil for none
}

func findAndModify(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	removes := c.flag("remove")
	_, updates := c.look("update")
	u := store.Update{
		Filter: c.document("query"), Sort: c.document("sort"), Projection: c.document("fields"), Upsert: c.flag("upsert"),
	}
	want, hint := store.Version(c.flag("new")), c.hint()
	c.binary()
	if c.err != nil {
		return nil, c.err
	}
	if err := c.checkHint(ctx, db, collection, hint); err != nil {
		return nil, err
	}
	var m modification
	switch {
	case removes && (updates || u.Upsert || want == store.After):
		c.fail(codeFailedToParse, "Cannot specify 'remove' with 'update', 'upsert' or 'new'")
	case removes:
		m, err = c.findAndRemove(ctx, db, collection, u)
	case !updates:
		c.fail(codeFailedToParse, "Either an update or remove=true must be specified")
	default:
		m, err = c.findAndUpdate(ctx, db, collection, u, want)
	}
	if c.err != nil {
		return nil, c.err
	}
	if err != nil {
		return nil, err
	}
	return m.answer(removes), nil
}

// answer tells of the modification as MongoDB does.
func (m *modification) answer(removes bool) bson.D {
	n := int32(0)
	if m.matched || m.upsertedID != nil {
		n = 1
	}
	last := bson.D{{Key: "n", Value: n}}
	if !removes {
		last = append(last, bson.E{Key: "updatedExisting", Value: m.matched})
	}
	if m.upsertedID != nil {
		last = append(last, bson.E{Key: "upserted", Value: m.upsertedID})
	}
	var value any
	if m.doc != nil {
		value = m.doc
	}
	return bson.D{{Key: "lastErrorObject", Value: last}, {Key: "value", Value: value}}
}

// findAndRemove removes the first document. The port removes the first one of no
// order, so with an order it is found before, in the same transaction.
func (c *command) findAndRemove(ctx context.Context, db store.Store, collection string, u store.Update) (m modification, err error) {
	leave, err := leaving(u.Projection)
	if err != nil {
		return m, err
	}
	if len(u.Sort) == 0 {
		m.doc, err = db.FindAndDelete(ctx, collection, u.Filter)
		if errors.Is(err, store.ErrNotFound) {
			return m, nil
		}
	} else {
		err = c.atomically(ctx, db, func(ctx context.Context) error {
			m.doc, err = first(ctx, db, collection, store.Find{Filter: u.Filter, Sort: u.Sort})
			if err != nil || m.doc == nil {
				return err
			}
			_, err = db.Delete(ctx, collection, withTheID(m.doc.Lookup("_id")), false)
			return err
		})
	}
	if err != nil {
		return m, err
	}
	m.matched = m.doc != nil
	m.doc = leave(m.doc)
	return m, nil
}

func (c *command) findAndUpdate(ctx context.Context, db store.Store, collection string, u store.Update, want store.Version) (m modification, err error) {
	replacement := c.change("update", &u)
	switch {
	case c.err != nil:
		return m, c.err
	case replacement != nil:
		return c.findAndReplace(ctx, db, collection, u, replacement, want)
	case !u.Upsert:
		m.doc, err = db.FindAndUpdate(ctx, collection, u, want)
		if errors.Is(err, store.ErrNotFound) {
			return m, nil
		}
		m.matched = err == nil
		return m, err
	}
	// The port does not tell a document that was added from one that was there.
	err = c.atomically(ctx, db, func(ctx context.Context) error {
		m = modification{}
		existing := u
		existing.Upsert = false
		m.doc, err = db.FindAndUpdate(ctx, collection, existing, want)
		if !errors.Is(err, store.ErrNotFound) {
			m.matched = err == nil
			return err
		}
		result, err := db.Update(ctx, collection, u)
		if err != nil {
			return err
		}
		m.upsertedID = result.UpsertedID
		if want == store.Before {
			return nil
		}
		m.doc, err = first(ctx, db, collection, store.Find{Filter: withTheID(valueOf(m.upsertedID)), Projection: u.Projection})
		return err
	})
	return m, err
}

func (c *command) findAndReplace(ctx context.Context, db store.Store, collection string, u store.Update, by bson.Raw, want store.Version) (m modification, err error) {
	leave, err := leaving(u.Projection)
	if err != nil {
		return m, err
	}
	r := replacing{filter: u.Filter, sort: u.Sort, upsert: u.Upsert, by: by}
	if err := c.atomically(ctx, db, func(ctx context.Context) error { return r.run(ctx, db, collection) }); err != nil {
		return m, err
	}
	m = modification{doc: r.before, matched: r.before != nil}
	if r.result.Upserted {
		m.upsertedID = r.result.UpsertedID
	}
	if want == store.After {
		m.doc = r.after
	}
	m.doc = leave(m.doc)
	return m, nil
}

// leaving returns what a projection leaves of a document that is removed or
// replaced. The port does not tell with what score a text search found it.
func leaving(projection bson.D) (func(doc bson.Raw) bson.Raw, error) {
	p, err := match.CompileProjection(projection)
	switch {
	case err != nil:
		return nil, err
	case p.HasScore():
		return nil, refusal(codeCommandNotSupported, "a text score is not served with what is removed or replaced")
	}
	return func(doc bson.Raw) bson.Raw {
		if doc == nil || len(projection) == 0 {
			return doc
		}
		return p.Append(nil, doc, 0)
	}, nil
}
