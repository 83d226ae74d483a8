package providertest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Directory is an OpenLDAP server, slapd, of a test's own.
type Directory struct {
	// URL and SecureURL are ldap:// and ldaps:// of it.
	URL, SecureURL string
	// Authority is the PEM certificate of whoever signed its own, for 127.0.0.1.
	Authority string
}

const directoryConfiguration = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile %[1]s/authority.pem
TLSCertificateFile %[1]s/certificate.pem
TLSCertificateKeyFile %[1]s/key.pem
pidfile %[1]s/pid
database mdb
maxsize 16777216
suffix "dc=example,dc=com"
directory %[1]s/data
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
`

// NewDirectory starts a slapd with the entries of an LDIF; it ends with the test.
// Where LOAM_TEST_SLAPD names the program, it must be there; else a test without
// one is skipped.
func NewDirectory(tb testing.TB, entries string) *Directory {
	tb.Helper()
	program := os.Getenv("LOAM_TEST_SLAPD")
	if program == "" {
		program = "/usr/sbin/slapd"
		if _, err := os.Stat(program); err != nil {
			tb.Skip("needs slapd")
		}
	}
	n := NewInternet(tb)
	dir := tb.TempDir()
	certificate, err := n.Certificate("127.0.0.1")
	if err != nil {
		tb.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		tb.Fatal(err)
	}
	authority := encodePEM("CERTIFICATE", n.Authority().Raw)
	for name, text := range map[string]string{
		"authority.pem": authority, "certificate.pem": encodePEM("CERTIFICATE", certificate.Certificate[0]),
		"key.pem": encodePEM("PRIVATE KEY", key), "entries.ldif": entries,
		"slapd.conf": fmt.Sprintf(directoryConfiguration, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		tb.Fatal(err)
	}
	load := exec.Command(program, "-T", "add", "-f", filepath.Join(dir, "slapd.conf"), "-l", filepath.Join(dir, "entries.ldif"))
	if out, err := load.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	d := &Directory{Authority: authority}
	plain, secure := freeAddress(tb), freeAddress(tb)
	d.URL, d.SecureURL = "ldap://"+plain, "ldaps://"+secure
	var log strings.Builder
	serve := exec.Command(program, "-d", "0", "-f", filepath.Join(dir, "slapd.conf"), "-h", d.URL+"/ "+d.SecureURL+"/")
	serve.Stderr = &log
	if err := serve.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = serve.Wait() }() // how it ends is the cleanup's doing
	tb.Cleanup(func() {
		_ = serve.Process.Kill() // it may have ended
		<-ended
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", secure)
		if err == nil {
			conn.Close()
			return d
		}
		select {
		case <-ended:
			tb.Fatalf("slapd ended: %s", log.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			tb.Fatalf("slapd does not answer: %v", err)
		}
	}
}

// freeAddress is a port of loopback that nobody listens on.
func freeAddress(tb testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
