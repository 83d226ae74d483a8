package signature_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/signature"
)

// The vector of the specification's own libraries.
func TestSignaturesAreThoseOfTheSpecification(t *testing.T) {
	key, err := signature.Key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	h.Set("Webhook-Timestamp", "1614265330")
	h.Set("Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	if !signature.Verify(h, key, []byte(`{"test": 2432232314}`)) {
		t.Error("the specification's signature is refused")
	}
	if signature.Verify(h, key, []byte(`{"test": 2432232315}`)) {
		t.Error("another body is taken")
	}
}

func TestSign(t *testing.T) {
	key, err := signature.Key(strings.Repeat("k", 24))
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Unix(1700000000, 0), []byte("{}")
	h, again := http.Header{}, http.Header{}
	signature.Sign(h, key, signature.NewID(), now, body)
	signature.Sign(again, key, signature.NewID(), now, body)
	if !signature.Verify(h, key, body) || h.Get("Webhook-Timestamp") != "1700000000" || h.Get("Webhook-Id") == again.Get("Webhook-Id") {
		t.Errorf("signed %v and %v", h, again)
	}
	for name, change := range map[string]string{"Webhook-Id": "msg_1", "Webhook-Timestamp": "1700000001", "Webhook-Signature": strings.TrimPrefix(h.Get("Webhook-Signature"), "v1,")} {
		changed := h.Clone()
		changed.Set(name, change)
		if signature.Verify(changed, key, body) {
			t.Errorf("another %s is taken", name)
		}
	}
	for _, secret := range []string{"", "short", "whsec_%", "whsec_c2hvcnQ="} {
		if _, err := signature.Key(secret); err == nil {
			t.Errorf("the secret %q is taken", secret)
		}
	}
}
