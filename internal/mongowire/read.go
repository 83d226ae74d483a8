package mongowire

import (
	"context"
	"math/rand/v2"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// firstBatch is the number of documents in the first answer of a query that
// asks for no number, as MongoDB has it.
const firstBatch = 101

// maxBatchBytes bounds the documents of one answer.
const maxBatchBytes = 16 << 20

// maxCursors is how many cursors a connection may have open.
const maxCursors = 1000

// cursor is what is left of a query's results. They are read at once, so that
// no reader stays open in the store while a client thinks.
type cursor struct {
	namespace string
	rest      []bson.Raw
}

// reply is a batch of a cursor's documents, and its id as long as some are left.
func (c *connection) reply(cur *cursor, id int64, size int64, member string) bson.D {
	batch, bytes := bson.A{}, 0
	for len(cur.rest) > 0 && (size < 0 || int64(len(batch)) < size) {
		doc := cur.rest[0]
		if bytes += len(doc); len(batch) > 0 && bytes > maxBatchBytes {
			break
		}
		batch = append(batch, doc)
		cur.rest = cur.rest[1:]
	}
	if len(cur.rest) == 0 {
		delete(c.cursors, id)
		id = 0
	}
	return bson.D{{Key: "cursor", Value: bson.D{{Key: member, Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: cur.namespace}}}}
}

// open answers with the first batch of results and keeps the others.
func (c *command) open(docs []bson.Raw, collection string, batchSize int64, single bool) (bson.D, error) {
	cur := &cursor{namespace: c.namespace(collection), rest: docs}
	if single {
		cur.rest = docs[:min(len(docs), int(batchSize))]
	}
	id := rand.Int64N(1<<62) + 1
	if int64(len(docs)) > batchSize && len(c.cursors) >= maxCursors {
		return nil, badValue("too many open cursors")
	}
	c.cursors[id] = cur
	return c.reply(cur, id, batchSize, "firstBatch"), nil
}

// batchSize is the wanted size of the first batch.
func batchSize(doc bson.Raw) (int64, error) {
	if doc.Lookup("batchSize").IsZero() {
		return firstBatch, nil
	}
	n, err := number(doc, "batchSize")
	if err == nil && n < 0 {
		err = badValue("batchSize must not be negative")
	}
	return n, err
}

// query reads the members of a find.
func query(doc bson.Raw) (store.Find, error) {
	var (
		q    store.Find
		errs [8]error
	)
	q.Filter, errs[0] = document(doc, "filter")
	q.Sort, errs[1] = document(doc, "sort")
	q.Projection, errs[2] = document(doc, "projection")
	q.Skip, errs[3] = number(doc, "skip")
	q.Limit, errs[4] = number(doc, "limit")
	q.Hint, errs[5] = hint(doc)
	q.CaseInsensitive, errs[6] = caseInsensitive(doc)
	q.Comment = text(doc, "comment")
	if q.Skip < 0 {
		errs[7] = badValue("skip must not be negative")
	}
	for _, err := range errs {
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

func find(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	q, err := query(c.body)
	if err != nil {
		return nil, err
	}
	size, err := batchSize(c.body)
	if err != nil {
		return nil, err
	}
	single := flag(c.body, "singleBatch")
	if q.Limit < 0 { // an old way to ask for one batch
		q.Limit, single = -q.Limit, true
	}
	var docs []bson.Raw
	err = db.Find(ctx, collection, q, func(doc bson.Raw) error {
		docs = append(docs, slices.Clone(doc))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.open(docs, collection, size, single)
}

func aggregate(ctx context.Context, c *command) (bson.D, error) {
	db, err := c.existing()
	if err != nil {
		return nil, err
	}
	collection, ok := c.subject.StringValueOK()
	if !ok {
		collection = "$cmd.aggregate" // a pipeline over no collection
	}
	list, ok := c.body.Lookup("pipeline").ArrayOK()
	if !ok {
		return nil, &commandError{code: codeTypeMismatch, name: "TypeMismatch", message: "pipeline must be an array"}
	}
	var pipeline bson.A
	if err := (bson.RawValue{Type: bson.TypeArray, Value: list}).Unmarshal(&pipeline); err != nil {
		return nil, &commandError{code: codeFailedToParse, name: "FailedToParse", message: "pipeline cannot be read"}
	}
	options := store.AggregateOptions{Comment: text(c.body, "comment"), Explain: flag(c.body, "explain")}
	if options.Hint, err = hint(c.body); err != nil {
		return nil, err
	}
	size := int64(firstBatch)
	if cursor, ok := c.body.Lookup("cursor").DocumentOK(); ok {
		if size, err = batchSize(cursor); err != nil {
			return nil, err
		}
	}
	var docs []bson.Raw
	err = db.Aggregate(ctx, collection, pipeline, options, func(doc bson.Raw) error {
		docs = append(docs, slices.Clone(doc))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.open(docs, collection, size, false)
}

func getMore(_ context.Context, c *command) (bson.D, error) {
	id, _ := c.subject.AsInt64OK()
	cur := c.cursors[id]
	if cur == nil {
		return nil, &commandError{code: codeCursorNotFound, name: "CursorNotFound", message: "cursor not found"}
	}
	size, err := number(c.body, "batchSize")
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		size = -1
	}
	return c.reply(cur, id, size, "nextBatch"), nil
}

func killCursors(_ context.Context, c *command) (bson.D, error) {
	killed, unknown := bson.A{}, bson.A{}
	list, _ := c.body.Lookup("cursors").ArrayOK()
	values, err := list.Values()
	if err != nil {
		return nil, badValue("cursors must be an array")
	}
	for _, v := range values {
		id, _ := v.AsInt64OK()
		if c.cursors[id] == nil {
			unknown = append(unknown, id)
			continue
		}
		delete(c.cursors, id)
		killed = append(killed, id)
	}
	return bson.D{{Key: "cursorsKilled", Value: killed}, {Key: "cursorsNotFound", Value: unknown},
		{Key: "cursorsAlive", Value: bson.A{}}, {Key: "cursorsUnknown", Value: bson.A{}}}, nil
}

func count(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	filter, err := document(c.body, "query")
	if err != nil {
		return nil, err
	}
	skip, err := number(c.body, "skip")
	if err != nil {
		return nil, err
	}
	limit, err := number(c.body, "limit")
	if err != nil {
		return nil, err
	}
	q := store.Count{Filter: filter, Comment: text(c.body, "comment")}
	if limit = max(limit, -limit); limit > 0 {
		q.Limit = limit + skip
	}
	if q.Hint, err = hint(c.body); err != nil {
		return nil, err
	}
	if q.CaseInsensitive, err = caseInsensitive(c.body); err != nil {
		return nil, err
	}
	n, err := db.Count(ctx, collection, q)
	if err != nil {
		return nil, err
	}
	return bson.D{{Key: "n", Value: int32(max(n-skip, 0))}}, nil
}

func distinct(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	filter, err := document(c.body, "query")
	if err != nil {
		return nil, err
	}
	values, err := db.Distinct(ctx, collection, text(c.body, "key"), filter)
	if err != nil {
		return nil, err
	}
	list := make(bson.A, len(values))
	for i, v := range values {
		list[i] = v
	}
	return bson.D{{Key: "values", Value: list}}, nil
}

func explain(ctx context.Context, c *command) (bson.D, error) {
	db, err := c.existing()
	if err != nil {
		return nil, err
	}
	inner, ok := c.subject.DocumentOK()
	if !ok {
		return nil, badValue("explain must be an object")
	}
	first, err := inner.IndexErr(0)
	if err != nil || first.Key() != "find" && first.Key() != "count" {
		return nil, &commandError{code: codeCommandNotSupported, name: "CommandNotSupported", message: "only find and count can be explained"}
	}
	collection, _ := first.Value().StringValueOK()
	q, err := query(inner)
	if err != nil {
		return nil, err
	}
	if first.Key() == "count" {
		if q.Filter, err = document(inner, "query"); err != nil {
			return nil, err
		}
	}
	plan, err := db.Explain(ctx, collection, q)
	if err != nil {
		return nil, err
	}
	var answer bson.D
	return answer, bson.Unmarshal(plan, &answer)
}
