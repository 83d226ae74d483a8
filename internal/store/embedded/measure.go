package embedded

import (
	"context"

	"github.com/loam-baas/loam/internal/store"
)

var _ store.Measurer = (*Store)(nil)

// rowBytes is what an index entry takes besides its key.
const rowBytes = 8

// Measure adds up the lengths of documents and keys. SQLite keeps these in the
// rows' heads, so that the documents themselves are not read.
func (s *Store) Measure(ctx context.Context, collection string) (store.Size, error) {
	if err := s.usable(ctx); err != nil {
		return store.Size{}, err
	}
	var size store.Size
	for attempt := 1; ; attempt++ {
		cat := s.catalog.Load()
		c := cat.collections[collection]
		if c == nil {
			return store.Size{Indexes: map[string]int64{}}, nil
		}
		err := s.readers.use(ctx, scans, func(conn *conn) (err error) {
			defer conn.interruptible(ctx)()
			size, err = conn.measure(c)
			return err
		})
		switch {
		case err == nil:
			return size, nil
		case ctx.Err() != nil:
			return store.Size{}, ctx.Err()
		case attempt == maxAttempts || !s.catalog.changed(cat):
			return store.Size{}, failure(err)
		}
	}
}

func (c *conn) measure(coll *collection) (size store.Size, err error) {
	size.Indexes = make(map[string]int64, len(coll.indexes)+1)
	err = c.inSnapshot(func() error {
		key := stmtKey{does: docsSize, docs: coll.n}
		if size.Documents, size.Bytes, err = c.sum(key); err != nil {
			return err
		}
		entries, bytes, err := c.sum(stmtKey{does: idsSize, docs: coll.n})
		if err != nil {
			return err
		}
		size.Indexes[idIndex] = bytes + rowBytes*entries
		for _, ix := range coll.indexes {
			entries, bytes, err := c.sum(stmtKey{does: indexSize, index: ix.n})
			if err != nil {
				return err
			}
			size.Indexes[ix.def.Name] = bytes + rowBytes*entries
		}
		return nil
	})
	return size, err
}

// sum runs a statement that returns how many there are and what they sum up to.
func (c *conn) sum(key stmtKey) (n, sum int64, err error) {
	s, err := c.prepare(key)
	if err != nil {
		return 0, 0, err
	}
	defer s.reset()
	if _, err := s.first(); err != nil {
		return 0, 0, err
	}
	return s.int(0), s.int(1), nil
}
