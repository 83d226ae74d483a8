package command

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// dataDir makes a data directory with a store of one document and an index of
// it, as the first start of Loam does.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir)
	closeStore(t, s)
	return dir
}

func openStore(t *testing.T, dataDir string) *embedded.Store {
	t.Helper()
	ctx := context.Background()
	s, err := embedded.Open(ctx, embedded.Options{Dir: filepath.Join(dataDir, "store")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateIndexes(ctx, "c", store.Index{Keys: bson.D{{Key: "a", Value: 1}}}); err != nil {
		t.Fatal(err)
	}
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "a", Value: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(ctx, "c", doc); err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t *testing.T, s *embedded.Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// spoil takes the entries of the store's index away.
func spoil(t *testing.T, dataDir string) {
	t.Helper()
	c, err := sqlite.OpenConn(filepath.Join(dataDir, "store", "loam.db"), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.Execute(c, "DELETE FROM ix_1", nil), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// runOn runs loam on a data directory and returns the code that it ends with.
func runOn(t *testing.T, dataDir string, args ...string) (code int, out, complaint string) {
	t.Helper()
	c := newConsole(t, append(args, "--data-dir", dataDir)...)
	code = c.Run(t.Context())
	return code, c.out.String(), c.err.String()
}

func TestDoctor(t *testing.T) {
	dir := dataDir(t)
	if code, out, _ := runOn(t, dir, "doctor"); code != exitOK || !strings.Contains(out, "store: sound\n") {
		t.Errorf("a sound store: code %d, %s", code, out)
	}
	spoil(t, dir)
	const finding = "c: index a_1: row 1: the entries are not the document's\n"
	code, out, _ := runOn(t, dir, "doctor")
	if code != exitUnsound || !strings.Contains(out, finding) || !strings.Contains(out, "doctor --repair") {
		t.Errorf("a damaged store: code %d, %s", code, out)
	}
	code, out, _ = runOn(t, dir, "doctor", "--json")
	var report struct {
		OK     bool
		Stores []struct {
			Dir      string
			Findings []embedded.Finding
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err, out)
	}
	want := embedded.Finding{Kind: embedded.FaultIndex, Collection: "c", Index: "a_1", Row: 1, Text: "the entries are not the document's"}
	if code != exitUnsound || report.OK || len(report.Stores) != 1 || len(report.Stores[0].Findings) != 1 || report.Stores[0].Findings[0] != want {
		t.Errorf("as JSON: code %d, %s", code, out)
	}
	code, out, _ = runOn(t, dir, "doctor", "--repair")
	if code != exitOK || !strings.Contains(out, "repair: c: 1 documents, 1 indexes made anew\n") || !strings.Contains(out, "store: repaired\n") {
		t.Errorf("repair: code %d, %s", code, out)
	}
	if code, out, _ := runOn(t, dir, "doctor", "--repair"); code != exitOK || !strings.Contains(out, "store: sound\n") || strings.Contains(out, "repair:") {
		t.Errorf("repair of a sound store: code %d, %s", code, out)
	}
}

func TestDoctorThatCannotTell(t *testing.T) {
	code, _, complaint := runOn(t, t.TempDir(), "doctor")
	if code != exitUnknown || !strings.Contains(complaint, "no store in") {
		t.Errorf("no store: code %d, %s", code, complaint)
	}
	dir := dataDir(t)
	if err := os.WriteFile(filepath.Join(dir, "store", "loam.db"), []byte(strings.Repeat("garbage ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, complaint := runOn(t, dir, "doctor"); code != exitUnknown || !strings.Contains(complaint, "damaged") {
		t.Errorf("garbage: code %d, %s", code, complaint)
	}
	c := newConsole(t, "doctor", "--app-id=a", "--master-key=m", "--database-uri=mongodb://localhost/db")
	if code := c.Run(t.Context()); code == exitOK || !strings.Contains(c.err.String(), "no app of this configuration is on the embedded store") {
		t.Errorf("on MongoDB: code %d, %s", code, c.err.String())
	}
}

// A snapshot of a data directory whose store is open is a data directory.
func TestSnapshot(t *testing.T) {
	dir := dataDir(t)
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), []byte(`{"appId":"a","masterKey":"m"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	defer closeStore(t, s)
	to := filepath.Join(t.TempDir(), "copy")
	if code, out, complaint := runOn(t, dir, "snapshot", "--to", to); code != exitOK || !strings.Contains(out, to) {
		t.Fatalf("code %d, %s%s", code, out, complaint)
	}
	if code, out, _ := runOn(t, to, "doctor"); code != exitOK {
		t.Errorf("the copy: code %d, %s", code, out)
	}
	if _, out, _ := runOn(t, to, "config", "get", "appId"); out != "a\n" {
		t.Errorf("the copy's app is %q", out)
	}
	copied := openStore(t, to)
	if n, err := copied.Count(t.Context(), "c", store.Count{}); err != nil || n != 3 {
		t.Errorf("%d documents in the copy, want 2 and its own one (%v)", n, err)
	}
	closeStore(t, copied)

	if code, _, complaint := runOn(t, dir, "snapshot", "--to", to); code != exitFailure || !strings.Contains(complaint, "is there already") {
		t.Errorf("onto one that is there: code %d, %s", code, complaint)
	}
	if code, _, complaint := runOn(t, dir, "snapshot"); code != exitUsage || !strings.Contains(complaint, "--to DIR") {
		t.Errorf("to nowhere: code %d, %s", code, complaint)
	}
	other := filepath.Join(filepath.Dir(to), "other")
	if code, _, complaint := runOn(t, t.TempDir(), "snapshot", "--to", other); code != exitFailure || !strings.Contains(complaint, "no store in") {
		t.Errorf("of nothing: code %d, %s", code, complaint)
	}
	if left, _ := os.ReadDir(filepath.Dir(to)); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

func TestCompactCommand(t *testing.T) {
	dir := dataDir(t)
	if code, out, complaint := runOn(t, dir, "compact"); code != exitOK || !strings.Contains(out, "MB, before") {
		t.Errorf("code %d, %s%s", code, out, complaint)
	}
	s := openStore(t, dir)
	defer closeStore(t, s)
	if code, _, complaint := runOn(t, dir, "compact"); code != exitFailure || !strings.Contains(complaint, "in use by another process") {
		t.Errorf("of a running server: code %d, %s", code, complaint)
	}
	if code, _, complaint := runOn(t, dir, "doctor", "--repair"); code != exitOK || complaint != "" {
		t.Errorf("a sound store of a running server: code %d, %s", code, complaint)
	}
}
