package mongo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/loam-baas/loam/internal/store"
)

// Codes of MongoDB's errors, as its manual lists them.
const (
	codeNamespaceNotFound    = 26
	codeIndexNotFound        = 27
	codeIndexOptionsConflict = 85
	codeIndexKeySpecs        = 86
	codeWriteConflict        = 112
	codeNoSuchTransaction    = 251
	codeDuplicateKey         = 11000
)

// requestCodes are the errors that are the request's fault, by MongoDB's code.
var requestCodes = map[int]bool{2: true, 9: true, 14: true, 15: true, 16: true, 28: true, 31: true, 34: true, 40: true,
	52: true, 54: true, 56: true, 57: true, 58: true, 61: true, 66: true, 67: true, 73: true, 10334: true, 51091: true, 51108: true}

// mapError turns the driver's error into the port's, which wraps it.
func mapError(err error, collection string) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var server mongo.ServerError
	switch {
	case errors.Is(err, mongo.ErrClientDisconnected):
		return fmt.Errorf("%w: %w", store.ErrClosed, err)
	case errors.As(err, &server):
		return mapServerError(err, server, collection)
	case unavailable(err):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
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
	case server.HasErrorLabel("NetworkError"), server.HasErrorLabel("RetryableWriteError"):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	code, message := detail(err)
	if requestCodes[code] {
		return &store.RequestError{Code: int32(code), Message: message}
	}
	return err
}

// detail is the code and the message of the first thing that went wrong.
func detail(err error) (int, string) {
	if e, ok := errors.AsType[mongo.WriteException](err); ok && len(e.WriteErrors) > 0 {
		return e.WriteErrors[0].Code, e.WriteErrors[0].Message
	}
	if e, ok := errors.AsType[mongo.BulkWriteException](err); ok && len(e.WriteErrors) > 0 {
		return e.WriteErrors[0].Code, e.WriteErrors[0].Message
	}
	if e, ok := errors.AsType[mongo.CommandError](err); ok {
		return int(e.Code), e.Message
	}
	return 0, ""
}

// raw is the server's own description of what went wrong, where there is one.
func raw(err error) bson.Raw {
	if e, ok := errors.AsType[mongo.WriteException](err); ok && len(e.WriteErrors) > 0 {
		return e.WriteErrors[0].Raw
	}
	if e, ok := errors.AsType[mongo.BulkWriteException](err); ok && len(e.WriteErrors) > 0 {
		return e.WriteErrors[0].Raw
	}
	if e, ok := errors.AsType[mongo.CommandError](err); ok {
		return e.Raw
	}
	return nil
}

// indexInMessage finds the index's name, which only the message tells.
var indexInMessage = regexp.MustCompile(`index: (\S+) (?:collation|dup key)`)

// duplicateKey tells which index refused a write.
func duplicateKey(err error, collection string) error {
	_, message := detail(err)
	duplicate := &store.DuplicateKeyError{Collection: collection}
	if found := indexInMessage.FindStringSubmatch(message); found != nil {
		// Old servers put the collection's name before the index's.
		duplicate.Index = found[1][strings.LastIndexByte(found[1], '$')+1:]
	}
	if pattern, ok := raw(err).Lookup("keyPattern").DocumentOK(); ok {
		if elements, err := pattern.Elements(); err == nil {
			for _, e := range elements {
				duplicate.Keys = append(duplicate.Keys, e.Key())
			}
		}
	}
	return duplicate
}
