package embedded

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/text"
)

// kind is what sets indexes of one kind apart from others: which keys they hold
// for a document, and which requests those serve.
type kind interface {
	// AppendKeys appends the document's keys, in order and each once.
	AppendKeys(dst [][]byte, doc bson.Raw) ([][]byte, error)
	// Arrays returns, as bits, for which fields of the index the document may
	// have several keys.
	Arrays(doc bson.Raw) uint64
	// plan returns how an index of this kind serves the request, nil if it does not.
	plan(ix *index, r *request) *plan
}

// kindOf returns the kind of an index with what it was compiled to, nil for one
// that is in the catalog only.
func kindOf(def store.Index) (kind, error) {
	switch {
	case catalogOnly(def):
		return nil, nil
	case match.IsGeo(def.Keys):
		return newGeo(def)
	case text.IsIndex(def.Keys):
		return newTextIndex(def)
	}
	keys, err := match.CompileIndex(def)
	if err != nil {
		return nil, err
	}
	return ordered{keys}, nil
}

// catalogOnly tells whether an index is a text index that an earlier version of
// Loam defined and this one can't fill.
func catalogOnly(def store.Index) bool { return text.IsIndex(def.Keys) && def.Weights == nil }

// ordered is the kind of an index of ascending and descending keys.
type ordered struct{ *match.Indexer }

// plan returns nil if documents that satisfy the filter may not be in the index,
// or not where the filter's bounds are.
func (ordered) plan(ix *index, r *request) *plan {
	if ix.collation() != r.collation || !ix.holds(r) {
		return nil
	}
	p := &plan{access: indexScan, index: ix, multikey: ix.multikey.Load()}
	p.bind(ix.fields, r)
	return p
}
