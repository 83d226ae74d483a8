package account

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/store"
)

// errWrongPassword does not tell whether there is such a user (root cause R8).
var errWrongPassword = parse.NewError(parse.ObjectNotFound, "Invalid username/password.")

// credentials are what a client says it is known by.
type credentials struct {
	username, email, password string
	// ignoreVerification lets the master in though the address is not verified.
	ignoreVerification bool
}

// credentialsOf takes them out of a body. Every one of them filters users and so
// must be of its exact type (root cause R3).
func credentialsOf(body *parse.Object) (credentials, error) {
	var c credentials
	given := func(key string) parse.Value {
		v, _ := body.Get(key)
		if falsy(v) {
			return nil
		}
		return v
	}
	username, email, password := given("username"), given("email"), given("password")
	if username == nil && email == nil {
		return c, parse.NewError(parse.UsernameMissing, "username/email is required.")
	}
	if password == nil {
		return c, parse.NewError(parse.PasswordMissing, "password is required.")
	}
	for _, text := range [...]struct {
		from parse.Value
		to   *string
	}{{username, &c.username}, {email, &c.email}, {password, &c.password}} {
		if text.from == nil {
			continue
		}
		s, ok := text.from.(parse.String)
		if !ok {
			return c, errWrongPassword
		}
		*text.to = string(s)
	}
	c.ignoreVerification = given("ignoreEmailVerification") != nil
	return c, nil
}

// falsy tells whether JavaScript takes a value for false.
func falsy(v parse.Value) bool {
	return v == nil || v == parse.Null{} || v == parse.Bool(false) || v == parse.Number(0) || v == parse.String("")
}

// LogIn opens a session; see API.
func (s *Service) LogIn(ctx context.Context, c engine.Caller, body *parse.Object) (*engine.Result, error) {
	user, err := s.authenticate(ctx, c, body)
	if err != nil {
		return nil, err
	}
	if err := s.checkAge(ctx, user); err != nil {
		return nil, err
	}
	id := idOf(user)
	v, err := s.checkBeside(ctx, c, user, body)
	if err != nil {
		return nil, err
	}
	result, err := s.openAndShow(ctx, c, id, origin{loggingIn, withPassword})
	if err != nil || v == nil {
		return result, err
	}
	return result.With(v.answer()), nil
}

// checkBeside checks the proofs of identity providers that come with a password.
// There is no verdict if none was sent.
func (s *Service) checkBeside(ctx context.Context, c engine.Caller, user bson.Raw, body *parse.Object) (*verdict, error) {
	sent, _ := body.Get("authData")
	if falsy(sent) {
		return nil, s.requireAdditional(user, nil)
	}
	authData, ok := sent.(*parse.Object)
	if !ok {
		return nil, errUnsupported
	}
	list, err := s.proofsOf(authData)
	if err != nil {
		return nil, err
	}
	if err := s.requireAdditional(user, list); err != nil {
		return nil, err
	}
	if err := list.exchange(ctx); err != nil {
		return nil, err
	}
	v, err := list.check(ctx, c, user, false)
	if err != nil {
		return nil, err
	}
	return v, s.keep(ctx, idOf(user), v)
}

// openAndShow opens a session for a user, and answers the user with its token.
func (s *Service) openAndShow(ctx context.Context, c engine.Caller, id string, o origin) (*engine.Result, error) {
	token, err := s.openSession(ctx, c, id, o)
	if err != nil {
		return nil, err
	}
	owner, err := s.Engine.ResolveSession(ctx, engine.Caller{InstallationID: c.InstallationID}, token)
	if err != nil {
		return nil, err
	}
	result, err := s.show(ctx, c, owner)
	if err != nil {
		return nil, err
	}
	return result.With(sessionToken(token)), nil
}

// VerifyPassword checks a password; see API.
func (s *Service) VerifyPassword(ctx context.Context, c engine.Caller, body *parse.Object) (*engine.Result, error) {
	user, err := s.authenticate(ctx, c, body)
	if err != nil {
		return nil, err
	}
	owner, err := s.Engine.As(ctx, c, idOf(user))
	if err != nil {
		return nil, err
	}
	return s.show(ctx, c, owner)
}

// LogInAs opens a session for any user; see API.
func (s *Service) LogInAs(ctx context.Context, c engine.Caller, body *parse.Object) (*engine.Result, error) {
	switch c.Scope {
	case engine.ScopeMaster:
	case engine.ScopeReadOnlyMaster: // it would write (advisory A26)
		return nil, s.Engine.Refusal(parse.OperationForbidden, "read-only masterKey isn't allowed to login as another user.")
	default:
		return nil, s.Engine.Refusal(parse.OperationForbidden, "master key is required")
	}
	v, _ := body.Get("userId")
	if falsy(v) {
		return nil, parse.NewError(parse.InvalidValue, "userId must not be empty, null, or undefined")
	}
	id, ok := v.(parse.String)
	if !ok {
		return nil, parse.NewError(parse.InvalidValue, "userId must be a string")
	}
	user, err := s.row(ctx, userClass, bson.D{{Key: "_id", Value: string(id)}})
	if err != nil {
		return nil, err
	}
	if user == nil {
		return nil, parse.NewError(parse.ObjectNotFound, "user not found")
	}
	token, err := s.openSession(ctx, c, string(id), origin{loggingIn, "masterkey"})
	if err != nil {
		return nil, err
	}
	result, err := s.Engine.Get(ctx, c, userClass, string(id), &query.Query{})
	if err != nil {
		return nil, err
	}
	return result.With(sessionToken(token)), nil
}

// show is a user as its owner may read it, or the caller's master key. Who may
// not even read himself learns who he is, and nothing else (advisories A12, A14).
func (s *Service) show(ctx context.Context, c, owner engine.Caller) (*engine.Result, error) {
	reader := owner
	if c.Master() {
		reader = c
	}
	result, err := s.Engine.Get(ctx, reader, userClass, owner.UserID, &query.Query{})
	switch parse.CodeOf(err) {
	case parse.ObjectNotFound, parse.OperationForbidden:
		return engine.NewResult(parse.AppendJSON(nil, &parse.Object{Members: []parse.Member{
			{Key: "objectId", Value: parse.String(owner.UserID)}}})), nil
	}
	return result, err
}

// authenticate finds the user whose name or address, and password, the body has.
func (s *Service) authenticate(ctx context.Context, c engine.Caller, body *parse.Object) (bson.Raw, error) {
	given, err := credentialsOf(body)
	if err != nil {
		return nil, err
	}
	user, err := s.find(ctx, given)
	if err != nil {
		return nil, err
	}
	hash, _ := user.Lookup(hashedPassword).StringValueOK()
	proved, err := s.passwords.verify(ctx, hash, given.password)
	if err != nil {
		return nil, err
	}
	if err := s.countLogin(ctx, user, proved); err != nil {
		return nil, err
	}
	switch {
	case !proved, !c.Master() && lockedOut(user):
		return nil, errWrongPassword
	case s.barred() && !verified(user) && !(c.Master() && given.ignoreVerification):
		return nil, errUnverified
	}
	return user, nil
}

// find is the row of the user that the credentials name, nil when there is none.
// A name may be given as an address and the other way round; where it is the one
// of one user and the other of another, the name counts.
func (s *Service) find(ctx context.Context, given credentials) (bson.Raw, error) {
	var filter bson.D
	switch {
	case given.email != "" && given.username != "":
		filter = bson.D{{Key: "email", Value: given.email}, {Key: "username", Value: given.username}}
	case given.email != "":
		filter = bson.D{{Key: "email", Value: given.email}}
	default:
		filter = bson.D{{Key: "$or", Value: bson.A{
			bson.D{{Key: "username", Value: given.username}}, bson.D{{Key: "email", Value: given.username}}}}}
	}
	var user bson.Raw
	err := s.Engine.Store.Find(ctx, userClass, store.Find{Filter: filter, Limit: 2}, func(doc bson.Raw) error {
		if name, _ := doc.Lookup("username").StringValueOK(); user == nil || name == given.username {
			user = slices.Clone(doc)
		}
		return nil
	})
	return user, err
}

// lockedOut tells whether nobody at all may read and write the user: so an
// administrator shuts one out.
func lockedOut(user bson.Raw) bool {
	for _, list := range [...]string{"_rperm", "_wperm"} {
		names, ok := user.Lookup(list).ArrayOK()
		if !ok {
			return false
		}
		if values, err := names.Values(); err != nil || len(values) > 0 {
			return false
		}
	}
	return true
}

func idOf(row bson.Raw) string {
	id, _ := row.Lookup("_id").StringValueOK()
	return id
}
