package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// MongoDB's bounds on a transaction, more or less: how long it may last, and
// how many bytes its changes may take, old and new versions together.
const (
	maxTransactionTime  = 60 * time.Second
	maxTransactionBytes = 64 << 20
)

// MongoDB's error codes for transactions that can't go on.
const (
	codeNoSuchTransaction   = 251
	codeTransactionTooLarge = 257
	codeTransactionTooLong  = 290
)

// transaction is a caller's transaction. It reads from a snapshot on a
// connection of its own and keeps its changes in memory, where its own reads
// find them. At its end the writer applies them all, if every document that was
// changed is still as the snapshot has it; otherwise it is a conflict. So the
// writer never waits for a caller.
type transaction struct {
	store *Store
	lane  lane
	timer *time.Timer // nil for none

	mu      sync.Mutex
	conn    *conn
	at      instant // before the snapshot began
	catalog *catalog
	drafts  map[string]*draft
	size    int
	// ended says why the transaction can't be used any more.
	ended error
}

// draft is what a transaction has made of a collection.
type draft struct {
	edits  map[string]*edit
	order  []*edit
	unique map[uniqueKey]string
}

// edit is a changed document: as the snapshot has it, nil for not at all, and as
// the transaction has made it, nil for deleted.
type edit struct {
	id        string
	base, doc bson.Raw
	// replaced tells that the document was deleted on the way.
	replaced bool
}

// uniqueKey is a key of a unique index that an edited document has.
type uniqueKey struct {
	index int64
	key   string
}

type transactionKey struct{ store *Store }

// transactionOf returns the transaction that ctx carries, nil for none.
func (s *Store) transactionOf(ctx context.Context) (*transaction, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	tx, _ := ctx.Value(transactionKey{s}).(*transaction)
	return tx, nil
}

// Transaction runs fn with a snapshot of the store. It lasts 60 s and changes 64
// MiB at most. As in MongoDB, a write in it that fails ends it; collections and
// indexes can't be made or dropped in it, other than collections by their first
// document.
func (s *Store) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	outer, err := s.transactionOf(ctx)
	if err != nil {
		return err
	}
	if outer != nil {
		return fn(ctx)
	}
	tx, err := s.beginTransaction(ctx)
	if err != nil {
		return err
	}
	defer tx.end(nil)
	if err := fn(context.WithValue(ctx, transactionKey{s}, tx)); err != nil {
		return err
	}
	return tx.commit(ctx)
}

// beginTransaction begins a transaction that ends by itself when it lasts too long.
func (s *Store) beginTransaction(ctx context.Context) (*transaction, error) {
	tx, err := s.beginSnapshot(ctx, transactions)
	if err != nil {
		return nil, err
	}
	tx.timer = time.AfterFunc(maxTransactionTime, func() {
		tx.end(store.BadRequest(codeTransactionTooLong, "Transaction has exceeded its limit of %s", maxTransactionTime))
	})
	return tx, nil
}

// beginSnapshot takes a connection and a snapshot that goes with the catalog. What
// only reads needs no more of a transaction.
func (s *Store) beginSnapshot(ctx context.Context, l lane) (*transaction, error) {
	c, err := s.readers.get(ctx, l)
	if err != nil {
		return nil, err
	}
	tx := &transaction{store: s, lane: l, conn: c, drafts: make(map[string]*draft)}
	for tx.catalog == nil || tx.catalog != s.catalog.Load() {
		tx.catalog = s.catalog.Load()
		if err := tx.snapshot(); err != nil {
			tx.end(err)
			return nil, failure(err)
		}
	}
	return tx, nil
}

// snapshot begins a new snapshot: the first read after BEGIN does.
func (tx *transaction) snapshot() error {
	if tx.conn.inTransaction() {
		if err := tx.conn.run(stmtKey{does: commit}); err != nil {
			return err
		}
	}
	if err := tx.conn.run(stmtKey{does: beginRead}); err != nil {
		return err
	}
	tx.at = tx.store.cache.now()
	_, err := tx.conn.number(stmtKey{does: anyCollection}, nothing)
	return err
}

// end lets go of the snapshot and the connection, once.
func (tx *transaction) end(why error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.timer != nil {
		tx.timer.Stop()
	}
	if why == nil {
		why = store.BadRequest(codeNoSuchTransaction, "Transaction has ended")
	}
	if tx.ended == nil {
		tx.ended = why
	}
	tx.release()
}

func (tx *transaction) release() {
	if tx.conn == nil {
		return
	}
	if tx.conn.inTransaction() {
		if err := tx.conn.run(stmtKey{does: rollback}); err != nil {
			tx.store.logger.Error("ending a snapshot failed", "error", err)
		}
	}
	tx.store.readers.put(tx.conn, tx.lane)
	tx.conn = nil
}

// commit has the writer apply the changes.
func (tx *transaction) commit(ctx context.Context) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.ended != nil {
		return tx.ended
	}
	tx.release()
	if len(tx.drafts) == 0 {
		return nil
	}
	return tx.store.writer.do(ctx, &operation{run: tx.apply, undoable: true})
}

// apply makes the changes in the writer's transaction. Index entries of old
// versions go first, so that documents may exchange unique values.
func (tx *transaction) apply(w *writeTx) error {
	for _, name := range slices.Sorted(maps.Keys(tx.drafts)) {
		c, err := w.ensure(name)
		if err != nil {
			return err
		}
		edits := tx.drafts[name].order
		rows := make([]int64, len(edits))
		for i, e := range edits {
			if rows[i], err = w.withdraw(c, e); err != nil {
				return err
			}
		}
		for i, e := range edits {
			if err := w.install(c, rows[i], e); err != nil {
				var duplicate *store.DuplicateKeyError
				if errors.As(err, &duplicate) {
					return fmt.Errorf("%w: %w", store.ErrConflict, err)
				}
				return err
			}
		}
		for _, e := range edits {
			if kind := e.kind(); kind != "" {
				w.note(kind, name, e.base, e.doc)
			}
		}
	}
	return nil
}

// kind is what the edit has done to the document; "" for nothing.
func (e *edit) kind() store.ChangeKind {
	switch {
	case e.base == nil && e.doc == nil, bytes.Equal(e.base, e.doc):
		return ""
	case e.base == nil:
		return store.Inserted
	case e.doc == nil:
		return store.Deleted
	case e.replaced:
		return store.Replaced
	default:
		return store.Updated
	}
}

// withdraw takes the old version of an edited document out of the indexes, if it
// is still what the transaction saw, and returns its row.
func (tx *writeTx) withdraw(c *collection, e *edit) (int64, error) {
	id := []byte(e.id)
	rid, current, err := tx.conn.row(stmtKey{does: docByID, docs: c.n}, func(s *stmt) { s.bindBlob(1, id) })
	if err != nil {
		return 0, err
	}
	if (current == nil) != (e.base == nil) || !bytes.Equal(current, e.base) {
		return 0, fmt.Errorf("%w: a document of %s was changed by another", store.ErrConflict, c.name)
	}
	if current == nil {
		return 0, nil
	}
	if e.doc == nil {
		return 0, tx.take(c, rid, current)
	}
	was, err := c.entryOfStored(current)
	if err != nil {
		return 0, err
	}
	for i, ix := range c.indexes {
		if err := tx.unindex(ix, was.keys[i], rid); err != nil {
			return 0, err
		}
	}
	return rid, nil
}

// install stores the new version of an edited document.
func (tx *writeTx) install(c *collection, rid int64, edit *edit) error {
	if edit.doc == nil {
		return nil
	}
	e, err := c.entryOf(edit.doc)
	if err != nil {
		return err
	}
	if edit.base == nil {
		return tx.add(c, edit.doc, e)
	}
	return tx.overwrite(c, rid, edit.doc, e, nil)
}
