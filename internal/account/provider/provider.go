// Package provider checks who a user is with identity providers: each speaks for
// one entry of authData, with Parse Server's shapes and options of the same name.
//
// A Provider answers for one app. It holds its settings and nothing of a request
// (root cause R9), asks nobody but those whom the app's configuration names, and
// keeps no secret of the user's in what it lets be stored.
package provider

import (
	"context"

	"github.com/loam-baas/loam/internal/parse"
)

// Policy tells how a provider's proof counts beside others, as the policy of
// Parse Server's adapters does.
type Policy uint8

const (
	// Default: the proof logs in, and other providers' proofs may come with it.
	Default Policy = iota
	// Solo: the proof logs in and needs none beside it, additional ones included.
	Solo
	// Additional: the proof logs nobody in; who has set it up must give it
	// beside another proof, or beside the password.
	Additional
)

// Provider checks what clients send as authData.<name>. Each method answers for
// all cases: there is no default that accepts (advisory D13). Methods may be
// called at once by many.
type Provider interface {
	Policy() Policy
	// Exchange turns what a client sent into what identifies its user, before
	// anybody is looked up: a code becomes an access token and the user's id.
	// Providers with nothing to exchange return data as it came. Who is not
	// Additional returns an "id" that is a string and not empty.
	Exchange(ctx context.Context, data *parse.Object) (*parse.Object, error)
	// SetUp checks data that a user signs up with or links.
	SetUp(ctx context.Context, c Check) (Answer, error)
	// LogIn checks data that a user who has the provider logs in with. Its error may
	// come with an Answer that has Save: that is stored, under the same condition,
	// and then the error is answered. So a code is sent before it is asked for.
	LogIn(ctx context.Context, c Check) (Answer, error)
	// Update checks data that a signed-in user who has the provider sends to
	// replace what is stored. Its errors are like LogIn's.
	Update(ctx context.Context, c Check) (Answer, error)
	// Challenge answers what a client needs before it can give its proof;
	// ErrNoChallenge when the provider has nothing of the kind.
	Challenge(ctx context.Context, c Challenge) (*parse.Object, error)
	// Show is stored data as its user's clients see it, without what is the
	// server's alone; nil hides all of it. It doesn't change data.
	Show(data *parse.Object) *parse.Object
}

// Check is one proof to check.
type Check struct {
	// Data is what was sent, after Exchange.
	Data *parse.Object
	// Stored is what the user's row has of the provider; nil when nothing.
	Stored *parse.Object
	// UserID is the user whom Data is checked for; "" at sign-up.
	UserID string
	// Master tells that the caller has the master key.
	Master bool
}

// Answer is what becomes of a proof that holds.
type Answer struct {
	// Save is stored; nil stores Check.Data. It is stored only if the row still
	// holds Check.Stored: what is used up by the proof is used once, however many
	// bring it at the same time (root cause R6).
	Save *parse.Object
	// Keep leaves what is stored as it is; Save does not count.
	Keep bool
	// Response goes to the client as authDataResponse.<name>; nil sends nothing.
	Response *parse.Object
}

// Challenge is a request for one, with what the client tells of its user.
type Challenge struct {
	// Data is challengeData.<name> as it was sent.
	Data parse.Value
	// Auth is authData.<name> as it was sent; nil when it wasn't.
	Auth *parse.Object
	// Stored is what the row has of the user whom password or other proofs name.
	Stored *parse.Object
	UserID string
}

// ErrNoChallenge says that a provider has no challenges.
var ErrNoChallenge = parse.NewError(parse.OtherCause, "This provider has no challenge.")
