package mongo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/auth"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/loam-baas/loam/internal/store"
)

// Codes of MongoDB's errors, as its manual lists them.
const (
	codeBadValue                 = 2
	codeFailedToParse            = 9
	codeIllegalOperation         = 20
	codeLockTimeout              = 24
	codeNamespaceNotFound        = 26
	codeIndexNotFound            = 27
	codeMaxTimeMSExpired         = 50
	codeCannotCreateIndex        = 67
	codeInvalidNamespace         = 73
	codeIndexOptionsConflict     = 85
	codeIndexKeySpecs            = 86
	codeWriteConflict            = 112
	codeTransactionTooOld        = 225
	codeNoSuchTransaction        = 251
	codeInvalidResumeToken       = 260
	codeExceededTimeLimit        = 262
	codeChangeStreamFatalError   = 280
	codeChangeStreamHistoryLost  = 286
	codeTransactionLifetimeLimit = 290
	codeBSONObjectTooLarge       = 10334
)

// conflictCodes tell that another writer was there first.
var conflictCodes = []int{codeLockTimeout, codeWriteConflict, codeTransactionTooOld, codeNoSuchTransaction, codeTransactionLifetimeLimit}

// unavailableCodes tell of a server that can't do its work now, or of one that
// another has taken over from: shutdown, election, unreachable shards, writes
// that too few members have confirmed in time, cursors that went with all that,
// more requests than the service takes.
var unavailableCodes = []int{
	6, 7, 43, 64, 89, 91, 133, 134, 150, 189, 234, 237, 9001,
	10058, 10107, 11600, 11602, 13388, 13435, 13436, 12587, 16500,
}

// requestCodes are the named errors that are the fault of a filter, an update, a
// pipeline or an index.
var requestCodes = map[int]bool{
	codeBadValue: true, codeIndexNotFound: true, 4: true, codeFailedToParse: true, 14: true, 15: true, 16: true, 22: true, 28: true, 29: true,
	30: true, 34: true, 40: true, 52: true, 53: true, 54: true, 55: true, 56: true, 57: true, 66: true, codeCannotCreateIndex: true, 72: true,
	codeInvalidNamespace: true, 121: true, 146: true, 165: true, 168: true, 171: true, 197: true, 224: true, 241: true, 257: true, codeInvalidResumeToken: true,
	263: true, 291: true, 292: true, codeBSONObjectTooLarge: true,
}

// operationalCodes are errors with numbers among those of assertions that tell
// of the server and not of the request.
var operationalCodes = map[int]bool{
	11601: true, 12582: true, 14031: true, 16460: true, 17280: true,
}

// blamesRequest tells whether an error of this code is the request's fault. From
// 10334 on, MongoDB numbers its assertions, nearly all of them about what a
// request says.
func blamesRequest(code int) bool {
	return requestCodes[code] || code > codeBSONObjectTooLarge && !operationalCodes[code]
}

// hasCode tells whether an error, or any of those that it is made of, has one of
// the codes.
func hasCode(err mongo.ServerError, codes ...int) bool {
	return slices.ContainsFunc(codes, err.HasErrorCode)
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
	case isUnsayable(err):
		return store.BadRequest(codeBadValue, "field names and regular expressions can't contain the null byte")
	case errors.Is(err, driver.ErrDocumentTooLarge):
		return store.BadRequest(codeBSONObjectTooLarge, "the document is larger than 16 MB")
	case refusedCredentials(err):
		return fmt.Errorf("store: the database refuses the credentials of its URI: %w", err)
	case unavailable(err): // which, in a transaction, is labelled as a conflict, too
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case errors.As(err, &server):
		return mapServerError(err, server, collection)
	}
	return fmt.Errorf("store: %w", err)
}

// isUnsayable tells whether the driver has no BSON for a request. Of the values that
// the port takes those are names and regular expressions with what ends them.
func isUnsayable(err error) bool {
	_, ok := errors.AsType[mongo.MarshalError](err)
	return ok
}

// refusedCredentials tells whether a server was reached and let nobody in, which
// waiting won't change.
func refusedCredentials(err error) bool {
	_, ok := errors.AsType[*auth.Error](err)
	return ok
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
	case mongo.IsDuplicateKeyError(err):
		return duplicateKey(err, collection)
	case hasCode(server, conflictCodes...):
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	case hasCode(server, codeNamespaceNotFound):
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	case hasCode(server, codeIndexOptionsConflict, codeIndexKeySpecs):
		return fmt.Errorf("%w: %w", store.ErrIndexConflict, err)
	case hasCode(server, codeMaxTimeMSExpired, codeExceededTimeLimit):
		return fmt.Errorf("store: %w: %w", context.DeadlineExceeded, err)
	case hasCode(server, codeChangeStreamFatalError, codeChangeStreamHistoryLost):
		return fmt.Errorf("%w: %w", store.ErrHistoryLost, err)
	case hasCode(server, unavailableCodes...), server.HasErrorLabel("RetryableWriteError"),
		server.HasErrorLabel("UnknownTransactionCommitResult"), server.HasErrorLabel("SystemOverloadedError"):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case server.HasErrorLabel("TransientTransactionError"):
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	f := failureOf(err)
	if f.code == codeIllegalOperation && strings.HasPrefix(f.message, "Transaction numbers") {
		return store.BadRequest(codeIllegalOperation, "transactions need a MongoDB that is a replica set or a sharded cluster, and this one is a standalone server")
	}
	if blamesRequest(f.code) {
		return &store.RequestError{Code: int32(f.code), Message: messageOf(f.message)}
	}
	return fmt.Errorf("store: %w", err)
}

// messageOf is what a server says of a request without what only the operator
// may know: the database's name, and the document that an update did not fit,
// whose fields the client may not be allowed to read.
func messageOf(text string) string {
	// What there is of a query without a plan is all of the query, and then the reason.
	const processing, planner = "error processing query", "planner returned error"
	if _, query, ok := strings.Cut(text, processing+": "); ok {
		if i := strings.LastIndex(query, planner); i >= 0 {
			return processing + ": " + query[i:]
		}
		return processing
	}
	// Stored values come behind a brace, or two parentheses. They are cut off first:
	// what follows is sought in the server's own words.
	for _, begin := range [...]string{" {", " (("} {
		text, _, _ = strings.Cut(text, begin)
	}
	if i := strings.LastIndex(text, causedBy); i >= 0 {
		text = text[i+len(causedBy):]
	}
	return text
}

// causedBy is between what a server was doing, and to which collection, and what
// went wrong.
const causedBy = " :: caused by :: "

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

// keyInName finds the fields in the name that MongoDB gives to an index.
var keyInName = regexp.MustCompile(`(.+?)_(?:-?1|2d|2dsphere|text|hashed)(?:_|$)`)

// duplicateKey tells which index refused a write, and its fields: a server
// before 4.4 doesn't name them, so that they are taken from the index's name.
func duplicateKey(err error, collection string) error {
	f := failureOf(err)
	duplicate := &store.DuplicateKeyError{Collection: collection}
	if found := indexInMessage.FindStringSubmatch(f.message); found != nil {
		duplicate.Index = found[1]
	}
	pattern, ok := f.raw.Lookup("keyPattern").DocumentOK()
	if !ok {
		pattern, ok = f.raw.Lookup("keyValue").DocumentOK()
	}
	switch {
	case ok:
		elements, _ := pattern.Elements() // those that can be read
		for _, e := range elements {
			duplicate.Keys = append(duplicate.Keys, e.Key())
		}
	case duplicate.Index == "_id_":
		duplicate.Keys = []string{"_id"}
	default:
		for _, key := range keyInName.FindAllStringSubmatch(duplicate.Index, -1) {
			duplicate.Keys = append(duplicate.Keys, key[1])
		}
	}
	return duplicate
}
