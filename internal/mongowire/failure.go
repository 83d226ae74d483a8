package mongowire

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Codes of MongoDB's errors, as its manual lists them.
const (
	codeInternalError             = 1
	codeBadValue                  = 2
	codeHostUnreachable           = 6
	codeUnknownError              = 8
	codeFailedToParse             = 9
	codeUnauthorized              = 13
	codeTypeMismatch              = 14
	codeInvalidLength             = 16
	codeProtocolError             = 17
	codeAuthenticationFailed      = 18
	codeNamespaceNotFound         = 26
	codeIndexNotFound             = 27
	codeCursorNotFound            = 43
	codeNamespaceExists           = 48
	codeMaxTimeMSExpired          = 50
	codeDollarPrefixedName        = 52
	codeCommandNotFound           = 59
	codeImmutableField            = 66
	codeInvalidOptions            = 72
	codeInvalidNamespace          = 73
	codeUnknownWriteConcern       = 79
	codeIndexOptionsConflict      = 85
	codeShutdownInProgress        = 91
	codeUnsatisfiableWriteConcern = 100
	codeWriteConflict             = 112
	codeCommandNotSupported       = 115
	codeExceededMemoryLimit       = 146
	codeTransactionTooOld         = 225
	codeNoSuchTransaction         = 251
	codeTransactionCommitted      = 256
	codeCursorKilled              = 237
	codeInvalidResumeToken        = 260
	codeTooManySessions           = 261
	codeNotInTransaction          = 263
	codeChangeStreamFatal         = 280
	codeHistoryLost               = 286
	codeAPIVersion                = 322
	codeMechanismUnavailable      = 334
	codeUnsupportedQuery          = 352
	codeDuplicateKey              = 11000
	codeUnknownStage              = 40324
	codeMissingDatabase           = 40414
	codeUnknownMember             = 40415
	codeCursorOfAnotherSession    = 50738
	codeTransactionNumberUsed     = 50911
)

// codeNames are the names of codes that replies carry beside them.
var codeNames = map[int32]string{
	codeInternalError: "InternalError", codeBadValue: "BadValue", codeHostUnreachable: "HostUnreachable",
	codeUnknownError: "UnknownError", codeFailedToParse: "FailedToParse", codeUnauthorized: "Unauthorized",
	codeTypeMismatch: "TypeMismatch", 15: "Overflow", codeInvalidLength: "InvalidLength", codeProtocolError: "ProtocolError", codeAuthenticationFailed: "AuthenticationFailed",
	codeNamespaceNotFound: "NamespaceNotFound", codeIndexNotFound: "IndexNotFound", 28: "PathNotViable",
	40: "ConflictingUpdateOperators", codeCursorNotFound: "CursorNotFound", codeNamespaceExists: "NamespaceExists",
	codeMaxTimeMSExpired: "MaxTimeMSExpired", codeDollarPrefixedName: "DollarPrefixedFieldName",
	53: "InvalidIdField", 54: "NotSingleValueField", 56: "EmptyFieldName", codeCommandNotFound: "CommandNotFound",
	codeImmutableField: "ImmutableField", 67: "CannotCreateIndex", codeInvalidOptions: "InvalidOptions",
	codeInvalidNamespace: "InvalidNamespace", codeUnknownWriteConcern: "UnknownReplWriteConcern",
	codeIndexOptionsConflict: "IndexOptionsConflict", codeShutdownInProgress: "ShutdownInProgress",
	codeUnsatisfiableWriteConcern: "UnsatisfiableWriteConcern", codeWriteConflict: "WriteConflict",
	codeCommandNotSupported: "CommandNotSupported", codeExceededMemoryLimit: "ExceededMemoryLimit",
	171: "CannotIndexParallelArrays", 291: "NoQueryExecutionPlans", codeTransactionTooOld: "TransactionTooOld",
	codeNoSuchTransaction: "NoSuchTransaction", codeTransactionCommitted: "TransactionCommitted",
	257: "TransactionTooLarge", codeCursorKilled: "CursorKilled", codeInvalidResumeToken: "InvalidResumeToken",
	codeChangeStreamFatal: "ChangeStreamFatalError", codeHistoryLost: "ChangeStreamHistoryLost", codeTooManySessions: "TooManyLogicalSessions",
	codeNotInTransaction: "OperationNotSupportedInTransaction", 290: "TransactionExceededLifetimeLimitSeconds",
	292: "QueryExceededMemoryLimitNoDiskUseAllowed", codeAPIVersion: "APIVersionError", codeMechanismUnavailable: "MechanismUnavailable",
	codeUnsupportedQuery: "UnsupportedOpQueryCommand", 10334: "BSONObjectTooLarge", codeDuplicateKey: "DuplicateKey",
}

// commandError is an error in MongoDB's terms.
type commandError struct {
	code    int32
	message string
	labels  []string
	// pattern are the keys of the index that refused a document.
	pattern bson.D
}

func (e *commandError) Error() string { return "mongowire: " + e.message }

// refusal returns a commandError.
func refusal(code int32, format string, args ...any) error {
	return &commandError{code: code, message: fmt.Sprintf(format, args...)}
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
		return &commandError{code: request.Code, message: request.Message}
	case errors.Is(err, store.ErrConflict): // before the duplicate key that may be its cause
		return &commandError{code: codeWriteConflict, message: "Write conflict: another writer was there first; try again."}
	case errors.As(err, &duplicate):
		return duplicateKey(duplicate)
	case errors.Is(err, store.ErrIndexConflict):
		return &commandError{code: codeIndexOptionsConflict, message: err.Error()}
	case errors.Is(err, store.ErrClosed), errors.Is(err, context.Canceled):
		return &commandError{code: codeShutdownInProgress, message: "the server is shutting down"}
	case errors.Is(err, context.DeadlineExceeded):
		return &commandError{code: codeMaxTimeMSExpired, message: "operation exceeded time limit"}
	case errors.Is(err, store.ErrHistoryLost):
		return &commandError{
			code: codeHistoryLost, labels: []string{"NonResumableChangeStreamError"},
			message: "Resume of change stream was not possible, as the resume point may no longer be in the history of changes.",
		}
	case errors.Is(err, store.ErrUnavailable):
		return &commandError{code: codeHostUnreachable, message: err.Error()}
	}
	return &commandError{code: codeInternalError, message: err.Error()}
}

// duplicateKey is worded as MongoDB words it: clients look for the index in it.
func duplicateKey(d *store.DuplicateKeyError) *commandError {
	pattern := make(bson.D, len(d.Keys))
	for i, key := range d.Keys {
		pattern[i] = bson.E{Key: key, Value: int32(1)}
	}
	return &commandError{
		code: codeDuplicateKey, pattern: pattern,
		message: fmt.Sprintf("E11000 duplicate key error collection: %s index: %s dup key", d.Collection, d.Index),
	}
}

// transient marks an error of a transaction that may be tried again as a whole,
// so that drivers do.
func transient(err error) error {
	e := *commandErrorOf(err)
	if e.code != codeWriteConflict && e.code != codeNoSuchTransaction {
		return err
	}
	e.labels = []string{"TransientTransactionError"}
	return &e
}

// members are what a reply says of the error.
func (e *commandError) members() bson.D {
	doc := bson.D{{Key: "errmsg", Value: e.message}, {Key: "code", Value: e.code}}
	switch name := codeNames[e.code]; {
	case name != "":
		doc = append(doc, bson.E{Key: "codeName", Value: name})
	case e.code > 10_000: // assertions have no names
		doc = append(doc, bson.E{Key: "codeName", Value: fmt.Sprintf("Location%d", e.code)})
	}
	if e.pattern != nil {
		doc = append(doc, bson.E{Key: "keyPattern", Value: e.pattern})
	}
	return doc
}

// failure is the reply to a command that failed.
func failure(err error) bson.Raw {
	e := commandErrorOf(err)
	doc := append(bson.D{{Key: "ok", Value: 0.0}}, e.members()...)
	if len(e.labels) > 0 {
		doc = append(doc, bson.E{Key: "errorLabels", Value: e.labels})
	}
	raw, err := bson.Marshal(doc)
	if err != nil { // the message or a key has what BSON can't hold
		raw, _ = bson.Marshal(bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: e.code}})
	}
	return raw
}

// writeError is the error of one statement of a write command.
func writeError(index int, err error) bson.D {
	return append(bson.D{{Key: "index", Value: int32(index)}}, commandErrorOf(err).members()...)
}
