package provider

import (
	"context"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/sms"
)

// tokenPlace is where the token goes in the text of a message.
const tokenPlace = "{{token}}"

// message is a sender with the text that it sends.
type message struct {
	sms.Sender
	text string
}

// newSender reads the option sms: what messages are sent by.
//
//	driver  "twilio": accountSid, authToken, from; url, of a compatible gateway
//	        "sns": region, accessKeyId, secretAccessKey; senderId, url
//	        "webhook": url, secret
//	text    what is sent, with {{token}} where the token goes
func newSender(o *Options, env Env) sms.Sender {
	if o.Has("sendSMS") {
		o.Problem("sendSMS", "is a JavaScript function, which Loam can't call; the option sms names a gateway")
	}
	o.Require("sms")
	s := o.Group("sms")
	m := message{text: "Your code is " + tokenPlace}
	if text := s.Text("text"); text != "" {
		m.text = text
	}
	if !strings.Contains(m.text, tokenPlace) {
		s.Problem("text", "must hold %s, where the token goes", tokenPlace)
	}
	switch driver := s.RequiredText("driver"); driver {
	case "twilio":
		m.Sender = &sms.Twilio{
			HTTP: env.HTTP, URL: s.URL("url", ""), AccountSID: s.RequiredText("accountSid"),
			AuthToken: s.RequiredText("authToken"), From: s.RequiredText("from"),
		}
	case "sns":
		m.Sender = sms.NewSNS(sms.SNSOptions{
			HTTP: env.HTTP, Region: s.RequiredText("region"), Endpoint: s.URL("url", ""), SenderID: s.Text("senderId"),
			AccessKeyID: s.RequiredText("accessKeyId"), SecretAccessKey: s.RequiredText("secretAccessKey"),
		})
	case "webhook":
		s.Require("url")
		m.Sender = &sms.Webhook{HTTP: env.HTTP, URL: s.URL("url", ""), Key: hookKey(s), Now: env.Now}
	case "":
		return m
	default:
		s.Problem("driver", "must be twilio, sns or webhook, not %q", driver)
		return m
	}
	s.unknown()
	return m
}

// Send sends the token of a message in its text.
func (m message) Send(ctx context.Context, token sms.Message) error {
	token.Text = strings.ReplaceAll(m.text, tokenPlace, token.Text)
	return m.Sender.Send(ctx, token)
}

// send sends a new token to a number, and returns it and when it ends. It counts
// on whose account it is who asks.
func (p *mfa) send(ctx context.Context, account, mobile string) (token parse.String, expiry parse.Date, err error) {
	if taken, _ := p.sendings.take(account); !taken {
		return "", 0, mfaError("Too many MFA tokens were sent; try again later")
	}
	token = parse.String(random(p.totp.digits, "0123456789"))
	if err := p.sender.Send(ctx, sms.Message{To: mobile, Text: string(token)}); err != nil {
		p.log.WarnContext(ctx, "A one-time password was not sent.", "error", err)
		return "", 0, mfaError("Failed to send MFA token").WithCause(err)
	}
	return token, parse.DateOf(p.now().Add(p.validity)), nil
}

// beginMobile sends a token to a number that is to be set up. It is pending until
// the token comes back, and no other is.
func (p *mfa) beginMobile(ctx context.Context, c Check) (Answer, error) {
	mobile := text(c.Data, "mobile")
	if !sms.IsNumber(mobile) {
		return Answer{}, mfaData()
	}
	// Anybody can set up any number, so it is the number's owner who is spared.
	token, expiry, err := p.send(ctx, mobile, mobile)
	if err != nil {
		return Answer{}, err
	}
	pending := &parse.Object{Members: []parse.Member{{Key: mobile, Value: &parse.Object{Members: []parse.Member{{Key: "token", Value: token}, {Key: "expiry", Value: expiry}}}}}}
	return Answer{Save: &parse.Object{Members: []parse.Member{{Key: "pending", Value: pending}}}}, nil
}

// finishMobile sets a number up whose token the user has got.
func (p *mfa) finishMobile(c Check) (Answer, error) {
	mobile := text(c.Data, "mobile")
	v, _ := c.Stored.Get("pending")
	pending, _ := v.(*parse.Object)
	v, _ = pending.Get(mobile)
	sent, _ := v.(*parse.Object)
	if mobile == "" || sent == nil {
		return Answer{}, mfaError("This number is not pending")
	}
	taken, back := p.guesses.take(c.UserID)
	if !taken {
		return Answer{}, mfaError("Too many wrong MFA tokens; try again later")
	}
	if !p.sent(sent, text(c.Data, "token")) {
		return Answer{}, mfaToken()
	}
	back()
	return Answer{Save: with(nil, parse.Member{Key: "mobile", Value: parse.String(mobile)}, parse.Member{Key: "pending", Value: &parse.Object{}})}, nil
}

// request sends a token to the user's number, and asks for it. The token is stored
// though the log-in is refused.
func (p *mfa) request(ctx context.Context, c Check) (Answer, error) {
	token, expiry, err := p.send(ctx, c.UserID, text(c.Stored, "mobile"))
	if err != nil {
		return Answer{}, err
	}
	save := with(c.Stored, parse.Member{Key: "token", Value: token}, parse.Member{Key: "expiry", Value: expiry})
	return Answer{Save: save}, mfaError("Please enter the token")
}

// usedSMS is usedUp for tokens that were sent.
func (p *mfa) usedSMS(stored *parse.Object, token string) *parse.Object {
	if text(stored, "mobile") == "" || !p.sent(stored, token) {
		return nil
	}
	return with(stored, parse.Member{Key: "token"}, parse.Member{Key: "expiry"})
}

// sent tells whether a token is the one that was sent, and in time.
func (p *mfa) sent(stored *parse.Object, token string) bool {
	sent := text(stored, "token")
	return sent != "" && same(sent, token) && p.now().Before(expiry(stored))
}

// expiry is when a token ends: a date, or its text, as Parse Server stores it.
func expiry(stored *parse.Object) time.Time {
	switch v, _ := stored.Get("expiry"); v := v.(type) {
	case parse.Date:
		return v.Time()
	case parse.String:
		if t, err := time.Parse(time.RFC3339, string(v)); err == nil {
			return t
		}
	}
	return time.Time{}
}
