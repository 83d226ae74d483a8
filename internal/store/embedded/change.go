package embedded

import (
	"bytes"
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/pipeline"
)

// stage is where commands change documents: the writer's transaction, or that
// of a caller. A refusal by insert, replace or remove changes nothing.
type stage interface {
	// find calls v with the documents that satisfy q, in q's order only if it
	// has no sorter; skip and limit are left to the caller.
	find(ctx context.Context, q *search, v visit) error
	load(collection string, h handle) (bson.Raw, error)
	insert(collection string, doc bson.Raw) error
	replace(collection string, h handle, old, doc bson.Raw) error
	remove(collection string, h handle, old bson.Raw) error
}

// write runs a command in the caller's transaction, or has the writer run it in
// its own. The command may run more than once.
func (s *Store) write(ctx context.Context, command func(stage) error) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if tx != nil {
		return tx.change(command)
	}
	return s.writer.do(ctx, &operation{run: func(tx *writeTx) error { return command(tx) }})
}

// Insert adds documents. Their keys are computed before the writer's turn.
func (s *Store) Insert(ctx context.Context, collection string, docs ...bson.Raw) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if tx != nil {
		return tx.change(func(st stage) error {
			for _, doc := range docs {
				if err := st.insert(collection, doc); err != nil {
					return err
				}
			}
			return nil
		})
	}
	coll := s.catalog.Load().collections[collection]
	entries := make([]*entry, 0, len(docs))
	var malformed error
	for _, doc := range docs {
		e, err := coll.entryOf(doc)
		if err != nil {
			malformed = err
			break
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return malformed
	}
	err = s.writer.do(ctx, &operation{run: func(tx *writeTx) error {
		return tx.insertAll(collection, coll, docs, entries)
	}})
	if err != nil {
		return err
	}
	return malformed
}

// insertAll adds the documents that have entries, which were computed for the
// collection as it was then.
func (tx *writeTx) insertAll(name string, then *collection, docs []bson.Raw, entries []*entry) error {
	c, err := tx.ensure(name)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if c != then {
			if e, err = c.entryOf(docs[i]); err != nil {
				return err
			}
		}
		if err := tx.add(c, docs[i], e); err != nil {
			return err
		}
		tx.note(store.Inserted, name, nil, docs[i])
	}
	return nil
}

// update is a compiled store.Update.
type update struct {
	search  *search
	updater match.Applier
	change  store.Update
}

func newUpdate(ctx context.Context, collection string, u store.Update) (*update, error) {
	find := store.Find{Filter: u.Filter, Sort: u.Sort, Projection: u.Projection}
	if !u.Many {
		find.Limit = 1
	}
	q, err := newSearch(collection, find)
	if err != nil {
		return nil, err
	}
	if u.Upsert && q.env != nil {
		return nil, store.BadRequest(224, "$expr is not allowed in the query predicate for an upsert")
	}
	updater, err := compileChange(ctx, q.filter, u)
	if err != nil {
		return nil, err
	}
	return &update{search: q, updater: updater, change: u}, nil
}

// compileChange compiles what an update does to the documents of a filter.
func compileChange(ctx context.Context, filter *match.Matcher, u store.Update) (match.Applier, error) {
	if u.Pipeline == nil {
		return match.UpdateOptions{ArrayFilters: u.ArrayFilters, Query: filter}.Compile(u.Change)
	}
	if len(u.ArrayFilters) > 0 {
		return nil, store.BadRequest(9, "arrayFilters may not be specified for pipeline-style updates")
	}
	return pipeline.CompileUpdate(ctx, u.Pipeline)
}

// Update changes documents. Those that an update of many has changed when it
// fails remain changed.
func (s *Store) Update(ctx context.Context, collection string, u store.Update) (store.UpdateResult, error) {
	if u.Many {
		u.Sort = nil
	}
	compiled, err := newUpdate(ctx, collection, u)
	if err != nil {
		return store.UpdateResult{}, err
	}
	var result store.UpdateResult
	err = s.write(ctx, func(st stage) error {
		result = store.UpdateResult{}
		if u.Many {
			return compiled.many(ctx, st, &result)
		}
		_, err := compiled.first(ctx, st, &result)
		return err
	})
	return result, err
}

// changed is a document that was changed.
type changed struct {
	before, after bson.Raw // nil if it was not there, or is not
	score         float64  // of the text search that found it
}

// first changes the first document, or adds one.
func (u *update) first(ctx context.Context, st stage, result *store.UpdateResult) (c changed, err error) {
	h, before, err := u.search.first(ctx, st)
	if err != nil {
		return changed{}, err
	}
	if before == nil {
		c.after, err = u.upsert(st, result)
		return c, err
	}
	result.Matched++
	after, err := u.apply(st, h, before, result)
	return changed{before, after, h.score}, err
}

func (u *update) many(ctx context.Context, st stage, result *store.UpdateResult) error {
	found, err := u.search.all(ctx, st)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		_, err := u.upsert(st, result)
		return err
	}
	for _, h := range found {
		before, err := st.load(u.search.collection, h)
		if err != nil {
			return err
		}
		result.Matched++
		if _, err := u.apply(st, h, before, result); err != nil {
			return err
		}
	}
	return nil
}

func (u *update) apply(st stage, h handle, before bson.Raw, result *store.UpdateResult) (after bson.Raw, err error) {
	after, changed, err := u.updater.Apply(before, false)
	if err != nil || !changed {
		return before, err
	}
	if err := st.replace(u.search.collection, h, before, after); err != nil {
		return nil, err
	}
	result.Modified++
	return after, nil
}

// upsert adds the document that the update makes when none was found, if that
// is wanted.
func (u *update) upsert(st stage, result *store.UpdateResult) (bson.Raw, error) {
	if !u.change.Upsert {
		return nil, nil
	}
	doc, err := match.UpsertDocument(u.change.Filter, u.updater)
	if err != nil {
		return nil, err
	}
	if err := st.insert(u.search.collection, doc); err != nil {
		return nil, err
	}
	result.Upserted = true
	if err := doc.Lookup("_id").Unmarshal(&result.UpsertedID); err != nil {
		return nil, fmt.Errorf("store: id of an added document: %w", err)
	}
	return doc, nil
}

// FindAndUpdate changes one document and returns it.
func (s *Store) FindAndUpdate(ctx context.Context, collection string, u store.Update, want store.Version) (bson.Raw, error) {
	u.Many = false
	compiled, err := newUpdate(ctx, collection, u)
	if err != nil {
		return nil, err
	}
	var c changed
	err = s.write(ctx, func(st stage) (err error) {
		var result store.UpdateResult
		if c, err = compiled.first(ctx, st, &result); err == nil && c.after == nil {
			return store.ErrNotFound
		}
		return err
	})
	doc := c.before
	if want == store.After {
		doc = c.after
	}
	if err != nil || doc == nil {
		return nil, err
	}
	return compiled.search.project(doc, c.score), nil
}

// FindAndDelete removes one document and returns it.
func (s *Store) FindAndDelete(ctx context.Context, collection string, filter bson.D) (bson.Raw, error) {
	q, err := newSearch(collection, store.Find{Filter: filter, Limit: 1})
	if err != nil {
		return nil, err
	}
	var doc bson.Raw
	err = s.write(ctx, func(st stage) error {
		h, found, err := q.first(ctx, st)
		if err != nil {
			return err
		}
		if found == nil {
			return store.ErrNotFound
		}
		doc = found
		return st.remove(collection, h, found)
	})
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// Delete removes documents.
func (s *Store) Delete(ctx context.Context, collection string, filter bson.D, many bool) (int64, error) {
	query := store.Find{Filter: filter}
	if !many {
		query.Limit = 1
	}
	q, err := newSearch(collection, query)
	if err != nil {
		return 0, err
	}
	return s.delete(ctx, q)
}

func (s *Store) delete(ctx context.Context, q *search) (int64, error) {
	var deleted int64
	err := s.write(ctx, func(st stage) error {
		deleted = 0
		found, err := q.all(ctx, st)
		if err != nil {
			return err
		}
		for _, h := range found {
			doc, err := st.load(q.collection, h)
			if err != nil {
				return err
			}
			if err := st.remove(q.collection, h, doc); err != nil {
				return err
			}
			deleted++
		}
		return nil
	})
	return deleted, err
}

// first returns the first document in order, as a copy; nil when there is none.
func (s *search) first(ctx context.Context, st stage) (h handle, doc bson.Raw, err error) {
	if !s.ordered() {
		err = st.find(ctx, s, func(found handle, d bson.Raw) (bool, error) {
			h, doc = found, bytes.Clone(d)
			return false, nil
		})
		return h, doc, err
	}
	order := ordering{search: s, capacity: 1}
	err = st.find(ctx, s, func(found handle, d bson.Raw) (bool, error) { return true, order.add(found, d) })
	if err != nil || len(order.items) == 0 {
		return handle{}, nil, err
	}
	return order.items[0].handle, order.items[0].doc, nil
}

// all returns the documents, up to the limit, in no order. They are found before
// any is changed, so that a change can't make one be found again.
func (s *search) all(ctx context.Context, st stage) ([]handle, error) {
	var found []handle
	err := st.find(ctx, s, func(h handle, _ bson.Raw) (bool, error) {
		found = append(found, h)
		return s.limit == 0 || int64(len(found)) < s.limit, nil
	})
	return found, err
}

// project returns what the projection leaves of a document of that text score.
func (s *search) project(doc bson.Raw, score float64) bson.Raw {
	if s.projection == nil {
		return doc
	}
	return s.projection.Append(nil, doc, score)
}
