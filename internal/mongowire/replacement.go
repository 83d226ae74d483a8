package mongowire

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/loam-baas/loam/internal/store"
)

// errFound ends a search that wants one document.
var errFound = errors.New("mongowire: found")

// first returns the first document that a query finds, nil for none.
func first(ctx context.Context, db store.Store, collection string, q store.Find) (doc bson.Raw, err error) {
	q.Limit = 1
	err = db.Find(ctx, collection, q, func(found bson.Raw) error {
		doc = bytes.Clone(found)
		return errFound
	})
	if errors.Is(err, errFound) {
		return doc, nil
	}
	return nil, err
}

// withTheID is a filter for one document.
func withTheID(id bson.RawValue) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: id}}}}
}

// replacing puts a whole document in place of the first that a filter finds. The
// port has no such update, and a $set of all fields would neither take care of
// names with dots nor of the order. So it is a deletion and an insertion, and
// must run in a transaction.
type replacing struct {
	filter, sort bson.D
	upsert       bool
	by           bson.Raw

	result store.UpdateResult
	// before and after are the document as it was and as it has become; nil when
	// it was not there, or is not.
	before, after bson.Raw
}

// run does it. It may run again when the transaction is to be repeated.
func (r *replacing) run(ctx context.Context, db store.Store, collection string) (err error) {
	r.result, r.after = store.UpdateResult{}, nil
	if err := r.check(); err != nil {
		return err
	}
	if r.before, err = first(ctx, db, collection, store.Find{Filter: r.filter, Sort: r.sort}); err != nil {
		return err
	}
	if r.before == nil {
		return r.add(ctx, db, collection)
	}
	r.result.Matched = 1
	id := r.before.Lookup("_id")
	if own := r.by.Lookup("_id"); !own.IsZero() && !own.Equal(id) {
		return refusal(codeImmutableField, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: %s", own)
	}
	if r.after, err = identified(r.by, id); err != nil || bytes.Equal(r.before, r.after) {
		return err
	}
	if _, err := db.Delete(ctx, collection, withTheID(id), false); err != nil {
		return err
	}
	r.result.Modified = 1
	return db.Insert(ctx, collection, r.after)
}

// check refuses names that are operators' in other places.
func (r *replacing) check() error {
	elements, err := r.by.Elements()
	if err != nil {
		return refusal(codeFailedToParse, "the replacement cannot be read")
	}
	for _, e := range elements {
		if strings.HasPrefix(e.Key(), "$") {
			return refusal(codeDollarPrefixedName, "The dollar ($) prefixed field '%s' is not allowed in the context of an update's replacement document.", e.Key())
		}
	}
	return nil
}

// add inserts the document, if that is wanted when none was found: under its own
// _id, that of the filter, or a new one.
func (r *replacing) add(ctx context.Context, db store.Store, collection string) (err error) {
	if !r.upsert {
		return nil
	}
	own, wanted := r.by.Lookup("_id"), idOf(r.filter)
	switch {
	case wanted.IsZero():
		r.after, err = withID(r.by)
	case !own.IsZero() && !own.Equal(wanted):
		return refusal(codeImmutableField, "The _id field cannot be changed from %s to %s.", wanted, own)
	default:
		r.after, err = identified(r.by, wanted)
	}
	if err != nil {
		return err
	}
	if err := db.Insert(ctx, collection, r.after); err != nil {
		return err
	}
	r.result.Upserted = true
	return r.after.Lookup("_id").Unmarshal(&r.result.UpsertedID)
}

// idOf is the _id that a filter asks for; the zero value when it does not ask
// for one.
func idOf(filter bson.D) bson.RawValue {
	for _, e := range filter {
		switch {
		case e.Key == "_id":
			return equalTo(e.Value)
		case e.Key == "$and":
			clauses, _ := e.Value.(bson.A)
			for _, clause := range clauses {
				d, _ := clause.(bson.D)
				if id := idOf(d); !id.IsZero() {
					return id
				}
			}
		}
	}
	return bson.RawValue{}
}

// equalTo is the value that a condition of a filter asks for.
func equalTo(condition any) bson.RawValue {
	d, isDocument := condition.(bson.D)
	if isDocument && len(d) > 0 && strings.HasPrefix(d[0].Key, "$") {
		for _, e := range d {
			if e.Key == "$eq" {
				return valueOf(e.Value)
			}
		}
		return bson.RawValue{}
	}
	return valueOf(condition)
}

func valueOf(v any) bson.RawValue {
	kind, data, err := bson.MarshalValue(v)
	if err != nil || kind == bson.TypeRegex {
		return bson.RawValue{}
	}
	return bson.RawValue{Type: kind, Value: data}
}

// identified is a document with this _id in front, in place of its own.
func identified(doc bson.Raw, id bson.RawValue) (bson.Raw, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, refusal(codeFailedToParse, "the document cannot be read")
	}
	start, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+len(id.Value)+8))
	dst = bsoncore.AppendValueElement(dst, "_id", bsoncore.Value{Type: bsoncore.Type(id.Type), Data: id.Value})
	for _, e := range elements {
		if e.Key() != "_id" {
			dst = append(dst, e...)
		}
	}
	return bsoncore.AppendDocumentEnd(dst, start)
}
