package schema

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

func TestCreateClass(t *testing.T) {
	s := openStore(t)
	c := openCatalog(t, s, Options{})
	got, err := c.CreateClass(t.Context(), "Game", object(t, `{"className": "Game", "fields": {"score": {"type": "Number", "required": true}},
		"classLevelPermissions": {"find": {"*": true}}, "indexes": {"best": {"score": -1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"className": "Game", "fields": {` + defaultFieldsJSON + `, "score": {"type": "Number", "required": true}},
		"classLevelPermissions": {` + strings.Replace(closedJSON, `"find": {}`, `"find": {"*": true}`, 1) + `}, "indexes": {"best": {"score": -1}}}`
	wantObject(t, got, want)
	described, err := c.Describe(t.Context(), "Game")
	if err != nil {
		t.Fatal(err)
	}
	wantObject(t, described, want)
	if names := indexNames(t, s, "Game"); !slices.Contains(names, "best") {
		t.Errorf("indexes %v", names)
	}
	for _, test := range []struct {
		class, body string
		code        parse.Code
		message     string
	}{
		{"Game", `{}`, 103, "Class Game already exists."},
		{"_User", `{}`, 103, "Class _User already exists."},
		{"_Hooks", `{}`, 103, "Class _Hooks already exists."},
		{"Game", `{"className": "Other"}`, 103, "Class name mismatch between Other and Game."},
		{"_Foo", `{}`, 103, "Invalid classname: _Foo, classnames can only have alphanumeric characters and _, and must start with an alpha character "},
		{"_Installation", `{"fields": {"deviceToken": {"type": "String"}}}`, 136, "field deviceToken cannot be added"},
	} {
		_, err := c.CreateClass(t.Context(), test.class, object(t, test.body))
		wantError(t, err, test.code, test.message)
	}
	if _, err := c.Describe(t.Context(), "Nope"); err == nil {
		t.Error("a class that is not there is described")
	} else {
		wantError(t, err, 103, "Class Nope does not exist.")
	}
}

func indexNames(t testing.TB, s store.Store, collection string) []string {
	t.Helper()
	indexes, err := s.Indexes(t.Context(), collection)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, index := range indexes {
		names = append(names, index.Name)
	}
	return names
}

func TestCreateClassRace(t *testing.T) {
	s := openStore(t)
	nodes := []*Catalog{openCatalog(t, s, Options{}), openCatalog(t, s, Options{})}
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			switch _, err := nodes[i%2].CreateClass(t.Context(), "Game", object(t, `{}`)); {
			case err == nil:
				made.Add(1)
			default:
				wantError(t, err, 103, "Class Game already exists.")
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("the class was made %d times", made.Load())
	}
}

func TestUpdateClass(t *testing.T) {
	s := openStore(t)
	insert(t, s, "_SCHEMA", `{"_id": "Game", "objectId": "string", "a": "string", "owner": "*_User", "fans": "relation<_User>", "n": "number",
		"_metadata": {"fields_options": {"a": {"required": true}, "n": {"defaultValue": 3}}, "indexes": {"old": {"a": 1}}, "strange": {"kept": true}}}`)
	insert(t, s, "Game", `{"_id": "g1", "a": "x", "_p_owner": "_User$u", "n": 1}`)
	insert(t, s, "Game", `{"_id": "g2", "n": 2}`)
	insert(t, s, "_Join:fans:Game", `{"_id": "j1", "owningId": "g1", "relatedId": "u"}`)
	if err := s.CreateIndexes(t.Context(), "Game", store.Index{Name: "old", Keys: bson.D{{Key: "a", Value: int32(1)}}}); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, s, Options{ProtectedFields: map[string]map[string][]string{"Game": {"*": {"n"}}}})
	got, err := c.UpdateClass(t.Context(), "Game", object(t, `{
		"fields": {"a": {"__op": "Delete"}, "owner": {"__op": "Delete"}, "fans": {"__op": "Delete"}, "n": {"type": "Number", "required": true},
			"list": {"type": "Array", "defaultValue": [1]}},
		"classLevelPermissions": {"get": {"*": true}}, "indexes": {"old": {"__op": "Delete"}, "new": {"n": 1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	permissions := strings.Replace(closedJSON, `"get": {}`, `"get": {"*": true}`, 1)
	want := `{"className": "Game", "fields": {` + defaultFieldsJSON + `, "n": {"type": "Number", "required": true}, "list": {"type": "Array", "defaultValue": [1]}},
		"classLevelPermissions": {%s}, "indexes": {"_id_": {"_id": 1}, "new": {"n": 1}}}`
	wantObject(t, got, fmt.Sprintf(want, strings.Replace(permissions, `"protectedFields": {}`, `"protectedFields": {"*": ["n"]}`, 1)))
	described, err := c.Describe(t.Context(), "Game")
	if err != nil {
		t.Fatal(err)
	}
	wantObject(t, described, fmt.Sprintf(want, permissions))
	if kept, ok := stored(t, s, "Game").Lookup("_metadata", "strange", "kept").BooleanOK(); !ok || !kept {
		t.Error("what Loam does not know of the metadata is gone")
	}
	if names := indexNames(t, s, "Game"); slices.Contains(names, "old") || !slices.Contains(names, "new") {
		t.Errorf("indexes %v", names)
	}
	err = s.Find(t.Context(), "Game", store.Find{Filter: bson.D{{Key: "_id", Value: "g1"}}}, func(doc bson.Raw) error {
		if doc.String() != document(t, `{"_id": "g1", "n": 1}`).String() {
			t.Errorf("the object is %s", doc)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Count(t.Context(), "_Join:fans:Game", store.Count{}); err != nil || n != 0 {
		t.Errorf("the relation has %d members, %v", n, err)
	}
	// The field may come back as another type.
	if _, err := c.EnsureClass(t.Context(), "Game", types("a", numberType)); err != nil {
		t.Error(err)
	}
}

func TestUpdateClassResetsPermissions(t *testing.T) {
	s := openStore(t)
	insert(t, s, "_SCHEMA", `{"_id": "Game", "n": "number", "_metadata": {"class_permissions": {}, "fields_options": {"n": {"required": true}}}}`)
	c := openCatalog(t, s, Options{})
	got, err := c.UpdateClass(t.Context(), "Game", object(t, `{"classLevelPermissions": null, "fields": {"n": {"type": "Number"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	wantObject(t, got, `{"className": "Game", "fields": {`+defaultFieldsJSON+`, "n": {"type": "Number"}}, "classLevelPermissions": `+publicJSON+`}`)
}

func TestUpdateClassThatIsNotThere(t *testing.T) {
	c := openCatalog(t, openStore(t), Options{})
	for _, name := range []string{"Nope", "_JobStatus", "a-b"} {
		_, err := c.UpdateClass(t.Context(), name, object(t, `{}`))
		wantError(t, err, 103, "Class "+name+" does not exist.")
	}
}

func TestDeleteClass(t *testing.T) {
	s := openStore(t)
	insert(t, s, "_SCHEMA", `{"_id": "Game", "fans": "relation<_User>"}`)
	insert(t, s, "Game", `{"_id": "g1"}`)
	insert(t, s, "_Join:fans:Game", `{"_id": "j1", "owningId": "g1", "relatedId": "u"}`)
	c := openCatalog(t, s, Options{})
	wantError(t, c.DeleteClass(t.Context(), "Game"), 255, "Class Game is not empty, contains 1 objects, cannot drop schema.")
	if _, err := s.Delete(t.Context(), "Game", bson.D{}, true); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteClass(t.Context(), "Game"); err != nil {
		t.Fatal(err)
	}
	if doc := stored(t, s, "Game"); doc != nil || c.Snapshot().Class("Game") != nil {
		t.Errorf("the class is still there: %s", doc)
	}
	names, err := s.Collections(t.Context())
	if err != nil || slices.Contains(names, "Game") || slices.Contains(names, "_Join:fans:Game") {
		t.Errorf("collections %v, %v", names, err)
	}
	if err := c.DeleteClass(t.Context(), "Nope"); err != nil {
		t.Error(err)
	}
	wantError(t, c.DeleteClass(t.Context(), "_Hooks"), 103,
		"Invalid classname: _Hooks, classnames can only have alphanumeric characters and _, and must start with an alpha character ")
}

// A class made anew must not have lost what keeps its values unique.
func TestDeleteSystemClassKeepsIndexes(t *testing.T) {
	s := openStore(t)
	unique := store.Index{Name: "name_1", Keys: bson.D{{Key: "name", Value: int32(1)}}, Unique: true, Sparse: true}
	if err := s.CreateIndexes(t.Context(), "_Role", unique); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, s, Options{})
	if err := c.DeleteClass(t.Context(), "_Role"); err != nil {
		t.Fatal(err)
	}
	if names := indexNames(t, s, "_Role"); !slices.Contains(names, "name_1") {
		t.Errorf("indexes %v", names)
	}
}
