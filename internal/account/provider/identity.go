package provider

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/loam-baas/loam/internal/parse"
)

const (
	// tokenLength bounds what clients send as a token or a code, in bytes.
	tokenLength = 16 << 10
	// idLength bounds a user's id at a provider, in bytes.
	idLength = 512
	// sealKey is the member of exchanged data that tells that it has been. No client
	// ever sees one.
	sealKey = "_proven"
)

// identity is a provider whose proof is the same whatever it is for: a code, a
// token or a password tells who somebody is. All of the proof is checked at
// Exchange, and what it consists of goes no further: not to the store, nor to
// hooks (advisory C02). SetUp, LogIn and Update take what Exchange has proven and
// nothing else, however they are called (advisories C07, D13).
type identity struct {
	label string
	// prove returns what the provider vouches for: "id", and what else may be kept.
	prove func(ctx context.Context, data *parse.Object) (*parse.Object, error)
	key   [32]byte
}

func newIdentity(label string, prove func(context.Context, *parse.Object) (*parse.Object, error)) *identity {
	p := &identity{label: label, prove: prove}
	rand.Read(p.key[:]) // never fails
	return p
}

func (p *identity) Policy() Policy { return Default }

func (p *identity) Exchange(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	proven, err := p.prove(ctx, data)
	if err != nil {
		return nil, err
	}
	id := text(proven, "id")
	if id == "" || len(id) > idLength {
		return nil, p.refuse()
	}
	if sent, ok := data.Get("id"); ok && sent != parse.String(id) {
		return nil, p.refuse()
	}
	sealed := &parse.Object{Members: append([]parse.Member(nil), proven.Members...)}
	sealed.Set(sealKey, parse.String(p.seal(id)))
	return sealed, nil
}

func (p *identity) SetUp(_ context.Context, c Check) (Answer, error)  { return p.take(c) }
func (p *identity) LogIn(_ context.Context, c Check) (Answer, error)  { return p.take(c) }
func (p *identity) Update(_ context.Context, c Check) (Answer, error) { return p.take(c) }

func (p *identity) take(c Check) (Answer, error) {
	seal := text(c.Data, sealKey)
	if !hmac.Equal([]byte(seal), []byte(p.seal(text(c.Data, "id")))) {
		return Answer{}, p.refuse()
	}
	kept := &parse.Object{Members: append([]parse.Member(nil), c.Data.Members...)}
	kept.Delete(sealKey)
	return Answer{Save: kept}, nil
}

func (p *identity) seal(id string) string {
	h := hmac.New(sha256.New, p.key[:])
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil))
}

func (p *identity) Challenge(context.Context, Challenge) (*parse.Object, error) {
	return nil, ErrNoChallenge
}

func (p *identity) Show(data *parse.Object) *parse.Object { return data }

// refuse is the error for a proof that does not hold, whatever is wrong with it.
func (p *identity) refuse() *parse.Error { return refusal(p.label) }

func refusal(label string) *parse.Error {
	return parse.Errorf(parse.ObjectNotFound, "%s auth is invalid for this user.", label)
}

// unreachable is the error for a provider that does not answer, or not as it ought to.
func unreachable(label string, cause error) error {
	return parse.Errorf(parse.ObjectNotFound, "%s API request failed.", label).WithCause(cause)
}

// identified is what is kept of most proofs.
func identified(id string) *parse.Object {
	return &parse.Object{Members: []parse.Member{{Key: "id", Value: parse.String(id)}}}
}

// text returns a member that is text and not longer than a token may be, or "".
func text(o *parse.Object, key string) string {
	v, _ := o.Get(key)
	s, _ := v.(parse.String)
	if len(s) > tokenLength {
		return ""
	}
	return string(s)
}
