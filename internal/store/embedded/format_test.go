package embedded

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/loam-baas/loam/internal/store"
)

// oldStore makes a directory with the file of an earlier version.
func oldStore(t *testing.T, name string) (dir string) {
	t.Helper()
	sql, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	c, err := sqlite.OpenConn(filepath.Join(dir, "loam.db"), sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(c, string(sql), nil), c.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func formatOf(t *testing.T, dir string) int64 {
	t.Helper()
	c, err := openConn(filepath.Join(dir, "loam.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	version, err := c.queryInt("PRAGMA user_version")
	if err := errors.Join(err, c.close()); err != nil {
		t.Fatal(err)
	}
	return version
}

// What the first version of Loam wrote is there in this one, and indexes are
// what this one makes of them.
func TestFilesOfVersion1ComeForward(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	s := open(t, Options{Dir: dir})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, find(t, s, "places", store.Find{Filter: doc(t, `{"tags":"city","n":{"$gt":1}}`), Hint: "tags_1_n_-1", Projection: doc(t, `{"name":1}`)}),
		`{"_id":"lyon","name":"Lyon"}`)
	want(t, find(t, s, "places", store.Find{Filter: doc(t, `{"name":"NICE"}`), CaseInsensitive: true, Projection: doc(t, `{"n":1}`)}),
		`{"_id":"nice","n":3}`)
	want(t, find(t, s, "places", store.Find{Filter: doc(t, `{"$text":{"$search":"lyon"}}`), Projection: doc(t, `{"n":1}`)}),
		`{"_id":"lyon","n":2}`)
	want(t, find(t, s, "empty", store.Find{}))
	indexes, err := s.Indexes(t.Context(), "places")
	if err != nil || len(indexes) != 9 {
		t.Errorf("%d indexes (%v)", len(indexes), err)
	}
	insert(t, s, "places", `{"_id":"oslo","name":"Oslo","at":[10.75,59.91],"about":"by the fjord"}`)
	shut(t, s)
	if got, want := formatOf(t, dir), firstVersion+int64(len(formatSteps())); got != want {
		t.Errorf("the file has version %d, want %d", got, want)
	}
	s = open(t, Options{Dir: dir})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, find(t, s, "places", store.Find{Filter: doc(t, `{"$text":{"$search":"fjords"}}`), Projection: doc(t, `{"name":1}`)}),
		`{"_id":"oslo","name":"Oslo"}`)
}

// A text index that an old file has defined, but not filled, must not keep the
// file from opening.
func TestTextIndexesThatCanNotBeFilledStayAsTheyAre(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	s := open(t, Options{Dir: dir})
	if err := s.DropIndex(t.Context(), "places", "name_text_about_text"); err != nil {
		t.Fatal(err)
	}
	insert(t, s, "places", `{"_id":"qo","about":"far away","language":"klingon"}`)
	shut(t, s)

	c, err := openConn(filepath.Join(dir, "loam.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := encodeIndex(store.Index{Keys: doc(t, `{"about":"text"}`)})
	if err != nil {
		t.Fatal(err)
	}
	add, err := c.prepare(stmtKey{does: addIndex})
	if err != nil {
		t.Fatal(err)
	}
	add.bindInt(1, 1)
	add.bindText(2, "about_text")
	add.bindBlob(3, spec)
	if _, err := add.first(); err != nil {
		t.Fatal(err)
	}
	err = c.exec(createIndex(add.int(0)))
	add.reset()
	if err := errors.Join(err, c.exec("PRAGMA user_version = 1"), c.close()); err != nil {
		t.Fatal(err)
	}

	s = open(t, Options{Dir: dir})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = s.Count(t.Context(), "places", store.Count{Filter: doc(t, `{"$text":{"$search":"away"}}`)})
	if request, ok := errors.AsType[*store.RequestError](err); !ok || request.Code != 27 {
		t.Errorf("searching answered %v", err)
	}
	indexes, err := s.Indexes(t.Context(), "places")
	if err != nil || len(indexes) != 9 {
		t.Errorf("%d indexes (%v)", len(indexes), err)
	}
}

// bring opens a directory's file with steps of the test's.
func bring(t *testing.T, dir string, steps ...formatStep) error {
	t.Helper()
	path := filepath.Join(dir, "loam.db")
	c, err := openConn(path, true)
	if err != nil {
		t.Fatal(err)
	}
	f := file{conn: c, path: path, pragmas: writerPragmas, steps: steps, logger: slog.New(slog.DiscardHandler)}
	return errors.Join(f.prepare(t.Context()), c.close())
}

func TestFormatStepsRunOnceInOrderAndWholly(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	var ran []string
	step := func(name, sql string, err error) formatStep {
		return formatStep{what: name, run: func(_ context.Context, c *conn) error {
			ran = append(ran, name)
			return errors.Join(c.exec(sql), err)
		}}
	}
	second := step("second", "CREATE TABLE two (n)", nil)
	broken := errors.New("no luck")

	err := bring(t, dir, second, step("third", "DROP TABLE docs_1", broken))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "to format version 3 (third)") {
		t.Errorf("told as %v", err)
	}
	if v := formatOf(t, dir); v != 2 {
		t.Errorf("after a step that failed, the version is %d, want that before it, 2", v)
	}
	if err := bring(t, dir, second, step("third", "CREATE TABLE three AS SELECT rid FROM docs_1", nil)); err != nil {
		t.Error(err)
	}
	if err := bring(t, dir, second, step("third", "", nil)); err != nil {
		t.Error(err)
	}
	if v := formatOf(t, dir); v != 3 {
		t.Errorf("the version is %d, want 3", v)
	}
	if want := []string{"second", "third", "third"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
	if err := bring(t, dir, second); err == nil || !strings.Contains(err.Error(), "format version 3, this version of Loam knows up to 2") {
		t.Errorf("a later version is told as %v", err)
	}
}

// A new file is of the latest version, and needs no steps.
func TestNewFilesNeedNoSteps(t *testing.T) {
	dir := t.TempDir()
	never := formatStep{what: "never", run: func(context.Context, *conn) error { return errors.New("ran") }}
	if err := bring(t, dir, never, never); err != nil {
		t.Fatal(err)
	}
	if v := formatOf(t, dir); v != 3 {
		t.Errorf("the version is %d, want 3", v)
	}
}

// A step that fills indexes anew finds what documents have, and whether they
// have arrays.
func TestFormatStepRefillsIndexes(t *testing.T) {
	dir := oldStore(t, "version1.sql")
	err := bring(t, dir, formatStep{what: "refill", run: func(ctx context.Context, c *conn) error {
		if err := c.exec("DELETE FROM ix_2"); err != nil {
			return err
		}
		cat, err := readCatalog(c)
		if err != nil {
			return err
		}
		coll := cat.collections["places"]
		return c.refill(ctx, coll, coll.index("tags_1_n_-1"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	pragma(t, filepath.Join(dir, "loam.db"), "user_version = 1")
	s := open(t, Options{Dir: dir})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if s.catalog.Load().collections["places"].index("tags_1_n_-1").multikey.Load() != 1 {
		t.Error("the index has forgotten that it has met arrays")
	}
}
