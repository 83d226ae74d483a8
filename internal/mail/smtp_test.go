package mail_test

import (
	"context"
	"errors"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/loam-baas/loam/internal/mail"
	"github.com/loam-baas/loam/internal/mail/mailtest"
)

func message() *mail.Message {
	return &mail.Message{
		ID: "abc123", From: "Über Game <noreply@example.com>", To: "ada@example.com", ReplyTo: "help@example.com",
		Subject: "Grüße", Text: "Zeile 1\n.\nhttps://example.com/apps/app/verify_email?token=abc", HTML: "<p>Zeile 1</p>",
		Headers: []mail.Header{{Name: "Auto-Submitted", Value: "auto-generated"}},
	}
}

func smtpOptions(s *mailtest.Server) mail.SMTPOptions {
	return mail.SMTPOptions{Host: s.Host, Port: s.Port, Security: mail.Plain, Timeout: 10 * time.Second, RootCAs: s.RootCAs}
}

func TestSMTP_DeliversWhatWasWritten(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	if err := mail.NewSMTP(smtpOptions(s)).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	got := s.Next(t)
	if got.From != "noreply@example.com" || strings.Join(got.To, ",") != "ada@example.com" {
		t.Errorf("envelope from %q to %q", got.From, got.To)
	}
	if got.Text != message().Text || got.HTML != message().HTML {
		t.Errorf("text %q, html %q", got.Text, got.HTML)
	}
	decoder := new(mime.WordDecoder)
	for name, want := range map[string]string{
		"From": "Über Game <noreply@example.com>", "To": "<ada@example.com>", "Reply-To": "<help@example.com>",
		"Subject": "Grüße", "Message-Id": "<abc123@example.com>", "Auto-Submitted": "auto-generated",
		"X-Mailer": "", "User-Agent": "",
	} {
		value, err := decoder.DecodeHeader(got.Header.Get(name))
		if err != nil || strings.ReplaceAll(value, `"`, "") != want {
			t.Errorf("%s: %q (%v), want %q", name, value, err, want)
		}
	}
}

func TestSMTP_EncryptsAndLogsIn(t *testing.T) {
	tests := map[string]struct {
		server    mailtest.Options
		security  mail.Security
		password  string
		encrypted bool
		mechanism string
		fails     string
	}{
		"TLS":                            {server: mailtest.Options{TLS: true}, security: mail.TLS, encrypted: true},
		"STARTTLS required":              {server: mailtest.Options{StartTLS: true}, security: mail.StartTLS, encrypted: true},
		"STARTTLS required, not offered": {security: mail.StartTLS, fails: "does not support STARTTLS"},
		"STARTTLS optional":              {server: mailtest.Options{StartTLS: true}, security: mail.StartTLSIfOffered, encrypted: true},
		"STARTTLS optional, not offered": {security: mail.StartTLSIfOffered},
		"STARTTLS not wanted":            {server: mailtest.Options{StartTLS: true}, security: mail.Plain},
		"PLAIN over TLS":                 {server: mailtest.Options{TLS: true, Mechanisms: []string{"LOGIN", "PLAIN"}}, security: mail.TLS, password: "secret", encrypted: true, mechanism: "PLAIN"},
		"LOGIN over STARTTLS":            {server: mailtest.Options{StartTLS: true, Mechanisms: []string{"LOGIN"}}, security: mail.StartTLS, password: "secret", encrypted: true, mechanism: "LOGIN"},
		"CRAM-MD5 over TLS":              {server: mailtest.Options{TLS: true, Mechanisms: []string{"CRAM-MD5"}}, security: mail.TLS, password: "secret", encrypted: true, mechanism: "CRAM-MD5"},
		"CRAM-MD5 is best in the open":   {server: mailtest.Options{Mechanisms: []string{"PLAIN", "CRAM-MD5"}}, security: mail.Plain, password: "secret", mechanism: "CRAM-MD5"},
		"PLAIN to this machine":          {server: mailtest.Options{Mechanisms: []string{"PLAIN"}}, security: mail.Plain, password: "secret", mechanism: "PLAIN"},
		"wrong password":                 {server: mailtest.Options{TLS: true, Mechanisms: []string{"PLAIN"}}, security: mail.TLS, password: "guess", fails: "535"},
		"a password nobody asks for":     {security: mail.Plain, password: "secret", fails: "AUTH"},
		"encrypted from the first byte by a server that isn't": {security: mail.TLS, fails: "tls"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.server.Username, tt.server.Password = "loam", "secret"
			s := mailtest.Start(t, tt.server)
			o := smtpOptions(s)
			o.Security = tt.security
			if tt.password != "" {
				o.Username, o.Password = "loam", tt.password
			}
			err := mail.NewSMTP(o).Send(t.Context(), message())
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) || mail.Permanent(err) {
					t.Errorf("error %v (permanent: %v), want a passing one with %q", err, mail.Permanent(err), tt.fails)
				}
				if strings.Contains(err.Error(), "guess") {
					t.Errorf("%v tells the password", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Next(t); got.Encrypted != tt.encrypted || got.Mechanism != tt.mechanism {
				t.Errorf("encrypted %v by %q, want %v by %q", got.Encrypted, got.Mechanism, tt.encrypted, tt.mechanism)
			}
		})
	}
}

func TestSMTP_DoesNotTrustJustAnyCertificate(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{TLS: true})
	o := smtpOptions(s)
	o.Security, o.RootCAs = mail.TLS, nil
	if err := mail.NewSMTP(o).Send(t.Context(), message()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v, want one about the certificate", err)
	}
}

func TestSMTP_TellsPermanentRefusals(t *testing.T) {
	tests := map[string]struct {
		answer    *smtp.SMTPError
		permanent bool
	}{
		"no such mailbox":     {&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}, true},
		"mailbox busy":        {&smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "Try later"}, false},
		"the account's fault": {&smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Log in first"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := mailtest.Start(t, mailtest.Options{Refuse: func(string) error { return tt.answer }})
			err := mail.NewSMTP(smtpOptions(s)).Send(t.Context(), message())
			if err == nil || mail.Permanent(err) != tt.permanent {
				t.Errorf("error %v, permanent %v, want %v", err, mail.Permanent(err), tt.permanent)
			}
		})
	}
}

func TestSMTP_GivesUpOnServersThatHang(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{Hang: true})
	o := smtpOptions(s)
	o.Timeout = 50 * time.Millisecond
	if err := mail.NewSMTP(o).Send(t.Context(), message()); !errors.Is(err, context.DeadlineExceeded) || mail.Permanent(err) {
		t.Errorf("error %v, want that the time is over", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mail.NewSMTP(smtpOptions(s)).Send(ctx, message()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
}
