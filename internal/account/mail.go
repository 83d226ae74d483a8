package account

import (
	"context"
	"net/url"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// Mailer writes to users. A letter is on its way when a method returns nil, which
// it does without waiting for a mail server.
type Mailer interface {
	// SendVerification asks a user to confirm an address.
	SendVerification(ctx context.Context, l Letter) error
	// SendPasswordReset lets a user choose another password.
	SendPasswordReset(ctx context.Context, l Letter) error
}

// Letter is what a mail is made of.
type Letter struct {
	// AppName is who writes, To the address and Username the name of who is written
	// to, and Link what is to be clicked.
	AppName, To, Username, Link string
	// Locale is the language that the user has chosen (the field "locale"), or "".
	Locale string
}

// MailOptions say how the accounts of an app use mail. The fields carry the
// meaning of Parse Server's options of the same name.
type MailOptions struct {
	// Mailer is nil when no mail is configured: what needs it is refused.
	Mailer Mailer
	// AppName is in every mail; without one there are none.
	AppName string
	// PublicURL is that of the API, and PagePath the path of the app's pages below
	// it. FrameURL is a page that shows them in a frame, if there is one.
	PublicURL, PagePath, FrameURL string

	VerifyUserEmails, SendUserEmailVerification                       bool
	PreventLoginWithUnverifiedEmail, PreventSignupWithUnverifiedEmail bool
	EmailVerifyTokenValidity                                          time.Duration // 0 is for ever
	EmailVerifyTokenReuseIfValid                                      bool
	EmailVerifySuccessOnInvalidEmail                                  bool

	ResetTokenValidity                 time.Duration // 0 is for ever
	ResetTokenReuseIfValid             bool
	ResetPasswordSuccessOnInvalidEmail bool
	UnlockOnPasswordReset              bool

	// Discretion is how long requests about an address take at least, where their
	// answer must not tell whether it is a user's (advisories C01, C17, C18).
	Discretion time.Duration
}

// errNoMail is answered where there is no mail to ask for.
var errNoMail = parse.NewError(parse.InternalServerError,
	"An appName, publicServerURL, and emailAdapter are required for password reset and email verification functionality.")

// requireMail refuses what can't be done without mail.
func (s *Service) requireMail() error {
	if s.Mail.Mailer == nil || s.Mail.AppName == "" {
		return errNoMail
	}
	return nil
}

// addressOf is the address in a request for a mail. It must be text: it filters
// users (root cause R3).
func addressOf(body *parse.Object) (string, error) {
	v, _ := body.Get("email")
	if falsy(v) {
		return "", parse.NewError(parse.EmailMissing, "you must provide an email")
	}
	address, ok := v.(parse.String)
	if !ok {
		return "", errNoAddress
	}
	return string(address), nil
}

var errNoAddress = parse.NewError(parse.InvalidEmailAddress, "you must provide a valid email string")

// discreetly does something about an address and takes as long whether there is
// much to do or nothing.
func (s *Service) discreetly(ctx context.Context, hidden bool, do func() error) error {
	if !hidden || s.Mail.Discretion <= 0 {
		return do()
	}
	timer := time.NewTimer(s.Mail.Discretion)
	defer timer.Stop()
	err := do()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return err
}

// letter is a mail to a user with a link to a page.
func (s *Service) letter(user bson.Raw, page, token string) Letter {
	l := Letter{AppName: s.Mail.AppName, To: stringOf(user, "email"), Username: stringOf(user, "username"), Locale: stringOf(user, "locale")}
	if l.To == "" {
		l.To = l.Username // an address that serves as a name
	}
	query := "token=" + url.QueryEscape(token)
	if s.Mail.FrameURL != "" {
		l.Link = s.Mail.FrameURL + "?link=" + url.QueryEscape(s.Mail.PagePath+"/"+page) + "&" + query
	} else {
		l.Link = s.Mail.PublicURL + s.Mail.PagePath + "/" + page + "?" + query
	}
	return l
}

// mailToken returns a token for a link in a mail.
func mailToken() string { return parse.NewObjectID(mailTokenSize) }

const mailTokenSize = 25

// good tells whether a token that a row has can still be used.
func (s *Service) good(user bson.Raw, token, expires string) bool {
	at, ok := user.Lookup(expires).DateTimeOK()
	return ok && at > s.Now().UnixMilli() && stringOf(user, token) != ""
}

// tokenChange gives a row a new token that lasts for a time, 0 being for ever.
func (s *Service) tokenChange(token, expires string, validity time.Duration) (value string, change bson.D) {
	value = mailToken()
	set := bson.D{{Key: token, Value: value}}
	if validity > 0 {
		set = append(set, bson.E{Key: expires, Value: bson.NewDateTimeFromTime(s.Now().Add(validity))})
		return value, bson.D{{Key: "$set", Value: set}}
	}
	return value, bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: bson.D{{Key: expires, Value: ""}}}}
}

// stringOf is a field of a row, "" if it is no string.
func stringOf(row bson.Raw, field string) string {
	s, _ := row.Lookup(field).StringValueOK()
	return s
}
