package store

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Watcher is what a Store also implements when it can tell of changes as they
// are committed.
type Watcher interface {
	// Watch begins to tell of the changes to a collection, or to all when
	// collection is "". It tells of every change that begins after it returns or,
	// with o.After, of all that were committed after that place; when the store
	// does not have them any more, the error is ErrHistoryLost.
	Watch(ctx context.Context, collection string, o WatchOptions) (Changes, error)
}

// WatchOptions say from where on and how to tell of changes.
type WatchOptions struct {
	// After is a change's Token, or what Changes.Token returned; nil is now.
	After bson.Raw
	// FullDocument has updates come with the whole document, as it is when it is
	// looked up: it may have changed again or be gone.
	FullDocument bool
}

// Changes are committed changes in the order of their commits. It is for one
// goroutine at a time, and must be closed.
type Changes interface {
	// Next waits for the next change. The error is that of ctx, after which Next
	// may be called again, or the last one: ErrHistoryLost when the reader was too
	// slow, ErrInvalidated after a change of kind Invalidated, ErrClosed or
	// ErrUnavailable.
	Next(ctx context.Context) (*Change, error)
	// Token is the place up to which Next has told, for WatchOptions.After.
	Token() bson.Raw
	// Close lets go of what the store keeps for the reader.
	Close()
}

// ChangeKind is what a change did, as MongoDB names it in operationType.
type ChangeKind string

// The kinds of changes.
const (
	Inserted ChangeKind = "insert"
	Updated  ChangeKind = "update"
	Replaced ChangeKind = "replace"
	Deleted  ChangeKind = "delete"
	Dropped  ChangeKind = "drop"
	// Invalidated ends the changes to a collection that was dropped.
	Invalidated ChangeKind = "invalidate"
)

// Change is a committed change.
type Change struct {
	Kind ChangeKind
	// Token is the place right after the change.
	Token bson.Raw
	// Time is when it was committed, to the second, with the order within it, and
	// Wall the same by the clock.
	Time bson.Timestamp
	Wall time.Time
	// Collection is empty when the kind is Invalidated.
	Collection string
	// ID is the document's _id; the zero value when the change is of none.
	ID bson.RawValue
	// Document is the whole document: of an Inserted or Replaced one always, of
	// an Updated one with WatchOptions.FullDocument; nil if it is gone.
	Document bson.Raw
	// Set and Removed are the fields that an Updated document got or lost, by
	// their dotted paths. Arrays that became shorter are in Truncated.
	Set       bson.D
	Removed   []string
	Truncated []TruncatedArray
}

// TruncatedArray is an array that an update has made shorter.
type TruncatedArray struct {
	Field   string
	NewSize int32
}

// Errors of watching.
var (
	// ErrHistoryLost: the changes from the wanted place on are not there any more.
	ErrHistoryLost = errors.New("store: the history of changes does not reach back so far")
	// ErrInvalidated: what was watched is gone.
	ErrInvalidated = errors.New("store: what was watched is gone")
)
