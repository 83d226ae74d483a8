package mongowire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// An open door must lead to this machine only.
func TestDoorsThatAreRefused(t *testing.T) {
	credentials, err := NewCredentials("ann", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		door Door
		err  string
	}{
		"loopback":                  {Door{Address: "127.0.0.1:0"}, ""},
		"loopback by name":          {Door{Address: "localhost:0"}, ""},
		"everywhere with passwords": {Door{Address: "0.0.0.0:0", Credentials: credentials}, ""},
		"everywhere":                {Door{Address: "0.0.0.0:0"}, "without a password"},
		"no host":                   {Door{Address: ":0"}, "without a password"},
		"no address":                {Door{Address: "nowhere"}, "missing port"},
		"half of TLS":               {Door{Address: "127.0.0.1:0", CertFile: "c"}, "can't encrypt"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := c.door.Listen(t.Context())
			if err == nil {
				_ = l.Close()
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}

func TestEncryptedConnections(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	door := Door{Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile}
	l, err := door.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- New(Single{Name: "test", Database: openStore(t)}, Options{MessageTimeout: time.Second}).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	// Who does not shake hands is hung up on, and holds nobody up.
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + l.Addr().String()).SetTLSConfig(&tls.Config{RootCAs: pool}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(context.Background()) }()
	if _, err := client.Database("test").Collection("c").InsertOne(t.Context(), bson.D{}); err != nil {
		t.Error(err)
	}
	if err := silent.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a silent connection: %v", err)
	}
}

// certificate makes one for this machine.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private), pool
}
