package letter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/letter"
	"github.com/loam-baas/loam/internal/mail"
)

// box keeps what is put into the queue.
type box []mail.Message

func (b *box) Enqueue(_ context.Context, m *mail.Message) error {
	*b = append(*b, *m)
	return nil
}

func TestWriter(t *testing.T) {
	const link = "https://example.com/parse/apps/game/verify_email?token=abc&x=1"
	ann := account.Letter{AppName: "Game & Co", To: "ann@example.com", Username: "ann", Link: link, Locale: "de-AT"}
	tests := map[string]struct {
		send    func(*letter.Writer, account.Letter) error
		letter  func(*account.Letter)
		subject string
		says    []string
		hides   []string
	}{
		"confirming an address": {
			send:    func(w *letter.Writer, l account.Letter) error { return w.SendVerification(t.Context(), l) },
			subject: "E-Mail-Adresse für Game & Co bestätigen",
			says:    []string{"ann@example.com", "Guten Tag"},
		},
		"choosing a password": {
			send:    func(w *letter.Writer, l account.Letter) error { return w.SendPasswordReset(t.Context(), l) },
			subject: "Neues Passwort für Game & Co wählen",
			says:    []string{"Ihr Benutzername ist ann."},
		},
		"a name that is the address": {
			send:    func(w *letter.Writer, l account.Letter) error { return w.SendPasswordReset(t.Context(), l) },
			letter:  func(l *account.Letter) { l.Username, l.Locale = l.To, "" },
			subject: "Choisissez un nouveau mot de passe pour Game & Co",
			hides:   []string{"nom d’utilisateur"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var sent box
			l := ann
			if tt.letter != nil {
				tt.letter(&l)
			}
			if err := tt.send(&letter.Writer{Queue: &sent, Locale: "fr"}, l); err != nil {
				t.Fatal(err)
			}
			m := sent[0]
			if m.To != "ann@example.com" || m.Subject != tt.subject {
				t.Errorf("to %q, subject %q, want %q", m.To, m.Subject, tt.subject)
			}
			if !strings.Contains(m.Text, "\n"+link+"\n") || !strings.Contains(m.HTML, `href="https://example.com/parse/apps/game/verify_email?token=abc&amp;x=1"`) {
				t.Errorf("no link in\n%s\n%s", m.Text, m.HTML)
			}
			for _, words := range tt.says {
				if !strings.Contains(m.Text, words) || !strings.Contains(m.HTML, words) {
					t.Errorf("nothing of %q in\n%s\n%s", words, m.Text, m.HTML)
				}
			}
			for _, words := range tt.hides {
				if strings.Contains(m.Text, words) {
					t.Errorf("%q in\n%s", words, m.Text)
				}
			}
		})
	}
}

func TestAdvisory_G15_MailsShowNamesAsText(t *testing.T) {
	var sent box
	w := &letter.Writer{Queue: &sent}
	evil := account.Letter{AppName: "Game\r\nBcc: eve@example.com", To: "ann@example.com",
		Username: `<img src=x onerror=alert(1)>`, Link: "javascript:alert(1)"}
	if err := w.SendPasswordReset(t.Context(), evil); err != nil {
		t.Fatal(err)
	}
	m := sent[0]
	if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, `href="javascript:`) {
		t.Errorf("markup came through:\n%s", m.HTML)
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		t.Errorf("the subject is %q", m.Subject)
	}
}
