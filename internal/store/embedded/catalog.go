package embedded

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// catalog says which collections and indexes there are. It is immutable; the
// writer replaces it after the commit that changes it.
type catalog struct {
	collections map[string]*collection
}

// currentCatalog is the catalog that readers use.
type currentCatalog struct {
	atomic.Pointer[catalog]
	// changing is held while a commit has changed the file, or may have, and the
	// catalog is not replaced yet.
	changing sync.RWMutex
}

// changed tells whether the catalog is another one by now. Who fails to find a
// table may be reading what a commit has just made, so it waits for that.
func (c *currentCatalog) changed(since *catalog) bool {
	c.changing.RLock()
	defer c.changing.RUnlock()
	return c.Load() != since
}

// with returns a catalog in which c takes the place of its namesake.
func (c *catalog) with(coll *collection) *catalog {
	next := &catalog{collections: maps.Clone(c.collections)}
	next.collections[coll.name] = coll
	return next
}

func (c *catalog) without(name string) *catalog {
	next := &catalog{collections: maps.Clone(c.collections)}
	delete(next.collections, name)
	return next
}

// collection is a collection's tables. It is immutable.
type collection struct {
	n       int64
	name    string
	indexes []*index
}

// withIndexes returns the collection with other indexes.
func (c *collection) withIndexes(indexes []*index) *collection {
	return &collection{n: c.n, name: c.name, indexes: indexes}
}

func (c *collection) index(name string) *index {
	for _, ix := range c.indexes {
		if ix.def.Name == name {
			return ix
		}
	}
	return nil
}

// idIndex is the name of the index that every collection has.
const idIndex = "_id_"

// index is a secondary index and its table.
type index struct {
	n      int64
	def    store.Index
	fields []indexField
	// keys makes the index's keys; it is nil for kinds of indexes that are in
	// the catalog only.
	keys    kind
	partial clauses
	// multikey has the bits of the fields that met an array in some document.
	// Bits are set before the commit that needs them and never cleared, so that
	// a reader who finds them unchanged after its snapshot began may rely on them.
	multikey *atomic.Uint64
	// saved are the bits that the file has. It belongs to the writer.
	saved uint64
}

// indexField is one key of an index.
type indexField struct {
	path       string
	descending bool
	// positional tells that the path has an array index in it, which filters
	// and indexes read differently.
	positional bool
}

// maxIndexFields is MongoDB's bound on the fields of an index.
const maxIndexFields = 32

func newIndex(n int64, def store.Index, multikey uint64) (*index, error) {
	if len(def.Keys) > maxIndexFields {
		return nil, store.BadRequest(13103, "too many keys in index %q, the limit is %d", def.Name, maxIndexFields)
	}
	if ttl := def.ExpireAfterSeconds; ttl != nil && (len(def.Keys) != 1 || *ttl < 0) {
		return nil, store.BadRequest(67, "TTL index %q must have one key and expireAfterSeconds that is not negative", def.Name)
	}
	ix := &index{n: n, def: def, multikey: new(atomic.Uint64), saved: multikey}
	ix.multikey.Store(multikey)
	keys, err := kindOf(def)
	if err != nil {
		return nil, err
	}
	if keys == nil {
		if def.Unique {
			return nil, store.BadRequest(67, "index %q can't be unique", def.Name)
		}
		return ix, nil
	}
	ix.keys = keys
	for _, e := range def.Keys {
		ix.fields = append(ix.fields, indexField{
			path:       e.Key,
			descending: isDescending(e.Value),
			positional: isPositional(e.Key),
		})
	}
	if def.Partial != nil {
		raw, err := match.Encode(def.Partial)
		if err != nil {
			return nil, err
		}
		ix.partial = clausesOf(raw, ix.collation())
	}
	return ix, nil
}

func (ix *index) collation() match.Collation { return match.CollationOf(ix.def.CaseInsensitive) }

// paths returns the index's fields as a DuplicateKeyError names them.
func (ix *index) paths() []string {
	paths := make([]string, len(ix.fields))
	for i, f := range ix.fields {
		paths[i] = f.path
	}
	return paths
}

func isDescending(v any) bool {
	switch v := v.(type) {
	case int32:
		return v < 0
	case int64:
		return v < 0
	case int:
		return v < 0
	case float64:
		return v < 0
	}
	return false
}

func isPositional(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "."), func(part string) bool {
		_, err := strconv.ParseUint(part, 10, 32)
		return err == nil
	})
}

// indexName is the name that MongoDB gives to an index without one.
func indexName(keys bson.D) string {
	parts := make([]string, len(keys))
	for i, e := range keys {
		parts[i] = fmt.Sprintf("%s_%v", e.Key, e.Value)
	}
	return strings.Join(parts, "_")
}

// indexSpec is an index as it is stored, in the words of MongoDB's listIndexes.
type indexSpec struct {
	Keys      bson.D     `bson:"key"`
	Unique    bool       `bson:"unique,omitempty"`
	Sparse    bool       `bson:"sparse,omitempty"`
	Partial   bson.D     `bson:"partialFilterExpression,omitempty"`
	Expire    *int32     `bson:"expireAfterSeconds,omitempty"`
	Collation *collation `bson:"collation,omitempty"`

	Weights          bson.D `bson:"weights,omitempty"`
	DefaultLanguage  string `bson:"default_language,omitempty"`
	LanguageOverride string `bson:"language_override,omitempty"`
	TextVersion      int32  `bson:"textIndexVersion,omitempty"`
}

type collation struct {
	Locale   string `bson:"locale"`
	Strength int32  `bson:"strength"`
}

func encodeIndex(def store.Index) ([]byte, error) {
	spec := indexSpec{
		Keys: def.Keys, Unique: def.Unique, Sparse: def.Sparse,
		Partial: def.Partial, Expire: def.ExpireAfterSeconds,
		Weights: def.Weights, DefaultLanguage: def.DefaultLanguage, LanguageOverride: def.LanguageOverride,
	}
	if def.Weights != nil {
		spec.TextVersion = store.TextIndexVersion
	}
	if def.CaseInsensitive {
		spec.Collation = &collation{Locale: "en_US", Strength: 2}
	}
	return bson.Marshal(spec)
}

func decodeIndex(name string, data []byte) (store.Index, error) {
	var spec indexSpec
	if err := bson.Unmarshal(data, &spec); err != nil {
		return store.Index{}, fmt.Errorf("store: definition of index %q: %w", name, err)
	}
	return store.Index{
		Name: name, Keys: spec.Keys, Unique: spec.Unique, Sparse: spec.Sparse, Partial: spec.Partial,
		ExpireAfterSeconds: spec.Expire, CaseInsensitive: spec.Collation != nil,
		Weights: spec.Weights, DefaultLanguage: spec.DefaultLanguage, LanguageOverride: spec.LanguageOverride,
	}, nil
}

// readCatalog reads the catalog from the file.
func readCatalog(c *conn) (*catalog, error) {
	cat := &catalog{collections: make(map[string]*collection)}
	byNumber := make(map[int64]*collection)
	s, err := c.prepare(stmtKey{does: listCollections})
	if err != nil {
		return nil, err
	}
	defer s.reset()
	for {
		more, err := s.step()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		coll := &collection{n: s.int(0), name: s.text(1)}
		cat.collections[coll.name] = coll
		byNumber[coll.n] = coll
	}

	s, err = c.prepare(stmtKey{does: listIndexes})
	if err != nil {
		return nil, err
	}
	defer s.reset()
	for {
		more, err := s.step()
		if err != nil || !more {
			return cat, err
		}
		coll := byNumber[s.int(1)]
		if coll == nil {
			return nil, fmt.Errorf("store: index %d belongs to no collection", s.int(0))
		}
		def, err := decodeIndex(s.text(2), s.blob(3))
		if err != nil {
			return nil, err
		}
		ix, err := newIndex(s.int(0), def, uint64(s.int(4)))
		if err != nil {
			return nil, err
		}
		coll.indexes = append(coll.indexes, ix)
	}
}
