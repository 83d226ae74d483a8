package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/loam-baas/loam/internal/store"
)

// maxGroup bounds the operations of one commit, and the queue.
const maxGroup = 256

// writer owns the connection that writes and the lock of the directory. Its goroutine runs what is in the
// queue as one SQLite transaction, without waiting for more, commits, and only
// then tells the callers: under load one sync of the disk serves many of them.
//
// Operations of a group run one after the other and see each other's changes.
// One that is refused (a duplicate key, a malformed update) writes nothing at
// the point of refusal and so leaves the group as it is. If something
// unforeseen happens, or the commit fails, all is rolled back and every
// operation runs again in a transaction of its own, so that each fails only by
// itself.
type writer struct {
	conn   *conn
	cache  *cache
	logger *slog.Logger
	lock   io.Closer
	// catalog is the one that readers use; the writer replaces it.
	catalog *currentCatalog
	feed    *feed

	// mu keeps the queue from being closed while something is being sent.
	mu      sync.RWMutex
	closed  bool
	queue   chan *operation
	done    chan struct{}
	group   []*operation
	held    *operation // taken from the queue, and not of the group
	commits atomic.Int64
	// copying is the snapshot being made, nil for none.
	copying *copying
}

func newWriter(c *conn, lock io.Closer, cache *cache, cat *currentCatalog, feed *feed, logger *slog.Logger) *writer {
	w := &writer{
		conn: c, lock: lock, cache: cache, catalog: cat, feed: feed, logger: logger,
		queue: make(chan *operation, maxGroup),
		done:  make(chan struct{}),
	}
	go w.loop()
	return w
}

// operation is a change that waits for its turn. It may run twice, so run must
// begin by forgetting the results of an earlier run.
type operation struct {
	run func(tx *writeTx) error
	// apart is instead of run for what must be outside of transactions.
	apart func() error
	// undoable makes a refusal undo what the operation did before it.
	undoable bool
	state    atomic.Int32
	done     chan struct{}
	err      error
}

// The states of an operation. Only the writer starts one, only its caller gives
// it up, and whichever is first has its way.
const (
	waiting int32 = iota
	started
	givenUp
)

// do has the writer run an operation and waits until it is committed. When ctx
// ends before its turn it is not run at all; once it has begun, the answer is
// what became of it.
func (w *writer) do(ctx context.Context, op *operation) error {
	op.done = make(chan struct{})
	if err := w.send(ctx, op); err != nil {
		return err
	}
	select {
	case <-op.done:
		return op.err
	case <-ctx.Done():
	}
	if op.state.CompareAndSwap(waiting, givenUp) {
		return ctx.Err()
	}
	<-op.done
	return op.err
}

func (w *writer) send(ctx context.Context, op *operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return store.ErrClosed
	}
	select {
	case w.queue <- op:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets the queue run empty and closes the connection. When ctx ends first,
// the writer goes on to do so by itself.
func (w *writer) close(ctx context.Context) error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) loop() {
	defer close(w.done)
	defer w.lock.Close()
	for op := range w.queue {
		for w.held = op; w.held != nil; {
			op, w.held = w.held, nil
			if op.apart != nil {
				w.aside(op)
			} else {
				w.serve(op)
			}
		}
	}
	if err := w.endCopy(); err != nil {
		w.logger.Error("ending a snapshot failed", "error", err)
	}
	if err := w.conn.close(); err != nil {
		w.logger.Error("closing the database failed", "error", err)
	}
}

// serve commits the first operation with all that wait behind it.
func (w *writer) serve(first *operation) {
	w.group = w.group[:0]
	defer func() {
		for i, op := range w.group {
			close(op.done)
			w.group[i] = nil
		}
	}()

	tx, err := w.begin()
	for op := first; op != nil; op = w.next(err) {
		if !op.state.CompareAndSwap(waiting, started) {
			continue
		}
		w.group = append(w.group, op)
		if err == nil {
			err = w.execute(tx, op)
		}
	}
	if err == nil {
		err = w.commit(tx)
	}
	if err == nil {
		return
	}
	w.abandon(tx)
	for _, op := range w.group {
		w.alone(op)
	}
}

// next returns the operation that is next in the queue, nil when there is none
// or when the group is full or has failed.
func (w *writer) next(failed error) *operation {
	if failed != nil || len(w.group) == maxGroup {
		return nil
	}
	select {
	case op := <-w.queue:
		if op != nil && op.apart != nil {
			w.held, op = op, nil
		}
		return op
	default:
		return nil
	}
}

// aside runs an operation between groups.
func (w *writer) aside(op *operation) {
	if !op.state.CompareAndSwap(waiting, started) {
		return
	}
	defer close(op.done)
	defer func() {
		if p := recover(); p != nil {
			w.logger.Error("the writer panicked", "panic", p, "stack", string(debug.Stack()))
			op.err = fmt.Errorf("store: the writer panicked: %v", p)
		}
	}()
	op.err = failure(op.apart())
}

// alone runs an operation in a transaction of its own.
func (w *writer) alone(op *operation) {
	tx, err := w.begin()
	if err == nil {
		err = w.execute(tx, op)
	}
	if err == nil {
		err = w.commit(tx)
	}
	if err != nil {
		w.abandon(tx)
		op.err = failure(err)
		w.logger.Error("a write failed", "error", err)
	}
}

func (w *writer) begin() (*writeTx, error) {
	return &writeTx{conn: w.conn, catalog: w.catalog.Load()}, w.conn.run(stmtKey{does: beginWrite})
}

// execute runs one operation. It returns an error only when the whole
// transaction has to be given up.
func (w *writer) execute(tx *writeTx, op *operation) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.logger.Error("a write panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("store: a write panicked: %v", p)
		}
	}()
	tx.watched = w.feed.recording.Load()
	if !op.undoable {
		op.err = op.run(tx)
		if refused(op.err) {
			return nil
		}
		return op.err
	}

	before, told := tx.catalog, len(tx.changes)
	if err := w.conn.run(stmtKey{does: savepoint}); err != nil {
		return err
	}
	op.err = op.run(tx)
	if op.err == nil {
		return w.conn.run(stmtKey{does: releaseSavepoint})
	}
	if !refused(op.err) {
		return op.err
	}
	tx.catalog, tx.changes = before, tx.changes[:told]
	tx.forget()
	return errors.Join(
		w.conn.run(stmtKey{does: rollbackSavepoint}),
		w.conn.run(stmtKey{does: releaseSavepoint}),
	)
}

// refused tells whether err is an answer to the caller, after which the
// transaction is sound, or nil.
func refused(err error) bool {
	var request *store.RequestError
	var duplicate *store.DuplicateKeyError
	return err == nil ||
		errors.Is(err, store.ErrNotFound) ||
		errors.Is(err, store.ErrConflict) ||
		errors.Is(err, store.ErrIndexConflict) ||
		errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &request) ||
		errors.As(err, &duplicate)
}

// commit makes the transaction durable and shows it to readers.
func (w *writer) commit(tx *writeTx) error {
	tx.holdCache(w.cache)
	defer tx.releaseCache(w.cache)
	if tx.catalog != w.catalog.Load() {
		w.catalog.changing.Lock()
		defer w.catalog.changing.Unlock()
	}
	if err := w.conn.run(stmtKey{does: commit}); err != nil {
		return err
	}
	w.commits.Add(1)
	w.catalog.Store(tx.catalog)
	w.feed.publish(tx.changes)
	return nil
}

// abandon rolls back, if SQLite has not done so by itself.
func (w *writer) abandon(tx *writeTx) {
	tx.forget()
	if !w.conn.inTransaction() {
		return
	}
	if err := w.conn.run(stmtKey{does: rollback}); err != nil {
		w.logger.Error("rolling back failed", "error", err)
	}
}

// writeTx is a transaction of the writer.
type writeTx struct {
	conn *conn
	// catalog is as the transaction has made it.
	catalog *catalog
	// touched are the documents changed, for the cache; everything is when they
	// are too many to list.
	touched    []cacheKey
	everything bool
	// marked are the indexes of which the file was told that they are multikey.
	marked []*index
	// changes are what watchers will be told of, if there are any.
	watched bool
	changes []*recorded
}

// forget makes the indexes marked be marked again, because the file was made to
// forget it.
func (tx *writeTx) forget() {
	for _, ix := range tx.marked {
		ix.saved = 0
	}
	tx.marked = nil
}

// maxTouched bounds the list of changed documents.
const maxTouched = 8192

func (tx *writeTx) touch(collection, rid int64) {
	switch {
	case tx.everything:
	case len(tx.touched) == maxTouched:
		tx.everything, tx.touched = true, nil
	default:
		tx.touched = append(tx.touched, cacheKey{collection, rid})
	}
}

func (tx *writeTx) holdCache(c *cache) {
	if tx.everything {
		c.holdAll()
		return
	}
	c.hold(tx.touched)
}

func (tx *writeTx) releaseCache(c *cache) {
	if tx.everything {
		c.releaseAll()
		return
	}
	c.release(tx.touched)
}
