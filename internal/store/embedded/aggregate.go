package embedded

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Aggregate is not there yet.
func (s *Store) Aggregate(ctx context.Context, collection string, pipeline bson.A, o store.AggregateOptions, yield func(bson.Raw) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return store.BadRequest(40324, "aggregation is not supported by the embedded store yet")
}
