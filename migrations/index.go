package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// index is an index to make. Where the collection has one on the same keys
// already, of whatever name, that serves as well, it is left alone.
type index struct {
	collection string
	store.Index
}

// wanted is a step that makes an index.
func wanted(collection string, i store.Index) step {
	return step{name: collection + "." + i.Name, index: &index{collection, i}}
}

// required is a step that makes an index without which values that must be
// unique would not be.
func required(collection string, i store.Index) step {
	s := wanted(collection, i)
	s.essential = true
	return s
}

func (i *index) made(ctx context.Context, s store.Store) (bool, error) {
	there, err := s.Indexes(ctx, i.collection)
	return slices.ContainsFunc(there, func(other store.Index) bool { return serves(other, i.Index) }), err
}

func (i *index) make(ctx context.Context, s store.Store) error {
	err := s.CreateIndexes(ctx, i.collection, i.Index)
	if errors.Is(err, store.ErrIndexConflict) {
		return fmt.Errorf("%s has another index on %s, or of the name %q; drop it or adapt it: %w", i.collection, keys(i.Index), i.Name, err)
	}
	if _, duplicate := errors.AsType[*store.DuplicateKeyError](err); duplicate {
		return fmt.Errorf("several documents of %s have the same %s, which must be unique; make them differ: %w", i.collection, keys(i.Index), err)
	}
	return err
}

// makeTogether makes the indexes of each collection in one go, which is much
// faster on a new database, and returns the collections where that went well.
// Where it did not, making them one by one will tell which is to blame.
func makeTogether(ctx context.Context, s store.Store, steps []step) map[string]bool {
	indexes := make(map[string][]store.Index)
	for _, step := range steps {
		if step.index != nil {
			indexes[step.index.collection] = append(indexes[step.index.collection], step.index.Index)
		}
	}
	made := make(map[string]bool, len(indexes))
	for collection, list := range indexes {
		made[collection] = s.CreateIndexes(ctx, collection, list...) == nil
	}
	return made
}

// serves tells whether an index that is there does what i is for.
func serves(there, i store.Index) bool {
	return (there.Unique || !i.Unique) && there.Partial == nil && there.CaseInsensitive == i.CaseInsensitive &&
		(i.ExpireAfterSeconds == nil || there.ExpireAfterSeconds != nil) && slices.EqualFunc(there.Keys, i.Keys, sameKey)
}

// sameKey compares two keys of indexes; their orders are numbers of any type, or
// the names of kinds.
func sameKey(a, b bson.E) bool { return a.Key == b.Key && fmt.Sprint(a.Value) == fmt.Sprint(b.Value) }

func keys(i store.Index) string {
	text := ""
	for n, key := range i.Keys {
		if n > 0 {
			text += ", "
		}
		text += key.Key
	}
	return text
}

// ascending are the keys of an index on fields, in order.
func ascending(fields ...string) bson.D {
	var keys bson.D
	for _, field := range fields {
		keys = append(keys, bson.E{Key: field, Value: int32(1)})
	}
	return keys
}
