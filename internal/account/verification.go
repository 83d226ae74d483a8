package account

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// The stored fields of a user whose address is to be confirmed.
const (
	verifyToken   = "_email_verify_token"
	verifyExpires = "_email_verify_token_expires_at"
	emailVerified = "emailVerified"
)

var (
	// errUnverified is answered who must confirm an address before logging in.
	errUnverified = parse.NewError(parse.EmailNotFound, "User email is not verified.")
	// errVerification says that a link confirms nothing, whatever the reason.
	errVerification = parse.NewError(parse.ObjectNotFound, "The link is not valid.")
)

// prepareVerification asks a user who gets an address to confirm it, unless an
// identity provider vouches for the user.
func (s *Service) prepareVerification(d *engine.Draft, did *change) {
	address, _ := text(d.Body, "email")
	if !s.Mail.VerifyUserEmails || address == "" || did.proofs.vouched() {
		return
	}
	did.verify = mailToken()
	d.Body.Set(emailVerified, parse.Bool(false))
	d.Stored = append(d.Stored, bson.E{Key: verifyToken, Value: did.verify})
	if s.Mail.EmailVerifyTokenValidity > 0 {
		expires := s.Now().Add(s.Mail.EmailVerifyTokenValidity)
		d.Stored = append(d.Stored, bson.E{Key: verifyExpires, Value: bson.NewDateTimeFromTime(expires)})
	}
}

// vouched tells whether one of the proofs is of an identity, and not of being
// nobody.
func (list proofs) vouched() bool {
	return slices.ContainsFunc(list, func(p proof) bool { return p.name != "anonymous" })
}

// barred tells whether a user may not log in before the address is confirmed.
func (s *Service) barred() bool {
	return s.Mail.VerifyUserEmails && s.Mail.PreventLoginWithUnverifiedEmail
}

// verified tells whether a user's address is confirmed.
func verified(user bson.Raw) bool {
	v, _ := user.Lookup(emailVerified).BooleanOK()
	return v
}

// sendVerification mails a link to confirm an address. That it can't be mailed is
// no reason to undo what asked for it.
func (s *Service) sendVerification(ctx context.Context, user bson.Raw, token string) {
	if !s.Mail.SendUserEmailVerification || s.requireMail() != nil {
		return
	}
	if err := s.Mail.Mailer.SendVerification(ctx, s.letter(user, "verify_email", token)); err != nil {
		s.Logger.WarnContext(ctx, "a mail to confirm an address was not sent", "user", idOf(user), "error", err)
	}
}

// RequestVerification mails a link to confirm an address once more; see API.
func (s *Service) RequestVerification(ctx context.Context, body *parse.Object) error {
	if err := s.requireMail(); err != nil {
		return err
	}
	address, err := addressOf(body)
	if err != nil {
		return err
	}
	hidden := s.Mail.EmailVerifySuccessOnInvalidEmail
	return s.discreetly(ctx, hidden, func() error {
		user, err := s.row(ctx, userClass, bson.D{{Key: "email", Value: address}})
		switch {
		case err != nil:
			return err
		case hidden && (user == nil || verified(user)):
			return nil
		case user == nil:
			return parse.NewError(parse.EmailNotFound, "No user found with email "+address)
		case verified(user):
			return parse.NewError(parse.OtherCause, "Email "+address+" is already verified.")
		}
		return s.askAgain(ctx, user)
	})
}

// ResendVerification does so for who gives a name or an address, or the link's
// token; see Links.
func (s *Service) ResendVerification(ctx context.Context, username, token string) error {
	var filter bson.D
	if username != "" {
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: "username", Value: username}}, bson.D{{Key: "email", Value: username}}}})
	}
	if token != "" {
		filter = append(filter, bson.E{Key: verifyToken, Value: token})
	}
	if filter == nil {
		return errVerification
	}
	hidden := s.Mail.EmailVerifySuccessOnInvalidEmail
	return s.discreetly(ctx, hidden, func() error {
		user, err := s.row(ctx, userClass, filter)
		switch {
		case err != nil:
			return err
		case user != nil && !verified(user):
			return s.askAgain(ctx, user)
		case hidden:
			return nil
		}
		return errVerification
	})
}

// askAgain mails a user the link that is still good, or a new one.
func (s *Service) askAgain(ctx context.Context, user bson.Raw) error {
	if !s.Mail.VerifyUserEmails {
		return nil
	}
	if s.Mail.EmailVerifyTokenReuseIfValid && s.good(user, verifyToken, verifyExpires) {
		s.sendVerification(ctx, user, stringOf(user, verifyToken))
		return nil
	}
	token, change := s.tokenChange(verifyToken, verifyExpires, s.Mail.EmailVerifyTokenValidity)
	// Who has confirmed the address meanwhile, or taken another, is not asked.
	changed, err := s.Engine.Store.FindAndUpdate(ctx, userClass, store.Update{
		Filter: bson.D{{Key: "_id", Value: idOf(user)}, {Key: "email", Value: user.Lookup("email")},
			{Key: emailVerified, Value: bson.D{{Key: "$ne", Value: true}}}},
		Change: change,
	}, store.After)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.sendVerification(ctx, changed, token)
	return nil
}

// VerifyEmail confirms the address of the user whom the link's token was mailed
// to; see Links.
func (s *Service) VerifyEmail(ctx context.Context, token string) error {
	if !s.Mail.VerifyUserEmails || token == "" {
		return errVerification
	}
	condition := bson.D{{Key: verifyToken, Value: token}}
	if s.Mail.EmailVerifyTokenValidity > 0 {
		condition = append(condition,
			bson.E{Key: emailVerified, Value: false},
			bson.E{Key: verifyExpires, Value: bson.D{{Key: "$gt", Value: bson.NewDateTimeFromTime(s.Now())}}})
	}
	body := &parse.Object{Members: []parse.Member{{Key: emailVerified, Value: parse.Bool(true)}}}
	return s.redeem(ctx, secret{
		condition: condition, unset: []string{verifyToken, verifyExpires}, unmet: errVerification,
	}, body)
}
