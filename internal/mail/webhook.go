package mail

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// WebhookOptions say where messages are posted.
type WebhookOptions struct {
	// URL takes the messages.
	URL string
	// Secret signs them; one that begins with "whsec_" is base64.
	Secret string
	// Timeout bounds each request.
	Timeout time.Duration
}

// Webhook posts messages as JSON, signed as the Standard Webhooks specification
// (standardwebhooks.com) has it, so that receivers find a library for it: the
// headers webhook-id, webhook-timestamp and webhook-signature. The id is the
// message's, and the same when a message is sent again.
type Webhook struct {
	o      WebhookOptions
	key    []byte
	client *http.Client
}

// NewWebhook returns a Sender that posts to a URL.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	key := []byte(o.Secret)
	if encoded, ok := strings.CutPrefix(o.Secret, secretPrefix); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, fmt.Errorf("mail: a secret that begins with %s must go on in base64", secretPrefix)
		}
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("mail: a hook must have a secret, for its receiver to know whom a message is from")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Webhook{o: o, key: key, client: &http.Client{
		Transport: transport, Timeout: o.Timeout,
		// A redirect would take the message where nobody has configured it to go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

const secretPrefix = "whsec_"

// posted is a message as it is posted.
type posted struct {
	ID      string            `json:"id"`
	From    string            `json:"from"`
	To      string            `json:"to"`
	ReplyTo string            `json:"replyTo,omitempty"`
	Subject string            `json:"subject"`
	Text    string            `json:"text,omitempty"`
	HTML    string            `json:"html,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

// Send posts a message. Every status of 2xx takes it over; one that is about the
// message itself (400, 410, 413 and 422) is permanent.
func (w *Webhook) Send(ctx context.Context, m *Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	p := posted{ID: m.ID, From: m.From, To: m.To, ReplyTo: m.ReplyTo, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	if len(m.Headers) > 0 {
		p.Headers = make(map[string]string, len(m.Headers))
		for _, h := range m.Headers {
			p.Headers[h.Name] = h.Value
		}
	}
	body, err := json.Marshal(p)
	if err != nil {
		return AsPermanent(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.o.URL, bytes.NewReader(body))
	if err != nil {
		return AsPermanent(fmt.Errorf("mail: %w", err))
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Webhook-Id", m.ID)
	request.Header.Set("Webhook-Timestamp", at)
	request.Header.Set("Webhook-Signature", "v1,"+w.sign(m.ID, at, body))
	response, err := w.client.Do(request)
	if err != nil {
		if failed, ok := err.(*url.Error); ok {
			err = failed.Err // the rest of it is the URL, which may hold a key
		}
		return fmt.Errorf("mail: the hook at %s: %w", request.URL.Host, err)
	}
	_ = response.Body.Close() // what it says beyond the status is not of interest
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest, status == http.StatusGone, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return AsPermanent(fmt.Errorf("mail: the hook at %s answered %s", request.URL.Host, response.Status))
	default:
		return fmt.Errorf("mail: the hook at %s answered %s", request.URL.Host, response.Status)
	}
}

func (w *Webhook) sign(id, at string, body []byte) string {
	mac := hmac.New(sha256.New, w.key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
