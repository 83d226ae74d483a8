package mongowire

import (
	"context"
	"math/rand/v2"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// firstBatch is the number of documents in the first answer of a query that
// asks for no number, as MongoDB has it.
const firstBatch = 101

// maxBatchBytes bounds the documents of one answer.
const maxBatchBytes = 16 << 20

// maxCursors is how many cursors may be open.
const maxCursors = 10_000

// cursors are the open cursors of all connections, since a driver may fetch
// each batch over another one. They end with the connection that opened them.
type cursors struct {
	mu   sync.Mutex
	open map[int64]*cursor
}

// cursor is what is left of a query's results. They are read at once, so that
// no reader stays open in the store while a client thinks.
type cursor struct {
	owner     int32 // the connection that opened it
	namespace string
	rest      []bson.Raw
}

func newCursors() *cursors { return &cursors{open: make(map[int64]*cursor)} }

// take removes a cursor, so that only one command works on it; nil if there is none.
func (s *cursors) take(id int64) *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.open[id]
	delete(s.open, id)
	return cur
}

// put adds a cursor, or puts it back, and tells whether there is room for it.
func (s *cursors) put(id int64, cur *cursor) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxCursors {
		return false
	}
	s.open[id] = cur
	return true
}

// dropAll ends the cursors of a connection.
func (s *cursors) dropAll(owner int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, cur := range s.open {
		if cur.owner == owner {
			delete(s.open, id)
		}
	}
}

// reply is a batch of a cursor's documents, and its id as long as some are left.
func (c *connection) reply(cur *cursor, id int64, size int64, member string) (bson.D, error) {
	batch, bytes := bson.A{}, 0
	for len(cur.rest) > 0 && (size < 0 || int64(len(batch)) < size) {
		doc := cur.rest[0]
		if bytes += len(doc); len(batch) > 0 && bytes > maxBatchBytes {
			break
		}
		batch = append(batch, doc)
		cur.rest = cur.rest[1:]
	}
	switch {
	case len(cur.rest) == 0:
		id = 0
	case !c.server.cursors.put(id, cur):
		return nil, badValue("too many open cursors")
	}
	return bson.D{{Key: "cursor", Value: bson.D{{Key: member, Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: cur.namespace}}}}, nil
}

// open answers with the first batch of results and keeps the others.
func (c *command) open(docs []bson.Raw, collection string, batchSize int64, single bool) (bson.D, error) {
	cur := &cursor{owner: c.id, namespace: c.namespace(collection), rest: docs}
	if single {
		cur.rest = docs[:min(len(docs), int(batchSize))]
	}
	return c.reply(cur, rand.Int64N(1<<62)+1, batchSize, "firstBatch")
}

func getMore(_ context.Context, c *command) (bson.D, error) {
	id, _ := c.subject.AsInt64OK()
	size, err := number(c.body, "batchSize")
	if err != nil {
		return nil, err
	}
	cur := c.server.cursors.take(id)
	if cur == nil {
		return nil, &commandError{code: codeCursorNotFound, name: "CursorNotFound", message: "cursor not found"}
	}
	if size <= 0 {
		size = -1
	}
	return c.reply(cur, id, size, "nextBatch")
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
		if c.server.cursors.take(id) == nil {
			unknown = append(unknown, id)
			continue
		}
		killed = append(killed, id)
	}
	return bson.D{{Key: "cursorsKilled", Value: killed}, {Key: "cursorsNotFound", Value: unknown},
		{Key: "cursorsAlive", Value: bson.A{}}, {Key: "cursorsUnknown", Value: bson.A{}}}, nil
}
