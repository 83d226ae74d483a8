package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// service is a fake of a service that exchanges codes.
type service struct {
	name          string
	token, user   string // hosts and paths
	method        string // in which codes come
	clientID      string // the parameter's name; "client_id" where it is ""
	secret        string
	userToken     string // parameter with the token, where it is not in a header
	identity      string // what the service says of the token's owner
	redirect      bool
	needsVerifier bool
}

const proof = `"code":"code-1","redirect_uri":"https://app.example/back","code_verifier":"verifier-1"`

var services = []service{
	{name: "github", token: "github.com/login/oauth/access_token", user: "api.github.com/user", method: "JSON", identity: `{"id":12345678901234567890,"login":"x"}`},
	{name: "gpgames", token: "oauth2.googleapis.com/token", user: "www.googleapis.com/games/v1/players/me", identity: `{"playerId":"12345678901234567890"}`},
	{name: "instagram", token: "api.instagram.com/oauth/access_token", user: "graph.instagram.com/me", userToken: "access_token", identity: `{"id":"12345678901234567890"}`, redirect: true},
	{name: "line", token: "api.line.me/oauth2/v2.1/token", user: "api.line.me/v2/profile", identity: `{"userId":"12345678901234567890"}`, redirect: true},
	{name: "linkedin", token: "www.linkedin.com/oauth/v2/accessToken", user: "api.linkedin.com/v2/me", identity: `{"id":"12345678901234567890"}`, redirect: true},
	{name: "microsoft", token: "login.microsoftonline.com/common/oauth2/v2.0/token", user: "graph.microsoft.com/v1.0/me", identity: `{"id":"12345678901234567890"}`, redirect: true},
	{name: "qq", token: "graph.qq.com/oauth2.0/token", user: "graph.qq.com/oauth2.0/me", method: "GET", userToken: "access_token", identity: `callback( {"client_id":"app-1","openid":"12345678901234567890"} );`, redirect: true},
	{name: "spotify", token: "accounts.spotify.com/api/token", user: "api.spotify.com/v1/me", identity: `{"id":"12345678901234567890"}`, redirect: true, needsVerifier: true},
	{name: "wechat", token: "api.weixin.qq.com/sns/oauth2/access_token", user: "api.weixin.qq.com/sns/auth", method: "GET", clientID: "appid", secret: "secret", userToken: "access_token", identity: `{"errcode":0}`},
	{name: "weibo", token: "api.weibo.com/oauth2/access_token", user: "api.weibo.com/oauth2/get_token_info", userToken: "access_token", identity: `{"uid":12345678901234567890,"appkey":"app-1"}`, redirect: true},
}

func (s *service) options() options {
	return options{"clientId": "app-1", "clientSecret": "secret-1"}
}

// serve lets the service's hosts answer. A code is good once.
func (s *service) serve(n *providertest.Internet) {
	var mu sync.Mutex
	used := map[string]bool{}
	exchange := func(w http.ResponseWriter, r *http.Request) {
		sent := r.URL.Query()
		switch s.method {
		case "JSON":
			members := map[string]string{}
			if json.NewDecoder(r.Body).Decode(&members) != nil || r.Method != http.MethodPost {
				http.Error(w, "no JSON", http.StatusBadRequest)
				return
			}
			sent = url.Values{}
			for k, v := range members {
				sent.Set(k, v)
			}
		case "":
			if r.Method != http.MethodPost || r.ParseForm() != nil {
				http.Error(w, "no form", http.StatusBadRequest)
				return
			}
			sent = r.PostForm
		}
		id, secret := "client_id", "client_secret"
		if s.clientID != "" {
			id, secret = s.clientID, s.secret
		}
		mu.Lock()
		replayed := used[sent.Get("code")]
		used[sent.Get("code")] = true
		mu.Unlock()
		if sent.Get(id) != "app-1" || sent.Get(secret) != "secret-1" || sent.Get("code") != "code-1" || sent.Get("grant_type") != "authorization_code" ||
			replayed || s.redirect && sent.Get("redirect_uri") != "https://app.example/back" || s.needsVerifier && sent.Get("code_verifier") != "verifier-1" {
			providertest.JSON(w, map[string]string{"error": "invalid_grant", "error_description": "none of this is good"})
			return
		}
		providertest.JSON(w, map[string]any{"access_token": "token-1", "openid": "12345678901234567890", "expires_in": 3600})
	}
	whose := func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s.userToken != "" {
			token = r.FormValue(s.userToken)
		}
		switch token {
		case "token-1":
			w.Write([]byte(s.identity))
		case "token-of-another-app":
			w.Write([]byte(strings.ReplaceAll(s.identity, "app-1", "app-2")))
		default:
			http.Error(w, `{"error":"whose token is that?"}`, http.StatusUnauthorized)
		}
	}
	tokenHost, tokenPath, _ := strings.Cut(s.token, "/")
	userHost, userPath, _ := strings.Cut(s.user, "/")
	mux := http.NewServeMux()
	mux.HandleFunc(tokenHost+"/"+tokenPath, exchange)
	mux.HandleFunc(userHost+"/"+userPath, whose)
	n.Handle(tokenHost, mux)
	n.Handle(userHost, mux)
}

func TestCodesAreExchangedByTheServer(t *testing.T) {
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			n := providertest.NewInternet(t)
			s.serve(n)
			p := open(t, n, s.name, s.options())
			kept, err := signUp(p, data(t, `{`+proof+`}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := written(t, kept); got != `{"id":"12345678901234567890"}` {
				t.Errorf("kept %s", got)
			}
		})
	}
}

func TestCodesThatAreNoGoodAreRefused(t *testing.T) {
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			n := providertest.NewInternet(t)
			s.serve(n)
			label := map[string]string{"github": "GitHub", "gpgames": "gpgames", "instagram": "Instagram", "line": "Line", "linkedin": "LinkedIn", "microsoft": "Microsoft", "qq": "qq", "spotify": "spotify", "wechat": "WeChat", "weibo": "Weibo"}[s.name]
			p := open(t, n, s.name, s.options())
			for _, d := range []string{
				`{}`, `{"code":5}`, `{"code":""}`, `{"code":{"$ne":1}}`, `{"id":"1","access_token":"token-1"}`,
				`{"code":"` + strings.Repeat("c", 17<<10) + `"}`,
			} {
				_, err := signUp(p, data(t, d))
				refused(t, err, parse.ValidationError, label+" code is required.")
			}
			if asked := n.Requests(); len(asked) != 0 {
				t.Fatalf("asked %v without a code", asked)
			}
			if s.redirect {
				_, err := signUp(p, data(t, `{"code":"code-1"}`))
				refused(t, err, parse.ValidationError, label+" redirect_uri is required.")
			}
			_, err := signUp(p, data(t, `{`+strings.Replace(proof, "code-1", "code-2", 1)+`}`))
			refused(t, err, parse.ObjectNotFound, label+" auth is invalid for this user.")

			_, err = signUp(p, data(t, `{"id":"not theirs",`+proof+`}`))
			refused(t, err, parse.ObjectNotFound, label+" auth is invalid for this user.")

			_, err = signUp(p, data(t, `{`+proof+`}`)) // it has been used above
			refused(t, err, parse.ObjectNotFound, label+" auth is invalid for this user.")
		})
	}
}

// A token says nothing about the app for which it was made: it is taken from
// clients only where that is switched on twice.
func TestAdvisory_D04_TokensFromClientsNeedTwoSwitches(t *testing.T) {
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			n := providertest.NewInternet(t)
			s.serve(n)
			insecure := options{"enableInsecureAuth": true, "clientId": "app-1"}
			if _, err := provider.Open(map[string]map[string]any{s.name: insecure}, provider.Env{HTTP: n.Client()}); err == nil {
				t.Error("one switch is enough")
			}
			_, err := signUp(open(t, n, s.name, s.options()), data(t, `{"id":"12345678901234567890","access_token":"token-1"}`))
			refused(t, err, parse.ValidationError, "")

			p := open(t, n, s.name, insecure)
			kept, err := signUp(p, data(t, `{"id":"12345678901234567890","access_token":"token-1"}`))
			if err != nil || written(t, kept) != `{"id":"12345678901234567890"}` {
				t.Errorf("%s %v", written(t, kept), err)
			}
			if s.name != "wechat" { // its token is asked about together with the id
				_, err = signUp(p, data(t, `{"id":"123","access_token":"token-1"}`))
				refused(t, err, parse.ObjectNotFound, "")
			}
			for _, d := range []string{`{"id":"12345678901234567890"}`, `{"access_token":"token-1"}`, `{"id":"12345678901234567890","access_token":"token-2"}`, `{"id":5,"access_token":"token-1"}`} {
				_, err = signUp(p, data(t, d))
				refused(t, err, parse.ObjectNotFound, "")
			}
			if strings.Contains(s.identity, "app-1") { // the service tells whose token it is
				_, err = signUp(p, data(t, `{"id":"12345678901234567890","access_token":"token-of-another-app"}`))
				refused(t, err, parse.ObjectNotFound, "")
			}
		})
	}
}

// What a client sends is not a place to go to.
func TestAdvisory_D05_ProvidersGoOnlyWhereTheyAreConfiguredToGo(t *testing.T) {
	for _, s := range services {
		n := providertest.NewInternet(t)
		s.serve(n)
		p := open(t, n, s.name, s.options())
		sent := `{"apiURL":"https://evil.example/","api_url":"https://evil.example/","url":"https://evil.example/","host":"evil.example",` + proof + `}`
		if _, err := signUp(p, data(t, sent)); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		for _, r := range n.Requests() {
			u, err := url.Parse(r.URL)
			if err != nil || !strings.HasPrefix(s.token, u.Host+"/") && !strings.HasPrefix(s.user, u.Host+"/") {
				t.Errorf("%s asked %s", s.name, r.URL)
			}
		}
	}
}

func TestAdvisory_D05_RedirectsAreNotFollowed(t *testing.T) {
	n := providertest.NewInternet(t)
	reached := false
	n.HandleFunc("metadata.internal", func(w http.ResponseWriter, _ *http.Request) {
		reached = true
		w.Write([]byte(`{"access_token":"token-1"}`))
	})
	if answer, err := n.Client().Get("https://metadata.internal/"); err != nil || answer.StatusCode != http.StatusOK || !reached {
		t.Fatalf("there is nothing to be reached: %v", err)
	}
	reached = false
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect} {
		n.HandleFunc("github.com", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://metadata.internal/latest/meta-data/", status)
		})
		_, err := signUp(open(t, n, "github", options{"clientId": "c", "clientSecret": "s"}), data(t, `{`+proof+`}`))
		refused(t, err, parse.ObjectNotFound, "GitHub API request failed.")
	}
	if reached {
		t.Error("a redirect was followed into the server's network")
	}
}

func TestAnswersOfProvidersAreBounded(t *testing.T) {
	n := providertest.NewInternet(t)
	release := make(chan struct{})
	defer close(release)
	answers := map[string]http.HandlerFunc{
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"access_token":"token-1","x":"`))
			for range 2 << 10 {
				w.Write([]byte(strings.Repeat("x", 1<<10)))
			}
			w.Write([]byte(`"}`))
		},
		"a huge form": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("access_token=token-1&x=" + strings.Repeat("x", 2<<20)))
		},
		"no JSON":      func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`<html>`)) },
		"a list":       func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`["access_token"]`)) },
		"two values":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"access_token":"token-1"}{}`)) },
		"nothing":      func(http.ResponseWriter, *http.Request) {},
		"deep":         func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"a":` + strings.Repeat("[", 100000))) },
		"an object":    func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"access_token":{"a":1}}`)) },
		"an error":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"access_token":"token-1"}`, 500) },
		"an early end": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"an interim end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50")
			w.Write([]byte("{"))
		},
	}
	n.HandleFunc("api.github.com", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"id":1}`)) })
	for name, h := range answers {
		n.HandleFunc("github.com", h)
		_, err := signUp(open(t, n, "github", options{"clientId": "c", "clientSecret": "s"}), data(t, `{`+proof+`}`))
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		refused(t, err, parse.ObjectNotFound, "")
		if strings.Contains(err.(*parse.Error).Message, "github.com") {
			t.Errorf("%s: %q tells what happened inside", name, err)
		}
	}

	// Whoever gives up does not wait for a slow provider.
	asked := make(chan struct{})
	n.HandleFunc("github.com", func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	_, err := open(t, n, "github", options{"clientId": "c", "clientSecret": "s"}).Exchange(ctx, data(t, `{`+proof+`}`))
	refused(t, err, parse.ObjectNotFound, "GitHub API request failed.")
}

// Nobody gets in by data that was not exchanged, however it looks.
func TestAdvisory_D13_WhatWasNotExchangedIsRefused(t *testing.T) {
	n := providertest.NewInternet(t)
	s := services[0]
	s.serve(n)
	p, other := open(t, n, s.name, s.options()), open(t, n, s.name, s.options())
	exchanged, err := p.Exchange(context.Background(), data(t, `{`+proof+`}`))
	if err != nil {
		t.Fatal(err)
	}
	seal, _ := exchanged.Get("_proven")
	forged := data(t, `{"id":"somebody else"}`)
	forged.Set("_proven", seal)
	for name, d := range map[string]*parse.Object{
		"an id": data(t, `{"id":"12345678901234567890"}`), "an id and a token": data(t, `{"id":"12345678901234567890","access_token":"token-1"}`),
		"another's id": forged, "an empty seal": data(t, `{"id":"12345678901234567890","_proven":""}`), "nothing": data(t, `{}`),
	} {
		for check, f := range map[string]func(context.Context, provider.Check) (provider.Answer, error){"SetUp": p.SetUp, "LogIn": p.LogIn, "Update": p.Update} {
			if _, err := f(context.Background(), provider.Check{Data: d}); err == nil {
				t.Errorf("%s takes %s", check, name)
			}
		}
	}
	if _, err := other.LogIn(context.Background(), provider.Check{Data: exchanged}); err == nil {
		t.Error("another app's provider takes it")
	}
	if a, err := p.LogIn(context.Background(), provider.Check{Data: exchanged}); err != nil || written(t, a.Save) != `{"id":"12345678901234567890"}` {
		t.Errorf("what was exchanged: %s %v", written(t, a.Save), err)
	}
}
