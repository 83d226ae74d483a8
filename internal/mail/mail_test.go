package mail_test

import (
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/mail"
)

func TestMessage_CheckRefusesWhatWouldBeAnotherMessage(t *testing.T) {
	if err := message().Check(); err != nil {
		t.Fatalf("a good message: %v", err)
	}
	tests := map[string]func(*mail.Message){
		"a line more in the subject":        func(m *mail.Message) { m.Subject = "Hi\r\nBcc: eve@example.com" },
		"a lone line feed":                  func(m *mail.Message) { m.Subject = "Hi\nBcc: eve@example.com" },
		"a NUL":                             func(m *mail.Message) { m.Subject = "Hi\x00" },
		"a line separator":                  func(m *mail.Message) { m.Subject = "Hi\u2028Bcc: eve@example.com" },
		"a subject that is too long":        func(m *mail.Message) { m.Subject = strings.Repeat("x", 999) },
		"a line more in the receiver":       func(m *mail.Message) { m.To = "ada@example.com\r\nRCPT TO:<eve@example.com>" },
		"two receivers":                     func(m *mail.Message) { m.To = "ada@example.com, eve@example.com" },
		"a receiver by another name":        func(m *mail.Message) { m.To = "ada@example.com <eve@example.com>" },
		"a receiver with a comment":         func(m *mail.Message) { m.To = "ada@example.com (eve)" },
		"a group":                           func(m *mail.Message) { m.To = "all: ada@example.com;" },
		"no receiver":                       func(m *mail.Message) { m.To = "" },
		"what is no address":                func(m *mail.Message) { m.To = "ada" },
		"a line more in the sender":         func(m *mail.Message) { m.From = "Game\r\n <a@example.com>" },
		"no sender":                         func(m *mail.Message) { m.From = "" },
		"a line more in replies":            func(m *mail.Message) { m.ReplyTo = "a@example.com\nX: y" },
		"a line more in a header":           func(m *mail.Message) { m.Headers[0].Value = "a\r\nBcc: eve@example.com" },
		"a line more in a header's name":    func(m *mail.Message) { m.Headers[0].Name = "X-A: b\r\nBcc" },
		"a header without a name":           func(m *mail.Message) { m.Headers[0].Name = "" },
		"a header that names receivers":     func(m *mail.Message) { m.Headers[0].Name = "bcc" },
		"a header that changes the content": func(m *mail.Message) { m.Headers[0].Name = "Content-Type" },
		"a header that has been set":        func(m *mail.Message) { m.Headers[0].Name = "Message-ID" },
		"too many headers":                  func(m *mail.Message) { m.Headers = make([]mail.Header, 33) },
		"no text":                           func(m *mail.Message) { m.Text, m.HTML = "", "" },
		"too much text":                     func(m *mail.Message) { m.Text = strings.Repeat("x", 1<<20) },
		"an id that breaks a header":        func(m *mail.Message) { m.ID = "a>\r\nX: y" },
		"an id that is a path":              func(m *mail.Message) { m.ID = "../a" },
		"no id":                             func(m *mail.Message) { m.ID = "" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			m := message()
			change(m)
			err := m.Check()
			if err == nil || !mail.Permanent(err) {
				t.Fatalf("error %v, want a permanent one", err)
			}
			if strings.Contains(err.Error(), "eve") || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q quotes what it refuses", err)
			}
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"a@b.c", "Name <a@b.c>", `"a b"@c.d`, "a@b.c\r\nBcc: x@y.z", "=?utf-8?q?=0d=0aBcc:x?= <a@b.c>", "a@[127.0.0.1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := mail.ParseAddress(s)
		if err == nil && strings.ContainsAny(a.Name+a.Address, "\r\n\x00") {
			t.Errorf("%q became %q <%q>", s, a.Name, a.Address)
		}
	})
}
