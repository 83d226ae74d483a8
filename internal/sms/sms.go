// Package sms sends text messages to phones. It is a port, with a driver for each
// kind of gateway: HTTP as Twilio speaks it, Amazon SNS, and a webhook.
package sms

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"
)

// Message is a text for a phone.
type Message struct {
	// To is a number in E.164: "+" and digits.
	To string
	// Text is what is sent. It may hold a one-time password: no driver logs it.
	Text string
}

// Sender sends messages. Send returns when the gateway has taken the message,
// which does not mean that a phone has got it. It may be called at once by many.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// ErrNumber says that a number is none that messages can be sent to.
var ErrNumber = errors.New("not a phone number in E.164")

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)

// IsNumber tells whether a number is written as E.164 wants it.
func IsNumber(number string) bool { return e164.MatchString(number) }

// sendTime bounds one sending.
const sendTime = 10 * time.Second

// answerSize bounds what is read of a gateway's answer, in bytes.
const answerSize = 64 << 10

// client is a client with the bounds of all drivers. A redirect would take the
// message, and what authenticates it, elsewhere.
func client(c *http.Client) *http.Client {
	own := http.Client{}
	if c != nil {
		own = *c
	}
	if own.Timeout == 0 || own.Timeout > sendTime {
		own.Timeout = sendTime
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}
