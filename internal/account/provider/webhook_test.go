package provider_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/signature"
)

const hookSecret = "a secret of thirty-two bytes, and more"

func hook(n *providertest.Internet, answer func(w http.ResponseWriter, body string)) {
	n.HandleFunc("login.example", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !signature.Verify(r.Header, []byte(hookSecret), body) || r.Header.Get("Webhook-Timestamp") != "1700000000" {
			http.Error(w, "who asks?", http.StatusBadRequest)
			return
		}
		answer(w, string(body))
	})
}

func TestWebhooksAreAskedWhoSomebodyIs(t *testing.T) {
	n := providertest.NewInternet(t)
	p := open(t, n, "ours", options{"module": "webhook", "url": "https://login.example/who", "secret": hookSecret}, at(&clock{now: time.Unix(1700000000, 0)}))
	hook(n, func(w http.ResponseWriter, body string) {
		if body != `{"provider":"ours","authData":{"ticket":"t-1","n":1.5}}` {
			t.Errorf("asked with %s", body)
		}
		w.Write([]byte(`{"id":"user-1","keep":{"level":3}}`))
	})
	kept, err := signUp(p, data(t, `{"ticket":"t-1","n":1.5}`))
	if err != nil || written(t, kept) != `{"id":"user-1","level":3}` {
		t.Errorf("%s %v", written(t, kept), err)
	}

	// An answer is taken as it is meant to be, and in no other way.
	for _, answer := range []string{
		`{}`, `{"id":""}`, `{"id":5}`, `{"id":null}`, `{"id":["user-1"]}`, `{"id":"user-1","admin":true}`, `{"ID":"user-1"} {}`, `["user-1"]`, `"user-1"`, `null`, ``, `true`,
		`{"id":"user-1","keep":{"id":"user-2"}}`, `{"id":"user-1","keep":{"_proven":"x"}}`, `{"id":"user-1","keep":{"a.b":1}}`, `{"id":"user-1","keep":{"$set":1}}`,
		`{"id":"user-1","keep":[1]}`, `{"id":"user-1","keep":"x"}`, `{"id":"user-1","keep":{"a":` + strings.Repeat(`[`, 20) + strings.Repeat(`]`, 20) + `}}`,
		`{"id":"user-1","keep":{"a":"` + strings.Repeat("x", 20<<10) + `"}}`,
	} {
		hook(n, func(w http.ResponseWriter, _ string) { w.Write([]byte(answer)) })
		_, err := signUp(p, data(t, `{}`))
		if err == nil {
			t.Errorf("%.60s is accepted", answer)
			continue
		}
		refused(t, err, parse.ObjectNotFound, "ours API request failed.")
	}
	for status, message := range map[int]string{
		http.StatusUnauthorized: "ours auth is invalid for this user.", http.StatusForbidden: "ours auth is invalid for this user.",
		http.StatusCreated: "ours API request failed.", http.StatusFound: "ours API request failed.", http.StatusInternalServerError: "ours API request failed.",
	} {
		hook(n, func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "https://login.example/who")
			w.WriteHeader(status)
			w.Write([]byte(`{"id":"user-1"}`))
		})
		_, err := signUp(p, data(t, `{}`))
		refused(t, err, parse.ObjectNotFound, message)
	}
	// The client can't choose: an id that it sends must be the one that is answered.
	hook(n, func(w http.ResponseWriter, _ string) { w.Write([]byte(`{"id":"user-1"}`)) })
	_, err = signUp(p, data(t, `{"id":"user-2"}`))
	refused(t, err, parse.ObjectNotFound, "ours auth is invalid for this user.")

	for says, o := range map[string]options{
		"secret is missing":            {"module": "webhook", "url": "https://login.example/"},
		"url is missing":               {"module": "webhook", "secret": hookSecret},
		"secret must be at least 24":   {"module": "webhook", "url": "https://login.example/", "secret": "short"},
		"url must begin with https://": {"module": "webhook", "url": "http://login.example/", "secret": hookSecret},
		"policy is no option of it":    {"module": "webhook", "url": "https://login.example/", "secret": hookSecret, "policy": "solo"},
	} {
		if _, err := provider.Open(map[string]map[string]any{"ours": o}, provider.Env{}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "short") {
			t.Errorf("%v: %v", o, err)
		}
	}
}

// house is a program's own provider: it takes whoever has the key of the house.
type house struct {
	provider.Provider // of what it does not answer for itself
	key               string
}

func (h house) Exchange(_ context.Context, d *parse.Object) (*parse.Object, error) {
	if key, _ := d.Get("key"); key != parse.String(h.key) {
		return nil, parse.NewError(parse.ObjectNotFound, "That is not the key.")
	}
	return &parse.Object{Members: []parse.Member{{Key: "id", Value: parse.String("tenant")}}}, nil
}

func (h house) SetUp(context.Context, provider.Check) (provider.Answer, error) {
	return provider.Answer{}, nil
}

func TestAProgramCanHaveProvidersOfItsOwn(t *testing.T) {
	withHouse := func(e *provider.Env) {
		e.Modules = map[string]provider.Module{"house": func(name string, o *provider.Options, _ provider.Env) provider.Provider {
			return house{key: o.RequiredText("key")}
		}}
	}
	p := open(t, nil, "home", options{"module": "house", "key": "k-1"}, withHouse)
	kept, err := signUp(p, data(t, `{"key":"k-1"}`))
	if err != nil || written(t, kept) != `{"id":"tenant"}` {
		t.Errorf("%s %v", written(t, kept), err)
	}
	_, err = signUp(p, data(t, `{"key":"k-2"}`))
	refused(t, err, parse.ObjectNotFound, "That is not the key.")

	env := provider.Env{}
	withHouse(&env)
	_, err = provider.Open(map[string]map[string]any{"home": {"module": "house", "door": "d"}}, env)
	for _, part := range []string{"auth.home.key is missing", "auth.home.door is no option of it"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}
