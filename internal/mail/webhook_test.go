package mail_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/mail"
)

func TestWebhook_PostsSignedMessages(t *testing.T) {
	key := []byte("0123456789abcdef01234567")
	var got map[string]any
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("signature %q, want %q", r.Header.Get("webhook-signature"), want)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("webhook-id") != "abc123" {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
	}))
	defer hook.Close()
	for _, secret := range []string{string(key), "whsec_" + base64.StdEncoding.EncodeToString(key)} {
		w, err := mail.NewWebhook(mail.WebhookOptions{URL: hook.URL, Secret: secret, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		m := message()
		want := map[string]any{
			"id": m.ID, "from": m.From, "to": m.To, "replyTo": m.ReplyTo, "subject": m.Subject, "text": m.Text, "html": m.HTML,
			"headers": map[string]any{"Auto-Submitted": "auto-generated"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("posted (-want +got):\n%s", diff)
		}
	}
}

func TestWebhook_TellsPermanentRefusals(t *testing.T) {
	for status, permanent := range map[int]bool{
		http.StatusBadRequest: true, http.StatusUnprocessableEntity: true, http.StatusRequestEntityTooLarge: true,
		http.StatusUnauthorized: false, http.StatusNotFound: false, http.StatusTooManyRequests: false,
		http.StatusInternalServerError: false, http.StatusFound: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			asked := 0
			hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			}))
			defer hook.Close()
			w, err := mail.NewWebhook(mail.WebhookOptions{URL: hook.URL + "/?key=hidden", Secret: "0123456789abcdef01234567", Timeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Send(t.Context(), message())
			if err == nil || mail.Permanent(err) != permanent {
				t.Errorf("error %v, permanent %v, want %v", err, mail.Permanent(err), permanent)
			}
			if asked != 1 {
				t.Errorf("%d requests, want 1: redirects are not followed", asked)
			}
			hook.Close()
			if err := w.Send(t.Context(), message()); err == nil || mail.Permanent(err) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("a hook that is gone: %v, want a passing error without the URL's key", err)
			}
		})
	}
}

func TestWebhook_NeedsASecret(t *testing.T) {
	for _, secret := range []string{"", "too short", "whsec_", "whsec_!"} {
		if _, err := mail.NewWebhook(mail.WebhookOptions{URL: "https://example.com", Secret: secret}); err == nil {
			t.Errorf("the secret %q is taken", secret)
		}
	}
}
