package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// storeToDamage has two collections with documents and indexes of all kinds.
func storeToDamage(t *testing.T, docs int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, Options{Dir: dir})
	define(t, s, "c", crashIndexes...)
	define(t, s, "c", store.Index{Keys: doc(t, `{"at":"2dsphere"}`)}, store.Index{Keys: doc(t, `{"about":"text"}`)})
	var all []bson.Raw
	for i := range docs {
		all = append(all, raw(t, doc(t, fmt.Sprintf(
			`{"_id":%d,"u":"u%d","writer":%d,"n":%d,"tags":[%d,"t"],"at":[%d,%d],"about":"number %d of many","filling":"%s"}`,
			i, i, i%3, i, i%7, i%90, i%45, i, strings.Repeat("x", 500)))))
	}
	if err := s.Insert(t.Context(), "c", all...); err != nil {
		t.Fatal(err)
	}
	insert(t, s, "d", `{"_id":"other"}`)
	shut(t, s)
	return dir
}

// damage runs SQL on the file of a directory.
func damage(t *testing.T, dir string, sql ...string) {
	t.Helper()
	c, err := openConn(filepath.Join(dir, "loam.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sql {
		if err := c.exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
}

// checked returns what is found wrong in a directory.
func checked(t *testing.T, dir string) []*Finding {
	t.Helper()
	var found []*Finding
	err := CheckDir(t.Context(), dir, func(f *Finding) error {
		found = append(found, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func repaired(t *testing.T, dir string) (lines []string) {
	t.Helper()
	if err := RepairDir(t.Context(), dir, func(line string) { lines = append(lines, line) }); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestRepair(t *testing.T) {
	const docs = 300
	tests := map[string]struct {
		damage []string
		// found is the finding that there must be; left is one that stays.
		found, left Finding
		// says is what the repair must say, and docs how many documents there are then.
		says string
		docs int
	}{
		"an index has lost entries": {
			damage: []string{"DELETE FROM ix_3 WHERE rid % 2 = 0"},
			found:  Finding{Kind: FaultIndex, Collection: "c", Index: "tags_1"}, docs: docs,
		},
		"a geo index has lost entries": {
			damage: []string{"DELETE FROM ix_4 WHERE rid % 2 = 0"},
			found:  Finding{Kind: FaultIndex, Collection: "c", Index: "at_2dsphere"}, docs: docs,
		},
		"a text index has other scores": {
			damage: []string{"UPDATE ix_5 SET score = score + 1 WHERE rid = 7"},
			found:  Finding{Kind: FaultIndex, Collection: "c", Index: "about_text", Row: 7}, docs: docs,
		},
		"an index has entries of nothing": {
			damage: []string{"INSERT INTO ix_2 SELECT k, rid + 1000 FROM ix_2"},
			found:  Finding{Kind: FaultIndex, Collection: "c", Index: "writer_1_n_-1"}, docs: docs,
		},
		"an index has forgotten arrays": {
			damage: []string{"UPDATE indexes SET multikey = 0"},
			found:  Finding{Kind: FaultIndex, Collection: "c", Index: "tags_1"}, docs: docs,
		},
		"the table of an index is gone": {
			damage: []string{"DROP TABLE ix_2"},
			found:  Finding{Kind: FaultCatalog, Collection: "c", Index: "writer_1_n_-1"}, docs: docs,
		},
		"a table of an index is of nothing": {
			damage: []string{"CREATE TABLE ix_77 (k, rid)"},
			found:  Finding{Kind: FaultCatalog}, says: "ix_77: left out", docs: docs,
		},
		"documents belong to nothing": {
			damage: []string{"DELETE FROM collections WHERE name = 'd'"},
			found:  Finding{Kind: FaultCatalog}, says: "they are in recovered_docs_2", docs: docs,
		},
		"the table of documents is gone": {
			damage: []string{"DROP TABLE docs_2"},
			found:  Finding{Kind: FaultCatalog, Collection: "d"}, says: "d: its documents are missing", docs: docs,
		},
		"a row is no document": {
			damage: []string{"UPDATE docs_1 SET doc = x'00' WHERE rid = 7"},
			found:  Finding{Kind: FaultDocument, Collection: "c", Row: 7}, says: "row 7 is left out", docs: docs - 1,
		},
		"a row has another id": {
			damage: []string{"UPDATE docs_1 SET id = x'2001' WHERE rid = 7"},
			found:  Finding{Kind: FaultDocument, Collection: "c", Row: 7}, docs: docs,
		},
		"documents share an id": {
			damage: []string{"UPDATE docs_1 SET doc = (SELECT doc FROM docs_1 WHERE rid = 6) WHERE rid = 7"},
			found:  Finding{Kind: FaultDocument, Collection: "c", Row: 7}, says: "another has its _id", docs: docs - 1,
		},
		"documents share what is unique": {
			damage: []string{
				"UPDATE docs_1 SET doc = CAST(replace(doc, CAST('u6' AS BLOB), CAST('u7' AS BLOB)) AS BLOB) WHERE rid = 7",
				"DELETE FROM ix_1 WHERE rid = 7", "INSERT INTO ix_1 SELECT k, 7 FROM ix_1 WHERE rid = 8",
			},
			found: Finding{Kind: FaultUnique, Collection: "c", Index: "u_1", Row: 7},
			left:  Finding{Kind: FaultUnique, Collection: "c", Index: "u_1", Row: 7}, docs: docs,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := storeToDamage(t, docs)
			damage(t, dir, test.damage...)
			same := func(want Finding) func(*Finding) bool {
				return func(f *Finding) bool {
					return f.Kind == want.Kind && f.Collection == want.Collection && f.Index == want.Index && (want.Row == 0 || f.Row == want.Row)
				}
			}
			if found := checked(t, dir); !slices.ContainsFunc(found, same(test.found)) {
				t.Errorf("found %v, not %v", found, &test.found)
			}
			if lines := strings.Join(repaired(t, dir), "\n"); !strings.Contains(lines, test.says) || !strings.Contains(lines, "the old file is kept as") {
				t.Errorf("says\n%s\nwithout %q", lines, test.says)
			}
			left := checked(t, dir)
			if test.left.Kind == "" && len(left) > 0 || test.left.Kind != "" && !slices.ContainsFunc(left, same(test.left)) {
				t.Errorf("left: %v", left)
			}
			s := open(t, Options{Dir: dir})
			if n, err := s.Count(t.Context(), "c", store.Count{}); err != nil || n != int64(test.docs) {
				t.Errorf("%d documents, want %d (%v)", n, test.docs, err)
			}
			insert(t, s, "c", `{"_id":"new","tags":[1,2]}`)
			if kept, _ := filepath.Glob(filepath.Join(dir, "loam.db.damaged-*")); len(kept) != 1 {
				t.Errorf("kept %v", kept)
			}
		})
	}
}

// tearPages overwrites the pages of a table that hold this text, except for the
// first of them, with garbage. It returns how many.
func tearPages(t *testing.T, dir, text string, every int) (torn int) {
	t.Helper()
	path := filepath.Join(dir, "loam.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 4096
	seen := 0
	for page := size; page+size <= len(data); page += size {
		if !bytes.Contains(data[page:page+size], []byte(text)) || data[page] != 13 { // a leaf of a table
			continue
		}
		if seen++; seen%every == 0 {
			for i := range size {
				data[page+i] = byte(i * 7)
			}
			torn++
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return torn
}

// A page of garbage is told when it is read, by every way to read, and never
// taken for documents. Repair keeps all documents of other pages.
func TestTornPages(t *testing.T) {
	const docs = 2000
	dir := storeToDamage(t, docs)
	torn := tearPages(t, dir, "xxxxxxxx", 90)
	if torn < 2 {
		t.Fatalf("%d pages are torn", torn)
	}
	s := open(t, Options{Dir: dir, CacheBytes: -1})
	told := func(how string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "loam doctor") {
			t.Errorf("%s: told as %v", how, err)
		}
	}
	ignore := func(bson.Raw) error { return nil }
	told("a scan", s.Find(t.Context(), "c", store.Find{}, ignore))
	told("an index", s.Find(t.Context(), "c", store.Find{Filter: doc(t, `{"writer":{"$gte":0}}`)}, ignore))
	_, err := s.Update(t.Context(), "c", store.Update{Filter: doc(t, `{}`), Change: doc(t, `{"$set":{"n":1}}`), Many: true})
	told("an update", err)
	told("an aggregation", s.Aggregate(t.Context(), "c", bson.A{doc(t, `{"$match":{"n":{"$gte":0}}}`)}, store.AggregateOptions{}, ignore))
	readable := 0
	for i := range docs {
		found := 0
		err := s.Find(t.Context(), "c", store.Find{Filter: bson.D{{Key: "_id", Value: i}}}, func(d bson.Raw) error {
			found++
			if d.Lookup("_id").AsInt64() != int64(i) || d.Lookup("u").StringValue() != fmt.Sprintf("u%d", i) {
				t.Errorf("asked for %d, got %v", i, d)
			}
			return nil
		})
		if err != nil {
			told("a get", err)
		}
		readable += found
	}
	if readable == docs || readable < docs/2 {
		t.Fatalf("%d documents can be read", readable)
	}
	ids := bson.A{}
	for i := range docs {
		ids = append(ids, i)
	}
	told("many ids", s.Find(t.Context(), "c", store.Find{Filter: bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}}, ignore))
	for _, c := range s.readers.idle {
		if c.inTransaction() {
			t.Error("a reader that failed still holds its snapshot")
		}
	}
	insert(t, s, "d", `{"_id":"other pages can be written"}`)
	shut(t, s)

	if len(checked(t, dir)) == 0 {
		t.Error("nothing was found")
	}
	lines := strings.Join(repaired(t, dir), "\n")
	if !strings.Contains(lines, fmt.Sprintf("c: %d documents, 5 indexes made anew", readable)) {
		t.Errorf("%d documents can be read, but the repair says\n%s", readable, lines)
	}
	if left := checked(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Whatever bytes of a file are changed: it is told, or it does no harm.
func TestFlippedBytesDoNotPanic(t *testing.T) {
	dir := storeToDamage(t, 200)
	path := filepath.Join(dir, "loam.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := len(whole) / 60
	for at := 100; at < len(whole); at += step {
		broken := bytes.Clone(whole)
		for i := range 16 {
			broken[min(at+i, len(broken)-1)] ^= 0xFF
		}
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Dir: dir, CacheBytes: -1})
		if err != nil {
			continue
		}
		for _, filter := range []string{`{}`, `{"writer":1}`, `{"tags":3}`, `{"_id":7}`, `{"u":"u9"}`, `{"$text":{"$search":"number"}}`, `{"at":{"$geoWithin":{"$centerSphere":[[3,3],1]}}}`} {
			_ = s.Find(t.Context(), "c", store.Find{Filter: doc(t, filter)}, func(bson.Raw) error { return nil })
		}
		_, _ = s.Update(t.Context(), "c", store.Update{Filter: doc(t, `{}`), Change: doc(t, `{"$inc":{"n":1}}`), Many: true})
		_ = s.Check(t.Context())
		shut(t, s)
	}
}

func TestCheckDirEndsWithItsContext(t *testing.T) {
	dir := storeToDamage(t, 2*patience)
	damage(t, dir, "UPDATE indexes SET multikey = 0")
	ctx, cancel := context.WithCancel(t.Context())
	err := CheckDir(ctx, dir, func(*Finding) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	enough := errors.New("enough")
	if err := CheckDir(t.Context(), dir, func(*Finding) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("ended with %v", err)
	}
}

// A check beside a store that is open and written to finds nothing wrong, and
// repair waits until nobody has it.
func TestDoctorBesideAnOpenStore(t *testing.T) {
	dir := storeToDamage(t, 50)
	s := open(t, Options{Dir: dir})
	insert(t, s, "c", `{"_id":"in the log","tags":[1]}`)
	if found := checked(t, dir); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	never := func(string) { t.Error("it was repaired") }
	if err := RepairDir(t.Context(), dir, never); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("repair: told as %v", err)
	}
	if _, _, err := CompactDir(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("compaction: told as %v", err)
	}
}

// No more than a few findings of one index are told one by one.
func TestCheckTellsHowMuchMore(t *testing.T) {
	dir := storeToDamage(t, 100)
	damage(t, dir, "DELETE FROM ix_2", "DELETE FROM ix_3 WHERE rid > 95")
	found := checked(t, dir)
	if len(found) != maxFound+1+5 || !slices.ContainsFunc(found, func(f *Finding) bool { return f.Text == "and 80 more" }) {
		t.Errorf("%d findings: %v", len(found), found)
	}
}
