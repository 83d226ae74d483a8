package engine

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// documents calls yield with the documents that the query finds. stays is set
// before each call: whether the document is never written to again.
func (r *read) documents(ctx context.Context, stays *bool, yield func(bson.Raw) error) error {
	find := r.find()
	find.Kept = stays
	return r.placed(ctx, func() error { return r.engine.Store.Find(ctx, r.class.Name, find, yield) })
}

// placed runs a query. Stores answer $nearSphere only with a geo index, which the
// first query of that kind makes, as in Parse Server: most points are never asked
// for by their distance. A field that the class does not have has no places.
func (r *read) placed(ctx context.Context, run func() error) error {
	err := run()
	request, ok := errors.AsType[*store.RequestError](err)
	if !ok || !request.NeedsGeoIndex() {
		return err
	}
	path, near := r.where.Near()
	if !near {
		return err
	}
	switch t, known := r.class.Types()[path]; {
	case !known:
		return nil
	case t.Kind != parse.KindGeoPoint:
		return err
	}
	if err := r.engine.Catalog.IndexPlaces(ctx, r.class.Name, path); err != nil {
		return err
	}
	return run()
}
