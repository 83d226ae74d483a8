package account_test

import (
	"strings"
	"testing"

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
