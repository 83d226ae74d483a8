package mongowire

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// statements are the parts of a write command: those sent beside the body, or
// those in it.
func (c *command) statements() ([]bson.Raw, error) {
	member := c.handler.sequence
	docs, beside := c.sequences[member]
	if !beside {
		values, err := c.array(member).Values()
		if err != nil || c.err != nil {
			return nil, refusal(codeTypeMismatch, "'%s' must be an array", member)
		}
		docs = make([]bson.Raw, 0, len(values))
		for _, v := range values {
			doc, ok := v.DocumentOK()
			if !ok {
				return nil, refusal(codeTypeMismatch, "'%s' must be an array of objects", member)
			}
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 || len(docs) > maxWriteBatch {
		return nil, refusal(codeInvalidLength, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, len(docs))
	}
	return docs, nil
}

// writing is the target of a command with statements, and these.
func (c *command) writing() (db store.Store, collection string, docs []bson.Raw, err error) {
	if db, collection, err = c.target(); err != nil {
		return nil, "", nil, err
	}
	docs, err = c.statements()
	return db, collection, docs, err
}

// each runs the statements of a write in order. After one has failed the rest
// are run only when the command is unordered. What befalls the whole command,
// and not the statement, is err.
func (c *command) each(ctx context.Context, docs []bson.Raw, run func(index int, doc bson.Raw) error) (writeErrors bson.A, err error) {
	_, given := c.look("ordered")
	ordered := c.flag("ordered") || !given
	if c.err != nil {
		return nil, c.err
	}
	for i, doc := range docs {
		err := run(i, doc)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil, errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
			return nil, err
		}
		writeErrors = append(writeErrors, writeError(i, c.named(err)))
		if ordered {
			break
		}
	}
	return writeErrors, nil
}

// written is the answer to a write.
func written(n int64, more bson.D, writeErrors bson.A) bson.D {
	answer := append(bson.D{{Key: "n", Value: int32(n)}}, more...)
	if len(writeErrors) > 0 {
		answer = append(answer, bson.E{Key: "writeErrors", Value: writeErrors})
	}
	return answer
}

// atomically runs do in the transaction that the command is part of or, alone,
// in one of its own, again and again as long as others are there first.
func (c *command) atomically(ctx context.Context, db store.Store, do func(ctx context.Context) error) error {
	if c.transaction != nil {
		return do(ctx)
	}
	for try := 1; ; try++ {
		err := db.Transaction(ctx, do)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(min(try, 20)) * time.Millisecond)):
		}
	}
}

func insert(ctx context.Context, c *command) (bson.D, error) {
	db, collection, docs, err := c.writing()
	if err != nil {
		return nil, err
	}
	if n, err := c.insertAtOnce(ctx, db, collection, docs); err != nil || n > 0 {
		return written(n, nil, nil), err
	}
	var n int64
	writeErrors, err := c.each(ctx, docs, func(_ int, doc bson.Raw) error {
		doc, err := withID(doc)
		if err != nil {
			return err
		}
		if err := db.Insert(ctx, collection, doc); err != nil {
			return err
		}
		n++
		return nil
	})
	return written(n, nil, writeErrors), err
}

// insertAtOnce inserts many documents as one change, which is much faster than
// one by one. If any is refused, none is inserted and n is 0.
func (c *command) insertAtOnce(ctx context.Context, db store.Store, collection string, docs []bson.Raw) (n int64, err error) {
	if len(docs) == 1 || c.transaction != nil {
		return 0, nil
	}
	complete := make([]bson.Raw, len(docs))
	for i, doc := range docs {
		if complete[i], err = withID(doc); err != nil {
			return 0, nil
		}
	}
	err = db.Transaction(ctx, func(ctx context.Context) error { return db.Insert(ctx, collection, complete...) })
	switch {
	case err == nil:
		return int64(len(docs)), nil
	case ctx.Err() != nil:
		return 0, err
	}
	return 0, nil // one by one tells what is wrong with which
}

// withID puts an _id at the front of a document, where a server keeps it.
func withID(doc bson.Raw) (bson.Raw, error) {
	first, err := doc.IndexErr(0)
	if err == nil && first.Key() == "_id" {
		return doc, nil
	}
	id := doc.Lookup("_id")
	if id.IsZero() {
		made := bson.NewObjectID()
		id = bson.RawValue{Type: bson.TypeObjectID, Value: made[:]}
	}
	return identified(doc, id)
}

func update(ctx context.Context, c *command) (bson.D, error) {
	db, collection, docs, err := c.writing()
	if err != nil {
		return nil, err
	}
	var matched, modified int64
	upserted := bson.A{}
	writeErrors, err := c.each(ctx, docs, func(i int, doc bson.Raw) error {
		result, err := c.updateOne(ctx, db, collection, doc)
		if err != nil {
			return err
		}
		matched, modified = matched+result.Matched, modified+result.Modified
		if result.Upserted {
			matched++
			upserted = append(upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: result.UpsertedID}})
		}
		return nil
	})
	more := bson.D{{Key: "nModified", Value: int32(modified)}}
	if len(upserted) > 0 {
		more = append(more, bson.E{Key: "upserted", Value: upserted})
	}
	return written(matched, more, writeErrors), err
}

var updateStatement = knowing(
	[]string{"q", "u", "multi", "upsert", "collation", "sort", "hint", "arrayFilters"},
	[]string{"c"},
)

// updateOne runs one statement of an update. The result counts only without an
// error.
func (c *command) updateOne(ctx context.Context, db store.Store, collection string, statement bson.Raw) (store.UpdateResult, error) {
	if err := updateStatement.check("update.updates", statement); err != nil {
		return store.UpdateResult{}, err
	}
	m := members{doc: statement}
	u := store.Update{Filter: m.document("q"), Many: m.flag("multi"), Upsert: m.flag("upsert"), Sort: m.document("sort")}
	m.binary()
	replacement, hint := m.change("u", &u), m.hint()
	if m.err != nil {
		return store.UpdateResult{}, m.err
	}
	if err := c.checkHint(ctx, db, collection, hint); err != nil {
		return store.UpdateResult{}, err
	}
	switch {
	case u.Many && len(u.Sort) > 0:
		return store.UpdateResult{}, refusal(codeFailedToParse, "Cannot specify sort with multi=true")
	case replacement == nil:
		return db.Update(ctx, collection, u)
	case u.Many:
		return store.UpdateResult{}, refusal(codeFailedToParse, "multi update is not supported for replacement-style update")
	}
	r := replacing{filter: u.Filter, sort: u.Sort, upsert: u.Upsert, by: replacement}
	err := c.atomically(ctx, db, func(ctx context.Context) error { return r.run(ctx, db, collection) })
	return r.result, err
}

// change reads what an update does into u or, when it gives a whole document to
// put in place of another, returns that.
func (m *members) change(key string, u *store.Update) (replacement bson.Raw) {
	u.ArrayFilters = m.documents("arrayFilters")
	v, _ := m.look(key)
	if v.Type == bson.TypeArray {
		u.Pipeline = m.list(key)
		return nil
	}
	doc, ok := v.DocumentOK()
	if !ok {
		m.fail(codeFailedToParse, "'%s' must be an object", key)
		return nil
	}
	if first, err := doc.IndexErr(0); err != nil || first.Key() == "" || first.Key()[0] != '$' {
		if len(u.ArrayFilters) > 0 {
			m.fail(codeFailedToParse, "arrayFilters may not be specified for a replacement")
		}
		return doc
	}
	u.Change = m.document(key)
	return nil
}

var deleteStatement = knowing([]string{"q", "limit", "collation", "hint"}, nil)

func remove(ctx context.Context, c *command) (bson.D, error) {
	db, collection, docs, err := c.writing()
	if err != nil {
		return nil, err
	}
	var n int64
	writeErrors, err := c.each(ctx, docs, func(_ int, doc bson.Raw) error {
		if err := deleteStatement.check("delete.deletes", doc); err != nil {
			return err
		}
		m := members{doc: doc}
		filter, limit, hint := m.document("q"), m.number("limit"), m.hint()
		m.binary()
		if limit != 0 && limit != 1 {
			m.fail(codeFailedToParse, "The limit field in delete objects must be 0 or 1. Got %d", limit)
		}
		if m.err != nil {
			return m.err
		}
		if err := c.checkHint(ctx, db, collection, hint); err != nil {
			return err
		}
		deleted, err := db.Delete(ctx, collection, filter, limit == 0)
		n += deleted
		return err
	})
	return written(n, nil, writeErrors), err
}
