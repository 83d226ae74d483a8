package migrations_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
	"github.com/loam-baas/loam/migrations"
)

// recorded are the indexes that parse-server makes, by their collections: at the
// start, and for the classes of internal/parity/reference/indexes.mjs.
// internal/parity/record/indexes writes the file.
func recorded(t *testing.T) map[string][]store.Index {
	t.Helper()
	text, err := os.ReadFile("testdata/parse-server-indexes.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Commands []bson.Raw }
	if err := bson.UnmarshalExtJSON(append(append([]byte(`{"commands":`), text...), '}'), false, &file); err != nil {
		t.Fatal(err)
	}
	made := make(map[string][]store.Index)
	for _, command := range file.Commands {
		var c struct {
			Create        string
			CreateIndexes string `bson:"createIndexes"`
			Indexes       []struct {
				Name               string
				Key                bson.D
				Unique, Sparse     bool
				Background         bool   // which servers pass over
				ExpireAfterSeconds *int32 `bson:"expireAfterSeconds"`
				Partial            bson.D `bson:"partialFilterExpression"`
				Collation          *struct {
					Locale   string
					Strength int
				}
			}
		}
		if err := bson.Unmarshal(command, &c); err != nil {
			t.Fatal(err)
		}
		if c.Create != "" { // what an index or a document does as well
			continue
		}
		for _, i := range c.Indexes {
			ix := store.Index{Name: i.Name, Keys: i.Key, Unique: i.Unique, Sparse: i.Sparse,
				ExpireAfterSeconds: i.ExpireAfterSeconds, Partial: i.Partial, CaseInsensitive: i.Collation != nil}
			if i.Collation != nil && (i.Collation.Locale != "en_US" || i.Collation.Strength != 2) {
				t.Errorf("%s has another collation: %+v", i.Name, i.Collation)
			}
			made[c.CreateIndexes] = append(made[c.CreateIndexes], ix)
		}
	}
	if len(made) < 4 {
		t.Fatalf("indexes of %d collections were recorded", len(made))
	}
	return made
}

// describe is an index in one line, all of it.
func describe(ix store.Index) string {
	line := ix.Name + " on"
	for _, key := range ix.Keys {
		line += fmt.Sprintf(" %s:%v", key.Key, key.Value)
	}
	if ix.Unique {
		line += " unique"
	}
	if ix.Sparse {
		line += " sparse"
	}
	if ix.CaseInsensitive {
		line += " case-insensitive"
	}
	if ix.Partial != nil {
		line += fmt.Sprintf(" partial %v", ix.Partial)
	}
	if ix.ExpireAfterSeconds != nil {
		line += fmt.Sprintf(" expires after %d", *ix.ExpireAfterSeconds)
	}
	return line
}

func described(indexes []store.Index) []string {
	var lines []string
	for _, ix := range indexes {
		if ix.Name != "_id_" {
			lines = append(lines, describe(ix))
		}
	}
	slices.Sort(lines)
	return lines
}

// options are those that the recording was made with.
func options(log *bytes.Buffer) migrations.Options {
	return migrations.Options{
		Indexes: migrations.Indexes{UserUsername: true, UserUsernameCaseInsensitive: true, UserEmail: true, UserEmailCaseInsensitive: true,
			UserEmailVerifyToken: true, UserPasswordResetToken: true, RoleName: true, AuthDataUniqueness: true},
		AuthProviders: []string{"github", "anonymous"},
		Logger:        slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// Parse Server looks whether a name is taken in another case; Loam's indexes say so.
var uniqueUsers = []string{
	"unique_case_insensitive_email on email:1 unique sparse case-insensitive",
	"unique_case_insensitive_username on username:1 unique sparse case-insensitive",
}

// The indexes are those of parse-server, in every detail. Where Loam makes
// others, this is why:
func TestIndexesAreThoseOfParseServer(t *testing.T) {
	more := map[string][]string{
		// Parse Server makes the index of a polygon that is added to a class, and
		// forgets those that come with a new one.
		"Place": {"area_2dsphere on area:2dsphere"},
		"_User": uniqueUsers,
	}
	instead := map[string]string{
		// The field is stored under another name, so that Parse Server's index is empty.
		"by_creation on createdAt:-1": "by_creation on _created_at:-1",
	}
	s := open(t)
	var log bytes.Buffer
	if err := migrations.Run(t.Context(), s, options(&log)); err != nil {
		t.Fatal(err)
	}
	makeClasses(t, s)
	for collection, indexes := range recorded(t) {
		want := described(indexes)
		for i, line := range want {
			if other, ok := instead[line]; ok {
				want[i] = other
			}
		}
		want = append(want, more[collection]...)
		slices.Sort(want)
		there, err := s.Indexes(t.Context(), collection)
		if err != nil {
			t.Fatal(err)
		}
		if got := described(there); !slices.Equal(got, want) {
			t.Errorf("%s has\n%s\nwant\n%s", collection, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if log.Len() > 0 {
		t.Errorf("warnings: %s", log.String())
	}
}

// A database that parse-server has made opens with its indexes as they are, and
// gets those that Parse Server does without.
func TestDatabaseOfParseServerOpensWithoutConflict(t *testing.T) {
	s := open(t)
	all := recorded(t)
	for collection, indexes := range all {
		if err := s.CreateIndexes(t.Context(), collection, indexes...); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	if err := migrations.Run(t.Context(), s, options(&log)); err != nil {
		t.Fatal(err)
	}
	for _, collection := range slices.Sorted(maps.Keys(all)) {
		there, err := s.Indexes(t.Context(), collection)
		if err != nil {
			t.Fatal(err)
		}
		want := described(all[collection])
		if collection == "_User" {
			want = append(want, uniqueUsers...)
			slices.Sort(want)
		}
		if got := described(there); !slices.Equal(got, want) {
			t.Errorf("%s has\n%s\nwant\n%s", collection, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if log.Len() > 0 {
		t.Errorf("warnings: %s", log.String())
	}
}

// makeClasses makes the classes that the recording was made with.
func makeClasses(t *testing.T, s store.Store) {
	t.Helper()
	catalog, err := schema.Open(t.Context(), s, schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	body := func(text string) *parse.Object {
		o, err := parse.DecodeObject([]byte(text), parse.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	_, err = catalog.CreateClass(t.Context(), "Place", body(`{"fields":{"name":{"type":"String"},"where":{"type":"GeoPoint"},
		"area":{"type":"Polygon"},"owner":{"type":"Pointer","targetClass":"_User"},"visitors":{"type":"Relation","targetClass":"_User"}},
		"indexes":{"by_name":{"name":1},"by_owner_and_name":{"_p_owner":1,"name":-1},"name_text":{"name":"text"},"where_2dsphere":{"where":"2dsphere"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = catalog.UpdateClass(t.Context(), "Place", body(`{"fields":{"outline":{"type":"Polygon"}},"indexes":{"by_creation":{"createdAt":-1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]parse.FieldType{"area": {Kind: parse.KindPolygon}, "where": {Kind: parse.KindGeoPoint}, "text": {Kind: parse.KindString}}
	if _, err := catalog.EnsureClass(t.Context(), "Saved", fields); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}
