package account_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/parse"
)

// The tests are named after their rows in the list of parse-server's advisories,
// and attack through the door.

// Reserved fields are nobody's to write but the server's.
func TestAdvisory_A22_ReservedFields(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	for _, who := range []credential{session(u.token), master} {
		for _, key := range []string{"_hashed_password", "_failed_login_count", "_account_lockout_expires_at", "_password_history",
			"_perishable_token", "_email_verify_token", "_auth_data_anonymous", "_session_token", "_tombstone", "_rperm", "_acl", "_id"} {
			d.ask(who, "PUT", "/users/"+u.id, `{"`+key+`":null}`).refused(parse.InvalidKeyName)
			d.ask(who, "POST", "/users", `{"username":"bob","password":"secret","`+key+`":"x"}`).refused(parse.InvalidKeyName)
		}
	}
	d.logIn("ada", "secret").must()
}

// The read-only master key opens no session.
func TestAdvisory_A26_ReadOnlyMasterLogsInAsNobody(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	body := `{"userId":"` + u.id + `"}`
	d.ask(readOnly, "POST", "/loginAs", body).refused(parse.OperationForbidden)
	d.ask(nobody, "POST", "/loginAs", body).refused(parse.OperationForbidden)
	d.ask(maintenance, "POST", "/loginAs", body).refused(parse.OperationForbidden)
	token := d.ask(master, "POST", "/loginAs", body).must().string("sessionToken")
	d.ask(session(token), "GET", "/users/me", "").must()
}

// Who guesses learns the same of a name that is taken and of one that is not.
func TestAdvisory_C19_UnknownNamesAnswerAsKnownOnes(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", `"email":"ada@example.com"`)
	for _, path := range []string{"/login", "/verifyPassword"} {
		wrong := d.ask(nobody, "POST", path, `{"username":"ada","password":"wrong"}`)
		unknown := d.ask(nobody, "POST", path, `{"username":"bob","password":"wrong"}`)
		wrong.refused(parse.ObjectNotFound)
		if wrong.text != unknown.text || wrong.status != unknown.status {
			t.Errorf("%s answers %d %s and %d %s", path, wrong.status, wrong.text, unknown.status, unknown.text)
		}
	}
	if row := d.row(u); strings.Contains(row.text, "$2a$") {
		t.Errorf("the hash is shown: %s", row.text)
	}
}

// Nobody sees what a provider keeps with a user, on any way to the user.
func TestAdvisory_A11_A12_AuthDataIsSanitised(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	u := d.signUp("ada", `"ACL":{"*":{"read":true}},`+adasProof)
	note := d.ask(nobody, "POST", "/classes/Note", `{"author":{"__type":"Pointer","className":"_User","objectId":"`+u.id+`"}}`).must().string("objectId")
	for _, test := range []struct {
		who          credential
		method, path string
		body         string
		own          bool
	}{
		{session(u.token), "GET", "/users/me", "", true},
		{session(u.token), "GET", "/users/" + u.id, "", true},
		{session(u.token), "GET", "/users", "", true},
		{session(u.token), "GET", "/users?keys=authData", "", true},
		{session(u.token), "GET", "/classes/_User/" + u.id, "", true},
		{session(u.token), "GET", "/classes/Note/" + note + "?include=author", "", true},
		{nobody, "POST", "/login", `{"username":"ada","password":"secret"}`, true},
		{nobody, "POST", "/verifyPassword", `{"username":"ada","password":"secret"}`, true},
		{nobody, "POST", "/users", `{` + adasProof + `}`, true},
		{session(u.token), "POST", "/users", `{` + adasProof + `}`, true},
		{session(u.token), "POST", "/batch", `{"requests":[{"method":"GET","path":"/parse/users/me"}]}`, true},
		{nobody, "GET", "/users/" + u.id, "", false},
		{nobody, "GET", "/users", "", false},
		{nobody, "GET", "/classes/Note?include=author", "", false},
	} {
		a := d.ask(test.who, test.method, test.path, test.body).must()
		if strings.Contains(a.text, "good") {
			t.Errorf("%s %s shows the token: %s", test.method, test.path, a.text)
		}
		if strings.Contains(a.text, `"fake":{"id":"ada"}`) != test.own {
			t.Errorf("%s %s: own is %t, and is answered %s", test.method, test.path, test.own, a.text)
		}
	}
}

// Who may not read itself learns its id and no more.
func TestAdvisory_A14_DeniedUsersAreNotShownRaw(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", `"email":"ada@example.com"`)
	for _, closed := range []func(){
		func() { d.ask(master, "PUT", "/users/"+u.id, `{"ACL":{"someone":{"read":true}}}`).must() },
		func() {
			d.ask(master, "PUT", "/schemas/_User", `{"classLevelPermissions":{"get":{},"create":{"*":true}}}`).must()
		},
	} {
		closed()
		for _, path := range []string{"/login", "/verifyPassword"} {
			a := d.ask(nobody, "POST", path, `{"username":"ada","password":"secret"}`).must()
			delete(a.body, "sessionToken")
			if len(a.body) != 1 || a.string("objectId") != u.id {
				t.Errorf("%s tells %s", path, a.text)
			}
		}
	}
}

// A session of who is not known by a password doesn't say so.
func TestAdvisory_C03_AnonymousSessions(t *testing.T) {
	d := open(t, with(anonymousOnly(t)))
	a := d.ask(nobody, "POST", "/users", `{"authData":{"anonymous":{"id":"1"}}}`).must()
	sessions := d.ask(session(a.string("sessionToken")), "GET", "/sessions", "").must()
	if !strings.Contains(sessions.text, `"authProvider":"anonymous"`) {
		t.Errorf("sessions are %s", sessions.text)
	}
}

// An id is text, and is compared as such.
func TestAdvisory_C05_OperatorsAsIDs(t *testing.T) {
	d := open(t, with(anonymousOnly(t)))
	d.ask(nobody, "POST", "/users", `{"authData":{"anonymous":{"id":"1"}}}`).must()
	for _, id := range []string{`{"$regex":".*"}`, `{"$ne":null}`, `{"$gt":""}`, `["1"]`, `{"$in":["1"]}`, `1`, `true`, `{"__type":"Bytes","base64":"MQ=="}`} {
		d.ask(nobody, "POST", "/users", `{"authData":{"anonymous":{"id":`+id+`}}}`).refused(parse.InvalidValue)
		d.ask(nobody, "POST", "/challenge", `{"challengeData":{"anonymous":{}},"authData":{"anonymous":{"id":`+id+`}}}`).refused(parse.InvalidValue)
	}
}

// Nobody signs up with nothing.
func TestAdvisory_C06_EmptyAuthData(t *testing.T) {
	d := open(t, with(anonymousOnly(t)))
	for _, authData := range []string{`{}`, `null`, `""`, `[]`, `{"anonymous":{}}`, `{"anonymous":null}`, `{"anonymous":""}`, `{"anonymous":[]}`} {
		d.ask(nobody, "POST", "/users", `{"authData":`+authData+`}`).refused(parse.UsernameMissing)
		d.ask(nobody, "POST", "/users", `{"username":"ada","authData":`+authData+`}`).refused(parse.PasswordMissing)
	}
	if users := d.ask(master, "GET", "/users", "").must().results(); len(users) != 0 {
		t.Errorf("there are users: %v", users)
	}
}

// An id alone logs nobody in, also if it is what is stored.
func TestAdvisory_C07_PartialAuthData(t *testing.T) {
	f := &fake{}
	d := open(t, with(map[string]provider.Provider{"fake": f}))
	d.ask(nobody, "POST", "/users", `{`+adasProof+`}`).must()
	f.takeCalls()
	d.ask(nobody, "POST", "/users", `{"authData":{"fake":{"id":"ada"}}}`).refused(parse.ObjectNotFound)
	if calls := f.takeCalls(); !slices.Equal(calls, []string{"LogIn"}) {
		t.Errorf("called %v", calls)
	}
	d.ask(nobody, "POST", "/challenge", `{"challengeData":{"fake":{}},"authData":{"fake":{"id":"ada"}}}`).refused(parse.ObjectNotFound)
}

// Providers that are not there are refused before users are looked for.
func TestAdvisory_C08_UnknownProviders(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	u := d.signUp("ada", "")
	before := d.finds.Load()
	for _, authData := range []string{`{"nobody":{"id":"1"}}`, `{"fake":{"id":"ada","token":"good"},"nobody":{"id":"1"}}`, `{"a.b":{"id":"1"}}`, `{"$where":{"id":"1"}}`, `{"":{"id":"1"}}`} {
		d.ask(nobody, "POST", "/users", `{"authData":`+authData+`}`).refused(parse.UnsupportedService)
	}
	if looked := d.finds.Load() - before; looked != 0 {
		t.Errorf("%d times it was looked for users", looked)
	}
	d.ask(session(u.token), "PUT", "/users/"+u.id, `{"authData":{"nobody":{"id":"1"}}}`).refused(parse.UnsupportedService)
	d.ask(nobody, "POST", "/login", `{"username":"ada","password":"secret","authData":{"nobody":{"id":"1"}}}`).refused(parse.UnsupportedService)
}

// Who may not change a user learns nothing of other users by trying.
func TestAdvisory_C20_AuthoriseBeforeChecks(t *testing.T) {
	d := open(t)
	ada, bob := d.signUp("ada", `"email":"ada@example.com"`), d.signUp("bob", "")
	for _, who := range []credential{nobody, session(bob.token)} {
		for _, body := range []string{`{"username":"ada"}`, `{"username":"nobody"}`, `{"email":"ada@example.com"}`, `{"email":"no address"}`, `{"password":"secret"}`, `{"authData":{"nobody":{"id":"1"}}}`} {
			d.ask(who, "PUT", "/users/"+ada.id, body).refused(parse.SessionMissing)
		}
	}
	d.ask(master, "PUT", "/schemas/_User", `{"classLevelPermissions":{"update":{},"get":{"*":true},"create":{}}}`).must()
	for _, name := range []string{"ada", "nobody"} {
		d.ask(session(bob.token), "PUT", "/users/"+bob.id, `{"username":"`+name+`"}`).refused(parse.OperationForbidden)
		d.ask(nobody, "POST", "/users", `{"username":"`+name+`","password":"secret"}`).refused(parse.OperationForbidden) // I11
	}
}

// An index, not a look, keeps a proof from being two users'.
func TestAdvisory_I02_ConcurrentSignUpsByProof(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			a := d.ask(nobody, "POST", "/users", `{`+adasProof+`}`)
			if a.status/100 != 2 && a.body["code"] != float64(parse.AccountAlreadyLinked) {
				t.Errorf("answered %d %s", a.status, a.text)
			}
		})
	}
	all.Wait()
	if users := d.ask(master, "GET", "/users", "").must().results(); len(users) != 1 {
		t.Errorf("there are %d users", len(users))
	}
}

// No way leads past the providers into authData.
func TestAdvisory_I09_DottedAuthData(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	u := d.signUp("ada", "")
	for _, who := range []credential{session(u.token), master, maintenance} {
		for _, body := range []string{`{"authData.fake":{"id":"1"}}`, `{"authData.fake.id":"1"}`, `{"authData.fake.id":{"__op":"Delete"}}`, `{"authData.nobody.id":"1"}`} {
			d.ask(who, "PUT", "/users/"+u.id, body).refused(parse.InvalidKeyName)
		}
		d.ask(who, "POST", "/users", `{"username":"bob","password":"secret","authData.fake.id":"1"}`).refused(parse.InvalidKeyName)
	}
	for _, op := range []string{`{"__op":"Delete"}`, `{"__op":"SetOnInsert","amount":{"fake":{"id":"1"}}}`, `{"__op":"Increment","amount":1}`} {
		d.ask(session(u.token), "PUT", "/users/"+u.id, `{"authData":`+op+`}`).refused(parse.UnsupportedService)
	}
}

// What identifies a user in a challenge is of its type.
func TestAdvisory_I10_ChallengeTypes(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	for _, authData := range []string{`"x"`, `["x"]`, `5`, `{"fake":"x"}`, `{"fake":[]}`, `{"fake":5}`} {
		d.ask(nobody, "POST", "/challenge", `{"challengeData":{"fake":{}},"authData":`+authData+`}`).refused(parse.OtherCause)
	}
	d.ask(nobody, "POST", "/challenge", `{"challengeData":{"fake":{}},"username":{"$ne":""},"password":"x"}`).refused(parse.ObjectNotFound)
}

// A class that is closed to new users says so before it looks at their fields.
func TestAdvisory_I11_ClosedClassesTellNothing(t *testing.T) {
	d := open(t)
	d.signUp("ada", `"email":"ada@example.com"`)
	d.ask(master, "PUT", "/schemas/_User", `{"classLevelPermissions":{"create":{}}}`).must()
	for _, body := range []string{`{"username":"ada","password":"x"}`, `{"username":"bob","password":"x","email":"ada@example.com"}`, `{"username":5}`, `{}`, `{"username":"bob","password":"x","phone":{"__type":"Date"}}`} {
		d.ask(nobody, "POST", "/users", body).refused(parse.OperationForbidden)
	}
}

// A new password ends all sessions, whoever sets it.
func TestAdvisory_J05_SessionsEndWithThePassword(t *testing.T) {
	d := open(t)
	for i, who := range []func(user) credential{func(u user) credential { return session(u.token) }, func(user) credential { return master }} {
		u := d.signUp("user"+string(rune('a'+i)), "")
		others := []string{u.token, d.logIn(u.name, "secret").must().string("sessionToken"), d.logIn(u.name, "secret").must().string("sessionToken")}
		for _, token := range others {
			d.ask(session(token), "GET", "/users/me", "").must() // it is remembered
		}
		d.ask(who(u), "PUT", "/users/"+u.id, `{"password":"better"}`).must()
		for _, token := range others {
			d.ask(session(token), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
		}
	}
}
