package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// use calls do with the transaction to itself.
func (tx *transaction) use(do func() error) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.ended != nil {
		return tx.ended
	}
	err := do()
	if !refused(err) && tx.store.catalog.changed(tx.catalog) {
		return fmt.Errorf("%w: collections or indexes were changed by another: %w", store.ErrConflict, err)
	}
	return failure(err)
}

// change runs a command of the caller. One that fails ends the transaction, but
// for not finding what it should change.
func (tx *transaction) change(command func(stage) error) error {
	return tx.use(func() error {
		err := command(tx)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			tx.ended = failure(err)
			tx.release()
		}
		return err
	})
}

// read plans a search and calls do to run it on what the transaction sees.
func (tx *transaction) read(q *search, do func(*view) error) error {
	return tx.use(func() error {
		v := tx.view(q.collection)
		if err := v.choose(q); err != nil {
			return err
		}
		return do(v)
	})
}

func (tx *transaction) view(collection string) *view {
	return &view{
		conn: tx.conn, coll: tx.catalog.collections[collection],
		draft: tx.drafts[collection], pinned: true, cache: tx.store.cache, at: tx.at,
	}
}

// choose plans a search. Edited documents are not where an index has them, so
// with them no plan is in order or exact.
func (v *view) choose(q *search) error {
	candidates, err := v.coll.plans(&q.request)
	if err != nil {
		return err
	}
	if v.plan, err = v.coll.choose(v.conn, candidates, q.wanted()); err != nil {
		return err
	}
	if v.draft != nil {
		p := *v.plan
		p.sorted, p.sortedRanges, p.exact = len(q.request.sort) == 0, false, false
		v.plan = &p
	}
	return nil
}

// scanDraft calls visit with the documents of the snapshot that are not edited,
// and then with those edited.
func (v *view) scanDraft(ctx context.Context, q *search, visit visit) error {
	ended := false
	snapshot := *v
	snapshot.draft = nil
	err := snapshot.scan(ctx, q, 0, func(h handle, doc bson.Raw) (bool, error) {
		id, err := idKey(doc)
		if err != nil {
			return false, err
		}
		if v.draft.edits[string(id)] != nil {
			return true, nil
		}
		more, err := visit(h, doc)
		ended = !more
		return more, err
	})
	if err != nil || ended {
		return err
	}
	filter := q.matcher(v.plan, false)
	for _, e := range v.draft.order {
		if e.doc == nil {
			continue
		}
		if ok, err := filter.Decide(e.doc); err != nil {
			return err
		} else if !ok {
			continue
		}
		if more, err := visit(handle{score: q.score(v.plan, e.doc)}, e.doc); err != nil || !more {
			return err
		}
	}
	return nil
}

// find, load, insert, replace and remove make the transaction a stage.
func (tx *transaction) find(ctx context.Context, q *search, visit visit) error {
	v := tx.view(q.collection)
	if err := v.choose(q); err != nil {
		return err
	}
	return v.scan(ctx, q, 0, func(h handle, doc bson.Raw) (bool, error) {
		id, err := idKey(doc)
		if err != nil {
			return false, err
		}
		return visit(handle{id: string(id), score: h.score}, doc)
	})
}

func (tx *transaction) load(collection string, h handle) (bson.Raw, error) {
	if d := tx.drafts[collection]; d != nil && d.edits[h.id] != nil {
		return d.edits[h.id].doc, nil
	}
	_, doc, err := tx.conn.lookup(tx.catalog.collections[collection], []byte(h.id))
	return doc, err
}

func (tx *transaction) insert(collection string, doc bson.Raw) error {
	c := tx.catalog.collections[collection]
	e, err := c.entryOf(doc)
	if err != nil {
		return err
	}
	taken, err := tx.has(collection, string(e.id))
	if err != nil {
		return err
	}
	if taken {
		return &store.DuplicateKeyError{Collection: collection, Index: idIndex, Keys: []string{"_id"}}
	}
	return tx.edit(collection, e, nil, bytes.Clone(doc))
}

// has tells whether there is a document of this id.
func (tx *transaction) has(collection, id string) (bool, error) {
	if d := tx.drafts[collection]; d != nil && d.edits[id] != nil {
		return d.edits[id].doc != nil, nil
	}
	c := tx.catalog.collections[collection]
	if c == nil {
		return false, nil
	}
	_, doc, err := tx.conn.lookup(c, []byte(id))
	return doc != nil, err
}

func (tx *transaction) replace(collection string, _ handle, old, doc bson.Raw) error {
	e, err := tx.catalog.collections[collection].entryOf(doc)
	if err != nil {
		return err
	}
	return tx.edit(collection, e, old, doc)
}

func (tx *transaction) remove(collection string, h handle, old bson.Raw) error {
	return tx.edit(collection, &entry{id: []byte(h.id)}, old, nil)
}

// edit keeps a new version of a document, nil for none, in place of an old one.
func (tx *transaction) edit(collection string, e *entry, old, doc bson.Raw) error {
	if tx.size += len(old) + len(doc); tx.size > maxTransactionBytes {
		return store.BadRequest(codeTransactionTooLarge, "Transaction changes more than %d bytes", maxTransactionBytes)
	}
	d := tx.drafts[collection]
	if d == nil {
		d = &draft{edits: make(map[string]*edit), unique: make(map[uniqueKey]string)}
	}
	c := tx.catalog.collections[collection]
	id := string(e.id)
	if doc != nil {
		if err := tx.checkUnique(c, d, e); err != nil {
			return err
		}
	}
	ed := d.edits[id]
	if ed == nil {
		ed = &edit{id: id, base: old}
		d.edits[id] = ed
		d.order = append(d.order, ed)
	} else if ed.doc != nil {
		was, err := c.entryOfStored(ed.doc)
		if err != nil {
			return err
		}
		d.unclaim(c, was)
	} else if doc != nil {
		ed.replaced = true
	}
	ed.doc = doc
	if doc != nil {
		d.claim(c, e)
	}
	tx.drafts[collection] = d
	return nil
}

// claim and unclaim keep account of the unique keys of edited documents.
func (d *draft) claim(c *collection, e *entry) {
	for k := range c.uniqueKeys(e) {
		d.unique[k] = string(e.id)
	}
}

func (d *draft) unclaim(c *collection, e *entry) {
	for k := range c.uniqueKeys(e) {
		delete(d.unique, k)
	}
}

// uniqueKeys are the entry's keys in unique indexes.
func (c *collection) uniqueKeys(e *entry) func(yield func(uniqueKey, *index) bool) {
	return func(yield func(uniqueKey, *index) bool) {
		if c == nil {
			return
		}
		for i, ix := range c.indexes {
			if !ix.def.Unique {
				continue
			}
			for _, k := range e.keys[i] {
				if !yield(uniqueKey{ix.n, string(k)}, ix) {
					return
				}
			}
		}
	}
}

// checkUnique is an error if another document that the transaction sees has one
// of the entry's unique keys.
func (tx *transaction) checkUnique(c *collection, d *draft, e *entry) error {
	for k, ix := range c.uniqueKeys(e) {
		if id, claimed := d.unique[k]; claimed {
			if id != string(e.id) {
				return ix.duplicate(c)
			}
			continue
		}
		rid, err := tx.conn.holder(ix, []byte(k.key), 0)
		if err != nil {
			return err
		}
		if rid == 0 {
			continue
		}
		id, err := tx.conn.idOf(c, rid)
		if err != nil {
			return err
		}
		if id != string(e.id) && d.edits[id] == nil {
			return ix.duplicate(c)
		}
	}
	return nil
}

// idOf returns the id's key of a row.
func (c *conn) idOf(coll *collection, rid int64) (string, error) {
	s, err := c.prepare(stmtKey{does: idByRID, docs: coll.n})
	if err != nil {
		return "", err
	}
	defer s.reset()
	s.bindInt(1, rid)
	if found, err := s.first(); err != nil || !found {
		return "", err
	}
	return string(s.blob(0)), nil
}
