package embedded

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Find calls yield while it reads, holding a read connection and a snapshot: a
// yield that dawdles keeps the write-ahead log from being reused and one of few
// connections from others. It should do no more than keep what it is given.
func (s *Store) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if tx == nil {
		if ids, rest, ok := idQuery(q); ok {
			getting, _, err := compileSearch(collection, rest)
			if err != nil {
				return err
			}
			if getting.near == nil && getting.text == nil {
				return s.get(ctx, getting, ids, yield)
			}
		}
	}
	compiled, err := newSearch(collection, q)
	if err != nil {
		return err
	}
	return s.read(ctx, tx, compiled, func(v *view) error { return compiled.run(ctx, v, yield) })
}

// view is what a search reads: a plan on a connection and, in a transaction of a
// caller, the documents edited in it.
type view struct {
	conn  *conn
	coll  *collection // nil when there is none
	plan  *plan
	draft *draft
	// cache has documents for what is read from a snapshot, which began at that
	// time or later; nil for none.
	cache *cache
	at    instant
	// pinned tells that the plan was made after the snapshot began.
	pinned bool
	// delivered tells that the caller has been given something.
	delivered bool
}

// scan calls visit with the documents that satisfy the search, in the plan's
// order, after perRange documents of a range going on to the next one if
// perRange is above 0.
func (v *view) scan(ctx context.Context, q *search, perRange int64, visit visit) error {
	q.begin(ctx)
	if v.draft != nil {
		return v.scanDraft(ctx, q, visit)
	}
	if v.coll == nil {
		return nil
	}
	s := scan{
		conn: v.conn, coll: v.coll, plan: v.plan, filter: q.matcher(v.plan, true), cache: v.cache, at: v.at,
		perRange: perRange, checked: v.pinned,
		visit: func(h handle, doc bson.Raw) (bool, error) {
			v.delivered = true
			if v.plan.access != textScan {
				h.score = q.score(v.plan, doc)
			}
			return visit(h, doc)
		},
	}
	if v.plan.exact {
		s.filter = nil
	}
	return s.run(ctx)
}

// maxAttempts bounds how often a read is begun again because the collection's
// indexes change under it.
const maxAttempts = 10

// read plans a search and calls do to run it, in a transaction if tx is not nil.
// A collection that is not there is as good as an empty one. If the catalog
// changes before the snapshot begins, do is called again.
func (s *Store) read(ctx context.Context, tx *transaction, q *search, do func(*view) error) error {
	if tx != nil {
		return tx.read(q, do)
	}
	for attempt := 1; ; attempt++ {
		cat := s.catalog.Load()
		v := &view{coll: cat.collections[q.collection], cache: s.cache, at: s.cache.now()}
		err := s.readOnce(ctx, q, v, do)
		stale := errors.Is(err, errStale) || !refused(err) && s.catalog.changed(cat)
		if stale && !v.delivered && attempt < maxAttempts {
			continue
		}
		return failure(err)
	}
}

func (s *Store) readOnce(ctx context.Context, q *search, v *view, do func(*view) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	candidates, err := v.coll.plans(&q.request)
	if err != nil {
		return err
	}
	if v.coll == nil {
		if err := checkName(q.collection); err != nil {
			return err
		}
		v.plan = candidates[0]
		return do(v)
	}
	// A long scan is planned in the lane of short reads, but does not run there.
	err = s.readers.use(ctx, shortReads, func(c *conn) error {
		v.conn = c
		if v.plan, err = v.coll.choose(c, candidates, q.wanted()); err != nil || !v.plan.selects() {
			return err
		}
		return do(v)
	})
	if err != nil || v.plan.selects() {
		return err
	}
	return s.readers.use(ctx, scans, func(c *conn) error {
		v.conn = c
		return do(v)
	})
}
