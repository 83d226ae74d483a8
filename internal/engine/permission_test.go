package engine_test

import (
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

func marshal(t testing.TB, doc any) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestACLDecidesWhoSees(t *testing.T) {
	a := open(t)
	a.create(master, "Note", `{"text":"public"}`)
	a.create(master, "Note", `{"text":"everyone reads","ACL":{"*":{"read":true}}}`)
	a.create(master, "Note", `{"text":"alice","ACL":{"alice":{"read":true,"write":true}}}`)
	a.create(master, "Note", `{"text":"admins","ACL":{"role:admin":{"read":true}}}`)
	a.create(master, "Note", `{"text":"nobody","ACL":{}}`)
	for _, test := range []struct {
		who    engine.Caller
		name   string
		expect string
	}{
		{anonymous, "anonymous", "everyone reads public"},
		{alice, "alice", "alice everyone reads public"},
		{adminMember, "member of admin", "admins everyone reads public"},
		{master, "master", "admins alice everyone reads nobody public"},
		{readOnly, "read-only master", "admins alice everyone reads nobody public"},
	} {
		if got := values(a.mustFind(test.who, "Note", `{"order":"text"}`), "text"); got != test.expect {
			t.Errorf("%s sees %q, want %q", test.name, got, test.expect)
		}
		out, err := a.find(test.who, "Note", `{"count":1,"limit":0}`)
		if err != nil || out.Count == nil {
			t.Fatal(err, out)
		}
		if want := len(a.mustFind(test.who, "Note", `{}`)); *out.Count != want || len(out.Results) != 0 {
			t.Errorf("%s counts %d, want %d", test.name, *out.Count, want)
		}
	}
}

func TestACLDecidesWhoWrites(t *testing.T) {
	a := open(t)
	id := a.create(master, "Note", `{"text":"x","ACL":{"*":{"read":true},"alice":{"write":true}}}`)
	_, err := a.update(bob, "Note", id, `{"text":"bob was here"}`)
	wantCode(t, err, parse.ObjectNotFound)
	_, err = a.update(readOnly, "Note", id, `{"text":"x"}`)
	wantCode(t, err, parse.OperationForbidden)
	if _, err := a.update(alice, "Note", id, `{"text":"alice was here"}`); err != nil {
		t.Error(err)
	}
	wantCode(t, a.Delete(context.Background(), bob, "Note", id), parse.ObjectNotFound)
	if got := values(a.mustFind(anonymous, "Note", `{}`), "text"); got != "alice was here" {
		t.Errorf("the note says %q", got)
	}
	if err := a.Delete(context.Background(), alice, "Note", id); err != nil {
		t.Error(err)
	}
}

func TestClassLevelPermissions(t *testing.T) {
	a := open(t)
	a.schema("Post", `{"fields":{"title":{"type":"String"},"owner":{"type":"Pointer","targetClass":"_User"}},"classLevelPermissions":{
		"find":{"role:admin":true},"get":{"*":true},"count":{},"create":{"requiresAuthentication":true},"update":{"pointerFields":["owner"]},"delete":{},"addField":{}}}`)
	_, err := a.Create(context.Background(), anonymous, "Post", object(t, `{"title":"a"}`))
	wantCode(t, err, parse.ObjectNotFound)
	id := a.create(alice, "Post", `{"title":"a","owner":{"__type":"Pointer","className":"_User","objectId":"alice"}}`)
	_, err = a.find(alice, "Post", `{}`)
	wantCode(t, err, parse.OperationForbidden)
	if n := len(a.mustFind(adminMember, "Post", `{}`)); n != 1 {
		t.Errorf("admin finds %d posts", n)
	}
	if _, err := a.get(anonymous, "Post", id, `{}`); err != nil {
		t.Errorf("get: %v", err)
	}
	_, err = a.find(adminMember, "Post", `{"count":1,"limit":0}`)
	wantCode(t, err, parse.OperationForbidden)
	_, err = a.update(bob, "Post", id, `{"title":"b"}`)
	wantCode(t, err, parse.ObjectNotFound)
	if _, err := a.update(alice, "Post", id, `{"title":"b"}`); err != nil {
		t.Errorf("the owner may not update: %v", err)
	}
	_, err = a.update(alice, "Post", id, `{"fresh":1}`)
	wantCode(t, err, parse.OperationForbidden)
	wantCode(t, a.Delete(context.Background(), alice, "Post", id), parse.OperationForbidden)
}

func TestRequiredAndDefaultFields(t *testing.T) {
	a := open(t)
	a.schema("Order", `{"fields":{"state":{"type":"String","required":true,"defaultValue":"new"},"number":{"type":"Number","required":true}}}`)
	_, err := a.Create(context.Background(), anonymous, "Order", object(t, `{}`))
	if got := wantCode(t, err, parse.ValidationError); got != "number is required" {
		t.Errorf("message %q", got)
	}
	made, err := a.Create(context.Background(), anonymous, "Order", object(t, `{"number":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := object(t, string(made.JSON())).Get("state"); got != parse.String("new") {
		t.Errorf("the answer does not tell the default: %s", made.JSON())
	}
	_, err = a.update(anonymous, "Order", made.ObjectID, `{"number":{"__op":"Delete"}}`)
	wantCode(t, err, parse.ValidationError)
}

// A read-only master key writes nothing, whatever the door (advisories A24–A26).
func TestAdvisory_A24_ReadOnlyMasterWritesNothing(t *testing.T) {
	a := open(t)
	ctx := context.Background()
	id := a.create(master, "Note", `{"text":"x"}`)
	_, err := a.Create(ctx, readOnly, "Note", object(t, `{}`))
	wantCode(t, err, parse.OperationForbidden)
	_, err = a.update(readOnly, "Note", id, `{"text":"y"}`)
	wantCode(t, err, parse.OperationForbidden)
	wantCode(t, a.Delete(ctx, readOnly, "Note", id), parse.OperationForbidden)
	wantCode(t, a.Purge(ctx, readOnly, "Note"), parse.OperationForbidden)
	wantCode(t, a.UpdateConfig(ctx, readOnly, object(t, `{"params":{"a":1}}`)), parse.OperationForbidden)
	_, err = a.CreateSchema(ctx, readOnly, "Fresh", object(t, `{}`))
	wantCode(t, err, parse.OperationForbidden)
	wantCode(t, a.DeleteSchema(ctx, readOnly, "Note"), parse.OperationForbidden)
	if n := len(a.mustFind(readOnly, "Note", `{}`)); n != 1 {
		t.Errorf("%d notes are left", n)
	}
}

func TestAdvisory_A03_HiddenFieldsAreNoConditions(t *testing.T) {
	a := protected(t)
	for _, params := range []string{
		`{"where":{"secret":"s1"}}`,
		`{"where":{"secret":{"$regex":"^s"}}}`,
		`{"where":{"_hashed_password":{"$exists":true}}}`,
		`{"order":"secret"}`,
		`{"order":"-secret"}`,
	} {
		_, err := a.find(anonymous, "Vault", params)
		if code := parse.CodeOf(err); code != parse.OperationForbidden && code != parse.InvalidKeyName {
			t.Errorf("%s: got %v", params, err)
		}
		if _, err := a.find(anonymous, "Vault", `{"where":{"title":"a"},"order":"title"}`); err != nil {
			t.Errorf("a visible field: %v", err)
		}
	}
}

func TestAdvisory_A06_HiddenFieldsInsideLogicalOperators(t *testing.T) {
	a := protected(t)
	for _, where := range []string{
		`{"$or":[{"secret":"s1"},{"title":"b"}]}`,
		`{"$and":[{"$or":[{"title":"a"},{"$nor":[{"secret":"s1"}]}]}]}`,
		`{"other":{"$inQuery":{"className":"Vault","where":{"$or":[{"secret":"s1"}]}}}}`,
		`{"title":{"$select":{"query":{"className":"Vault","where":{"secret":"s1"}},"key":"title"}}}`,
	} {
		_, err := a.find(anonymous, "Vault", `{"where":`+where+`}`)
		wantCode(t, err, parse.OperationForbidden)
	}
}

func TestAdvisory_A07_HiddenFieldsUnderDottedPaths(t *testing.T) {
	a := protected(t)
	for _, params := range []string{`{"where":{"hiddenObject.a":1}}`, `{"order":"hiddenObject.a"}`} {
		_, err := a.find(anonymous, "Vault", params)
		wantCode(t, err, parse.OperationForbidden)
	}
}

func TestSelectYieldsNoHiddenValues(t *testing.T) {
	a := protected(t)
	a.create(master, "Guess", `{"value":"s1"}`)
	got, err := a.find(anonymous, "Guess", `{"where":{"value":{"$select":{"query":{"className":"Vault","where":{}},"key":"secret"}}}}`)
	if err == nil && len(got.Results) > 0 {
		t.Error("$select told a hidden value")
	}
}

// protected is an app with a class that hides two of its fields from all but admins.
func protected(t *testing.T) app {
	a := open(t)
	a.schema("Vault", `{"fields":{"title":{"type":"String"},"secret":{"type":"String"},"hiddenObject":{"type":"Object"},
		"owner":{"type":"Pointer","targetClass":"_User"},"other":{"type":"Pointer","targetClass":"Vault"}},
		"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"count":{"*":true},"create":{"*":true},"update":{"*":true},"delete":{"*":true},"addField":{"*":true},
		"protectedFields":{"*":["secret","hiddenObject"],"role:admin":[],"userField:owner":["hiddenObject"]}}}`)
	a.create(master, "Vault", `{"title":"a","secret":"s1","hiddenObject":{"a":1},"owner":{"__type":"Pointer","className":"_User","objectId":"alice"}}`)
	a.create(master, "Vault", `{"title":"b","secret":"s2","hiddenObject":{"a":2}}`)
	return a
}

func TestProtectedFieldsOfEveryGroup(t *testing.T) {
	a := protected(t)
	for _, test := range []struct {
		name, secrets string
		who           engine.Caller
	}{
		{"anonymous", "- -", anonymous},
		{"a user", "- -", bob},
		{"the owner of the first", "s1 -", alice},
		{"an admin", "s1 s2", adminMember},
		{"master", "s1 s2", master},
	} {
		results := a.mustFind(test.who, "Vault", `{"order":"title"}`)
		if got := values(results, "secret"); got != test.secrets {
			t.Errorf("%s sees the secrets %q, want %q", test.name, got, test.secrets)
		}
		if got := values(a.mustFind(test.who, "Vault", `{"order":"title","keys":"secret,title"}`), "secret"); got != test.secrets {
			t.Errorf("%s sees the secrets %q by keys, want %q", test.name, got, test.secrets)
		}
	}
}

func TestAdvisory_A05_ExplainNeedsMaster(t *testing.T) {
	a := protected(t)
	_, err := a.find(anonymous, "Vault", `{"explain":true}`)
	wantCode(t, err, parse.InvalidQuery)
	plan, err := a.Find(context.Background(), master, "Vault", &query.Query{Explain: true})
	if err != nil || !strings.Contains(string(plan.JSON()), `"winningPlan"`) {
		t.Errorf("master is told %s, %v", plan.JSON(), err)
	}
}

func TestAdvisory_A08_RedirectChecksTheClassReached(t *testing.T) {
	a := open(t)
	a.schema("Locked", `{"fields":{"secret":{"type":"String"}},"classLevelPermissions":{"find":{},"get":{}}}`)
	a.create(master, "Locked", `{"secret":"x"}`)
	a.schema("Door", `{"fields":{"members":{"type":"Relation","targetClass":"Locked"},"sessions":{"type":"Relation","targetClass":"_Session"}}}`)
	_, err := a.find(anonymous, "Door", `{"redirectClassNameForKey":"members"}`)
	wantCode(t, err, parse.OperationForbidden)
	_, err = a.find(anonymous, "Door", `{"redirectClassNameForKey":"sessions"}`)
	wantCode(t, err, parse.InvalidSessionToken)
	a.schema("Hall", `{"fields":{"rooms":{"type":"Relation","targetClass":"Room"}},"classLevelPermissions":{"find":{"*":true},"protectedFields":{"*":["rooms"]}}}`)
	_, err = a.find(anonymous, "Hall", `{"redirectClassNameForKey":"rooms"}`)
	wantCode(t, err, parse.OperationForbidden)
}

func TestAdvisory_A09_JoinCollectionsAreUnreachable(t *testing.T) {
	a := open(t)
	ctx := context.Background()
	for _, class := range []string{"_Join:users:_Role", "_Join:roles:_Role", "_Join:x:Post"} {
		_, err := a.find(alice, class, `{}`)
		wantCode(t, err, parse.OperationForbidden)
		_, err = a.Create(ctx, alice, class, object(t, `{"relatedId":"alice","owningId":"admins"}`))
		wantCode(t, err, parse.OperationForbidden)
		_, err = a.update(alice, class, "x", `{"relatedId":"alice"}`)
		wantCode(t, err, parse.OperationForbidden)
		wantCode(t, a.Delete(ctx, alice, class, "x"), parse.OperationForbidden)
	}
}

func TestAdvisory_A10_InternalClassesNeedMaster(t *testing.T) {
	a := open(t)
	for _, class := range []string{"_JobStatus", "_PushStatus", "_Hooks", "_GlobalConfig", "_GraphQLConfig", "_JobSchedule", "_Audience", "_Idempotency", "_SCHEMA", "_LoamMigration"} {
		_, err := a.find(alice, class, `{}`)
		wantCode(t, err, parse.OperationForbidden)
		_, err = a.Create(context.Background(), alice, class, object(t, `{"a":1}`))
		wantCode(t, err, parse.OperationForbidden)
	}
}

func TestAdvisory_A15_RelationsOfHiddenOwners(t *testing.T) {
	a := open(t)
	member := a.create(master, "Member", `{"name":"m"}`)
	pointer := `{"__type":"Pointer","className":"Member","objectId":"` + member + `"}`
	related := func(c engine.Caller, class, owner string) string {
		t.Helper()
		out, err := a.find(c, "Member", `{"count":1,"where":{"$relatedTo":{"object":{"__type":"Pointer","className":"`+class+`","objectId":"`+owner+`"},"key":"members"}}}`)
		if err != nil {
			return "refused"
		}
		if *out.Count != len(out.Results) {
			t.Errorf("counted %d, found %d", *out.Count, len(out.Results))
		}
		return values(out.Results, "name")
	}
	shown := a.create(master, "Team", `{"members":{"__op":"AddRelation","objects":[`+pointer+`]}}`)
	hidden := a.create(master, "Team", `{"ACL":{"alice":{"read":true}},"members":{"__op":"AddRelation","objects":[`+pointer+`]}}`)
	a.schema("Club", `{"fields":{"members":{"type":"Relation","targetClass":"Member"}},"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"count":{"*":true},"create":{},"update":{},"delete":{},"addField":{},"protectedFields":{"*":["members"]}}}`)
	club := a.create(master, "Club", `{"members":{"__op":"AddRelation","objects":[`+pointer+`]}}`)
	a.schema("Order", `{"fields":{"members":{"type":"Relation","targetClass":"Member"}},"classLevelPermissions":{"get":{}}}`)
	order := a.create(master, "Order", `{"members":{"__op":"AddRelation","objects":[`+pointer+`]}}`)
	for _, test := range []struct {
		name, class, owner string
		who                engine.Caller
		expect             string
	}{
		{"a readable owner", "Team", shown, bob, "m"},
		{"an owner hidden by its ACL", "Team", hidden, bob, ""},
		{"an owner shown by its ACL", "Team", hidden, alice, "m"},
		{"a protected relation", "Club", club, bob, "refused"},
		{"a protected relation, to master", "Club", club, master, "m"},
		{"a class that may not be read", "Order", order, bob, ""}, // as parse-server has it
		{"a class that only master reads", "_Hooks", "x", bob, "refused"},
	} {
		if got := related(test.who, test.class, test.owner); got != test.expect {
			t.Errorf("%s: got %q, want %q", test.name, got, test.expect)
		}
	}
}

func TestAdvisory_A17_WritesTellOnlyWhatMayBeRead(t *testing.T) {
	a := protected(t)
	a.schema("Counter", `{"fields":{"hits":{"type":"Number"},"secretHits":{"type":"Number"}},"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"count":{"*":true},"create":{"*":true},"update":{"*":true},"delete":{"*":true},"addField":{"*":true},
		"protectedFields":{"*":["secretHits"]}}}`)
	id := a.create(master, "Counter", `{"hits":1,"secretHits":100}`)
	got, err := a.update(anonymous, "Counter", id, `{"hits":{"__op":"Increment","amount":1},"secretHits":{"__op":"Increment","amount":1}}`)
	if err != nil {
		t.Fatal(err)
	}
	answer := object(t, got)
	if v, _ := answer.Get("hits"); v != parse.Number(2) {
		t.Errorf("the visible counter is %v", v)
	}
	if _, told := answer.Get("secretHits"); told {
		t.Error("the update told a protected field")
	}
	unreadable := a.create(master, "Counter", `{"hits":41,"ACL":{"*":{"write":true}}}`)
	got, err = a.update(anonymous, "Counter", unreadable, `{"hits":{"__op":"Increment","amount":1}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, told := object(t, got).Get("hits"); told {
		t.Error("the update told of an object that may not be read")
	}
}

func TestAdvisory_A20_RoleShapedIDs(t *testing.T) {
	a := open(t, func(o *engine.Options) { o.AllowCustomObjectID = true })
	_, err := a.Create(context.Background(), anonymous, "Thing", object(t, `{"objectId":"role:admin"}`))
	wantCode(t, err, parse.InvalidKeyName)
	a.schema("AdminsOnly", `{"classLevelPermissions":{"find":{"role:admin":true}}}`)
	_, err = a.find(engine.Caller{UserID: "role:admin"}, "AdminsOnly", `{}`)
	wantCode(t, err, parse.OperationForbidden)
	// A database that comes from elsewhere may have a user of such an id.
	id := a.create(master, "Thing", `{"ACL":{"role:admin":{"read":true,"write":true}}}`)
	_, err = a.update(engine.Caller{UserID: "role:admin"}, "Thing", id, `{"a":1}`)
	wantCode(t, err, parse.ObjectNotFound)
}

// Rows that were put in past the accounts have no ACL: nobody who is not signed
// in deletes them all the same.
func TestUsersAndSessions_AreNotDeletedByStrangers(t *testing.T) {
	a := open(t)
	a.schema("_Session", `{}`)
	for collection, id := range map[string]string{"_User": "alice", "_Session": "s"} {
		doc, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "_p_user", Value: "_User$alice"}, {Key: "_wperm", Value: bson.A{"alice"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.store.Insert(context.Background(), collection, doc); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		class, id string
		caller    engine.Caller
		code      parse.Code
	}{
		{"_User", "alice", anonymous, parse.SessionMissing},
		{"_User", "alice", bob, parse.SessionMissing},
		{"_Session", "s", anonymous, parse.InvalidSessionToken},
		{"_Session", "s", bob, parse.ObjectNotFound},
	} {
		wantCode(t, a.Delete(context.Background(), c.caller, c.class, c.id), c.code)
	}
}

func TestAdvisory_A21_EveryNewKeyNeedsAddField(t *testing.T) {
	a := open(t)
	a.schema("Fixed", `{"fields":{"a":{"type":"Number"}},"classLevelPermissions":{"find":{"*":true},"get":{"*":true},"create":{"*":true},"update":{"*":true},"delete":{"*":true},"addField":{}}}`)
	id := a.create(alice, "Fixed", `{"a":1}`)
	for _, body := range []string{
		`{"b":1}`, `{"b":null}`, `{"b":{"__op":"Increment","amount":1}}`, `{"b":{"__op":"Add","objects":[1]}}`, `{"b.c":1}`,
		`{"b":{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"Fixed","objectId":"x"}]}}`,
	} {
		_, err := a.update(alice, "Fixed", id, body)
		wantCode(t, err, parse.OperationForbidden)
	}
	_, err := a.Create(context.Background(), alice, "Fixed", object(t, `{"b":1}`))
	wantCode(t, err, parse.OperationForbidden)
}

func TestAdvisory_A22_ReservedKeysAreNotWritten(t *testing.T) {
	a := open(t)
	id := a.create(alice, "Thing", `{"a":1}`)
	for _, key := range []string{"_rperm", "_wperm", "_acl", "_hashed_password", "_created_at", "_id", "__proto__", "_failed_login_count", "$set", "a b", ""} {
		_, err := a.Create(context.Background(), alice, "Thing", object(t, `{"`+key+`":1}`))
		wantCode(t, err, parse.InvalidKeyName)
		_, err = a.update(alice, "Thing", id, `{"`+key+`":1}`)
		wantCode(t, err, parse.InvalidKeyName)
	}
}

func TestUsersSeeNoSecretsOfOthers(t *testing.T) {
	a := open(t)
	a.insert("_User", bson.D{{Key: "_id", Value: "alice"}, {Key: "username", Value: "alice"}, {Key: "email", Value: "a@example.com"},
		{Key: "_hashed_password", Value: "$2a$10$x"}, {Key: "_perishable_token", Value: "t"}, {Key: "_auth_data_anonymous", Value: bson.D{{Key: "id", Value: "u"}}}})
	for _, test := range []struct {
		name            string
		who             engine.Caller
		email, authData bool
	}{
		{"another user", bob, false, false},
		{"the user", alice, true, true},
		{"master", master, true, true},
	} {
		got, err := a.get(test.who, "_User", "alice", `{}`)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"_hashed_password", "password", "_perishable_token", "_auth_data_anonymous"} {
			if _, told := got[key]; told {
				t.Errorf("%s is told %s", test.name, key)
			}
		}
		if _, told := got["email"]; told != test.email {
			t.Errorf("%s is told the e-mail address: %v", test.name, told)
		}
		if _, told := got["authData"]; told != test.authData {
			t.Errorf("%s is told the authData: %v", test.name, told)
		}
	}
}

func TestUsersAreNotFoundByTheirSecrets(t *testing.T) {
	a := open(t)
	a.insert("_User", bson.D{{Key: "_id", Value: "alice"}, {Key: "username", Value: "alice"}, {Key: "email", Value: "a@example.com"},
		{Key: "_auth_data_facebook", Value: bson.D{{Key: "id", Value: "fb1"}}}})
	for _, where := range []string{`{"authData.facebook.id":"fb1"}`, `{"authData.facebook":{"$exists":true}}`, `{"email":"a@example.com"}`, `{"$or":[{"authData":{"$exists":true}}]}`} {
		for _, who := range []engine.Caller{anonymous, bob} {
			_, err := a.find(who, "_User", `{"where":`+where+`}`)
			wantCode(t, err, parse.OperationForbidden)
		}
	}
	if n := len(a.mustFind(master, "_User", `{"where":{"authData.facebook.id":"fb1"}}`)); n != 1 {
		t.Errorf("master finds %d users", n)
	}
}
