package mongowire

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// Door says where clients come in.
type Door struct {
	// Address is a host and a port, as "127.0.0.1:27017".
	Address string
	// Credentials are what clients must log in with; nil asks nobody.
	Credentials *Credentials
	// CertFile and KeyFile are PEM files with which connections are encrypted;
	// without them, they are not.
	CertFile, KeyFile string
}

// Listen opens the door. One that anybody could come in by is an error: without
// credentials, the address must be of the loopback interface.
func (d Door) Listen(ctx context.Context) (net.Listener, error) {
	address, err := net.ResolveTCPAddr("tcp", d.Address)
	if err != nil {
		return nil, fmt.Errorf("can't serve MongoDB's protocol on %s: %w", d.Address, err)
	}
	if d.Credentials == nil && !address.IP.IsLoopback() {
		return nil, fmt.Errorf("can't serve MongoDB's protocol on %s without a password: whoever connects could read and change everything; set one, or listen on 127.0.0.1", d.Address)
	}
	var secure *tls.Config
	if d.CertFile != "" || d.KeyFile != "" {
		certificate, err := tls.LoadX509KeyPair(d.CertFile, d.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("can't encrypt MongoDB's protocol: %w", err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address.String())
	if err != nil {
		return nil, fmt.Errorf("can't serve MongoDB's protocol on %s: %w", d.Address, err)
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	return l, nil
}

// Exposed tells whether documents would cross a network for all on the way to read.
func (d Door) Exposed() bool {
	address, err := net.ResolveTCPAddr("tcp", d.Address)
	return d.CertFile == "" && (err != nil || !address.IP.IsLoopback())
}
