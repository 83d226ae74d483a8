package mongo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/store"
)

var _ store.Watcher = (*Store)(nil)

// Watch tells of changes by a change stream, which MongoDB has on replica sets
// and sharded clusters only. The stream survives elections and lost connections.
func (s *Store) Watch(ctx context.Context, collection string, o store.WatchOptions) (store.Changes, error) {
	c := &changes{store: s, collection: collection, options: o}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// changes is a change stream, and what it takes to open it again.
type changes struct {
	store      *Store
	collection string
	options    store.WatchOptions // After moves on
	stream     *mongo.ChangeStream
	end        error // what Next returns from now on
}

func (c *changes) open(ctx context.Context) (err error) {
	o := options.ChangeStream()
	if c.options.FullDocument {
		o.SetFullDocument(options.UpdateLookup)
	}
	if c.options.After != nil {
		// Unlike resumeAfter it also begins after an invalidation.
		o.SetStartAfter(c.options.After)
	}
	pipeline := mongo.Pipeline{}
	switch prefix := c.store.prefix; {
	case c.collection != "":
		collection, err := c.store.collection(c.collection)
		if err != nil {
			return err
		}
		c.stream, err = collection.Watch(ctx, pipeline, o)
		return mapError(err, c.collection)
	case prefix != "":
		own := bson.Regex{Pattern: "^" + regexp.QuoteMeta(prefix)}
		pipeline = append(pipeline, bson.D{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "ns.coll", Value: own}},
			bson.D{{Key: "operationType", Value: string(store.Invalidated)}},
		}}}}})
	}
	c.stream, err = c.store.db.Watch(ctx, pipeline, o)
	return mapError(err, "")
}

// Next waits for the next change.
func (c *changes) Next(ctx context.Context) (*store.Change, error) {
	for c.end == nil {
		if c.stream == nil { // an earlier call was given up
			if err := c.open(ctx); err != nil {
				return nil, c.ended(ctx, err)
			}
		}
		if !c.stream.Next(ctx) {
			err := mapError(c.stream.Err(), c.collection)
			if err == nil { // the server has closed the cursor
				err = store.ErrInvalidated
			}
			return nil, c.ended(ctx, err)
		}
		change, err := c.store.changeOf(c.stream.Current)
		if err != nil {
			return nil, c.ended(ctx, err)
		}
		c.options.After = change.Token
		if change.Kind != "" {
			return change, nil
		}
	}
	return nil, c.end
}

// ended closes the stream after an error, which is the last unless it is that of
// the call's context: the driver also gives up a moment before that ends.
func (c *changes) ended(ctx context.Context, err error) error {
	c.close()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, context.DeadlineExceeded):
		c.end = err
	}
	return err
}

// Token is the place up to which Next has told.
func (c *changes) Token() bson.Raw {
	if c.options.After == nil && c.stream != nil {
		return c.stream.ResumeToken()
	}
	return c.options.After
}

// Close ends the stream.
func (c *changes) Close() {
	c.close()
	if c.end == nil {
		c.end = store.ErrClosed
	}
}

// closeTime is how long the server may take to hear of a stream's end; without
// hearing of it, it finds out by itself.
const closeTime = time.Second

func (c *changes) close() {
	if c.stream == nil {
		return
	}
	// Where nothing happens that is asked for, the server's place moves on.
	if token := c.stream.ResumeToken(); token != nil {
		c.options.After = token
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = c.stream.Close(ctx)
	c.stream = nil
}

// changeOf reads an event of a change stream. The port has no kind for all that
// MongoDB tells.
func (s *Store) changeOf(event bson.Raw) (*store.Change, error) {
	var e struct {
		Token         bson.Raw       `bson:"_id"`
		OperationType string         `bson:"operationType"`
		ClusterTime   bson.Timestamp `bson:"clusterTime"`
		WallTime      time.Time      `bson:"wallTime"`
		Namespace     struct {
			Collection string `bson:"coll"`
		} `bson:"ns"`
		Key struct {
			ID bson.RawValue `bson:"_id"`
		} `bson:"documentKey"`
		FullDocument *bson.Raw `bson:"fullDocument"`
		Description  struct {
			Updated   bson.D   `bson:"updatedFields"`
			Removed   []string `bson:"removedFields"`
			Truncated []struct {
				Field   string `bson:"field"`
				NewSize int32  `bson:"newSize"`
			} `bson:"truncatedArrays"`
		} `bson:"updateDescription"`
	}
	// The event's memory is the stream's.
	if err := bson.Unmarshal(append(bson.Raw(nil), event...), &e); err != nil {
		return nil, fmt.Errorf("store: a change: %w", err)
	}
	change := &store.Change{
		Kind: store.ChangeKind(e.OperationType), Token: e.Token, Time: e.ClusterTime, Wall: e.WallTime, ID: e.Key.ID,
	}
	if len(e.Description.Updated) > 0 {
		change.Set = e.Description.Updated
	}
	if len(e.Description.Removed) > 0 {
		change.Removed = e.Description.Removed
	}
	switch change.Kind {
	case store.Inserted, store.Updated, store.Replaced, store.Deleted, store.Dropped, store.Invalidated:
	case "rename": // under its old name it is gone
		change.Kind = store.Dropped
	default:
		return &store.Change{Token: e.Token}, nil
	}
	if change.Kind != store.Invalidated {
		change.Collection = e.Namespace.Collection[min(len(s.prefix), len(e.Namespace.Collection)):]
	}
	if e.FullDocument != nil {
		change.Document = *e.FullDocument
	}
	for _, t := range e.Description.Truncated {
		change.Truncated = append(change.Truncated, store.TruncatedArray{Field: t.Field, NewSize: t.NewSize})
	}
	return change, nil
}
