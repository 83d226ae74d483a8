package providertest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// Issuer signs tokens, and serves the keys that they are verified with.
type Issuer struct {
	tb testing.TB

	mu      sync.Mutex
	rotated int
	rsa     *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	asked   int
	fails   bool
}

// NewIssuer returns an issuer with keys of its own.
func NewIssuer(tb testing.TB) *Issuer {
	i := &Issuer{tb: tb}
	i.Rotate()
	return i
}

// Rotate takes new keys in the place of the old ones.
func (i *Issuer) Rotate() {
	i.tb.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.tb.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.tb.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rotated++
	i.rsa, i.ec = r, e
}

// Fail makes the key set unavailable, or available again.
func (i *Issuer) Fail(fails bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fails = fails
}

// Asked is how often the keys were asked for.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// ServeHTTP serves the key set (RFC 7517).
func (i *Issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if i.fails {
		http.Error(w, "no keys today", http.StatusServiceUnavailable)
		return
	}
	point, err := i.ec.PublicKey.Bytes()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	JSON(w, map[string]any{"keys": []map[string]any{
		{"kty": "RSA", "kid": i.kid("rsa"), "use": "sig", "alg": "RS256", "n": encode(i.rsa.N.Bytes()), "e": encode(big.NewInt(int64(i.rsa.E)).Bytes())},
		{"kty": "EC", "kid": i.kid("ec"), "use": "sig", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])},
		{"kty": "RSA", "kid": i.kid("encryption"), "use": "enc", "n": encode(i.rsa.N.Bytes()), "e": encode(big.NewInt(int64(i.rsa.E)).Bytes())},
		{"kty": "OKP", "kid": "of a kind nobody knows", "crv": "X25519", "x": encode([]byte("x"))},
	}})
}

func (i *Issuer) kid(kind string) string { return fmt.Sprintf("%s-%d", kind, i.rotated) }

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Header changes the header of a token before it is signed.
type Header func(map[string]any)

// With sets a member of the header.
func With(key string, value any) Header { return func(h map[string]any) { h[key] = value } }

// Sign signs claims with RS256.
func (i *Issuer) Sign(claims jwt.MapClaims, headers ...Header) string {
	i.mu.Lock()
	key, kid := i.rsa, i.kid("rsa")
	i.mu.Unlock()
	return i.sign(jwt.SigningMethodRS256, kid, key, claims, headers)
}

// SignWith signs claims with any algorithm: with the issuer's RSA or elliptic
// key, with its public key as if that were a secret (HS256), or not at all (none).
func (i *Issuer) SignWith(algorithm string, claims jwt.MapClaims, headers ...Header) string {
	i.tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	method := jwt.GetSigningMethod(algorithm)
	switch method.(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		return i.sign(method, i.kid("rsa"), i.rsa, claims, headers)
	case *jwt.SigningMethodECDSA:
		return i.sign(method, i.kid("ec"), i.ec, claims, headers)
	case *jwt.SigningMethodHMAC:
		der, err := x509.MarshalPKIXPublicKey(&i.rsa.PublicKey)
		if err != nil {
			i.tb.Fatal(err)
		}
		secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return i.sign(method, i.kid("rsa"), secret, claims, headers)
	}
	return i.sign(method, i.kid("rsa"), jwt.UnsafeAllowNoneSignatureType, claims, headers)
}

func (i *Issuer) sign(method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims, headers []Header) string {
	i.tb.Helper()
	t := jwt.NewWithClaims(method, claims)
	t.Header["kid"] = kid
	for _, set := range headers {
		set(t.Header)
	}
	signed, err := t.SignedString(key)
	if err != nil {
		i.tb.Fatal(err)
	}
	return signed
}
