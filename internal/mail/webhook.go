package mail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/loam-baas/loam/internal/signature"
)

// WebhookOptions say where messages are posted.
type WebhookOptions struct {
	// URL takes the messages.
	URL string
	// Secret signs them; one that begins with "whsec_" is base64. Its key has 24 bytes
	// at least.
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
	key, err := signature.Key(o.Secret)
	if err != nil {
		return nil, fmt.Errorf("mail: the secret of a hook %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Webhook{o: o, key: key, client: &http.Client{
		Transport: transport, Timeout: o.Timeout,
		// A redirect would take the message where nobody has configured it to go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

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
	request.Header.Set("Content-Type", "application/json")
	signature.Sign(request.Header, w.key, m.ID, time.Now(), body)
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
