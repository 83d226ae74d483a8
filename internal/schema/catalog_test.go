package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

func openStore(t testing.TB) store.Store {
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

func openCatalog(t testing.TB, s store.Store, o Options) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stored returns a class's document.
func stored(t testing.TB, s store.Store, name string) bson.Raw {
	t.Helper()
	var found bson.Raw
	err := s.Find(t.Context(), "_SCHEMA", store.Find{Filter: bson.D{{Key: "_id", Value: name}}}, func(doc bson.Raw) error {
		found = slices.Clone(doc)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func insert(t testing.TB, s store.Store, collection, doc string) {
	t.Helper()
	if err := s.Insert(t.Context(), collection, document(t, doc)); err != nil {
		t.Fatal(err)
	}
}

func types(pairs ...any) map[string]parse.FieldType {
	m := make(map[string]parse.FieldType)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1].(parse.FieldType)
	}
	return m
}

func TestOpenMakesUsersAndRoles(t *testing.T) {
	s := openStore(t)
	openCatalog(t, s, Options{})
	c := openCatalog(t, s, Options{})
	var names []string
	for _, class := range c.Snapshot().Classes() {
		names = append(names, class.Name)
	}
	if got := strings.Join(names, " "); got != "_Role _User" {
		t.Errorf("classes %q", got)
	}
	class, err := c.Class(t.Context(), "_User")
	if err != nil || class.Fields["username"].Type != stringType {
		t.Errorf("_User = %+v, %v", class, err)
	}
}

func TestOpenTakesWhatParseServerLeft(t *testing.T) {
	s := openStore(t)
	insert(t, s, "_SCHEMA", `{"_id": "Game", "objectId": "string", "score": "number", "_metadata": {"class_permissions": {"find": {"*": true}}}}`)
	insert(t, s, "_SCHEMA", `{"_id": 5, "score": "number"}`)
	c := openCatalog(t, s, Options{})
	class, err := c.Class(t.Context(), "Game")
	if err != nil || class == nil || class.Fields["score"].Type != numberType || class.Permissions.Grants[OpGet].Public {
		t.Errorf("Game = %+v, %v", class, err)
	}
}

func TestEnsureClass(t *testing.T) {
	for _, test := range []struct {
		name    string
		class   string
		wanted  map[string]parse.FieldType
		code    parse.Code
		message string
		want    string
	}{
		{name: "new class", class: "Team", wanted: types("a", numberType, "b", pointerTo("_User")),
			want: `{"_id": "Team", "objectId": "string", "updatedAt": "date", "createdAt": "date", "a": "number", "b": "*_User"}`},
		{name: "new class without fields", class: "Team", want: `{"_id": "Team", "objectId": "string", "updatedAt": "date", "createdAt": "date"}`},
		{name: "system class", class: "_Session", wanted: types("user", pointerTo("_User"), "extra", stringType),
			want: `{"_id": "_Session", "objectId": "string", "updatedAt": "date", "createdAt": "date", "user": "*_User", "installationId": "string",
				"sessionToken": "string", "expiresAt": "date", "createdWith": "object", "extra": "string"}`},
		{name: "new fields", class: "Game", wanted: types("score", numberType, "c", relationTo("Team"), "b", arrayType),
			want: `{"_id": "Game", "score": "number", "place": "geopoint", "_metadata": {"class_permissions": {"find": {"*": true}}, "strange": 1}, "b": "array", "c": "relation<Team>"}`},
		{name: "nothing new", class: "Game", wanted: types("score", numberType, "null", parse.FieldType{}),
			want: `{"_id": "Game", "score": "number", "place": "geopoint", "_metadata": {"class_permissions": {"find": {"*": true}}, "strange": 1}}`},
		{name: "another type", class: "Game", wanted: types("score", stringType, "a", stringType), code: 111,
			message: "schema mismatch for Game.score; expected Number but got String"},
		{name: "second point", class: "Game", wanted: types("there", parse.FieldType{Kind: parse.KindGeoPoint}), code: 111,
			message: "MongoDB only supports one GeoPoint field in a class."},
		{name: "two points", class: "Team", wanted: types("a", parse.FieldType{Kind: parse.KindGeoPoint}, "b", parse.FieldType{Kind: parse.KindGeoPoint}), code: 111,
			message: "there can only be one geopoint field in a class"},
		{name: "bad field", class: "Game", wanted: types("a-b", stringType), code: 105, message: "Invalid field name: a-b."},
		{name: "bad class", class: "a-b", wanted: types("a", stringType), code: 107, message: "schema class name does not revalidate"},
		{name: "class that may not be", class: "_SCHEMA", wanted: types("a", stringType), code: 107, message: "schema class name does not revalidate"},
		{name: "internal class", class: "_Hooks", wanted: types("url", stringType)},
		{name: "internal class with a new field", class: "_Hooks", wanted: types("a", stringType), code: 107, message: "Could not add field a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			insert(t, s, "_SCHEMA", `{"_id": "Game", "score": "number", "place": "geopoint", "_metadata": {"class_permissions": {"find": {"*": true}}, "strange": 1}}`)
			c := openCatalog(t, s, Options{})
			class, err := c.EnsureClass(t.Context(), test.class, test.wanted)
			wantError(t, err, test.code, test.message)
			if err == nil {
				if missing, err := class.Missing(test.class, test.wanted); err != nil || missing != nil {
					t.Errorf("the class lacks %v, %v", missing, err)
				}
			}
			doc := stored(t, s, test.class)
			switch {
			case test.want == "" && test.class != "Game" && doc != nil:
				t.Errorf("stored %s, want nothing", doc)
			case test.want != "":
				// The store may put new fields in any order.
				var got, want bson.M
				if err := errors.Join(bson.Unmarshal(doc, &got), bson.Unmarshal(document(t, test.want), &want)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the stored class differs (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// Fifty writers on two nodes make the same class at once: it is made once and
// all of them can write.
func TestEnsureClassRace(t *testing.T) {
	s := openStore(t)
	nodes := []*Catalog{openCatalog(t, s, Options{}), openCatalog(t, s, Options{})}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			wanted := types("shared", numberType, fmt.Sprintf("own%d", i%10), stringType)
			class, err := nodes[i%2].EnsureClass(t.Context(), "Game", wanted)
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
				return
			}
			if missing, err := class.Missing("Game", wanted); err != nil || missing != nil {
				t.Errorf("writer %d: the class lacks %v, %v", i, missing, err)
			}
		})
	}
	wg.Wait()
	for _, node := range nodes {
		if err := node.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if class := node.Snapshot().Class("Game"); len(class.Fields) != 4+11 {
			t.Errorf("fields %v", class.FieldNames())
		}
	}
}

// Of writers that add a field with different types all those with one of the
// types succeed, and the others are told.
func TestEnsureClassRaceOfTypes(t *testing.T) {
	s := openStore(t)
	nodes := []*Catalog{openCatalog(t, s, Options{}), openCatalog(t, s, Options{})}
	kinds := []parse.FieldType{numberType, stringType}
	var won [2]atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			_, err := nodes[i%2].EnsureClass(t.Context(), "Game", types("value", kinds[i%2]))
			if err == nil {
				won[i%2].Add(1)
				return
			}
			wantError(t, err, 111, fmt.Sprintf("schema mismatch for Game.value; expected %s but got %s", kinds[1-i%2], kinds[i%2]))
		})
	}
	wg.Wait()
	if n, m := won[0].Load(), won[1].Load(); n+m != 25 || n*m != 0 {
		t.Errorf("%d writers of numbers and %d of strings succeeded, want 25 of one type", n, m)
	}
}

func TestDescribeReadsAnew(t *testing.T) {
	s := openStore(t)
	here, there := openCatalog(t, s, Options{}), openCatalog(t, s, Options{})
	if _, err := there.EnsureClass(t.Context(), "Game", types("score", numberType)); err != nil {
		t.Fatal(err)
	}
	want := `{"className": "Game", "fields": {` + defaultFieldsJSON + `, "score": {"type": "Number"}}, "classLevelPermissions": ` + publicJSON + `}`
	got, err := here.Describe(t.Context(), "Game")
	if err != nil {
		t.Fatal(err)
	}
	wantObject(t, got, want)
	internal, err := here.Describe(t.Context(), "_GlobalConfig")
	if err != nil {
		t.Fatal(err)
	}
	wantObject(t, internal, `{"className": "_GlobalConfig", "fields": {`+defaultFieldsJSON+`, "params": {"type": "Object"}, "masterKeyOnly": {"type": "Object"}}, "classLevelPermissions": {}}`)
}

// clock is a clock that tests set.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// reads counts the readings of classes.
type reads struct {
	store.Store
	n atomic.Int32
}

func (r *reads) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	r.n.Add(1)
	return r.Store.Find(ctx, collection, q, yield)
}

func TestClassesMadeElsewhereAreFound(t *testing.T) {
	s := openStore(t)
	var clock clock
	counted := &reads{Store: s}
	here, there := openCatalog(t, counted, Options{Now: clock.now}), openCatalog(t, s, Options{})
	if _, err := there.EnsureClass(t.Context(), "Game", nil); err != nil {
		t.Fatal(err)
	}
	clock.advance(missInterval)
	counted.n.Store(0)
	if class, err := here.Class(t.Context(), "Game"); err != nil || class == nil {
		t.Fatalf("Game = %v, %v", class, err)
	}
	for _, name := range []string{"Nope", "Nada", "Game", "a-b", "_SCHEMA"} {
		for range 100 {
			if class, err := here.Class(t.Context(), name); err != nil || (class != nil) != (name == "Game") {
				t.Fatalf("%s = %v, %v", name, class, err)
			}
		}
	}
	if n := counted.n.Load(); n != 1 {
		t.Errorf("the store was asked %d times within the interval, want once", n)
	}
}

func TestCacheTTL(t *testing.T) {
	s := openStore(t)
	var clock clock
	here, there := openCatalog(t, s, Options{Now: clock.now, CacheTTL: 5 * time.Second}), openCatalog(t, s, Options{})
	if _, err := there.UpdateClass(t.Context(), "_Role", object(t, `{"fields": {"extra": {"type": "String"}}}`)); err != nil {
		t.Fatal(err)
	}
	has := func() bool {
		class, err := here.Class(t.Context(), "_Role")
		if err != nil {
			t.Fatal(err)
		}
		return class.Fields["extra"] != nil
	}
	if has() {
		t.Error("the class was read anew before its time")
	}
	clock.advance(5 * time.Second)
	if !has() {
		t.Error("the class was not read anew")
	}
}

func TestUnchangedClassesStayTheSame(t *testing.T) {
	s := openStore(t)
	c := openCatalog(t, s, Options{})
	before, role := c.Snapshot(), c.Snapshot().Class("_Role")
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Snapshot() != before {
		t.Error("a refresh without changes made another snapshot")
	}
	if _, err := c.EnsureClass(t.Context(), "_User", types("nick", stringType)); err != nil {
		t.Fatal(err)
	}
	if c.Snapshot() == before || c.Snapshot().Class("_Role") != role {
		t.Error("a change of one class must make another snapshot with the same other classes")
	}
	if before.Class("_User").Fields["nick"] != nil {
		t.Error("a snapshot was changed")
	}
}

func TestTransaction(t *testing.T) {
	s := openStore(t)
	c := openCatalog(t, s, Options{})
	failure := errors.New("failure")
	for _, outcome := range []error{failure, nil} {
		err := c.Transaction(t.Context(), func(ctx context.Context) error {
			for _, wanted := range []map[string]parse.FieldType{types("a", numberType), types("a", numberType, "b", relationTo("Game"))} {
				if _, err := c.EnsureClass(ctx, "Game", wanted); err != nil {
					return err
				}
			}
			if class, err := c.Class(ctx, "Game"); err != nil || class == nil || class.Fields["b"] == nil {
				t.Errorf("within the transaction Game = %+v, %v", class, err)
			}
			if _, err := c.EnsureClass(ctx, "Game", types("a", stringType)); parse.CodeOf(err) != parse.IncorrectType {
				t.Errorf("within the transaction another type gives %v", err)
			}
			if c.Snapshot().Class("Game") != nil {
				t.Error("others see the class before the transaction has succeeded")
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Fatalf("error %v, want %v", err, outcome)
		}
		if class := c.Snapshot().Class("Game"); (class != nil) != (outcome == nil) {
			t.Errorf("after the transaction ended with %v Game = %+v", outcome, class)
		}
	}
	if names := indexNames(t, s, "_Join:b:Game"); !slices.Contains(names, "relatedId_1") {
		t.Errorf("indexes of the relation: %v", names)
	}
}

func TestTransactionsNest(t *testing.T) {
	c := openCatalog(t, openStore(t), Options{})
	err := c.Transaction(t.Context(), func(ctx context.Context) error {
		err := c.Transaction(ctx, func(ctx context.Context) error {
			_, err := c.EnsureClass(ctx, "Game", nil)
			return err
		})
		if class, _ := c.Class(ctx, "Game"); class == nil {
			t.Error("the outer transaction does not see the class")
		}
		return err
	})
	if err != nil || c.Snapshot().Class("Game") == nil {
		t.Errorf("after the transaction: %v, %v", c.Snapshot().Class("Game"), err)
	}
}

func TestCancelledCallsEnd(t *testing.T) {
	c := openCatalog(t, openStore(t), Options{})
	c.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Refresh gives %v", err)
	}
	if _, err := c.EnsureClass(ctx, "Game", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("EnsureClass gives %v", err)
	}
}

func BenchmarkEnsureClassThatIsThere(b *testing.B) {
	c := openCatalog(b, openStore(b), Options{})
	wanted := types("score", numberType, "player", stringType)
	if _, err := c.EnsureClass(b.Context(), "Game", wanted); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.EnsureClass(b.Context(), "Game", wanted); err != nil {
			b.Fatal(err)
		}
	}
}
