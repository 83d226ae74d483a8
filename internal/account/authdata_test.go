package account_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

const adasProof = `"authData":{"fake":{"id":"ada","token":"good"}}`

func TestProofOfProvider(t *testing.T) {
	f := &fake{}
	d := open(t, with(map[string]provider.Provider{"fake": f}))
	for _, body := range []string{
		`{"authData":{"fake":{"id":"ada","token":"bad"}}}`, `{"authData":{"fake":{"id":"ada"}}}`,
	} {
		d.ask(nobody, "POST", "/users", body).refused(parse.ObjectNotFound)
	}
	if calls := f.takeCalls(); !slices.Equal(calls, []string{"SetUp", "SetUp"}) {
		t.Errorf("called %v", calls)
	}
	up := d.ask(nobody, "POST", "/users", `{`+adasProof+`}`).must()
	if up.status != 201 || len(up.string("username")) != 25 {
		t.Errorf("signed up with %d %s", up.status, up.text)
	}
	f.takeCalls()
	in := d.ask(nobody, "POST", "/users", `{`+adasProof+`}`).must()
	if in.status != 200 || in.string("objectId") != up.string("objectId") || !strings.Contains(in.text, `"authDataResponse":{"fake":{"hello":true}}`) {
		t.Errorf("logged in with %d %s", in.status, in.text)
	}
	if calls := f.takeCalls(); !slices.Equal(calls, []string{"LogIn"}) {
		t.Errorf("called %v", calls)
	}
	if strings.Contains(in.text, "good") {
		t.Errorf("the token is shown: %s", in.text)
	}
}

// What a user has of a provider changes by proof, and is the user's alone.
func TestLinking(t *testing.T) {
	f := &fake{}
	d := open(t, with(map[string]provider.Provider{"fake": f}))
	ada, bob := d.signUp("ada", ""), d.signUp("bob", "")
	link := func(u user, who credential, authData string) answer {
		return d.ask(who, "PUT", "/users/"+u.id, `{"authData":{"fake":`+authData+`}}`)
	}
	link(ada, session(ada.token), `{"id":"ada","token":"bad"}`).refused(parse.ObjectNotFound)
	link(ada, session(ada.token), `{"id":"ada","token":"good"}`).must()
	link(bob, session(bob.token), `{"id":"ada","token":"good"}`).refused(parse.AccountAlreadyLinked)
	link(bob, session(bob.token), `{"id":"ada","token":"bad"}`).refused(parse.ObjectNotFound)
	link(bob, master, `{"id":"ada","token":"good"}`).refused(parse.AccountAlreadyLinked)
	f.takeCalls()
	// A client sends back what it was shown: nothing changes, and nobody is asked.
	link(ada, session(ada.token), `{"id":"ada"}`).must()
	if calls := f.takeCalls(); calls != nil {
		t.Errorf("called %v", calls)
	}
	if row := d.ask(master, "GET", "/users/"+ada.id, "").must(); !strings.Contains(row.text, `"authData":{"fake":{"id":"ada","token":"good"}}`) {
		t.Errorf("stored %s", row.text)
	}
	link(ada, session(ada.token), `null`).must()
	link(bob, session(bob.token), `{"id":"ada","token":"good"}`).must()
	if me := d.ask(session(ada.token), "GET", "/users/me", "").must(); strings.Contains(me.text, "authData") {
		t.Errorf("still linked: %s", me.text)
	}
}

// Who may write a user, as an administrator by its ACL, doesn't thereby log in as it.
func TestNobodyLinksOthers(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	ada := d.signUp("ada", "")
	bob := d.signUp("bob", fmt.Sprintf(`"ACL":{%q:{"read":true,"write":true}}`, ada.id))
	d.ask(session(ada.token), "PUT", "/users/"+bob.id, `{"phone":"555"}`).must()
	d.ask(session(ada.token), "PUT", "/users/"+bob.id, `{`+adasProof+`}`).refused(parse.OperationForbidden)
	d.ask(session(ada.token), "PUT", "/users/"+bob.id, `{"authData":{"fake":null}}`).refused(parse.OperationForbidden)
}

func TestPolicies(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{
		"fake": &fake{}, "key": &fake{policy: provider.Solo},
		"mfa": &fake{policy: provider.Additional, codes: true},
	}))
	u := d.signUp("ada", "")
	d.ask(session(u.token), "PUT", "/users/"+u.id, `{"authData":{
		"fake":{"id":"ada","token":"good"}, "key":{"id":"ada","token":"good"}, "mfa":{"codes":["1","2","3"]}}}`).must()
	for _, test := range []struct {
		what, path, body string
		code             parse.Code // 0 is success
	}{
		{"a password alone", "/login", `{"username":"ada","password":"secret"}`, parse.OtherCause},
		{"a default provider alone", "/users", `{` + adasProof + `}`, parse.OtherCause},
		{"a solo provider alone", "/users", `{"authData":{"key":{"id":"ada","token":"good"}}}`, 0},
		{"a password and a code", "/login", `{"username":"ada","password":"secret","authData":{"mfa":{"code":"1"}}}`, 0},
		{"a password and a used code", "/login", `{"username":"ada","password":"secret","authData":{"mfa":{"code":"1"}}}`, parse.ScriptFailed},
		{"a default provider and a code", "/users", `{"authData":{"fake":{"id":"ada","token":"good"},"mfa":{"code":"2"}}}`, 0},
		{"a default provider and a used code", "/users", `{"authData":{"fake":{"id":"ada","token":"good"},"mfa":{"code":"2"}}}`, parse.ScriptFailed},
		{"a bad proof and a code", "/users", `{"authData":{"fake":{"id":"ada","token":"bad"},"mfa":{"code":"3"}}}`, parse.ObjectNotFound},
		{"a password and null", "/login", `{"username":"ada","password":"secret","authData":{"mfa":null}}`, parse.OtherCause},
		{"a password and nothing", "/login", `{"username":"ada","password":"secret","authData":{"mfa":{}}}`, parse.ScriptFailed},
		{"a wrong password and a code", "/login", `{"username":"ada","password":"wrong","authData":{"mfa":{"code":"3"}}}`, parse.ObjectNotFound},
		{"a password and the last code", "/login", `{"username":"ada","password":"secret","authData":{"mfa":{"code":"3"}}}`, 0},
	} {
		a := d.ask(nobody, "POST", test.path, test.body)
		if test.code == 0 && a.status != 200 {
			t.Errorf("%s: %d %s", test.what, a.status, a.text)
		} else if test.code != 0 {
			t.Run(test.what, func(*testing.T) { a.refused(test.code) })
		}
		if strings.Contains(a.text, "codes") {
			t.Errorf("%s: the codes are shown: %s", test.what, a.text)
		}
	}
}

// A proof that is good once is good once, however many bring it at the same time
// and whichever way (root cause R6).
func TestSingleUseProof(t *testing.T) {
	for _, path := range []string{"/login", "/users", "PUT"} {
		t.Run(path, func(t *testing.T) {
			d := open(t, with(map[string]provider.Provider{"fake": &fake{}, "mfa": &fake{policy: provider.Additional, codes: true}}))
			u := d.signUp("ada", "")
			d.ask(session(u.token), "PUT", "/users/"+u.id, `{"authData":{"fake":{"id":"ada","token":"good"},"mfa":{"codes":["1","2"]}}}`).must()
			var good, used atomic.Int32
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					var a answer
					switch path {
					case "/login":
						a = d.ask(nobody, "POST", path, `{"username":"ada","password":"secret","authData":{"mfa":{"code":"1"}}}`)
					case "/users":
						a = d.ask(nobody, "POST", path, `{"authData":{"fake":{"id":"ada","token":"good"},"mfa":{"code":"1"}}}`)
					default:
						a = d.ask(session(u.token), "PUT", "/users/"+u.id, `{"authData":{"mfa":{"code":"1"}}}`)
					}
					if a.status == 200 {
						good.Add(1)
					} else if a.body["code"] == float64(parse.ScriptFailed) {
						used.Add(1)
					} else {
						t.Errorf("answered %d %s", a.status, a.text)
					}
				})
			}
			all.Wait()
			if good.Load() != 1 || used.Load() != 49 {
				t.Errorf("%d were let in and %d refused, want 1 and 49", good.Load(), used.Load())
			}
			if row := d.ask(master, "GET", "/users/"+u.id, "").must(); !strings.Contains(row.text, `"codes":["2"]`) {
				t.Errorf("left is %s", row.text)
			}
		})
	}
}

func TestChallenge(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	u := d.ask(nobody, "POST", "/users", `{"username":"ada","password":"secret",`+adasProof+`}`).must().string("objectId")
	for _, body := range []string{
		`{"challengeData":{"fake":1},` + adasProof + `}`, `{"challengeData":{"fake":1},"username":"ada","password":"secret"}`,
	} {
		if a := d.ask(nobody, "POST", "/challenge", body).must(); a.text != `{"challengeData":{"fake":{"asked":1,"of":"`+u+`"}}}` {
			t.Errorf("%s: %s", body, a.text)
		}
	}
	d.ask(nobody, "POST", "/challenge", `{"challengeData":{"fake":1},"authData":{"fake":{"id":"ada","token":"bad"}}}`).refused(parse.ObjectNotFound)
}

// Earlier versions of Parse Server stored the numbers of services that count their
// users as numbers. Who is known so is the same user, and known by text from then on.
func TestIDsThatWereStoredAsNumbers(t *testing.T) {
	d := open(t, with(map[string]provider.Provider{"fake": &fake{}}))
	logIn := func(id string) answer {
		return d.ask(nobody, "POST", "/users", `{"authData":{"fake":{"id":"`+id+`","token":"good"}}}`)
	}
	for _, stored := range []any{int32(123), float64(123), int64(123), "123"} {
		u := d.signUp(fmt.Sprintf("u%T", stored), "")
		_, err := d.store.Update(t.Context(), "_User", store.Update{
			Filter: bson.D{{Key: "_id", Value: u.id}},
			Change: bson.D{{Key: "$set", Value: bson.D{{Key: "_auth_data_fake", Value: bson.D{{Key: "id", Value: stored}}}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := logIn("123").must().string("objectId"); got != u.id {
				t.Errorf("stored as %T: %s logs in as %s", stored, u.id, got)
			}
		}
		for _, other := range []string{"0123", "123.0", "+123", "1.23e2", " 123"} {
			a := logIn(other).must()
			if a.string("objectId") == u.id {
				t.Errorf("stored as %T: %q logs in", stored, other)
			}
			d.ask(master, "DELETE", "/users/"+a.string("objectId"), "").must()
		}
		d.ask(master, "DELETE", "/users/"+u.id, "").must()
	}
}
