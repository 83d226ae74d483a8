package embedded

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/pipeline"
)

// Aggregate runs a pipeline on one snapshot, or on what the caller's transaction
// sees. What the pipeline begins with is a search, and so is served by indexes.
// What does not fit into memory goes to files in the store's directory.
func (s *Store) Aggregate(ctx context.Context, collection string, stages bson.A, o store.AggregateOptions, yield func(bson.Raw) error) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if collection != "" {
		if err := checkName(collection); err != nil {
			return err
		}
	}
	p, err := pipeline.Compile(collection, stages, pipeline.Options{AggregateOptions: o, Dir: s.dir})
	if err != nil {
		return err
	}
	if o.Explain {
		doc, err := s.explainPipeline(ctx, collection, p)
		if err != nil {
			return err
		}
		return yield(doc)
	}
	if tx != nil || p.ReadsOnce() {
		return p.Run(ctx, s, yield)
	}
	return s.atOneTime(ctx, s.laneOf(collection, p), p, yield)
}

// laneOf is the lane that a pipeline runs in. One about a single document that an
// index finds is as good as a short read: who a request is from is asked so, and
// must not wait for scans.
func (s *Store) laneOf(collection string, p *pipeline.Pipeline) lane {
	first, ok := p.Search()
	if !ok || first.Limit != 1 {
		return scans
	}
	q, err := newSearch(collection, first)
	if err != nil {
		return scans
	}
	candidates, err := s.catalog.Load().collections[collection].plans(&q.request)
	if err != nil || slices.ContainsFunc(candidates, func(p *plan) bool { return !p.selects() }) {
		return scans
	}
	return shortReads
}

// atOneTime runs a pipeline on a snapshot of its own. If collections or indexes
// change before it has results, it begins again.
func (s *Store) atOneTime(ctx context.Context, l lane, p *pipeline.Pipeline, yield func(bson.Raw) error) error {
	for attempt := 1; ; attempt++ {
		if err := s.usable(ctx); err != nil {
			return err
		}
		tx, err := s.beginSnapshot(ctx, l)
		if err != nil {
			return err
		}
		delivered := false
		err = p.Run(context.WithValue(ctx, transactionKey{s}, tx), s, func(doc bson.Raw) error {
			delivered = true
			return yield(doc)
		})
		tx.end(nil)
		if !errors.Is(err, store.ErrConflict) || delivered || attempt == maxAttempts {
			return err
		}
	}
}

// explainPipeline tells how a pipeline would be run, in the form of MongoDB's
// explain: the search is the stage $cursor.
func (s *Store) explainPipeline(ctx context.Context, collection string, p *pipeline.Pipeline) (bson.Raw, error) {
	var stages bson.A
	if q, ok := p.Search(); ok {
		plan, err := s.Explain(ctx, collection, q)
		if err != nil || len(p.Stages()) == 0 {
			return plan, err
		}
		stages = append(stages, bson.D{{Key: "$cursor", Value: bson.D{{Key: "queryPlanner", Value: plan.Lookup("queryPlanner")}}}})
	}
	for _, spec := range p.Stages() {
		stages = append(stages, spec)
	}
	return bson.Marshal(bson.D{{Key: "stages", Value: stages}, {Key: "serverInfo", Value: serverInfo}, {Key: "ok", Value: 1.0}})
}
