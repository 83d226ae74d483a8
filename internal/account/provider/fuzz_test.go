package provider

import (
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// Nothing that a provider answers panics, and what is taken of it is bounded.
func FuzzAnswers(f *testing.F) {
	for _, text := range []string{
		`{"access_token":"t","id":1}`, `callback( {"openid":"o"} );`, `access_token=t&user_id=5`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"id":"u","keep":{"a":[1]}}`, `{}`, ``, `null`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := decodeAnswer(body); err == nil {
			_, _, _ = a.text("id"), a.texts("aud"), a.object("profile").text("identifier")
		}
		if keys, err := decodeKeys(body); err == nil {
			for id, k := range keys {
				if r, ok := k.key.(*rsa.PublicKey); ok && r.N.BitLen() < 2048 {
					t.Errorf("the key %q has %d bits", id, r.N.BitLen())
				}
			}
		}
		if kept, err := decodeWebhookAnswer(body); err == nil {
			for _, m := range kept.Members {
				if m.Key != "id" && (strings.HasPrefix(m.Key, "_") || strings.ContainsAny(m.Key, "$.")) {
					t.Errorf("keeps %q", m.Key)
				}
			}
			if text(kept, "id") == "" {
				t.Error("keeps nobody's")
			}
		}
	})
}

// No URL but one of Apple's hosts passes, however it is written.
func FuzzGameCenterURL(f *testing.F) {
	for _, u := range []string{
		"https://static.gc.apple.com/public-key/gc-prod-10.cer", "https://static.gc.apple.com@evil.example/public-key/x.cer",
		"https://static.gc.apple.com\\@evil.example/public-key/x.cer", "https://static.gc.apple.com:443/public-key/x.cer", "HTTPS://static.gc.apple.com/public-key/x.cer",
	} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, u string) {
		if !gameCenterURL(u) {
			return
		}
		ok := false
		for _, host := range gameCenterHosts {
			ok = ok || len(u) > len(host)+9 && strings.EqualFold(u[:8], "https://") && strings.HasPrefix(u[8:], host+"/public-key/")
		}
		if !ok || strings.ContainsAny(u, "?#@%\\ ") && !strings.HasSuffix(u, ".cer") {
			t.Errorf("%q passes", u)
		}
	})
}

// Whatever is sent or stored as a second factor, it is refused or it is right.
func FuzzSecondFactor(f *testing.F) {
	f.Add(`{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ","recovery":["a"]}`, `{"token":"287082"}`)
	f.Add(`{"mobile":"+15550100200","token":"1","expiry":"2099-01-01T00:00:00Z"}`, `{"token":"1"}`)
	f.Add(`{"pending":{"+15550100200":{"token":"1","expiry":{"__type":"Date","iso":"2099-01-01T00:00:00.000Z"}}}}`, `{"mobile":"+15550100200","token":"1"}`)
	f.Add(`{"secret":1,"recovery":{"a":1},"step":"x"}`, `{"token":null,"old":[],"mobile":5}`)
	now := func() time.Time { return time.Unix(59, 0) }
	f.Fuzz(func(t *testing.T, stored, sent string) {
		s, err := parse.DecodeObject([]byte(stored), parse.Limits{})
		if err != nil {
			return
		}
		d, err := parse.DecodeObject([]byte(sent), parse.Limits{})
		if err != nil {
			return
		}
		o := newOptions("auth.mfa", map[string]any{"options": []any{"TOTP"}})
		p := newMFA("mfa", o, Env{HTTP: bounded(nil), Now: now}).(*mfa)
		c := Check{Data: d, Stored: s, UserID: "u"}
		if a, err := p.LogIn(t.Context(), c); err == nil && enabled(s) && a.Save == nil {
			t.Error("logs in and uses nothing up")
		}
		if _, err := p.Update(t.Context(), c); err == nil && enabled(s) && text(d, "old") == "" && text(d, "mobile") == "" {
			t.Error("changes the factor without the present one")
		}
		if _, err := p.SetUp(t.Context(), Check{Data: d}); err == nil && text(d, "secret") == "" {
			t.Error("sets up nothing")
		}
		if shown := p.Show(s); len(shown.Members) != 1 || shown.Members[0].Key != "status" {
			t.Errorf("shows %v", shown)
		}
	})
}
