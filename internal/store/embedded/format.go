package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// The identity of the file in its header.
const (
	applicationID = 0x4C6F616D // "Loam"
	// firstVersion is the version of the file's layout that the first release
	// wrote. Each of formatSteps makes one more of it.
	firstVersion = 1
)

// formatStep brings a file to the next version of the layout. It runs in the
// transaction that moves the version on, before anything else reads the file,
// and finds the file as the steps before it have left it: a step that is
// released never changes. To fill indexes anew, it reads the catalog and calls
// refill.
type formatStep struct {
	// what says what the step does, for the log.
	what string
	run  func(ctx context.Context, c *conn) error
}

// formatSteps lead from firstVersion to the layout that this version of Loam
// reads and writes, one after the other.
func formatSteps() []formatStep {
	return []formatStep{
		{what: "fill geo indexes", run: fillGeoIndexes},
		{what: "fill text indexes", run: fillTextIndexes},
	}
}

// file is what a data directory's database file is opened with.
type file struct {
	conn    *conn
	path    string
	pragmas []string
	steps   []formatStep
	logger  *slog.Logger
}

// version is the one that the steps lead to.
func (f *file) version() int64 { return firstVersion + int64(len(f.steps)) }

// prepare checks whose file it is, before anything is written to it, makes the
// tables of a new one, and brings an old one forward.
func (f *file) prepare(ctx context.Context) error {
	version, empty, err := f.identify()
	if err != nil {
		return err
	}
	if empty {
		f.pragmas = append(newPragmas[:len(newPragmas):len(newPragmas)], f.pragmas...)
	}
	for _, p := range f.pragmas {
		if err := f.conn.exec("PRAGMA " + p); err != nil {
			return err
		}
	}
	wal, err := f.conn.queryInt("SELECT journal_mode = 'wal' FROM pragma_journal_mode")
	if err != nil {
		return err
	}
	if wal == 0 {
		return fmt.Errorf("store: the file system of %s has no shared memory for a write-ahead log", f.path)
	}
	if empty {
		return f.conn.inWrite(f.create)
	}
	return f.upgrade(ctx, version)
}

// identify returns the version of the file's layout. It is an error if the file
// is not Loam's, or if a later version of Loam made it.
func (f *file) identify() (version int64, empty bool, err error) {
	tables, err := f.conn.queryInt("SELECT count(*) FROM sqlite_schema")
	if err != nil || tables == 0 {
		return 0, err == nil, err
	}
	id, err := f.conn.queryInt("PRAGMA application_id")
	if err != nil {
		return 0, false, err
	}
	if version, err = f.conn.queryInt("PRAGMA user_version"); err != nil {
		return 0, false, err
	}
	switch {
	case id != applicationID:
		return 0, false, fmt.Errorf("store: %s is not a file of Loam", f.path)
	case version < firstVersion:
		return 0, false, fmt.Errorf("store: %s has format version %d, which no version of Loam made", f.path, version)
	case version > f.version():
		return 0, false, fmt.Errorf("store: %s has format version %d, this version of Loam knows up to %d", f.path, version, f.version())
	}
	return version, false, nil
}

func (f *file) create() error {
	for _, sql := range []string{fmt.Sprintf("PRAGMA application_id = %d", applicationID), createCollections, createIndexes} {
		if err := f.conn.exec(sql); err != nil {
			return err
		}
	}
	return f.setVersion(f.version())
}

// upgrade runs the steps that the file has not seen, each with the change of the
// version in one transaction: a process that ends meanwhile goes on there.
func (f *file) upgrade(ctx context.Context, version int64) error {
	defer f.conn.interruptible(ctx)()
	for _, step := range f.steps[version-firstVersion:] {
		next := version + 1
		f.logger.Info("bringing the store's file forward", "file", f.path, "version", next, "step", step.what)
		err := f.conn.inWrite(func() error {
			if err := step.run(ctx, f.conn); err != nil {
				return err
			}
			return f.setVersion(next)
		})
		if err != nil {
			return fmt.Errorf("store: %s: to format version %d (%s): %w", f.path, next, step.what, err)
		}
		version = next
	}
	return nil
}

func (f *file) setVersion(version int64) error {
	return f.conn.exec(fmt.Sprintf("PRAGMA user_version = %d", version))
}

// inWrite calls do in a transaction, which it commits unless do fails.
func (c *conn) inWrite(do func() error) error {
	err := c.run(stmtKey{does: beginWrite})
	if err == nil {
		err = do()
	}
	if err == nil {
		err = c.run(stmtKey{does: commit})
	}
	if err != nil && c.inTransaction() {
		err = errors.Join(err, c.run(stmtKey{does: rollback}))
	}
	return err
}

// refill makes the entries of an index anew from the documents of its
// collection, in the transaction that is open. Documents that have the same key
// in a unique index all keep it.
func (c *conn) refill(ctx context.Context, coll *collection, ix *index) error {
	for _, sql := range []string{
		fmt.Sprintf("DROP TABLE IF EXISTS ix_%d", ix.n),
		ix.create(),
		fmt.Sprintf("UPDATE indexes SET multikey = 0 WHERE n = %d", ix.n),
	} {
		if err := c.exec(sql); err != nil {
			return err
		}
	}
	if ix.keys == nil {
		return nil
	}
	ix.saved = 0
	ix.multikey.Store(0)
	fill := filling{tx: &writeTx{conn: c}, coll: coll, index: ix, tolerant: true}
	return fill.run(ctx)
}
