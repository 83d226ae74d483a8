package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Check reads everything and compares every index with the documents, and the
// file with SQLite's own rules. It returns what it found wrong, joined, up to
// twenty things. Others may read and write meanwhile: it sees one snapshot.
func (s *Store) Check(ctx context.Context) error {
	tx, err := s.beginTransaction(ctx)
	if err != nil {
		return err
	}
	defer tx.end(nil)
	tx.timer.Stop()
	defer tx.conn.interruptible(ctx)()
	c := checking{conn: tx.conn}
	if err := c.file(); err != nil {
		return failure(err)
	}
	for _, coll := range tx.catalog.collections {
		if err := c.collection(ctx, coll); err != nil {
			return failure(err)
		}
	}
	return errors.Join(c.found...)
}

// checking is one check of a snapshot.
type checking struct {
	conn  *conn
	found []error
}

// maxFound bounds what a check reports.
const maxFound = 20

func (c *checking) report(format string, args ...any) {
	if len(c.found) < maxFound {
		c.found = append(c.found, fmt.Errorf(format, args...))
	}
}

func (c *checking) file() error {
	s, err := c.conn.prepare(stmtKey{does: integrity})
	if err != nil {
		return err
	}
	defer s.reset()
	for {
		more, err := s.step()
		if err != nil || !more {
			return err
		}
		if text := s.text(0); text != "ok" {
			c.report("store: file: %s", text)
		}
	}
}

// collection compares the entries that documents should have with those that
// the indexes have; both come in the order of rows.
func (c *checking) collection(ctx context.Context, coll *collection) error {
	for _, ix := range coll.indexes {
		if ix.keys == nil {
			continue
		}
		entries, err := c.conn.prepare(stmtKey{does: indexAll, index: ix.n})
		if err != nil {
			return err
		}
		err = c.index(ctx, coll, ix, &entryCursor{stmt: entries})
		entries.reset()
		if err != nil {
			return err
		}
	}
	return c.ids(ctx, coll)
}

func (c *checking) ids(ctx context.Context, coll *collection) error {
	return c.documents(ctx, coll, func(rid int64, doc bson.Raw) error {
		if err := doc.Validate(); err != nil {
			c.report("store: %s: row %d is no document: %v", coll.name, rid, err)
			return nil
		}
		want, err := idKey(doc)
		if err != nil {
			c.report("store: %s: row %d: %v", coll.name, rid, err)
			return nil
		}
		have, err := c.conn.idOf(coll, rid)
		if err == nil && have != string(want) {
			c.report("store: %s: row %d has another id than its document", coll.name, rid)
		}
		return err
	})
}

func (c *checking) index(ctx context.Context, coll *collection, ix *index, entries *entryCursor) error {
	if err := entries.next(); err != nil {
		return err
	}
	multikey := ix.multikey.Load()
	err := c.documents(ctx, coll, func(rid int64, doc bson.Raw) error {
		want, err := ix.keys.AppendKeys(nil, doc)
		if err != nil {
			c.report("store: %s: index %s: row %d: %v", coll.name, ix.def.Name, rid, err)
		}
		if ix.keys.Arrays(doc)&^multikey != 0 {
			c.report("store: %s: index %s is not marked multikey for row %d", coll.name, ix.def.Name, rid)
		}
		var have [][]byte
		for entries.more && entries.rid <= rid {
			if entries.rid < rid {
				c.report("store: %s: index %s has an entry for row %d, which is not there", coll.name, ix.def.Name, entries.rid)
			} else {
				have = append(have, entries.key)
			}
			if err := entries.next(); err != nil {
				return err
			}
		}
		if !slices.EqualFunc(have, want, bytes.Equal) {
			c.report("store: %s: index %s disagrees with row %d", coll.name, ix.def.Name, rid)
		}
		return nil
	})
	if err == nil && entries.more {
		c.report("store: %s: index %s has an entry for row %d, which is not there", coll.name, ix.def.Name, entries.rid)
	}
	return err
}

func (c *checking) documents(ctx context.Context, coll *collection, do func(rid int64, doc bson.Raw) error) error {
	all := scan{
		conn: c.conn, coll: coll, plan: &plan{access: collectionScan}, checked: true,
		visit: func(h handle, doc bson.Raw) (bool, error) { return true, do(h.rid, doc) },
	}
	return all.run(ctx)
}

// entryCursor walks the entries of an index in the order of rows.
type entryCursor struct {
	stmt *stmt
	more bool
	rid  int64
	key  []byte
}

func (e *entryCursor) next() (err error) {
	if e.more, err = e.stmt.step(); err != nil || !e.more {
		return err
	}
	e.key, e.rid = bytes.Clone(e.stmt.blob(0)), e.stmt.int(1)
	return nil
}
