package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// RepairDir makes the file of a data directory anew from the documents that can
// be read, with indexes made from them, and puts the old file aside as
// loam.db.damaged-<time>, where all that it had still is. It calls report with
// lines that say what was done and what could not be. Nobody may have the store
// open. There must be room for a second file.
func RepairDir(ctx context.Context, dir string, report func(line string)) (err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	old, err := openBeside(ctx, dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "loam.db")
	r := repair{old: old, report: report}
	made := path + ".repaired"
	err = errors.Join(r.make(ctx, made), old.close())
	if err == nil {
		err = syncFile(made)
	}
	if err == nil {
		err = exchange(path, made, report)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("store: repair of %s: %w", path, failure(err)), removeFile(made))
	}
	return err
}

// repair is the making of a new file from what can be read of an old one.
type repair struct {
	old, new *conn
	report   func(line string)
}

// make makes the new file.
func (r *repair) make(ctx context.Context, path string) (err error) {
	if err := errors.Join(removeFile(path), os.WriteFile(path, nil, 0o600)); err != nil {
		return err
	}
	// It counts only once it is whole, so nothing needs to be undone meanwhile.
	r.new, err = openConn(path, true, append(newPragmas, "journal_mode = OFF", "synchronous = OFF")...)
	if err != nil {
		return err
	}
	return errors.Join(r.fill(ctx), r.new.close())
}

func (r *repair) fill(ctx context.Context) error {
	cat, err := readCatalog(r.old)
	if err != nil {
		return fmt.Errorf("the catalog can't be read; restore a snapshot: %w", err)
	}
	tables, err := r.old.tables()
	if err != nil {
		return err
	}
	f := file{conn: r.new, path: "the new file", steps: formatSteps()}
	if err := r.new.inWrite(f.create); err != nil {
		return err
	}
	for _, coll := range cat.collections {
		_, there := tables[docsTable(coll.n)]
		delete(tables, docsTable(coll.n))
		if err := r.collection(ctx, coll, there); err != nil {
			return err
		}
	}
	for name, n := range tables {
		if name != docsTable(n) {
			r.report(fmt.Sprintf("%s: left out, an index of nothing", name))
			continue
		}
		coll := &collection{n: n, name: "recovered_" + name}
		r.report(fmt.Sprintf("%s: documents of no collection; they are in %s now", name, coll.name))
		if err := r.collection(ctx, coll, true); err != nil {
			return err
		}
	}
	return nil
}

// collection makes a collection of the new file.
func (r *repair) collection(ctx context.Context, coll *collection, there bool) error {
	return r.new.inWrite(func() error {
		if err := r.define(coll); err != nil {
			return err
		}
		if there {
			if err := r.documents(ctx, coll); err != nil {
				return err
			}
		} else {
			r.report(coll.name + ": its documents are missing; it is empty now")
		}
		for _, ix := range coll.indexes {
			if err := r.new.refill(ctx, coll, ix); err != nil {
				return err
			}
		}
		return nil
	})
}

// define puts a collection and its indexes into the catalog of the new file,
// with the numbers that they had.
func (r *repair) define(coll *collection) error {
	s, err := r.new.prepare(stmtKey{does: restoreCollection})
	if err != nil {
		return err
	}
	s.bindInt(1, coll.n)
	s.bindText(2, coll.name)
	if err := s.finish(); err != nil {
		return err
	}
	for _, ix := range coll.indexes {
		spec, err := encodeIndex(ix.def)
		if err != nil {
			return err
		}
		if s, err = r.new.prepare(stmtKey{does: restoreIndex}); err != nil {
			return err
		}
		s.bindInt(1, ix.n)
		s.bindInt(2, coll.n)
		s.bindText(3, ix.def.Name)
		s.bindBlob(4, spec)
		if err := s.finish(); err != nil {
			return err
		}
	}
	return r.new.exec(createDocs(coll.n))
}

// documents copies the documents of a collection: all in order as far as they
// can be read, from both ends, and one by one between these.
func (r *repair) documents(ctx context.Context, coll *collection) error {
	c := copied{repair: r, coll: coll}
	first, last := int64(0), int64(0)
	err := c.scan(ctx, docsAll, func(rid int64) { first = rid })
	if err == nil || !damaged(err) {
		c.tell()
		return err
	}
	r.report(fmt.Sprintf("%s: damaged after row %d: %v", coll.name, first, err))
	err = c.scan(ctx, docsAllDown, func(rid int64) { last = rid })
	if err != nil && !damaged(err) {
		return err
	}
	if last == 0 {
		if last, err = r.lastRow(coll); err != nil {
			return err
		}
		last++
	}
	for rid := first + 1; rid < last; rid++ {
		if rid%patience == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.one(rid); err != nil {
			return err
		}
	}
	c.tell()
	return nil
}

// lastRow is the last row that either the documents or their ids know of.
func (r *repair) lastRow(coll *collection) (last int64, err error) {
	for _, does := range []purpose{docsMax, idsMax} {
		n, err := r.old.number(stmtKey{does: does, docs: coll.n}, nothing)
		if err != nil && !damaged(err) {
			return 0, err
		}
		last = max(last, n)
	}
	return last, nil
}

// copied counts what is copied of a collection.
type copied struct {
	*repair
	coll       *collection
	done, lost int
}

// scan copies documents in the order of a statement, up to one that is there or
// that can't be read.
func (c *copied) scan(ctx context.Context, does purpose, at func(rid int64)) error {
	s, err := c.old.prepare(stmtKey{does: does, docs: c.coll.n})
	if err != nil {
		return err
	}
	defer s.reset()
	for n := 0; ; n++ {
		more, err := s.step()
		if err != nil || !more {
			return err
		}
		if n%patience == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		rid := s.int(0)
		if err := c.put(rid, s.blob(1)); err != nil {
			return err
		}
		at(rid)
	}
}

// one copies the document of a row, if it is there and can be read.
func (c *copied) one(rid int64) error {
	_, doc, err := c.old.row(stmtKey{does: docByRID, docs: c.coll.n}, func(s *stmt) { s.bindInt(1, rid) })
	switch {
	case damaged(err):
		c.lost++
		return nil
	case err != nil || doc == nil:
		return err
	}
	return c.put(rid, doc)
}

// put stores a document in the new file.
func (c *copied) put(rid int64, doc bson.Raw) error {
	var id []byte
	err := match.Validate(doc)
	if err == nil {
		id, err = idKey(doc)
	}
	if err != nil {
		c.lost++
		c.report(fmt.Sprintf("%s: row %d is left out: %v", c.coll.name, rid, err))
		return nil
	}
	s, err := c.new.prepare(stmtKey{does: restoreDoc, docs: c.coll.n})
	if err != nil {
		return err
	}
	s.bindInt(1, rid)
	s.bindBlob(2, id)
	s.bindBlob(3, doc)
	if err := s.finish(); err != nil {
		return err
	}
	if c.new.changes() == 0 {
		c.lost++
		c.report(fmt.Sprintf("%s: row %d is left out: another has its _id", c.coll.name, rid))
		return nil
	}
	c.done++
	return nil
}

func (c *copied) tell() {
	line := fmt.Sprintf("%s: %d documents, %d indexes made anew", c.coll.name, c.done, len(c.coll.indexes))
	if c.lost > 0 {
		line += fmt.Sprintf("; %d could not be read or kept", c.lost)
	}
	c.report(line)
}

// exchange puts the new file in place of the old one, which gets another name. A
// log that SQLite could not write into the old file goes with it, because it
// must not be taken for the new one's.
func exchange(path, made string, report func(line string)) error {
	// The last connection that closes writes the log into the file.
	if c, err := openConn(path, true); err == nil {
		err = c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		if err = errors.Join(err, c.close()); err != nil {
			report("the old file's log stays beside it: " + err.Error())
		}
	}
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	// With both names, there is a file of the store's name at any time; not
	// every file system has that.
	if err := os.Link(path, aside); err != nil {
		if err := os.Rename(path, aside); err != nil {
			return err
		}
	}
	if err := os.Rename(path+"-wal", aside+"-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := errors.Join(removeFile(path+"-shm"), os.Rename(made, path), syncFile(filepath.Dir(path))); err != nil {
		return err
	}
	report("the old file is kept as " + aside)
	return nil
}

// removeFile removes a file if it is there.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
