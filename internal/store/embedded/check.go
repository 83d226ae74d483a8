package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// Finding is something that a check found wrong.
type Finding struct {
	Kind Fault `json:"kind"`
	// Collection and Index say where; they are empty where there is none.
	Collection string `json:"collection,omitempty"`
	Index      string `json:"index,omitempty"`
	// Row is the number of the document's row, 0 for none.
	Row  int64  `json:"row,omitempty"`
	Text string `json:"text"`
}

// Fault is a kind of finding.
type Fault string

const (
	// FaultFile: SQLite finds the file damaged.
	FaultFile Fault = "file"
	// FaultCatalog: the tables are not those that the catalog says there are.
	FaultCatalog Fault = "catalog"
	// FaultDocument: a row holds no document, or one with another _id.
	FaultDocument Fault = "document"
	// FaultIndex: an index disagrees with the documents.
	FaultIndex Fault = "index"
	// FaultUnique: documents have the same key in a unique index.
	FaultUnique Fault = "unique"
)

func (f *Finding) Error() string {
	where := "store"
	if f.Collection != "" {
		where += ": " + f.Collection
	}
	if f.Index != "" {
		where += ": index " + f.Index
	}
	if f.Row != 0 {
		where += ": row " + strconv.FormatInt(f.Row, 10)
	}
	return where + ": " + f.Text
}

// Check reads everything and compares every index with the documents, the tables
// with the catalog, and the file with SQLite's own rules. It returns what it
// found wrong, joined. Others may read and write meanwhile: it sees one snapshot.
func (s *Store) Check(ctx context.Context) error {
	tx, err := s.beginTransaction(ctx)
	if err != nil {
		return err
	}
	defer tx.end(nil)
	tx.timer.Stop()
	var found []error
	c := checking{conn: tx.conn, report: func(f *Finding) error {
		found = append(found, f)
		return nil
	}}
	if err := c.run(ctx, tx.catalog); err != nil {
		return err
	}
	return errors.Join(found...)
}

// CheckDir is Store.Check for the store in a directory, which this or another
// process may have open. It calls report with what it finds, as it finds it, and
// ends with report's error. Its memory is bounded; while it reads, the
// write-ahead log grows by what that process writes.
func CheckDir(ctx context.Context, dir string, report func(*Finding) error) error {
	c, err := openBeside(ctx, dir)
	if err != nil {
		return err
	}
	return errors.Join(c.check(ctx, report), c.close())
}

func (c *conn) check(ctx context.Context, report func(*Finding) error) error {
	// What is sorted may be more than fits in memory.
	if err := c.exec("PRAGMA temp_store = FILE"); err != nil {
		return failure(err)
	}
	return c.inSnapshot(func() error {
		check := checking{conn: c, report: report}
		cat, err := readCatalog(c)
		if err != nil {
			return errors.Join(
				report(&Finding{Kind: FaultCatalog, Text: "the catalog can't be read: " + err.Error()}),
				failure(check.file(ctx)))
		}
		return check.run(ctx, cat)
	})
}

// checking is one check of a snapshot.
type checking struct {
	conn   *conn
	report func(*Finding) error
	// place is what is being compared, and found is how much was found there.
	place Finding
	found int
	// absent are the tables that are missing.
	absent map[string]bool
}

// maxFound bounds what is reported of one index or collection.
const maxFound = 20

// at says what is compared from now on.
func (c *checking) at(place Finding) { c.place, c.found = place, 0 }

func (c *checking) find(kind Fault, row int64, format string, args ...any) error {
	if c.found++; c.found > maxFound {
		return nil
	}
	f := c.place
	f.Kind, f.Row, f.Text = kind, row, fmt.Sprintf(format, args...)
	return c.report(&f)
}

// rest tells how much more than was reported there is.
func (c *checking) rest(kind Fault) error {
	if more := c.found - maxFound; more > 0 {
		f := c.place
		f.Kind, f.Text = kind, fmt.Sprintf("and %d more", more)
		return c.report(&f)
	}
	return nil
}

func (c *checking) run(ctx context.Context, cat *catalog) error {
	if err := c.file(ctx); err != nil {
		return failure(err)
	}
	if err := c.tables(cat); err != nil {
		return failure(err)
	}
	for _, coll := range cat.collections {
		if err := c.collection(ctx, coll); err != nil {
			return err
		}
	}
	return nil
}

// file has SQLite check its structures: pages, their order, its own indexes.
func (c *checking) file(ctx context.Context) error {
	defer c.conn.interruptible(ctx)()
	c.at(Finding{})
	s, err := c.conn.prepare(stmtKey{does: integrity})
	if err != nil {
		return err
	}
	defer s.reset()
	for {
		more, err := s.step()
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case damaged(err):
			return c.find(FaultFile, 0, "%v", err)
		case err != nil || !more:
			return err
		}
		if text := s.text(0); text != "ok" {
			if err := c.find(FaultFile, 0, "%s", text); err != nil {
				return err
			}
		}
	}
}

// tables compares the tables that there are with those of the catalog.
func (c *checking) tables(cat *catalog) error {
	c.at(Finding{})
	there, err := c.conn.tables()
	if err != nil {
		return err
	}
	c.absent = make(map[string]bool)
	want := func(name string, place Finding) error {
		if _, ok := there[name]; !ok {
			c.absent[name] = true
			c.at(place)
			return c.find(FaultCatalog, 0, "the table %s is missing", name)
		}
		delete(there, name)
		return nil
	}
	for _, coll := range cat.collections {
		if err := want(docsTable(coll.n), Finding{Collection: coll.name}); err != nil {
			return err
		}
		for _, ix := range coll.indexes {
			if err := want(indexTable(ix.n), Finding{Collection: coll.name, Index: ix.def.Name}); err != nil {
				return err
			}
		}
	}
	c.at(Finding{})
	for name := range there {
		if err := c.find(FaultCatalog, 0, "the table %s belongs to nothing", name); err != nil {
			return err
		}
	}
	return nil
}

// tables returns the numbers of the tables of documents and of indexes, by name.
func (c *conn) tables() (map[string]int64, error) {
	s, err := c.prepare(stmtKey{does: listTables})
	if err != nil {
		return nil, err
	}
	defer s.reset()
	tables := make(map[string]int64)
	for {
		more, err := s.step()
		if err != nil || !more {
			return tables, err
		}
		name := s.text(0)
		for _, prefix := range []string{docsPrefix, indexPrefix} {
			if len(name) <= len(prefix) || name[:len(prefix)] != prefix {
				continue
			}
			if n, err := strconv.ParseInt(name[len(prefix):], 10, 64); err == nil {
				tables[name] = n
			}
		}
	}
}

// collection compares the entries that documents should have with those that
// the indexes have; both come in the order of rows. What can't be read is a
// finding too, and what comes after it is still compared.
func (c *checking) collection(ctx context.Context, coll *collection) error {
	if c.absent[docsTable(coll.n)] {
		return nil
	}
	err := c.part(ctx, Finding{Collection: coll.name}, FaultDocument, func() error { return c.ids(ctx, coll) })
	for _, ix := range coll.indexes {
		if ix.keys == nil || c.absent[indexTable(ix.n)] || err != nil {
			continue
		}
		err = c.part(ctx, Finding{Collection: coll.name, Index: ix.def.Name}, FaultIndex, func() error {
			entries, err := c.conn.prepare(stmtKey{does: ix.all(), index: ix.n})
			if err != nil {
				return err
			}
			defer entries.reset()
			if err := c.index(ctx, coll, ix, &entryCursor{stmt: entries, scored: ix.text() != nil}); err != nil || !ix.def.Unique {
				return err
			}
			return c.unique(ix)
		})
	}
	return err
}

// part does one comparison.
func (c *checking) part(ctx context.Context, place Finding, kind Fault, compare func() error) error {
	c.at(place)
	stop := c.conn.interruptible(ctx)
	err := compare()
	stop()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case damaged(err):
		c.found = 0
		return c.find(kind, 0, "can't be read to its end: %v", err)
	case err != nil:
		return failure(err)
	}
	return c.rest(kind)
}

func (c *checking) ids(ctx context.Context, coll *collection) error {
	return c.documents(ctx, coll, func(rid int64, doc bson.Raw) error {
		if err := match.Validate(doc); err != nil {
			return c.find(FaultDocument, rid, "no document: %v", err)
		}
		want, err := idKey(doc)
		if err != nil {
			return c.find(FaultDocument, rid, "%v", err)
		}
		have, err := c.conn.idOf(coll, rid)
		if err == nil && have != string(want) {
			return c.find(FaultDocument, rid, "another id than its document's")
		}
		return err
	})
}

func (c *checking) index(ctx context.Context, coll *collection, ix *index, entries *entryCursor) error {
	if err := entries.next(); err != nil {
		return err
	}
	multikey := ix.multikey.Load()
	err := c.documents(ctx, coll, func(rid int64, doc bson.Raw) error {
		var want [][]byte
		var arrays uint64
		if match.Validate(doc) == nil { // that it is not was found already
			var err error
			if want, err = ix.keys.AppendKeys(nil, doc); err != nil {
				if err := c.find(FaultIndex, rid, "%v", err); err != nil {
					return err
				}
			}
			arrays = ix.keys.Arrays(doc)
		}
		if arrays&^multikey != 0 {
			if err := c.find(FaultIndex, rid, "the index is not marked multikey for it"); err != nil {
				return err
			}
		}
		var have [][]byte
		for entries.more && entries.rid <= rid {
			if entries.rid < rid {
				if err := c.find(FaultIndex, entries.rid, "an entry for a row that is not there"); err != nil {
					return err
				}
			} else {
				have = append(have, entries.key)
			}
			if err := entries.next(); err != nil {
				return err
			}
		}
		if !slices.EqualFunc(have, want, bytes.Equal) {
			return c.find(FaultIndex, rid, "the entries are not the document's")
		}
		return nil
	})
	for err == nil && entries.more {
		if err = c.find(FaultIndex, entries.rid, "an entry for a row that is not there"); err == nil {
			err = entries.next()
		}
	}
	return err
}

// unique looks for keys of several documents in a unique index.
func (c *checking) unique(ix *index) error {
	s, err := c.conn.prepare(stmtKey{does: indexTwice, index: ix.n})
	if err != nil {
		return err
	}
	defer s.reset()
	for {
		more, err := s.step()
		if err != nil || !more {
			return err
		}
		if err := c.find(FaultUnique, s.int(0), "%d documents have its key, which is unique", s.int(1)); err != nil {
			return err
		}
	}
}

func (c *checking) documents(ctx context.Context, coll *collection, do func(rid int64, doc bson.Raw) error) error {
	all := scan{
		conn: c.conn, coll: coll, plan: &plan{access: collectionScan}, checked: true,
		visit: func(h handle, doc bson.Raw) (bool, error) { return true, do(h.rid, doc) },
	}
	return all.run(ctx)
}

// entryCursor walks the entries of an index in the order of rows.
type entryCursor struct {
	stmt *stmt
	more bool
	rid  int64
	key  []byte
	// scored tells that the entries have scores, which end their keys.
	scored bool
}

func (e *entryCursor) next() (err error) {
	if e.more, err = e.stmt.step(); err != nil || !e.more {
		return err
	}
	e.key, e.rid = bytes.Clone(e.stmt.blob(0)), e.stmt.int(1)
	if e.scored {
		e.key = appendScore(e.key, e.stmt.float(2))
	}
	return nil
}
