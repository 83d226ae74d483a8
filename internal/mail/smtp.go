package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Security is how a connection to an SMTP server is encrypted.
type Security string

// The ways to encrypt.
const (
	// TLS encrypts from the first byte, as on port 465.
	TLS Security = "tls"
	// StartTLS encrypts before anything is said of mail, and sends nothing to a
	// server that can't.
	StartTLS Security = "required"
	// StartTLSIfOffered encrypts when the server offers it: it protects from
	// listeners, not from who can change what is sent.
	StartTLSIfOffered Security = "optional"
	// Plain never encrypts.
	Plain Security = "none"
)

// SMTPOptions say how an SMTP server is reached.
type SMTPOptions struct {
	Host     string
	Port     int
	Security Security
	// Username and Password log in; an empty Username doesn't. Where the
	// connection is not encrypted the password is used only in ways that don't
	// show it, or to this machine.
	Username, Password string
	// Helo is the name by which Loam greets; empty is the machine's.
	Helo string
	// Timeout bounds each message, from connecting to the server's last answer.
	Timeout time.Duration
	// RootCAs sign the server's certificate; nil means the system's.
	RootCAs *x509.CertPool
}

// SMTP sends through an SMTP server, each message by a connection of its own.
type SMTP struct{ o SMTPOptions }

// NewSMTP returns a Sender by SMTP. It connects when there is something to send.
func NewSMTP(o SMTPOptions) *SMTP { return &SMTP{o} }

// How a password is proved, best first. SCRAM and CRAM-MD5 don't show it.
var (
	encryptedAuth = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5, gomail.SMTPAuthSCRAMSHA1}
	openAuth      = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}
)

// Send hands a message to the server. A refusal with a code of 500 or more is
// permanent, but for those that are about the account and not the message.
func (s *SMTP) Send(ctx context.Context, m *Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	msg, err := compose(m, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	line := &line{ctx: ctx, options: &s.o}
	defer line.close()
	client, err := s.client(line)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // what fails after that is the farewell
		return nil
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() && ctx.Err() == nil {
		return fmt.Errorf("mail: %s did not take the message in time: %w", s.o.Host, context.DeadlineExceeded)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("mail: %s did not take the message: %w", s.o.Host, ctx.Err())
	}
	err = fmt.Errorf("mail: %s: %w", s.o.Host, err)
	if refused, ok := errors.AsType[*gomail.SendError](err); ok && refused.ErrorCode() >= 500 && refused.ErrorCode() != 530 && refused.ErrorCode() != 535 {
		return AsPermanent(err)
	}
	return err
}

func (s *SMTP) client(l *line) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.o.Port), gomail.WithTimeout(s.o.Timeout), gomail.WithTLSConfig(s.o.tls()),
		gomail.WithDialContextFunc(l.dial), gomail.WithoutNoop(),
	}
	switch s.o.Security {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case StartTLSIfOffered:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default: // what is encrypted from the first byte is so already
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.o.Helo != "" {
		options = append(options, gomail.WithHELO(s.o.Helo))
	}
	if s.o.Username != "" {
		auth := openAuth
		if s.o.Security == TLS || s.o.Security == StartTLS {
			auth = encryptedAuth
		}
		options = append(options, gomail.WithUsername(s.o.Username), gomail.WithPassword(s.o.Password),
			gomail.WithOpportunisticSMTPAuth(auth...))
	}
	client, err := gomail.NewClient(s.o.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return client, nil
}

func (o *SMTPOptions) tls() *tls.Config {
	return &tls.Config{ServerName: o.Host, MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs}
}

// line is the connection of one message. The library closes it only when all
// went well, and does not look at the context after it has dialled.
type line struct {
	ctx     context.Context // of the message; the library's own is for dialling
	options *SMTPOptions
	end     []func()
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	var err error
	if l.options.Security == TLS {
		conn, err = (&tls.Dialer{Config: l.options.tls()}).DialContext(ctx, network, address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(l.ctx, func() { _ = conn.Close() })
	l.end = append(l.end, func() { stop(); _ = conn.Close() }) // it is closed already when all went well
	return conn, nil
}

func (l *line) close() {
	for _, end := range l.end {
		end()
	}
}
