package provider_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// tokenProvider is a provider that takes signed tokens.
type tokenProvider struct {
	name    string
	options options
	keys    string // the host that serves its keys
	key     string // the member of authData with the token
	issuer  string
	claims  jwt.MapClaims // beside those that all tokens have
	ours    string        // the claim that says that a token is for this app
}

var tokenProviders = []tokenProvider{
	{name: "apple", options: options{"clientId": "app-1"}, keys: "appleid.apple.com", key: "token", issuer: "https://appleid.apple.com", ours: "aud"},
	{name: "google", options: options{"clientId": []any{"app-0", "app-1"}}, keys: "www.googleapis.com", key: "id_token", issuer: "https://accounts.google.com", ours: "aud"},
	{name: "facebook", options: options{"appIds": []any{"app-1"}, "appSecret": "s"}, keys: "www.facebook.com", key: "token", issuer: "https://www.facebook.com", ours: "aud"},
	{name: "keycloak", options: options{"config": options{"auth-server-url": "https://keycloak.example/auth/", "realm": "staff", "client-id": "app-1"}},
		keys: "keycloak.example", key: "access_token", issuer: "https://keycloak.example/auth/realms/staff", ours: "azp", claims: jwt.MapClaims{"aud": "account", "typ": "Bearer"}},
	{name: "works", options: options{"module": "oidc", "issuer": "https://id.works.example", "clientId": "app-1"},
		keys: "id.works.example", key: "id_token", issuer: "https://id.works.example", ours: "aud"},
}

// serve lets the provider's host serve an issuer's keys, and what it publishes.
func (p *tokenProvider) serve(n *providertest.Internet, i *providertest.Issuer) {
	n.HandleFunc(p.keys, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
			providertest.JSON(w, map[string]string{"issuer": p.issuer, "jwks_uri": p.issuer + "/keys", "token_endpoint": p.issuer + "/token"})
			return
		}
		i.ServeHTTP(w, r)
	})
}

// good are the claims of a token that holds.
func (p *tokenProvider) good(now time.Time) jwt.MapClaims {
	claims := jwt.MapClaims{"iss": p.issuer, "sub": "user-1", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	maps.Copy(claims, p.claims)
	claims[p.ours] = "app-1"
	return claims
}

func (p *tokenProvider) data(t *testing.T, token string) *parse.Object {
	return data(t, fmt.Sprintf(`{"id":"user-1","%s":"%s"}`, p.key, token))
}

func changed(claims jwt.MapClaims, key string, value any) jwt.MapClaims {
	claims = maps.Clone(claims)
	if claims[key] = value; value == nil {
		delete(claims, key)
	}
	return claims
}

func TestSignedTokens(t *testing.T) {
	for _, tp := range tokenProviders {
		t.Run(tp.name, func(t *testing.T) {
			n, issuer, stranger := providertest.NewInternet(t), providertest.NewIssuer(t), providertest.NewIssuer(t)
			tp.serve(n, issuer)
			now := time.Now()
			p := open(t, n, tp.name, tp.options)
			good := tp.good(now)

			kept, err := signUp(p, tp.data(t, issuer.Sign(good)))
			if err != nil || written(t, kept) != `{"id":"user-1"}` {
				t.Fatalf("a good token: %s %v", written(t, kept), err)
			}
			within := changed(good, "exp", now.Add(-10*time.Second).Unix()) // clocks differ
			if _, err := signUp(p, tp.data(t, issuer.Sign(within))); err != nil {
				t.Errorf("expired ten seconds ago: %v", err)
			}
			for name, token := range map[string]string{
				"expired":                issuer.Sign(changed(good, "exp", now.Add(-time.Minute).Unix())),
				"without an end":         issuer.Sign(changed(good, "exp", nil)),
				"with an end in text":    issuer.Sign(changed(good, "exp", "2099-01-01")),
				"from tomorrow":          issuer.Sign(changed(good, "iat", now.Add(24*time.Hour).Unix())),
				"not good yet":           issuer.Sign(changed(good, "nbf", now.Add(time.Hour).Unix())),
				"of another issuer":      issuer.Sign(changed(good, "iss", "https://evil.example")),
				"of a longer issuer":     issuer.Sign(changed(good, "iss", tp.issuer+".evil.example")),
				"without an issuer":      issuer.Sign(changed(good, "iss", nil)),
				"of two issuers":         issuer.Sign(changed(good, "iss", []string{tp.issuer})),
				"of another user":        issuer.Sign(changed(good, "sub", "user-2")),
				"of nobody":              issuer.Sign(changed(good, "sub", nil)),
				"signed by a stranger":   stranger.Sign(good),
				"with a critical header": issuer.Sign(good, providertest.With("crit", []string{"b64"})),
				"of an unknown key":      issuer.Sign(good, providertest.With("kid", "nobody's")),
				"of no key":              issuer.Sign(good, providertest.With("kid", 5)),
				"of the encryption key":  issuer.Sign(good, providertest.With("kid", "encryption-1")),
				"cut":                    strings.TrimSuffix(issuer.Sign(good), "A")[:100],
				"no token":               "eyJ",
				"nothing":                "",
			} {
				_, err := signUp(p, tp.data(t, token))
				if err == nil {
					t.Errorf("a token %s is accepted", name)
					continue
				}
				refused(t, err, parse.ObjectNotFound, "")
				if strings.Contains(err.(*parse.Error).Message, "evil") {
					t.Errorf("%q repeats what the token says", err)
				}
			}
			for _, d := range []string{`{"id":"user-1"}`, `{"id":"user-1","%s":5}`, `{"id":"user-1","%s":{"$ne":1}}`, `{"id":"user-1","%s":null}`} {
				if strings.Contains(d, "%s") {
					d = fmt.Sprintf(d, tp.key)
				}
				_, err := signUp(p, data(t, d))
				refused(t, err, parse.ObjectNotFound, "")
			}
			token := issuer.Sign(good)
			for _, d := range []string{`{"%s":"%s"}`, `{"id":5,"%s":"%s"}`, `{"id":"","%s":"%s"}`, `{"id":["user-1"],"%s":"%s"}`} {
				_, err := signUp(p, data(t, fmt.Sprintf(d, tp.key, token)))
				if tp.name == "works" && strings.HasPrefix(d, `{"%s`) {
					if err != nil { // an issuer's token says who it is
						t.Error(err)
					}
					continue
				}
				refused(t, err, parse.ObjectNotFound, "")
			}
		})
	}
}

// The algorithm is the provider's to choose, not the token's.
func TestAdvisory_D06_AlgorithmsArePinned(t *testing.T) {
	for _, tp := range tokenProviders {
		n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
		tp.serve(n, issuer)
		p := open(t, n, tp.name, tp.options)
		good := tp.good(time.Now())
		for _, algorithm := range []string{"none", "HS256", "HS384", "HS512"} {
			_, err := signUp(p, tp.data(t, issuer.SignWith(algorithm, good)))
			refused(t, err, parse.ObjectNotFound, "")
		}
		for _, name := range []string{"nOnE", "HS256", "", "ES256"} { // the header only
			_, err := signUp(p, tp.data(t, issuer.Sign(good, providertest.With("alg", name))))
			refused(t, err, parse.ObjectNotFound, "")
		}
		if tp.name == "works" {
			_, err := signUp(p, tp.data(t, issuer.SignWith("ES256", good)))
			refused(t, err, parse.ObjectNotFound, "")
			other := maps.Clone(tp.options)
			other["algorithms"] = []any{"ES256"}
			if _, err := signUp(open(t, n, tp.name, other), tp.data(t, issuer.SignWith("ES256", good))); err != nil {
				t.Errorf("ES256 where it is configured: %v", err)
			}
			// The key is for RS256 alone, whatever may be configured.
			other["algorithms"] = []any{"PS256", "RS512"}
			for _, algorithm := range []string{"PS256", "RS512"} {
				_, err := signUp(open(t, n, tp.name, other), tp.data(t, issuer.SignWith(algorithm, good)))
				refused(t, err, parse.ObjectNotFound, "")
			}
		}
	}
}

// A token that was made for another app says nothing here.
func TestAdvisory_D07_TheAudienceIsAlwaysChecked(t *testing.T) {
	for _, tp := range tokenProviders {
		n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
		tp.serve(n, issuer)
		p := open(t, n, tp.name, tp.options)
		for _, audience := range []any{"app-2", nil, "", []string{"app-2"}, []string{}, 5, "app-", "app-11", "APP-1"} {
			_, err := signUp(p, tp.data(t, issuer.Sign(changed(tp.good(time.Now()), tp.ours, audience))))
			if err == nil {
				t.Errorf("%s takes a token for %v", tp.name, audience)
			}
		}
		without := maps.Clone(tp.options)
		for _, key := range []string{"clientId", "appIds", "config"} {
			delete(without, key)
		}
		if _, err := provider.Open(map[string]map[string]any{tp.name: without}, provider.Env{}); err == nil || !strings.Contains(err.Error(), " is missing") {
			t.Errorf("%s starts without an audience: %v", tp.name, err)
		}
		for _, empty := range []any{"", []any{}, []any{""}, nil, 5, true} {
			o := maps.Clone(tp.options)
			for _, key := range []string{"clientId", "appIds"} {
				if _, ok := o[key]; ok {
					o[key] = empty
				}
			}
			if tp.name == "keycloak" {
				o["config"] = options{"auth-server-url": "https://keycloak.example/auth", "realm": "staff", "client-id": empty}
			}
			if _, err := provider.Open(map[string]map[string]any{tp.name: o}, provider.Env{}); err == nil {
				t.Errorf("%s starts with the audience %#v", tp.name, empty)
			}
		}
	}
}

// Keycloak's access tokens have one audience for all clients of a realm.
func TestAdvisory_D08_KeycloakTokensOfOtherClientsAreRefused(t *testing.T) {
	tp := tokenProviders[3]
	n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
	tp.serve(n, issuer)
	p := open(t, n, tp.name, tp.options)
	good := tp.good(time.Now())
	for name, claims := range map[string]jwt.MapClaims{
		"of another client":              changed(good, "azp", "app-2"),
		"for us, of another client":      changed(changed(good, "azp", "app-2"), "aud", "app-1"),
		"without a client":               changed(good, "azp", nil),
		"for us, without a client":       changed(changed(good, "azp", nil), "aud", "app-1"),
		"that refreshes, of our client":  changed(good, "typ", "Refresh"),
		"that identifies, of our client": changed(good, "typ", "ID"),
		"of another realm":               changed(good, "iss", "https://keycloak.example/auth/realms/guests"),
	} {
		_, err := signUp(p, tp.data(t, issuer.Sign(claims)))
		if err == nil {
			t.Errorf("a token %s is accepted", name)
		}
	}
}

func TestKeycloakKeepsRolesAndGroupsThatTheTokenHas(t *testing.T) {
	tp := tokenProviders[3]
	n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
	tp.serve(n, issuer)
	p := open(t, n, tp.name, tp.options)
	claims := tp.good(time.Now())
	claims["roles"], claims["groups"] = []string{"admin", "user"}, []string{"g"}
	token := issuer.Sign(claims)
	for sent, kept := range map[string]string{
		``: `{"id":"user-1"}`,
		`,"roles":["user","admin"],"groups":["g"]`: `{"groups":["g"],"id":"user-1","roles":["user","admin"]}`,
		`,"roles":["user"]`:                        "",
		`,"roles":["user","user"]`:                 "",
		`,"roles":"admin"`:                         "",
		`,"groups":["g",5]`:                        "",
		`,"groups":[{"g":1}]`:                      "",
	} {
		got, err := signUp(p, data(t, `{"id":"user-1","access_token":"`+token+`"`+sent+`}`))
		switch {
		case kept == "":
			refused(t, err, parse.ObjectNotFound, "Invalid authentication")
		case err != nil || written(t, got) != kept:
			t.Errorf("%s keeps %s %v, want %s", sent, written(t, got), err, kept)
		}
	}
}

func TestNoncesAreComparedWhenTheyAreSent(t *testing.T) {
	const hashed = "51aeea8ffa05d2620d35c87463465885e77df13171d5708746df1a9f36d47f35" // SHA-256 of n-1, as Apple's clients send it
	tp := tokenProviders[4]
	n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
	tp.serve(n, issuer)
	strict := maps.Clone(tp.options)
	strict["requireNonce"] = true
	for _, c := range []struct {
		claimed, sent any
		lax, strict   bool
	}{
		{nil, nil, true, false}, {"n-1", nil, true, false}, {"n-1", "n-1", true, true}, {"n-1", "n-2", false, false},
		{nil, "n-1", false, false}, {"", "", false, false}, {5, "5", false, false}, {hashed, "n-1", true, true}, {hashed, hashed, true, true},
		{hashed, "n-2", false, false},
	} {
		d := tp.data(t, issuer.Sign(changed(tp.good(time.Now()), "nonce", c.claimed)))
		if s, ok := c.sent.(string); ok {
			d.Set("nonce", parse.String(s))
		}
		for o, want := range map[*options]bool{&tp.options: c.lax, &strict: c.strict} {
			if _, err := signUp(open(t, n, tp.name, *o), d); (err == nil) != want {
				t.Errorf("token %v, client %v, requireNonce %t: %v", c.claimed, c.sent, o == &strict, err)
			}
		}
	}
}

func TestIssuersOfOpenIDConnect(t *testing.T) {
	tp := tokenProviders[4]
	n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
	tp.serve(n, issuer)
	good := tp.good(time.Now())

	t.Run("a party that is not ours", func(t *testing.T) {
		p := open(t, n, tp.name, tp.options)
		for _, c := range []struct {
			audience, party any
			ok              bool
		}{
			{"app-1", nil, true}, {"app-1", "app-1", true}, {"app-1", "app-2", false}, {[]string{"app-1", "app-2"}, "app-1", true},
			{[]string{"app-1", "app-2"}, "app-2", false}, {[]string{"app-1", "app-2"}, nil, false}, {"app-1", 5, false},
		} {
			_, err := signUp(p, tp.data(t, issuer.Sign(changed(changed(good, "aud", c.audience), "azp", c.party))))
			if (err == nil) != c.ok {
				t.Errorf("aud %v, azp %v: %v", c.audience, c.party, err)
			}
		}
	})

	t.Run("a code", func(t *testing.T) {
		used := false
		n.HandleFunc("id.works.example", func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				providertest.JSON(w, map[string]string{"issuer": tp.issuer, "jwks_uri": tp.issuer + "/keys", "token_endpoint": tp.issuer + "/token"})
			case "/token":
				if used || r.FormValue("code") != "code-1" || r.FormValue("client_secret") != "secret-1" || r.FormValue("client_id") != "app-1" || r.FormValue("code_verifier") != "v" {
					http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
					return
				}
				used = true
				providertest.JSON(w, map[string]string{"id_token": issuer.Sign(good), "access_token": "a"})
			default:
				issuer.ServeHTTP(w, r)
			}
		})
		o := maps.Clone(tp.options)
		o["clientSecret"] = "secret-1"
		p := open(t, n, tp.name, o)
		kept, err := signUp(p, data(t, `{"code":"code-1","code_verifier":"v"}`))
		if err != nil || written(t, kept) != `{"id":"user-1"}` {
			t.Errorf("%s %v", written(t, kept), err)
		}
		_, err = signUp(p, data(t, `{"code":"code-1","code_verifier":"v"}`))
		refused(t, err, parse.ObjectNotFound, "works API request failed.")
	})

	t.Run("what is published must be the issuer's and https", func(t *testing.T) {
		for name, published := range map[string]map[string]string{
			"another issuer's": {"issuer": "https://evil.example", "jwks_uri": tp.issuer + "/keys"},
			"no https":         {"issuer": tp.issuer, "jwks_uri": "http://id.works.example/keys"},
			"a file":           {"issuer": tp.issuer, "jwks_uri": "file:///etc/passwd"},
			"nothing":          {},
		} {
			n.HandleFunc("id.works.example", func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/.well-known/") {
					providertest.JSON(w, published)
					return
				}
				issuer.ServeHTTP(w, r)
			})
			if _, err := signUp(open(t, n, tp.name, tp.options), tp.data(t, issuer.Sign(good))); err == nil {
				t.Errorf("%s is believed", name)
			}
		}
	})

	t.Run("options", func(t *testing.T) {
		for says, change := range map[string]options{
			"must be of RS256":        {"algorithms": []any{"HS256"}},
			"not \"none\"":            {"algorithms": []any{"none"}},
			"must begin with https":   {"issuer": "http://id.works.example"},
			"auth.works.issuer":       {"issuer": nil},
			"requireNonce must be":    {"requireNonce": "yes"},
			"auth.works.clientSecret": {"clientSecret": ""},
		} {
			o := maps.Clone(tp.options)
			maps.Copy(o, change)
			if _, err := provider.Open(map[string]map[string]any{"works": o}, provider.Env{}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%v: %v", change, err)
			}
		}
	})
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func at(c *clock) func(*provider.Env) { return func(e *provider.Env) { e.Now = c.Now } }

func TestKeysAreKeptAndRotated(t *testing.T) {
	for _, tp := range tokenProviders {
		t.Run(tp.name, func(t *testing.T) {
			n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
			tp.serve(n, issuer)
			c := &clock{now: time.Now()}
			p := open(t, n, tp.name, tp.options, at(c))
			accepts := func(why string, want bool) {
				t.Helper()
				if _, err := signUp(p, tp.data(t, issuer.Sign(tp.good(c.Now())))); (err == nil) != want {
					t.Errorf("%s: %v", why, err)
				}
			}
			asked := func(why string, want int) {
				t.Helper()
				if got := issuer.Asked(); got != want {
					t.Errorf("%s: the keys were asked for %d times, want %d", why, got, want)
				}
			}
			accepts("first", true)
			accepts("again", true)
			asked("two log-ins", 1)

			for i := range 20 {
				_, err := signUp(p, tp.data(t, issuer.Sign(tp.good(c.Now()), providertest.With("kid", fmt.Sprint(i)))))
				refused(t, err, parse.ObjectNotFound, "")
			}
			asked("tokens that name keys at random", 1)

			c.add(time.Minute)
			old := issuer.Sign(tp.good(c.Now()))
			issuer.Rotate()
			accepts("rotated", true)
			asked("rotated", 2)
			if _, err := signUp(p, tp.data(t, old)); err == nil {
				t.Error("a key that the provider gave up is still good")
			}

			c.add(2 * time.Hour)
			issuer.Fail(true)
			accepts("old keys, when there are no new ones", true)
			accepts("again", true)
			asked("while the provider fails", 3)

			c.add(25 * time.Hour)
			accepts("keys older than a day", false)
			issuer.Fail(false)
			accepts("at once after a failure", false)
			c.add(6 * time.Second)
			accepts("a little later", true)
		})
	}
}

func TestKeysAreAskedForOnceByMany(t *testing.T) {
	tp := tokenProviders[1]
	n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
	tp.serve(n, issuer)
	p := open(t, n, tp.name, tp.options)
	token := issuer.Sign(tp.good(time.Now()))
	d := tp.data(t, token)
	errs := make([]error, 50)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { _, errs[i] = signUp(p, d) })
	}
	wait.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		t.Error(errs[i])
	}
	if issuer.Asked() != 1 {
		t.Errorf("the keys were asked for %d times", issuer.Asked())
	}
}

// Two apps with different settings log users in at the same time.
func TestAdvisory_D10_ProvidersOfTwoAppsDontMix(t *testing.T) {
	for _, tp := range tokenProviders {
		n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
		tp.serve(n, issuer)
		theirs := maps.Clone(tp.options)
		for key := range theirs {
			switch key {
			case "clientId":
				theirs[key] = "app-2"
			case "appIds":
				theirs[key] = []any{"app-2"}
			case "config":
				theirs[key] = options{"auth-server-url": "https://keycloak.example/auth/", "realm": "staff", "client-id": "app-2"}
			}
		}
		providers := []provider.Provider{open(t, n, tp.name, tp.options), open(t, n, tp.name, theirs)}
		good := tp.good(time.Now())
		proofs := []*parse.Object{tp.data(t, issuer.Sign(good)), tp.data(t, issuer.Sign(changed(good, tp.ours, "app-2")))}
		var wait sync.WaitGroup
		for range 25 {
			for i, p := range providers {
				for j, d := range proofs {
					wait.Go(func() {
						if _, err := signUp(p, d); (err == nil) != (i == j) {
							t.Errorf("%s: app %d, a token for app %d: %v", tp.name, i+1, j+1, err)
						}
					})
				}
			}
		}
		wait.Wait()
	}
}

// An address says who can read mail there, or who says so; it logs nobody in, and
// links nobody to an account that has it.
func TestAdvisory_J01_J04_AddressesAreNobodysProof(t *testing.T) {
	for _, tp := range tokenProviders {
		n, issuer := providertest.NewInternet(t), providertest.NewIssuer(t)
		tp.serve(n, issuer)
		p := open(t, n, tp.name, tp.options)
		for _, verified := range []any{true, false, "true", nil} {
			claims := changed(changed(tp.good(time.Now()), "email", "ada@example.com"), "email_verified", verified)
			d := tp.data(t, issuer.Sign(claims))
			d.Set("email", parse.String("ada@example.com"))
			d.Set("email_verified", parse.Bool(true))
			kept, err := signUp(p, d)
			if err != nil || written(t, kept) != `{"id":"user-1"}` {
				t.Errorf("%s, verified %v: %s %v", tp.name, verified, written(t, kept), err)
			}
			d.Set("id", parse.String("ada@example.com"))
			_, err = signUp(p, d)
			refused(t, err, parse.ObjectNotFound, "")
		}
	}
	n := providertest.NewInternet(t)
	n.HandleFunc("github.com", func(w http.ResponseWriter, _ *http.Request) {
		providertest.JSON(w, map[string]string{"access_token": "t", "email": "ada@example.com"})
	})
	n.HandleFunc("api.github.com", func(w http.ResponseWriter, _ *http.Request) {
		providertest.JSON(w, map[string]any{"id": 1, "email": "ada@example.com"})
	})
	kept, err := signUp(open(t, n, "github", options{"clientId": "c", "clientSecret": "s"}), data(t, `{"code":"c","email":"ada@example.com"}`))
	if err != nil || written(t, kept) != `{"id":"1"}` {
		t.Errorf("%s %v", written(t, kept), err)
	}
}

// What a log-in with a signed token costs, once the keys are there.
func BenchmarkSignedToken(b *testing.B) {
	for _, algorithm := range []string{"RS256", "ES256"} {
		b.Run(algorithm, func(b *testing.B) {
			tp := tokenProviders[0]
			n, issuer := providertest.NewInternet(b), providertest.NewIssuer(b)
			tp.serve(n, issuer)
			p := open(b, n, tp.name, tp.options)
			d := data(b, fmt.Sprintf(`{"id":"user-1","token":"%s"}`, issuer.SignWith(algorithm, tp.good(time.Now()))))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signUp(p, d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
