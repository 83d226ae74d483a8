package sms_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/loam-baas/loam/internal/signature"
	"github.com/loam-baas/loam/internal/sms"
)

var message = sms.Message{To: "+15550100200", Text: "Your code is 123456"}

// gateway is a fake that answers with a status, when the request is one that the
// real one would take.
func gateway(t *testing.T, status int, takes func(r *http.Request, body string) error) *httptest.Server {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = takes(r, string(body))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", "https://127.0.0.1:1/")
		w.WriteHeader(status)
		fmt.Fprint(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
	}))
	t.Cleanup(s.Close)
	return s
}

func twilioTakes(r *http.Request, body string) error {
	user, password, ok := r.BasicAuth()
	form, err := url.ParseQuery(body)
	switch {
	case err != nil:
		return err
	case !ok || user != "AC1" || password != "token-1":
		return errors.New("who is that?")
	case r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/AC1/Messages.json":
		return errors.New("no such resource: " + r.URL.Path)
	case form.Get("To") != message.To || form.Get("Body") != message.Text:
		return errors.New("not the message: " + body)
	case form.Get("From") != "+15550100100" && form.Get("MessagingServiceSid") != "MG1":
		return errors.New("from nobody: " + body)
	}
	return nil
}

func webhookTakes(r *http.Request, body string) error {
	if !signature.Verify(r.Header, []byte("secret-1"), []byte(body)) || r.Header.Get("Webhook-Timestamp") != "1700000000" {
		return errors.New("not signed")
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got) != 2 || got["to"] != message.To || got["text"] != message.Text {
		return errors.New("not the message: " + body)
	}
	return nil
}

// snsTakes signs the request again, as Amazon does.
func snsTakes(r *http.Request, body string) error {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	again := r.Clone(context.Background())
	again.URL.Scheme, again.URL.Host = "https", r.Host
	again.Header = http.Header{}
	_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	for _, name := range strings.Split(signed, ";") {
		if values := r.Header.Values(name); values != nil {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	again.Body = io.NopCloser(bytes.NewReader(nil))
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AK1", SecretAccessKey: "secret-1"},
		again, hex.EncodeToString(hash[:]), "sns", "eu-west-1", at); err != nil {
		return err
	}
	if again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		return errors.New("not signed")
	}
	form, err := url.ParseQuery(body)
	if err != nil || form.Get("Action") != "Publish" || form.Get("PhoneNumber") != message.To || form.Get("Message") != message.Text ||
		!strings.Contains(body, "Transactional") || !strings.Contains(body, "Loam") {
		return errors.New("not the message: " + body)
	}
	return nil
}

func TestGatewaysTakeMessages(t *testing.T) {
	clock := func() time.Time { return time.Unix(1700000000, 0) }
	drivers := map[string]struct {
		takes func(*http.Request, string) error
		open  func(s *httptest.Server, secret string) sms.Sender
	}{
		"Twilio": {twilioTakes, func(s *httptest.Server, secret string) sms.Sender {
			return &sms.Twilio{HTTP: s.Client(), URL: s.URL + "/", AccountSID: "AC1", AuthToken: strings.Replace(secret, "secret", "token", 1), From: "+15550100100"}
		}},
		"Twilio's services": {twilioTakes, func(s *httptest.Server, secret string) sms.Sender {
			return &sms.Twilio{HTTP: s.Client(), URL: s.URL, AccountSID: "AC1", AuthToken: strings.Replace(secret, "secret", "token", 1), From: "MG1"}
		}},
		"SNS": {snsTakes, func(s *httptest.Server, secret string) sms.Sender {
			return sms.NewSNS(sms.SNSOptions{HTTP: s.Client(), Region: "eu-west-1", Endpoint: s.URL, AccessKeyID: "AK1", SecretAccessKey: secret, SenderID: "Loam"})
		}},
		"a webhook": {webhookTakes, func(s *httptest.Server, secret string) sms.Sender {
			return &sms.Webhook{HTTP: s.Client(), URL: s.URL, Key: []byte(secret), Now: clock}
		}},
	}
	for name, d := range drivers {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			taken := gateway(t, http.StatusOK, d.takes)
			if err := d.open(taken, "secret-1").Send(ctx, message); err != nil {
				t.Errorf("a message: %v", err)
			}
			if err := d.open(taken, "secret-2").Send(ctx, message); err == nil {
				t.Error("a stranger's message is taken")
			}
			for _, number := range []string{"", "15550100200", "+", "+0155501002", "+1555010020a", "+15550100200,+15550100201", "+1 555 010 0200", "+1234567890123456"} {
				if err := d.open(taken, "secret-1").Send(ctx, sms.Message{To: number, Text: "x"}); !errors.Is(err, sms.ErrNumber) {
					t.Errorf("to %q: %v", number, err)
				}
			}
			for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusTooManyRequests, http.StatusInternalServerError} {
				err := d.open(gateway(t, status, d.takes), "secret-1").Send(ctx, message)
				if err == nil || strings.Contains(err.Error(), "123456") || strings.Contains(err.Error(), "127.0.0.1:1/") {
					t.Errorf("status %d: %v", status, err)
				}
			}
			gone := httptest.NewTLSServer(nil)
			gone.Close()
			if err := d.open(gone, "secret-1").Send(ctx, message); err == nil {
				t.Error("nobody took it, and there is no error")
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			if err := d.open(taken, "secret-1").Send(ended, message); err == nil {
				t.Error("sent for somebody who gave up")
			}
		})
	}
}
