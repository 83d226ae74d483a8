package sms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Webhook is a gateway of the app's own. It gets POST {"to": …, "text": …} with
// the headers X-Loam-Timestamp, in seconds, and X-Loam-Signature: "sha256=" and,
// in hex, the HMAC-SHA-256 of the timestamp, a dot and the body. Any status 2xx
// takes the message.
type Webhook struct {
	// HTTP reaches the gateway; nil is a client of its own.
	HTTP   *http.Client
	URL    string
	Secret []byte
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
	timestamp := strconv.FormatInt(now().Unix(), 10)
	mac := hmac.New(sha256.New, w.Secret)
	fmt.Fprintf(mac, "%s.%s", timestamp, body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Loam-Timestamp", timestamp)
	r.Header.Set("X-Loam-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return do(client(w.HTTP), r)
}
