package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/loam-baas/loam/internal/store"
)

// This file is the only one that knows which SQLite is used, with statement.go
// for the SQL itself: another binding needs no more than conn, stmt and
// failure.

// maxStatements bounds the prepared statements that a connection keeps: about
// 3 KiB each.
const maxStatements = 200

// busyTimeout bounds how long a connection waits for a lock of the file. Within
// one process only recovery and checkpoints make one wait.
const busyTimeout = 10 * time.Second

// conn is a connection with its prepared statements. One goroutine uses it at a time.
type conn struct {
	db    *sqlite.Conn
	stmts map[stmtKey]*stmt
	clock uint64
}

// openConn opens the database file. Only the writer's connection may create it.
func openConn(path string, writable bool, pragmas ...string) (*conn, error) {
	flags := sqlite.OpenReadOnly
	if writable {
		flags = sqlite.OpenReadWrite | sqlite.OpenCreate
	}
	db, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, err
	}
	db.SetBusyTimeout(busyTimeout)
	c := &conn{db: db, stmts: make(map[stmtKey]*stmt)}
	for _, p := range pragmas {
		if err := c.exec("PRAGMA " + p); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return c, nil
}

// close lets go of the connection and its statements.
func (c *conn) close() error {
	for key := range c.stmts {
		c.drop(key)
	}
	return c.db.Close()
}

// exec runs one statement that is not worth keeping and ignores its rows.
func (c *conn) exec(sql string) error {
	s, _, err := c.db.PrepareTransient(sql)
	if err != nil {
		return err
	}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return errors.Join(err, s.Finalize())
		}
	}
}

// queryInt runs one statement that is not worth keeping and returns the integer
// in the first column of its first row, or 0.
func (c *conn) queryInt(sql string) (int64, error) {
	s, _, err := c.db.PrepareTransient(sql)
	if err != nil {
		return 0, err
	}
	more, err := s.Step()
	var n int64
	if more {
		n = s.ColumnInt64(0)
	}
	return n, errors.Join(err, s.Finalize())
}

// inTransaction tells whether a transaction is open. SQLite ends one by itself
// on some errors, a full disk for example.
func (c *conn) inTransaction() bool { return !c.db.AutocommitEnabled() }

// changes is how many rows the last INSERT, UPDATE or DELETE changed.
func (c *conn) changes() int { return c.db.Changes() }

// lastRow is the rowid of the last INSERT that inserted.
func (c *conn) lastRow() int64 { return c.db.LastInsertRowID() }

// interruptible makes the statements stop when ctx ends, until the function it
// returns is called. It costs a goroutine, so it is for statements that may run
// long without returning a row; scans look at the context between rows instead.
func (c *conn) interruptible(ctx context.Context) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	c.db.SetInterrupt(ctx.Done())
	return func() { c.db.SetInterrupt(nil) }
}

// prepare returns the statement of that key, reset. The caller resets it when
// done with its rows.
func (c *conn) prepare(key stmtKey) (*stmt, error) {
	c.clock++
	if s := c.stmts[key]; s != nil {
		if s.busy {
			return nil, fmt.Errorf("statement in use: %s", key.sql())
		}
		s.used = c.clock
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.evict()
	}
	sql := key.sql()
	db, err := c.db.Prepare(sql)
	if err != nil {
		return nil, err
	}
	s := &stmt{db: db, used: c.clock}
	c.stmts[key] = s
	return s, nil
}

// evict drops the statement that was not used for longest.
func (c *conn) evict() {
	var oldest stmtKey
	least := c.clock
	for key, s := range c.stmts {
		if !s.busy && s.used < least {
			oldest, least = key, s.used
		}
	}
	c.drop(oldest)
}

func (c *conn) drop(key stmtKey) {
	if s := c.stmts[key]; s != nil {
		delete(c.stmts, key)
		// Finalize repeats the error of the last step, which was reported then.
		_ = s.db.Finalize()
	}
}

// run binds nothing and steps the statement of that key to its end.
func (c *conn) run(key stmtKey) error {
	s, err := c.prepare(key)
	if err != nil {
		return err
	}
	return s.finish()
}

// number runs the statement of that key and returns the integer that it
// answers, 0 for null or none.
func (c *conn) number(key stmtKey, bind func(*stmt)) (int64, error) {
	s, err := c.prepare(key)
	if err != nil {
		return 0, err
	}
	defer s.reset()
	bind(s)
	if found, err := s.first(); err != nil || !found {
		return 0, err
	}
	return s.int(0), nil
}

// nothing binds nothing.
func nothing(*stmt) {}

// countRange runs a statement that counts what is in a range, up to limit.
func (c *conn) countRange(key stmtKey, r keyRange, limit int64) (int64, error) {
	return c.number(key, func(s *stmt) {
		s.bindBlob(1, r.low)
		s.bindBlob(2, r.high)
		s.bindInt(3, limit)
	})
}

// inSnapshot calls do while what the connection sees stands still. In a
// transaction that is so already.
func (c *conn) inSnapshot(do func() error) (err error) {
	if c.inTransaction() {
		return do()
	}
	if err := c.run(stmtKey{does: beginRead}); err != nil {
		return err
	}
	defer func() {
		if !c.inTransaction() {
			return
		}
		// After damage was read, COMMIT would fail and leave the snapshot open.
		if failed := c.run(stmtKey{does: rollback}); err == nil {
			err = failed
		}
	}()
	return do()
}

// copying is a copy of a connection's database that is being made. It sees what
// that connection writes meanwhile. What others write makes it begin anew, unless
// the connection is in a transaction.
type copying struct {
	to     *conn
	backup *sqlite.Backup
}

// copyTo begins to copy the database into a file that is empty. The one who made
// it syncs the file.
func (c *conn) copyTo(path string) (*copying, error) {
	to, err := openConn(path, true, "journal_mode = OFF", "synchronous = OFF")
	if err != nil {
		return nil, err
	}
	backup, err := sqlite.NewBackup(to.db, "main", c.db, "main")
	if err != nil {
		return nil, errors.Join(err, to.close())
	}
	return &copying{to, backup}, nil
}

// step copies that many pages and tells whether there are more.
func (c *copying) step(pages int) (more bool, err error) { return c.backup.Step(pages) }

// close ends the copying, finished or not. The source is not in use meanwhile.
func (c *copying) close() error { return errors.Join(c.backup.Close(), c.to.close()) }

// stmt is a prepared statement. Parameters count from 1, columns from 0.
type stmt struct {
	db   *sqlite.Stmt
	busy bool
	used uint64
	view window
}

func (s *stmt) bindInt(param int, v int64)     { s.db.BindInt64(param, v) }
func (s *stmt) bindBlob(param int, v []byte)   { s.db.BindBytes(param, v) }
func (s *stmt) bindText(param int, v string)   { s.db.BindText(param, v) }
func (s *stmt) bindFloat(param int, v float64) { s.db.BindFloat(param, v) }
func (s *stmt) int(column int) int64           { return s.db.ColumnInt64(column) }
func (s *stmt) float(column int) float64       { return s.db.ColumnFloat(column) }
func (s *stmt) text(column int) string         { return s.db.ColumnText(column) }

// step moves to the next row and tells whether there is one. After the last row
// and after an error the statement is as reset.
func (s *stmt) step() (bool, error) {
	more, err := s.db.Step()
	s.busy = more && err == nil
	return s.busy, err
}

// reset ends the statement's reading, and so its hold on a snapshot.
func (s *stmt) reset() {
	s.busy = false
	// Reset repeats the error of the last step, which was reported then.
	_ = s.db.Reset()
}

// finish steps the statement to its end.
func (s *stmt) finish() error {
	for {
		more, err := s.step()
		if err != nil {
			return err
		}
		if !more {
			s.reset()
			return nil
		}
	}
}

// first steps to the first row and tells whether there is one. The caller
// resets the statement after reading the row.
func (s *stmt) first() (bool, error) {
	more, err := s.step()
	if !more {
		s.reset()
	}
	return more, err
}

// blob returns a column's bytes where SQLite keeps them, without copying: they
// are valid until the next step or reset, and must not be written to.
func (s *stmt) blob(column int) []byte {
	s.view.bytes = nil
	// The reader hands its bytes over whole. The window accepts all, so there is no error.
	_, _ = s.db.ColumnReader(column).WriteTo(&s.view)
	return s.view.bytes
}

// window remembers the slice that was written to it.
type window struct{ bytes []byte }

func (w *window) Write(p []byte) (int, error) {
	w.bytes = p
	return len(p), nil
}

// failure tells callers what an error of SQLite means to them. Errors of this
// package pass as they are.
func failure(err error) error {
	if err == nil {
		return nil
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull:
		return fmt.Errorf("%w: the disk is full: %w", store.ErrUnavailable, err)
	case sqlite.ResultIOErr:
		return fmt.Errorf("%w: the file system failed: %w", store.ErrUnavailable, err)
	case sqlite.ResultCantOpen:
		return fmt.Errorf("%w: the database file can't be opened: %w", store.ErrUnavailable, err)
	case sqlite.ResultReadOnly, sqlite.ResultPerm:
		return fmt.Errorf("%w: the database file can't be written: %w", store.ErrUnavailable, err)
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w: the database file is damaged; stop Loam and run \"loam doctor\": %w", store.ErrUnavailable, err)
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return fmt.Errorf("%w: the database file is locked: %w", store.ErrUnavailable, err)
	}
	return err
}

// interrupted tells whether err is that of a statement that interruptible stopped.
func interrupted(err error) bool {
	return sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt
}

// damaged tells whether err says that the file is damaged.
func damaged(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return true
	}
	return false
}
