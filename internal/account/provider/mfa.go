package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"log/slog"
	"math/big"
	"slices"
	"time"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/sms"
)

// mfa is the provider "mfa", a second factor beside a password or another
// provider: one-time passwords that an app on the user's phone makes (TOTP), or
// that are sent to it (SMS).
//
//	options   options: ["TOTP", "SMS"]; digits (6), period (30 s), algorithm ("SHA1");
//	          sms {driver, …}, smsValidity (period)
//	authData  to set up {secret, token}, or {mobile} and then {mobile, token}; to
//	          log in {token}, where "request" asks for one by SMS and a recovery
//	          code may stand for one; to change {secret, token, old}
//	stored    {secret, recovery: [code, …], step}, or {mobile, pending: {mobile:
//	          {token, expiry}}, token, expiry}, as Parse Server has it but for step
//
// A proof is used up by what is stored for it, which the caller writes only if
// nobody else has in the meantime: so it is good once, however many bring it
// (advisories C09 to C12).
type mfa struct {
	totp    totp
	withSMS bool
	// withTOTP and withSMS are the kinds that users may set up.
	withTOTP bool
	sender   sms.Sender
	validity time.Duration // of what is sent
	now      func() time.Time
	guesses  *allowance
	sendings *allowance
	log      *slog.Logger
}

const (
	// mfaGuesses are the wrong tokens that a user may send in mfaWindow, and
	// mfaSendings the messages that a user may ask for.
	mfaGuesses, mfaSendings = 5, 3
	mfaWindow               = 10 * time.Minute
)

func newMFA(_ string, o *Options, env Env) Provider {
	p := &mfa{
		now: env.Now, log: env.Logger,
		guesses: newAllowance(env.Now, mfaGuesses, mfaWindow), sendings: newAllowance(env.Now, mfaSendings, mfaWindow),
	}
	kinds := o.RequiredTexts("options")
	p.withTOTP, p.withSMS = slices.Contains(kinds, "TOTP"), slices.Contains(kinds, "SMS")
	if kinds != nil && !p.withTOTP && !p.withSMS {
		o.Problem("options", "must include SMS or TOTP")
	}
	p.totp = totp{
		digits: int(o.Int("digits", 6, 4, 10)), period: time.Duration(o.Int("period", 30, 11, 3600)) * time.Second,
		hash: totpHash(o),
	}
	p.validity = time.Duration(o.Int("smsValidity", int64(p.totp.period/time.Second), 11, 3600)) * time.Second
	if p.withSMS {
		p.sender = newSender(o, env)
	}
	return p
}

func (p *mfa) Policy() Policy { return Additional }

// Exchange has nothing to exchange: who somebody is, other proofs tell.
func (p *mfa) Exchange(_ context.Context, data *parse.Object) (*parse.Object, error) {
	return data, nil
}

func (p *mfa) Challenge(context.Context, Challenge) (*parse.Object, error) {
	return nil, ErrNoChallenge
}

// Show tells whether the second factor is asked for, and nothing of it (advisory A11).
func (p *mfa) Show(data *parse.Object) *parse.Object {
	status := "disabled"
	if enabled(data) {
		status = "enabled"
	}
	return &parse.Object{Members: []parse.Member{{Key: "status", Value: parse.String(status)}}}
}

// enabled tells whether stored data has a second factor, and not just one that
// has been begun.
func enabled(stored *parse.Object) bool {
	return text(stored, "secret") != "" || text(stored, "mobile") != ""
}

func (p *mfa) SetUp(ctx context.Context, c Check) (Answer, error) {
	if _, mobile := c.Data.Get("mobile"); mobile && p.withSMS {
		return p.beginMobile(ctx, c)
	}
	if p.withTOTP {
		return p.setUpTOTP(c)
	}
	return Answer{}, mfaData()
}

func (p *mfa) LogIn(ctx context.Context, c Check) (Answer, error) {
	if !enabled(c.Stored) {
		return Answer{Keep: true}, nil // nothing is asked for
	}
	return p.logIn(ctx, c, text(c.Data, "token"))
}

// logIn checks a token of any kind that the user has.
func (p *mfa) logIn(ctx context.Context, c Check, token string) (Answer, error) {
	if token == "request" && text(c.Stored, "mobile") != "" && p.withSMS {
		return p.request(ctx, c)
	}
	taken, back := p.guesses.take(c.UserID)
	if !taken {
		return Answer{}, mfaError("Too many wrong MFA tokens; try again later")
	}
	var save *parse.Object
	if token != "" {
		save = p.usedUp(c.Stored, token)
	}
	if save == nil && text(c.Stored, "mobile") != "" {
		return Answer{}, mfaError("Invalid MFA token 1")
	}
	if save == nil {
		return Answer{}, mfaToken()
	}
	back()
	return Answer{Save: save}, nil
}

// usedUp returns what is to be stored when a token has been used; nil when it is
// none of the user's.
func (p *mfa) usedUp(stored *parse.Object, token string) *parse.Object {
	if save := p.usedSMS(stored, token); save != nil {
		return save
	}
	if save := p.usedTOTP(stored, token); save != nil {
		return save
	}
	return usedRecovery(stored, token)
}

// Update changes the second factor of who has one: that needs a token of the
// present one, as old. Who has just begun with one begins anew, or finishes.
func (p *mfa) Update(ctx context.Context, c Check) (Answer, error) {
	if c.Master {
		return Answer{}, nil
	}
	if _, mobile := c.Data.Get("mobile"); mobile && p.withSMS {
		if text(c.Data, "token") != "" {
			return p.finishMobile(c)
		}
		if enabled(c.Stored) {
			return Answer{}, mfaError("MFA is already set up on this account")
		}
		return p.beginMobile(ctx, c)
	}
	if enabled(c.Stored) {
		if a, err := p.logIn(ctx, c, text(c.Data, "old")); err != nil {
			return a, err
		}
	}
	return p.SetUp(ctx, c)
}

// The errors of Parse Server's adapter, which clients know by their texts.
func mfaError(message string) *parse.Error { return parse.NewError(parse.ScriptFailed, message) }
func mfaToken() *parse.Error               { return mfaError("Invalid MFA token") }
func mfaData() *parse.Error                { return mfaError("Invalid MFA data") }

// with returns stored data with members set, and without those that are nil.
func with(stored *parse.Object, members ...parse.Member) *parse.Object {
	changed := &parse.Object{}
	if stored != nil {
		changed.Members = slices.Clone(stored.Members)
	}
	for _, m := range members {
		if m.Value == nil {
			changed.Delete(m.Key)
			continue
		}
		changed.Set(m.Key, m.Value)
	}
	return changed
}

// same compares without telling by the time it takes how much is the same.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// random returns n characters of an alphabet, each as likely as any other.
func random(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // the system's generator doesn't fail
		}
		b[i] = alphabet[k.Int64()]
	}
	return string(b)
}
