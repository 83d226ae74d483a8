package engine

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// memberships are the relations of roles that a user or a role is part of, and
// under which field: as a member, or as a role with members.
var memberships = map[string][]struct{ join, field string }{
	"_User": {{usersOfRoles, "relatedId"}},
	"_Role": {{usersOfRoles, "owningId"}, {rolesOfRoles, "relatedId"}, {rolesOfRoles, "owningId"}},
}

// leaveRoles removes a user or a role, who is no more, from the relations of
// roles. Objects of other classes are in none of them.
func (e *Engine) leaveRoles(ctx context.Context, class, id string) error {
	for _, m := range memberships[class] {
		if _, err := e.Store.Delete(ctx, m.join, bson.D{{Key: m.field, Value: id}}, true); err != nil {
			return storeError(err)
		}
	}
	return nil
}

// beginWithoutRoles makes sure that a new user or role whose id a client has
// chosen does not come into what was another's of that id: rows of relations may
// be left by Parse Server, or by who deletes past the gate. Whoever holds the
// master key may give roles to users that are still to come.
func (e *Engine) beginWithoutRoles(ctx context.Context, c Caller, class, id string) error {
	if memberships[class] == nil || c.mayWriteAsMaster() {
		return nil
	}
	n, err := e.Store.Count(ctx, class, store.Count{Filter: bson.D{{Key: "_id", Value: id}}, Limit: 1})
	if err != nil || n > 0 { // it is there, and will be refused
		return storeError(err)
	}
	return e.leaveRoles(ctx, class, id)
}
