package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/xoptions"

	"github.com/loam-baas/loam/internal/store"
)

// Find calls yield with every document that satisfies q.
func (s *Store) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	c, err := s.reading(ctx, collection, q.ReadPreference)
	if err != nil {
		return err
	}
	if q.Kept != nil {
		*q.Kept = false // documents are parts of batches, which would be held as a whole
	}
	o := options.Find().SetSkip(q.Skip)
	if q.Sort != nil {
		o.SetSort(q.Sort)
	}
	if q.Projection != nil {
		o.SetProjection(q.Projection)
	}
	if q.Limit > 0 {
		o.SetLimit(q.Limit)
	}
	if q.Hint != nil {
		o.SetHint(q.Hint)
	}
	if q.Comment != "" {
		o.SetComment(q.Comment)
	}
	if c := collation(q.CaseInsensitive); c != nil {
		o.SetCollation(c)
	}
	if s.batchSize > 0 {
		o.SetBatchSize(s.batchSize)
	}
	if s.maxTime > 0 {
		limit := bson.D{{Key: maxTimeMS, Value: s.maxTime.Milliseconds()}}
		if err := xoptions.SetInternalFindOptions(o, "addCommandFields", limit); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	cursor, err := c.Find(ctx, orEmpty(q.Filter), o)
	if err != nil {
		return mapError(err, collection)
	}
	return each(ctx, cursor, collection, yield)
}

// maxTimeMS is the member of a command that bounds the server's time. Unlike a
// context's deadline, of which the driver would tell the server nothing for a
// cursor, it does not count the time that our caller takes between batches.
const maxTimeMS = "maxTimeMS"

// each yields a cursor's documents and closes it.
func each(ctx context.Context, cursor *mongo.Cursor, collection string, yield func(bson.Raw) error) error {
	defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
	for cursor.Next(ctx) {
		// A batch that is here already comes whatever the context says.
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(cursor.Current); err != nil {
			return err
		}
	}
	return mapError(cursor.Err(), collection)
}

// Count returns how many documents satisfy the filter.
func (s *Store) Count(ctx context.Context, collection string, q store.Count) (int64, error) {
	c, err := s.reading(ctx, collection, q.ReadPreference)
	if err != nil {
		return 0, err
	}
	o := options.Count()
	if q.Limit > 0 {
		o.SetLimit(q.Limit)
	}
	if q.Hint != nil {
		o.SetHint(q.Hint)
	}
	if q.Comment != "" {
		o.SetComment(q.Comment)
	}
	if c := collation(q.CaseInsensitive); c != nil {
		o.SetCollation(c)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	n, err := c.CountDocuments(ctx, orEmpty(q.Filter), o)
	return n, mapError(err, collection)
}

// Distinct returns the different values at a path.
func (s *Store) Distinct(ctx context.Context, collection, path string, filter bson.D) ([]bson.RawValue, error) {
	c, err := s.collection(collection)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	result := c.Distinct(ctx, path, orEmpty(filter))
	if err := result.Err(); err != nil {
		return nil, mapError(err, collection)
	}
	raw, err := result.Raw()
	if err != nil {
		return nil, mapError(err, collection)
	}
	return raw.Values()
}

// aggregator is what a pipeline runs over: a collection, or the database for one
// that begins with $documents.
type aggregator interface {
	Aggregate(ctx context.Context, pipeline any, o ...options.Lister[options.AggregateOptions]) (*mongo.Cursor, error)
}

// Aggregate runs a pipeline.
func (s *Store) Aggregate(ctx context.Context, collection string, pipeline bson.A, o store.AggregateOptions, yield func(bson.Raw) error) error {
	pipeline = s.prefixed(pipeline)
	var target aggregator = s.db
	var name any = 1
	if collection != "" {
		c, err := s.reading(ctx, collection, o.ReadPreference)
		if err != nil {
			return err
		}
		target, name = c, c.Name()
	}
	if o.Explain {
		command := bson.D{{Key: "aggregate", Value: name}, {Key: "pipeline", Value: pipeline}, {Key: "cursor", Value: bson.D{}}}
		if o.Let != nil {
			command = append(command, bson.E{Key: "let", Value: o.Let})
		}
		plan, err := s.explain(ctx, command, collection)
		if err != nil {
			return err
		}
		return yield(plan)
	}
	a := options.Aggregate()
	if o.Let != nil {
		a.SetLet(o.Let)
	}
	if o.InMemory {
		a.SetAllowDiskUse(false)
	}
	if c := collation(o.CaseInsensitive); c != nil {
		a.SetCollation(c)
	}
	if o.Hint != nil {
		a.SetHint(o.Hint)
	}
	if o.Comment != "" {
		a.SetComment(o.Comment)
	}
	if s.batchSize > 0 {
		a.SetBatchSize(s.batchSize)
	}
	if s.maxTime > 0 {
		//lint:ignore SA1019 there is no other way to bound the server's time
		a.SetCustom(bson.M{maxTimeMS: s.maxTime.Milliseconds()})
	}
	cursor, err := target.Aggregate(ctx, pipeline, a)
	if err != nil {
		return mapError(err, collection)
	}
	return each(ctx, cursor, collection, yield)
}

// Explain returns how q would be run, in MongoDB's words.
func (s *Store) Explain(ctx context.Context, collection string, q store.Find) (bson.Raw, error) {
	c, err := s.reading(ctx, collection, q.ReadPreference)
	if err != nil {
		return nil, err
	}
	command := bson.D{{Key: "find", Value: c.Name()}, {Key: "filter", Value: orEmpty(q.Filter)}}
	if q.Sort != nil {
		command = append(command, bson.E{Key: "sort", Value: q.Sort})
	}
	if q.Projection != nil {
		command = append(command, bson.E{Key: "projection", Value: q.Projection})
	}
	command = append(command, bson.E{Key: "skip", Value: q.Skip}, bson.E{Key: "limit", Value: q.Limit})
	if q.Hint != nil {
		command = append(command, bson.E{Key: "hint", Value: q.Hint})
	}
	if q.CaseInsensitive {
		command = append(command, bson.E{Key: "collation", Value: bson.D{{Key: "locale", Value: "en_US"}, {Key: "strength", Value: 2}}})
	}
	return s.explain(ctx, command, collection)
}

func (s *Store) explain(ctx context.Context, command bson.D, collection string) (bson.Raw, error) {
	plan, err := s.db.RunCommand(ctx, bson.D{{Key: "explain", Value: command}, {Key: "verbosity", Value: "queryPlanner"}}).Raw()
	return plan, mapError(err, collection)
}
