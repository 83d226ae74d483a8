package mongowire

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// commandError is an error in MongoDB's terms.
type commandError struct {
	code    int32
	name    string
	message string
	labels  []string
}

func (e *commandError) Error() string { return e.message }

// Codes of MongoDB's errors, as its manual lists them.
const (
	codeBadValue             = 2
	codeFailedToParse        = 9
	codeUserNotFound         = 11
	codeUnauthorized         = 13
	codeTypeMismatch         = 14
	codeNamespaceNotFound    = 26
	codeIndexNotFound        = 27
	codeCursorNotFound       = 43
	codeNamespaceExists      = 48
	codeMaxTimeMSExpired     = 50
	codeCommandNotFound      = 59
	codeIndexOptionsConflict = 85
	codeWriteConflict        = 112
	codeCommandNotSupported  = 115
	codeNoSuchTransaction    = 251
	codeDuplicateKey         = 11000
	codeShutdownInProgress   = 91
)

func badValue(message string) error {
	return &commandError{code: codeBadValue, name: "BadValue", message: message}
}

// commandErrorOf gives an error of a store MongoDB's code.
func commandErrorOf(err error) *commandError {
	var (
		command   *commandError
		request   *store.RequestError
		duplicate *store.DuplicateKeyError
	)
	switch {
	case errors.As(err, &command):
		return command
	case errors.As(err, &request):
		return &commandError{code: request.Code, name: codeNames[request.Code], message: request.Message}
	case errors.As(err, &duplicate):
		return &commandError{code: codeDuplicateKey, name: "DuplicateKey", message: duplicateMessage(duplicate)}
	case errors.Is(err, store.ErrConflict):
		return &commandError{code: codeWriteConflict, name: "WriteConflict", message: "Write conflict during the operation; try again.",
			labels: []string{"TransientTransactionError"}}
	case errors.Is(err, store.ErrIndexConflict):
		return &commandError{code: codeIndexOptionsConflict, name: "IndexOptionsConflict", message: err.Error()}
	case errors.Is(err, store.ErrNotFound):
		return &commandError{code: codeIndexNotFound, name: "IndexNotFound", message: "index not found"}
	case errors.Is(err, store.ErrClosed), errors.Is(err, context.Canceled):
		return &commandError{code: codeShutdownInProgress, name: "ShutdownInProgress", message: "the server is shutting down"}
	case errors.Is(err, context.DeadlineExceeded):
		return &commandError{code: codeMaxTimeMSExpired, name: "MaxTimeMSExpired", message: "operation exceeded time limit"}
	}
	return &commandError{code: 1, name: "InternalError", message: err.Error()}
}

var codeNames = map[int32]string{
	codeBadValue: "BadValue", codeFailedToParse: "FailedToParse", codeTypeMismatch: "TypeMismatch",
	28: "PathNotViable", 40: "ConflictingUpdateOperators", 52: "DollarPrefixedFieldName", 66: "ImmutableField",
}

// duplicateMessage is worded as drivers' users know it: they look for the index in it.
func duplicateMessage(d *store.DuplicateKeyError) string {
	return "E11000 duplicate key error collection: " + d.Collection + " index: " + d.Index + " dup key"
}

// keyPattern tells which fields of a unique index were taken.
func keyPattern(d *store.DuplicateKeyError) bson.D {
	pattern := make(bson.D, len(d.Keys))
	for i, key := range d.Keys {
		pattern[i] = bson.E{Key: key, Value: int32(1)}
	}
	return pattern
}

// failure is the reply to a command that failed.
func failure(err error) bson.Raw {
	e := commandErrorOf(err)
	doc := bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: e.message}, {Key: "code", Value: e.code}}
	if e.name != "" {
		doc = append(doc, bson.E{Key: "codeName", Value: e.name})
	}
	if d, ok := errors.AsType[*store.DuplicateKeyError](err); ok {
		doc = append(doc, bson.E{Key: "keyPattern", Value: keyPattern(d)})
	}
	if len(e.labels) > 0 {
		doc = append(doc, bson.E{Key: "errorLabels", Value: e.labels})
	}
	raw, err := bson.Marshal(doc)
	if err != nil {
		raw, _ = bson.Marshal(bson.D{{Key: "ok", Value: 0.0}})
	}
	return raw
}

// writeError is the error of one statement of a write command.
func writeError(index int, err error) bson.D {
	e := commandErrorOf(err)
	doc := bson.D{{Key: "index", Value: int32(index)}, {Key: "code", Value: e.code}, {Key: "errmsg", Value: e.message}}
	if d, ok := errors.AsType[*store.DuplicateKeyError](err); ok {
		doc = append(doc, bson.E{Key: "keyPattern", Value: keyPattern(d)})
	}
	return doc
}
