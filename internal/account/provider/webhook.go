package provider

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// webhookSecret is how long a secret must be at least, in bytes.
const webhookSecret = 32

// webhook is a provider of any name with the option module: "webhook": a service
// of the app's own, which is asked who somebody is.
//
//	options   module: "webhook", url, secret (at least 32 bytes)
//	authData  what the service wants
//
// The request is POST {"provider": name, "authData": {…}}, with the headers
// X-Loam-Timestamp, in seconds, and X-Loam-Signature: "sha256=" and, in hex, the
// HMAC-SHA-256 of the timestamp, a dot and the body, with the secret for its key.
// The answer is 200 and {"id": text, "keep": {…}?}, where keep is stored beside
// the id; or 401 or 403, which refuses. Any other is a failure, and refuses too.
type webhook struct {
	name, url string
	secret    []byte
	http      *http.Client
	now       func() time.Time
}

func newWebhook(name string, o *Options, env Env) Provider {
	o.Require("url")
	p := &webhook{name: name, url: o.URL("url", ""), secret: []byte(o.RequiredText("secret")), http: env.HTTP, now: env.Now}
	if o.Has("secret") && len(p.secret) < webhookSecret {
		o.Problem("secret", "must be at least %d bytes long", webhookSecret)
	}
	return newIdentity(name, p.prove)
}

func (p *webhook) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	body := []byte(`{"provider":` + strconv.Quote(p.name) + `,"authData":`)
	body = append(parse.AppendJSON(body, data), '}')
	timestamp := strconv.FormatInt(p.now().Unix(), 10)
	mac := hmac.New(sha256.New, p.secret)
	fmt.Fprintf(mac, "%s.%s", timestamp, body)
	text, err := fetch(ctx, p.http, http.MethodPost, p.url, http.Header{
		"Content-Type":     {"application/json"},
		"X-Loam-Timestamp": {timestamp},
		"X-Loam-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
	}, bytes.NewReader(body))
	var status *statusError
	switch {
	case errors.As(err, &status) && (status.code == http.StatusUnauthorized || status.code == http.StatusForbidden):
		return nil, refusal(p.name)
	case err != nil:
		return nil, unreachable(p.name, err)
	}
	kept, err := decodeWebhookAnswer(text)
	if err != nil {
		return nil, unreachable(p.name, err)
	}
	return kept, nil
}

// decodeWebhookAnswer takes the two members that an answer may have, and what is
// to be kept as strictly as if a client had sent it (advisory F06).
func decodeWebhookAnswer(text []byte) (*parse.Object, error) {
	var a struct {
		ID   string          `json:"id"`
		Keep json.RawMessage `json:"keep"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("the answer goes on behind its JSON")
	}
	if a.ID == "" {
		return nil, errors.New("the answer names nobody")
	}
	kept := identified(a.ID)
	if a.Keep == nil {
		return kept, nil
	}
	o, err := parse.DecodeObject(a.Keep, parse.Limits{Depth: 8, Bytes: 16 << 10, Keys: 100})
	if err != nil {
		return nil, err
	}
	for _, m := range o.Members {
		if m.Key == "id" || !nameForm.MatchString(m.Key) {
			return nil, fmt.Errorf("the answer can't keep %q", m.Key)
		}
		kept.Set(m.Key, m.Value)
	}
	return kept, nil
}
