package schema

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

const (
	defaultFieldsJSON = `"objectId": {"type": "String"}, "createdAt": {"type": "Date"}, "updatedAt": {"type": "Date"}, "ACL": {"type": "ACL"}`
	publicJSON        = `{"ACL": {"*": {"read": true, "write": true}}, "find": {"*": true}, "count": {"*": true}, "get": {"*": true},
		"create": {"*": true}, "update": {"*": true}, "delete": {"*": true}, "addField": {"*": true}, "protectedFields": {"*": []}}`
	closedJSON = `"find": {}, "count": {}, "get": {}, "create": {}, "update": {}, "delete": {}, "addField": {}, "protectedFields": {}`
)

// Documents as parse-server's MongoDB adapter writes and reads them.
func TestDecodeClass(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{
			"a bare class",
			`{"_id": "Game", "objectId": "string", "updatedAt": "date", "createdAt": "date"}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `}, "classLevelPermissions": ` + publicJSON + `}`,
		},
		{
			"every type",
			`{"_id": "Game", "objectId": "string", "updatedAt": "string", "createdAt": "string", "s": "string", "n": "number", "b": "boolean",
			  "d": "date", "o": "object", "m": "map", "a": "array", "g": "geopoint", "y": "polygon", "f": "file", "x": "bytes",
			  "p": "*_User", "r": "relation<Team>"}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `, "s": {"type": "String"}, "n": {"type": "Number"},
			  "b": {"type": "Boolean"}, "d": {"type": "Date"}, "o": {"type": "Object"}, "m": {"type": "Object"}, "a": {"type": "Array"},
			  "g": {"type": "GeoPoint"}, "y": {"type": "Polygon"}, "f": {"type": "File"}, "x": {"type": "Bytes"},
			  "p": {"type": "Pointer", "targetClass": "_User"}, "r": {"type": "Relation", "targetClass": "Team"}},
			  "classLevelPermissions": ` + publicJSON + `}`,
		},
		{
			"what is not understood is left out",
			`{"_id": "Game", "a": "nonsense", "b": 5, "c": "*", "d": "relation<", "e": "relation<>", "s": "string", "_client_permissions": {"find": {}}}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `, "s": {"type": "String"}}, "classLevelPermissions": ` + publicJSON + `}`,
		},
		{
			"a system class has its fields whatever the document says",
			`{"_id": "_Role", "name": "string"}`,
			`{"className": "_Role", "fields": {` + defaultFieldsJSON + `, "name": {"type": "String"},
			  "users": {"type": "Relation", "targetClass": "_User"}, "roles": {"type": "Relation", "targetClass": "_Role"}},
			  "classLevelPermissions": ` + publicJSON + `}`,
		},
		{
			"metadata",
			`{"_id": "Game", "_metadata": {"fields_options": {"score": {"required": true, "defaultValue": 3},
			    "when": {"defaultValue": {"__type": "Date", "iso": "2020-01-01T00:00:00.000Z"}}, "objectId": {"required": true}},
			  "class_permissions": {"find": {"*": true, "role:a": true}, "get": {"requiresAuthentication": true, "u1": true, "pointerFields": ["owner"]},
			    "protectedFields": {"*": ["score"]}, "readUserFields": ["owner"], "ACL": {"currentUser": {"read": true}}},
			  "indexes": {"_id_": {"_id": 1}, "best": {"score": -1, "when": 1}, "words": {"text": "text"}}},
			  "score": "number", "when": "date", "owner": "*_User"}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `, "score": {"type": "Number", "required": true, "defaultValue": 3},
			    "when": {"type": "Date", "defaultValue": {"__type": "Date", "iso": "2020-01-01T00:00:00.000Z"}},
			    "owner": {"type": "Pointer", "targetClass": "_User"}},
			  "classLevelPermissions": {"find": {"*": true, "role:a": true}, "count": {}, "get": {"requiresAuthentication": true, "u1": true, "pointerFields": ["owner"]},
			    "create": {}, "update": {}, "delete": {}, "addField": {}, "protectedFields": {"*": ["score"]}, "readUserFields": ["owner"],
			    "ACL": {"currentUser": {"read": true}}},
			  "indexes": {"_id_": {"_id": 1}, "best": {"score": -1, "when": 1}, "words": {"text": "text"}}}`,
		},
		{
			"permissions that say nothing close the class",
			`{"_id": "Game", "_metadata": {"class_permissions": {}}}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `}, "classLevelPermissions": {` + closedJSON + `}}`,
		},
		{
			"null permissions are none",
			`{"_id": "Game", "_metadata": {"class_permissions": null, "fields_options": null, "indexes": null}}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `}, "classLevelPermissions": ` + publicJSON + `}`,
		},
		{
			"permissions of unknown kinds grant nothing",
			`{"_id": "Game", "_metadata": {"class_permissions": {"find": ["*"], "get": {"*": 1}, "create": {"*": "true"}, "fly": {"*": true},
			  "protectedFields": {"*": "a"}, "readUserFields": "owner"}}}`,
			`{"className": "Game", "fields": {` + defaultFieldsJSON + `}, "classLevelPermissions": {` + closedJSON + `}}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) { wantObject(t, class(t, test.document).Object(), test.want) })
	}
}

func TestDecodedField(t *testing.T) {
	c := class(t, `{"_id": "Game", "a": "string", "b": "date", "c": "number", "_metadata": {"fields_options": {
		"a": {"required": true}, "b": {"defaultValue": {"__type": "Date", "iso": "2020-01-01T00:00:00.000Z"}}, "c": {"required": "yes", "defaultValue": null}}}}`)
	if a := c.Fields["a"]; !a.Required || a.Default != nil {
		t.Errorf("a = %+v, want required without a default", a)
	}
	if b := c.Fields["b"]; b.Required || b.Default != parse.Value(parse.Date(1577836800000)) {
		t.Errorf("b = %+v, want a default date", b)
	}
	if f := c.Fields["c"]; f.Required || f.Default != nil {
		t.Errorf("c = %+v, want neither", f)
	}
	if got := strings.Join(c.Obligations(), " "); got != "a b" {
		t.Errorf("obligations %q, want a b", got)
	}
	if got := strings.Join(c.FieldNames(), " "); got != "objectId createdAt updatedAt ACL a b c" {
		t.Errorf("fields %q", got)
	}
}

func TestConfiguredProtectedFields(t *testing.T) {
	doc := document(t, `{"_id": "_User", "_metadata": {"class_permissions": {"protectedFields": {"*": ["phone"], "userField:gone": []}}}, "phone": "string"}`)
	c, err := decodeClass(doc, map[string]map[string][]string{"_User": {"*": {"email", "phone"}, "role:a": {"phone"}}, "Game": {"*": {"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	hidden, owners := c.Permissions.ProtectedFieldsFor("u1", nil)
	if strings.Join(hidden, " ") != "phone email" || owners != nil {
		t.Errorf("hidden %v, owners %v", hidden, owners)
	}
	if hidden, _ := c.Permissions.ProtectedFieldsFor("u1", []string{"a"}); strings.Join(hidden, " ") != "phone" {
		t.Errorf("hidden from the role: %v", hidden)
	}
	// What is configured is not the class's own.
	wantObject(t, object(t, string(parse.AppendJSON(nil, c.Permissions.object(c.protected)))), `{`+strings.Replace(closedJSON,
		`"protectedFields": {}`, `"protectedFields": {"*": ["phone"], "userField:gone": []}`, 1)+`}`)
}

// The documents are those that parse-server's MongoDB adapter inserts for the
// same requests.
func TestEncodeClass(t *testing.T) {
	for _, test := range []struct{ name, class, body, want string }{
		{"users", "_User", `{}`, `{"_id": "_User", "objectId": "string", "updatedAt": "date", "createdAt": "date", "username": "string", "email": "string", "emailVerified": "boolean", "authData": "object"}`},
		{"roles", "_Role", `{}`, `{"_id": "_Role", "objectId": "string", "updatedAt": "date", "createdAt": "date", "name": "string", "users": "relation<_User>", "roles": "relation<_Role>"}`},
		{"sessions", "_Session", `{}`, `{"_id": "_Session", "objectId": "string", "updatedAt": "date", "createdAt": "date", "user": "*_User", "installationId": "string", "sessionToken": "string", "expiresAt": "date", "createdWith": "object"}`},
		{"everything", "Game", `{"fields": {"score": {"type": "Number", "required": true}, "when": {"type": "Date", "defaultValue": {"__type": "Date", "iso": "2020-01-01T00:00:00.000Z"}},
			"o": {"type": "Pointer", "targetClass": "_User"}, "r": {"type": "Relation", "targetClass": "_User"}, "p": {"type": "Polygon"}},
			"classLevelPermissions": {"find": {"*": true}}, "indexes": {"a": {"score": 1}}}`,
			`{"_id": "Game", "objectId": "string", "updatedAt": "date", "createdAt": "date", "score": "number", "when": "date", "o": "*_User", "r": "relation<_User>", "p": "polygon",
			  "_metadata": {"fields_options": {"score": {"required": true}, "when": {"defaultValue": {"__type": "Date", "iso": "2020-01-01T00:00:00.000Z"}}},
			  "class_permissions": {"find": {"*": true}}, "indexes": {"a": {"score": 1}}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := defineClass(test.class, object(t, test.body), rules{})
			if err != nil {
				t.Fatal(err)
			}
			doc, err := encodeClass(test.class, d.added, d.permissions, d.indexes.recorded(nil))
			if err != nil {
				t.Fatal(err)
			}
			if want := document(t, test.want); doc.String() != want.String() {
				t.Errorf("got  %s\nwant %s", doc, want)
			}
		})
	}
}

func FuzzDecodeClass(f *testing.F) {
	f.Add([]byte(document(f, `{"_id": "Game", "a": "*_User", "_metadata": {"class_permissions": {"find": {"*": true}}, "indexes": {"a_1": {"a": 1}}, "fields_options": {"a": {"required": true}}}}`)))
	f.Add([]byte(document(f, `{"_id": "_Role", "_metadata": {"class_permissions": {"protectedFields": {"userField:a": ["b"]}}}}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bson.Raw(data).Validate() != nil {
			return
		}
		c, err := decodeClass(data, nil)
		if err != nil {
			return
		}
		for _, name := range c.FieldNames() {
			if c.Fields[name] == nil || c.Fields[name].Type.Kind == parse.KindInvalid {
				t.Errorf("field %q has no type", name)
			}
		}
		if _, err := parse.DecodeObject(parse.AppendJSON(nil, c.Object()), parse.Limits{Depth: 1000, Keys: 1 << 20}); err != nil {
			t.Errorf("the class cannot be shown: %v", err)
		}
	})
}

func BenchmarkDecodeClass(b *testing.B) {
	doc := document(b, `{"_id": "Game", "objectId": "string", "updatedAt": "date", "createdAt": "date", "score": "number", "player": "string",
		"owner": "*_User", "fans": "relation<_User>", "_metadata": {"class_permissions": {"find": {"*": true}, "get": {"*": true}}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeClass(doc, nil); err != nil {
			b.Fatal(err)
		}
	}
}
