package schema

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

func marshal(t testing.TB, d bson.D) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What parse-server 9.10.0 answers to PUT /schemas/Game {"classLevelPermissions":…},
// but that arrays don't pass for objects; all refusals have the code 107.
func TestPermissionCheck(t *testing.T) {
	check := permissionCheck{fields: fieldSet{
		"owner": pointerTo("_User"), "other": pointerTo("Team"), "list": arrayType, "s": stringType, "o": objectType, "objectId": stringType,
	}}
	for _, test := range []struct{ permissions, message string }{
		{`{}`, ""},
		{`{"foo": {}}`, "foo is not a valid operation for class level permissions"},
		{`{"find": true}`, "'true' is not a valid value for class level permissions find - must be an object"},
		{`{"find": null}`, "'null' is not a valid value for class level permissions find - must be an object"},
		{`{"find": []}`, "'' is not a valid value for class level permissions find - must be an object"},
		{`{"find": ["x"]}`, "'x' is not a valid value for class level permissions find - must be an object"},
		{`{"find": {"*": true, "role:a": true, "u1": true, "requiresAuthentication": true, "authenticated": true, "role:": true}}`, ""},
		{`{"find": {"*": false}}`, "'false' is not a valid value for class level permissions acl find:*"},
		{`{"find": {"*": "x"}}`, "'x' is not a valid value for class level permissions acl find:*"},
		{`{"find": {"*": {"a": 1}}}`, "'[object Object]' is not a valid value for class level permissions acl find:*"},
		{`{"find": {"a b": true}}`, "'a b' is not a valid key for class level permissions"},
		{`{"find": {"a_b": true}}`, "'a_b' is not a valid key for class level permissions"},
		{`{"find": {"": true}}`, "'' is not a valid key for class level permissions"},
		{`{"find": {"userField:owner": true}}`, "'userField:owner' is not a valid key for class level permissions"},
		{`{"find": {"pointerFields": "owner"}}`, "'owner' is not a valid value for find[pointerFields] - expected an array."},
		{`{"find": {"pointerFields": {"a": 1}}}`, "'[object Object]' is not a valid value for find[pointerFields] - expected an array."},
		{`{"find": {"pointerFields": ["nope"]}}`, "'nope' is not a valid column for class level pointer permissions [object Object]"},
		{`{"find": {"pointerFields": ["other"]}}`, "'other' is not a valid column for class level pointer permissions [object Object]"},
		{`{"find": {"pointerFields": ["o"]}}`, "'o' is not a valid column for class level pointer permissions [object Object]"},
		{`{"find": {"pointerFields": [5]}}`, "'5' is not a valid column for class level pointer permissions [object Object]"},
		{`{"find": {"pointerFields": [{"a": 1}]}}`, "'[object Object]' is not a valid column for class level pointer permissions [object Object]"},
		{`{"find": {"pointerFields": ["owner", "list"]}}`, ""},
		{`{"readUserFields": "x"}`, "'x' is not a valid value for class level permissions readUserFields - must be an array"},
		{`{"readUserFields": {}}`, "'[object Object]' is not a valid value for class level permissions readUserFields - must be an array"},
		{`{"readUserFields": null}`, "'null' is not a valid value for class level permissions readUserFields - must be an array"},
		{`{"readUserFields": ["x"]}`, "'x' is not a valid column for class level pointer permissions readUserFields"},
		{`{"writeUserFields": ["s"]}`, "'s' is not a valid column for class level pointer permissions writeUserFields"},
		{`{"readUserFields": ["owner", "list"], "writeUserFields": []}`, ""},
		{`{"protectedFields": "x"}`, "'x' is not a valid value for class level permissions protectedFields - must be an object"},
		{`{"protectedFields": ["x"]}`, "'x' is not a valid value for class level permissions protectedFields - must be an object"},
		{`{"protectedFields": {"*": "x"}}`, "'x' is not a valid value for protectedFields[*] - expected an array."},
		{`{"protectedFields": {"*": null}}`, "'null' is not a valid value for protectedFields[*] - expected an array."},
		{`{"protectedFields": {"*": ["nope"]}}`, "Field 'nope' in protectedFields:* does not exist"},
		{`{"protectedFields": {"*": [5]}}`, "Field '5' in protectedFields:* does not exist"},
		{`{"protectedFields": {"*": ["objectId"]}}`, "Default field 'objectId' can not be protected"},
		{`{"protectedFields": {"a b": []}}`, "'a b' is not a valid key for class level permissions"},
		{`{"protectedFields": {"userField:nope": ["s"], "role:a": ["s"], "authenticated": [], "u1": ["s"], "requiresAuthentication": ["s"]}}`, ""},
		{`{"ACL": {"*": true}}`, "'true' is not a valid value for class level permissions acl"},
		{`{"ACL": {"*": {"read": true, "foo": 1, "bar": 2}}}`, "'foo,bar' is not a valid key for class level permissions acl"},
		{`{"ACL": {"*": {"read": "x", "write": 5}}}`, "'x,5' is not a valid value for class level permissions acl"},
		{`{"ACL": {"*": []}}`, "'' is not a valid value for class level permissions acl"},
		{`{"ACL": {"*": null}}`, "'null' is not a valid value for class level permissions acl"},
		{`{"ACL": null}`, "'null' is not a valid value for class level permissions ACL - must be an object"},
		{`{"ACL": {"a b": {"read": true}}}`, "'a b' is not a valid key for class level permissions"},
		{`{"ACL": {"currentUser": {"read": true}, "*": {"read": true, "write": false}}}`, ""},
	} {
		t.Run(test.permissions, func(t *testing.T) {
			wantError(t, check.check(object(t, test.permissions)), parse.InvalidJSON, test.message)
		})
	}
}

func TestPermissionCheckOfCustomIDs(t *testing.T) {
	check := permissionCheck{customIDs: true}
	for permissions, message := range map[string]string{
		`{"find": {"a b": true, "x@y.z": true}}`: "",
		`{"find": {"": true}}`:                   "'' is not a valid key for class level permissions",
	} {
		wantError(t, check.check(object(t, permissions)), parse.InvalidJSON, message)
	}
}

func TestDefaultACL(t *testing.T) {
	for _, test := range []struct{ permissions, acl string }{
		{`{}`, ""},
		{`{"ACL": {"*": {"read": true, "write": true}}}`, ""},
		{`{"ACL": {"*": {"read": true}}}`, `{"*": {"read": true}}`},
		{`{"ACL": {"currentUser": {"read": true}, "role:a": {"write": true}}}`, `{"currentUser": {"read": true}, "role:a": {"write": true}}`},
		{`{"ACL": {"pointerFields": ["owner"], "*": {"read": true}}}`, `{"*": {"read": true}}`},
	} {
		p := permissions(t, test.permissions)
		switch {
		case test.acl != "":
			wantObject(t, p.DefaultACL, test.acl)
		case p.DefaultACL != nil:
			t.Errorf("%s: objects get %s, want none", test.permissions, parse.AppendJSON(nil, p.DefaultACL))
		}
	}
}
