package engine

import (
	"context"
	"io"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// API is the engine as the doors see it; a door's tests may put a fake in its place.
type API interface {
	// Find runs a query and answers {"results":[…],"count":n}.
	Find(ctx context.Context, c Caller, class string, q *query.Query) (*Result, error)
	// Get reads one object and answers the object itself, or
	// parse.ObjectNotFound when there is none that the caller may see.
	Get(ctx context.Context, c Caller, class, id string, q *query.Query) (*Result, error)
	// Create adds an object and answers {"objectId":…,"createdAt":…,…}. An
	// installation of a device that has one already changes that one instead.
	Create(ctx context.Context, c Caller, class string, body *parse.Object) (*Created, error)
	// Update changes an object and answers {"updatedAt":…,…}.
	Update(ctx context.Context, c Caller, class, id string, body *parse.Object) (*Result, error)
	// Delete removes an object.
	Delete(ctx context.Context, c Caller, class, id string) error
	// Aggregate runs a pipeline over a class, or lists the values of a field:
	// {"results":[…]}. It is for callers who administer the app.
	Aggregate(ctx context.Context, c Caller, class string, a *query.Aggregate) (*Result, error)
	// Transaction runs fn so that all its writes happen, or none; on conflicts
	// with other writers it is tried again, five times at most.
	Transaction(ctx context.Context, fn func(ctx context.Context) error) error

	// Schema administration: all need the master key. The values are those of
	// the REST API: {"className":…,"fields":{…},"classLevelPermissions":{…},"indexes":{…}}.
	Schemas(ctx context.Context, c Caller) ([]*parse.Object, error)
	Schema(ctx context.Context, c Caller, class string) (*parse.Object, error)
	CreateSchema(ctx context.Context, c Caller, class string, def *parse.Object) (*parse.Object, error)
	UpdateSchema(ctx context.Context, c Caller, class string, def *parse.Object) (*parse.Object, error)
	DeleteSchema(ctx context.Context, c Caller, class string) error
	// Purge removes all objects of a class.
	Purge(ctx context.Context, c Caller, class string) error

	// Config answers {"params":{…},"masterKeyOnly":{…}} as far as the caller may see it.
	Config(ctx context.Context, c Caller) (*parse.Object, error)
	// UpdateConfig changes params and masterKeyOnly.
	UpdateConfig(ctx context.Context, c Caller, body *parse.Object) error

	// ResolveSession turns a session token into the caller's user and roles, or
	// answers parse.InvalidSessionToken.
	ResolveSession(ctx context.Context, c Caller, token string) (Caller, error)

	// Once remembers the id of a request for ttl. An id that is remembered
	// already is error 159: the request was made before, whatever came of it.
	Once(ctx context.Context, c Caller, id string, ttl time.Duration) error

	// CheckFile refuses what SaveFile would refuse by all but the content.
	CheckFile(ctx context.Context, c Caller, u *files.Upload) error
	// SaveFile stores a file and tells under which name. Errors are
	// parse.FileSaveError, parse.InvalidFileName, and those of its content's reader.
	SaveFile(ctx context.Context, c Caller, u *files.Upload) (*SavedFile, error)
	// GrantFile lets a client put a file of that size, in bytes, where it is kept by
	// itself; AdoptFile makes a file of it once it is there. Where that can't be, both
	// are parse.CommandUnavailable.
	GrantFile(ctx context.Context, c Caller, u *files.Upload, size int64) (*FileGrant, error)
	AdoptFile(ctx context.Context, c Caller, token string) (*SavedFile, error)
	// File tells about a file, or answers parse.ObjectNotFound.
	File(ctx context.Context, c Caller, name string) (files.Info, error)
	// FileLink is the URL of a file that File has told about, for a while, when
	// clients read it from where it is kept; else "".
	FileLink(ctx context.Context, info files.Info) (string, error)
	// OpenFile reads a file that File has told about. Who opens it closes it.
	OpenFile(ctx context.Context, info files.Info) io.ReadSeekCloser
	// DeleteFile removes a file, with the master key.
	DeleteFile(ctx context.Context, c Caller, name string) error

	// OneAnswer makes all calls with the context that it returns parts of one
	// answer, whose size is bounded as that of any other.
	OneAnswer(ctx context.Context) context.Context
	// QueryLimits are the bounds within which doors decode the caller's queries.
	QueryLimits(c Caller) query.Limits
}

// Created is the answer to a create.
type Created struct {
	Result
	// ObjectID is "" when an object that was there was changed, and the answer is
	// that of an update.
	ObjectID string
	// Known tells that the object was there already: a sign-up that was a log-in.
	Known bool
}

var _ API = (*Engine)(nil)
