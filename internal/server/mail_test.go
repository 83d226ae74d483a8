package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/mail/mailtest"
)

// mailing is an app that mails through an SMTP server, and a browser whose
// network is the machine.
type mailing struct {
	*running
	post   *mailtest.Server
	client *http.Client
}

// publicMailURL is what links in mails begin with.
const publicMailURL = "http://game.test/parse"

func startMailing(t *testing.T, o mailtest.Options, change map[string]any) mailing {
	t.Helper()
	post := mailtest.Start(t, o)
	options := map[string]any{
		"appId": "game", "appName": "Game", "masterKey": "master", "readOnlyMasterKey": "readonly", "maintenanceKey": "maintenance",
		"host": "127.0.0.1", "dataDir": t.TempDir(), "publicServerURL": publicMailURL, "verifyUserEmails": true,
		"emailAdapter": fmt.Sprintf("smtp://127.0.0.1:%d?from=Game+%%3Cgame@example.com%%3E&starttls=none", post.Port),
	}
	for name, value := range change {
		options[name] = value
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "loam.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	effective, err := config.Load(config.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	effective.Process.Port = 0
	m := mailing{running: run(t, listen(t, effective.Process)).awaitReady(), post: post}
	t.Cleanup(func() {
		m.stop()
		if err := m.awaitEnd(); err != nil {
			t.Error(err)
		}
	})
	m.client = &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, m.Addr().String())
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       requestTime, // many passwords take long to hash together, more so under the race detector
	}
	return m
}

// answer is what came back.
type answer struct {
	status   int
	location string
	body     string
}

func (m mailing) send(r *http.Request) answer {
	m.t.Helper()
	response, err := m.client.Do(r)
	if err != nil {
		m.t.Error(err) // not Fatal: many send at the same time
		return answer{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		m.t.Error(err) // not Fatal: many send at the same time
		return answer{}
	}
	return answer{response.StatusCode, response.Header.Get("Location"), string(body)}
}

// rest asks the REST API, with a key or without one.
func (m mailing) rest(key, method, path, body string) answer {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), method, publicMailURL+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("X-Parse-Application-Id", "game")
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("X-Parse-Master-Key", key)
	}
	return m.send(r)
}

// open follows a link.
func (m mailing) open(link string) answer {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.send(r)
}

// submit sends a form, as a script does if it is one.
func (m mailing) submit(path, form string, script bool) answer {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, publicMailURL+path, strings.NewReader(form))
	if err != nil {
		m.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if script {
		r.Header.Set("X-Requested-With", "XMLHttpRequest")
	}
	return m.send(r)
}

func (m mailing) want(a answer, status int, says string) answer {
	m.t.Helper()
	if a.status != status || !strings.Contains(a.body, says) {
		m.t.Fatalf("answered %d %s, want %d with %q", a.status, a.body, status, says)
	}
	return a
}

// tokenOf is the token in a mail's link.
func (m mailing) tokenOf(received mailtest.Mail) string {
	m.t.Helper()
	u, err := url.Parse(received.Link())
	if err != nil || u.Query().Get("token") == "" {
		m.t.Fatalf("no token in %q (%v)", received.Text, err)
	}
	return u.Query().Get("token")
}

const (
	ada     = `{"username":"ada","password":"Engine1843","email":"ada@example.com"}`
	asAda   = `{"username":"ada","password":"Engine1843"}`
	toAda   = `{"email":"ada@example.com"}`
	toNoOne = `{"email":"nobody@example.com"}`
)

func TestMail_FromSignUpToAConfirmedAddress(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, map[string]any{"preventLoginWithUnverifiedEmail": true})
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	m.want(m.rest("", "POST", "/login", asAda), 400, "not verified")
	received := m.post.Next(t)
	if strings.Join(received.To, ",") != "ada@example.com" || received.From != "game@example.com" ||
		received.Header.Get("Subject") != "Confirm your email address for Game" || received.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("mail from %q to %q: %v", received.From, received.To, received.Header)
	}
	if !strings.HasPrefix(received.Link(), publicMailURL+"/apps/game/verify_email?token=") || !strings.Contains(received.HTML, received.Link()) {
		t.Errorf("the link is %q", received.Link())
	}
	m.want(m.open(received.Link()), 200, "Your address is confirmed")
	m.want(m.rest("", "POST", "/login", asAda), 200, `"emailVerified":true`)
	m.want(m.open(received.Link()), 200, "This link is not valid")
}

func TestMail_FromAForgottenPasswordToAnotherOne(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, map[string]any{"verifyUserEmails": false})
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	m.want(m.rest("", "POST", "/requestPasswordReset", toAda), 200, "{}")
	received := m.post.Next(t)
	if received.Header.Get("Subject") != "Choose a new password for Game" || !strings.Contains(received.Text, "Your username is ada.") {
		t.Errorf("mail %v\n%s", received.Header, received.Text)
	}
	m.want(m.open(received.Link()), 200, `name="token" value="`+m.tokenOf(received)+`"`)
	form := url.Values{"token": {m.tokenOf(received)}, "new_password": {"Difference2"}, "repeat_password": {"Difference2"}}.Encode()
	m.want(m.submit("/apps/game/request_password_reset", form, false), 200, "Your password was changed")
	m.want(m.rest("", "POST", "/login", asAda), 404, "Invalid username")
	m.want(m.rest("", "POST", "/login", `{"username":"ada","password":"Difference2"}`), 200, "sessionToken")
	m.want(m.open(received.Link()), 200, "This link is not valid")
}

func TestAdvisory_C01_ResetsAnswerStrangersAlike(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, nil)
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	known, unknown := m.rest("", "POST", "/requestPasswordReset", toAda), m.rest("", "POST", "/requestPasswordReset", toNoOne)
	if known != unknown || known.status != 200 {
		t.Errorf("a user's address is answered %+v, another %+v", known, unknown)
	}
}

func TestAdvisory_C17_VerificationMailsAnswerStrangersAlike(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, nil)
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	ask := func(body string) answer { return m.rest("", "POST", "/verificationEmailRequest", body) }
	open, unknown := ask(toAda), ask(toNoOne)
	_, link := m.post.Next(t), m.post.Next(t).Link()
	m.want(m.open(link), 200, "confirmed")
	if confirmed := ask(toAda); open != unknown || confirmed != unknown || unknown.status != 200 {
		t.Errorf("answered %+v, confirmed %+v, unknown %+v", open, confirmed, unknown)
	}
}

func TestAdvisory_C18_ThePageToSendAgainAnswersStrangersAlike(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, nil)
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	again := func(who string) answer {
		return m.submit("/apps/game/resend_verification_email", "username="+who, false)
	}
	open, unknown := again("ada"), again("nobody")
	_, link := m.post.Next(t), m.post.Next(t).Link()
	m.want(m.open(link), 200, "confirmed")
	if confirmed := again("ada"); open != unknown || confirmed != unknown || unknown.status != http.StatusSeeOther {
		t.Errorf("answered %+v, confirmed %+v, unknown %+v", open, confirmed, unknown)
	}
}

func TestAdvisory_C04_TokensAreTexts(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, nil)
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	m.post.Next(t)
	m.want(m.rest("", "POST", "/requestPasswordReset", toAda), 200, "{}")
	m.post.Next(t)
	for _, operator := range []string{`{"$regex":".*"}`, `{"$ne":null}`, `{"$exists":true}`, `["a"]`, `true`, `1`} {
		m.want(m.rest("", "POST", "/requestPasswordReset", `{"token":`+operator+`}`), 400, "token must be a string")
		a := m.rest("", "POST", "/verificationEmailRequest", `{"email":`+operator+`}`)
		m.want(a, 400, "valid email string")
	}
	for _, token := range []string{"token[$regex]=.*", "token[$ne]=", "token[]=a", "token=a&token=b", "token=.*", `token={"$regex":".*"}`} {
		m.want(m.open(publicMailURL+"/apps/game/verify_email?"+strings.ReplaceAll(token, `"`, "%22")), 200, "This link is not valid")
		m.want(m.open(publicMailURL+"/apps/game/request_password_reset?"+strings.ReplaceAll(token, `"`, "%22")), 200, "This link is not valid")
		if a := m.submit("/apps/game/request_password_reset", token+"&new_password=Stolen1", true); a.status != 400 {
			t.Errorf("%s chose a password: %+v", token, a)
		}
		m.submit("/apps/game/resend_verification_email", token, false)
	}
	m.want(m.rest("", "POST", "/login", asAda), 200, `"emailVerified":false`)
}

func TestAdvisory_C13_ATokenServesOnceHoweverManyBringIt(t *testing.T) {
	m := startMailing(t, mailtest.Options{}, nil)
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	verify := m.post.Next(t).Link()
	m.want(m.rest("", "POST", "/requestPasswordReset", toAda), 200, "{}")
	token := m.tokenOf(m.post.Next(t))

	together := 50
	if testing.Short() {
		together = 10
	}
	count := func(do func(n int) bool) (served int) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for n := range together {
			all.Go(func() {
				if do(n) {
					mu.Lock()
					defer mu.Unlock()
					served++
				}
			})
		}
		all.Wait()
		return served
	}
	served := count(func(int) bool { return strings.Contains(m.open(verify).body, "is confirmed") })
	if served != 1 {
		t.Errorf("a link confirmed the address %d times", served)
	}
	var winner string
	served = count(func(n int) bool {
		password := fmt.Sprint("Password", n)
		a := m.submit("/apps/game/request_password_reset", "token="+token+"&new_password="+password, true)
		if a.status == 200 {
			winner = password
			return true
		}
		if !strings.Contains(a.body, "token is invalid") {
			t.Errorf("refused with %+v", a)
		}
		return false
	})
	if served != 1 {
		t.Errorf("a token chose %d passwords", served)
	}
	m.want(m.rest("", "POST", "/login", fmt.Sprintf(`{"username":"ada","password":%q}`, winner)), 200, "sessionToken")
}

// A mail that can't be sent is kept where the master key sees it, without the
// links that it has.
func TestMail_ThatCantBeSentIsKeptForTheMaster(t *testing.T) {
	m := startMailing(t, mailtest.Options{Refuse: func(string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	}}, nil)
	m.want(m.rest("", "POST", "/users", ada), 201, "objectId")
	var left answer
	for deadline := time.Now().Add(patience); !strings.Contains(left.body, `"dead"`); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the mail is not given up: %+v", left)
		}
		left = m.rest("master", "GET", "/classes/_MailQueue", "")
	}
	m.want(left, 200, "No such user")
	for key, path := range map[string]string{
		"master": "/classes/_MailQueue", "readonly": "/aggregate/_MailQueue?rawValues=true&rawFieldNames=true&pipeline=" +
			url.QueryEscape(`[{"$project":{"_message":1,"m":"$_message","all":"$$ROOT"}}]`),
	} {
		if a := m.rest(key, "GET", path, ""); a.status != 200 || strings.Contains(a.body, "token=") {
			t.Errorf("%s by %s: %+v", path, key, a)
		}
	}
	m.want(m.rest("", "GET", "/classes/_MailQueue", ""), 400, "Permission denied")
	m.want(m.rest("readonly", "GET", "/aggregate/_User?pipeline="+url.QueryEscape(`[{"$lookup":{"from":"_MailQueue","pipeline":[],"as":"m"}}]`), ""), 400, "Permission denied")
}
