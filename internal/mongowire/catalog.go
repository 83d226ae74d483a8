package mongowire

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

func listDatabases(_ context.Context, c *command) (bson.D, error) {
	filter, err := match.Compile(c.document("filter"))
	if err != nil {
		return nil, err
	}
	list := bson.A{}
	for _, name := range c.databases.Names() {
		doc := bson.D{{Key: "name", Value: name}, {Key: "sizeOnDisk", Value: int64(0)}, {Key: "empty", Value: false}}
		raw, err := match.Encode(doc)
		if err != nil {
			return nil, err
		}
		if filter.Match(raw) {
			list = append(list, doc)
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	return bson.D{{Key: "databases", Value: list}, {Key: "totalSize", Value: int64(0)}}, nil
}

// list answers with a cursor over the documents that it is given.
func (c *command) list(name string, yield func(add func(bson.D) error) error) (bson.D, error) {
	options := members{doc: bson.Raw{5, 0, 0, 0, 0}}
	if v, ok := c.look("cursor"); ok {
		if options.doc, ok = v.DocumentOK(); !ok {
			return nil, refusal(codeTypeMismatch, "'cursor' must be an object")
		}
	}
	found := c.results(name, options.batchSize())
	if options.err != nil {
		return nil, options.err
	}
	err := yield(func(doc bson.D) error {
		raw, err := match.Encode(doc)
		if err != nil {
			return err
		}
		return found.add(raw)
	})
	return found.answer(err, c.options.CursorTimeout)
}

func listCollections(ctx context.Context, c *command) (bson.D, error) {
	filter, err := match.Compile(c.document("filter"))
	if err != nil {
		return nil, err
	}
	brief := c.flag("nameOnly")
	if c.err != nil {
		return nil, c.err
	}
	var names []string
	if c.store != nil {
		if names, err = c.store.Collections(ctx); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return c.list("$cmd.listCollections", func(add func(bson.D) error) error {
		for _, name := range names {
			doc := bson.D{
				{Key: "name", Value: name}, {Key: "type", Value: "collection"},
				{Key: "options", Value: bson.D{}}, {Key: "info", Value: bson.D{{Key: "readOnly", Value: false}}},
				{Key: "idIndex", Value: describe(store.Index{Name: idIndex, Keys: bson.D{{Key: "_id", Value: int32(1)}}})},
			}
			raw, err := match.Encode(doc)
			if err != nil {
				return err
			}
			if !filter.Match(raw) {
				continue
			}
			if brief {
				doc = doc[:2]
			}
			if err := add(doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// exists is NamespaceNotFound when there is no such collection.
func (c *command) exists(ctx context.Context, db store.Store, collection string) error {
	names, err := db.Collections(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, collection) {
		return refusal(codeNamespaceNotFound, "ns does not exist: %s", c.namespace(collection))
	}
	return nil
}

// collMod changes when the documents of an index expire. That is all there is of
// a collection to change; a hidden index is not served, and one that is not
// hidden is what there is.
func collMod(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if err := c.exists(ctx, db, collection); err != nil {
		return nil, err
	}
	v, given := c.look("index")
	if !given {
		return bson.D{}, nil
	}
	m := members{}
	var ok bool
	if m.doc, ok = v.DocumentOK(); !ok {
		return nil, refusal(codeTypeMismatch, "'index' must be an object")
	}
	if err := collModIndex.check("collMod.index", m.doc); err != nil {
		return nil, err
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	was, err := m.indexAmong(indexes)
	if err != nil {
		return nil, err
	}
	if _, expires := m.look("expireAfterSeconds"); !expires {
		return bson.D{}, nil
	}
	now := was
	if now.ExpireAfterSeconds = m.expiry(); m.err != nil {
		return nil, m.err
	}
	if len(was.Keys) != 1 || was.Name == idIndex {
		return nil, refusal(codeInvalidOptions, "TTL indexes are single-field indexes, and not on _id")
	}
	answer := bson.D{{Key: "expireAfterSeconds_new", Value: *now.ExpireAfterSeconds}}
	if was.ExpireAfterSeconds != nil {
		answer = append(bson.D{{Key: "expireAfterSeconds_old", Value: *was.ExpireAfterSeconds}}, answer...)
	}
	if err := db.DropIndex(ctx, collection, was.Name); err != nil {
		return nil, err
	}
	if err := db.CreateIndexes(ctx, collection, now); err != nil {
		return nil, errors.Join(err, db.CreateIndexes(context.WithoutCancel(ctx), collection, was))
	}
	return answer, nil
}

var collModIndex = knowing([]string{"name", "keyPattern", "expireAfterSeconds"}, []string{"hidden", "unique", "prepareUnique"})

// create makes an empty collection: asking for the index on _id, which every
// collection has, does.
func create(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if c.binary(); c.err != nil {
		return nil, c.err
	}
	switch err := c.exists(ctx, db, collection); {
	case err == nil:
		return nil, refusal(codeNamespaceExists, "Collection %s already exists.", c.namespace(collection))
	case commandErrorOf(err).code != codeNamespaceNotFound:
		return nil, err
	}
	return bson.D{}, db.CreateIndexes(ctx, collection, store.Index{Name: idIndex, Keys: bson.D{{Key: "_id", Value: int32(1)}}})
}

func drop(ctx context.Context, c *command) (bson.D, error) {
	db, collection, indexes, err := c.indexes(ctx)
	if err != nil {
		return nil, err
	}
	return bson.D{{Key: "nIndexesWas", Value: int32(len(indexes))}, {Key: "ns", Value: c.namespace(collection)}}, db.DropCollection(ctx, collection)
}

func dropDatabase(ctx context.Context, c *command) (bson.D, error) {
	if c.store == nil {
		return bson.D{}, nil
	}
	names, err := c.store.Collections(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := c.store.DropCollection(ctx, name); err != nil {
			return nil, err
		}
	}
	return bson.D{{Key: "dropped", Value: c.database}}, nil
}
