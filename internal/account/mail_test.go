package account_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// desk is a Mailer that keeps what was written, or fails.
type desk struct {
	mu      sync.Mutex
	letters []account.Letter
	err     error
}

func (d *desk) SendVerification(_ context.Context, l account.Letter) error  { return d.take(l) }
func (d *desk) SendPasswordReset(_ context.Context, l account.Letter) error { return d.take(l) }

func (d *desk) take(l account.Letter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letters = append(d.letters, l)
	return d.err
}

// last is the token of the last letter; there must be count of them.
func (d *desk) last(t *testing.T, count int) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.letters) != count || count == 0 {
		if count != 0 || len(d.letters) != 0 {
			t.Fatalf("%d letters were written, want %d: %+v", len(d.letters), count, d.letters)
		}
		return ""
	}
	u, err := url.Parse(d.letters[count-1].Link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("token")
}

// openMailing opens an app that mails, as changed by change.
func openMailing(t *testing.T, change func(*account.MailOptions)) (door, *desk, *clock) {
	t.Helper()
	written, at := &desk{}, newClock()
	d := open(t, func(o *account.Options, eo *engine.Options) {
		o.Now, eo.Now = at.Now, at.Now
		o.Mail = account.MailOptions{
			Mailer: written, AppName: "Game", PublicURL: "https://example.com/parse", PagePath: "/apps/game",
			VerifyUserEmails: true, SendUserEmailVerification: true,
			EmailVerifySuccessOnInvalidEmail: true, ResetPasswordSuccessOnInvalidEmail: true,
		}
		change(&o.Mail)
	})
	return d, written, at
}

const adasMail = `"email":"ada@example.com"`

func TestVerification_LinksEnd(t *testing.T) {
	d, written, at := openMailing(t, func(o *account.MailOptions) { o.EmailVerifyTokenValidity = time.Hour })
	u := d.signUp("ada", adasMail)
	first := written.last(t, 1)
	at.advance(61 * time.Minute)
	if err := d.links.VerifyEmail(t.Context(), first); err == nil {
		t.Error("a link of 61 minutes confirmed the address")
	}
	if err := d.links.ResendVerification(t.Context(), "", first); err != nil {
		t.Fatal(err)
	}
	second := written.last(t, 2)
	at.advance(59 * time.Minute)
	if err := d.links.VerifyEmail(t.Context(), second); err != nil || second == first {
		t.Errorf("a link of 59 minutes: %v", err)
	}
	if row := d.row(u); row.body["emailVerified"] != true || strings.Contains(row.text, "_email_verify_token") {
		t.Errorf("the user is %s", row.text)
	}
}

func TestVerification_ReusesALinkWhileItIsGood(t *testing.T) {
	d, written, at := openMailing(t, func(o *account.MailOptions) {
		o.EmailVerifyTokenValidity, o.EmailVerifyTokenReuseIfValid = time.Hour, true
	})
	d.signUp("ada", adasMail)
	first := written.last(t, 1)
	ask := func() { d.ask(nobody, "POST", "/verificationEmailRequest", `{`+adasMail+`}`).must() }
	ask()
	if again := written.last(t, 2); again != first {
		t.Error("a link that is good was replaced")
	}
	at.advance(61 * time.Minute)
	ask()
	if again := written.last(t, 3); again == first {
		t.Error("a link that has ended was sent again")
	}
}

func TestVerification_IsAskedOfThoseWhoNeedIt(t *testing.T) {
	tests := map[string]struct {
		change  func(*account.MailOptions)
		letters int
	}{
		"by a mail":           {func(*account.MailOptions) {}, 1},
		"not by a mail":       {func(o *account.MailOptions) { o.SendUserEmailVerification = false }, 0},
		"nobody is asked":     {func(o *account.MailOptions) { o.VerifyUserEmails = false }, 0},
		"an app without name": {func(o *account.MailOptions) { o.AppName = "" }, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, written, _ := openMailing(t, tt.change)
			d.signUp("ada", adasMail)
			d.signUp("bob", "")
			written.last(t, tt.letters)
		})
	}
}

// That a mail can't be written is no reason to lose a sign-up.
func TestVerification_AMailThatFailsUndoesNothing(t *testing.T) {
	d, written, _ := openMailing(t, func(*account.MailOptions) {})
	written.err = errors.New("full")
	u := d.signUp("ada", adasMail)
	d.ask(nobody, "POST", "/requestPasswordReset", `{`+adasMail+`}`).must()
	d.logIn("ada", "secret").must()
	if row := d.row(u); row.body["emailVerified"] != false {
		t.Errorf("the user is %s", row.text)
	}
}

func TestReset_LinksEnd(t *testing.T) {
	d, written, at := openMailing(t, func(o *account.MailOptions) { o.VerifyUserEmails, o.ResetTokenValidity = false, time.Hour })
	d.signUp("ada", adasMail)
	d.ask(nobody, "POST", "/requestPasswordReset", `{`+adasMail+`}`).must()
	first := written.last(t, 1)
	if err := d.links.CheckResetToken(t.Context(), first); err != nil {
		t.Error(err)
	}
	at.advance(61 * time.Minute)
	for what, err := range map[string]error{
		"looked at": d.links.CheckResetToken(t.Context(), first), "used": d.links.ResetPassword(t.Context(), first, "stolen"),
	} {
		if told, ok := errors.AsType[*parse.Error](err); !ok || told.Message != "The password reset link has expired" {
			t.Errorf("a link of 61 minutes was %s: %v", what, err)
		}
	}
	// Its token serves to ask for another one.
	d.ask(nobody, "POST", "/requestPasswordReset", `{"token":"`+first+`"}`).must()
	second := written.last(t, 2)
	if err := d.links.ResetPassword(t.Context(), second, "better"); err != nil || second == first {
		t.Errorf("the second link: %v", err)
	}
	d.logIn("ada", "secret").refused(parse.ObjectNotFound)
	d.logIn("ada", "better").must()
	if err := d.links.ResetPassword(t.Context(), second, "third"); err == nil {
		t.Error("a link served twice")
	}
}

func TestReset_EndsSessions(t *testing.T) {
	d, written, _ := openMailing(t, func(o *account.MailOptions) { o.VerifyUserEmails = false })
	u := d.signUp("ada", adasMail)
	d.ask(nobody, "POST", "/requestPasswordReset", `{`+adasMail+`}`).must()
	if err := d.links.ResetPassword(t.Context(), written.last(t, 1), "better"); err != nil {
		t.Fatal(err)
	}
	d.ask(session(u.token), "GET", "/users/me", "").refused(parse.InvalidSessionToken)
}

// A frame shows the pages, and is told which.
func TestMail_LinksLeadToTheFrame(t *testing.T) {
	d, written, _ := openMailing(t, func(o *account.MailOptions) { o.FrameURL = "https://game.example/frame" })
	d.signUp("ada", adasMail)
	token := written.last(t, 1)
	want := "https://game.example/frame?link=%2Fapps%2Fgame%2Fverify_email&token=" + token
	if got := written.letters[0].Link; got != want {
		t.Errorf("the link is %q, want %q", got, want)
	}
}
