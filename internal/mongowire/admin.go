package mongowire

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// maxWireVersion tells drivers what the server can do: 21 is MongoDB 7.0.
const (
	maxWireVersion = 21
	serverVersion  = "7.0.0"
)

// hello tells a driver what it talks to: the primary of a replica set with one
// member, since drivers use transactions and retries with nothing less.
func hello(_ context.Context, c *command) (bson.D, error) {
	primary := "isWritablePrimary"
	if c.name != "hello" {
		primary = "ismaster"
	}
	return bson.D{
		{Key: primary, Value: true}, {Key: "helloOk", Value: true},
		{Key: "setName", Value: "loam"}, {Key: "setVersion", Value: int32(1)}, {Key: "secondary", Value: false},
		{Key: "hosts", Value: bson.A{c.address}}, {Key: "primary", Value: c.address}, {Key: "me", Value: c.address},
		{Key: "maxBsonObjectSize", Value: int32(maxDocumentSize)}, {Key: "maxMessageSizeBytes", Value: int32(maxMessageSize)},
		{Key: "maxWriteBatchSize", Value: int32(maxWriteBatch)}, {Key: "localTime", Value: bson.NewDateTimeFromTime(time.Now())},
		{Key: "logicalSessionTimeoutMinutes", Value: int32(30)}, {Key: "connectionId", Value: c.id},
		{Key: "minWireVersion", Value: int32(0)}, {Key: "maxWireVersion", Value: int32(maxWireVersion)}, {Key: "readOnly", Value: false},
	}, nil
}

func nothing(context.Context, *command) (bson.D, error) { return bson.D{}, nil }

func buildInfo(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "version", Value: serverVersion}, {Key: "versionArray", Value: bson.A{int32(7), int32(0), int32(0), int32(0)}},
		{Key: "gitVersion", Value: "loam"}, {Key: "modules", Value: bson.A{}}, {Key: "bits", Value: int32(64)},
		{Key: "debug", Value: false}, {Key: "maxBsonObjectSize", Value: int32(maxDocumentSize)}}, nil
}

func serverStatus(_ context.Context, c *command) (bson.D, error) {
	return bson.D{{Key: "version", Value: serverVersion}, {Key: "process", Value: "loam"},
		{Key: "connections", Value: bson.D{{Key: "totalCreated", Value: c.server.nextConn.Load()}}},
		{Key: "storageEngine", Value: bson.D{{Key: "name", Value: "loam"}, {Key: "supportsCommittedReads", Value: true}}}}, nil
}

func connectionStatus(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "authInfo", Value: bson.D{{Key: "authenticatedUsers", Value: bson.A{}}, {Key: "authenticatedUserRoles", Value: bson.A{}}}}}, nil
}

func getLog(context.Context, *command) (bson.D, error) {
	return bson.D{{Key: "totalLinesWritten", Value: int32(0)}, {Key: "log", Value: bson.A{}}}, nil
}

func listDatabases(_ context.Context, c *command) (bson.D, error) {
	list := bson.A{}
	for _, name := range c.server.databases.Names() {
		list = append(list, bson.D{{Key: "name", Value: name}, {Key: "sizeOnDisk", Value: int64(0)}, {Key: "empty", Value: false}})
	}
	return bson.D{{Key: "databases", Value: list}, {Key: "totalSize", Value: int64(0)}}, nil
}

// list answers with a cursor over documents made here.
func (c *command) list(name string, docs []bson.D) (bson.D, error) {
	raws := make([]bson.Raw, len(docs))
	for i, doc := range docs {
		raw, err := bson.Marshal(doc)
		if err != nil {
			return nil, err
		}
		raws[i] = raw
	}
	return c.open(raws, name, int64(max(len(raws), 1)), false)
}

func listCollections(ctx context.Context, c *command) (bson.D, error) {
	const name = "$cmd.listCollections"
	if c.store == nil {
		return c.list(name, nil)
	}
	filter, err := document(c.body, "filter")
	if err != nil {
		return nil, err
	}
	matcher, err := match.Compile(filter)
	if err != nil {
		return nil, err
	}
	names, err := c.store.Collections(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var docs []bson.D
	for _, collection := range names {
		doc := bson.D{{Key: "name", Value: collection}, {Key: "type", Value: "collection"}}
		raw, err := bson.Marshal(doc)
		if err != nil {
			return nil, err
		}
		if !matcher.Match(raw) {
			continue
		}
		if !flag(c.body, "nameOnly") {
			doc = append(doc, bson.E{Key: "options", Value: bson.D{}}, bson.E{Key: "info", Value: bson.D{{Key: "readOnly", Value: false}}},
				bson.E{Key: "idIndex", Value: indexDocument(store.Index{Name: "_id_", Keys: bson.D{{Key: "_id", Value: int32(1)}}})})
		}
		docs = append(docs, doc)
	}
	return c.list(name, docs)
}

func listIndexes(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if err := c.exists(ctx, db, collection); err != nil {
		return nil, err
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	docs := make([]bson.D, len(indexes))
	for i, ix := range indexes {
		docs[i] = indexDocument(ix)
	}
	return c.list(collection, docs)
}

// exists is NamespaceNotFound when there is no such collection.
func (c *command) exists(ctx context.Context, db store.Store, collection string) error {
	names, err := db.Collections(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, collection) {
		return &commandError{code: codeNamespaceNotFound, name: "NamespaceNotFound", message: "ns does not exist: " + c.namespace(collection)}
	}
	return nil
}

func create(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if err := c.exists(ctx, db, collection); err == nil {
		return nil, &commandError{code: codeNamespaceExists, name: "NamespaceExists", message: "collection exists: " + c.namespace(collection)}
	}
	// An index on _id is always there: asking for it makes the collection.
	return bson.D{}, db.CreateIndexes(ctx, collection, store.Index{Name: "_id_", Keys: bson.D{{Key: "_id", Value: int32(1)}}})
}

func drop(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if err := c.exists(ctx, db, collection); err != nil {
		return nil, err
	}
	return bson.D{{Key: "ns", Value: c.namespace(collection)}}, db.DropCollection(ctx, collection)
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

// indexDocument is an index as listIndexes shows it.
func indexDocument(ix store.Index) bson.D {
	doc := bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: ix.Keys}, {Key: "name", Value: ix.Name}}
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
	return doc
}

func createIndexes(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	specs, err := c.statements("indexes")
	if err != nil {
		return nil, err
	}
	indexes := make([]store.Index, len(specs))
	for i, spec := range specs {
		if indexes[i], err = indexOf(spec); err != nil {
			return nil, err
		}
	}
	if err := db.CreateIndexes(ctx, collection, indexes...); err != nil {
		return nil, err
	}
	return bson.D{{Key: "numIndexesAfter", Value: int32(len(indexes) + 1)}}, nil
}

// indexOf reads an index as createIndexes names it.
func indexOf(spec bson.Raw) (store.Index, error) {
	ix := store.Index{Name: text(spec, "name"), Unique: flag(spec, "unique"), Sparse: flag(spec, "sparse")}
	var err error
	if ix.Keys, err = document(spec, "key"); err != nil {
		return ix, err
	}
	if !spec.Lookup("partialFilterExpression").IsZero() {
		if ix.Partial, err = document(spec, "partialFilterExpression"); err != nil {
			return ix, err
		}
	}
	if v := spec.Lookup("expireAfterSeconds"); !v.IsZero() {
		n, ok := v.AsInt64OK()
		if !ok || n < 0 || n > 1<<31-1 {
			return ix, badValue("expireAfterSeconds must be a number from 0 to 2147483647")
		}
		seconds := int32(n)
		ix.ExpireAfterSeconds = &seconds
	}
	ix.CaseInsensitive, err = caseInsensitive(spec)
	if ix.Name == "" || len(ix.Keys) == 0 {
		return ix, badValue("an index needs a name and keys")
	}
	return ix, err
}

func dropIndexes(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	name, ok := c.body.Lookup("index").StringValueOK()
	if !ok {
		return nil, badValue("an index is dropped by its name")
	}
	if name != "*" {
		return bson.D{}, db.DropIndex(ctx, collection, name)
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	for _, ix := range indexes {
		if ix.Name == "_id_" {
			continue
		}
		if err := db.DropIndex(ctx, collection, ix.Name); err != nil {
			return nil, err
		}
	}
	return bson.D{}, nil
}

// collMod changes nothing that is kept here; it only tells whether the
// collection is there.
func collMod(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	return bson.D{}, c.exists(ctx, db, collection)
}

func dbStats(ctx context.Context, c *command) (bson.D, error) {
	names := []string{}
	if c.store != nil {
		var err error
		if names, err = c.store.Collections(ctx); err != nil {
			return nil, err
		}
	}
	return bson.D{{Key: "db", Value: c.database}, {Key: "collections", Value: int32(len(names))}}, nil
}

func collStats(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	n, err := db.Count(ctx, collection, store.Count{})
	if err != nil {
		return nil, err
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	return bson.D{{Key: "ns", Value: c.namespace(collection)}, {Key: "count", Value: n}, {Key: "nindexes", Value: int32(len(indexes))}}, nil
}
