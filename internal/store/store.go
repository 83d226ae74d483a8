// Package store is the port to a document store. It is spoken in MongoDB's own
// terms: documents are BSON in Parse Server's layout, filters, updates and
// pipelines are MongoDB's. A driver answers exactly as MongoDB does; package
// storetest holds every driver to it.
//
// Drivers know nothing of permissions, classes or Parse types.
package store

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Store is an open document store: one database of named collections. All
// methods are safe for concurrent use. A collection comes into being with its
// first document or index; reading one that is not there finds nothing.
//
// Filters are MongoDB query documents, updates are MongoDB update documents or
// pipelines (never replacements). Their values are those that
// bson.Unmarshal into bson.D makes: bson.D, bson.A, string, int32, int64,
// float64, bool, nil, bson.DateTime, bson.Binary, bson.Regex, bson.ObjectID …
type Store interface {
	// Find calls yield with every document that satisfies q, in q's order. The
	// document is valid only until yield returns; yield must not call the
	// store. An error from yield ends the search and is returned as it is.
	Find(ctx context.Context, collection string, q Find, yield func(bson.Raw) error) error
	// Count returns how many documents satisfy the filter, at most limit when limit > 0.
	Count(ctx context.Context, collection string, q Count) (int64, error)
	// Distinct returns the different values at a path, arrays unwound.
	Distinct(ctx context.Context, collection, path string, filter bson.D) ([]bson.RawValue, error)
	// Insert adds documents, each with an _id, in order, and stops at the first
	// that fails. A duplicate key is a *DuplicateKeyError.
	Insert(ctx context.Context, collection string, docs ...bson.Raw) error
	// Update changes the documents that satisfy u.Filter.
	Update(ctx context.Context, collection string, u Update) (UpdateResult, error)
	// FindAndUpdate changes the first document that satisfies u.Filter in one
	// atomic step and returns it, as it was or as it has become. It returns
	// ErrNotFound when none does and u.Upsert is false. u.Many is ignored. With
	// Upsert, when nothing matched and the old document was asked for, it
	// returns nil.
	FindAndUpdate(ctx context.Context, collection string, u Update, want Version) (bson.Raw, error)
	// FindAndDelete removes the first document that satisfies the filter and
	// returns it, or ErrNotFound.
	FindAndDelete(ctx context.Context, collection string, filter bson.D) (bson.Raw, error)
	// Delete removes the documents that satisfy the filter, or the first one
	// only, and returns how many they were.
	Delete(ctx context.Context, collection string, filter bson.D, many bool) (int64, error)
	// Aggregate runs a pipeline and yields its results under the rules of Find. It
	// runs over a collection, or "" if it begins with $documents.
	Aggregate(ctx context.Context, collection string, pipeline bson.A, o AggregateOptions, yield func(bson.Raw) error) error
	// Explain returns how q would be run, in the driver's own words.
	Explain(ctx context.Context, collection string, q Find) (bson.Raw, error)

	// CreateIndexes makes indexes that are not there yet; an index that is there
	// in the same form is left alone; one of the same name in another form is
	// an error that wraps ErrIndexConflict.
	CreateIndexes(ctx context.Context, collection string, indexes ...Index) error
	// DropIndex removes an index; one that is not there is ErrNotFound.
	DropIndex(ctx context.Context, collection, name string) error
	// Indexes lists a collection's indexes, that of _id first.
	Indexes(ctx context.Context, collection string) ([]Index, error)
	// Collections lists the names of the collections.
	Collections(ctx context.Context) ([]string, error)
	// DropCollection removes a collection with its documents and indexes; one
	// that is not there is no error.
	DropCollection(ctx context.Context, name string) error

	// Transaction runs fn, again if its server went away under it; what fn does
	// with the context it is given happens altogether or not at all, and no one
	// else sees half of it. fn's error aborts and is returned. A conflict with
	// another writer is ErrConflict: the caller may try the whole again.
	// Transactions do not nest: inside one, Transaction runs fn as part of it.
	Transaction(ctx context.Context, fn func(ctx context.Context) error) error
	// Ping tells whether the store can answer.
	Ping(ctx context.Context) error
	// Close waits for what runs and lets go of the store.
	Close(ctx context.Context) error
}

// Find is a query.
type Find struct {
	Filter bson.D
	// Sort is MongoDB's: {field: 1 | -1 | {$meta: "textScore"}} in order.
	Sort bson.D
	// Projection is MongoDB's, inclusion or exclusion; nil means whole documents.
	Projection bson.D
	Skip       int64
	// Limit of 0 means no limit.
	Limit int64
	// Hint is an index's name (string) or its keys (bson.D); nil means none.
	Hint            any
	Comment         string
	ReadPreference  string
	CaseInsensitive bool // collation {locale: "en_US", strength: 2}
	// Kept, unless it is nil, is set before each call of yield: true says that the
	// document is never written to again, so that it need not be copied to be held
	// for longer. It must not be changed.
	Kept *bool
}

// Count is a query that is counted only.
type Count struct {
	Filter          bson.D
	Limit           int64
	Hint            any
	Comment         string
	ReadPreference  string
	CaseInsensitive bool
}

// Update is a change to the documents that satisfy Filter.
type Update struct {
	Filter bson.D
	// Change is a MongoDB update document of operators ($set, $inc, …).
	Change bson.D
	// ArrayFilters say which elements $[name] stands for in the paths of Change:
	// filters whose paths all begin with that name.
	ArrayFilters []bson.D
	// Pipeline, unless it is nil, makes the change in place of Change: the stages
	// $set, $unset, $project, $replaceWith and their other names.
	Pipeline bson.A
	// Many changes all that match, not just the first.
	Many bool
	// Upsert adds a document made of the filter's equalities and the change
	// when nothing matches.
	Upsert bool
	// Projection applies to what FindAndUpdate returns.
	Projection bson.D
	// Sort picks which document is the first in FindAndUpdate.
	Sort bson.D
}

// UpdateResult counts what an update did.
type UpdateResult struct {
	Matched, Modified int64
	// Upserted tells that a document was added, and UpsertedID which.
	Upserted   bool
	UpsertedID any
}

// Version tells which state of a document FindAndUpdate returns.
type Version bool

// The states of a changed document.
const (
	Before Version = false
	After  Version = true
)

// AggregateOptions go with a pipeline.
type AggregateOptions struct {
	// Let are variables of the pipeline's expressions.
	Let            bson.D
	Hint           any
	Comment        string
	ReadPreference string
	Explain        bool
	// CaseInsensitive is collation {locale: "en_US", strength: 2}.
	CaseInsensitive bool
	// InMemory forbids stages to put on disk what is too much for memory.
	InMemory bool
}

// Index describes an index.
type Index struct {
	Name string
	// Keys are MongoDB's: {field: 1 | -1 | "2d" | "2dsphere" | "text" | "hashed"}.
	Keys   bson.D
	Unique bool
	Sparse bool
	// Partial is a filter expression; documents that do not satisfy it are not
	// indexed. nil means none.
	Partial bson.D
	// ExpireAfterSeconds makes a TTL index; nil means none.
	ExpireAfterSeconds *int32
	// CaseInsensitive is collation {locale: "en_US", strength: 2}.
	CaseInsensitive bool

	// Weights are those of a text index's fields, {field: number}; a field without
	// one has 1. Listed indexes have them all, and their text keys in the same
	// order, that of names.
	Weights bson.D
	// DefaultLanguage is the language of a text index's strings, "english" if it
	// is empty, and LanguageOverride the field by which a document names another
	// one, "language" if it is empty.
	DefaultLanguage, LanguageOverride string
}

// TextIndexVersion is MongoDB's version of text indexes that drivers have: it
// folds case and diacritics as its manual says of version 3.
const TextIndexVersion int32 = 3

// Errors that callers act upon. Drivers wrap them.
var (
	// ErrNotFound: no such document or index.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict: another writer was there first; try again.
	ErrConflict = errors.New("store: write conflict")
	// ErrIndexConflict: an index of this name exists in another form.
	ErrIndexConflict = errors.New("store: index exists in another form")
	// ErrUnavailable: the store does not answer; the caller may try later.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
)

// DuplicateKeyError says that a unique index refused a write.
type DuplicateKeyError struct {
	Collection string
	// Index is the index's name, "_id_" for the primary key.
	Index string
	// Keys are the index's fields, in its order.
	Keys []string
}

func (e *DuplicateKeyError) Error() string {
	return fmt.Sprintf("store: duplicate value for index %s of %s", e.Index, e.Collection)
}

// RequestError says that a filter, update, pipeline or index can't be run as
// it is: an unknown operator, an operand of a wrong type, an update of an
// incompatible field. Code is MongoDB's error code (2 BadValue, 14
// TypeMismatch, 9 FailedToParse, 28 PathNotViable, 40 ConflictingUpdateOperators, …).
type RequestError struct {
	Code    int32
	Message string
}

func (e *RequestError) Error() string { return "store: " + e.Message }

// TooLarge tells whether the request would have made a document larger than
// 16 MB: BSONObjectTooLarge, or what MongoDB numbers so for updates.
func (e *RequestError) TooLarge() bool { return e.Code == 10334 || e.Code == 17419 }

// NeedsGeoIndex tells whether the request looks for what is near by a field
// without a geo index: NoQueryExecutionPlans, or its number in old servers.
func (e *RequestError) NeedsGeoIndex() bool { return e.Code == 291 || e.Code == 17007 }

// BadRequest returns a RequestError.
func BadRequest(code int32, format string, args ...any) error {
	return &RequestError{Code: code, Message: fmt.Sprintf(format, args...)}
}
