// Package letter writes the mails of an app's accounts, in their readers'
// language, and puts them into the queue.
package letter

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"strings"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/mail"
	"github.com/loam-baas/loam/internal/wording"
)

// Queue takes messages that are to be sent.
type Queue interface {
	Enqueue(ctx context.Context, m *mail.Message) error
}

// Writer writes mails. It is an account.Mailer.
type Writer struct {
	Queue Queue
	// Locale is the language of readers who have not chosen one that there is.
	Locale string
}

var _ account.Mailer = (*Writer)(nil)

//go:embed letter.html
var layout string

// page is the letter's HTML form. It has nothing that a mail program would fetch.
var page = template.Must(template.New("letter").Parse(layout))

// content is what a letter says.
type content struct {
	Language, Subject string
	Paragraphs        []string
	Button, Link      string
	LinkText, Ignore  string
}

// SendVerification asks a user to confirm an address.
func (w *Writer) SendVerification(ctx context.Context, l account.Letter) error {
	t := wording.For(l.Locale, w.Locale)
	return w.send(ctx, l, content{
		Language: t.Language,
		Subject:  t.Line("verify.subject", "app", l.AppName),
		Paragraphs: []string{t.Line("hello"),
			t.Line("verify.ask", "address", l.To, "app", l.AppName)},
		Button: t.Line("verify.button"), LinkText: t.Line("link"),
		Ignore: t.Line("verify.ignore", "app", l.AppName),
	})
}

// SendPasswordReset lets a user choose another password.
func (w *Writer) SendPasswordReset(ctx context.Context, l account.Letter) error {
	t := wording.For(l.Locale, w.Locale)
	paragraphs := []string{t.Line("hello"), t.Line("reset.ask", "app", l.AppName)}
	if l.Username != "" && l.Username != l.To {
		paragraphs = append(paragraphs, t.Line("reset.name", "name", l.Username))
	}
	return w.send(ctx, l, content{
		Language: t.Language, Subject: t.Line("reset.subject", "app", l.AppName), Paragraphs: paragraphs,
		Button: t.Line("reset.button"), LinkText: t.Line("link"), Ignore: t.Line("reset.ignore"),
	})
}

func (w *Writer) send(ctx context.Context, l account.Letter, c content) error {
	c.Link = l.Link
	var html bytes.Buffer
	if err := page.Execute(&html, c); err != nil {
		return err
	}
	text := strings.Join(append(c.Paragraphs, c.Button+":\n"+c.Link, c.Ignore), "\n\n") + "\n"
	return w.Queue.Enqueue(ctx, &mail.Message{
		To: l.To, Subject: oneLine(c.Subject), Text: text, HTML: html.String(),
		// Nobody's absence note is to answer it (RFC 3834).
		Headers: []mail.Header{{Name: "Auto-Submitted", Value: "auto-generated"}},
	})
}

// oneLine is a text on one line: an app's name is the operator's, and may have
// been given with a line's end.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
