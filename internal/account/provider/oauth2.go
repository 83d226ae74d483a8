package provider

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/loam-baas/loam/internal/parse"
)

// introspector asks a server of OAuth 2 tokens what it knows of one (RFC 7662):
//
//	options   oauth2: true (or module: "oauth2"), tokenIntrospectionEndpointUrl,
//	          useridField ("sub"), appidField with appIds, authorizationHeader
//	authData  {id, access_token}
type introspector struct {
	http                             *http.Client
	url, userField, appField, header string
	apps                             []string
}

// newOAuth2 makes a provider that introspects tokens.
func newOAuth2(_ string, o *Options, env Env) Provider {
	o.Flag("oauth2")
	o.Require("tokenIntrospectionEndpointUrl")
	p := &introspector{
		http: env.HTTP, url: o.URL("tokenIntrospectionEndpointUrl", ""),
		userField: "sub", appField: o.Text("appidField"), header: o.Text("authorizationHeader"),
		apps: o.Texts("appIds"),
	}
	if field := o.Text("useridField"); field != "" {
		p.userField = field
	}
	if (p.appField == "") != (p.apps == nil) {
		o.Problem("appidField", "and appIds go together: which field names the app, and which apps it may name")
	}
	return newIdentity("OAuth2", p.prove)
}

// prove sends the token itself, and nothing else of the user's, to the endpoint
// (advisory D11); the answer says whose it is, not the client (advisory D09).
func (p *introspector) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	wrong := parse.NewError(parse.ObjectNotFound, "OAuth2 access token is invalid for this user.")
	token, id := text(data, "access_token"), text(data, "id")
	if token == "" || id == "" {
		return nil, wrong
	}
	header := http.Header{}
	if p.header != "" {
		header.Set("Authorization", p.header)
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	a, err := post(ctx, p.http, p.url, header, form)
	if err != nil {
		return nil, unreachable("OAuth2", err)
	}
	if active, _ := a["active"].(bool); !active || a.text(p.userField) != id {
		return nil, wrong
	}
	if p.appField != "" && !slices.ContainsFunc(a.texts(p.appField), func(app string) bool { return slices.Contains(p.apps, app) }) {
		return nil, parse.NewError(parse.ObjectNotFound, "OAuth2: Invalid app ID.")
	}
	return identified(id), nil
}
