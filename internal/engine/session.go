package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

var (
	errInvalidSession = parse.NewError(parse.InvalidSessionToken, "Invalid session token")
	errExpiredSession = parse.NewError(parse.InvalidSessionToken, "Session token is expired.")
)

// errFound ends a search at its first result.
var errFound = errors.New("found")

// ResolveSession turns a session token into its user and roles; see API.
func (e *Engine) ResolveSession(ctx context.Context, c Caller, token string) (Caller, error) {
	var session bson.Raw
	find := store.Find{Filter: bson.D{{Key: "_session_token", Value: token}}, Limit: 1}
	err := e.Store.Find(ctx, "_Session", find, func(doc bson.Raw) error {
		session = append(session, doc...)
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return c, storeError(err)
	}
	if session == nil {
		return c, errInvalidSession
	}
	if expires, ok := session.Lookup("expiresAt").DateTimeOK(); ok && expires < e.Now().UnixMilli() {
		return c, errExpiredSession
	}
	pointer, _ := session.Lookup("_p_user").StringValueOK()
	user, ok := strings.CutPrefix(pointer, "_User$")
	if !ok || user == "" {
		return c, errInvalidSession
	}
	// A session outlives its user's row when that was deleted past Loam.
	exists, err := e.Store.Count(ctx, "_User", store.Count{Filter: bson.D{{Key: "_id", Value: user}}, Limit: 1})
	if err != nil {
		return c, storeError(err)
	}
	if exists == 0 {
		return c, errInvalidSession
	}
	c.UserID, c.SessionToken = user, token
	c.Roles, err = e.rolesOf(ctx, user)
	return c, err
}

// rolesOf are the names of a user's roles, those included that hold them as
// child roles, however deep and even in a circle.
func (e *Engine) rolesOf(ctx context.Context, user string) ([]string, error) {
	seen := make(map[string]bool)
	level, err := e.owners(ctx, "_Join:users:_Role", []string{user})
	for err == nil && len(level) > 0 {
		var fresh []string
		for _, id := range level {
			if !seen[id] {
				seen[id] = true
				fresh = append(fresh, id)
			}
		}
		if len(fresh) == 0 {
			break
		}
		level, err = e.owners(ctx, "_Join:roles:_Role", fresh)
	}
	if err != nil || len(seen) == 0 {
		return nil, err
	}
	var names []string
	find := store.Find{Filter: bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: stringsA(slices.Sorted(maps.Keys(seen)))}}}}}
	err = e.Store.Find(ctx, "_Role", find, func(doc bson.Raw) error {
		if name, ok := doc.Lookup("name").StringValueOK(); ok {
			names = append(names, name)
		}
		return nil
	})
	return names, storeError(err)
}

// owners are the ids of the objects whose relation has one of the members.
func (e *Engine) owners(ctx context.Context, join string, members []string) ([]string, error) {
	var ids []string
	find := store.Find{Filter: bson.D{{Key: "relatedId", Value: bson.D{{Key: "$in", Value: stringsA(members)}}}}}
	err := e.Store.Find(ctx, join, find, func(doc bson.Raw) error {
		if id, ok := doc.Lookup("owningId").StringValueOK(); ok {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, storeError(err)
}
