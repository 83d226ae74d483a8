package account_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

// Names, addresses and passwords are given as they are: an operation would lead
// past what is checked and hashed.
func TestCredentialsAreNoOperations(t *testing.T) {
	d := open(t, with(anonymousOnly(t)))
	u := d.signUp("ada", "")
	for _, key := range []string{"username", "email", "password"} {
		body := `"` + key + `":{"__op":"SetOnInsert","amount":"plain@text"}`
		d.ask(nobody, "POST", "/users", `{`+body+`,"authData":{"anonymous":{"id":"1"}}}`).refused(parse.IncorrectType)
		d.ask(session(u.token), "PUT", "/users/"+u.id, `{`+body+`}`).refused(parse.IncorrectType)
	}
}

// Of a thousand who want one name at the same time one gets it.
func TestOneUserPerName(t *testing.T) {
	d := open(t)
	var created, taken atomic.Int32
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			a := d.ask(nobody, "POST", "/users", fmt.Sprintf(`{"username":%q,"password":"secret"}`, [...]string{"Bob", "bob", "BOB"}[i%3]))
			switch {
			case a.status == 201:
				created.Add(1)
			case a.body["code"] == float64(parse.UsernameTaken):
				taken.Add(1)
			default:
				t.Errorf("answered %d %s", a.status, a.text)
			}
		})
	}
	all.Wait()
	if created.Load() != 1 || taken.Load() != 999 {
		t.Errorf("%d were created and %d refused, want 1 and 999", created.Load(), taken.Load())
	}
	if users := d.ask(master, "GET", "/users", "").must().results(); len(users) != 1 {
		t.Errorf("there are %d users", len(users))
	}
	if sessions := d.ask(master, "GET", "/sessions", "").must().results(); len(sessions) != 1 {
		t.Errorf("there are %d sessions", len(sessions))
	}
}
