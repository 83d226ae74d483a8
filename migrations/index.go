package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// index is a step that makes an index. Where the collection has one on the same
// keys already, of whatever name, that serves as well, it is left alone.
func index(collection string, i store.Index) step {
	return step{
		name: collection + "." + i.Name,
		done: func(ctx context.Context, s store.Store) (bool, error) {
			there, err := s.Indexes(ctx, collection)
			return slices.ContainsFunc(there, func(other store.Index) bool { return serves(other, i) }), err
		},
		run: func(ctx context.Context, s store.Store) error {
			err := s.CreateIndexes(ctx, collection, i)
			if errors.Is(err, store.ErrIndexConflict) {
				return fmt.Errorf("%s has another index on %s, or of the name %q; drop it or adapt it: %w", collection, keys(i), i.Name, err)
			}
			if _, duplicate := errors.AsType[*store.DuplicateKeyError](err); duplicate {
				return fmt.Errorf("several documents of %s have the same %s, which must be unique; make them differ: %w", collection, keys(i), err)
			}
			return err
		},
	}
}

// required is index for an index without which values that must be unique
// would not be.
func required(collection string, i store.Index) step {
	s := index(collection, i)
	s.essential = true
	return s
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
