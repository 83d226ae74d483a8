package provider

import (
	"context"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/loam-baas/loam/internal/parse"
)

// keycloak is the provider "keycloak":
//
//	options   config: {auth-server-url, realm, client-id}, as Keycloak makes it
//	authData  {id, access_token, roles?, groups?}
//
// Roles and groups must be those of the token; what is claimed of them is kept.
type keycloak struct {
	tokens *tokens
	client string
}

func newKeycloak(_ string, o *Options, env Env) Provider {
	o.Require("config")
	config := o.Group("config")
	config.Require("auth-server-url")
	base := strings.TrimSuffix(config.URL("auth-server-url", ""), "/")
	realm := base + "/realms/" + config.RequiredText("realm")
	p := &keycloak{client: config.RequiredText("client-id")}
	// What else Keycloak writes into the file is for its own client libraries.
	for _, key := range []string{"resource", "ssl-required", "public-client", "confidential-port", "verify-token-audience", "use-resource-role-mappings", "credentials"} {
		config.Has(key)
	}
	config.unknown()
	p.tokens = &tokens{
		label: "Keycloak", what: "access token", now: env.Now,
		keys:       newKeySet(env, keysOptions(o), fixed(realm+"/protocol/openid-connect/certs")),
		algorithms: []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"},
		issuers:    []string{realm},
		audience:   p.authorized,
	}
	return newIdentity("Keycloak", p.prove)
}

// authorized checks for which client Keycloak made the token: an access token is
// for all of a realm's services, and azp says who got it (advisory D08).
func (p *keycloak) authorized(_ *tokens, claims jwt.MapClaims) error {
	if party, ok := claims["azp"].(string); !ok || party != p.client {
		return parse.NewError(parse.ObjectNotFound, "access token is not authorized for this client.")
	}
	// An ID token or a refresh token has the same issuer and party, and opens nothing.
	if kind, ok := claims["typ"].(string); ok && kind != "Bearer" {
		return parse.NewError(parse.ObjectNotFound, "access token is not authorized for this client.")
	}
	return nil
}

func (p *keycloak) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	token := text(data, "access_token")
	if token == "" || text(data, "id") == "" {
		return nil, parse.NewError(parse.ObjectNotFound, "Missing access token and/or User id")
	}
	claims, err := p.tokens.claims(ctx, token)
	if err != nil {
		return nil, err
	}
	subject, err := claims.GetSubject()
	if err != nil || subject == "" || subject != text(data, "id") {
		return nil, invalid()
	}
	kept := identified(subject)
	for _, key := range []string{"roles", "groups"} {
		sent, ok := data.Get(key)
		if !ok {
			continue
		}
		if !sameNames(sent, claims[key]) {
			return nil, parse.NewError(parse.ObjectNotFound, "Invalid authentication")
		}
		kept.Set(key, sent)
	}
	return kept, nil
}

// sameNames tells whether a list is the same as a claimed one, in any order.
func sameNames(sent parse.Value, claimed any) bool {
	list, isList := sent.(parse.Array)
	claims, isClaimed := claimed.([]any)
	if !isList || !isClaimed || len(list) != len(claims) {
		return false
	}
	var a, b []string
	for i := range list {
		name, isText := list[i].(parse.String)
		claim, isClaim := claims[i].(string)
		if !isText || !isClaim {
			return false
		}
		a, b = append(a, string(name)), append(b, claim)
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
