package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/loam-baas/loam/internal/parse"
)

// oidc is a provider of any name with the option module: "oidc": an issuer of
// OpenID Connect, whatever it is called.
//
//	options   module: "oidc", issuer, clientId (or a list); clientSecret;
//	          algorithms (["RS256"]), requireNonce (false), useridField ("sub")
//	authData  {id?, id_token, nonce?}, or with clientSecret
//	          {code, redirect_uri, code_verifier?, nonce?}
//
// Where its keys are and where it takes codes it publishes below the issuer's URL.
type oidc struct {
	http           *http.Client
	issuer, secret string
	clients        []string
	userField      string
	needsNonce     bool
	tokens         *tokens
	now            func() time.Time
	mu             sync.Mutex
	published      answer
	publishedAt    time.Time
}

// oidcAlgorithms are those that verify with a public key. HS256 is not among
// them: its key is the client's secret, and mistaking the two is advisory D06.
var oidcAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func newOIDC(name string, o *Options, env Env) Provider {
	o.Require("issuer")
	o.Require("clientId")
	p := &oidc{
		http: env.HTTP, now: env.Now,
		issuer:    strings.TrimSuffix(o.URL("issuer", ""), "/"),
		clients:   o.TextOrTexts("clientId"),
		secret:    o.Text("clientSecret"),
		userField: "sub", needsNonce: o.Flag("requireNonce"),
	}
	if field := o.Text("useridField"); field != "" {
		p.userField = field
	}
	algorithms := []string{"RS256"}
	if list := o.Texts("algorithms"); list != nil {
		algorithms = list
	}
	for _, algorithm := range algorithms {
		if !slices.Contains(oidcAlgorithms, algorithm) {
			o.Problem("algorithms", "must be of %s, not %q", strings.Join(oidcAlgorithms, ", "), algorithm)
		}
	}
	p.tokens = &tokens{
		label: name, what: "id token", now: env.Now,
		algorithms: algorithms,
		issuers:    []string{p.issuer, p.issuer + "/"},
		audiences:  p.clients,
		audience:   p.madeForUs,
	}
	p.tokens.keys = newKeySet(env, keysOptions(o), func(ctx context.Context) (string, error) { return p.endpoint(ctx, "jwks_uri") })
	return newIdentity(name, p.prove)
}

// madeForUs checks audience and authorized party (OpenID Connect Core, 3.1.3.7).
func (p *oidc) madeForUs(t *tokens, claims jwt.MapClaims) error {
	if err := t.inAudience(claims); err != nil {
		return err
	}
	party, present := claims["azp"]
	client, _ := party.(string)
	audience, _ := claims.GetAudience()
	if present && !slices.Contains(p.clients, client) || !present && len(audience) > 1 {
		return parse.NewError(parse.ObjectNotFound, "jwt audience invalid.")
	}
	return nil
}

func (p *oidc) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	token := text(data, "id_token")
	if code := text(data, "code"); code != "" && p.secret != "" {
		var err error
		if token, err = p.exchange(ctx, code, data); err != nil {
			return nil, unreachable(p.tokens.label, err)
		}
	}
	if token == "" {
		return nil, parse.NewError(parse.ObjectNotFound, "id token is invalid for this user.")
	}
	claims, err := p.tokens.claims(ctx, token)
	if err != nil {
		return nil, err
	}
	if _, sent := data.Get("nonce"); (sent || p.needsNonce) && !sameNonce(claims, text(data, "nonce")) {
		return nil, invalid()
	}
	id, _ := claims[p.userField].(string)
	if id == "" {
		return nil, invalid()
	}
	return identified(id), nil
}

// exchange turns a code into an ID token.
func (p *oidc) exchange(ctx context.Context, code string, data *parse.Object) (string, error) {
	target, err := p.endpoint(ctx, "token_endpoint")
	if err != nil {
		return "", err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"client_id": {p.clients[0]}, "client_secret": {p.secret},
	}
	for _, key := range []string{"redirect_uri", "code_verifier"} {
		if value := text(data, key); value != "" {
			form.Set(key, value)
		}
	}
	a, err := post(ctx, p.http, target, nil, form)
	if err == nil && a.text("id_token") == "" {
		err = errors.New("the issuer gives no ID token for the code")
	}
	return a.text("id_token"), err
}

// endpoint returns a URL that the issuer publishes. It is the issuer's that the
// configuration names, and so believed, but it must be https.
func (p *oidc) endpoint(ctx context.Context, name string) (string, error) {
	p.mu.Lock()
	published, age := p.published, p.now().Sub(p.publishedAt)
	p.mu.Unlock()
	if published == nil || age > keysAge {
		fresh, err := get(ctx, p.http, p.issuer+"/.well-known/openid-configuration", nil)
		if err == nil && strings.TrimSuffix(fresh.text("issuer"), "/") != p.issuer {
			err = errors.New("what is published at the issuer's URL is another issuer's")
		}
		if err != nil && (published == nil || age > keysStale) {
			return "", err
		}
		if err == nil {
			published = fresh
			p.mu.Lock()
			p.published, p.publishedAt = fresh, p.now()
			p.mu.Unlock()
		}
	}
	u, err := url.Parse(published.text(name))
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", errors.New("the issuer publishes no https URL as " + name)
	}
	return u.String(), nil
}
