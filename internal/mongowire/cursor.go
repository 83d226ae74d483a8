package mongowire

import (
	"cmp"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// firstBatch is the number of documents in the first answer of a query that
// asks for no number, as MongoDB has it.
const firstBatch = 101

// maxBatchBytes bounds the documents of one answer.
const maxBatchBytes = 16 << 20

// What cursors may take: how many there are, and the memory for what is left of
// their results, for each and for all of them. What is above goes to files.
const (
	maxCursors      = 1000
	maxCursorBytes  = 1 << 20
	maxCursorsBytes = 64 << 20
)

// cursors are the open cursors of all connections, since a driver may fetch
// each batch over another one.
type cursors struct {
	timeout time.Duration
	dir     string
	memory  atomic.Int64 // bytes of results that are in memory

	mu sync.Mutex
	// open are the cursors that wait for the client, taken those that a command
	// works on.
	open, taken map[int64]*cursor
}

// cursor is what is left of a query's results. They are read at once, so that
// no reader stays open in the store while a client thinks. Or it is a change
// stream, which has always more to come.
type cursor struct {
	id          int64
	namespace   string
	session     string
	transaction *transaction
	used        time.Time
	timeout     time.Duration
	rest        *rest
	stream      *stream // nil for none
	// interrupt ends what the command waits for that works on the cursor, nil for
	// none, and killed tells that the cursor is to end with it.
	interrupt context.CancelFunc
	killed    bool
}

func (cur *cursor) close() {
	if cur.stream != nil {
		cur.stream.close()
		return
	}
	cur.rest.Close()
}

func newCursors(o Options) *cursors {
	return &cursors{timeout: o.CursorTimeout, dir: o.Dir, open: make(map[int64]*cursor), taken: make(map[int64]*cursor)}
}

// take returns a cursor for one command alone to work on, nil if there is none.
// interrupt is called when the cursor is killed meanwhile. It goes back by
// giveBack or end.
func (s *cursors) take(id int64, interrupt context.CancelFunc) *cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.open[id]
	if cur == nil {
		return nil
	}
	delete(s.open, id)
	cur.interrupt = interrupt
	s.taken[id] = cur
	return cur
}

// giveBack ends a command's work on a cursor. If it was killed meanwhile, that
// is an error.
func (s *cursors) giveBack(cur *cursor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, cur.id)
	cur.interrupt = nil
	if cur.killed {
		cur.close()
		return refusal(codeCursorKilled, "cursor id %d was killed", cur.id)
	}
	cur.used = time.Now()
	s.open[cur.id] = cur
	return nil
}

// end ends a cursor that was taken.
func (s *cursors) end(cur *cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, cur.id)
	cur.close()
}

// put adds a cursor.
func (s *cursors) put(cur *cursor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open)+len(s.taken) >= maxCursors {
		return refusal(codeExceededMemoryLimit, "there are %d open cursors", maxCursors)
	}
	for cur.id == 0 || s.open[cur.id] != nil || s.taken[cur.id] != nil {
		cur.id = rand.Int64()
	}
	cur.used = time.Now()
	s.open[cur.id] = cur
	return nil
}

// kill ends a cursor, or has the command end it that works on it, and tells
// whether there was one.
func (s *cursors) kill(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cur := s.open[id]; cur != nil {
		delete(s.open, id)
		cur.close()
		return true
	}
	cur := s.taken[id]
	if cur == nil || cur.killed {
		return false
	}
	cur.killed = true
	cur.interrupt()
	return true
}

// dropOf ends the cursors for which of returns true.
func (s *cursors) dropOf(of func(*cursor) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, cur := range s.open {
		if of(cur) {
			delete(s.open, id)
			cur.close()
		}
	}
	for _, cur := range s.taken {
		if !cur.killed && of(cur) {
			cur.killed = true
			cur.interrupt()
		}
	}
}

// expire ends the cursors that have not been read from for long.
func (s *cursors) expire(now time.Time) {
	s.dropOf(func(cur *cursor) bool { return cur.interrupt == nil && now.Sub(cur.used) >= cur.timeout })
}

func (s *cursors) close() { s.dropOf(func(*cursor) bool { return true }) }

// batch is an array of documents in the making.
type batch struct {
	array []byte
	n     int64
}

func newBatch() batch { return batch{array: make([]byte, 4, 512)} }

// fits tells whether a document may go into the batch. One always may.
func (b *batch) fits(doc bson.Raw, size int64) bool {
	return b.n < size && (b.n == 0 || len(b.array)+len(doc) <= maxBatchBytes)
}

func (b *batch) add(doc bson.Raw) {
	b.array = append(b.array, byte(bson.TypeEmbeddedDocument))
	b.array = strconv.AppendInt(b.array, b.n, 10)
	b.array = append(append(b.array, 0), doc...)
	b.n++
}

// value ends the array.
func (b *batch) value() bson.RawValue {
	b.array = append(b.array, 0)
	binary.LittleEndian.PutUint32(b.array, uint32(len(b.array)))
	return bson.RawValue{Type: bson.TypeArray, Value: b.array}
}

// results take the documents that a query finds: as many as are wanted go into
// the first batch, the others wait for the client to ask for more.
type results struct {
	command   *command
	namespace string
	size      int64 // of the first batch, in documents
	first     batch
	rest      *rest // nil for none
}

func (c *command) results(collection string, size int64) *results {
	return &results{command: c, namespace: c.namespace(collection), size: size, first: newBatch()}
}

// add takes a document, which is valid during the call only.
func (r *results) add(doc bson.Raw) error {
	if r.rest == nil {
		if r.first.fits(doc, r.size) {
			r.first.add(doc)
			return nil
		}
		r.rest = newRest(r.command.cursors)
	}
	return r.rest.Add(doc)
}

// cut drops what is not in the first batch.
func (r *results) cut() {
	if r.rest != nil {
		r.rest.Close()
		r.rest = nil
	}
}

// answer completes the results, or drops them if finding them failed with err.
func (r *results) answer(err error, timeout time.Duration) (bson.D, error) {
	if err == nil && r.rest != nil {
		err = r.rest.Rewind()
	}
	var id int64
	if err == nil && r.rest != nil {
		cur := &cursor{
			namespace: r.namespace, session: r.command.session, transaction: r.command.transaction,
			timeout: timeout, rest: r.rest,
		}
		if err = r.command.cursors.put(cur); err == nil {
			id = cur.id
		}
	}
	if err != nil {
		r.cut()
		return nil, err
	}
	return cursorAnswer("firstBatch", &r.first, id, r.namespace), nil
}

func cursorAnswer(member string, b *batch, id int64, namespace string) bson.D {
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: member, Value: b.value()}, {Key: "id", Value: id}, {Key: "ns", Value: namespace},
	}}}
}

func getMore(ctx context.Context, c *command) (bson.D, error) {
	id, ok := c.subject.Int64OK()
	if !ok {
		return nil, refusal(codeTypeMismatch, "'getMore' must be a long")
	}
	size := c.size("batchSize")
	if size == 0 {
		size = 1<<63 - 1
	}
	namespace := c.namespace(c.text("collection"))
	if c.err != nil {
		return nil, c.err
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	cur := c.cursors.take(id, interrupt)
	if cur == nil {
		return nil, refusal(codeCursorNotFound, "cursor id %d not found", id)
	}
	if err := cur.allows(c, namespace); err != nil {
		return nil, cmp.Or(c.cursors.giveBack(cur), err)
	}
	if cur.stream != nil {
		return cur.news(ctx, c, size)
	}
	b, more, err := cur.rest.batch(size)
	if err != nil || !more {
		c.cursors.end(cur)
		return cursorAnswer("nextBatch", &b, 0, cur.namespace), err
	}
	return cursorAnswer("nextBatch", &b, cur.id, cur.namespace), c.cursors.giveBack(cur)
}

// allows refuses a command that is not of the same collection, session and
// transaction as the one that made the cursor.
func (cur *cursor) allows(c *command, namespace string) error {
	switch {
	case namespace != cur.namespace:
		return refusal(codeUnauthorized, "Requested getMore on namespace '%s', but cursor belongs to a different namespace %s", namespace, cur.namespace)
	case c.session != cur.session, c.transaction != cur.transaction:
		return refusal(codeCursorOfAnotherSession, "Cannot run getMore on cursor %d outside of the session or transaction that it was created in", cur.id)
	}
	return nil
}

func killCursors(_ context.Context, c *command) (bson.D, error) {
	values, err := c.array("cursors").Values()
	if err != nil || c.err != nil {
		return nil, refusal(codeFailedToParse, "'cursors' must be an array")
	}
	killed, unknown := bson.A{}, bson.A{}
	for _, v := range values {
		id, ok := v.Int64OK()
		if !ok {
			return nil, refusal(codeTypeMismatch, "'cursors' must be an array of longs")
		}
		if c.cursors.kill(id) {
			killed = append(killed, id)
		} else {
			unknown = append(unknown, id)
		}
	}
	return bson.D{
		{Key: "cursorsKilled", Value: killed}, {Key: "cursorsNotFound", Value: unknown},
		{Key: "cursorsAlive", Value: bson.A{}}, {Key: "cursorsUnknown", Value: bson.A{}},
	}, nil
}
