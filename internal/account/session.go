package account

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/store"
)

const sessionClass = "_Session"

// origin is how a session came to be: its field createdWith.
type origin struct{ action, provider string }

// The actions that open sessions; creating makes a restricted one.
const (
	creating  = "create"
	signingUp = "signup"
	loggingIn = "login"
	upgrading = "upgrade"
)

// withPassword is the provider of who is known by a password.
const withPassword = "password"

// openSession opens a session for a user on the caller's installation, in place
// of the one that is open there, and returns its token.
func (s *Service) openSession(ctx context.Context, c engine.Caller, user string, o origin) (token string, err error) {
	token = newSessionToken()
	body := &parse.Object{Members: s.sessionFields(token, user, o)}
	if c.InstallationID != "" {
		body.Set("installationId", parse.String(c.InstallationID))
	}
	_, err = s.Engine.Create(ctx, engine.Caller{Scope: engine.ScopeMaster}, sessionClass, body)
	return token, err
}

// sessionFields are what the server makes of a new session.
func (s *Service) sessionFields(token, user string, o origin) []parse.Member {
	fields := []parse.Member{
		sessionToken(token),
		{Key: "user", Value: parse.Pointer{ClassName: userClass, ObjectID: user}},
	}
	if o.action != "" {
		createdWith := &parse.Object{Members: []parse.Member{{Key: "action", Value: parse.String(o.action)}}}
		if o.provider != "" {
			createdWith.Set("authProvider", parse.String(o.provider))
		}
		fields = append(fields, parse.Member{Key: "createdWith", Value: createdWith})
	}
	if s.ExpireInactiveSessions {
		fields = append(fields, parse.Member{Key: "expiresAt", Value: parse.DateOf(s.Now().Add(s.SessionLength))})
	}
	return fields
}

// newSessionToken returns a session's token: "r:" tells that it can be revoked.
func newSessionToken() string {
	var random [16]byte
	rand.Read(random[:]) // never fails: it ends the program instead
	return "r:" + hex.EncodeToString(random[:])
}

// sessionToken is the member in which users are answered with the token of their
// session.
func sessionToken(token string) parse.Member {
	return parse.Member{Key: "sessionToken", Value: parse.String(token)}
}

// endSessions ends all sessions of a user.
func (s *Service) endSessions(ctx context.Context, user string) error {
	_, err := s.Engine.Store.Delete(ctx, sessionClass, bson.D{
		{Key: "_p_user", Value: parse.PointerString(parse.Pointer{ClassName: userClass, ObjectID: user})}}, true)
	return err
}

// Me answers the user of a session; see API.
func (s *Service) Me(ctx context.Context, c engine.Caller, token string) (*engine.Result, error) {
	if token == "" {
		return nil, s.invalidSession()
	}
	user := c.UserID
	if c.SessionToken != token { // a master's
		owner, err := s.Engine.ResolveSession(ctx, engine.Caller{}, token)
		if parse.CodeOf(err) == parse.InvalidSessionToken {
			return nil, s.invalidSession()
		}
		if err != nil {
			return nil, err
		}
		user = owner.UserID
	}
	result, err := s.Engine.Get(ctx, c, userClass, user, &query.Query{})
	if parse.CodeOf(err) == parse.ObjectNotFound {
		return nil, s.invalidSession()
	}
	if err != nil {
		return nil, err
	}
	return result.With(sessionToken(token)), nil
}

func (s *Service) invalidSession() error {
	return s.Engine.Refusal(parse.InvalidSessionToken, "Invalid session token")
}

// Session answers the session of a token; see API.
func (s *Service) Session(ctx context.Context, c engine.Caller, token string) (*engine.Result, error) {
	if token == "" {
		return nil, parse.NewError(parse.InvalidSessionToken, "Session token required.")
	}
	session, err := s.row(ctx, sessionClass, bson.D{{Key: "_session_token", Value: token}})
	if err != nil {
		return nil, err
	}
	if session == nil {
		return nil, parse.NewError(parse.InvalidSessionToken, "Session token not found.")
	}
	owner, err := s.Engine.ResolveSession(ctx, engine.Caller{InstallationID: c.InstallationID}, token)
	if err != nil {
		return nil, err
	}
	if !c.Master() {
		c = owner
	}
	id, _ := session.Lookup("_id").StringValueOK()
	return s.Engine.Get(ctx, c, sessionClass, id, &query.Query{})
}

// LogOut ends a session; see API.
func (s *Service) LogOut(ctx context.Context, c engine.Caller, token string) error {
	if token == "" {
		return nil
	}
	session, err := s.row(ctx, sessionClass, bson.D{{Key: "_session_token", Value: token}})
	if err != nil || session == nil {
		return err
	}
	id, _ := session.Lookup("_id").StringValueOK()
	err = s.Engine.Delete(ctx, engine.Caller{Scope: engine.ScopeMaster}, sessionClass, id)
	if parse.CodeOf(err) == parse.ObjectNotFound {
		return nil // it was ended meanwhile
	}
	return err
}

// UpgradeSession opens a revocable session; see API.
func (s *Service) UpgradeSession(ctx context.Context, c engine.Caller) (*engine.Result, error) {
	if c.UserID == "" {
		return nil, parse.NewError(parse.ObjectNotFound, "invalid session")
	}
	token, err := s.openSession(ctx, c, c.UserID, origin{action: upgrading})
	if err != nil {
		return nil, err
	}
	session, err := s.row(ctx, sessionClass, bson.D{{Key: "_session_token", Value: token}})
	if err != nil {
		return nil, err
	}
	id, _ := session.Lookup("_id").StringValueOK()
	return s.Engine.Get(ctx, c, sessionClass, id, &query.Query{})
}

var errFound = errors.New("found")

// row is the first row that satisfies a filter, nil when none does.
func (s *Service) row(ctx context.Context, class string, filter bson.D) (bson.Raw, error) {
	var row bson.Raw
	err := s.Engine.Store.Find(ctx, class, store.Find{Filter: filter, Limit: 1}, func(doc bson.Raw) error {
		row = append(row, doc...)
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return nil, err
	}
	return row, nil
}
