package embedded

import (
	"bytes"
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// Find calls yield while it reads, holding a read connection and a snapshot: a
// yield that dawdles keeps the write-ahead log from being reused and one of few
// connections from others. It should do no more than keep what it is given.
func (s *Store) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if tx == nil && q.Hint == nil && !q.CaseInsensitive {
		if id, rest, ok := idQuery(q.Filter); ok {
			return s.get(ctx, collection, id, rest, &q, yield)
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
	cache *cache
	coll  *collection // nil when there is none
	plan  *plan
	draft *draft
	// pinned tells that the plan was made after the snapshot began.
	pinned bool
	// delivered tells that the caller has been given something.
	delivered bool
}

// scan calls visit with the documents that satisfy the search, in the plan's
// order, after perRange documents of a range going on to the next one if
// perRange is above 0.
func (v *view) scan(ctx context.Context, q *search, perRange int64, visit visit) error {
	if v.draft != nil {
		return v.scanDraft(ctx, q, visit)
	}
	if v.coll == nil {
		return nil
	}
	s := scan{
		conn: v.conn, cache: v.cache, coll: v.coll, plan: v.plan, filter: q.filter,
		perRange: perRange, checked: v.pinned,
		visit: func(h handle, doc bson.Raw) (bool, error) {
			v.delivered = true
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
		v := &view{cache: s.cache, coll: cat.collections[q.collection]}
		err := s.readOnce(ctx, q, v, do)
		stale := errors.Is(err, errStale) || !refused(err) && s.catalog.Load() != cat
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
	lane := shortReads
	for _, p := range candidates {
		if p.access != union && p.bounded == 0 {
			lane = scans
		}
	}
	v.conn, err = s.readers.get(ctx, lane)
	if err != nil {
		return err
	}
	defer s.readers.put(v.conn, lane)
	v.plan, err = v.coll.choose(v.conn, candidates, q.wanted())
	if err != nil {
		return err
	}
	return do(v)
}

// idQuery tells whether a filter asks for one _id, and returns that and the rest
// of the filter.
func idQuery(filter bson.D) (id any, rest bson.D, ok bool) {
	for i, e := range filter {
		if e.Key != "_id" {
			continue
		}
		id = e.Value
		if d, isDoc := id.(bson.D); isDoc {
			if len(d) != 1 || d[0].Key != "$eq" {
				return nil, nil, false
			}
			id = d[0].Value
		}
		switch id.(type) {
		case string, int32, int64, float64, bson.ObjectID:
		default:
			return nil, nil, false
		}
		switch i {
		case 0:
			rest = filter[1:]
		case len(filter) - 1:
			rest = filter[:i]
		default:
			rest = filter
		}
		return id, rest, true
	}
	return nil, nil, false
}

// get finds one document by its id, in the cache or in the file, if it satisfies
// the rest of the filter.
func (s *Store) get(ctx context.Context, collection string, id any, rest bson.D, q *store.Find, yield func(bson.Raw) error) error {
	var filter *match.Matcher
	var projection *match.Projection
	var err error
	if len(rest) > 0 {
		if filter, err = match.Compile(rest); err != nil {
			return err
		}
	}
	if len(q.Projection) > 0 {
		if projection, err = match.CompileProjection(q.Projection); err != nil {
			return err
		}
	}
	var space [64]byte
	key, err := match.AppendKeyOf(space[:0], id)
	if err != nil {
		return err
	}
	doc, err := s.lookup(ctx, collection, key)
	if doc == nil || err != nil {
		return err
	}
	if filter != nil && !filter.Match(doc) || q.Skip > 0 {
		return nil
	}
	if projection != nil {
		doc = projection.Append(nil, doc, 0)
	}
	return yield(doc)
}

// lookup returns the document with this id's key, nil when there is none. It
// must not be changed.
func (s *Store) lookup(ctx context.Context, collection string, key []byte) (bson.Raw, error) {
	for attempt := 1; ; attempt++ {
		cat := s.catalog.Load()
		coll := cat.collections[collection]
		if err := s.usable(ctx); err != nil {
			return nil, err
		}
		if coll == nil {
			return nil, checkName(collection)
		}
		doc, ticket := s.cache.get(coll.n, key)
		if doc != nil {
			return doc, nil
		}
		doc, err := s.readDoc(ctx, coll, key)
		if err != nil && !refused(err) && s.catalog.Load() != cat && attempt < maxAttempts {
			continue
		}
		if doc != nil {
			ticket.put(coll.n, key, doc)
		}
		return doc, failure(err)
	}
}

func (s *Store) readDoc(ctx context.Context, coll *collection, key []byte) (bson.Raw, error) {
	c, err := s.readers.get(ctx, shortReads)
	if err != nil {
		return nil, err
	}
	defer s.readers.put(c, shortReads)
	return c.lookup(coll, key)
}

// lookup returns a copy of the document with this id's key, nil when there is none.
func (c *conn) lookup(coll *collection, key []byte) (bson.Raw, error) {
	_, doc, err := c.row(stmtKey{does: docByID, docs: coll.n}, func(s *stmt) { s.bindBlob(1, key) })
	return doc, err
}

// row returns the row that a statement finds, with a copy of the document, which
// is nil when there is none.
func (c *conn) row(key stmtKey, bind func(*stmt)) (rid int64, doc bson.Raw, err error) {
	s, err := c.prepare(key)
	if err != nil {
		return 0, nil, err
	}
	defer s.reset()
	bind(s)
	if found, err := s.first(); err != nil || !found {
		return 0, nil, err
	}
	return s.int(0), bytes.Clone(s.blob(1)), nil
}
