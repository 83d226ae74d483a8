package mongowire

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

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
	if q, ok := countOf(pipeline); ok && !options.Explain {
		return c.countDocuments(ctx, db, collection, q, options)
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

// countOf recognises the pipeline with which drivers count the documents that
// match a filter: $match, $skip and $limit if need be, and $group with a sum of 1.
func countOf(pipeline bson.A) (q counting, ok bool) {
	for i, stage := range pipeline {
		d, isDocument := stage.(bson.D)
		if !isDocument || len(d) != 1 {
			return q, false
		}
		switch d[0].Key {
		case "$match":
			if q.filter, isDocument = d[0].Value.(bson.D); !isDocument || i > 0 {
				return q, false
			}
		case "$skip", "$limit":
			raw, err := bson.Marshal(d)
			if err != nil {
				return q, false
			}
			n, isNumber := bson.Raw(raw).Lookup(d[0].Key).AsInt64OK()
			if !isNumber || n < 0 || d[0].Key == "$skip" && q.limit > 0 {
				return q, false
			}
			if d[0].Key == "$skip" {
				q.skip = n
			} else {
				q.limit = n
			}
		case "$group":
			return q, i == len(pipeline)-1 && countsAll(d[0].Value)
		default:
			return q, false
		}
	}
	return q, false
}

// countsAll tells whether a group is {_id: 1, n: {$sum: 1}}.
func countsAll(group any) bool {
	d, _ := group.(bson.D)
	if len(d) != 2 || d[0].Key != "_id" || d[0].Value != int32(1) || d[1].Key != "n" {
		return false
	}
	sum, _ := d[1].Value.(bson.D)
	return len(sum) == 1 && sum[0].Key == "$sum" && sum[0].Value == int32(1)
}

// counting is what such a pipeline counts.
type counting struct {
	filter      bson.D
	skip, limit int64
}

func (c *command) countDocuments(ctx context.Context, db store.Store, collection string, q counting, o store.AggregateOptions) (bson.D, error) {
	ignoring, err := caseInsensitive(c.body)
	if err != nil {
		return nil, err
	}
	wanted := store.Count{Filter: q.filter, Hint: o.Hint, Comment: o.Comment, CaseInsensitive: ignoring}
	if q.limit > 0 {
		wanted.Limit = q.limit + q.skip
	}
	n, err := db.Count(ctx, collection, wanted)
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	if n = max(n-q.skip, 0); n > 0 { // no group, if there is nothing in it
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: int32(1)}, {Key: "n", Value: n}})
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return c.open(docs, collection, firstBatch, false)
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
