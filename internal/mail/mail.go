// Package mail sends mail. A Sender is the port, with drivers for SMTP, for an
// HTTP hook and for a development inbox; a Queue keeps messages in the store
// until one of them has taken them.
//
// A Message is made of what users typed: its address, and what templates put
// into its subject and its text. Check refuses what would become something else
// on the wire, and every driver calls it.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
)

// Bounds of a message, in bytes.
const (
	maxAddress = 320
	maxSubject = 998
	maxBody    = 1 << 20
	maxHeaders = 32
)

// Message is one mail to one address. Its tags are the form in which a Queue
// keeps it.
type Message struct {
	// ID names the message, and stays the same when it is sent again: receivers
	// tell repetitions by it. It is of letters, digits, "-" and "_".
	ID string `bson:"id"`
	// From and ReplyTo are addresses, with a name before them or without one:
	// "Game <noreply@example.com>". ReplyTo may be empty.
	From    string `bson:"from"`
	ReplyTo string `bson:"replyTo"`
	// To is an address without a name.
	To      string `bson:"to"`
	Subject string `bson:"subject"`
	// Text and HTML are the same content in two forms; one of them may be empty.
	Text string `bson:"text"`
	HTML string `bson:"html"`
	// Headers are further ones, such as Auto-Submitted.
	Headers []Header `bson:"headers"`
}

// Header is a line of a message's header.
type Header struct {
	Name  string `bson:"name"`
	Value string `bson:"value"`
}

// Sender hands messages to whoever delivers them. Send returns nil when the
// message has been taken over, and an error for which Permanent is true when
// sending it again would be of no use. It may be called at once by many.
type Sender interface {
	Send(ctx context.Context, m *Message) error
}

// permanentError is a failure that trying again does not mend.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// AsPermanent says of an error that trying again does not mend it.
func AsPermanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// Permanent tells whether sending the message again would be of no use.
func Permanent(err error) bool {
	_, ok := errors.AsType[permanentError](err)
	return ok
}

// Check refuses messages that can't be sent as they are. What could begin a line
// of the header of its own, or name a second receiver, is refused rather than
// mended (header injection). Its errors are permanent and quote no content.
func (m *Message) Check() error {
	if _, err := ParseAddress(m.From); err != nil {
		return AsPermanent(fmt.Errorf("mail: the sender %w", err))
	}
	if m.ReplyTo != "" {
		if _, err := ParseAddress(m.ReplyTo); err != nil {
			return AsPermanent(fmt.Errorf("mail: the address for replies %w", err))
		}
	}
	to, err := ParseAddress(m.To)
	if err == nil && (to.Name != "" || to.Address != m.To) {
		err = errors.New("must be an address and nothing else")
	}
	if err != nil {
		return AsPermanent(fmt.Errorf("mail: the receiver %w", err))
	}
	return AsPermanent(m.checkContent())
}

func (m *Message) checkContent() error {
	switch {
	case m.ID == "" || strings.Trim(m.ID, idCharacters) != "":
		return errors.New("mail: a message must have an id of letters, digits, - and _")
	case len(m.Subject) > maxSubject || hasControl(m.Subject):
		return fmt.Errorf("mail: the subject must be one line of %d bytes at most", maxSubject)
	case m.Text == "" && m.HTML == "":
		return errors.New("mail: a message must have a text")
	case len(m.Text)+len(m.HTML) > maxBody:
		return fmt.Errorf("mail: a message must have %d bytes at most", maxBody)
	case len(m.Headers) > maxHeaders:
		return fmt.Errorf("mail: a message must have %d headers at most", maxHeaders)
	}
	for _, h := range m.Headers {
		if strings.Trim(h.Name, headerCharacters) != "" || h.Name == "" || reserved(h.Name) {
			return errors.New("mail: the header has a name that can't be set")
		}
		if len(h.Value) > maxSubject || hasControl(h.Value) {
			return fmt.Errorf("mail: the header %s must be one line of %d bytes at most", h.Name, maxSubject)
		}
	}
	return nil
}

const (
	headerCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	idCharacters     = headerCharacters + "_"
)

// structural are the headers that the message's other fields and the transport set.
var structural = []string{"from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id",
	"mime-version", "received", "return-path", "dkim-signature"}

func reserved(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(structural, name) || strings.HasPrefix(name, "content-") || strings.HasPrefix(name, "resent-")
}

// hasControl tells whether a text has a character that ends or hides a line.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r == '\u2028' || r == '\u2029' })
}

// ParseAddress reads one address, with a name before it or without one. Its
// errors continue a sentence that begins with whose address it is.
func ParseAddress(s string) (*mail.Address, error) {
	if len(s) > maxAddress || hasControl(s) {
		return nil, fmt.Errorf("must be one line of %d bytes at most", maxAddress)
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, errors.New("must be an address such as app@example.com")
	}
	if hasControl(a.Address) || hasControl(a.Name) {
		return nil, errors.New("must not have control characters")
	}
	return a, nil
}
