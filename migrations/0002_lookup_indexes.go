package migrations

import "github.com/loam-baas/loam/internal/store"

// lookupIndexes makes the indexes for what every request of a signed-in user
// looks up: the session of a token, and the roles of a user. Parse Server
// leaves them to the operator.
func lookupIndexes() migration {
	return migration{number: 2, name: "lookup_indexes", steps: func(Options) []step {
		steps := []step{
			wanted("_Session", store.Index{Name: "_session_token_1", Keys: ascending("_session_token")}),
			wanted("_Session", store.Index{Name: "_p_user_1", Keys: ascending("_p_user")}),
		}
		for _, join := range []string{"_Join:users:_Role", "_Join:roles:_Role"} {
			steps = append(steps,
				wanted(join, store.Index{Name: "relatedId_1", Keys: ascending("relatedId")}),
				wanted(join, store.Index{Name: "owningId_1", Keys: ascending("owningId")}))
		}
		return steps
	}}
}
