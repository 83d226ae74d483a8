package mongowire

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// batchSize is the wanted size of the first batch.
func (m *members) batchSize() int64 {
	if _, ok := m.look("batchSize"); !ok {
		return firstBatch
	}
	return m.size("batchSize")
}

// query reads the members of a find.
func (m *members) query() store.Find {
	return store.Find{
		Filter: m.document("filter"), Sort: m.document("sort"), Projection: m.document("projection"),
		Skip: m.size("skip"), Limit: m.number("limit"), Hint: m.hint(), Comment: m.comment(),
		CaseInsensitive: m.caseInsensitive(),
	}
}

func find(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	q, size, single := c.query(), c.batchSize(), c.flag("singleBatch")
	timeout := c.cursorTimeout()
	if c.err != nil {
		return nil, c.err
	}
	if q.Limit < 0 { // an old way to ask for one batch
		q.Limit, single = -q.Limit, true
	}
	found := c.results(collection, size)
	if single {
		if size == 0 {
			return found.answer(nil, timeout)
		}
		if q.Limit == 0 || q.Limit > size {
			q.Limit = size
		}
	}
	err = db.Find(ctx, collection, q, found.add)
	if single {
		found.cut()
	}
	return found.answer(err, timeout)
}

// cursorTimeout is how long the cursor of a query may rest. One that shall not
// time out ends as sessions do.
func (c *command) cursorTimeout() time.Duration {
	if c.flag("noCursorTimeout") {
		return c.options.SessionTimeout
	}
	return c.options.CursorTimeout
}

func count(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	limit := c.number("limit")
	q := counting{skip: c.size("skip"), limit: max(limit, -limit), query: store.Count{
		Filter: c.document("query"), Hint: c.hint(), Comment: c.comment(), CaseInsensitive: c.caseInsensitive(),
	}}
	if c.err != nil {
		return nil, c.err
	}
	n, err := q.run(ctx, db, collection)
	if err != nil {
		return nil, err
	}
	return bson.D{{Key: "n", Value: shortest(n)}}, nil
}

// counting counts what a query finds, from a place on and up to a number.
type counting struct {
	query       store.Count
	skip, limit int64 // a limit of 0 means none
}

func (q counting) run(ctx context.Context, db store.Store, collection string) (int64, error) {
	if q.limit > 0 {
		if q.query.Limit = q.skip + q.limit; q.query.Limit < 0 { // beyond all numbers
			q.query.Limit = 0
		}
	}
	n, err := db.Count(ctx, collection, q.query)
	return max(n-q.skip, 0), err
}

// shortest is a number as MongoDB answers it: as an int32 if it fits.
func shortest(n int64) any {
	if small := int32(n); int64(small) == n {
		return small
	}
	return n
}

func distinct(ctx context.Context, c *command) (bson.D, error) {
	db, collection, err := c.target()
	if err != nil {
		return nil, err
	}
	path, filter := c.text("key"), c.document("query")
	c.binary()
	if c.err != nil {
		return nil, c.err
	}
	values, err := db.Distinct(ctx, collection, path, filter)
	if err != nil {
		return nil, err
	}
	list := make(bson.A, len(values))
	for i, v := range values {
		list[i] = v
	}
	return bson.D{{Key: "values", Value: list}}, nil
}
