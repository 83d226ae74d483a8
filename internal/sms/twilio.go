package sms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Twilio is a gateway that speaks Twilio's API: Twilio itself, or one of those
// that are compatible.
type Twilio struct {
	// HTTP reaches the gateway; nil is a client of its own.
	HTTP *http.Client
	// URL is where the API is; "" is Twilio's.
	URL string
	// AccountSID and AuthToken authenticate the account.
	AccountSID, AuthToken string
	// From is the number that messages come from, or the SID of a messaging
	// service, which begins with "MG".
	From string
}

// Send posts the message to the account's list of messages.
func (t *Twilio) Send(ctx context.Context, m Message) error {
	if !IsNumber(m.To) {
		return ErrNumber
	}
	base := t.URL
	if base == "" {
		base = "https://api.twilio.com"
	}
	form := url.Values{"To": {m.To}, "Body": {m.Text}}
	if strings.HasPrefix(t.From, "MG") {
		form.Set("MessagingServiceSid", t.From)
	} else {
		form.Set("From", t.From)
	}
	target := strings.TrimSuffix(base, "/") + "/2010-04-01/Accounts/" + url.PathEscape(t.AccountSID) + "/Messages.json"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(t.AccountSID, t.AuthToken)
	return do(client(t.HTTP), r)
}

// do sends a request whose success is a status 2xx.
func do(c *http.Client, r *http.Request) error {
	response, err := c.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, answerSize))
	return errors.Join(fmt.Errorf("the gateway answers %d: %.500s", response.StatusCode, text), err)
}
