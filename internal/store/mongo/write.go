package mongo

import (
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/store"
)

// Insert adds documents in order and stops at the first that fails.
func (s *Store) Insert(ctx context.Context, collection string, docs ...bson.Raw) error {
	c, err := s.collection(collection)
	if err != nil || len(docs) == 0 {
		return err
	}
	for _, doc := range docs {
		if doc.Lookup("_id").IsZero() {
			return store.BadRequest(codeBadValue, "a document must have an _id")
		}
	}
	if len(docs) == 1 {
		_, err = c.InsertOne(ctx, docs[0])
	} else {
		_, err = c.InsertMany(ctx, docs)
	}
	return mapError(err, collection)
}

// changeOf is what the driver is to send as an update. What is no update is
// refused here, which the driver would do with an error that does not tell it
// from others.
func changeOf(u store.Update) (any, error) {
	if u.Pipeline != nil {
		return u.Pipeline, nil
	}
	if len(u.Change) == 0 {
		return nil, store.BadRequest(codeFailedToParse, "an update must have at least one operator")
	}
	for _, e := range u.Change {
		if !strings.HasPrefix(e.Key, "$") {
			return nil, store.BadRequest(codeFailedToParse, "%q is no update operator", e.Key)
		}
	}
	return u.Change, nil
}

func arrayFilters(u store.Update) []any {
	var filters []any
	for _, f := range u.ArrayFilters {
		filters = append(filters, f)
	}
	return filters
}

// Update changes the documents that satisfy u.Filter.
func (s *Store) Update(ctx context.Context, collection string, u store.Update) (store.UpdateResult, error) {
	c, err := s.collection(collection)
	if err != nil {
		return store.UpdateResult{}, err
	}
	change, err := changeOf(u)
	if err != nil {
		return store.UpdateResult{}, err
	}
	var result *mongo.UpdateResult
	if u.Many {
		o := options.UpdateMany().SetUpsert(u.Upsert)
		if u.ArrayFilters != nil {
			o.SetArrayFilters(arrayFilters(u))
		}
		result, err = c.UpdateMany(ctx, orEmpty(u.Filter), change, o)
	} else {
		o := options.UpdateOne().SetUpsert(u.Upsert)
		if u.ArrayFilters != nil {
			o.SetArrayFilters(arrayFilters(u))
		}
		result, err = c.UpdateOne(ctx, orEmpty(u.Filter), change, o)
	}
	if err != nil {
		return store.UpdateResult{}, mapError(err, collection)
	}
	return store.UpdateResult{Matched: result.MatchedCount, Modified: result.ModifiedCount,
		Upserted: result.UpsertedCount > 0, UpsertedID: result.UpsertedID}, nil
}

// FindAndUpdate changes the first document that satisfies u.Filter and returns it.
func (s *Store) FindAndUpdate(ctx context.Context, collection string, u store.Update, want store.Version) (bson.Raw, error) {
	c, err := s.collection(collection)
	if err != nil {
		return nil, err
	}
	change, err := changeOf(u)
	if err != nil {
		return nil, err
	}
	o := options.FindOneAndUpdate().SetUpsert(u.Upsert).SetReturnDocument(options.Before)
	if want == store.After {
		o.SetReturnDocument(options.After)
	}
	if u.Projection != nil {
		o.SetProjection(u.Projection)
	}
	if u.Sort != nil {
		o.SetSort(u.Sort)
	}
	if u.ArrayFilters != nil {
		o.SetArrayFilters(arrayFilters(u))
	}
	doc, err := c.FindOneAndUpdate(ctx, orEmpty(u.Filter), change, o).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		if u.Upsert {
			return nil, nil // it was added, and the old one asked for
		}
		return nil, store.ErrNotFound
	}
	return doc, mapError(err, collection)
}

// FindAndDelete removes the first document that satisfies the filter and returns it.
func (s *Store) FindAndDelete(ctx context.Context, collection string, filter bson.D) (bson.Raw, error) {
	c, err := s.collection(collection)
	if err != nil {
		return nil, err
	}
	doc, err := c.FindOneAndDelete(ctx, orEmpty(filter)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, store.ErrNotFound
	}
	return doc, mapError(err, collection)
}

// Delete removes the documents that satisfy the filter, or the first one only.
func (s *Store) Delete(ctx context.Context, collection string, filter bson.D, many bool) (int64, error) {
	c, err := s.collection(collection)
	if err != nil {
		return 0, err
	}
	var result *mongo.DeleteResult
	if many {
		result, err = c.DeleteMany(ctx, orEmpty(filter))
	} else {
		result, err = c.DeleteOne(ctx, orEmpty(filter))
	}
	if err != nil {
		return 0, mapError(err, collection)
	}
	return result.DeletedCount, nil
}
