package provider_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// percent escapes as RFC 5849, section 3.6 says, byte for byte.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// signedBy tells whether a request is signed with the secrets of an app and a token.
func signedBy(r *http.Request, secret, tokenSecret string) (token string, ok bool) {
	fields := map[string]string{}
	for _, part := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "OAuth "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		fields[name], _ = url.PathUnescape(strings.Trim(value, `"`))
	}
	signature := fields["oauth_signature"]
	delete(fields, "oauth_signature")
	token = fields["oauth_token"]
	if r.ParseForm() == nil {
		for name := range r.PostForm {
			fields[name] = r.PostForm.Get(name)
		}
	}
	var parameters []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parameters = append(parameters, percent(name)+"="+percent(fields[name]))
	}
	mac := hmac.New(sha1.New, []byte(percent(secret)+"&"+percent(tokenSecret)))
	fmt.Fprintf(mac, "%s&%s&%s", r.Method, percent("https://"+r.Host+r.URL.Path), percent(strings.Join(parameters, "&")))
	return token, fields["oauth_consumer_key"] == "key-1" && signature == base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestTwitterSignsItsRequests(t *testing.T) {
	n := providertest.NewInternet(t)
	n.HandleFunc("api.twitter.com", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/oauth/access_token":
			token, ok := signedBy(r, "secret 1&", "")
			if !ok || token != "request-1" || r.PostForm.Get("oauth_verifier") != "v+1/é" {
				http.Error(w, "Request token missing", http.StatusUnauthorized)
				return
			}
			w.Write([]byte("oauth_token=access-1&oauth_token_secret=s&user_id=55&screen_name=x"))
		case "/1.1/account/verify_credentials.json":
			token, ok := signedBy(r, "secret 1&", "token secret")
			if !ok || token != "access-1" {
				http.Error(w, `{"errors":[{"code":89}]}`, http.StatusUnauthorized)
				return
			}
			w.Write([]byte(`{"id":55,"id_str":"55"}`))
		}
	})
	for _, o := range []options{{"consumerKey": "key-1", "consumerSecret": "secret 1&"}, {"consumer_key": "key-1", "consumer_secret": "secret 1&"}} {
		p := open(t, n, "twitter", o)
		kept, err := signUp(p, data(t, `{"oauth_token":"request-1","oauth_verifier":"v+1/é"}`))
		if err != nil || written(t, kept) != `{"id":"55"}` {
			t.Errorf("%s %v", written(t, kept), err)
		}
		_, err = signUp(p, data(t, `{"oauth_token":"request-1","oauth_verifier":"another"}`))
		refused(t, err, parse.ObjectNotFound, "Twitter API request failed.")
		for _, d := range []string{`{}`, `{"oauth_token":"request-1"}`, `{"oauth_verifier":"v"}`, `{"id":"55","oauth_token":"access-1","oauth_token_secret":"token secret"}`} {
			_, err = signUp(p, data(t, d))
			refused(t, err, parse.ValidationError, "Twitter oauth_token and oauth_verifier are required.")
		}
	}
	p := open(t, n, "twitter", options{"consumerKey": "key-1", "consumerSecret": "secret 1&", "enableInsecureAuth": true})
	for _, d := range []string{`{"id":"55","oauth_token":"access-1","oauth_token_secret":"token secret"}`, `{"id":"55","auth_token":"access-1","auth_token_secret":"token secret"}`} {
		kept, err := signUp(p, data(t, d))
		if err != nil || written(t, kept) != `{"id":"55"}` {
			t.Errorf("%s: %s %v", d, written(t, kept), err)
		}
	}
	for _, d := range []string{`{"id":"56","oauth_token":"access-1","oauth_token_secret":"token secret"}`, `{"id":"55","oauth_token":"access-1","oauth_token_secret":"x"}`, `{"id":"55","oauth_token":"access-1"}`} {
		_, err := signUp(p, data(t, d))
		refused(t, err, parse.ObjectNotFound, "")
	}
}
