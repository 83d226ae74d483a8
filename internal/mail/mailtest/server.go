// Package mailtest has an SMTP server that receives in tests what users would.
package mailtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options say what kind of server it is. The zero Options are one that encrypts
// nothing and asks for no password.
type Options struct {
	// TLS encrypts from the first byte; StartTLS offers to.
	TLS, StartTLS bool
	// Mechanisms are the ways to log in: PLAIN, LOGIN and CRAM-MD5.
	Mechanisms         []string
	Username, Password string
	// Refuse answers a receiver's address; nil takes all.
	Refuse func(to string) error
	// Hang makes the server never answer a message.
	Hang bool
}

// Server is a running SMTP server on loopback.
type Server struct {
	Host string
	Port int
	// RootCAs sign its certificate.
	RootCAs *x509.CertPool

	received chan Mail
	released chan struct{}
}

// Mail is a received message.
type Mail struct {
	// From and To are the envelope's.
	From string
	To   []string
	// Header is the message's; Text and HTML are its parts.
	Header     mail.Header
	Text, HTML string
	Raw        string
	// Encrypted tells whether it came by TLS, and Mechanism how its sender logged in.
	Encrypted bool
	Mechanism string
}

var link = regexp.MustCompile(`https?://[^\s"<>]+`)

// Link is the first link in the text.
func (m Mail) Link() string { return link.FindString(m.Text) }

// Start serves until the test ends.
func Start(t *testing.T, o Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	s := &Server{Host: "127.0.0.1", Port: address.Port, received: make(chan Mail, 1000), released: make(chan struct{})}

	certified := httptest.NewTLSServer(nil) // for its certificate
	certified.Close()
	s.RootCAs = x509.NewCertPool()
	s.RootCAs.AddCert(certified.Certificate())
	encryption := &tls.Config{Certificates: certified.TLS.Certificates}

	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, options: &o, conn: c}, nil
	}))
	server.Domain = "mailtest"
	server.AllowInsecureAuth = true
	server.ErrorLog = silence{}
	if o.StartTLS {
		server.TLSConfig = encryption
	}
	if o.TLS {
		listener = tls.NewListener(listener, encryption)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		close(s.released)
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	})
	return s
}

// wait is how long Next waits for what must come.
const wait = 20 * time.Second

// Next returns the next message that was received.
func (s *Server) Next(t *testing.T) Mail {
	t.Helper()
	select {
	case m := <-s.received:
		return m
	case <-time.After(wait):
		t.Fatal("no mail came")
		return Mail{}
	}
}

// Waiting is how many messages were received and not looked at yet.
func (s *Server) Waiting() int { return len(s.received) }

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

type session struct {
	server    *Server
	options   *Options
	conn      *smtp.Conn
	mechanism string
	mail      Mail
}

func (s *session) AuthMechanisms() []string { return s.options.Mechanisms }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(ok bool) error {
		if !ok {
			return smtp.ErrAuthFailed
		}
		s.mechanism = mechanism
		return nil
	}
	switch o := s.options; mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error {
			return check(username == o.Username && password == o.Password)
		}), nil
	case sasl.Login:
		return &dialogue{prompts: []string{"Username:", "Password:"}, check: func(said []string) error {
			return check(said[0] == o.Username && said[1] == o.Password)
		}}, nil
	case "CRAM-MD5":
		const challenge = "<1.2@mailtest>"
		return &dialogue{prompts: []string{challenge}, check: func(said []string) error {
			mac := hmac.New(md5.New, []byte(o.Password))
			mac.Write([]byte(challenge))
			return check(said[0] == o.Username+" "+hex.EncodeToString(mac.Sum(nil)))
		}}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// dialogue is a login in which the server asks.
type dialogue struct {
	prompts []string
	asked   int
	said    []string
	check   func(said []string) error
}

func (d *dialogue) Next(response []byte) ([]byte, bool, error) {
	if d.asked > 0 {
		d.said = append(d.said, string(response))
	}
	if d.asked == len(d.prompts) {
		return nil, true, d.check(d.said)
	}
	d.asked++
	return []byte(d.prompts[d.asked-1]), false, nil
}

func (s *session) Reset() { s.mail = Mail{} }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.options.Mechanisms != nil && s.mechanism == "" {
		return smtp.ErrAuthRequired
	}
	s.mail.From = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.options.Refuse != nil {
		if err := s.options.Refuse(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.options.Hang {
		<-s.server.released
		return nil
	}
	m, err := Read(raw)
	if err != nil {
		return err
	}
	m.From, m.To, m.Mechanism = s.mail.From, s.mail.To, s.mechanism
	_, m.Encrypted = s.conn.TLSConnectionState()
	s.server.received <- m
	return nil
}

// Read takes a message apart.
func Read(raw []byte) (Mail, error) {
	m := Mail{Raw: string(raw)}
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	m.Header = message.Header
	return m, m.read(message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"), message.Body)
}

func (m *Mail) read(contentType, encoding string, body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
				return err
			}
		}
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	if kind == "text/html" {
		m.HTML = text
	} else {
		m.Text = text
	}
	return nil
}
