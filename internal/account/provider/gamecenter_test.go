package provider_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/account/provider/providertest"
	"github.com/loam-baas/loam/internal/parse"
)

// apple is an authority that signs certificates, and a key with one of them.
type apple struct {
	tb        testing.TB
	authority *x509.Certificate
	key       *rsa.PrivateKey
}

func newApple(tb testing.TB) *apple {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	a := &apple{tb: tb, key: key}
	a.authority = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Code signing CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}, nil)
	return a
}

func (a *apple) sign(c, parent *x509.Certificate) *x509.Certificate {
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore = time.Now().Add(-time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(24 * time.Hour)
	}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &a.key.PublicKey, a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.tb.Fatal(err)
	}
	return signed
}

// certificate is one as Apple has them, changed by a test.
func (a *apple) certificate(change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Apple Inc.", Organization: []string{"Apple Inc."}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	if change != nil {
		change(c)
	}
	return a.sign(c, a.authority)
}

// proof is authData with a signature for a player and a bundle.
func (a *apple) proof(target, player, bundle string, at time.Time) *parse.Object {
	payload := binary.BigEndian.AppendUint64([]byte(player+bundle), uint64(at.UnixMilli()))
	hash := sha256.Sum256(append(payload, "salt"...))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, hash[:])
	if err != nil {
		a.tb.Fatal(err)
	}
	return data(a.tb, fmt.Sprintf(`{"id":"%s","publicKeyUrl":"%s","timestamp":%d,"salt":"%s","signature":"%s"}`, player, target, at.UnixMilli(),
		base64.StdEncoding.EncodeToString([]byte("salt")), base64.StdEncoding.EncodeToString(signature)))
}

func (a *apple) serve(n *providertest.Internet, c *x509.Certificate) {
	n.HandleFunc("static.gc.apple.com", func(w http.ResponseWriter, _ *http.Request) { w.Write(c.Raw) })
	n.HandleFunc("cacerts.digicert.com", func(w http.ResponseWriter, _ *http.Request) {
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: a.authority.Raw})
	})
}

const gameCenterKey = "https://static.gc.apple.com/public-key/gc-prod-10.cer"

var bundle = options{"bundleId": "com.example.game"}

func TestGameCenterSignatures(t *testing.T) {
	n, a := providertest.NewInternet(t), newApple(t)
	a.serve(n, a.certificate(nil))
	p := open(t, n, "gcenter", bundle)
	now := time.Now()
	kept, err := signUp(p, a.proof(gameCenterKey, "G:1", "com.example.game", now))
	if err != nil || written(t, kept) != `{"id":"G:1"}` {
		t.Fatalf("%s %v", written(t, kept), err)
	}
	if _, err := signUp(p, a.proof(gameCenterKey, "G:1", "com.example.game", now.Add(-10*time.Minute))); err != nil {
		t.Errorf("ten minutes old: %v", err)
	}
	if asked := n.Requests(); len(asked) != 2 {
		t.Errorf("certificates were asked for by %v", asked)
	}
	tamper := func(key string, v parse.Value) *parse.Object {
		d := a.proof(gameCenterKey, "G:1", "com.example.game", now)
		d.Set(key, v)
		return d
	}
	for name, d := range map[string]*parse.Object{
		"another player":           tamper("id", parse.String("G:2")),
		"another bundle":           a.proof(gameCenterKey, "G:1", "com.example.other", now),
		"a bundle of the client's": tamper("bundleId", parse.String("com.example.other")),
		"another time":             tamper("timestamp", parse.Number(now.UnixMilli()+1)),
		"a time of text":           tamper("timestamp", parse.String(fmt.Sprint(now.UnixMilli()))),
		"half a time":              tamper("timestamp", parse.Number(float64(now.UnixMilli())+0.5)),
		"another salt":             tamper("salt", parse.String("c2FsdDI=")),
		"no base64":                tamper("salt", parse.String("%")),
		"an empty signature":       tamper("signature", parse.String("")),
		"yesterday's signature":    a.proof(gameCenterKey, "G:1", "com.example.game", now.Add(-24*time.Hour)),
		"tomorrow's signature":     a.proof(gameCenterKey, "G:1", "com.example.game", now.Add(24*time.Hour)),
		"a stranger's key":         newApple(t).proof(gameCenterKey, "G:1", "com.example.game", now),
	} {
		_, err := signUp(p, d)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		refused(t, err, parse.ObjectNotFound, "Apple Game Center auth is invalid for this user.")
	}
	for _, key := range []string{"id", "publicKeyUrl", "timestamp", "signature", "salt"} {
		d := a.proof(gameCenterKey, "G:1", "com.example.game", now)
		d.Delete(key)
		_, err := signUp(p, d)
		refused(t, err, parse.ObjectNotFound, "AuthData "+key+" is missing.")
	}
	for _, o := range []options{{}, {"enableInsecureAuth": true}, {"bundleId": "b", "enableInsecureAuth": true}} {
		if _, err := provider.Open(map[string]map[string]any{"gcenter": o}, provider.Env{AllowInsecure: true}); err == nil {
			t.Errorf("starts with %v", o)
		}
	}
}

// The certificate comes from Apple and from nowhere else.
func TestAdvisory_D01_GameCenterKeysAreOnApplesHosts(t *testing.T) {
	n, a := providertest.NewInternet(t), newApple(t)
	for _, host := range []string{"evil.example", "static.gc.apple.com.evil.example", "apple.com", "169.254.169.254"} {
		n.HandleFunc(host, func(w http.ResponseWriter, _ *http.Request) { w.Write(a.certificate(nil).Raw) })
	}
	a.serve(n, a.certificate(nil))
	p := open(t, n, "gcenter", bundle)
	for _, target := range []string{
		"http://static.gc.apple.com/public-key/gc-prod-10.cer", "https://evil.example/public-key/gc-prod-10.cer",
		"https://static.gc.apple.com.evil.example/public-key/gc.cer", "https://evil.example/https://static.gc.apple.com/public-key/gc.cer",
		"https://static.gc.apple.com@evil.example/public-key/gc.cer", "https://evil.example#static.gc.apple.com/public-key/gc.cer",
		"https://static.gc.apple.com:8443/public-key/gc.cer", "https://apple.com/public-key/gc.cer", "https://evilapple.com/public-key/gc.cer",
		"https://static.gc.apple.com/public-key/../other.cer", "https://static.gc.apple.com/public-key/%2e%2e/other.cer",
		"https://static.gc.apple.com/other/gc.cer", "https://static.gc.apple.com/public-key/gc.cer?x=.cer", "https://169.254.169.254/public-key/gc.cer",
		"file:///public-key/gc.cer", "//static.gc.apple.com/public-key/gc.cer", "", "static.gc.apple.com",
	} {
		_, err := signUp(p, a.proof(target, "G:1", "com.example.game", time.Now()))
		refused(t, err, parse.ObjectNotFound, "Invalid publicKeyUrl.")
	}
	if asked := n.Requests(); len(asked) != 0 {
		t.Errorf("asked %v", asked)
	}
}

// The certificate is Apple's by its authority, and not just because it is there.
func TestAdvisory_D02_GameCenterCertificatesAreVerified(t *testing.T) {
	a, stranger := newApple(t), newApple(t)
	certificates := map[string]*x509.Certificate{
		"of another authority": stranger.certificate(nil),
		"of its own":           stranger.sign(&x509.Certificate{Subject: pkix.Name{Organization: []string{"Apple Inc."}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, nil),
		"of another customer":  a.certificate(func(c *x509.Certificate) { c.Subject.Organization = []string{"Evil Ltd."} }),
		"that has expired":     a.certificate(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"for servers":          a.certificate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
	}
	for name, c := range certificates {
		n := providertest.NewInternet(t)
		a.serve(n, c)
		signer := a
		if strings.HasPrefix(name, "of another authority") || name == "of its own" {
			signer = stranger
		}
		_, err := signUp(open(t, n, "gcenter", bundle), signer.proof(gameCenterKey, "G:1", "com.example.game", time.Now()))
		if err == nil {
			t.Errorf("a certificate %s is believed", name)
			continue
		}
		refused(t, err, parse.ObjectNotFound, "Apple Game Center API request failed.")
	}
}
