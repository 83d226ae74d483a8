package mongowire

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// statements are the parts of a write command: those sent beside the body, or
// those in it.
func (c *command) statements(member string) ([]bson.Raw, error) {
	docs, ok := c.sequences[member]
	if !ok {
		list, isArray := c.body.Lookup(member).ArrayOK()
		if !isArray {
			return nil, &commandError{code: codeTypeMismatch, name: "TypeMismatch", message: member + " must be an array"}
		}
		values, err := list.Values()
		if err != nil {
			return nil, badValue(member + " cannot be read")
		}
		for _, v := range values {
			doc, ok := v.DocumentOK()
			if !ok {
				return nil, &commandError{code: codeTypeMismatch, name: "TypeMismatch", message: member + " must be an array of objects"}
			}
			docs = append(docs, doc)
		}
	}
	if len(docs) == 0 || len(docs) > maxWriteBatch {
		return nil, &commandError{code: 16, name: "InvalidLength", message: "a write must have between 1 and 100000 statements"}
	}
	return docs, nil
}

// each runs the statements of a write in order. After one has failed the rest
// are run only when the command is unordered.
func (c *command) each(docs []bson.Raw, run func(index int, doc bson.Raw) error) (writeErrors bson.A, err error) {
	ordered := c.body.Lookup("ordered").IsZero() || flag(c.body, "ordered")
	for i, doc := range docs {
		err := run(i, doc)
		if err == nil {
			continue
		}
		if errors.Is(err, store.ErrConflict) {
			return nil, err // the whole transaction's, not the statement's
		}
		writeErrors = append(writeErrors, writeError(i, err))
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

func insert(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	docs, err := c.statements("documents")
	if err != nil {
		return nil, err
	}
	var n int64
	writeErrors, err := c.each(docs, func(_ int, doc bson.Raw) error {
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

// withID puts an _id at the front of a document, where a server keeps it.
func withID(doc bson.Raw) (bson.Raw, error) {
	first, err := doc.IndexErr(0)
	if err == nil && first.Key() == "_id" {
		return doc, nil
	}
	var d bson.D
	if err := bson.Unmarshal(doc, &d); err != nil {
		return nil, badValue("the document cannot be read")
	}
	id := any(bson.NewObjectID())
	rest := make(bson.D, 1, len(d)+1)
	for _, e := range d {
		if e.Key == "_id" {
			id = e.Value
			continue
		}
		rest = append(rest, e)
	}
	rest[0] = bson.E{Key: "_id", Value: id}
	return bson.Marshal(rest)
}

// updateOf reads a statement of an update, or the members of a findAndModify.
func updateOf(doc bson.Raw, filter, change string) (store.Update, error) {
	u := store.Update{Many: flag(doc, "multi"), Upsert: flag(doc, "upsert")}
	var err error
	if u.Filter, err = document(doc, filter); err != nil {
		return u, err
	}
	if doc.Lookup(change).Type == bson.TypeArray {
		return u, &commandError{code: codeCommandNotSupported, name: "CommandNotSupported", message: "updates by pipeline are not served"}
	}
	if u.Change, err = document(doc, change); err != nil {
		return u, err
	}
	if u.Sort, err = document(doc, "sort"); err != nil {
		return u, err
	}
	if !doc.Lookup("arrayFilters").IsZero() {
		return u, &commandError{code: codeCommandNotSupported, name: "CommandNotSupported", message: "arrayFilters are not served"}
	}
	return u, nil
}

func update(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	docs, err := c.statements("updates")
	if err != nil {
		return nil, err
	}
	var matched, modified int64
	upserted := bson.A{}
	writeErrors, err := c.each(docs, func(i int, doc bson.Raw) error {
		u, err := updateOf(doc, "q", "u")
		if err != nil {
			return err
		}
		result, err := db.Update(ctx, collection, u)
		matched, modified = matched+result.Matched, modified+result.Modified
		if result.Upserted {
			matched++
			upserted = append(upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: result.UpsertedID}})
		}
		return err
	})
	more := bson.D{{Key: "nModified", Value: int32(modified)}}
	if len(upserted) > 0 {
		more = append(more, bson.E{Key: "upserted", Value: upserted})
	}
	return written(matched, more, writeErrors), err
}

func remove(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	docs, err := c.statements("deletes")
	if err != nil {
		return nil, err
	}
	var n int64
	writeErrors, err := c.each(docs, func(_ int, doc bson.Raw) error {
		filter, err := document(doc, "q")
		if err != nil {
			return err
		}
		deleted, err := db.Delete(ctx, collection, filter, !flag(doc, "limit"))
		n += deleted
		return err
	})
	return written(n, nil, writeErrors), err
}

func findAndModify(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if flag(c.body, "remove") {
		filter, err := document(c.body, "query")
		if err != nil {
			return nil, err
		}
		doc, err := db.FindAndDelete(ctx, collection, filter)
		return modified(doc, false, err)
	}
	u, err := updateOf(c.body, "query", "update")
	if err != nil {
		return nil, err
	}
	if u.Projection, err = document(c.body, "fields"); err != nil {
		return nil, err
	}
	want := store.Before
	if flag(c.body, "new") {
		want = store.After
	}
	doc, err := db.FindAndUpdate(ctx, collection, u, want)
	return modified(doc, u.Upsert, err)
}

// modified is the answer to a findAndModify.
func modified(doc bson.Raw, upsert bool, err error) (bson.D, error) {
	found := err == nil && doc != nil
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	}
	n := int32(0)
	if found || upsert {
		n = 1
	}
	answer := bson.D{{Key: "lastErrorObject", Value: bson.D{{Key: "n", Value: n}, {Key: "updatedExisting", Value: found}}}}
	if !found {
		return append(answer, bson.E{Key: "value", Value: nil}), nil
	}
	return append(answer, bson.E{Key: "value", Value: doc}), nil
}
