package mongowire

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// sizeOf is how large a collection is. Of a store that can't tell, only the
// number of documents is known.
func sizeOf(ctx context.Context, db store.Store, collection string) (store.Size, error) {
	if m, ok := db.(store.Measurer); ok {
		return m.Measure(ctx, collection)
	}
	n, err := db.Count(ctx, collection, store.Count{})
	return store.Size{Documents: n}, err
}

func indexBytes(s store.Size) (sum int64) {
	for _, n := range s.Indexes {
		sum += n
	}
	return sum
}

// scale is the number of bytes in which sizes are told.
func (m *members) scale() int64 {
	if _, given := m.look("scale"); !given {
		return 1
	}
	n := m.number("scale")
	if n < 1 {
		m.fail(codeBadValue, "'scale' must be at least 1")
		return 1
	}
	return n
}

// average is the size of a document; 0 when there is none.
func average(bytes, documents int64) int64 {
	if documents == 0 {
		return 0
	}
	return bytes / documents
}

// dbStats tells of a database. Sizes on disk are those of what is stored: the
// file has room besides, which is not any collection's.
func dbStats(ctx context.Context, c *command) (bson.D, error) {
	scale := c.scale()
	if c.err != nil {
		return nil, c.err
	}
	var names []string
	var err error
	if c.store != nil {
		if names, err = c.store.Collections(ctx); err != nil {
			return nil, err
		}
	}
	var documents, bytes, indexes, keys int64
	for _, name := range names {
		size, err := sizeOf(ctx, c.store, name)
		if err != nil {
			return nil, err
		}
		documents, bytes = documents+size.Documents, bytes+size.Bytes
		indexes, keys = indexes+int64(len(size.Indexes)), keys+indexBytes(size)
	}
	return bson.D{
		{Key: "db", Value: c.database}, {Key: "collections", Value: int32(len(names))}, {Key: "views", Value: int32(0)},
		{Key: "objects", Value: documents}, {Key: "avgObjSize", Value: float64(average(bytes, documents))},
		{Key: "dataSize", Value: float64(bytes / scale)}, {Key: "storageSize", Value: float64(bytes / scale)},
		{Key: "indexes", Value: indexes}, {Key: "indexSize", Value: float64(keys / scale)},
		{Key: "totalSize", Value: float64((bytes + keys) / scale)}, {Key: "scaleFactor", Value: scale},
	}, nil
}

func collStats(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	scale := c.scale()
	if c.err != nil {
		return nil, c.err
	}
	stats, err := storageStats(ctx, db, collection, scale)
	return append(bson.D{{Key: "ns", Value: c.namespace(collection)}}, stats...), err
}

// storageStats tells of a collection, as collStats and $collStats do.
func storageStats(ctx context.Context, db store.Store, collection string, scale int64) (bson.D, error) {
	size, err := sizeOf(ctx, db, collection)
	if err != nil {
		return nil, err
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	sizes := make(bson.D, len(indexes))
	for i, ix := range indexes {
		sizes[i] = bson.E{Key: ix.Name, Value: size.Indexes[ix.Name] / scale}
	}
	return bson.D{
		{Key: "size", Value: size.Bytes / scale}, {Key: "count", Value: size.Documents},
		{Key: "avgObjSize", Value: average(size.Bytes, size.Documents)}, {Key: "numOrphanDocs", Value: int32(0)},
		{Key: "storageSize", Value: size.Bytes / scale}, {Key: "freeStorageSize", Value: int32(0)},
		{Key: "capped", Value: false}, {Key: "nindexes", Value: int32(len(indexes))},
		{Key: "indexBuilds", Value: bson.A{}}, {Key: "totalIndexSize", Value: indexBytes(size) / scale},
		{Key: "totalSize", Value: (size.Bytes + indexBytes(size)) / scale}, {Key: "indexSizes", Value: sizes},
		{Key: "scaleFactor", Value: scale},
	}, nil
}

// diagnoses are the stages that only begin a pipeline. $indexStats is there to be
// refused as the tools expect, who then do without: the use of indexes is not
// counted.
var diagnoses = []string{"$collStats", "$currentOp", "$indexStats"}

// diagnosis are the stages that begin a pipeline with what the server knows of
// itself.
func (c *command) diagnosis(ctx context.Context, name string, operand bson.D) (docs []bson.D, err error) {
	switch name {
	case "$collStats":
		doc, err := c.collStatsStage(ctx, operand)
		return []bson.D{doc}, err
	case "$currentOp":
		return c.currentOps(), nil
	}
	return nil, refusal(codeUnknownStage, "Unrecognized pipeline stage name: '%s'", name)
}

// diagnose runs a pipeline that begins with a diagnosis, and tells whether it is
// one.
func (c *command) diagnose(ctx context.Context, p *pipeline) (answer bson.D, ok bool, err error) {
	if len(p.stages) == 0 {
		return nil, false, nil
	}
	first, _ := p.stages[0].(bson.D)
	if len(first) != 1 || !slices.Contains(diagnoses, first[0].Key) {
		return nil, false, nil
	}
	operand, isDocument := first[0].Value.(bson.D)
	if !isDocument {
		return nil, true, refusal(codeFailedToParse, "%s must take a nested object but found: %v", first[0].Key, first[0].Value)
	}
	docs, err := c.diagnosis(ctx, first[0].Key, operand)
	if err != nil {
		return nil, true, err
	}
	collection, ok := c.subject.StringValueOK()
	if !ok {
		collection = everything
	}
	answer, err = c.list(collection, func(add func(bson.D) error) error {
		if len(p.stages) > 1 {
			return c.refine(ctx, docs, p, add)
		}
		for _, doc := range docs {
			if err := add(doc); err != nil {
				return err
			}
		}
		return nil
	})
	return answer, true, err
}

// refine runs the rest of a pipeline on what a diagnosis has found. Any store can.
func (c *command) refine(ctx context.Context, docs []bson.D, p *pipeline, add func(bson.D) error) error {
	db := c.store
	if names := c.databases.Names(); db == nil && len(names) > 0 {
		db = c.databases.Store(names[0])
	}
	if db == nil {
		return refusal(codeUnauthorized, "there is no database '%s' here", c.database)
	}
	found := make(bson.A, len(docs))
	for i, doc := range docs {
		found[i] = bson.D{{Key: "$literal", Value: doc}}
	}
	stages := append(bson.A{bson.D{{Key: "$documents", Value: found}}}, p.stages[1:]...)
	return db.Aggregate(ctx, "", stages, p.options, func(raw bson.Raw) error {
		var doc bson.D
		if err := bson.Unmarshal(raw, &doc); err != nil {
			return err
		}
		return add(doc)
	})
}

var collStatsMembers = knowing([]string{"storageStats", "count", "latencyStats", "queryExecStats"}, nil)

func (c *command) collStatsStage(ctx context.Context, operand bson.D) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	raw, err := bson.Marshal(operand)
	if err != nil {
		return nil, refusal(codeFailedToParse, "$collStats cannot be read")
	}
	if err := collStatsMembers.check("$collStats", raw); err != nil {
		return nil, err
	}
	m := members{doc: raw}
	for _, unserved := range []string{"latencyStats", "queryExecStats"} { // {} asks for them, too
		if _, asked := m.look(unserved); asked {
			return nil, refusal(codeCommandNotSupported, "'$collStats.%s' is not served", unserved)
		}
	}
	if err := c.exists(ctx, db, collection); err != nil {
		return nil, err
	}
	doc := bson.D{
		{Key: "ns", Value: c.namespace(collection)}, {Key: "host", Value: c.address},
		{Key: "localTime", Value: bson.NewDateTimeFromTime(time.Now())},
	}
	if v, ok := m.look("storageStats"); ok {
		inner := members{}
		inner.doc, _ = v.DocumentOK()
		scale := inner.scale()
		if inner.err != nil {
			return nil, inner.err
		}
		stats, err := storageStats(ctx, db, collection, scale)
		if err != nil {
			return nil, err
		}
		doc = append(doc, bson.E{Key: "storageStats", Value: stats})
	}
	if _, ok := m.look("count"); ok {
		n, err := db.Count(ctx, collection, store.Count{})
		if err != nil {
			return nil, err
		}
		doc = append(doc, bson.E{Key: "count", Value: n})
	}
	return doc, nil
}

// validateCollection reads a collection and its indexes through.
func validateCollection(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	if err := c.exists(ctx, db, collection); err != nil {
		return nil, err
	}
	checker, ok := db.(interface{ Check(context.Context) error })
	if !ok {
		return nil, refusal(codeCommandNotSupported, "'validate' is not served by this store")
	}
	found := checker.Check(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	n, err := db.Count(ctx, collection, store.Count{})
	if err != nil {
		return nil, err
	}
	indexes, err := db.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	details, wrong := bson.D{}, bson.A{}
	for _, ix := range indexes {
		details = append(details, bson.E{Key: ix.Name, Value: bson.D{{Key: "valid", Value: found == nil}}})
	}
	if found != nil {
		wrong = append(wrong, found.Error())
	}
	return bson.D{
		{Key: "ns", Value: c.namespace(collection)}, {Key: "nrecords", Value: n}, {Key: "nIndexes", Value: int32(len(indexes))},
		{Key: "indexDetails", Value: details}, {Key: "valid", Value: found == nil}, {Key: "repaired", Value: false},
		{Key: "warnings", Value: bson.A{}}, {Key: "errors", Value: wrong},
	}, nil
}
