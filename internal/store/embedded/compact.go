package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Free pages are given back to the file system when they are more than this
// share of the file and this many; fewer are soon used again.
const (
	freeShare = 8 // one in
	freePages = 1024
)

// giveBackPages is how many pages are given back in one operation, during which
// other writes wait: about a millisecond.
const giveBackPages = 256

// newPragmas are those of a file that has no tables yet: SQLite has to know from
// the beginning that pages are to be given back, so that it keeps account of
// what each is for.
var newPragmas = []string{"auto_vacuum = INCREMENTAL"}

// giveBack makes the file smaller by the pages that are free, if they are many.
// Writes go on meanwhile. It does nothing to a file from before pages were given
// back, until CompactDir.
func (s *Store) giveBack(ctx context.Context) error {
	for wanted := true; wanted; {
		err := s.writer.do(ctx, &operation{run: func(tx *writeTx) (err error) {
			if wanted, err = tx.conn.mayGiveBack(); err != nil || !wanted {
				return err
			}
			return tx.conn.run(stmtKey{does: vacuum})
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// mayGiveBack tells whether enough pages are free.
func (c *conn) mayGiveBack() (bool, error) {
	free, err := c.number(stmtKey{does: countFree}, nothing)
	if err != nil || free < freePages {
		return false, err
	}
	all, err := c.number(stmtKey{does: countPages}, nothing)
	if err != nil || free < all/freeShare {
		return false, err
	}
	mode, err := c.queryInt("PRAGMA auto_vacuum")
	return mode == 2, err
}

// CompactDir makes the file of a data directory as small as it can be, and each
// table one piece. Nobody may have the store open. There must be room for two
// more files of its new size meanwhile. It returns the sizes in bytes.
func CompactDir(ctx context.Context, dir string) (before, after int64, err error) {
	path := filepath.Join(dir, "loam.db")
	if before, err = sizeOf(path); err != nil {
		return 0, 0, err
	}
	// What an earlier version has made comes forward first.
	s, err := Open(ctx, Options{Dir: dir, SweepInterval: -1})
	if err != nil {
		return 0, 0, err
	}
	err = s.apart(ctx, func() error {
		c := s.writer.conn
		defer c.interruptible(ctx)()
		for _, sql := range append(newPragmas, "temp_store = FILE") {
			if err := c.exec("PRAGMA " + sql); err != nil {
				return err
			}
		}
		if err := c.exec("VACUUM"); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		return c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	})
	if err := errors.Join(err, s.Close(context.WithoutCancel(ctx))); err != nil {
		return 0, 0, err
	}
	after, err = sizeOf(path)
	return before, after, err
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
