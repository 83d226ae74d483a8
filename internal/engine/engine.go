// Package engine is the gate: every read and every write of every door goes
// through it with a Caller. It decides class-level permissions, ACLs, pointer
// permissions and protected fields, keeps the schema, and sanitises what goes
// out. There is no second path to the store.
package engine

import (
	"context"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// API is what the doors use of the engine; it is here while the engine is being
// built so that the doors can be built beside it.
type API interface {
	// Find runs a query; Result streams {"results":[…],"count":n} as Parse JSON.
	Find(ctx context.Context, c Caller, class string, q *query.Query) (*Result, error)
	// Get reads one object; parse.ObjectNotFound when there is none to be seen.
	// Result streams the object itself.
	Get(ctx context.Context, c Caller, class, id string, q *query.Query) (*Result, error)
	// Create adds an object; Result streams {"objectId":…,"createdAt":…,…}.
	Create(ctx context.Context, c Caller, class string, body *parse.Object) (*Created, error)
	// Update changes an object; Result streams {"updatedAt":…,…}.
	Update(ctx context.Context, c Caller, class, id string, body *parse.Object) (*Result, error)
	// Delete removes an object.
	Delete(ctx context.Context, c Caller, class, id string) error
	// Transaction runs fn so that all its writes happen, or none; it is tried
	// again on conflicts, five times at most.
	Transaction(ctx context.Context, fn func(ctx context.Context) error) error

	// Schema administration: all need the master key. The values are the REST
	// API's: {"className":…,"fields":{…},"classLevelPermissions":{…},"indexes":{…}}.
	Schemas(ctx context.Context, c Caller) ([]*parse.Object, error)
	Schema(ctx context.Context, c Caller, class string) (*parse.Object, error)
	CreateSchema(ctx context.Context, c Caller, class string, def *parse.Object) (*parse.Object, error)
	UpdateSchema(ctx context.Context, c Caller, class string, def *parse.Object) (*parse.Object, error)
	DeleteSchema(ctx context.Context, c Caller, class string) error
	// Purge removes all objects of a class.
	Purge(ctx context.Context, c Caller, class string) error

	// Config returns {"params":{…}} and, for master, {"masterKeyOnly":{…}}.
	Config(ctx context.Context, c Caller) (*parse.Object, error)
	// UpdateConfig changes params and masterKeyOnly.
	UpdateConfig(ctx context.Context, c Caller, body *parse.Object) error

	// ResolveSession turns a session token into the caller's user and roles, or
	// is parse.InvalidSessionToken.
	ResolveSession(ctx context.Context, c Caller, token string) (Caller, error)
}

// Result is an answer of the engine, ready to be written as Parse JSON.
type Result struct{ json []byte }

// JSON returns the answer as Parse JSON. The caller must not change it.
func (r *Result) JSON() []byte { return r.json }

// Created is the answer to a create.
type Created struct {
	Result
	ObjectID string
}
