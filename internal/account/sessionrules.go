package account

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// sessionRules are the rules of _Session: what a session is, the server decides.
// Its user may add fields of his own.
type sessionRules struct{ accounts *Service }

// Prepare checks a new session or a change of one; see engine.Rules. What must
// not be there is refused whatever its value, null too (advisory C16).
func (r sessionRules) Prepare(_ context.Context, d *engine.Draft) (*engine.Created, error) {
	if _, has := d.Body.Get("ACL"); has {
		return nil, parse.NewError(parse.InvalidKeyName, "Cannot set ACL on a Session.")
	}
	if !d.Creating {
		return nil, checkSessionChange(d)
	}
	if !d.Caller.Master() {
		r.restrict(d)
	}
	return nil, nil
}

// restrict makes a new session the caller's, whatever it says of itself
// (advisory C14): it is as good as the one that it was made with.
func (r sessionRules) restrict(d *engine.Draft) {
	for _, m := range r.accounts.sessionFields(newSessionToken(), d.Caller.UserID, origin{action: creating}) {
		d.Body.Set(m.Key, m.Value)
	}
	if !r.accounts.ExpireInactiveSessions {
		d.Body.Delete("expiresAt")
	}
	for _, m := range d.Body.Members {
		if _, isOp, err := parse.OperationOf(m.Value); m.Key != "objectId" && !isOp && err == nil {
			d.Answer.Set(m.Key, m.Value)
		}
	}
}

// checkSessionChange refuses to change what a session is (advisory C15), or a
// part of that. The master key may move a session to another user and time.
func checkSessionChange(d *engine.Draft) error {
	for _, fixed := range []struct {
		field  string
		master bool // may change it
	}{{"user", true}, {"installationId", false}, {"sessionToken", false}, {"expiresAt", true}, {"createdWith", true}} {
		if fixed.master && d.Caller.Master() {
			continue
		}
		for _, m := range d.Body.Members {
			field, _, _ := strings.Cut(m.Key, ".")
			same := m.Key == "user" && m.Value == parse.Value(parse.Pointer{ClassName: userClass, ObjectID: d.Caller.UserID})
			if field == fixed.field && !same {
				return parse.NewError(parse.InvalidKeyName, "Invalid key name: "+fixed.field)
			}
		}
	}
	return nil
}

// Duplicate leaves it to the gate; see engine.Rules.
func (sessionRules) Duplicate(*engine.Draft, *store.DuplicateKeyError) error { return nil }

// Finish ends the other sessions of the user on the installation of a new one.
func (r sessionRules) Finish(ctx context.Context, d *engine.Draft) error {
	if !d.Creating {
		return nil
	}
	of := func(field string) string {
		text, _ := d.Document.Lookup(field).StringValueOK()
		return text
	}
	user, installation, token := of("_p_user"), of("installationId"), of("_session_token")
	if user == "" || installation == "" || token == "" {
		return nil
	}
	_, err := r.accounts.Engine.Store.Delete(ctx, sessionClass, bson.D{
		{Key: "_p_user", Value: user}, {Key: "installationId", Value: installation},
		{Key: "_session_token", Value: bson.D{{Key: "$ne", Value: token}}},
	}, true)
	return err
}

// Deleted has nothing to do: a session has nothing but its row.
func (sessionRules) Deleted(context.Context, engine.Caller, bson.Raw) error { return nil }
