package account_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// everySessionOperation lets everybody do everything to sessions, but for what more says.
const everySessionOperation = `"find":{"*":true},"get":{"*":true},"count":{"*":true},"update":{"*":true},"delete":{"*":true}`

// sessionPermissions sets the class-level permissions of _Session.
func (d door) sessionPermissions(permissions string) {
	d.t.Helper()
	d.ask(master, "PUT", "/schemas/_Session", `{"classLevelPermissions":{`+permissions+`}}`).must()
}

// own is the id of the session of a token.
func (d door) own(token string) string {
	d.t.Helper()
	return d.ask(session(token), "GET", "/sessions/me", "").must().string("objectId")
}

// What is protected of sessions is so wherever one is read.
func TestAdvisory_A13_ProtectedFieldsOfOnesOwnSession(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	id := d.own(u.token)
	d.sessionPermissions(everySessionOperation + `,"protectedFields":{"*":["createdWith"]}`)
	for _, path := range []string{"/sessions/me", "/sessions/" + id, "/classes/_Session/" + id} {
		if a := d.ask(session(u.token), "GET", path, "").must(); a.body["createdWith"] != nil || a.string("objectId") != id {
			t.Errorf("GET %s: %s", path, a.text)
		}
	}
	if a := d.ask(session(u.token), "GET", "/sessions", "").must(); a.results()[0].(map[string]any)["createdWith"] != nil {
		t.Errorf("GET /sessions: %s", a.text)
	}
	d.ask(session(u.token), "GET", "/sessions?where=%7B%22createdWith.action%22:%22signup%22%7D", "").refused(parse.OperationForbidden)
}

// A restricted session is created by its user, whom the class's permissions are for.
func TestAdvisory_A19_PermissionsToMakeSessions(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	d.sessionPermissions(everySessionOperation)
	for _, path := range []string{"/sessions", "/classes/_Session"} {
		d.ask(session(u.token), "POST", path, `{}`).refused(parse.OperationForbidden)
		d.ask(session(u.token), "POST", path, `{"installationId":"watch"}`).refused(parse.OperationForbidden)
	}
	d.sessionPermissions(everySessionOperation + `,"create":{"*":true}`)
	d.ask(session(u.token), "POST", "/sessions", `{"fresh":1}`).refused(parse.OperationForbidden)
	d.ask(session(u.token), "POST", "/sessions", `{}`).must()
	// Who logs in asks the server for a session, which needs no permission.
	d.sessionPermissions(``)
	d.logIn("ada", "secret").must()
}

func TestAdvisory_C14_ServerMadeFieldsOfSessions(t *testing.T) {
	d := open(t)
	ada, bob := d.signUp("ada", ""), d.signUp("bob", "")
	made := d.ask(session(ada.token), "POST", "/sessions", `{"sessionToken":"r:chosen","expiresAt":{"__type":"Date","iso":"2999-01-01T00:00:00.000Z"},
		"createdWith":{"action":"login","authProvider":"password"},"user":{"__type":"Pointer","className":"_User","objectId":"`+bob.id+`"}}`).must()
	d.ask(session("r:chosen"), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
	stored := d.ask(session(made.string("sessionToken")), "GET", "/sessions/me", "").must()
	for name, want := range map[string]string{
		"user": "map[__type:Pointer className:_User objectId:" + ada.id + "]", "createdWith": "map[action:create]",
	} {
		if got := fmt.Sprint(stored.body[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	expires, err := time.Parse(time.RFC3339, fmt.Sprint(stored.body["expiresAt"].(map[string]any)["iso"]))
	if err != nil || expires.After(time.Now().Add(366*24*time.Hour)) {
		t.Errorf("it ends at %v, %v", expires, err)
	}
	d.ask(session(ada.token), "POST", "/sessions", `{"ACL":{"*":{"read":true}}}`).refused(parse.InvalidKeyName)
}

// A session that never ends is one that the server lets never end.
func TestRestrictedSession_WithoutAnEnd(t *testing.T) {
	d := open(t, func(o *account.Options, _ *engine.Options) { o.ExpireInactiveSessions = false })
	u := d.signUp("ada", "")
	made := d.ask(session(u.token), "POST", "/sessions", `{"expiresAt":{"__type":"Date","iso":"2020-01-01T00:00:00.000Z"}}`).must()
	if made.body["expiresAt"] != nil {
		t.Errorf("answered %s", made.text)
	}
	if got := d.ask(session(made.string("sessionToken")), "GET", "/sessions/me", "").must(); got.body["expiresAt"] != nil {
		t.Errorf("it ends at %s", got.text)
	}
}

// changes are what one may try on a session's field, each as the member's value.
var changes = []string{`"r:chosen"`, `null`, `""`, `0`, `false`, `{}`, `[]`, `{"__op":"Delete"}`, `{"__op":"Increment","amount":1}`,
	`{"__type":"Date","iso":"2999-01-01T00:00:00.000Z"}`, `{"__type":"Pointer","className":"_User","objectId":"x"}`}

func TestAdvisory_C15_C16_FieldsOfSessionsStay(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	id := d.own(u.token)
	before := d.ask(master, "GET", "/sessions/"+id, "").must()
	for _, field := range []string{"sessionToken", "user", "createdWith", "createdWith.action", "expiresAt", "installationId", "user.objectId", "ACL"} {
		for _, value := range changes {
			d.ask(session(u.token), "PUT", "/sessions/"+id, `{"`+field+`":`+value+`,"more":1}`).refused(parse.InvalidKeyName)
			d.ask(session(u.token), "PUT", "/classes/_Session/"+id, `{"more":1,"`+field+`":`+value+`}`).refused(parse.InvalidKeyName)
		}
	}
	if after := d.ask(master, "GET", "/sessions/"+id, "").must(); after.text != before.text {
		t.Errorf("the session was\n%s and is\n%s", before.text, after.text)
	}
	d.ask(session(u.token), "PUT", "/sessions/"+id, `{"user":{"__type":"Pointer","className":"_User","objectId":"`+u.id+`"},"more":1}`).must()
}

func TestAdvisory_A23_SessionsOfOthersAreNotThere(t *testing.T) {
	d := open(t)
	ada, bob := d.signUp("ada", ""), d.signUp("bob", "")
	id := d.own(ada.token)
	for _, path := range []string{"/sessions/" + id, "/classes/_Session/" + id} {
		d.ask(session(bob.token), "GET", path, "").refused(parse.ObjectNotFound)
		d.ask(session(bob.token), "PUT", path, `{"more":1}`).refused(parse.ObjectNotFound)
		d.ask(session(bob.token), "DELETE", path, "").refused(parse.ObjectNotFound)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			d.ask(nobody, method, path, `{}`).refused(parse.InvalidSessionToken)
		}
	}
	d.ask(session(ada.token), "GET", "/users/me", "").must()
}

// A session that has ended does nothing any more, at whatever path.
func TestAdvisory_I03_EndedSessions(t *testing.T) {
	d := open(t, func(_ *account.Options, o *engine.Options) { o.SessionCacheSize, o.SessionCacheTTL = 100, time.Hour })
	u := d.signUp("ada", "")
	id := d.own(u.token)
	d.ask(session(u.token), "GET", "/users/me", "").must() // it is remembered now
	d.ask(master, "PUT", "/sessions/"+id, `{"expiresAt":{"__type":"Date","iso":"2020-01-01T00:00:00.000Z"}}`).must()
	d.endedFor(u.token)
}

// endedFor checks that a token is good for nothing.
func (d door) endedFor(token string) {
	d.t.Helper()
	for _, request := range [][2]string{{"GET", "/users/me"}, {"GET", "/sessions/me"}, {"PUT", "/sessions/me"}, {"DELETE", "/sessions/me"},
		{"GET", "/sessions"}, {"POST", "/sessions"}, {"POST", "/logout"}, {"POST", "/upgradeToRevocableSession"}, {"GET", "/classes/Note"}, {"POST", "/classes/Note"}} {
		d.ask(session(token), request[0], request[1], `{}`).refused(parse.InvalidSessionToken)
	}
}

// A token that is none is one at no path, whichever the method.
func TestAdvisory_I04_TokensAreLookedAt(t *testing.T) {
	d := open(t)
	d.signUp("ada", "")
	d.endedFor("r:00000000000000000000000000000000")
	d.endedFor("nonsense")
}

// Whoever ends a session ends it for the next request, though it is remembered.
func TestSessions_EndAtOnce(t *testing.T) {
	cached := func(_ *account.Options, o *engine.Options) { o.SessionCacheSize, o.SessionCacheTTL = 100, time.Hour }
	for name, end := range map[string]func(d door, u user){
		"log-out":           func(d door, u user) { d.ask(session(u.token), "POST", "/logout", `{}`).must() },
		"by itself":         func(d door, u user) { d.ask(session(u.token), "DELETE", "/sessions/"+d.own(u.token), "").must() },
		"by the master key": func(d door, u user) { d.ask(master, "DELETE", "/sessions/"+d.own(u.token), "").must() },
		"its user is gone":  func(d door, u user) { d.ask(session(u.token), "DELETE", "/users/"+u.id, "").must() },
		"all are purged":    func(d door, _ user) { d.ask(master, "DELETE", "/purge/_Session", "").must() },
		"a new password":    func(d door, u user) { d.ask(session(u.token), "PUT", "/users/"+u.id, `{"password":"other"}`).must() },
		"in a batch": func(d door, u user) {
			d.ask(master, "POST", "/batch", `{"transaction":true,"requests":[{"method":"DELETE","path":"/parse/sessions/`+d.own(u.token)+`"}]}`).must()
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, cached)
			u := d.signUp("ada", "")
			d.ask(session(u.token), "GET", "/users/me", "").must()
			end(d, u)
			d.ask(session(u.token), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
		})
	}
}

// With the token of another one could write what the read-only master key may not.
func TestReadOnlyMaster_IsToldNoTokens(t *testing.T) {
	d := open(t, func(_ *account.Options, o *engine.Options) { o.AggregationForReadOnlyMaster = true })
	u := d.signUp("ada", "")
	d.ask(master, "POST", "/classes/Window", `{"to":{"__type":"Pointer","className":"_Session","objectId":"`+d.own(u.token)+`"},"token":"`+u.token+`"}`).must()
	for _, path := range []string{"/sessions", "/sessions?keys=sessionToken", "/classes/_Session", "/sessions/" + d.own(u.token), "/classes/Window?include=to&keys=to",
		"/aggregate/_Session?pipeline=%5B%7B%22$match%22:%7B%7D%7D%5D"} {
		a := d.ask(readOnly, "GET", path, "").must()
		for _, secret := range []string{u.token, u.token[2:]} {
			if strings.Contains(a.text, secret) {
				t.Errorf("GET %s tells the token", path)
			}
		}
	}
	for _, query := range []string{
		`where=%7B%22sessionToken%22:%7B%22$regex%22:%22%5Er%22%7D%7D`, `where=%7B%22_session_token%22:%7B%22$regex%22:%22%5Er%22%7D%7D`,
		`order=sessionToken`, `where=%7B%22$or%22:%5B%7B%22sessionToken%22:%22x%22%7D%5D%7D&count=1&limit=0`,
	} {
		d.ask(readOnly, "GET", "/sessions?"+query, "").refused(parse.OperationForbidden)
	}
	for _, field := range []string{"_hashed_password", "_perishable_token", "_email_verify_token"} {
		d.ask(readOnly, "GET", `/users?where=%7B%22`+field+`%22:%7B%22$regex%22:%22%5Ea%22%7D%7D`, "").refused(parse.OperationForbidden)
	}
	found := d.ask(readOnly, "GET", `/classes/Window?where=%7B%22token%22:%7B%22$select%22:%7B%22key%22:%22sessionToken%22,%22query%22:%7B%22className%22:%22_Session%22,%22where%22:%7B%7D%7D%7D%7D%7D`, "")
	if found.status/100 == 2 && len(found.results()) > 0 {
		t.Error("$select tells that a token is one")
	}
}

// A role is one at once for its members, and no more for those who leave.
func TestRoles_CountAtOnce(t *testing.T) {
	d := open(t, func(_ *account.Options, o *engine.Options) { o.SessionCacheSize, o.SessionCacheTTL = 100, time.Hour })
	u := d.signUp("ada", "")
	note := d.ask(master, "POST", "/classes/Note", `{"ACL":{"role:High":{"read":true}}}`).must().string("objectId")
	member := func(class, id string) string {
		return `{"__type":"Pointer","className":"` + class + `","objectId":"` + id + `"}`
	}
	relation := func(field, op, m string) string {
		return `{"` + field + `":{"__op":"` + op + `","objects":[` + m + `]}}`
	}
	role := func(name string) string {
		return d.ask(master, "POST", "/roles", `{"name":"`+name+`","ACL":{}}`).must().string("objectId")
	}
	reads := func(want bool) {
		t.Helper()
		if got := d.ask(session(u.token), "GET", "/classes/Note/"+note, "").status == 200; got != want {
			t.Errorf("reads the note: %t, want %t", got, want)
		}
	}
	reads(false)
	low, high := role("Low"), role("High")
	for range 2 {
		d.ask(master, "PUT", "/roles/"+low, relation("users", "AddRelation", member("_User", u.id))).must()
		reads(false)
		d.ask(master, "PUT", "/roles/"+high, relation("roles", "AddRelation", member("_Role", low))).must()
		reads(true)
		d.ask(master, "PUT", "/roles/"+low, relation("users", "RemoveRelation", member("_User", u.id))).must()
		reads(false)
		d.ask(master, "PUT", "/roles/"+low, relation("users", "AddRelation", member("_User", u.id))).must()
		reads(true)
		d.ask(master, "PUT", "/roles/"+high, relation("roles", "RemoveRelation", member("_Role", low))).must()
		reads(false)
	}
	d.ask(master, "PUT", "/roles/"+high, relation("roles", "AddRelation", member("_Role", low))).must()
	reads(true)
	d.ask(master, "DELETE", "/roles/"+low, "").must()
	reads(false)
}

// A session is opened in place of the one that the installation has had.
func TestSessions_OneForEachInstallation(t *testing.T) {
	d := open(t)
	phone := credential{"X-Parse-Installation-Id", "phone"}
	d.signUp("ada", "")
	first := d.ask(nobody, "POST", "/login", `{"username":"ada","password":"secret"}`, phone).must().string("sessionToken")
	second := d.ask(nobody, "POST", "/login", `{"username":"ada","password":"secret"}`, phone).must().string("sessionToken")
	d.ask(session(first), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
	d.ask(session(second), "GET", "/users/me", "").must()
	restricted := d.ask(session(second), "POST", "/sessions", `{"installationId":"phone"}`).must().string("sessionToken")
	d.ask(session(second), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
	d.ask(session(restricted), "GET", "/users/me", "").must()
	var n int
	err := d.store.Find(context.Background(), "_Session", store.Find{}, func(bson.Raw) error { n++; return nil })
	if err != nil || n != 2 { // that of the sign-up, which named no installation, and the last
		t.Errorf("%d sessions are left, %v", n, err)
	}
}

// An id that was another's brings none of what the other had in roles.
func TestRoles_AreNotFoundAgainUnderAnID(t *testing.T) {
	d := open(t, func(_ *account.Options, o *engine.Options) { o.AllowCustomObjectID = true })
	signUp := func(who credential, id string) answer {
		return d.ask(who, "POST", "/users", `{"objectId":"`+id+`","username":"`+id+`","password":"secret"}`)
	}
	member := func(class, id string) string {
		return `{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"` + class + `","objectId":"` + id + `"}]}`
	}
	signUp(nobody, "alice").must()
	d.ask(master, "POST", "/roles", `{"objectId":"mods","name":"Mods","ACL":{},"users":`+member("_User", "alice")+`}`).must()
	d.ask(master, "POST", "/roles", `{"objectId":"admins","name":"Admins","ACL":{},"roles":`+member("_Role", "mods")+`,"users":`+member("_User", "later")+`}`).must()
	note := d.ask(master, "POST", "/classes/Note", `{"ACL":{"role:Admins":{"read":true}}}`).must().string("objectId")
	reads := func(token string, want bool) {
		t.Helper()
		if got := d.ask(session(token), "GET", "/classes/Note/"+note, "").status == 200; got != want {
			t.Errorf("reads what is the admins': %t, want %t", got, want)
		}
	}
	reads(d.logIn("alice", "secret").must().string("sessionToken"), true)
	// One deletes them through the gate, another past it.
	d.ask(master, "DELETE", "/roles/mods", "").must()
	if _, err := d.store.Delete(context.Background(), "_User", bson.D{{Key: "_id", Value: "alice"}}, false); err != nil {
		t.Fatal(err)
	}
	bob := d.signUp("bob", "")
	d.ask(session(bob.token), "POST", "/roles", `{"objectId":"mods","name":"New","ACL":{},"users":`+member("_User", bob.id)+`}`).must()
	reads(bob.token, false)
	d.ask(master, "PUT", "/roles/admins", `{"users":`+member("_User", "alice")+`}`).must()
	reads(signUp(nobody, "alice").must().string("sessionToken"), false)
	// To sign up for somebody who is there takes nothing from him; and the master
	// key may give roles to users before they are brought over.
	d.ask(master, "PUT", "/roles/admins", `{"users":`+member("_User", "alice")+`}`).must()
	signUp(nobody, "alice").refused(parse.UsernameTaken)
	d.ask(nobody, "POST", "/users", `{"objectId":"alice","username":"other","password":"secret"}`).refused(parse.DuplicateValue)
	reads(d.logIn("alice", "secret").must().string("sessionToken"), true)
	signUp(master, "later").must()
	reads(d.logIn("later", "secret").must().string("sessionToken"), true)
}
