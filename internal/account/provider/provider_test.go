package provider_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// options are the options of one provider.
type options = map[string]any

// data decodes authData as it is sent.
func data(tb testing.TB, text string) *parse.Object {
	tb.Helper()
	o, err := parse.DecodeObject([]byte(text), parse.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// written is authData as it is stored, in JSON with sorted keys.
func written(tb testing.TB, o *parse.Object) string {
	tb.Helper()
	members := map[string]any{}
	if o == nil {
		return "nothing"
	}
	for _, m := range o.Members {
		members[m.Key] = m.Value
	}
	text, err := json.Marshal(members)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// open opens one provider on an internet.
func open(tb testing.TB, n *providertest.Internet, name string, o options, change ...func(*provider.Env)) provider.Provider {
	tb.Helper()
	env := provider.Env{AllowInsecure: true}
	if n != nil {
		env.HTTP = n.Client()
	}
	for _, c := range change {
		c(&env)
	}
	all, err := provider.Open(map[string]map[string]any{name: o}, env)
	if err != nil {
		tb.Fatal(err)
	}
	return all[name]
}

// signUp does what a sign-up does with authData, and returns what is stored.
func signUp(p provider.Provider, d *parse.Object) (*parse.Object, error) {
	return use(p, d, p.SetUp)
}

func use(p provider.Provider, d *parse.Object, check func(context.Context, provider.Check) (provider.Answer, error)) (*parse.Object, error) {
	exchanged, err := p.Exchange(context.Background(), d)
	if err != nil {
		return nil, err
	}
	a, err := check(context.Background(), provider.Check{Data: exchanged})
	if err != nil {
		return nil, err
	}
	if a.Save == nil {
		return exchanged, nil
	}
	return a.Save, nil
}

// refused fails unless err is a refusal with a code, whose text holds nothing of
// what went wrong inside.
func refused(tb testing.TB, err error, code parse.Code, message string) {
	tb.Helper()
	if err == nil {
		tb.Fatal("accepted")
	}
	e, ok := err.(*parse.Error)
	if !ok {
		tb.Fatalf("%v is no answer to a client", err)
	}
	if e.Code != code || message != "" && e.Message != message {
		tb.Errorf("refused with %d %q, want %d %q", e.Code, e.Message, code, message)
	}
}

func TestProvidersRefuseToStartWithoutWhatMakesThemSafe(t *testing.T) {
	secret := options{"clientId": "c", "clientSecret": "s"}
	without := func(o options, key string) options {
		o = maps.Clone(o)
		delete(o, key)
		return o
	}
	type row struct {
		name    string
		options options
		says    string // what the error says; "" starts
	}
	var rows []row
	for _, name := range []string{"github", "gpgames", "instagram", "line", "linkedin", "microsoft", "qq", "wechat", "weibo"} {
		rows = append(rows,
			row{name, secret, ""},
			row{name, without(secret, "clientId"), "auth." + name + ".clientId is missing"},
			row{name, without(secret, "clientSecret"), "auth." + name + ".clientSecret is missing"},
			row{name, options{"enableInsecureAuth": true}, "enableInsecureAuthAdapters"},
		)
	}
	introspection := options{"oauth2": true, "tokenIntrospectionEndpointUrl": "https://tokens.example/", "appidField": "aud", "appIds": []any{"a"}}
	rows = append(rows,
		row{"spotify", options{"clientId": "c"}, ""},
		row{"spotify", options{}, "auth.spotify.clientId is missing"},
		row{"mine", introspection, ""},
		row{"mine", without(introspection, "appIds"), "auth.mine.appidField and appIds go together"},
		row{"mine", without(introspection, "tokenIntrospectionEndpointUrl"), "auth.mine.tokenIntrospectionEndpointUrl is missing"},
		row{"mine", options{"module": "oauth2", "tokenIntrospectionEndpointUrl": "http://tokens.example/"}, "must begin with https://"},
		row{"mine", options{"module": "oauth2", "tokenIntrospectionEndpointUrl": "https://me:secret@tokens.example/"}, "without a user"},
		row{"mine", options{"module": "nobody's"}, "auth.mine is no provider"},
		row{"mine", options{}, "auth.mine is no provider"},
		row{"mine", options{"module": "oauth2", "enabled": false}, ""},
		row{"_mine", options{"module": "oauth2"}, "must be named by a letter"},
		row{"my.own", options{"module": "oauth2"}, "must be named by a letter"},
		row{"github", options{"clientId": "c", "clientSecret": "s", "clientid": "d"}, "auth.github.clientid is no option of it; it has clientId, clientSecret"},
		row{"github", options{"clientId": 5, "clientSecret": ""}, "auth.github.clientId must be text"},
	)
	for _, r := range rows {
		_, err := provider.Open(map[string]map[string]any{r.name: r.options}, provider.Env{})
		switch {
		case r.says == "" && err != nil:
			t.Errorf("%s %v: %v", r.name, r.options, err)
		case r.says != "" && err == nil:
			t.Errorf("%s %v starts", r.name, r.options)
		case r.says != "" && !strings.Contains(err.Error(), r.says):
			t.Errorf("%s %v: %q does not say %q", r.name, r.options, err, r.says)
		}
	}
}

func TestOpenTellsAllThatIsWrong(t *testing.T) {
	_, err := provider.Open(map[string]map[string]any{
		"github": {}, "line": {"clientId": "c"}, "weibo": {"clientId": "c", "clientSecret": "s"},
	}, provider.Env{})
	for _, part := range []string{"github.clientId", "github.clientSecret", "line.clientSecret"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not tell of %s", err, part)
		}
	}
}

func TestAnonymousUsersAreAProviderUnlessSwitchedOff(t *testing.T) {
	for _, on := range []bool{true, false} {
		all, err := provider.Open(nil, provider.Env{Anonymous: on})
		if err != nil {
			t.Fatal(err)
		}
		if names := slices.Collect(maps.Keys(all)); slices.Contains(names, "anonymous") != on {
			t.Errorf("enableAnonymousUsers %t: %v", on, names)
		}
	}
}

// An id that is no text could be a condition to the store.
func TestAdvisory_C05_IdsOfAnonymousUsersAreText(t *testing.T) {
	all, err := provider.Open(nil, provider.Env{Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	p := all["anonymous"]
	for _, d := range []string{`{}`, `{"id":""}`, `{"id":5}`, `{"id":{"$regex":".*"}}`, `{"id":["a"]}`, `{"id":null}`, `{"id":"` + strings.Repeat("a", 600) + `"}`} {
		_, err := signUp(p, data(t, d))
		refused(t, err, parse.InvalidValue, "Invalid authData id for provider 'anonymous'.")
		for _, check := range []func(context.Context, provider.Check) (provider.Answer, error){p.SetUp, p.LogIn, p.Update} {
			if _, err := check(context.Background(), provider.Check{Data: data(t, d)}); err == nil {
				t.Errorf("%s is accepted without exchange", d)
			}
		}
	}
	kept, err := signUp(p, data(t, `{"id":"a"}`))
	if err != nil || written(t, kept) != `{"id":"a"}` {
		t.Errorf("%v %v", written(t, kept), err)
	}
}
