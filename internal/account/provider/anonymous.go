package provider

import (
	"context"

	"github.com/loam-baas/loam/internal/parse"
)

// anonymous takes whoever knows an id for its user; clients make it at random:
//
//	options   none; the app's enableAnonymousUsers switches it
//	authData  {id}
//
// It is its own proof at every use, and the store compares it exactly: it must be
// text (advisory C05).
type anonymous struct{}

func newAnonymous(string, *Options, Env) Provider { return anonymous{} }

func (anonymous) Policy() Policy { return Default }

func (anonymous) Exchange(_ context.Context, data *parse.Object) (*parse.Object, error) {
	if id := text(data, "id"); id == "" || len(id) > idLength {
		return nil, parse.NewError(parse.InvalidValue, "Invalid authData id for provider 'anonymous'.")
	}
	return data, nil
}

func (a anonymous) SetUp(ctx context.Context, c Check) (Answer, error)  { return a.take(ctx, c) }
func (a anonymous) LogIn(ctx context.Context, c Check) (Answer, error)  { return a.take(ctx, c) }
func (a anonymous) Update(ctx context.Context, c Check) (Answer, error) { return a.take(ctx, c) }

func (a anonymous) take(ctx context.Context, c Check) (Answer, error) {
	_, err := a.Exchange(ctx, c.Data)
	return Answer{}, err
}

func (anonymous) Challenge(context.Context, Challenge) (*parse.Object, error) {
	return nil, ErrNoChallenge
}

func (anonymous) Show(data *parse.Object) *parse.Object { return data }
