// Package providertest plays the identity providers for tests: an internet of
// its own, whose hosts answer over real TLS, and issuers that sign real tokens,
// rotate their keys, and serve forged ones.
package providertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Internet is all hosts that a test's providers live on. A host that has no
// handler does not resolve, as the addresses of a private network don't.
type Internet struct {
	tb        testing.TB
	server    *httptest.Server
	authority *x509.Certificate
	key       *ecdsa.PrivateKey

	mu       sync.Mutex
	handlers map[string]http.Handler
	requests []Request
}

// Request is a request that a host got.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        string
}

// NewInternet starts one; it ends with the test.
func NewInternet(tb testing.TB) *Internet {
	tb.Helper()
	n := &Internet{tb: tb, handlers: map[string]http.Handler{}}
	var err error
	if n.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		tb.Fatal(err)
	}
	n.authority = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, n.authority, n.authority, &n.key.PublicKey, n.key)
	if err != nil {
		tb.Fatal(err)
	}
	if n.authority, err = x509.ParseCertificate(der); err != nil {
		tb.Fatal(err)
	}
	n.server = httptest.NewUnstartedServer(http.HandlerFunc(n.serve))
	// GetCertificate is not asked by clients that name an address.
	n.server.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		host := h.ServerName
		if host == "" {
			host = "127.0.0.1"
		}
		certificate, err := n.Certificate(host)
		if err != nil {
			return nil, err
		}
		return &tls.Config{Certificates: []tls.Certificate{*certificate}}, nil
	}}
	n.server.StartTLS()
	tb.Cleanup(n.server.Close)
	return n
}

// Certificate is one for a host, which clients of this internet believe.
func (n *Internet) Certificate(host string) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, n.authority, &n.key.PublicKey, n.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: n.key}, nil
}

// Address is where this internet is in the real one: a host that programs can reach
// which see no other.
func (n *Internet) Address() string { return n.server.Listener.Addr().String() }

// Authority is whom clients of this internet believe.
func (n *Internet) Authority() *x509.Certificate { return n.authority }

func (n *Internet) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	n.mu.Lock()
	n.requests = append(n.requests, Request{Method: r.Method, URL: "https://" + r.Host + r.URL.String(), Header: r.Header, Body: string(body)})
	h := n.handlers[r.Host]
	n.mu.Unlock()
	if h == nil {
		http.Error(w, "nobody serves "+r.Host, http.StatusMisdirectedRequest)
		return
	}
	r.Body = io.NopCloser(newReader(body))
	h.ServeHTTP(w, r)
}

// Handle lets a host answer.
func (n *Internet) Handle(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handlers[host] = h
}

// HandleFunc lets a host answer.
func (n *Internet) HandleFunc(host string, h func(http.ResponseWriter, *http.Request)) {
	n.Handle(host, http.HandlerFunc(h))
}

// Requests are those that came so far.
func (n *Internet) Requests() []Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]Request(nil), n.requests...)
}

// Client is a client that sees this internet and nothing else.
func (n *Internet) Client() *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(n.authority)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, n.server.Listener.Addr().String())
		},
	}
	n.tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// JSON answers with a value.
func JSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // what a client misses is the client's finding
}
