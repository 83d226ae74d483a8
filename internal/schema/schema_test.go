package schema

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// object decodes the JSON of an object.
func object(t testing.TB, text string) *parse.Object {
	t.Helper()
	o, err := parse.DecodeObject([]byte(text), parse.Limits{})
	if err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return o
}

// wantObject compares an object with JSON; the order of keys does not matter.
func wantObject(t testing.TB, got *parse.Object, want string) {
	t.Helper()
	if !parse.Equal(got, object(t, want)) {
		t.Errorf("got  %s\nwant %s", parse.AppendJSON(nil, got), want)
	}
}

// wantError checks a public error; an empty message wants success.
func wantError(t testing.TB, err error, code parse.Code, message string) {
	t.Helper()
	if message == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	public, ok := errors.AsType[*parse.Error](err)
	if !ok {
		t.Errorf("error %v, want %d %q", err, code, message)
		return
	}
	if public.Code != code || public.Message != message {
		t.Errorf("error %d %q, want %d %q", public.Code, public.Message, code, message)
	}
}

// document encodes an extended JSON document.
func document(t testing.TB, text string) bson.Raw {
	t.Helper()
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(text), true, &d); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	raw, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// class makes a class of a document of _SCHEMA.
func class(t testing.TB, text string) *Class {
	t.Helper()
	c, err := decodeClass(document(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNames(t *testing.T) {
	// What parse-server 9.10.0 answers to POST /schemas.
	for name, valid := range map[string]bool{
		"Game": true, "g_1": true, "_User": true, "_Session": true, "_Audience": true, "_Join:users:_Role": true,
		"": false, "1a": false, "a-b": false, "_Foo": false, "length": false, "className": false, "é": false,
		"_Hooks": false, "_GlobalConfig": false, "_GraphQLConfig": false, "_SCHEMA": false, "_Join:": false,
		"_Join:a": false, "_Join:a:b.c": false, "_Join::b": false, "a.b": false, "a$": false, "a\x00": false,
	} {
		if got := ValidClassName(name); got != valid {
			t.Errorf("ValidClassName(%q) = %v", name, got)
		}
	}
	for name, valid := range map[string]bool{
		"score": true, "s_1": true, "A": true, "": false, "_rperm": false, "1": false, "a.b": false, "a-b": false,
		"length": false, "className": false, "$a": false,
	} {
		if got := ValidFieldName(name); got != valid {
			t.Errorf("ValidFieldName(%q) = %v", name, got)
		}
	}
}

func TestAdvisory_A09_A10_F01(t *testing.T) {
	for name, only := range map[string]bool{
		"Game": false, "_User": false, "_Role": false, "_Session": false, "_Installation": false, "_Product": false,
		"_JobStatus": true, "_PushStatus": true, "_Hooks": true, "_GlobalConfig": true, "_GraphQLConfig": true,
		"_JobSchedule": true, "_Audience": true, "_Idempotency": true, "_Join:users:_Role": true, "_Join:a:B": true,
		"_SCHEMA": true, "_LoamMigration": true, "_Foo": true, "_user": true,
	} {
		if got := MasterOnly(name); got != only {
			t.Errorf("MasterOnly(%q) = %v", name, got)
		}
	}
}

func TestInternalField(t *testing.T) {
	for _, test := range []struct {
		class, field string
		want         bool
	}{
		{"Game", "_rperm", true}, {"Game", "_wperm", true}, {"Game", "_hashed_password", false},
		{"_User", "_hashed_password", false}, {"_User", "_perishable_token", true}, {"_User", "_session_token", false},
		{"_Session", "_session_token", true}, {"_User", "_acl", false}, {"_User", "_auth_data_facebook", false},
	} {
		if got := InternalField(test.class, test.field); got != test.want {
			t.Errorf("InternalField(%q, %q) = %v", test.class, test.field, got)
		}
	}
}

func TestMissing(t *testing.T) {
	game := class(t, `{"_id": "Game", "score": "number", "owner": "*_User", "fans": "relation<_User>"}`)
	number, text := parse.FieldType{Kind: parse.KindNumber}, parse.FieldType{Kind: parse.KindString}
	for _, test := range []struct {
		name    string
		class   *Class
		wanted  map[string]parse.FieldType
		missing []string
		code    parse.Code
		message string
	}{
		{name: "nothing", class: game},
		{name: "all there", class: game, wanted: map[string]parse.FieldType{"score": number, "createdAt": dateType, "owner": pointerTo("_User")}},
		{name: "some not there", class: game, wanted: map[string]parse.FieldType{"b": text, "score": number, "a": text}, missing: []string{"a", "b"}},
		{name: "null fits anything and adds nothing", class: game, wanted: map[string]parse.FieldType{"score": {}, "c": {}}},
		{name: "another type", class: game, wanted: map[string]parse.FieldType{"score": text},
			code: 111, message: "schema mismatch for Game.score; expected Number but got String"},
		{name: "another target", class: game, wanted: map[string]parse.FieldType{"owner": pointerTo("Team")},
			code: 111, message: "schema mismatch for Game.owner; expected Pointer<_User> but got Pointer<Team>"},
		{name: "a relation", class: game, wanted: map[string]parse.FieldType{"fans": pointerTo("_User")},
			code: 111, message: "schema mismatch for Game.fans; expected Relation<_User> but got Pointer<_User>"},
		{name: "a default field", class: game, wanted: map[string]parse.FieldType{"createdAt": text},
			code: 111, message: "schema mismatch for Game.createdAt; expected Date but got String"},
		{name: "a bad name", class: game, wanted: map[string]parse.FieldType{"a-b": text}, code: 105, message: "Invalid field name: a-b."},
		{name: "a bad name with null", class: game, wanted: map[string]parse.FieldType{"_x": {}}, code: 105, message: "Invalid field name: _x."},
		{name: "no class", wanted: map[string]parse.FieldType{"a": text, "objectId": text}, missing: []string{"a"}},
		{name: "no class, default field", wanted: map[string]parse.FieldType{"ACL": text},
			code: 111, message: "schema mismatch for Game.ACL; expected ACL but got String"},
	} {
		t.Run(test.name, func(t *testing.T) {
			missing, err := test.class.Missing("Game", test.wanted)
			wantError(t, err, test.code, test.message)
			if len(missing) != len(test.missing) {
				t.Fatalf("missing %v, want %v", missing, test.missing)
			}
			for i := range missing {
				if missing[i] != test.missing[i] {
					t.Errorf("missing %v, want %v", missing, test.missing)
				}
			}
		})
	}
}

func TestSnapshotHasInternalClasses(t *testing.T) {
	s := NewSnapshot(class(t, `{"_id": "Game"}`))
	wantObject(t, s.Class("_JobStatus").Object(), `{"className": "_JobStatus", "fields": {
		"objectId": {"type": "String"}, "createdAt": {"type": "Date"}, "updatedAt": {"type": "Date"}, "ACL": {"type": "ACL"},
		"jobName": {"type": "String"}, "source": {"type": "String"}, "status": {"type": "String"}, "message": {"type": "String"},
		"params": {"type": "Object"}, "finishedAt": {"type": "Date"}}, "classLevelPermissions": {}}`)
	if classes := s.Classes(); len(classes) != 1 || classes[0].Name != "Game" {
		t.Errorf("Classes() = %v, want Game only", classes)
	}
	if s.Class("_Session") != nil {
		t.Error("_Session is there before it was made")
	}
}

func BenchmarkMissingNone(b *testing.B) {
	game := class(b, `{"_id": "Game", "score": "number", "player": "string", "cheat": "boolean", "at": "date"}`)
	wanted := map[string]parse.FieldType{"score": numberType, "player": stringType, "cheat": booleanType, "at": dateType}
	b.ReportAllocs()
	for b.Loop() {
		if missing, err := game.Missing("Game", wanted); err != nil || missing != nil {
			b.Fatal(missing, err)
		}
	}
}
