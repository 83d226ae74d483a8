package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

var (
	errInvalidSession = parse.NewError(parse.InvalidSessionToken, "Invalid session token")
	errNoSession      = parse.NewError(parse.InvalidSessionToken, "Session token required.")
	errExpiredSession = parse.NewError(parse.InvalidSessionToken, "Session token is expired.")
)

// userPrefix is before the ids of users in pointers as they are stored.
const userPrefix = "_User$"

// session is who a session token stands for.
type session struct {
	id, token, user string
	// roles are the names of the user's roles, roleIDs the ids of all that were
	// met on the way to them, of roles that are gone too.
	roles, roleIDs []string
	// expires is when the session ends; the zero time is never.
	expires time.Time
	// updated is when its row was written last, and due when it is to be extended;
	// the zero time is never.
	updated, due time.Time
}

// ResolveSession turns a session token into its user and roles; see API. It asks
// the store once, or not at all if it has done so a moment before.
func (e *Engine) ResolveSession(ctx context.Context, c Caller, token string) (Caller, error) {
	now := e.Now()
	s := e.sessions.get(token, now)
	if s == nil {
		seen := e.sessions.seen()
		var err error
		if s, err = e.readSession(ctx, token); err != nil {
			return c, err
		}
		if s.live(now) {
			e.extendSession(ctx, s, now)
			if e.ExtendSessions > 0 {
				s.due = s.updated.Add(e.ExtendSessions / 2)
			}
			if _, inside := inTransaction(ctx); !inside { // others do not see what it sees
				e.sessions.put(s, now, seen)
			}
		}
	}
	if !s.live(now) {
		return c, errExpiredSession
	}
	c.UserID, c.SessionToken, c.Roles = s.user, token, slices.Clip(s.roles)
	return c, nil
}

// own is what a session must satisfy for the caller to reach it; nil for objects
// of other classes (advisory A23).
func (c Caller) own(class string) bson.D {
	if class != "_Session" || c.Master() {
		return nil
	}
	return bson.D{{Key: "_p_user", Value: userPrefix + c.UserID}}
}

// live tells whether the session has not ended.
func (s *session) live(now time.Time) bool { return s.expires.IsZero() || !s.expires.Before(now) }

// sessionQuery finds the row of a token, its user and the user's roles in one go.
func sessionQuery(token string) bson.A {
	query := bson.A{
		stage("$match", bson.D{{Key: "_session_token", Value: token}}),
		stage("$limit", int32(1)),
		stage("$project", bson.D{{Key: "_p_user", Value: 1}, {Key: "expiresAt", Value: 1}, {Key: "_updated_at", Value: 1},
			{Key: "user", Value: stage("$substrBytes", bson.A{"$_p_user", len(userPrefix), -1})}}),
		// A session outlives its user's row when that was deleted past Loam.
		lookup("_User", "user", "_id", "users", "_id"),
	}
	return append(query, roleStages()...)
}

// roleStages find, for the user whose id is in the field user, every way that
// leads up to roles. Each looks up its documents by an index, and a circle of
// roles is walked once.
func roleStages() bson.A {
	return bson.A{
		lookup(usersOfRoles, "user", "relatedId", "memberships", "owningId"),
		stage("$graphLookup", bson.D{{Key: "from", Value: rolesOfRoles}, {Key: "startWith", Value: "$memberships.owningId"},
			{Key: "connectFromField", Value: "owningId"}, {Key: "connectToField", Value: "relatedId"}, {Key: "as", Value: "inheritance"}}),
		stage("$set", bson.D{{Key: "ids", Value: stage("$setUnion", bson.A{"$memberships.owningId", "$inheritance.owningId"})}}),
		lookup("_Role", "ids", "_id", "roles", "name"),
	}
}

func stage(name string, value any) bson.D { return bson.D{{Key: name, Value: value}} }

// lookup is the stage that joins one field of documents of another collection.
func lookup(from, local, foreign, as, field string) bson.D {
	return stage("$lookup", bson.D{{Key: "from", Value: from}, {Key: "localField", Value: local}, {Key: "foreignField", Value: foreign},
		{Key: "pipeline", Value: bson.A{stage("$project", bson.D{{Key: field, Value: 1}})}}, {Key: "as", Value: as}})
}

// The collections of the relations of roles.
const (
	usersOfRoles = "_Join:users:_Role"
	rolesOfRoles = "_Join:roles:_Role"
)

// readSession asks the store who a token stands for.
func (e *Engine) readSession(ctx context.Context, token string) (*session, error) {
	row, err := e.aggregateOne(ctx, "_Session", sessionQuery(token))
	if err != nil {
		return nil, err
	}
	user, _ := strings.CutPrefix(text(row, "_p_user"), userPrefix)
	if user == "" || !hasOne(row, "users") {
		return nil, errInvalidSession
	}
	s := &session{id: text(row, "_id"), token: token, user: user}
	if at, ok := row.Lookup("expiresAt").DateTimeOK(); ok {
		s.expires = time.UnixMilli(at)
	}
	if at, ok := row.Lookup("_updated_at").DateTimeOK(); ok {
		s.updated = time.UnixMilli(at)
	}
	return s, s.climb(row)
}

// As is the client c signed in as the user of that id, without a session. The
// store is asked once.
func (e *Engine) As(ctx context.Context, c Caller, user string) (Caller, error) {
	query := bson.A{
		stage("$match", bson.D{{Key: "_id", Value: user}}),
		stage("$limit", int32(1)),
		stage("$project", bson.D{{Key: "user", Value: "$_id"}}),
	}
	row, err := e.aggregateOne(ctx, "_User", append(query, roleStages()...))
	if err != nil {
		return c, err
	}
	var s session
	if err := s.climb(row); err != nil {
		return c, err
	}
	return Caller{UserID: user, Roles: s.roles, InstallationID: c.InstallationID}, nil
}

// aggregateOne is the one document that a pipeline makes, or nil.
func (e *Engine) aggregateOne(ctx context.Context, collection string, pipeline bson.A) (bson.Raw, error) {
	var row bson.Raw
	err := e.Store.Aggregate(ctx, collection, pipeline, store.AggregateOptions{}, func(doc bson.Raw) error {
		row = slices.Clone(doc)
		return nil
	})
	return row, storeError(err)
}

// climb finds the roles that the user has, directly or because one of the user's
// roles is among a role's roles. A role that is not there any more leads nowhere,
// though the rows of its relations may be left.
func (s *session) climb(row bson.Raw) error {
	names, above := make(map[string]string), make(map[string][]string)
	err := each(row, "roles", func(role bson.Raw) { names[text(role, "_id")] = text(role, "name") })
	if err != nil {
		return err
	}
	err = each(row, "inheritance", func(edge bson.Raw) {
		above[text(edge, "relatedId")] = append(above[text(edge, "relatedId")], text(edge, "owningId"))
	})
	if err != nil {
		return err
	}
	met := make(map[string]bool)
	var next []string
	meet := func(id string) {
		if met[id] {
			return
		}
		met[id] = true
		s.roleIDs = append(s.roleIDs, id)
		if name := names[id]; name != "" {
			s.roles = append(s.roles, name)
			next = append(next, id)
		}
	}
	err = each(row, "memberships", func(edge bson.Raw) { meet(text(edge, "owningId")) })
	for len(next) > 0 {
		id := next[0]
		next = next[1:]
		for _, owner := range above[id] {
			meet(owner)
		}
	}
	return err
}

// text is a document's field that is a string.
func text(doc bson.Raw, field string) string {
	s, _ := doc.Lookup(field).StringValueOK()
	return s
}

// each calls visit with the documents in a document's array.
func each(doc bson.Raw, field string, visit func(bson.Raw)) error {
	array, ok := doc.Lookup(field).ArrayOK()
	if !ok {
		return nil
	}
	elements, err := array.Values()
	for _, e := range elements {
		if inner, ok := e.DocumentOK(); ok {
			visit(inner)
		}
	}
	return err
}

// hasOne tells whether a document's array has elements.
func hasOne(doc bson.Raw, field string) bool {
	array, _ := doc.Lookup(field).ArrayOK()
	_, err := array.IndexErr(0)
	return err == nil
}

// extendSession gives a session that is used its full length again when half of
// it is over, if the app wants that (option extendSessionOnUse). A session that
// can't be extended is as good as before, so that is no failure.
func (e *Engine) extendSession(ctx context.Context, s *session, now time.Time) {
	if e.ExtendSessions <= 0 || now.Sub(s.updated) < e.ExtendSessions/2 {
		return
	}
	expires := now.Add(e.ExtendSessions)
	var updated any // null is also none
	if !s.updated.IsZero() {
		updated = bson.NewDateTimeFromTime(s.updated)
	}
	// Of requests at the same time, one extends it.
	_, err := e.Store.Update(ctx, "_Session", store.Update{
		Filter: bson.D{{Key: "_id", Value: s.id}, {Key: "_updated_at", Value: updated}},
		Change: bson.D{{Key: "$set", Value: bson.D{
			{Key: "expiresAt", Value: bson.NewDateTimeFromTime(expires)}, {Key: "_updated_at", Value: bson.NewDateTimeFromTime(now)}}}},
	})
	if err != nil {
		e.Logger.WarnContext(ctx, "a session was not extended", "error", err)
		return
	}
	s.expires, s.updated = expires, now
}
