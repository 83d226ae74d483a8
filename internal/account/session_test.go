package account_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// installation names the device that asks.
func installation(id string) credential { return credential{"X-Parse-Installation-Id", id} }

func TestLogOutEndsOneSession(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	other := d.logIn("ada", "secret").must().string("sessionToken")
	d.ask(session(u.token), "POST", "/logout", "").must()
	d.ask(session(u.token), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
	if me := d.ask(session(other), "GET", "/users/me", "").must(); me.string("objectId") != u.id {
		t.Errorf("another session's user is %s", me.text)
	}
}

func TestOneSessionPerInstallation(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	logIn := func(device string) string {
		return d.ask(nobody, "POST", "/login", `{"username":"ada","password":"secret"}`, installation(device)).must().string("sessionToken")
	}
	first, tablet, second := logIn("phone"), logIn("tablet"), logIn("phone")
	d.ask(session(first), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
	for _, token := range []string{u.token, tablet, second} {
		d.ask(session(token), "GET", "/users/me", "").must()
	}
}

func TestDeletedUserHasNoSessions(t *testing.T) {
	d := open(t)
	u := d.signUp("ada", "")
	d.logIn("ada", "secret").must()
	d.ask(session(u.token), "DELETE", "/users/"+u.id, "").must()
	if sessions := d.ask(master, "GET", "/sessions", "").must().results(); len(sessions) != 0 {
		t.Errorf("%d sessions are left", len(sessions))
	}
}

// What the options say of sessions.
func TestSessionOptions(t *testing.T) {
	d := open(t, func(o *account.Options, _ *engine.Options) {
		o.ExpireInactiveSessions, o.RevokeSessionOnPasswordReset = false, false
	})
	u := d.signUp("ada", "")
	if s := d.ask(session(u.token), "GET", "/sessions", "").must().results()[0].(map[string]any); s["expiresAt"] != nil {
		t.Errorf("the session ends: %v", s)
	}
	d.ask(session(u.token), "PUT", "/users/"+u.id, `{"password":"better"}`).must()
	d.ask(session(u.token), "GET", "/users/me", "").must()
}
