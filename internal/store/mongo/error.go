package mongo

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/loam-baas/loam/internal/store"
)

// Codes of MongoDB's errors, as its manual lists them.
const (
	codeBadValue             = 2
	codeFailedToParse        = 9
	codeNamespaceNotFound    = 26
	codeIndexNotFound        = 27
	codeMaxTimeMSExpired     = 50
	codeCannotCreateIndex    = 67
	codeInvalidNamespace     = 73
	codeIndexOptionsConflict = 85
	codeIndexKeySpecs        = 86
	codeWriteConflict        = 112
	codeNoSuchTransaction    = 251
	codeBSONObjectTooLarge   = 10334
	codeDuplicateKey         = 11000
)

// requestCodes are the named errors that are the fault of a filter, an update, a
// pipeline or an index.
var requestCodes = map[int]bool{
	codeBadValue: true, 4: true, codeFailedToParse: true, 14: true, 15: true, 16: true, 22: true, 28: true, 29: true,
	30: true, 34: true, 40: true, 52: true, 53: true, 54: true, 55: true, 56: true, 57: true, 66: true, codeCannotCreateIndex: true, 72: true,
	codeInvalidNamespace: true, 121: true, 168: true, 171: true, 197: true, 224: true, 241: true, codeBSONObjectTooLarge: true,
}

// operationalCodes are errors with numbers among those of assertions that tell
// of the server and not of the request.
var operationalCodes = map[int]bool{
	10107: true, 11600: true, 11601: true, 11602: true, 12582: true, 13388: true, 13435: true, 13436: true, 14031: true, 16460: true, 17280: true,
}

// blamesRequest tells whether an error of this code is the request's fault. From
// 10334 on, MongoDB numbers its assertions, nearly all of them about what a
// request says.
func blamesRequest(code int) bool {
	return requestCodes[code] || code > codeBSONObjectTooLarge && !operationalCodes[code]
}

// mapError turns the driver's error into the port's, which wraps it.
func mapError(err error, collection string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var server mongo.ServerError
	switch {
	case errors.Is(err, mongo.ErrClientDisconnected):
		return fmt.Errorf("%w: %w", store.ErrClosed, err)
	case errors.Is(err, driver.ErrDocumentTooLarge):
		return store.BadRequest(codeBSONObjectTooLarge, "the document is larger than 16 MB")
	case unavailable(err): // which, in a transaction, is labelled as a conflict, too
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case errors.As(err, &server):
		return mapServerError(err, server, collection)
	}
	return fmt.Errorf("store: %w", err)
}

// unavailable tells whether an error means that no server could be reached.
func unavailable(err error) bool {
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[topology.ConnectionError](err); ok {
		return true
	}
	return mongo.IsNetworkError(err) || errors.Is(err, topology.ErrServerClosed) || errors.Is(err, topology.ErrTopologyClosed)
}

func mapServerError(err error, server mongo.ServerError, collection string) error {
	switch {
	case server.HasErrorCode(codeDuplicateKey):
		return duplicateKey(err, collection)
	case server.HasErrorCode(codeWriteConflict), server.HasErrorCode(codeNoSuchTransaction), server.HasErrorLabel("TransientTransactionError"):
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	case server.HasErrorCode(codeIndexNotFound), server.HasErrorCode(codeNamespaceNotFound):
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	case server.HasErrorCode(codeIndexOptionsConflict), server.HasErrorCode(codeIndexKeySpecs):
		return fmt.Errorf("%w: %w", store.ErrIndexConflict, err)
	case server.HasErrorCode(codeMaxTimeMSExpired):
		return fmt.Errorf("store: %w: %w", context.DeadlineExceeded, err)
	case server.HasErrorLabel("RetryableWriteError"), server.HasErrorLabel("UnknownTransactionCommitResult"):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if f := failureOf(err); blamesRequest(f.code) {
		return &store.RequestError{Code: int32(f.code), Message: f.message}
	}
	return fmt.Errorf("store: %w", err)
}

// failure is the first thing that a server says went wrong.
type failure struct {
	code    int
	message string
	raw     bson.Raw
}

func failureOf(err error) failure {
	if e, ok := errors.AsType[mongo.WriteException](err); ok && len(e.WriteErrors) > 0 {
		return failure{e.WriteErrors[0].Code, e.WriteErrors[0].Message, e.WriteErrors[0].Raw}
	}
	if e, ok := errors.AsType[mongo.BulkWriteException](err); ok && len(e.WriteErrors) > 0 {
		return failure{e.WriteErrors[0].Code, e.WriteErrors[0].Message, e.WriteErrors[0].Raw}
	}
	if e, ok := errors.AsType[mongo.CommandError](err); ok {
		return failure{int(e.Code), e.Message, e.Raw}
	}
	return failure{}
}

// indexInMessage finds the name of an index, which only the message tells; old
// servers put the namespace and $ before it.
var indexInMessage = regexp.MustCompile(`index: (?:\S+\.\$)?(.+?) (?:collation: \{|dup key)`)

// duplicateKey tells which index refused a write.
func duplicateKey(err error, collection string) error {
	f := failureOf(err)
	duplicate := &store.DuplicateKeyError{Collection: collection}
	if found := indexInMessage.FindStringSubmatch(f.message); found != nil {
		duplicate.Index = found[1]
	}
	if pattern, ok := f.raw.Lookup("keyPattern").DocumentOK(); ok {
		if elements, err := pattern.Elements(); err == nil {
			for _, e := range elements {
				duplicate.Keys = append(duplicate.Keys, e.Key())
			}
		}
	}
	return duplicate
}
