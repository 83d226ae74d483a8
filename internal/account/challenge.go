package account

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// Challenge asks providers for what a client needs to give its proof; see API.
func (s *Service) Challenge(ctx context.Context, c engine.Caller, body *parse.Object) (*parse.Object, error) {
	user, auth, err := s.challenged(ctx, c, body)
	if err != nil {
		return nil, err
	}
	v, _ := body.Get("challengeData")
	asked := slices.Clone(v.(*parse.Object).Members)
	slices.SortFunc(asked, func(a, b parse.Member) int { return strings.Compare(a.Key, b.Key) })
	answers := &parse.Object{}
	for _, m := range asked {
		p := s.Providers[m.Key]
		if p == nil {
			continue
		}
		challenge := provider.Challenge{Data: m.Value, UserID: idOf(user)}
		for _, sent := range auth {
			if sent.name == m.Key {
				challenge.Auth = sent.data
			}
		}
		challenge.Stored, _ = parse.FromBSON(user.Lookup(parse.AuthDataName(m.Key))).(*parse.Object)
		answer, err := p.Challenge(ctx, challenge)
		switch {
		case errors.Is(err, provider.ErrNoChallenge):
		case err != nil:
			return nil, challengeError(err)
		case answer == nil:
			answers.Set(m.Key, parse.Bool(true))
		default:
			answers.Set(m.Key, answer)
		}
	}
	return &parse.Object{Members: []parse.Member{{Key: "challengeData", Value: answers}}}, nil
}

func challengeError(err error) error {
	if _, public := errors.AsType[*parse.Error](err); public {
		return err
	}
	return parse.NewError(parse.ScriptFailed, "Challenge failed. Unknown error.").WithCause(err)
}

// challenged is the user whom a request for a challenge says it is of, nil when it
// doesn't say, and the proofs that came with it.
func (s *Service) challenged(ctx context.Context, c engine.Caller, body *parse.Object) (user bson.Raw, list proofs, err error) {
	given := func(key string) parse.Value {
		v, _ := body.Get(key)
		if falsy(v) {
			return nil
		}
		return v
	}
	refuse := func(message string) error { return parse.NewError(parse.OtherCause, message) }
	if given("username") != nil || given("email") != nil {
		if given("password") == nil {
			return nil, nil, refuse("You provided username or email, you need to also provide password.")
		}
		if user, err = s.authenticate(ctx, c, body); err != nil {
			return nil, nil, err
		}
	}
	challenge := given("challengeData")
	if challenge == nil {
		return nil, nil, refuse("Nothing to challenge.")
	}
	if _, ok := challenge.(*parse.Object); !ok {
		return nil, nil, refuse("challengeData should be an object.")
	}
	if given("authData") == nil {
		return user, nil, nil
	}
	authData, ok := given("authData").(*parse.Object)
	switch {
	case !ok:
		return nil, nil, refuse("authData should be an object.")
	case user != nil:
		return nil, nil, refuse("You cannot provide username/email and authData, only use one identification method.")
	}
	identifying := 0
	for _, m := range authData.Members {
		data, ok := m.Value.(*parse.Object)
		if !ok && m.Value != (parse.Null{}) { // row I10
			return nil, nil, refuse("authData." + m.Key + " should be an object.")
		}
		v, _ := data.Get("id")
		if falsy(v) {
			continue
		}
		if _, ok := v.(parse.String); !ok {
			return nil, nil, invalidID(m.Key)
		}
		identifying++
	}
	if identifying > 1 {
		return nil, nil, refuse("You cannot provide more than one authData provider with an id.")
	}
	user, list, err = s.identified(ctx, c, authData)
	if err != nil {
		// Whatever is wrong, who guesses ids learns nothing from it.
		return nil, nil, parse.NewError(parse.ObjectNotFound, "User not found.").WithCause(err)
	}
	return user, list, nil
}

// identified is the user whom authData proves to be the one who asks.
func (s *Service) identified(ctx context.Context, c engine.Caller, authData *parse.Object) (bson.Raw, proofs, error) {
	list, err := s.proofsOf(authData)
	if err != nil {
		return nil, nil, err
	}
	sent := slices.Clone(list)
	list = slices.DeleteFunc(list, func(p proof) bool {
		return p.data == nil || p.provider.Policy() == provider.Additional
	})
	if err := list.exchange(ctx); err != nil {
		return nil, nil, err
	}
	users, err := s.holders(ctx, c, list)
	if err != nil {
		return nil, nil, err
	}
	if len(users) != 1 {
		return nil, nil, errors.New("not one user has the ids")
	}
	_, err = list.check(ctx, c, users[0], false)
	return users[0], sent, err
}
