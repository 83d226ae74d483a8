package embedded

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// entry is what the indexes of a collection hold for a document.
type entry struct {
	id []byte
	// keys and arrays are those of the collection's indexes, one by one: the
	// document's keys, and the index's fields that met arrays in it.
	keys   [][][]byte
	arrays []uint64
}

// maxDocumentSize is MongoDB's bound on a document, in bytes.
const maxDocumentSize = match.MaxDocumentSize

// idKey returns the key of a document's _id.
func idKey(doc bson.Raw) ([]byte, error) {
	id, err := doc.LookupErr("_id")
	if err != nil {
		return nil, store.BadRequest(2, "a document needs an _id")
	}
	switch id.Type {
	case bson.TypeArray, bson.TypeRegex, bson.TypeUndefined:
		return nil, store.BadRequest(53, "The '_id' value cannot be of type %s", id.Type)
	}
	return match.AppendKey(nil, id), nil
}

// entryOf computes the entry of a document that is to be stored.
func (c *collection) entryOf(doc bson.Raw) (*entry, error) {
	if len(doc) > maxDocumentSize {
		return nil, store.BadRequest(10334, "object to insert too large. size in bytes: %d, max size: %d", len(doc), maxDocumentSize)
	}
	if err := match.Validate(doc); err != nil {
		return nil, err
	}
	return c.entryOfStored(doc)
}

// entryOfStored computes the entry of a document that is stored already.
func (c *collection) entryOfStored(doc bson.Raw) (*entry, error) {
	id, err := idKey(doc)
	if err != nil {
		return nil, err
	}
	e := &entry{id: id}
	if c == nil || len(c.indexes) == 0 {
		return e, nil
	}
	e.keys = make([][][]byte, len(c.indexes))
	e.arrays = make([]uint64, len(c.indexes))
	for i, ix := range c.indexes {
		if ix.keys == nil {
			continue
		}
		if e.keys[i], err = ix.keys.AppendKeys(nil, doc); err != nil {
			return nil, err
		}
		e.arrays[i] = ix.keys.Arrays(doc)
	}
	return e, nil
}

// ensure returns the collection of that name, made if need be.
func (tx *writeTx) ensure(name string) (*collection, error) {
	if c := tx.catalog.collections[name]; c != nil {
		return c, nil
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	s, err := tx.conn.prepare(stmtKey{does: addCollection})
	if err != nil {
		return nil, err
	}
	defer s.reset()
	s.bindText(1, name)
	if _, err := s.first(); err != nil {
		return nil, err
	}
	c := &collection{n: s.int(0), name: name}
	if err := tx.conn.exec(createDocs(c.n)); err != nil {
		return nil, err
	}
	tx.catalog = tx.catalog.with(c)
	return c, nil
}

// checkName is an error for what can't be the name of a collection.
func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || strings.IndexByte(name, 0) >= 0 {
		return store.BadRequest(73, "Invalid namespace specified '%s'", name)
	}
	return nil
}

// maxNameLength is MongoDB's bound on the name of a collection, in bytes.
const maxNameLength = 255

// add stores a new document. A refusal leaves everything as it was.
func (tx *writeTx) add(c *collection, doc bson.Raw, e *entry) error {
	s, err := tx.conn.prepare(stmtKey{does: insertDoc, docs: c.n})
	if err != nil {
		return err
	}
	s.bindBlob(1, e.id)
	s.bindBlob(2, doc)
	if err := s.finish(); err != nil {
		return err
	}
	if tx.conn.changes() == 0 {
		return &store.DuplicateKeyError{Collection: c.name, Index: idIndex, Keys: []string{"_id"}}
	}
	rid := tx.conn.lastRow()
	if err := tx.checkUnique(c, rid, e, nil); err != nil {
		if refused(err) {
			if err := tx.withRow(stmtKey{does: deleteDoc, docs: c.n}, rid); err != nil {
				return err
			}
		}
		return err
	}
	for i, ix := range c.indexes {
		if err := tx.index(ix, e.keys[i], e.arrays[i], rid); err != nil {
			return err
		}
	}
	return nil
}

// put stores another version of a document. A refusal leaves everything as it was.
func (tx *writeTx) put(c *collection, rid int64, old, doc bson.Raw) error {
	e, err := c.entryOf(doc)
	if err != nil {
		return err
	}
	was, err := c.entryOfStored(old)
	if err != nil {
		return err
	}
	return tx.overwrite(c, rid, doc, e, was)
}

// overwrite stores a version of a document over another, which has the entry
// was, or none if that is nil.
func (tx *writeTx) overwrite(c *collection, rid int64, doc bson.Raw, e, was *entry) error {
	if err := tx.checkUnique(c, rid, e, was); err != nil {
		return err
	}
	s, err := tx.conn.prepare(stmtKey{does: updateDoc, docs: c.n})
	if err != nil {
		return err
	}
	s.bindInt(1, rid)
	s.bindBlob(2, doc)
	if err := s.finish(); err != nil {
		return err
	}
	for i, ix := range c.indexes {
		gone, come := [][]byte(nil), e.keys[i]
		if was != nil {
			gone, come = without(was.keys[i], e.keys[i]), without(e.keys[i], was.keys[i])
		}
		if err := tx.unindex(ix, gone, rid); err != nil {
			return err
		}
		if err := tx.index(ix, come, e.arrays[i], rid); err != nil {
			return err
		}
	}
	tx.touch(c.n, rid)
	return nil
}

// take removes a document.
func (tx *writeTx) take(c *collection, rid int64, old bson.Raw) error {
	was, err := c.entryOfStored(old)
	if err != nil {
		return err
	}
	for i, ix := range c.indexes {
		if err := tx.unindex(ix, was.keys[i], rid); err != nil {
			return err
		}
	}
	tx.touch(c.n, rid)
	return tx.withRow(stmtKey{does: deleteDoc, docs: c.n}, rid)
}

func (tx *writeTx) withRow(key stmtKey, rid int64) error {
	s, err := tx.conn.prepare(key)
	if err != nil {
		return err
	}
	s.bindInt(1, rid)
	return s.finish()
}

// without returns the keys of a that are not in b. Both are in order.
func without(a, b [][]byte) [][]byte {
	if len(a) == len(b) && slices.EqualFunc(a, b, bytes.Equal) {
		return nil
	}
	var rest [][]byte
	for _, k := range a {
		if _, found := slices.BinarySearchFunc(b, k, bytes.Compare); !found {
			rest = append(rest, k)
		}
	}
	return rest
}

// checkUnique is an error if a unique index has one of the entry's keys for
// another document. Keys that the document had before are its own.
func (tx *writeTx) checkUnique(c *collection, rid int64, e, was *entry) error {
	for i, ix := range c.indexes {
		if !ix.def.Unique || was != nil && slices.EqualFunc(e.keys[i], was.keys[i], bytes.Equal) {
			continue
		}
		for _, k := range e.keys[i] {
			holder, err := tx.conn.holder(ix, k, rid)
			if err != nil {
				return err
			}
			if holder != 0 {
				return ix.duplicate(c)
			}
		}
	}
	return nil
}

func (ix *index) duplicate(c *collection) error {
	return &store.DuplicateKeyError{Collection: c.name, Index: ix.def.Name, Keys: ix.paths()}
}

// holder returns a row other than rid that an index has the key for, 0 for none.
func (c *conn) holder(ix *index, key []byte, rid int64) (int64, error) {
	return c.number(stmtKey{does: indexHolder, index: ix.n}, func(s *stmt) {
		s.bindBlob(1, key)
		s.bindInt(2, rid)
	})
}

// index adds a document's keys to an index.
func (tx *writeTx) index(ix *index, keys [][]byte, arrays uint64, rid int64) error {
	if err := tx.markMultikey(ix, arrays); err != nil {
		return err
	}
	return tx.entries(insertEntry, ix, keys, rid)
}

// unindex removes a document's keys from an index.
func (tx *writeTx) unindex(ix *index, keys [][]byte, rid int64) error {
	return tx.entries(deleteEntry, ix, keys, rid)
}

func (tx *writeTx) entries(does purpose, ix *index, keys [][]byte, rid int64) error {
	if len(keys) == 0 {
		return nil
	}
	if ix.text() != nil {
		return tx.textEntries(does, ix, keys, rid)
	}
	s, err := tx.conn.prepare(stmtKey{does: does, index: ix.n})
	if err != nil {
		return err
	}
	for _, k := range keys {
		s.bindBlob(1, k)
		s.bindInt(2, rid)
		if err := s.finish(); err != nil {
			return err
		}
	}
	return nil
}

// markMultikey remembers that fields of an index met arrays, in the file, and
// for readers at once: they may know it too early, but never too late.
func (tx *writeTx) markMultikey(ix *index, arrays uint64) error {
	if arrays&^ix.saved == 0 {
		return nil
	}
	s, err := tx.conn.prepare(stmtKey{does: setMultikey, index: ix.n})
	if err != nil {
		return err
	}
	s.bindInt(1, int64(arrays))
	if err := s.finish(); err != nil {
		return err
	}
	ix.saved |= arrays
	tx.marked = append(tx.marked, ix)
	ix.multikey.Or(arrays)
	return nil
}

// find calls visit with the documents that satisfy a search, in no order, as the
// transaction sees them.
func (tx *writeTx) find(ctx context.Context, q *search, visit visit) error {
	v := view{conn: tx.conn, coll: tx.catalog.collections[q.collection], pinned: true}
	if err := v.choose(q); err != nil {
		return err
	}
	return v.scan(ctx, q, 0, visit)
}

// load returns a copy of a document found.
func (tx *writeTx) load(collection string, h handle) (bson.Raw, error) {
	c := tx.catalog.collections[collection]
	_, doc, err := tx.conn.row(stmtKey{does: docByRID, docs: c.n}, func(s *stmt) { s.bindInt(1, h.rid) })
	return doc, err
}

// insert, replace and remove change documents.
func (tx *writeTx) insert(collection string, doc bson.Raw) error {
	c, err := tx.ensure(collection)
	if err != nil {
		return err
	}
	e, err := c.entryOf(doc)
	if err != nil {
		return err
	}
	if err := tx.add(c, doc, e); err != nil {
		return err
	}
	tx.note(store.Inserted, collection, nil, doc)
	return nil
}

func (tx *writeTx) replace(collection string, h handle, old, doc bson.Raw) error {
	if err := tx.put(tx.catalog.collections[collection], h.rid, old, doc); err != nil {
		return err
	}
	tx.note(store.Updated, collection, old, doc)
	return nil
}

func (tx *writeTx) remove(collection string, h handle, old bson.Raw) error {
	if err := tx.take(tx.catalog.collections[collection], h.rid, old); err != nil {
		return err
	}
	tx.note(store.Deleted, collection, old, nil)
	return nil
}
