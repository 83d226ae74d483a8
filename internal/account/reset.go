package account

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// The stored fields of a user who may choose another password by a link.
const (
	resetToken   = "_perishable_token"
	resetExpires = "_perishable_token_expires_at"
)

var (
	errResetToken   = parse.NewError(parse.OtherCause, "Failed to reset password: username / email / token is invalid")
	errResetExpired = parse.NewError(parse.OtherCause, "The password reset link has expired")
)

// RequestPasswordReset mails a link to choose another password; see API.
func (s *Service) RequestPasswordReset(ctx context.Context, body *parse.Object) error {
	if err := s.requireMail(); err != nil {
		return err
	}
	var address string
	var err error
	if token, _ := body.Get("token"); !falsy(token) {
		text, ok := token.(parse.String)
		if !ok {
			return parse.NewError(parse.InvalidValue, "token must be a string")
		}
		if address, err = s.addressOfExpired(ctx, string(text)); err != nil {
			return err
		}
		if address == "" {
			// Beside a token that names nobody, an address may be left out.
			if v, _ := body.Get("email"); falsy(v) {
				return errNoAddress
			}
		}
	}
	if address == "" {
		if address, err = addressOf(body); err != nil {
			return err
		}
	}
	hidden := s.Mail.ResetPasswordSuccessOnInvalidEmail
	return s.discreetly(ctx, hidden, func() error {
		err := s.mailReset(ctx, address)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if hidden {
			return nil
		}
		return parse.NewError(parse.ObjectNotFound, "A user with that email does not exist.")
	})
}

// addressOfExpired is the address of the user whose link is too old, or "".
func (s *Service) addressOfExpired(ctx context.Context, token string) (string, error) {
	user, err := s.row(ctx, userClass, bson.D{{Key: resetToken, Value: token},
		{Key: resetExpires, Value: bson.D{{Key: "$lt", Value: bson.NewDateTimeFromTime(s.Now())}}}})
	return stringOf(user, "email"), err
}

// mailReset mails the user with an address the link that is still good, or a new
// one. A name that is an address serves who has no other.
func (s *Service) mailReset(ctx context.Context, address string) error {
	filter := bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "email", Value: address}},
		bson.D{{Key: "username", Value: address}, {Key: "email", Value: bson.D{{Key: "$exists", Value: false}}}},
	}}}
	if s.Mail.ResetTokenReuseIfValid {
		user, err := s.row(ctx, userClass, filter)
		if err != nil {
			return err
		}
		if s.good(user, resetToken, resetExpires) {
			s.sendReset(ctx, user, stringOf(user, resetToken))
			return nil
		}
	}
	token, change := s.tokenChange(resetToken, resetExpires, s.Mail.ResetTokenValidity)
	user, err := s.Engine.Store.FindAndUpdate(ctx, userClass, store.Update{Filter: filter, Change: change}, store.After)
	if err != nil {
		return err
	}
	s.sendReset(ctx, user, token)
	return nil
}

func (s *Service) sendReset(ctx context.Context, user bson.Raw, token string) {
	if err := s.Mail.Mailer.SendPasswordReset(ctx, s.letter(user, "request_password_reset", token)); err != nil {
		s.Logger.WarnContext(ctx, "a mail to choose a password was not sent", "user", idOf(user), "error", err)
	}
}

// CheckResetToken tells whether a link to choose a password is good; see Links.
func (s *Service) CheckResetToken(ctx context.Context, token string) error {
	if token == "" {
		return errResetToken
	}
	user, err := s.row(ctx, userClass, bson.D{{Key: resetToken, Value: token}})
	switch {
	case err != nil:
		return err
	case user == nil:
		return errResetToken
	case s.Mail.ResetTokenValidity > 0 && !s.good(user, resetToken, resetExpires):
		return errResetExpired
	}
	return nil
}

// ResetPassword gives the user whom the link's token was mailed to another
// password; see Links.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	if err := s.CheckResetToken(ctx, token); err != nil {
		return err
	}
	condition := bson.D{{Key: resetToken, Value: token}}
	if s.Mail.ResetTokenValidity > 0 {
		condition = append(condition, bson.E{Key: resetExpires, Value: bson.D{{Key: "$gt", Value: bson.NewDateTimeFromTime(s.Now())}}})
	}
	used := secret{condition: condition, unmet: errResetToken} // a new password unsets the token
	if s.Mail.UnlockOnPasswordReset {
		used.stored = bson.D{{Key: "_failed_login_count", Value: int32(0)}}
		used.unset = []string{"_account_lockout_expires_at"}
	}
	body := &parse.Object{Members: []parse.Member{{Key: "password", Value: parse.String(password)}}}
	return s.redeem(ctx, used, body)
}

// secret is what a change of a user uses up: the change happens only while the
// row satisfies the condition, and makes that it does so no longer. However many
// bring the same secret, it serves one (advisory C13, root cause R6).
type secret struct {
	user      string // whose it is; redeem finds out
	condition bson.D
	stored    bson.D
	unset     []string
	unmet     error
}

type secretKey struct{}

// redeem changes the user whose row has a secret. The change goes through the
// gate as every other one, whose rules put the secret into it (see useSecret).
func (s *Service) redeem(ctx context.Context, used secret, body *parse.Object) error {
	user, err := s.row(ctx, userClass, used.condition)
	if err != nil {
		return err
	}
	if user == nil {
		return used.unmet
	}
	used.user = idOf(user)
	ctx = context.WithValue(ctx, secretKey{}, &used)
	_, err = s.Engine.Update(ctx, engine.Caller{Scope: engine.ScopeMaster}, userClass, used.user, body)
	return err
}

// useSecret makes a change of a user the one that a secret allows.
func useSecret(ctx context.Context, d *engine.Draft) {
	used, ok := ctx.Value(secretKey{}).(*secret)
	if !ok || d.ID != used.user {
		return
	}
	d.Condition = append(d.Condition, used.condition...)
	d.Stored = append(d.Stored, used.stored...)
	d.Unset = append(d.Unset, used.unset...)
	d.Unmet = used.unmet
}
