package schema

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// What parse-server 9.10.0 answers to POST /schemas/Game, save the rows about
// JSON of a wrong kind, to which it answers with internal errors.
func TestDefineClass(t *testing.T) {
	const badClass = "Invalid classname: a-b, classnames can only have alphanumeric characters and _, and must start with an alpha character "
	for _, test := range []struct {
		name, body string
		code       parse.Code
		message    string
	}{
		{name: "nothing", body: `{}`},
		{name: "no fields", body: `{"fields": {}}`},
		{"bad name", `{"fields": {"a-b": {"type": "String"}}}`, 105, "invalid field name: a-b"},
		{"reserved name", `{"fields": {"length": {"type": "String"}}}`, 105, "invalid field name: length"},
		{"class name", `{"fields": {"className": {"type": "String"}}}`, 105, "invalid field name: className"},
		{"stored name", `{"fields": {"_rperm": {"type": "Array"}}}`, 105, "invalid field name: _rperm"},
		{"default field", `{"fields": {"objectId": {"type": "String"}}}`, 136, "field objectId cannot be added"},
		{"ACL", `{"fields": {"ACL": {"type": "ACL"}}}`, 136, "field ACL cannot be added"},
		{"no object", `{"fields": {"a": "String"}}`, 107, "invalid JSON"},
		{"null", `{"fields": {"a": null}}`, 107, "invalid JSON"},
		{"no type", `{"fields": {"a": {}}}`, 107, "invalid JSON"},
		{"type of a wrong kind", `{"fields": {"a": {"type": 5}}}`, 107, "invalid JSON"},
		{"deletion", `{"fields": {"a": {"__op": "Delete"}}}`, 107, "invalid JSON"},
		{"empty type", `{"fields": {"a": {"type": ""}}}`, 111, "invalid field type: "},
		{"unknown type", `{"fields": {"a": {"type": "Foo"}}}`, 111, "invalid field type: Foo"},
		{"type ACL", `{"fields": {"a": {"type": "ACL"}}}`, 111, "invalid field type: ACL"},
		{"no target", `{"fields": {"a": {"type": "Pointer"}}}`, 135, "type Pointer needs a class name"},
		{"empty target", `{"fields": {"a": {"type": "Relation", "targetClass": ""}}}`, 135, "type Relation needs a class name"},
		{"target of a wrong kind", `{"fields": {"a": {"type": "Relation", "targetClass": 5}}}`, 107, "invalid JSON"},
		{"bad target", `{"fields": {"a": {"type": "Pointer", "targetClass": "a-b"}}}`, 103, badClass},
		{name: "target of a plain type is ignored", body: `{"fields": {"a": {"type": "String", "targetClass": "Foo"}}}`},
		{name: "every type", body: `{"fields": {"a": {"type": "String"}, "b": {"type": "Number"}, "c": {"type": "Boolean"}, "d": {"type": "Date"}, "e": {"type": "Object"},
			"f": {"type": "Array"}, "g": {"type": "GeoPoint"}, "h": {"type": "Polygon"}, "i": {"type": "File"}, "j": {"type": "Bytes"},
			"k": {"type": "Pointer", "targetClass": "_User"}, "l": {"type": "Relation", "targetClass": "Game"}}}`},
		{"default of another type", `{"fields": {"a": {"type": "String", "defaultValue": 5}}}`, 111, "schema mismatch for Game.a default value; expected String but got Number"},
		{"default of another target", `{"fields": {"a": {"type": "Pointer", "targetClass": "X", "defaultValue": {"__type": "Pointer", "className": "Y", "objectId": "x"}}}}`,
			111, "schema mismatch for Game.a default value; expected Pointer<X> but got Pointer<Y>"},
		{"default of unknown type", `{"fields": {"a": {"type": "Date", "defaultValue": {"__type": "Datex"}}}}`, 111, "This is not a valid Datex"},
		{"default of a relation", `{"fields": {"a": {"type": "Relation", "targetClass": "X", "defaultValue": {"__type": "Relation", "className": "X"}}}}`,
			111, "The 'default value' option is not applicable for Relation<X>"},
		{"text as default of a relation", `{"fields": {"a": {"type": "Relation", "targetClass": "X", "defaultValue": "x"}}}`,
			111, "schema mismatch for Game.a default value; expected Relation<X> but got String"},
		{"required relation", `{"fields": {"a": {"type": "Relation", "targetClass": "X", "required": true}}}`, 111, "The 'required' option is not applicable for Relation<X>"},
		{"operation as default", `{"fields": {"a": {"type": "Object", "defaultValue": {"__op": "Increment", "amount": 1}}}}`,
			111, "schema mismatch for Game.a default value; expected Object but got Number"},
		// parse-server takes it and keeps the operation for ever.
		{"fitting operation as default", `{"fields": {"a": {"type": "Number", "defaultValue": {"__op": "Increment", "amount": 1}}}}`,
			111, "schema mismatch for Game.a default value; expected Number but got Object"},
		{name: "null is no default", body: `{"fields": {"a": {"type": "String", "defaultValue": null}}}`},
		{name: "a default date", body: `{"fields": {"a": {"type": "Date", "defaultValue": {"__type": "Date", "iso": "2020-01-01T00:00:00.000Z"}}}}`},
		{"operator in options", `{"fields": {"a": {"type": "Object", "defaultValue": {"$set": 1}}}}`, 121, "Nested keys should not contain the '$' or '.' characters"},
		{"two points", `{"fields": {"a": {"type": "GeoPoint"}, "b": {"type": "GeoPoint"}}}`,
			111, "currently, only one GeoPoint field may exist in an object. Adding b when a already exists."},
		{"fields of a wrong kind", `{"fields": ["a"]}`, 107, "invalid JSON"},
		{"null fields", `{"fields": null}`, 107, "invalid JSON"},
		{"permissions of a wrong kind", `{"classLevelPermissions": 5}`, 107, "invalid JSON"},
		{name: "null permissions", body: `{"classLevelPermissions": null}`},
		{"permissions on what is not there", `{"classLevelPermissions": {"readUserFields": ["owner"]}}`,
			107, "'owner' is not a valid column for class level pointer permissions readUserFields"},
		{name: "permissions on what is going to be there", body: `{"fields": {"owner": {"type": "Pointer", "targetClass": "_User"}}, "classLevelPermissions": {"readUserFields": ["owner"]}}`},
		{"index on what is not there", `{"indexes": {"i1": {"zz": 1}}}`, 102, "Field zz does not exist, cannot add index."},
		{"index on ACL", `{"indexes": {"i1": {"ACL": 1}}}`, 102, "Field ACL does not exist, cannot add index."},
		{"deletion of an index", `{"indexes": {"i1": {"__op": "Delete"}}}`, 102, "Index i1 does not exist, cannot delete."},
		{"the index of ids", `{"indexes": {"_id_": {"objectId": 1}}}`, 102, "Index _id_ exists, cannot update."},
		{"index of a wrong kind", `{"indexes": {"i1": "a"}}`, 107, "invalid JSON"},
		{"indexes of a wrong kind", `{"indexes": 5}`, 107, "invalid JSON"},
		{"index without fields", `{"indexes": {"i1": {}}}`, 102, "Index i1 names no fields."},
		{"index with an odd order", `{"indexes": {"i1": {"createdAt": 2}}}`, 102, "Index i1: the order of createdAt must be 1 or -1."},
		{"index with a bad name", `{"indexes": {"a$b": {"createdAt": 1}}}`, 102, "Invalid index name: a$b"},
		{name: "index", body: `{"indexes": {"i1": {"createdAt": -1, "objectId": "hashed"}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := defineClass("Game", object(t, test.body), rules{})
			wantError(t, err, test.code, test.message)
		})
	}
}

// What parse-server 9.10.0 answers to PUT /schemas/Game.
func TestRedefineClass(t *testing.T) {
	game := class(t, `{"_id": "Game", "a": "string", "p": "*Team", "r": "relation<Team>", "n": "number", "g": "geopoint",
		"_metadata": {"fields_options": {"n": {"required": true, "defaultValue": 3}}, "indexes": {"_id_": {"_id": 1}, "i1": {"a": 1}}}}`)
	user := class(t, `{"_id": "_User", "nick": "string"}`)
	for _, test := range []struct {
		name    string
		class   *Class
		body    string
		code    parse.Code
		message string
	}{
		{name: "nothing", body: `{}`},
		{"another type", game, `{"fields": {"a": {"type": "Number"}}}`, 255, "Field a exists, cannot update."},
		{"another type of a default field", game, `{"fields": {"objectId": {"type": "Number"}}}`, 255, "Field objectId exists, cannot update."},
		{"no type", game, `{"fields": {"a": {"__op": "Foo"}}}`, 255, "Field a exists, cannot update."},
		{"no object", game, `{"fields": {"a": "String"}}`, 255, "Field a exists, cannot update."},
		{"no type of a new field", game, `{"fields": {"b": {"__op": "Foo"}}}`, 107, "invalid JSON"},
		{"another target", game, `{"fields": {"p": {"type": "Pointer", "targetClass": "Sy"}}}`, 111, "schema mismatch for Game.p; expected Pointer<Team> but got Pointer<Sy>"},
		{"deletion of what is not there", game, `{"fields": {"zz": {"__op": "Delete"}}}`, 255, "Field zz does not exist, cannot delete."},
		{"deletion of a bad name", game, `{"fields": {"a-b": {"__op": "Delete"}}}`, 255, "Field a-b does not exist, cannot delete."},
		{"deletion of a default field", game, `{"fields": {"objectId": {"__op": "Delete"}}}`, 136, "field objectId cannot be changed"},
		{"deletion of a system class's field", user, `{"fields": {"username": {"__op": "Delete"}}}`, 136, "field username cannot be changed"},
		{"bad name", game, `{"fields": {"a-b": {"type": "String"}}}`, 105, "invalid field name: a-b"},
		{name: "default field as it is", body: `{"fields": {"objectId": {"type": "String"}, "createdAt": {"type": "Date"}}}`},
		{"default of another type", game, `{"fields": {"n": {"type": "Number", "defaultValue": "x"}}}`, 111, "schema mismatch for Game.n default value; expected Number but got String"},
		{"second point", game, `{"fields": {"h": {"type": "GeoPoint"}}}`, 111, "currently, only one GeoPoint field may exist in an object. Adding h when g already exists."},
		{name: "a point for another", body: `{"fields": {"g": {"__op": "Delete"}, "h": {"type": "GeoPoint"}}}`},
		{"index that is there", game, `{"indexes": {"i1": {"a": 1}}}`, 102, "Index i1 exists, cannot update."},
		{"index that is not there", game, `{"indexes": {"i9": {"__op": "Delete"}}}`, 102, "Index i9 does not exist, cannot delete."},
		{"the index of ids", game, `{"indexes": {"_id_": {"__op": "Delete"}}}`, 102, "cannot drop _id index"},
		{"index on what is not there", game, `{"indexes": {"i2": {"zz": 1}}}`, 102, "Field zz does not exist, cannot add index."},
		{"index on a relation", game, `{"indexes": {"i2": {"r": 1}}}`, 102, "Field r does not exist, cannot add index."},
		{"index on what goes", game, `{"fields": {"n": {"__op": "Delete"}}, "indexes": {"i2": {"n": 1}}}`, 102, "Field n does not exist, cannot add index."},
		{name: "index on what comes", body: `{"fields": {"m": {"type": "Number"}}, "indexes": {"i2": {"m": 1}}}`},
		{"protection of what goes", game, `{"fields": {"a": {"__op": "Delete"}}, "classLevelPermissions": {"protectedFields": {"*": ["a"]}}}`,
			107, "Field 'a' in protectedFields:* does not exist"},
		{name: "protection of a system class's field", class: user, body: `{"classLevelPermissions": {"protectedFields": {"*": ["email"]}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.class == nil {
				test.class = game
			}
			_, err := redefineClass(test.class, object(t, test.body), rules{})
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestIndexesAreMadeOnStoredNames(t *testing.T) {
	game := class(t, `{"_id": "Game", "owner": "*_User", "rival": "*_User", "words": "string", "_metadata": {"indexes": {"old": {"words": 1}}}}`)
	d, err := redefineClass(game, object(t, `{"indexes": {"i": {"owner": 1, "_p_rival": -1, "createdAt": 1, "words": "text"}, "old": {"__op": "Delete"}}}`), rules{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, index := range d.indexes.stored() {
		for _, key := range index.Keys {
			got += key.Key + " "
		}
	}
	if got != "_p_owner _p_rival _created_at words " {
		t.Errorf("the index is made on %s", got)
	}
	// The schema keeps what was asked for.
	wantObject(t, decodeJSON(marshal(t, d.indexes.recorded(game))), `{"_id_": {"_id": 1}, "i": {"owner": 1, "_p_rival": -1, "createdAt": 1, "words": "text"}}`)
}

func TestIndexFieldValidationSwitchedOff(t *testing.T) {
	if _, err := defineClass("Game", object(t, `{"indexes": {"i": {"tags.name": 1}}}`), rules{anyIndexField: true}); err != nil {
		t.Error(err)
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add(`{"fields": {"a": {"type": "Pointer", "targetClass": "_User", "required": true}}, "classLevelPermissions": {"find": {"pointerFields": ["a"]}}, "indexes": {"i": {"a": 1}}}`)
	f.Add(`{"fields": {"a": {"__op": "Delete"}}, "classLevelPermissions": {"protectedFields": {"*": ["a"]}, "ACL": {"*": {"read": true}}}}`)
	game := class(f, `{"_id": "Game", "a": "string", "p": "*Team", "_metadata": {"indexes": {"i1": {"a": 1}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		body, err := parse.DecodeObject([]byte(text), parse.Limits{})
		if err != nil {
			return
		}
		if d, err := defineClass("Game", body, rules{}); err == nil {
			doc, err := encodeClass("Game", d.added, d.permissions, d.indexes.recorded(nil))
			if err != nil {
				t.Fatalf("a class that was defined cannot be stored: %v", err)
			}
			c, err := decodeClass(doc, nil)
			if err != nil {
				t.Fatalf("a class that was stored cannot be read: %v", err)
			}
			for _, f := range d.added {
				if got := c.Fields[f.Name]; got == nil || got.Type != f.Type || got.Required != f.Required {
					t.Errorf("field %q was %+v and is read as %+v", f.Name, f, got)
				}
			}
		}
		if d, err := redefineClass(game, body, rules{customIDs: true}); err == nil {
			marshal(t, append(bson.D{}, d.metadataChange(game)...))
		}
	})
}
