package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/loam-baas/loam/internal/parse"
)

// clockSkew is how far a provider's clock may be from this one.
const clockSkew = 30 * time.Second

// tokens are the signed tokens (JWT, RFC 7519) that a provider takes.
type tokens struct {
	label string
	keys  *keySet
	now   func() time.Time
	// algorithms are the ones that this provider signs with, and no others
	// (advisory D06).
	algorithms []string
	// issuers are the names that the issuer has.
	issuers []string
	// audiences are the apps that a token may have been made for. None of them is
	// a mistake of the program's, and no token is made for nobody (advisory D07).
	audiences []string
	// audience replaces the check of the claim "aud" by one of the provider's own.
	audience func(*tokens, jwt.MapClaims) error
	// what names the token in messages: "id token", "access token".
	what string
}

// claims returns what a token claims, when it holds: signature, algorithm, issuer,
// audience, times. Errors are for the client; they quote nothing of the token.
func (t *tokens) claims(ctx context.Context, token string) (jwt.MapClaims, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods(t.algorithms), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(t.now), jwt.WithStrictDecoding(),
	)
	claims := jwt.MapClaims{}
	var unavailable error
	_, err := parser.ParseWithClaims(token, claims, func(parsed *jwt.Token) (any, error) {
		// Whoever does not know a critical header must not take the token (RFC 7515).
		if _, critical := parsed.Header["crit"]; critical {
			return nil, errors.New("the token has a critical header")
		}
		id, _ := parsed.Header["kid"].(string)
		key, err := t.keys.get(ctx, id)
		if err != nil {
			if !errors.Is(err, errUnknownKey) {
				unavailable = err
			}
			return nil, err
		}
		if key.algorithm != "" && key.algorithm != parsed.Method.Alg() {
			return nil, errors.New("the token's algorithm is not that of its key")
		}
		return key.key, nil
	})
	switch {
	case unavailable != nil:
		return nil, unreachable(t.label, unavailable)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, notDecoded(err)
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, parse.NewError(parse.ObjectNotFound, "jwt expired").WithCause(err)
	case err != nil:
		return nil, invalid().WithCause(err)
	}
	if issuer, err := claims.GetIssuer(); err != nil || !slices.Contains(t.issuers, issuer) {
		return nil, parse.Errorf(parse.ObjectNotFound, "%s not issued by correct provider.", t.what)
	}
	check := t.audience
	if check == nil {
		check = (*tokens).inAudience
	}
	if err := check(t, claims); err != nil {
		return nil, err
	}
	return claims, nil
}

// inAudience checks that a token was made for one of the apps.
func (t *tokens) inAudience(claims jwt.MapClaims) error {
	audience, err := claims.GetAudience()
	if err != nil || !slices.ContainsFunc(audience, func(app string) bool { return slices.Contains(t.audiences, app) }) {
		return parse.NewError(parse.ObjectNotFound, "jwt audience invalid.")
	}
	return nil
}

// identity returns a provider of ID tokens, which come as the member key of authData:
// {id, <key>, nonce?}. When the client sends the nonce that it asked for the
// token with, the token must have it.
func (t *tokens) identity(key string) *identity {
	return newIdentity(t.label, func(ctx context.Context, data *parse.Object) (*parse.Object, error) {
		return t.prove(ctx, data, key)
	})
}

func (t *tokens) prove(ctx context.Context, data *parse.Object, key string) (*parse.Object, error) {
	if v, ok := data.Get(key); !ok || v == parse.String("") {
		return nil, parse.Errorf(parse.ObjectNotFound, "%s is invalid for this user.", t.what)
	}
	token := text(data, key)
	if token == "" {
		return nil, notDecoded(nil)
	}
	claims, err := t.claims(ctx, token)
	if err != nil {
		return nil, err
	}
	subject, err := claims.GetSubject()
	if err != nil || subject == "" || subject != text(data, "id") {
		return nil, invalid()
	}
	if _, sent := data.Get("nonce"); sent && !sameNonce(claims, text(data, "nonce")) {
		return nil, invalid()
	}
	return identified(subject), nil
}

// sameNonce tells whether a token has a nonce, or its hash: Apple's clients put
// only that into the request.
func sameNonce(claims jwt.MapClaims, nonce string) bool {
	claimed, _ := claims["nonce"].(string)
	hash := sha256.Sum256([]byte(nonce))
	return nonce != "" && (claimed == nonce || claimed == hex.EncodeToString(hash[:]))
}

func notDecoded(cause error) error {
	return parse.NewError(parse.ObjectNotFound, "provided token does not decode as JWT").WithCause(cause)
}

func invalid() *parse.Error {
	return parse.NewError(parse.ObjectNotFound, "auth data is invalid for this user.")
}
