package provider_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

func facebookGraph(n *providertest.Internet) {
	tokens := map[string][2]string{"token-1": {"app-1", "user-1"}, "token-2": {"app-2", "user-1"}, "token-3": {"a", "user-1"}}
	n.HandleFunc("graph.facebook.com", func(w http.ResponseWriter, r *http.Request) {
		token := r.FormValue("access_token")
		proof := hmac.New(sha256.New, []byte("secret-1"))
		proof.Write([]byte(token))
		known, ok := tokens[token]
		if !ok || r.FormValue("appsecret_proof") != hex.EncodeToString(proof.Sum(nil)) {
			http.Error(w, `{"error":{"message":"Invalid OAuth access token."}}`, http.StatusBadRequest)
			return
		}
		switch r.URL.Path {
		case "/app":
			providertest.JSON(w, map[string]string{"id": known[0], "name": "App"})
		case "/me":
			providertest.JSON(w, map[string]string{"id": known[1]})
		}
	})
}

func TestFacebookChecksTheAppOfATokenAndProvesToBeIt(t *testing.T) {
	n := providertest.NewInternet(t)
	facebookGraph(n)
	p := open(t, n, "facebook", options{"appIds": []any{"app-0", "app-1"}, "appSecret": "secret-1"})
	kept, err := signUp(p, data(t, `{"id":"user-1","access_token":"token-1","expiration_date":"2099-01-01T00:00:00.000Z"}`))
	if err != nil || written(t, kept) != `{"id":"user-1"}` {
		t.Fatalf("%s %v", written(t, kept), err)
	}
	for name, d := range map[string]string{
		"another app's token":         `{"id":"user-1","access_token":"token-2"}`,
		"another user's token":        `{"id":"user-2","access_token":"token-1"}`,
		"a token that nobody gave":    `{"id":"user-1","access_token":"token-9"}`,
		"no token":                    `{"id":"user-1"}`,
		"an empty token":              `{"id":"user-1","access_token":""}`,
		"no id":                       `{"access_token":"token-1"}`,
		"a token for a condition":     `{"id":"user-1","access_token":{"$ne":""}}`,
		"a signed token that is none": `{"id":"user-1","access_token":"token-1","token":"x"}`,
		"another place to ask":        `{"id":"user-1","access_token":"token-1&access_token=token-2"}`,
	} {
		_, err := signUp(p, data(t, d))
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		refused(t, err, parse.ObjectNotFound, "")
	}
	_, err = signUp(open(t, n, "facebook", options{"appIds": []any{"app-1"}, "appSecret": "secret-2"}), data(t, `{"id":"user-1","access_token":"token-1"}`))
	refused(t, err, parse.ObjectNotFound, "Facebook API request failed.")
}

// As text, "app-1" would hold every part of itself as an app.
func TestAdvisory_D03_AppIdsAreAList(t *testing.T) {
	n := providertest.NewInternet(t)
	facebookGraph(n)
	for _, wrong := range []any{"app-1", "a", []any{"app-1", 5}, []any{[]any{"app-1"}}, options{"0": "app-1"}, []any{}} {
		for name, o := range map[string]options{
			"facebook": {"appIds": wrong, "appSecret": "secret-1"},
			"mine":     {"oauth2": true, "tokenIntrospectionEndpointUrl": "https://tokens.example/", "appidField": "aud", "appIds": wrong},
		} {
			_, err := provider.Open(map[string]map[string]any{name: o}, provider.Env{})
			if err == nil || !strings.Contains(err.Error(), "auth."+name+".appIds must be a list of texts") {
				t.Errorf("%s with %#v: %v", name, wrong, err)
			}
		}
	}
	_, err := signUp(open(t, n, "facebook", options{"appIds": []any{"app-1"}, "appSecret": "secret-1"}), data(t, `{"id":"user-1","access_token":"token-3"}`))
	refused(t, err, parse.ObjectNotFound, "Facebook auth is invalid for this user.")
}
