// Package engine is the gate: every read and every write of every door goes
// through it with a Caller. It decides class-level permissions, ACLs, pointer
// permissions and protected fields, keeps the schema, and sanitises what goes
// out. There is no second path to the store.
package engine

import (
	"log/slog"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Options configure an Engine. The fields carry the meaning of Parse Server's
// options of the same name.
type Options struct {
	Store   store.Store
	Catalog *schema.Catalog
	Logger  *slog.Logger

	// DefaultLimit is the number of results of a query that names none; MaxLimit
	// caps every query; 0 means no cap.
	DefaultLimit, MaxLimit int
	// ObjectIDSize is the length of generated object ids, in characters.
	ObjectIDSize int
	// AllowClientClassCreation lets clients make classes by saving into them.
	AllowClientClassCreation bool
	// AllowCustomObjectID lets clients choose object ids.
	AllowCustomObjectID bool
	// Aggregation says what aggregations do unless they say otherwise, and
	// AggregationForReadOnlyMaster lets the read-only master key run them.
	Aggregation                  query.PipelineForm
	AggregationForReadOnlyMaster bool
	// Installations says what becomes of two installations of one device.
	Installations Installations
	// LockSchemas refuses all changes of classes through the schema API.
	LockSchemas bool
	// AllowPublicExplain lets clients ask for query plans.
	AllowPublicExplain bool
	// SanitizeErrors keeps the reason of a refusal from clients.
	SanitizeErrors bool
	// ProtectedFieldsOwnerExempt shows users their own protected fields.
	ProtectedFieldsOwnerExempt bool
	// ProtectedFieldsSaveResponseExempt answers creates with the protected fields
	// to which the caller gave a value.
	ProtectedFieldsSaveResponseExempt bool
	// CollationCaseComparison says that the store compares usernames and addresses
	// without regard to case by itself.
	CollationCaseComparison bool
	// Limits bound queries of callers that are not master.
	Limits query.Limits
	// AnswerBytes bounds the documents that one answer is made of, in bytes, for all
	// callers: included ones count each time that they are written. 0 means no bound.
	AnswerBytes int
	// Files is where files are kept, and FilePolicy says who may have and read them.
	Files      files.Storage
	FilePolicy FilePolicy
	// FileSecret signs what clients are told who put files where they are kept; all
	// processes of an app have the same one.
	FileSecret []byte
	// FileURL appends the URL at which clients reach the file of that name.
	FileURL func(dst []byte, name string) []byte
	// ShowAuthData is what users see of their own authData of a provider, nil for
	// nothing; nil shows them all.
	ShowAuthData func(provider string, data *parse.Object) *parse.Object
	// EncodingsBytes bounds the memory, in bytes, in which the JSON of objects that
	// are read often is kept; 0 keeps none.
	EncodingsBytes int
	// SessionCacheSize is how many session tokens are remembered with the user and
	// roles that they stand for, and SessionCacheTTL for how long; 0 keeps none.
	SessionCacheSize int
	SessionCacheTTL  time.Duration
	// ExtendSessions is the length that sessions have again when they are used
	// after half of it; 0 leaves them as they are.
	ExtendSessions time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Engine is the gate of one app. It is safe for concurrent use.
type Engine struct {
	Options
	rules     map[string]Rules // by class
	views     viewCache
	encodings *encodings
	sessions  *sessionCache
}

// New returns the gate over a store and a catalog of classes.
func New(o Options) *Engine {
	if o.DefaultLimit <= 0 {
		o.DefaultLimit = 100
	}
	if o.ObjectIDSize <= 0 {
		o.ObjectIDSize = 10
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	sessions := newSessionCache(o.SessionCacheSize, o.SessionCacheTTL)
	o.Store = sessionWatch{o.Store, sessions}
	return &Engine{Options: o, encodings: newEncodings(), sessions: sessions}
}
