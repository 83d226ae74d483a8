package provider

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

const (
	// gameCenterAge is how old a signature may be: the game asks for it when it logs in.
	gameCenterAge = time.Hour
	// gameCenterCertificates bounds the certificates that are remembered.
	gameCenterCertificates = 16
	// gameCenterAuthority is where the certificate is that Apple's are signed with.
	gameCenterAuthority = "https://cacerts.digicert.com/DigiCertTrustedG4CodeSigningRSA4096SHA3842021CA1.crt.pem"
)

// gameCenterHosts are Apple's hosts with certificates, and there are no others
// (advisory D01).
var gameCenterHosts = []string{"static.gc.apple.com", "sandbox.gc.apple.com"}

// gameCenter is the provider "gcenter":
//
//	options   bundleId; rootCertificateUrl: the authority of Apple's certificates
//	authData  {id, publicKeyUrl, timestamp, signature, salt}
//
// The game gets a signature from Apple and the URL of the certificate that it was
// made with, which must be Apple's, by an authority (advisory D02).
type gameCenter struct {
	http         *http.Client
	now          func() time.Time
	bundle       string
	authorityURL string

	mu           sync.Mutex
	authority    *x509.Certificate
	certificates map[string]*x509.Certificate
}

func newGameCenter(_ string, o *Options, env Env) Provider {
	p := &gameCenter{http: env.HTTP, now: env.Now, certificates: map[string]*x509.Certificate{}}
	p.bundle = o.RequiredText("bundleId")
	p.authorityURL = o.URL("rootCertificateUrl", gameCenterAuthority)
	if o.Flag("enableInsecureAuth") {
		o.Problem("enableInsecureAuth", "is not served: it lets clients choose the bundle; set bundleId")
	}
	return newIdentity("Apple Game Center", p.prove)
}

func (p *gameCenter) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	for _, key := range []string{"id", "publicKeyUrl", "timestamp", "signature", "salt"} {
		if _, ok := data.Get(key); !ok {
			return nil, parse.Errorf(parse.ObjectNotFound, "AuthData %s is missing.", key)
		}
	}
	if bundle, sent := data.Get("bundleId"); sent && bundle != parse.String(p.bundle) {
		return nil, refusal("Apple Game Center")
	}
	target := text(data, "publicKeyUrl")
	if !gameCenterURL(target) {
		return nil, parse.NewError(parse.ObjectNotFound, "Invalid publicKeyUrl.")
	}
	payload, signature, err := p.signed(data)
	if err != nil {
		return nil, refusal("Apple Game Center").WithCause(err)
	}
	certificate, err := p.certificate(ctx, target)
	if err != nil {
		return nil, unreachable("Apple Game Center", err)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, refusal("Apple Game Center")
	}
	hash := sha256.Sum256(payload)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], signature); err != nil {
		return nil, refusal("Apple Game Center").WithCause(err)
	}
	return identified(text(data, "id")), nil
}

// gameCenterURL tells whether a URL is one of Apple's certificates.
func gameCenterURL(target string) bool {
	u, err := url.Parse(target)
	return err == nil && u.Scheme == "https" && slices.Contains(gameCenterHosts, u.Host) && u.User == nil &&
		u.RawQuery == "" && u.Fragment == "" && strings.HasPrefix(u.EscapedPath(), "/public-key/") &&
		strings.HasSuffix(u.Path, ".cer") && !strings.ContainsAny(u.EscapedPath(), "%\\") && !strings.Contains(u.Path, "..")
}

// signed returns what Apple signed and its signature: player, bundle, the time in
// milliseconds and the salt, one after the other.
func (p *gameCenter) signed(data *parse.Object) (payload, signature []byte, err error) {
	value, _ := data.Get("timestamp")
	timestamp, ok := value.(parse.Number)
	if !ok || float64(timestamp) != math.Trunc(float64(timestamp)) || timestamp < 0 || timestamp > 1<<53 {
		return nil, nil, errors.New("the time is none")
	}
	age := p.now().Sub(time.UnixMilli(int64(timestamp)))
	if age > gameCenterAge || age < -clockSkew {
		return nil, nil, errors.New("the signature is too old, or too new")
	}
	salt, err := base64.StdEncoding.DecodeString(text(data, "salt"))
	if err != nil || len(salt) == 0 {
		return nil, nil, errors.New("the salt is none")
	}
	if signature, err = base64.StdEncoding.DecodeString(text(data, "signature")); err != nil {
		return nil, nil, errors.New("the signature is none")
	}
	payload = append(payload, text(data, "id")...)
	payload = append(payload, p.bundle...)
	payload = binary.BigEndian.AppendUint64(payload, uint64(timestamp))
	return append(payload, salt...), signature, nil
}

// certificate returns a certificate of Apple's that is valid now.
func (p *gameCenter) certificate(ctx context.Context, target string) (*x509.Certificate, error) {
	p.mu.Lock()
	certificate, authority := p.certificates[target], p.authority
	p.mu.Unlock()
	if certificate == nil {
		der, err := fetch(ctx, p.http, http.MethodGet, target, http.Header{"Accept": {"*/*"}}, nil)
		if err != nil {
			return nil, err
		}
		if certificate, err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	if authority == nil || p.now().After(authority.NotAfter) {
		text, err := fetch(ctx, p.http, http.MethodGet, p.authorityURL, http.Header{"Accept": {"*/*"}}, nil)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, errors.New("the authority's certificate is no PEM")
		}
		if authority, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, err
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	_, err := certificate.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: p.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	if err != nil {
		return nil, err
	}
	// The authority signs for many.
	if !slices.Contains(certificate.Subject.Organization, "Apple Inc.") {
		return nil, errors.New("the certificate is not Apple's")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.certificates) >= gameCenterCertificates {
		clear(p.certificates)
	}
	p.certificates[target], p.authority = certificate, authority
	return certificate, nil
}
