package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/signature"
)

// webhook is a provider of any name with the option module: "webhook": a service
// of the app's own, which is asked who somebody is.
//
//	options   module: "webhook", url, secret (at least 24 bytes, or whsec_ and base64)
//	authData  what the service wants
//
// The request is POST {"provider": name, "authData": {…}}, signed as package
// signature says.
// The answer is 200 and {"id": text, "keep": {…}?}, where keep is stored beside
// the id; or 401 or 403, which refuses. Any other is a failure, and refuses too.
type webhook struct {
	name, url string
	key       []byte
	http      *http.Client
	now       func() time.Time
}

func newWebhook(name string, o *Options, env Env) Provider {
	o.Require("url")
	p := &webhook{name: name, url: o.URL("url", ""), key: hookKey(o), http: env.HTTP, now: env.Now}
	return newIdentity(name, p.prove)
}

// hookKey reads the option secret, with which requests to a hook are signed.
func hookKey(o *Options) []byte {
	secret := o.RequiredText("secret")
	if secret == "" {
		return nil
	}
	key, err := signature.Key(secret)
	if err != nil {
		o.Problem("secret", "%v", err)
	}
	return key
}

func (p *webhook) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	body := []byte(`{"provider":` + strconv.Quote(p.name) + `,"authData":`)
	body = append(parse.AppendJSON(body, data), '}')
	header := http.Header{"Content-Type": {"application/json"}}
	signature.Sign(header, p.key, signature.NewID(), p.now(), body)
	text, err := fetch(ctx, p.http, http.MethodPost, p.url, header, bytes.NewReader(body))
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
