// Package account is what a Parse app has of identity: users sign up and log in,
// have passwords, sessions and proofs of identity providers.
//
// Users and sessions are objects, and what is done to them goes through the gate
// (package engine), which asks a Service for the rules of _User
// and _Session. What is no
// operation on an object, as to log in, a door asks the Service itself (API).
package account

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// API is the accounts of an app as the doors see them. The bodies are those of
// Parse's REST API; a door passes them on as they came.
type API interface {
	// LogIn opens a session for the user whose name or address and password the
	// body has, and answers the user with the session's token.
	LogIn(ctx context.Context, c engine.Caller, body *parse.Object) (*engine.Result, error)
	// LogInAs opens a session for any user; it needs the master key.
	LogInAs(ctx context.Context, c engine.Caller, body *parse.Object) (*engine.Result, error)
	// VerifyPassword answers as LogIn does, without a session.
	VerifyPassword(ctx context.Context, c engine.Caller, body *parse.Object) (*engine.Result, error)
	// LogOut ends the session of the token. One that is not there is no error.
	LogOut(ctx context.Context, c engine.Caller, token string) error
	// Me answers the user of the session of the token.
	Me(ctx context.Context, c engine.Caller, token string) (*engine.Result, error)
	// Session answers the session of the token.
	Session(ctx context.Context, c engine.Caller, token string) (*engine.Result, error)
	// Challenge asks identity providers for what a client needs to give its proof.
	Challenge(ctx context.Context, c engine.Caller, body *parse.Object) (*parse.Object, error)
	// UpgradeSession opens a revocable session in place of the caller's and
	// answers it.
	UpgradeSession(ctx context.Context, c engine.Caller) (*engine.Result, error)
	// RequestPasswordReset mails a link to choose another password to who has the
	// address that the body has, and RequestVerification one to confirm it.
	RequestPasswordReset(ctx context.Context, body *parse.Object) error
	RequestVerification(ctx context.Context, body *parse.Object) error
}

// Links is what the pages ask that the links in mails lead to. A link is known by
// its token; what is wrong with it is a *parse.Error.
type Links interface {
	// VerifyEmail confirms an address. A token serves once.
	VerifyEmail(ctx context.Context, token string) error
	// ResendVerification mails the link to confirm an address again to the user of
	// that name or address, or of that token.
	ResendVerification(ctx context.Context, username, token string) error
	// CheckResetToken tells whether a link to choose a password is good.
	CheckResetToken(ctx context.Context, token string) error
	// ResetPassword gives the link's user another password. A token serves once.
	ResetPassword(ctx context.Context, token, password string) error
}

// Options configure a Service. The fields carry the meaning of Parse Server's
// options of the same name.
type Options struct {
	Engine *engine.Engine
	Logger *slog.Logger

	// EnforcePrivateUsers makes new users readable by themselves only.
	EnforcePrivateUsers bool
	// ConvertUsernameToLowercase and ConvertEmailToLowercase say how both are stored.
	ConvertUsernameToLowercase, ConvertEmailToLowercase bool
	// SessionLength is how long a session lasts, if ExpireInactiveSessions.
	SessionLength          time.Duration
	ExpireInactiveSessions bool
	// Providers are the identity providers of the app, by their names in authData.
	Providers map[string]provider.Provider
	// RevokeSessionOnPasswordReset ends all of a user's sessions with a new password.
	RevokeSessionOnPasswordReset bool
	// Password is what passwords must be like, Lockout what failed log-ins lead to.
	Password PasswordPolicy
	Lockout  Lockout
	// PasswordCost is the bcrypt cost of new hashes; 0 means 10, as in Parse Server.
	PasswordCost int
	// Mail says what users are written.
	Mail MailOptions
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service is the accounts of one app. It is safe for concurrent use.
type Service struct {
	Options
	passwords *hasher
	pattern   pattern // of passwords
}

// New returns the accounts of the app behind the engine, whose users follow
// their rules from now on. It refuses options that can't be.
func New(o Options) (*Service, error) {
	pattern, err := compilePattern(o.Password.Pattern)
	if err != nil {
		return nil, err
	}
	if (o.Lockout.Duration == 0) != (o.Lockout.Threshold == 0) {
		return nil, errors.New("accountLockout needs both duration and threshold")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.PasswordCost == 0 {
		o.PasswordCost = defaultCost
	}
	s := &Service{Options: o, passwords: newHasher(o.PasswordCost), pattern: pattern}
	o.Engine.SetRules(userClass, s)
	o.Engine.SetRules(sessionClass, sessionRules{s})
	return s, nil
}

const userClass = "_User"

var (
	_ API          = (*Service)(nil)
	_ Links        = (*Service)(nil)
	_ engine.Rules = (*Service)(nil)
	_ engine.Rules = sessionRules{}
)
