package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/loam-baas/loam/internal/store"
)

// snapshotPages is how many pages of 4 KiB are copied at a time, in about a
// millisecond.
const snapshotPages = 256

// Snapshot writes the store as it is at one moment before it returns into a
// directory, which must not be there yet: what Open opens. The directory has its
// name only when all of it is on the disk; without success nothing is left of it.
//
// The writer copies between its commits, a few pages at a time, on the connection
// that writes, so that SQLite brings pages that change up to date in the copy.
// Nobody waits for longer than that takes, and since no reader holds an old
// state meanwhile, the write-ahead log is reused as ever. VACUUM INTO would need
// one snapshot from beginning to end, during which the log only grows.
func (s *Store) Snapshot(ctx context.Context, dir string) error {
	select {
	case s.snapshots <- struct{}{}:
		defer func() { <-s.snapshots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return writeSnapshot(ctx, dir, func(path string) error {
		return errors.Join(s.copyTo(ctx, path), s.apart(context.WithoutCancel(ctx), s.writer.endCopy))
	})
}

// copyTo has the writer copy the file until it is done.
func (s *Store) copyTo(ctx context.Context, path string) error {
	w := s.writer
	err := s.apart(ctx, func() (err error) {
		w.copying, err = w.conn.copyTo(path)
		return err
	})
	for more := true; more && err == nil; {
		err = s.apart(ctx, func() (err error) {
			more, err = w.copying.step(snapshotPages)
			return err
		})
	}
	return err
}

// apart has the writer do something between its transactions.
func (s *Store) apart(ctx context.Context, do func() error) error {
	return s.writer.do(ctx, &operation{apart: do})
}

// endCopy ends the copying that is under way, if any.
func (w *writer) endCopy() error {
	c := w.copying
	if c == nil {
		return nil
	}
	w.copying = nil
	return c.close()
}

// SnapshotDir is Store.Snapshot for the store in a directory, which this or
// another process may have open. While it copies, the write-ahead log grows by
// what that process writes.
func SnapshotDir(ctx context.Context, from, to string) error {
	c, err := openBeside(ctx, from)
	if err != nil {
		return err
	}
	return errors.Join(c.inSnapshot(func() error {
		if _, err := c.number(stmtKey{does: anyCollection}, nothing); err != nil {
			return failure(err)
		}
		return writeSnapshot(ctx, to, func(path string) error { return failure(c.copyAll(ctx, path)) })
	}), c.close())
}

// copyAll copies the database as the connection's transaction sees it.
func (c *conn) copyAll(ctx context.Context, path string) error {
	copying, err := c.copyTo(path)
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			more, err = copying.step(snapshotPages)
		}
	}
	if copying == nil {
		return err
	}
	return errors.Join(err, copying.close())
}

// openBeside opens the file of a data directory to read it, whoever else has it
// open. It is an error if it is not of the format that this version reads.
func openBeside(ctx context.Context, dir string) (*conn, error) {
	path := filepath.Join(dir, "loam.db")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("store: no store in %s: %w", dir, err)
	}
	c, err := openConn(path, false, commonPragmas...)
	if err != nil {
		return nil, failure(err)
	}
	f := file{conn: c, path: path, steps: formatSteps()}
	version, empty, err := f.identify()
	switch {
	case err != nil:
	case empty:
		err = fmt.Errorf("store: %s is empty", path)
	case version < f.version():
		err = fmt.Errorf("store: %s has format version %d; start this version of Loam once, which brings it to %d", path, version, f.version())
	default:
		return c, ctx.Err()
	}
	return nil, errors.Join(failure(err), c.close())
}

// writeSnapshot makes a directory with the database file that write fills, all
// of it or nothing.
func writeSnapshot(ctx context.Context, dir string, write func(path string) error) (err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("store: snapshot into %s: %w", dir, err)
	}
	parent := filepath.Dir(dir)
	partial, err := os.MkdirTemp(parent, filepath.Base(dir)+".partial-")
	if err != nil {
		return fmt.Errorf("store: snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("store: snapshot into %s: %w", dir, err), os.RemoveAll(partial))
		}
	}()
	path := filepath.Join(partial, "loam.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := write(path); err != nil {
		return err
	}
	if err := errors.Join(syncFile(path), syncFile(partial), ctx.Err()); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	return syncFile(parent)
}

// syncFile waits until a file or a directory is on the disk.
func syncFile(path string) error {
	flags := os.O_RDWR
	if info, err := os.Stat(path); err != nil {
		return err
	} else if info.IsDir() {
		if runtime.GOOS == "windows" {
			return nil // keeps its directories by itself
		}
		flags = os.O_RDONLY
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	err = errors.Join(f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("%w: sync: %w", store.ErrUnavailable, err)
	}
	return nil
}
