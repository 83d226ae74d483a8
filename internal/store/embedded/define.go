package embedded

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/text"
)

// define has the writer change the catalog: as a whole or, if refused, not at all.
func (s *Store) define(ctx context.Context, change func(tx *writeTx) error) error {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if tx != nil {
		return store.BadRequest(263, "Cannot change collections or indexes in a multi-document transaction.")
	}
	return s.writer.do(ctx, &operation{run: change, undoable: true})
}

// CreateIndexes makes indexes and fills them. Other writes wait meanwhile.
func (s *Store) CreateIndexes(ctx context.Context, collection string, indexes ...store.Index) error {
	return s.define(ctx, func(tx *writeTx) error {
		c, err := tx.ensure(collection)
		if err != nil {
			return err
		}
		for _, def := range indexes {
			if c, err = tx.createIndex(ctx, c, def); err != nil {
				return err
			}
		}
		return nil
	})
}

// createIndex returns the collection with the index.
func (tx *writeTx) createIndex(ctx context.Context, c *collection, def store.Index) (*collection, error) {
	if def.Name == "" {
		def.Name = indexName(def.Keys)
	}
	if sameKeys(def.Keys, bson.D{{Key: "_id", Value: int32(1)}}) {
		return c, nil
	}
	if text.IsIndex(def.Keys) {
		var err error
		if def, err = text.Normalize(def); err != nil {
			return nil, err
		}
	}
	// From here on the definition is what will be read from the file next time.
	spec, err := encodeIndex(def)
	if err != nil {
		return nil, store.BadRequest(2, "definition of index %q: %v", def.Name, err)
	}
	if def, err = decodeIndex(def.Name, spec); err != nil {
		return nil, err
	}
	ix, err := newIndex(0, def, 0)
	if err != nil {
		return nil, err
	}
	there, err := c.conflict(ix)
	if there || err != nil {
		return c, err
	}
	st, err := tx.conn.prepare(stmtKey{does: addIndex})
	if err != nil {
		return nil, err
	}
	defer st.reset()
	st.bindInt(1, c.n)
	st.bindText(2, def.Name)
	st.bindBlob(3, spec)
	if _, err := st.first(); err != nil {
		return nil, err
	}
	ix.n = st.int(0)
	st.reset()
	if err := tx.conn.exec(ix.create()); err != nil {
		return nil, err
	}
	if ix.keys != nil {
		fill := filling{tx: tx, coll: c, index: ix}
		if err := fill.run(ctx); err != nil {
			return nil, err
		}
	}
	c = c.withIndexes(append(slices.Clone(c.indexes), ix))
	tx.catalog = tx.catalog.with(c)
	return c, nil
}

// conflict tells whether the collection has the index. It is an error if it has
// another one of its name, or the same under another name.
func (c *collection) conflict(ix *index) (there bool, err error) {
	for _, have := range c.indexes {
		named := have.def.Name == ix.def.Name
		same := have.same(ix)
		switch {
		case named && same:
			return true, nil
		case named:
			return false, fmt.Errorf("%w: %q of %s", store.ErrIndexConflict, ix.def.Name, c.name)
		case same:
			return false, fmt.Errorf("%w: %q of %s is called %q", store.ErrIndexConflict, ix.def.Name, c.name, have.def.Name)
		}
	}
	if ix.def.Name == idIndex {
		return false, fmt.Errorf("%w: %q of %s", store.ErrIndexConflict, idIndex, c.name)
	}
	return false, c.textConflict(ix)
}

// same tells whether two indexes differ in nothing but the name.
func (ix *index) same(other *index) bool {
	a, b := ix.def, other.def
	return sameKeys(a.Keys, b.Keys) && a.Unique == b.Unique && a.Sparse == b.Sparse &&
		a.CaseInsensitive == b.CaseInsensitive && sameExpiry(a.ExpireAfterSeconds, b.ExpireAfterSeconds) &&
		samePartial(a.Partial, b.Partial) && slices.Equal(a.Weights, b.Weights) &&
		a.DefaultLanguage == b.DefaultLanguage && a.LanguageOverride == b.LanguageOverride
}

func sameExpiry(a, b *int32) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func samePartial(a, b bson.D) bool {
	if a == nil || b == nil {
		return (a == nil) == (b == nil)
	}
	x, errX := match.Encode(a)
	y, errY := match.Encode(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// filling puts all documents of a collection into a new index, in portions that
// are in the index's order, so that its pages are written once or few times.
type filling struct {
	tx    *writeTx
	coll  *collection
	index *index
	// tolerant lets documents have the same key in a unique index.
	tolerant bool

	keys   []filledKey
	size   int
	arrays uint64
}

type filledKey struct {
	key []byte
	rid int64
}

// maxFilling bounds a portion, in bytes.
const maxFilling = 32 << 20

func (f *filling) run(ctx context.Context) error {
	all := scan{
		conn: f.tx.conn, coll: f.coll, plan: &plan{access: collectionScan},
		visit: func(h handle, doc bson.Raw) (bool, error) { return true, f.add(h.rid, doc) },
	}
	if err := all.run(ctx); err != nil {
		return err
	}
	if err := f.flush(); err != nil {
		return err
	}
	return f.tx.markMultikey(f.index, f.arrays)
}

func (f *filling) add(rid int64, doc bson.Raw) error {
	keys, err := f.index.keys.AppendKeys(nil, doc)
	if err != nil {
		return err
	}
	f.arrays |= f.index.keys.Arrays(doc)
	for _, k := range keys {
		f.keys = append(f.keys, filledKey{k, rid})
		f.size += len(k) + 40
	}
	if f.size > maxFilling {
		return f.flush()
	}
	return nil
}

func (f *filling) flush() error {
	slices.SortFunc(f.keys, func(a, b filledKey) int { return bytes.Compare(a.key, b.key) })
	for _, k := range f.keys {
		if f.index.def.Unique && !f.tolerant {
			holder, err := f.tx.conn.holder(f.index, k.key, k.rid)
			if err != nil {
				return err
			}
			if holder != 0 {
				return f.index.duplicate(f.coll)
			}
		}
		if err := f.tx.entries(insertEntry, f.index, [][]byte{k.key}, k.rid); err != nil {
			return err
		}
	}
	f.keys, f.size = f.keys[:0], 0
	return nil
}

// DropIndex removes an index. That of _id stays.
func (s *Store) DropIndex(ctx context.Context, collection, name string) error {
	if name == idIndex {
		return store.BadRequest(72, "cannot drop _id index")
	}
	return s.define(ctx, func(tx *writeTx) error {
		c := tx.catalog.collections[collection]
		if c == nil || c.index(name) == nil {
			return fmt.Errorf("%w: index %q of %s", store.ErrNotFound, name, collection)
		}
		ix := c.index(name)
		if err := tx.dropIndex(ix); err != nil {
			return err
		}
		rest := slices.DeleteFunc(slices.Clone(c.indexes), func(other *index) bool { return other == ix })
		tx.catalog = tx.catalog.with(c.withIndexes(rest))
		return nil
	})
}

func (tx *writeTx) dropIndex(ix *index) error {
	if err := tx.conn.run(stmtKey{does: removeIndex, index: ix.n}); err != nil {
		return err
	}
	return tx.conn.exec(dropIndex(ix.n))
}

// Indexes lists a collection's indexes, none for one that is not there.
func (s *Store) Indexes(ctx context.Context, collection string) ([]store.Index, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	c := s.catalog.Load().collections[collection]
	if c == nil {
		return nil, nil
	}
	indexes := []store.Index{{Name: idIndex, Keys: bson.D{{Key: "_id", Value: int32(1)}}}}
	for _, ix := range c.indexes {
		indexes = append(indexes, ix.def)
	}
	return indexes, nil
}

// Collections lists the names of the collections in order.
func (s *Store) Collections(ctx context.Context) ([]string, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(s.catalog.Load().collections)), nil
}

// DropCollection removes a collection.
func (s *Store) DropCollection(ctx context.Context, name string) error {
	return s.define(ctx, func(tx *writeTx) error {
		c := tx.catalog.collections[name]
		if c == nil {
			return nil
		}
		for _, ix := range c.indexes {
			if err := tx.dropIndex(ix); err != nil {
				return err
			}
		}
		if err := tx.conn.exec(dropDocs(c.n)); err != nil {
			return err
		}
		tx.catalog = tx.catalog.without(name)
		tx.note(store.Dropped, name, nil, nil)
		return tx.conn.run(stmtKey{does: removeCollection, docs: c.n})
	})
}
