package provider

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// twitter is the provider "twitter" (x), which speaks OAuth 1.0a:
//
//	options   consumerKey, consumerSecret (or consumer_key, consumer_secret);
//	          enableInsecureAuth
//	authData  {oauth_token, oauth_verifier}; with enableInsecureAuth
//	          {id, oauth_token, oauth_token_secret} (or auth_token, auth_token_secret)
//
// The verifier is exchanged with the app's key, and the answer says whose it was.
// An access token is good only with the key of the app that it was made for; so
// even without the exchange no other app's will do.
type twitter struct {
	http        *http.Client
	now         func() time.Time
	key, secret string
}

func newTwitter(_ string, o *Options, env Env) Provider {
	p := &twitter{http: env.HTTP, now: env.Now, key: either(o, "consumerKey", "consumer_key"), secret: either(o, "consumerSecret", "consumer_secret")}
	if env.insecure(o) {
		return newIdentity("Twitter", p.proveToken)
	}
	return newIdentity("Twitter", p.proveVerifier)
}

// either reads a required option that has two names.
func either(o *Options, name, other string) string {
	if o.Has(other) && !o.Has(name) {
		return o.Text(other)
	}
	return o.RequiredText(name)
}

func (p *twitter) proveVerifier(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	token, verifier := text(data, "oauth_token"), text(data, "oauth_verifier")
	if token == "" || verifier == "" {
		return nil, parse.NewError(parse.ValidationError, "Twitter oauth_token and oauth_verifier are required.")
	}
	a, err := p.call(ctx, http.MethodPost, "https://api.twitter.com/oauth/access_token", token, "", url.Values{"oauth_verifier": {verifier}})
	if err != nil {
		return nil, unreachable("Twitter", err)
	}
	return identified(a.text("user_id")), nil
}

func (p *twitter) proveToken(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	token, secret := text(data, "oauth_token"), text(data, "oauth_token_secret")
	if token == "" && secret == "" {
		token, secret = text(data, "auth_token"), text(data, "auth_token_secret")
	}
	if token == "" || secret == "" || text(data, "id") == "" {
		return nil, parse.NewError(parse.ObjectNotFound, "Twitter insecure auth requires oauth_token and oauth_token_secret.")
	}
	a, err := p.call(ctx, http.MethodGet, "https://api.twitter.com/1.1/account/verify_credentials.json", token, secret, nil)
	if err != nil {
		return nil, unreachable("Twitter", err)
	}
	return identified(a.text("id_str")), nil
}

// call sends a signed request (RFC 5849, section 3).
func (p *twitter) call(ctx context.Context, method, target, token, tokenSecret string, form url.Values) (answer, error) {
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails
	protocol := map[string]string{
		"oauth_consumer_key": p.key, "oauth_token": token, "oauth_version": "1.0",
		"oauth_signature_method": "HMAC-SHA1", "oauth_nonce": hex.EncodeToString(nonce),
		"oauth_timestamp": strconv.FormatInt(p.now().Unix(), 10),
	}
	signed := maps.Clone(protocol)
	for key := range form {
		signed[key] = form.Get(key)
	}
	var parameters, header []string
	for _, key := range slices.Sorted(maps.Keys(signed)) {
		parameters = append(parameters, escaped(key)+"="+escaped(signed[key]))
	}
	mac := hmac.New(sha1.New, []byte(escaped(p.secret)+"&"+escaped(tokenSecret)))
	mac.Write([]byte(method + "&" + escaped(target) + "&" + escaped(strings.Join(parameters, "&"))))
	protocol["oauth_signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, key := range slices.Sorted(maps.Keys(protocol)) {
		header = append(header, escaped(key)+`="`+escaped(protocol[key])+`"`)
	}
	authorization := http.Header{"Authorization": {"OAuth " + strings.Join(header, ", ")}}
	if method == http.MethodGet {
		return get(ctx, p.http, target, authorization)
	}
	return post(ctx, p.http, target, authorization, form)
}

// escaped escapes all but the unreserved characters (RFC 5849, section 3.6).
func escaped(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
