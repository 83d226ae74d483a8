package provider

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

const (
	// secretLength is how long a secret must be at least, in characters of base32.
	secretLength = 20
	// secretMost is how long it may be.
	secretMost = 256
	// totpWindow is how many steps a phone's clock may be ahead or behind.
	totpWindow = 1
	// recoveryCodes are given at the set-up, of recoveryLength characters each.
	recoveryCodes, recoveryLength = 2, 30

	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// totp makes time-based one-time passwords (RFC 6238).
type totp struct {
	digits int
	period time.Duration
	hash   func() hash.Hash
}

// totpHash reads the option algorithm.
func totpHash(o *Options) func() hash.Hash {
	switch o.Text("algorithm") {
	case "", "SHA1", "SHA-1":
		return sha1.New
	case "SHA256", "SHA-256":
		return sha256.New
	case "SHA512", "SHA-512":
		return sha512.New
	}
	o.Problem("algorithm", "must be SHA1, SHA256 or SHA512")
	return sha1.New
}

// at returns the password of a step.
func (t *totp) at(secret []byte, step int64) string {
	mac := hmac.New(t.hash, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := uint64(binary.BigEndian.Uint32(sum[offset:]) & (1<<31 - 1))
	return fmt.Sprintf("%0*d", t.digits, number%uint64(math.Pow10(t.digits)))
}

// step returns the step around now whose password a token is, after the last one
// that was used.
func (t *totp) step(secret []byte, token string, now time.Time, last int64) (int64, bool) {
	current := now.Unix() / int64(t.period/time.Second)
	found, ok := int64(0), false
	for step := current - totpWindow; step <= current+totpWindow; step++ {
		if same(t.at(secret, step), token) && step > last {
			found, ok = step, true
		}
	}
	return found, ok
}

// decodeSecret decodes a secret as apps for phones show it: base32 in either case,
// with spaces and without padding.
func decodeSecret(text string) ([]byte, bool) {
	text = strings.ToUpper(strings.TrimRight(strings.ReplaceAll(text, " ", ""), "="))
	if len(text) < secretLength || len(text) > secretMost {
		return nil, false
	}
	// Bits that fill no byte are let go, as the apps do.
	whole := len(text) / 8 * 8
	if rest := len(text) - whole; rest > 0 {
		text = text[:whole+map[int]int{1: 0, 2: 2, 3: 2, 4: 4, 5: 5, 6: 5, 7: 7}[rest]]
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	return secret, err == nil
}

// setUpTOTP takes a secret whose password the user can give.
func (p *mfa) setUpTOTP(c Check) (Answer, error) {
	encoded, token := text(c.Data, "secret"), text(c.Data, "token")
	if v, ok := c.Data.Get("token"); !ok || encoded == "" || v == parse.String("") {
		return Answer{}, mfaData()
	}
	secret, ok := decodeSecret(encoded)
	if !ok {
		return Answer{}, mfaData()
	}
	// It authenticates nothing, so it is not used up: users log in with it next.
	if _, ok := p.totp.step(secret, token, p.now(), 0); !ok {
		return Answer{}, mfaToken()
	}
	codes := make([]string, recoveryCodes)
	kept := make(parse.Array, recoveryCodes)
	for i := range codes {
		codes[i] = random(recoveryLength, alphanumeric)
		kept[i] = parse.String(hashedRecovery(codes[i]))
	}
	return Answer{
		Save:     &parse.Object{Members: []parse.Member{{Key: "secret", Value: parse.String(encoded)}, {Key: "recovery", Value: kept}}},
		Response: &parse.Object{Members: []parse.Member{{Key: "recovery", Value: parse.String(strings.Join(codes, ", "))}}},
	}, nil
}

// usedTOTP is usedUp for passwords of the user's secret: the step that one is of
// is over, and all before it.
func (p *mfa) usedTOTP(stored *parse.Object, token string) *parse.Object {
	secret, ok := decodeSecret(text(stored, "secret"))
	if !ok {
		return nil
	}
	v, _ := stored.Get("step")
	last, _ := v.(parse.Number)
	step, ok := p.totp.step(secret, token, p.now(), int64(last))
	if !ok {
		return nil
	}
	return with(stored, parse.Member{Key: "step", Value: parse.Number(step)})
}

// recoveryPrefix begins a recovery code that is stored as its hash. It has so many
// random bits that nothing slower is needed. Parse Server stores codes as they are.
const recoveryPrefix = "sha256$"

func hashedRecovery(code string) string {
	sum := sha256.Sum256([]byte(code))
	return recoveryPrefix + hex.EncodeToString(sum[:])
}

// usedRecovery is usedUp for recovery codes.
func usedRecovery(stored *parse.Object, token string) *parse.Object {
	v, _ := stored.Get("recovery")
	codes, _ := v.(parse.Array)
	hashed := hashedRecovery(token)
	found := -1
	for i, item := range codes {
		code, _ := item.(parse.String)
		plain := !strings.HasPrefix(string(code), recoveryPrefix) && code != ""
		if same(string(code), hashed) || plain && same(string(code), token) {
			found = i
		}
	}
	if found < 0 {
		return nil
	}
	left := make(parse.Array, 0, len(codes)-1)
	left = append(append(left, codes[:found]...), codes[found+1:]...)
	return with(stored, parse.Member{Key: "recovery", Value: left})
}
