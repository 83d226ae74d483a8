package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/text"
)

// textIndex is the kind of a text index. For each term of a document its table
// has the term, after the values of the ordinary keys before the text fields,
// and the term's score; of what comes after the text fields it has nothing.
// Elsewhere an entry is one key, the term followed by the score's 8 bytes, so
// that another score is another key.
type textIndex struct {
	*text.Index
	// before and after make the keys around the terms; nil for none.
	before, after *match.Indexer
	partial       *match.Matcher // nil means all documents
}

// scoreBytes is the size of a score at the end of an entry's key.
const scoreBytes = 8

func newTextIndex(def store.Index) (*textIndex, error) {
	compiled, err := text.CompileIndex(def)
	if err != nil {
		return nil, err
	}
	t := &textIndex{Index: compiled}
	if len(t.Before) > 0 {
		if t.before, err = match.CompileIndex(store.Index{Keys: t.Before}); err != nil {
			return nil, err
		}
	}
	if len(t.After) > 0 {
		if t.after, err = match.CompileIndex(store.Index{Keys: t.After}); err != nil {
			return nil, err
		}
	}
	if def.Partial != nil {
		if t.partial, err = match.Compile(def.Partial); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// AppendKeys appends the document's keys. An array before or after the text
// fields is an error (code 16675).
func (t *textIndex) AppendKeys(dst [][]byte, doc bson.Raw) ([][]byte, error) {
	if t.partial != nil && !t.partial.Match(doc) {
		return dst, nil
	}
	for _, x := range []*match.Indexer{t.before, t.after} {
		if x != nil && x.Arrays(doc) != 0 {
			return dst, store.BadRequest(16675, "cannot have a multi-key as a prefix to a text index")
		}
	}
	var prefix []byte
	if t.before != nil {
		keys, err := t.before.AppendKeys(nil, doc)
		if err != nil {
			return dst, err
		}
		prefix = keys[0]
	}
	scores, err := t.Terms(doc)
	if err != nil {
		return dst, err
	}
	for _, term := range slices.Sorted(maps.Keys(scores)) {
		key := appendTerm(prefix[:len(prefix):len(prefix)], term)
		dst = append(dst, appendScore(key, scores[term]))
	}
	return dst, nil
}

// Arrays is none: no plan needs to know of them.
func (t *textIndex) Arrays(bson.Raw) uint64 { return 0 }

// plan is nil: only a $text is served, by textPlans.
func (t *textIndex) plan(*index, *request) *plan { return nil }

// appendTerm appends the key of a term, which no other term's key begins with.
func appendTerm(dst []byte, term string) []byte {
	// A string has a key, so there is no error.
	dst, _ = match.AppendKeyOf(dst, term)
	return dst
}

func appendScore(key []byte, score float64) []byte {
	return binary.BigEndian.AppendUint64(key, math.Float64bits(score))
}

// splitEntry parts an entry's key into the term and its score.
func splitEntry(key []byte) (term []byte, score float64) {
	end := len(key) - scoreBytes
	return key[:end], math.Float64frombits(binary.BigEndian.Uint64(key[end:]))
}

// text returns the index as a text index, nil if it is none.
func (ix *index) text() *textIndex {
	t, _ := ix.keys.(*textIndex)
	return t
}

// textIndex returns the collection's text index, of which it has one at most.
func (c *collection) textIndex() *index {
	if c == nil {
		return nil
	}
	for _, ix := range c.indexes {
		if ix.text() != nil {
			return ix
		}
	}
	return nil
}

// create returns the statement that makes the index's table.
func (ix *index) create() string {
	if ix.text() != nil {
		return createTextIndex(ix.n)
	}
	return createIndex(ix.n)
}

// all is what reads all of the index's entries.
func (ix *index) all() purpose {
	if ix.text() != nil {
		return termsAll
	}
	return indexAll
}

// textConflict is an error if the collection has another text index, worded as
// MongoDB does: one that differs in its text fields only is of the same keys.
func (c *collection) textConflict(ix *index) error {
	have := c.textIndex()
	if have == nil || ix.text() == nil {
		return nil
	}
	if sameKeys(have.text().Before, ix.text().Before) && sameKeys(have.text().After, ix.text().After) {
		return fmt.Errorf("%w: text index %q of %s exists with different options", store.ErrIndexConflict, have.def.Name, c.name)
	}
	return store.BadRequest(67, "only one text index per collection allowed, found existing text index %q", have.def.Name)
}

// fillTextIndexes fills the text indexes of a file in which they are defined
// only. One that can't be, because it isn't the only one of its collection or
// because of a document, stays as it is.
func fillTextIndexes(ctx context.Context, c *conn) error {
	cat, err := readCatalog(c)
	if err != nil {
		return err
	}
	for _, coll := range cat.collections {
		for _, ix := range coll.indexes {
			if !text.IsIndex(ix.def.Keys) {
				continue
			}
			err := c.fillTextIndex(ctx, coll, ix)
			if err == nil {
				break
			}
			if _, refused := errors.AsType[*store.RequestError](err); !refused {
				return err
			}
		}
	}
	return nil
}

func (c *conn) fillTextIndex(ctx context.Context, coll *collection, old *index) error {
	def, err := text.Normalize(old.def)
	if err != nil {
		return err
	}
	ix, err := newIndex(old.n, def, 0)
	if err != nil {
		return err
	}
	spec, err := encodeIndex(def)
	if err != nil {
		return err
	}
	if err := c.run(stmtKey{does: savepoint}); err != nil {
		return err
	}
	if err := c.refill(ctx, coll, ix); err != nil {
		if failed := errors.Join(c.run(stmtKey{does: rollbackSavepoint}), c.run(stmtKey{does: releaseSavepoint})); failed != nil {
			return failed
		}
		return err
	}
	s, err := c.prepare(stmtKey{does: setIndex, index: ix.n})
	if err != nil {
		return err
	}
	s.bindBlob(1, spec)
	return errors.Join(s.finish(), c.run(stmtKey{does: releaseSavepoint}))
}

// textEntries adds or removes a document's entries in a text index.
func (tx *writeTx) textEntries(does purpose, ix *index, keys [][]byte, rid int64) error {
	add := does == insertEntry
	if does = deleteEntry; add {
		does = insertTerm
	}
	s, err := tx.conn.prepare(stmtKey{does: does, index: ix.n})
	if err != nil {
		return err
	}
	for _, k := range keys {
		term, score := splitEntry(k)
		s.bindBlob(1, term)
		s.bindInt(2, rid)
		if add {
			s.bindFloat(3, score)
		}
		if err := s.finish(); err != nil {
			return err
		}
	}
	return nil
}
