package mongowire

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// idIndex is the name of the index that every collection has.
const idIndex = "_id_"

// indexes is the target of a command, which must be there, with its indexes.
func (c *command) indexes(ctx context.Context) (db store.Store, collection string, indexes []store.Index, err error) {
	if db, collection, err = c.target(); err != nil {
		return nil, "", nil, err
	}
	if err = c.exists(ctx, db, collection); err != nil {
		return nil, "", nil, err
	}
	indexes, err = db.Indexes(ctx, collection)
	return db, collection, indexes, err
}

func listIndexes(ctx context.Context, c *command) (bson.D, error) {
	_, collection, indexes, err := c.indexes(ctx)
	if err != nil {
		return nil, err
	}
	return c.list(collection, func(add func(bson.D) error) error {
		for _, ix := range indexes {
			if err := add(describe(ix)); err != nil {
				return err
			}
		}
		return nil
	})
}

// describe is an index as listIndexes shows it.
func describe(ix store.Index) bson.D {
	doc := bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: describedKeys(ix.Keys)}, {Key: "name", Value: ix.Name}}
	if ix.Unique {
		doc = append(doc, bson.E{Key: "unique", Value: true})
	}
	if ix.Sparse {
		doc = append(doc, bson.E{Key: "sparse", Value: true})
	}
	if ix.Partial != nil {
		doc = append(doc, bson.E{Key: "partialFilterExpression", Value: ix.Partial})
	}
	if ix.ExpireAfterSeconds != nil {
		doc = append(doc, bson.E{Key: "expireAfterSeconds", Value: *ix.ExpireAfterSeconds})
	}
	if ix.CaseInsensitive {
		doc = append(doc, bson.E{Key: "collation", Value: bson.D{{Key: "locale", Value: "en_US"}, {Key: "strength", Value: int32(2)}}})
	}
	if ix.Weights != nil {
		doc = append(doc,
			bson.E{Key: "weights", Value: ix.Weights}, bson.E{Key: "default_language", Value: ix.DefaultLanguage},
			bson.E{Key: "language_override", Value: ix.LanguageOverride}, bson.E{Key: "textIndexVersion", Value: store.TextIndexVersion})
	}
	return doc
}

// describedKeys are an index's keys as MongoDB shows them: in place of the fields
// of a text index, which its weights name, there are two that it makes up.
func describedKeys(keys bson.D) bson.D {
	start := slices.IndexFunc(keys, isText)
	if start < 0 {
		return keys
	}
	made := bson.D{{Key: "_fts", Value: "text"}, {Key: "_ftsx", Value: int32(1)}}
	return slices.Concat(keys[:start], made, slices.DeleteFunc(slices.Clone(keys[start:]), isText))
}

// statedKeys are the keys that describedKeys has made of, since mongorestore makes
// indexes as they were shown.
func statedKeys(keys, weights bson.D) bson.D {
	start := slices.IndexFunc(keys, func(e bson.E) bool { return e.Key == "_fts" && isText(e) })
	if start < 0 {
		return keys
	}
	stated := slices.Clone(keys[:start])
	for _, w := range weights {
		stated = append(stated, bson.E{Key: w.Key, Value: "text"})
	}
	for _, e := range keys[start+1:] {
		if e.Key != "_ftsx" {
			stated = append(stated, e)
		}
	}
	return stated
}

func isText(e bson.E) bool { return e.Value == "text" }

func createIndexes(ctx context.Context, c *command) (bson.D, error) {
	db, collection, specs, err := c.writing()
	if err != nil {
		return nil, err
	}
	indexes := make([]store.Index, len(specs))
	tolerant := c.flag("ignoreUnknownIndexOptions")
	if c.err != nil {
		return nil, c.err
	}
	for i, spec := range specs {
		if tolerant {
			if spec, err = indexMembers.only(spec); err != nil {
				return nil, err
			}
		}
		if indexes[i], err = indexOf(spec); err != nil {
			return nil, err
		}
	}
	before, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	if err := db.CreateIndexes(ctx, collection, indexes...); err != nil {
		return nil, err
	}
	after, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	answer := bson.D{
		{Key: "numIndexesBefore", Value: int32(max(len(before), 1))}, {Key: "numIndexesAfter", Value: int32(len(after))},
		{Key: "createdCollectionAutomatically", Value: len(before) == 0},
	}
	if len(before) == len(after) {
		answer = append(answer, bson.E{Key: "note", Value: "all indexes already exist"})
	}
	return answer, nil
}

// indexMembers are the members of an index. Versions are for the server to
// choose, and indexes are always built in one go.
var indexMembers = knowing(
	[]string{"v", "key", "name", "ns", "background", "unique", "sparse", "partialFilterExpression", "expireAfterSeconds",
		"collation", "weights", "default_language", "language_override", "textIndexVersion", "2dsphereIndexVersion"},
	[]string{"hidden", "bits", "min", "max", "bucketSize",
		"storageEngine", "wildcardProjection", "clustered", "prepareUnique"},
)

// indexOf reads an index as createIndexes names it.
func indexOf(spec bson.Raw) (store.Index, error) {
	if err := indexMembers.check("createIndexes.indexes", spec); err != nil {
		return store.Index{}, err
	}
	m := members{doc: spec}
	ix := store.Index{
		Name: m.text("name"), Keys: m.document("key"), Unique: m.flag("unique"), Sparse: m.flag("sparse"),
		CaseInsensitive: m.caseInsensitive(),
	}
	if _, weighted := m.look("weights"); weighted {
		ix.Weights = m.document("weights")
		ix.Keys = statedKeys(ix.Keys, ix.Weights)
	}
	ix.DefaultLanguage, ix.LanguageOverride = m.text("default_language"), m.text("language_override")
	if _, partial := m.look("partialFilterExpression"); partial {
		ix.Partial = m.document("partialFilterExpression")
	}
	if _, expires := m.look("expireAfterSeconds"); expires {
		ix.ExpireAfterSeconds = m.expiry()
	}
	if ix.Name == "" || len(ix.Keys) == 0 {
		m.fail(codeFailedToParse, "an index needs a 'name' and a 'key'")
	}
	return ix, m.err
}

func (m *members) expiry() *int32 {
	n := m.size("expireAfterSeconds")
	if n > 1<<31-1 {
		m.fail(codeBadValue, "'expireAfterSeconds' must be at most 2147483647")
	}
	seconds := int32(n)
	return &seconds
}

// indexAmong is the index that 'name' or 'keyPattern' names.
func (m *members) indexAmong(indexes []store.Index) (store.Index, error) {
	name := m.text("name")
	keys, err := match.Encode(m.document("keyPattern"))
	if m.err != nil {
		return store.Index{}, m.err
	}
	if err != nil {
		return store.Index{}, err
	}
	for _, ix := range indexes {
		raw, err := match.Encode(ix.Keys)
		if err != nil {
			return store.Index{}, err
		}
		if name == ix.Name || name == "" && bytes.Equal(raw, keys) {
			return ix, nil
		}
	}
	return store.Index{}, refusal(codeIndexNotFound, "cannot find index %s%s", name, keys)
}

// dropIndexes drops an index by its name or its keys, several by their names, or
// all but that of _id.
func dropIndexes(ctx context.Context, c *command) (bson.D, error) {
	db, collection, indexes, err := c.indexes(ctx)
	if err != nil {
		return nil, err
	}
	names, err := c.indexesToDrop(indexes)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		err := db.DropIndex(ctx, collection, name)
		if errors.Is(err, store.ErrNotFound) {
			return nil, refusal(codeIndexNotFound, "index not found with name [%s]", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return bson.D{{Key: "nIndexesWas", Value: int32(len(indexes))}}, nil
}

func (c *command) indexesToDrop(indexes []store.Index) (names []string, err error) {
	v := c.doc.Lookup("index")
	if name, ok := v.StringValueOK(); ok && name != "*" {
		return []string{name}, nil
	} else if ok {
		for _, ix := range indexes {
			if ix.Name != idIndex {
				names = append(names, ix.Name)
			}
		}
		return names, nil
	}
	if keys, ok := v.DocumentOK(); ok {
		for _, ix := range indexes {
			raw, err := match.Encode(describedKeys(ix.Keys))
			if err != nil {
				return nil, err
			}
			if bytes.Equal(raw, keys) {
				return []string{ix.Name}, nil
			}
		}
		return nil, refusal(codeIndexNotFound, "can't find index with key: %s", keys)
	}
	values, err := c.array("index").Values()
	if err != nil || c.err != nil || len(values) == 0 {
		return nil, refusal(codeTypeMismatch, "'index' must be a name, names or keys")
	}
	for _, v := range values {
		name, ok := v.StringValueOK()
		if !ok {
			return nil, refusal(codeTypeMismatch, "'index' must be an array of names")
		}
		names = append(names, name)
	}
	return names, nil
}
