package account_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// fake is a provider of which the proofs are {"id": x, "token": "good"}. With codes
// it is one of {"code": c}, and a code is good once: the row has those that are left.
type fake struct {
	policy provider.Policy
	codes  bool

	mu    sync.Mutex
	calls []string
}

func (f *fake) called(method string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, method)
}

// takeCalls returns the methods that were called, and forgets them.
func (f *fake) takeCalls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func member(o *parse.Object, key string) parse.Value {
	v, _ := o.Get(key)
	return v
}

func object(members ...parse.Member) *parse.Object { return &parse.Object{Members: members} }

func (f *fake) Policy() provider.Policy { return f.policy }

func (f *fake) Exchange(_ context.Context, data *parse.Object) (*parse.Object, error) {
	return data, nil
}

func (f *fake) good(data *parse.Object) error {
	if member(data, "token") != parse.String("good") {
		return parse.NewError(parse.ObjectNotFound, "the token is no good")
	}
	return nil
}

func (f *fake) SetUp(_ context.Context, c provider.Check) (provider.Answer, error) {
	f.called("SetUp")
	if f.codes {
		return provider.Answer{Save: object(parse.Member{Key: "codes", Value: member(c.Data, "codes")})}, nil
	}
	return provider.Answer{}, f.good(c.Data)
}

func (f *fake) LogIn(_ context.Context, c provider.Check) (provider.Answer, error) {
	f.called("LogIn")
	if !f.codes {
		return provider.Answer{Response: object(parse.Member{Key: "hello", Value: parse.Bool(true)})}, f.good(c.Data)
	}
	left, _ := member(c.Stored, "codes").(parse.Array)
	i := slices.Index(left, member(c.Data, "code"))
	if i < 0 {
		return provider.Answer{}, parse.NewError(parse.ScriptFailed, "the code is no good")
	}
	return provider.Answer{Save: object(parse.Member{Key: "codes", Value: slices.Delete(slices.Clone(left), i, i+1)})}, nil
}

func (f *fake) Update(ctx context.Context, c provider.Check) (provider.Answer, error) {
	f.called("Update")
	if f.codes {
		return f.LogIn(ctx, c)
	}
	return provider.Answer{}, f.good(c.Data)
}

func (f *fake) Challenge(_ context.Context, c provider.Challenge) (*parse.Object, error) {
	return object(parse.Member{Key: "asked", Value: c.Data}, parse.Member{Key: "of", Value: parse.String(c.UserID)}), nil
}

// Show keeps tokens and codes from clients.
func (f *fake) Show(data *parse.Object) *parse.Object {
	if f.codes {
		return object(parse.Member{Key: "enabled", Value: parse.Bool(true)})
	}
	return object(parse.Member{Key: "id", Value: member(data, "id")})
}

// anonymousOnly is what an app without the option auth has.
func anonymousOnly(t testing.TB) map[string]provider.Provider {
	t.Helper()
	providers, err := provider.Open(nil, provider.Env{Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	return providers
}

// with gives an app these providers.
func with(providers map[string]provider.Provider) func(*account.Options, *engine.Options) {
	return func(o *account.Options, e *engine.Options) {
		o.Providers, e.ShowAuthData = providers, account.Shown(providers)
	}
}
