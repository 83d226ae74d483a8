package account

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

var (
	errUsernameMissing = parse.NewError(parse.UsernameMissing, "bad or missing username")
	errPasswordMissing = parse.NewError(parse.PasswordMissing, "password is required")
	errUsernameTaken   = parse.NewError(parse.UsernameTaken, "Account already exists for this username.")
	errEmailTaken      = parse.NewError(parse.EmailTaken, "Account already exists for this email address.")
	errEmailFormat     = parse.NewError(parse.InvalidEmailAddress, "Email address format is invalid.")
)

// emailFormat is what an address must look like; whether mail arrives there, only
// mail can tell.
var emailFormat = regexp.MustCompile(`^[^\n\r\x{2028}\x{2029}]+@[^\n\r\x{2028}\x{2029}]+$`)

// change is what the rules of _User keep between Prepare and Finish.
type change struct {
	// password tells that the user gets a new one.
	password bool
	// proofs are those of identity providers that came with the write.
	proofs proofs
	// named tells that the new user's name was made up.
	named bool
	// verify is the token that was made for the user to confirm an address, or "".
	verify string
}

// Prepare checks a new user or a change of one; see engine.Rules. Values of a
// wrong type it leaves to the gate to refuse.
func (s *Service) Prepare(ctx context.Context, d *engine.Draft) (*engine.Created, error) {
	did := &change{}
	d.State, d.OwnsItself = did, d.Creating || !d.Caller.Master()
	if d.Creating {
		if err := requireCredentials(d.Body); err != nil {
			return nil, err
		}
		d.DefaultACL = s.defaultACL()
	}
	list, err := s.admitProofs(d)
	if err != nil {
		return nil, err
	}
	if err := s.refuseFields(d); err != nil {
		return nil, err
	}
	if done, err := s.prepareProofs(ctx, d, list, did); done != nil || err != nil {
		return done, err
	}
	forgetReset(d)
	password, changes := text(d.Body, "password")
	if changes {
		if err := s.checkPassword(ctx, d, password); err != nil {
			return nil, err
		}
	}
	if err := s.prepareName(ctx, d, did); err != nil {
		return nil, err
	}
	if err := s.prepareEmail(ctx, d); err != nil {
		return nil, err
	}
	s.prepareVerification(d, did)
	useSecret(ctx, d)
	s.remember(d, changes)
	if did.password = changes; changes {
		return nil, s.hashPassword(ctx, d, password)
	}
	return nil, nil
}

// admitProofs are the proofs of identity providers in a write.
func (s *Service) admitProofs(d *engine.Draft) (proofs, error) {
	v, has := d.Body.Get("authData")
	if !has {
		return nil, nil
	}
	authData, ok := v.(*parse.Object)
	if !ok {
		return nil, errUnsupported
	}
	return s.proofsOf(authData)
}

// requireCredentials refuses new users without a proof of an identity provider, or
// a name and a password.
func requireCredentials(body *parse.Object) error {
	v, _ := body.Get("authData")
	authData, _ := v.(*parse.Object)
	if authData != nil && slices.ContainsFunc(authData.Members, func(m parse.Member) bool { return !emptyProof(m.Value) }) {
		return nil
	}
	if name, _ := text(body, "username"); name == "" {
		return errUsernameMissing
	}
	if password, _ := text(body, "password"); password == "" {
		return errPasswordMissing
	}
	return nil
}

// refuseFields refuses what nobody, or no client, may say of a user.
func (s *Service) refuseFields(d *engine.Draft) error {
	if _, has := d.Body.Get("emailVerified"); has && !d.Caller.Master() {
		return s.Engine.Refusal(parse.OperationForbidden, "Clients aren't allowed to manually update email verification.")
	}
	for _, m := range d.Body.Members {
		if strings.HasPrefix(m.Key, "authData.") { // past the providers (row I09)
			return parse.NewError(parse.InvalidKeyName, "Invalid field name for update: "+m.Key)
		}
	}
	for _, key := range [...]string{"username", "email", "password"} {
		// What an operation leads to would be stored past the rules.
		v, _ := d.Body.Get(key)
		op, isOp, err := parse.OperationOf(v)
		if err != nil {
			return err
		}
		if _, removes := op.(parse.DeleteField); isOp && !removes {
			return parse.Errorf(parse.IncorrectType, "schema mismatch for _User.%s; expected String but got Object", key)
		}
	}
	// An ACL's entry for the role would be one for this user (advisory A20).
	if id, _ := text(d.Body, "objectId"); d.Creating && strings.HasPrefix(id, "role:") {
		return s.Engine.Refusal(parse.OperationForbidden, "Invalid object ID.")
	}
	return nil
}

// emptyProof tells whether a provider's part of authData proves nothing.
func emptyProof(v parse.Value) bool {
	switch v := v.(type) {
	case *parse.Object:
		return len(v.Members) == 0
	case parse.Array:
		return len(v) == 0
	}
	return true
}

// defaultACL is that of a user who signs up without one, beside what is the
// user's own.
func (s *Service) defaultACL() *parse.ACL {
	acl := &parse.ACL{}
	if !s.EnforcePrivateUsers {
		acl.Entries = append(acl.Entries, parse.ACLEntry{Key: "*", Read: true})
	}
	return acl
}

func (s *Service) prepareName(ctx context.Context, d *engine.Draft, did *change) error {
	v, _ := d.Body.Get("username")
	if d.Creating && falsy(v) {
		d.Body.Set("username", parse.String(parse.NewObjectID(madeUpName)))
		did.named = true
		return nil
	}
	name, ok := text(d.Body, "username")
	if !ok || name == "" {
		return nil
	}
	if s.ConvertUsernameToLowercase {
		name = strings.ToLower(name)
		d.Body.Set("username", parse.String(name))
	}
	return s.refuseTaken(ctx, d, "username", name, errUsernameTaken)
}

func (s *Service) prepareEmail(ctx context.Context, d *engine.Draft) error {
	// Of addresses that are null there could be one, as of any other.
	if v, _ := d.Body.Get("email"); v == (parse.Null{}) {
		d.Body.Delete("email")
		d.Unset = append(d.Unset, "email")
		return nil
	}
	email, ok := text(d.Body, "email")
	if !ok || email == "" {
		return nil
	}
	if !emailFormat.MatchString(email) {
		return errEmailFormat
	}
	if s.ConvertEmailToLowercase {
		email = strings.ToLower(email)
		d.Body.Set("email", parse.String(email))
	}
	return s.refuseTaken(ctx, d, "email", email, errEmailTaken)
}

// madeUpName is the length of names of users who sign up without one.
const madeUpName = 25

// forgetReset makes the link no good that was mailed to choose a password, once
// there is another password or address.
func forgetReset(d *engine.Draft) {
	_, password := d.Body.Get("password")
	_, email := d.Body.Get("email")
	if !d.Creating && (password || email) {
		d.Unset = append(d.Unset, "_perishable_token", "_perishable_token_expires_at")
	}
}

// refuseTaken refuses a name or address that differs from another user's in case
// at most. What decides is the unique index; this look spares the hashing, and
// serves databases whose old users don't let the index be made.
func (s *Service) refuseTaken(ctx context.Context, d *engine.Draft, field, value string, taken error) error {
	filter := bson.D{{Key: field, Value: value}}
	if !d.Creating {
		filter = append(filter, bson.E{Key: "_id", Value: bson.D{{Key: "$ne", Value: d.ID}}})
	}
	n, err := s.Engine.Store.Count(ctx, userClass, store.Count{Filter: filter, Limit: 1, CaseInsensitive: !s.Engine.CollationCaseComparison})
	if err == nil && n > 0 {
		err = taken
	}
	return err
}

// hashPassword puts a hash in a password's place.
func (s *Service) hashPassword(ctx context.Context, d *engine.Draft, password string) error {
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	d.Body.Delete("password")
	d.Stored = append(d.Stored, bson.E{Key: hashedPassword, Value: hash})
	return nil
}

// Duplicate names the user's field of which another user has the value.
func (s *Service) Duplicate(_ *engine.Draft, e *store.DuplicateKeyError) error {
	switch {
	case slices.Contains(e.Keys, "username"):
		return errUsernameTaken
	case slices.Contains(e.Keys, "email"):
		return errEmailTaken
	case slices.ContainsFunc(e.Keys, func(key string) bool { return strings.HasPrefix(key, parse.AuthDataName("")) }):
		return errAlreadyLinked
	}
	return nil
}

// Finish opens the session of a new user, and replaces those of one who has a
// new password; see engine.Rules.
func (s *Service) Finish(ctx context.Context, d *engine.Draft) error {
	did := d.State.(*change)
	if did.verify != "" {
		s.sendVerification(ctx, d.Document, did.verify)
	}
	if d.Creating {
		switch {
		case s.barred() && s.Mail.PreventSignupWithUnverifiedEmail && len(did.proofs) == 0:
			return errUnverified
		case s.barred() && len(did.proofs) == 0:
			return nil
		}
		if name, _ := d.Body.Get("username"); did.named {
			d.Answer.Set("username", name)
		}
		if onServer(d.Caller) || d.Caller.UserID != "" && len(did.proofs) > 0 {
			return nil
		}
		return s.answerSession(ctx, d, did.proofs.origin(origin{signingUp, withPassword}))
	}
	if !did.password {
		return nil
	}
	if s.RevokeSessionOnPasswordReset {
		if err := s.endSessions(ctx, d.ID); err != nil {
			return err
		}
	}
	if d.Caller.Master() {
		return nil
	}
	return s.answerSession(ctx, d, did.proofs.origin(origin{}))
}

// onServer tells whether the caller is no device that could keep a session: a
// master key that names none, or code on the server.
func onServer(c engine.Caller) bool {
	return c.InstallationID == "cloud" || c.InstallationID == "" && c.Master()
}

func (s *Service) answerSession(ctx context.Context, d *engine.Draft, o origin) error {
	token, err := s.openSession(ctx, d.Caller, d.ID, o)
	if err != nil {
		return err
	}
	d.Answer.Set("sessionToken", parse.String(token))
	return nil
}

// Deleted ends the sessions of a user who is no more.
func (s *Service) Deleted(ctx context.Context, _ engine.Caller, doc bson.Raw) error {
	return s.endSessions(ctx, idOf(doc))
}

// text is a member that is a string.
func text(o *parse.Object, key string) (string, bool) {
	v, _ := o.Get(key)
	s, ok := v.(parse.String)
	return string(s), ok
}
