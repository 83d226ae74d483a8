package provider

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"

	"github.com/loam-baas/loam/internal/parse"
)

// facebook is the provider "facebook":
//
//	options   appIds: a list; appSecret
//	authData  {id, access_token} of a standard login, or {id, token, nonce?} of a
//	          limited one, with the token signed
//
// A token of a standard login says which app it was made for (advisory D04), and
// is sent with a proof that it is the app who asks.
type facebook struct {
	http   *http.Client
	apps   []string
	secret string
	tokens *tokens
}

func newFacebook(_ string, o *Options, env Env) Provider {
	p := &facebook{http: env.HTTP, apps: o.RequiredTexts("appIds"), secret: o.RequiredText("appSecret")}
	p.tokens = &tokens{
		label: "Facebook", what: "id token", now: env.Now,
		keys:       newKeySet(env, keysOptions(o), fixed("https://www.facebook.com/.well-known/oauth/openid/jwks/")),
		algorithms: []string{"RS256"},
		issuers:    []string{"https://www.facebook.com", "https://limited.facebook.com"},
		audiences:  p.apps,
	}
	return newIdentity("Facebook", p.prove)
}

func (p *facebook) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	if _, limited := data.Get("token"); limited {
		return p.tokens.prove(ctx, data, "token")
	}
	token := text(data, "access_token")
	if token == "" || text(data, "id") == "" {
		return nil, refusal("Facebook")
	}
	app, err := p.graph(ctx, "app", url.Values{}, token)
	if err != nil {
		return nil, unreachable("Facebook", err)
	}
	if !slices.Contains(p.apps, app.text("id")) {
		return nil, refusal("Facebook")
	}
	user, err := p.graph(ctx, "me", url.Values{"fields": {"id"}}, token)
	if err != nil {
		return nil, unreachable("Facebook", err)
	}
	return identified(user.text("id")), nil
}

// graph asks Facebook's API about a token's app or user.
func (p *facebook) graph(ctx context.Context, path string, query url.Values, token string) (answer, error) {
	proof := hmac.New(sha256.New, []byte(p.secret))
	proof.Write([]byte(token))
	query.Set("access_token", token)
	query.Set("appsecret_proof", hex.EncodeToString(proof.Sum(nil)))
	return get(ctx, p.http, "https://graph.facebook.com/"+path+"?"+query.Encode(), nil)
}
