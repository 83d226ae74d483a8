package pages_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/pages"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/wording"
)

// links is an app whose only good token is "good".
type links struct{ asked []string }

var errBad = parse.NewError(parse.OtherCause, "Failed to reset password: username / email / token is invalid")

func (l *links) answer(what, token string) error {
	l.asked = append(l.asked, what+" "+token)
	switch token {
	case "good":
		return nil
	case "broken":
		return errors.New("the database says: secret")
	case "panics":
		panic("a fault")
	}
	return errBad
}

func (l *links) VerifyEmail(_ context.Context, token string) error { return l.answer("verify", token) }
func (l *links) ResendVerification(_ context.Context, username, token string) error {
	return l.answer("resend", username+token)
}
func (l *links) CheckResetToken(_ context.Context, token string) error {
	return l.answer("check", token)
}
func (l *links) ResetPassword(_ context.Context, token, password string) error {
	if err := l.answer("reset", token); err != nil {
		return err
	}
	if password == "weak" {
		return parse.NewError(parse.ValidationError, "Take a <b>better</b> one.")
	}
	return nil
}

// browser asks a door for pages.
type browser struct {
	t     *testing.T
	door  *pages.Door
	links *links
	from  netip.Addr
}

func open(t *testing.T, change ...func(*pages.Options)) browser {
	t.Helper()
	l := &links{}
	o := pages.Options{ID: "game", Name: "Game & Co", Links: l, Endpoint: "apps", PublicURL: "https://example.com/parse", FallbackLocale: "en"}
	for _, f := range change {
		f(&o)
	}
	app, err := pages.NewApp(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	return browser{t, pages.New(nil, app), l, netip.MustParseAddr("127.0.0.1")}
}

func (b browser) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.door.Serve(w, r, r.URL.EscapedPath(), b.from)
	return w
}

func (b browser) get(path string) *httptest.ResponseRecorder {
	return b.do(httptest.NewRequest(http.MethodGet, path, nil))
}

func (b browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// own makes a directory of the app's own pages, from names and contents.
func own(t *testing.T, files ...string) func(*pages.Options) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(o *pages.Options) { o.Dir = dir }
}

func TestPages_AreSafeToOpen(t *testing.T) {
	b := open(t)
	for _, path := range []string{
		"/apps/game/verify_email?token=good", "/apps/game/verify_email?token=bad", "/apps/game/request_password_reset?token=good",
		"/apps/password_reset_success.html", "/apps/choose_password?appId=game", "/apps/none.html",
	} {
		w := b.get(path)
		h := w.Header()
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v: the address holds a secret", path, h)
		}
		body := w.Body.String()
		if regexp.MustCompile(`(?i)<(script|link|img|iframe)|\ssrc=|url\(|@import`).MatchString(body) {
			t.Errorf("%s fetches or runs something:\n%s", path, body)
		}
		if !strings.Contains(body, `<html lang="en">`) || !strings.Contains(body, "<h1>") || strings.Contains(body, "<h1></h1>") {
			t.Errorf("%s is no page:\n%s", path, body)
		}
	}
}

// Every page says something in every language.
func TestPages_InEveryLanguage(t *testing.T) {
	b := open(t, func(o *pages.Options) { o.Localize = true })
	titles := map[string]string{}
	for _, language := range wording.Languages() {
		for _, file := range []string{"password_reset", "password_reset_success", "password_reset_link_invalid", "email_verification_success",
			"email_verification_send_success", "email_verification_send_fail", "email_verification_link_invalid", "email_verification_link_expired"} {
			path := "/apps/" + language + "/" + file + ".html?appId=game"
			w := b.get(path)
			title := regexp.MustCompile(`<h1>(.+)</h1>`).FindStringSubmatch(w.Body.String())
			if w.Code != http.StatusOK || title == nil || !strings.Contains(w.Body.String(), `<html lang="`+language+`">`) {
				t.Fatalf("%s: %d\n%s", path, w.Code, w.Body)
			}
			if other, ok := titles[title[1]]; ok && !strings.HasPrefix(other, language) {
				t.Errorf("%s has the title of %s", path, other)
			}
			titles[title[1]] = language + "/" + file
		}
	}
	// Who names no language reads the browser's.
	r := httptest.NewRequest(http.MethodGet, "/apps/game/verify_email?token=good", nil)
	r.Header.Set("Accept-Language", "tlh, de-CH;q=0.9, en;q=0.1")
	if w := b.do(r); !strings.Contains(w.Body.String(), `lang="de"`) || w.Header().Get("X-Parse-Page-Param-Locale") != "" {
		t.Errorf("a browser that reads German gets\n%s", w.Body)
	}
}

func TestPages_ChooseAPassword(t *testing.T) {
	b := open(t)
	page := b.get("/apps/game/request_password_reset?token=good").Body.String()
	for _, part := range []string{`action="https://example.com/parse/apps/game/request_password_reset"`, `name="token" value="good"`,
		`name="new_password" type="password" autocomplete="new-password"`, `<label for="new_password">`, "Game &amp; Co"} {
		if !strings.Contains(page, part) {
			t.Errorf("no %s in\n%s", part, page)
		}
	}
	form := url.Values{"token": {"good"}, "new_password": {"weak"}, "repeat_password": {"weak"}}
	if w := b.post("/apps/game/request_password_reset", form); !strings.Contains(w.Body.String(), `role="alert">Take a &lt;b&gt;better`) {
		t.Errorf("the reason is not told:\n%s", w.Body)
	}
	form.Set("repeat_password", "other")
	asked := len(b.links.asked)
	if w := b.post("/apps/game/request_password_reset", form); !strings.Contains(w.Body.String(), "not the same") || len(b.links.asked) != asked {
		t.Errorf("two different passwords: asked %v\n%s", b.links.asked[asked:], w.Body)
	}
	form = url.Values{"token": {"good"}, "new_password": {"better"}, "repeat_password": {"better"}}
	if w := b.post("/apps/game/request_password_reset", form); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "was changed") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	if w := b.post("/apps/game/request_password_reset", url.Values{"token": {"bad"}, "new_password": {"better"}}); !strings.Contains(w.Body.String(), "not valid any more") {
		t.Errorf("a link that was used:\n%s", w.Body)
	}
}

func TestPages_TellNothingOfTheInside(t *testing.T) {
	b := open(t)
	for _, token := range []string{"broken", "panics"} {
		if w := b.get("/apps/game/verify_email?token=" + token); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "fault") {
			t.Errorf("%s: %d\n%s", token, w.Code, w.Body)
		}
		r := httptest.NewRequest(http.MethodPost, "/apps/game/request_password_reset", strings.NewReader("new_password=x&token="+token))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Requested-With", "XMLHttpRequest")
		if w := b.do(r); w.Code != http.StatusInternalServerError || w.Body.String() != `{"code":1,"error":"Internal server error."}` {
			t.Errorf("%s, to a script: %d %s", token, w.Code, w.Body)
		}
	}
}

func TestPages_LookingUsesNothingUp(t *testing.T) {
	b := open(t)
	w := b.do(httptest.NewRequest(http.MethodHead, "/apps/game/verify_email?token=good", nil))
	if w.Code != http.StatusOK || len(b.links.asked) != 0 {
		t.Errorf("%d, asked %v: a mail scanner's look has confirmed the address", w.Code, b.links.asked)
	}
}

func TestPages_AreBounded(t *testing.T) {
	b := open(t)
	b.from = netip.MustParseAddr("192.0.2.1")
	form := url.Values{"token": {"bad"}, "new_password": {"x"}}
	for range 20 {
		if w := b.post("/apps/game/request_password_reset", form); w.Code != http.StatusOK {
			t.Fatalf("%d\n%s", w.Code, w.Body)
		}
	}
	if w := b.post("/apps/game/request_password_reset", form); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("the 21st form: %d", w.Code)
	}
	b.from = netip.MustParseAddr("192.0.2.2")
	if w := b.post("/apps/game/request_password_reset", form); w.Code != http.StatusOK {
		t.Errorf("another address: %d", w.Code)
	}
	b.from = netip.MustParseAddr("127.0.0.1")
	if w := b.post("/apps/game/request_password_reset", url.Values{"token": {strings.Repeat("x", 20<<10)}}); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of 20 kB: %d", w.Code)
	}
}

func TestPages_OfTheAppsOwn(t *testing.T) {
	b := open(t, func(o *pages.Options) {
		o.Localize, o.Placeholders = true, map[string]string{"company": "A & B"}
		o.TextsFile = filepath.Join(t.TempDir(), "texts.json")
		text := `{"en":{"translation":{"greeting":"Welcome to {{appName}}"}},"de":{"translation":{"greeting":"Willkommen bei {{{appName}}}","passwordResetSuccess.title":"Fertig"}}}`
		if err := os.WriteFile(o.TextsFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}, own(t,
		"email_verification_success.html", "{{greeting}}, {{ company }}, {{{appName}}}, {{#section}}{{unknown}}{{/section}}, {{appId}}, {{template \"x\"}}",
		"de/email_verification_success.html", "de: {{greeting}}, {{locale}}",
		"de-AT/email_verification_success.html", "de-AT: {{greeting}}",
		"style.css", "p{}", "{{broken", "x"))
	for path, want := range map[string]string{
		"/apps/game/verify_email?token=good":                  "Welcome to Game &amp; Co, A &amp; B, Game &amp; Co, , game, ",
		"/apps/game/verify_email?token=good&locale=de":        "de: Willkommen bei Game &amp; Co, de",
		"/apps/game/verify_email?token=good&locale=de-CH":     "de: Willkommen bei Game &amp; Co, de-CH",
		"/apps/game/verify_email?token=good&locale=de-AT":     "de-AT: Willkommen bei Game &amp; Co",
		"/apps/game/verify_email?token=good&locale=fr":        "Welcome to Game &amp; Co, A &amp; B, Game &amp; Co, , game, ",
		"/apps/de/email_verification_success.html?appId=game": "de: Welcome to Game &amp; Co, ",
		"/apps/style.css": "p{}",
	} {
		if got := b.get(path).Body.String(); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if kind := b.get("/apps/style.css").Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/css") {
		t.Errorf("a style sheet is %q", kind)
	}
	// What the app has no page for, Loam has, in the app's own words.
	if w := b.get("/apps/password_reset_success.html?appId=game&locale=de"); !strings.Contains(w.Body.String(), "<h1>Fertig</h1>") {
		t.Errorf("Loam's own page:\n%s", w.Body)
	}
}

func TestAdvisory_G14_PagesAreFoundWithinTheirDirectory(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.html")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	var dir string
	b := open(t, own(t, "index.html", "fine"), func(o *pages.Options) {
		dir = o.Dir
		for link, target := range map[string]string{"link.html": secret, "up": ".."} {
			if err := os.Symlink(target, filepath.Join(o.Dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		// A directory that begins with the name of the pages' own.
		if err := os.Mkdir(o.Dir+"-private", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.Dir+"-private/secret.html", []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if got := b.get("/apps/index.html").Body.String(); got != "fine" {
		t.Fatalf("the page itself is %q", got)
	}
	base, private := filepath.Base(outside), filepath.Base(dir)+"-private"
	for _, path := range []string{
		"/apps/../" + private + "/secret.html", "/apps/..%2f" + private + "%2fsecret.html", "/apps/%2e%2e/" + private + "/secret.html",
		"/apps/%2e%2e%2f" + base + "/secret.html", "/apps/de/../../" + private + "/secret.html", "/apps/link.html", "/apps/up/" + private + "/secret.html",
		"/apps//" + strings.TrimPrefix(secret, "/"), "/apps/" + url.PathEscape(secret), "/apps/..%5c" + private + "%5csecret.html", "/apps/index.html%00",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		b.door.Serve(w, r, path, b.from)
		if body, _ := io.ReadAll(w.Body); w.Code != http.StatusNotFound || strings.Contains(string(body), "secret") {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
	}
}

func TestAdvisory_G15_PagesShowParametersAsText(t *testing.T) {
	const evil = `"><img src=x onerror=alert(1)>'{{.}}{{appId}}`
	loams := open(t, func(o *pages.Options) { o.Name = evil })
	apps := open(t, func(o *pages.Options) { o.Name = evil }, own(t,
		"password_reset.html", `<p title="{{username}}">{{{token}}}</p><a href="{{token}}">x</a><script>let t = "{{token}}", u = {{username}};</script>`))
	query := url.Values{"appId": {"game"}, "token": {evil}, "username": {evil}, "locale": {evil}, "error": {evil}}.Encode()
	form := url.Values{"token": {evil}, "new_password": {"x"}}
	for name, b := range map[string]browser{"Loam's": loams, "the app's own": apps} {
		for where, w := range map[string]*httptest.ResponseRecorder{
			"choose_password": b.get("/apps/choose_password?" + query),
			"the file":        b.get("/apps/password_reset.html?" + query),
			"the link":        b.get("/apps/game/request_password_reset?" + query),
			"the form":        b.post("/apps/game/request_password_reset", form),
			"another link":    b.get("/apps/game/verify_email?" + query),
		} {
			body := w.Body.String()
			if strings.Contains(body, "<img") || strings.Contains(body, `"><`) && strings.Contains(body, `onerror=alert(1)>`) {
				t.Errorf("%s page at %s has markup:\n%s", name, where, body)
			}
		}
	}
	// What leads elsewhere is no link that runs.
	w := apps.get("/apps/choose_password?appId=game&token=" + url.QueryEscape("javascript:alert(1)"))
	if strings.Contains(w.Body.String(), `href="javascript:`) {
		t.Errorf("a token runs:\n%s", w.Body)
	}
}

func TestAdvisory_I08_LanguagesAreNoPaths(t *testing.T) {
	b := open(t, func(o *pages.Options) { o.Localize = true }, own(t,
		"secret/email_verification_success.html", "secret", "email_verification_success.html", "fine"))
	for _, locale := range []string{"secret", "../secret", "./secret", "..%2fsecret", "de/../../secret", "/secret", "de\r\nX-Evil: 1", "de\x00", strings.Repeat("a", 300)} {
		r := httptest.NewRequest(http.MethodGet, "/apps/game/verify_email?token=good&locale="+url.QueryEscape(locale), nil)
		w := b.do(r)
		if w.Body.String() != "fine" || w.Header().Get("X-Parse-Page-Param-Locale") != "" {
			t.Errorf("the language %q: %q, %v", locale, w.Body, w.Header())
		}
		r = httptest.NewRequest(http.MethodGet, "/apps/game/verify_email?token=good", nil)
		r.Header["X-Parse-Page-Param-Locale"] = []string{locale}
		if w := b.do(r); w.Body.String() != "fine" || w.Header().Get("X-Parse-Page-Param-Locale") != "" {
			t.Errorf("the language %q in a header: %q, %v", locale, w.Body, w.Header())
		}
	}
	// Nothing from outside ends a header.
	w := open(t).get("/apps/choose_password?appId=game&token=" + url.QueryEscape("a\r\nX-Evil: 1\x7f"))
	if got := w.Header().Get("X-Parse-Page-Param-Token"); got != "aX-Evil: 1" {
		t.Errorf("the token goes along as %q", got)
	}
}
