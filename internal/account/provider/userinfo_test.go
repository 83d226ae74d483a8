package provider_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// owners is the services that tell whose token one is, as fakes: token-1 is
// user-1's.
func owners(n *providertest.Internet) {
	known := func(w http.ResponseWriter, token, say string) {
		if token != "token-1" {
			http.Error(w, `{"error":"no such token"}`, http.StatusUnauthorized)
			return
		}
		w.Write([]byte(say))
	}
	bearer := func(say string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			known(w, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), say)
		}
	}
	n.HandleFunc("api.meetup.com", bearer(`{"id":"user-1"}`))
	n.HandleFunc("phantauth.net", bearer(`{"sub":"user-1"}`))
	n.HandleFunc("rpxnow.com", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("apiKey") != "key-1" || r.FormValue("token") != "token-1" {
			providertest.JSON(w, map[string]any{"stat": "fail", "profile": map[string]string{"identifier": "user-1"}})
			return
		}
		providertest.JSON(w, map[string]any{"stat": "ok", "profile": map[string]string{"identifier": "user-1"}})
	})
	n.HandleFunc("app.janraincapture.example", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/entity" || r.FormValue("attribute_name") != "uuid" || r.FormValue("access_token") != "token-1" {
			providertest.JSON(w, map[string]any{"stat": "error", "result": "user-1"})
			return
		}
		providertest.JSON(w, map[string]any{"stat": "ok", "result": "user-1"})
	})
	n.HandleFunc("oauth.vk.com", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_id") != "app-1" || r.FormValue("client_secret") != "secret-1" {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		providertest.JSON(w, map[string]string{"access_token": "app-token"})
	})
	n.HandleFunc("api.vk.com", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/method/users.get":
			known(w, r.FormValue("access_token"), `{"response":[{"id":"user-1"}]}`)
		case "/method/secure.checkToken":
			if r.FormValue("access_token") != "app-token" || r.FormValue("token") != "token-1" {
				providertest.JSON(w, map[string]any{"error": map[string]any{"error_code": 15}})
				return
			}
			w.Write([]byte(`{"response":{"success":1,"user_id":"user-1"}}`))
		}
	})
}

func TestTokensOfServicesThatKnowTheirOwners(t *testing.T) {
	n := providertest.NewInternet(t)
	owners(n)
	for _, c := range []struct {
		name, key string
		options   options
		insecure  bool
	}{
		{"meetup", "access_token", options{}, true},
		{"phantauth", "access_token", options{}, true},
		{"vkontakte", "access_token", options{}, true},
		{"vkontakte", "access_token", options{"appIds": "app-1", "appSecret": "secret-1", "apiVersion": "5.199"}, true},
		{"vkontakte", "access_token", options{"appIds": []any{"app-1"}, "appSecret": "secret-1"}, true},
		{"janrainengage", "auth_token", options{"api_key": "key-1"}, true},
		{"janraincapture", "access_token", options{"janrain_capture_host": "app.janraincapture.example"}, false},
	} {
		o := maps.Clone(c.options)
		if c.insecure {
			if _, err := provider.Open(map[string]map[string]any{c.name: o}, provider.Env{AllowInsecure: true}); err == nil {
				t.Errorf("%s starts as if it were secure", c.name)
			}
			o["enableInsecureAuth"] = true
			if _, err := provider.Open(map[string]map[string]any{c.name: o}, provider.Env{}); err == nil || !strings.Contains(err.Error(), "enableInsecureAuthAdapters") {
				t.Errorf("%s starts with one switch: %v", c.name, err)
			}
		}
		p := open(t, n, c.name, o)
		kept, err := signUp(p, data(t, `{"id":"user-1","`+c.key+`":"token-1"}`))
		if err != nil || written(t, kept) != `{"id":"user-1"}` {
			t.Errorf("%s %v: %s %v", c.name, c.options, written(t, kept), err)
		}
		for _, d := range []string{`{"id":"user-2","KEY":"token-1"}`, `{"id":"user-1","KEY":"token-2"}`, `{"id":"user-1"}`, `{"KEY":"token-1"}`, `{"id":"user-1","KEY":["token-1"]}`} {
			_, err := signUp(p, data(t, strings.ReplaceAll(d, "KEY", c.key)))
			if err == nil {
				t.Errorf("%s accepts %s", c.name, d)
				continue
			}
			refused(t, err, parse.ObjectNotFound, "")
		}
	}
	for name, o := range map[string]options{
		"vkontakte": {"enableInsecureAuth": true, "appIds": "app-1"}, "janrainengage": {"enableInsecureAuth": true},
		"janraincapture": {"janrain_capture_host": "app.janraincapture.example/entity?x="},
	} {
		if _, err := provider.Open(map[string]map[string]any{name: o}, provider.Env{AllowInsecure: true}); err == nil {
			t.Errorf("%s starts with %v", name, o)
		}
	}
}
