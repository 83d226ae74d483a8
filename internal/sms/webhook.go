package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/loam-baas/loam/internal/signature"
)

// Webhook is a gateway of the app's own. It gets POST {"to": …, "text": …}, signed
// as package signature says. Any status 2xx takes the message.
type Webhook struct {
	// HTTP reaches the gateway; nil is a client of its own.
	HTTP *http.Client
	URL  string
	Key  []byte
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Send posts the message.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	if !IsNumber(m.To) {
		return ErrNumber
	}
	body, err := json.Marshal(map[string]string{"to": m.To, "text": m.Text})
	if err != nil {
		return err
	}
	now := w.Now
	if now == nil {
		now = time.Now
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	signature.Sign(r.Header, w.Key, signature.NewID(), now(), body)
	return do(client(w.HTTP), r)
}
