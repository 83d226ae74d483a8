// Package signature signs requests to hooks as the Standard Webhooks specification
// (standardwebhooks.com) has it, so that receivers find a library for it.
package signature

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// prefix begins a secret that goes on in base64.
const prefix = "whsec_"

// least is how long a key must be, in bytes; the specification wants it.
const least = 24

// Key returns the key of a secret. Its error continues a sentence that begins
// with the secret's name.
func Key(secret string) ([]byte, error) {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, prefix); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("must go on in base64 after " + prefix)
		}
	}
	if len(key) < least {
		return nil, fmt.Errorf("must be at least %d bytes long", least)
	}
	return key, nil
}

// NewID makes the id of a message.
func NewID() string {
	id := make([]byte, 12)
	rand.Read(id) // never fails
	return "msg_" + hex.EncodeToString(id)
}

// Sign sets the headers Webhook-Id, Webhook-Timestamp and Webhook-Signature of a
// request with a body. The id is the message's, the same when it is sent again.
func Sign(h http.Header, key []byte, id string, now time.Time, body []byte) {
	at := strconv.FormatInt(now.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", at)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(sum(key, id, at, body)))
}

// Verify tells whether a request with a body is signed with the key, whenever that was.
func Verify(h http.Header, key, body []byte) bool {
	encoded, ok := strings.CutPrefix(h.Get("Webhook-Signature"), "v1,")
	signed, err := base64.StdEncoding.DecodeString(encoded)
	return ok && err == nil && hmac.Equal(signed, sum(key, h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body))
}

func sum(key []byte, id, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	return mac.Sum(nil)
}
