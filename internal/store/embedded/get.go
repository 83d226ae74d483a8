package embedded

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// idQuery tells whether a query is for documents of which it names the _id, and
// returns the ids and the query without them. It is what most reads are: an
// object that is asked for, or those that others point to.
func idQuery(q store.Find) (ids []any, rest store.Find, ok bool) {
	if q.Hint != nil || q.CaseInsensitive || len(q.Sort) > 0 {
		return nil, q, false
	}
	for i, e := range q.Filter {
		if e.Key != "_id" {
			continue
		}
		ids, ok = idsOf(e.Value)
		switch i {
		case 0:
			q.Filter = q.Filter[1:]
		case len(q.Filter) - 1:
			q.Filter = q.Filter[:i]
		}
		return ids, q, ok
	}
	return nil, q, false
}

func idsOf(condition any) (ids []any, ok bool) {
	if d, isDocument := condition.(bson.D); isDocument {
		if len(d) != 1 {
			return nil, false
		}
		switch list, isArray := d[0].Value.(bson.A); {
		case d[0].Key == "$eq":
			condition = d[0].Value
		case d[0].Key == "$in" && isArray:
			return list, !slices.ContainsFunc(list, func(id any) bool { return !plainID(id) })
		default:
			return nil, false
		}
	}
	return []any{condition}, plainID(condition)
}

// plainID tells whether a value in a filter stands for itself, as an _id.
func plainID(id any) bool {
	switch id.(type) {
	case string, int32, int64, float64, bson.ObjectID:
		return true
	}
	return false
}

// get finds documents by their ids, in the cache or in the file, and calls yield
// with those that satisfy the search, in the order of the ids.
func (s *Store) get(ctx context.Context, q *search, ids []any, yield func(bson.Raw) error) error {
	q.begin(ctx)
	out := &emitter{search: q, yield: yield}
	if len(ids) == 1 {
		var space [64]byte
		key, err := match.AppendKeyOf(space[:0], ids[0])
		if err != nil {
			return err
		}
		doc, err := s.lookup(ctx, q.collection, key)
		if doc == nil || err != nil {
			return err
		}
		if ok, err := q.filter.Decide(doc); err != nil || !ok {
			return err
		}
		_, err = out.emit(doc, 0, true)
		return err
	}

	keys, err := idKeys(ids)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(keys, lookupChunk) {
		docs, err := s.lookupAll(ctx, q.collection, chunk)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			if doc == nil {
				continue
			}
			if ok, err := q.filter.Decide(doc); err != nil {
				return err
			} else if !ok {
				continue
			}
			if more, err := out.emit(doc, 0, true); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// idKeys returns the keys of ids in order, each once.
func idKeys(ids []any) ([][]byte, error) {
	keys := make([][]byte, len(ids))
	space := make([]byte, 0, len(ids)*16)
	for i, id := range ids {
		start := len(space)
		var err error
		if space, err = match.AppendKeyOf(space, id); err != nil {
			return nil, err
		}
		keys[i] = space[start:len(space):len(space)]
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal), nil
}

// lookup returns the document with this id's key, nil when there is none. It
// must not be changed.
func (s *Store) lookup(ctx context.Context, collection string, key []byte) (bson.Raw, error) {
	for attempt := 1; ; attempt++ {
		if err := s.usable(ctx); err != nil {
			return nil, err
		}
		cat := s.catalog.Load()
		coll := cat.collections[collection]
		if coll == nil {
			return nil, checkName(collection)
		}
		doc := s.cache.byID(coll.n, key)
		if doc != nil {
			return doc, nil
		}
		at := s.cache.now()
		var rid int64
		err := s.readers.use(ctx, shortReads, func(c *conn) (err error) {
			rid, doc, err = c.lookup(coll, key)
			return err
		})
		if !refused(err) && s.catalog.changed(cat) && attempt < maxAttempts {
			continue
		}
		if doc != nil {
			s.cache.put(coll.n, rid, key, doc, at)
		}
		return doc, failure(err)
	}
}

// lookupChunk is how many documents are looked up and held in memory at a time.
const lookupChunk = 256

// lookupAll is lookup for several keys. Documents that are not in the cache are
// read from one snapshot.
func (s *Store) lookupAll(ctx context.Context, collection string, keys [][]byte) ([]bson.Raw, error) {
	for attempt := 1; ; attempt++ {
		if err := s.usable(ctx); err != nil {
			return nil, err
		}
		cat := s.catalog.Load()
		coll := cat.collections[collection]
		if coll == nil {
			return nil, checkName(collection)
		}
		docs := make([]bson.Raw, len(keys))
		missed := false
		for i, key := range keys {
			docs[i] = s.cache.byID(coll.n, key)
			missed = missed || docs[i] == nil
		}
		if !missed {
			return docs, nil
		}
		at := s.cache.now()
		err := s.readers.use(ctx, shortReads, func(c *conn) error {
			return c.inSnapshot(func() error { return s.lookupMissing(c, coll, keys, docs, at) })
		})
		if !refused(err) && s.catalog.changed(cat) && attempt < maxAttempts {
			continue
		}
		return docs, failure(err)
	}
}

// lookupMissing looks up the documents that are nil, in a snapshot that began at
// that time or later.
func (s *Store) lookupMissing(c *conn, coll *collection, keys [][]byte, docs []bson.Raw, at instant) error {
	for i, key := range keys {
		if docs[i] != nil {
			continue
		}
		rid, doc, err := c.lookup(coll, key)
		if err != nil {
			return err
		}
		if doc != nil {
			docs[i] = doc
			s.cache.put(coll.n, rid, key, doc, at)
		}
	}
	return nil
}

// lookup returns the row with this id's key, with a copy of the document, which is
// nil when there is none.
func (c *conn) lookup(coll *collection, key []byte) (rid int64, doc bson.Raw, err error) {
	return c.row(stmtKey{does: docByID, docs: coll.n}, func(s *stmt) { s.bindBlob(1, key) })
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
