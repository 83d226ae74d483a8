package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// introspection is the contract of an endpoint (RFC 7662): it knows one token, and
// tells of no other.
func introspection(n *providertest.Internet) {
	n.HandleFunc("tokens.example", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/introspect" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			http.Error(w, "no request of RFC 7662", http.StatusBadRequest)
			return
		}
		if r.Header.Get("Authorization") != "Basic c2VydmVyOnNlY3JldA==" {
			http.Error(w, "who asks?", http.StatusUnauthorized)
			return
		}
		switch r.FormValue("token") {
		case "token-1":
			providertest.JSON(w, map[string]any{"active": true, "sub": "user-1", "uid": 77, "aud": []string{"app-0", "app-1"}})
		case "token-2":
			providertest.JSON(w, map[string]any{"active": true, "sub": "user-2", "aud": "app-1"})
		case "token-of-another-app":
			providertest.JSON(w, map[string]any{"active": true, "sub": "user-1", "aud": "app-2"})
		case "token-of-nobody":
			providertest.JSON(w, map[string]any{"active": true, "aud": "app-1"})
		case "token-that-ended":
			providertest.JSON(w, map[string]any{"active": false, "sub": "user-1", "aud": "app-1"})
		case "token-of-truth":
			providertest.JSON(w, map[string]any{"active": "true", "sub": "user-1", "aud": "app-1"})
		default:
			providertest.JSON(w, map[string]any{"active": false})
		}
	})
}

var introspecting = options{
	"oauth2": true, "tokenIntrospectionEndpointUrl": "https://tokens.example/introspect",
	"appidField": "aud", "appIds": []any{"app-1"}, "authorizationHeader": "Basic c2VydmVyOnNlY3JldA==",
}

// Whose a token is says the endpoint. A valid token of one's own does not make
// one somebody else.
func TestAdvisory_D09_AnIntrospectedTokenIsBoundToItsUser(t *testing.T) {
	n := providertest.NewInternet(t)
	introspection(n)
	p := open(t, n, "mine", introspecting)
	kept, err := signUp(p, data(t, `{"id":"user-1","access_token":"token-1"}`))
	if err != nil || written(t, kept) != `{"id":"user-1"}` {
		t.Fatalf("%s %v", written(t, kept), err)
	}
	const wrong = "OAuth2 access token is invalid for this user."
	for d, message := range map[string]string{
		`{"id":"user-1","access_token":"token-2"}`:              wrong,
		`{"id":"user-1","access_token":"token-that-ended"}`:     wrong,
		`{"id":"user-1","access_token":"token-of-truth"}`:       wrong,
		`{"id":"user-1","access_token":"token-9"}`:              wrong,
		`{"id":"","access_token":"token-of-nobody"}`:            wrong,
		`{"access_token":"token-of-nobody"}`:                    wrong,
		`{"id":"user-1"}`:                                       wrong,
		`{"id":{"$ne":""},"access_token":"token-1"}`:            wrong,
		`{"id":"user-1","access_token":"token-of-another-app"}`: "OAuth2: Invalid app ID.",
	} {
		_, err := signUp(p, data(t, d))
		refused(t, err, parse.ObjectNotFound, message)
	}
	other := options{"module": "oauth2", "tokenIntrospectionEndpointUrl": "https://tokens.example/introspect", "useridField": "uid", "authorizationHeader": "Basic c2VydmVyOnNlY3JldA=="}
	if kept, err = signUp(open(t, n, "mine", other), data(t, `{"id":"77","access_token":"token-1"}`)); err != nil || written(t, kept) != `{"id":"77"}` {
		t.Errorf("by another field: %s %v", written(t, kept), err)
	}
}

// What is asked about is the token, and nothing else of what the client sent.
func TestAdvisory_D11_TheEndpointGetsTheToken(t *testing.T) {
	n := providertest.NewInternet(t)
	introspection(n)
	_, err := signUp(open(t, n, "mine", introspecting), data(t, `{"id":"user-1","access_token":"token-1","token":"another","password":"mine"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range n.Requests() {
		if r.Body != "token=token-1&token_type_hint=access_token" || strings.Contains(r.URL, "?") {
			t.Errorf("%s got %s", r.URL, r.Body)
		}
	}
}
