package engine

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

var (
	errDuplicateRequest = parse.NewError(parse.DuplicateRequest, "Duplicate request")
	errRequestIDLength  = parse.NewError(parse.InvalidValue, "X-Parse-Request-Id must have 256 bytes at most")
)

// maxRequestID bounds the id of a request, in bytes.
const maxRequestID = 256

// Once remembers the id of a request; see API. The unique index of the ids
// decides between requests that come at the same time.
func (e *Engine) Once(ctx context.Context, c Caller, id string, ttl time.Duration) error {
	if len(id) > maxRequestID {
		return errRequestIDLength
	}
	if c.Scope == ScopeReadOnlyMaster {
		return nil // its request will be refused, and it writes nothing (root cause R7)
	}
	now := e.Now()
	doc, err := bson.Marshal(bson.D{
		{Key: "_id", Value: parse.NewObjectID(e.ObjectIDSize)},
		{Key: "reqId", Value: id},
		{Key: "expire", Value: bson.NewDateTimeFromTime(now.Add(ttl))},
		{Key: "_created_at", Value: bson.NewDateTimeFromTime(now)},
		{Key: "_updated_at", Value: bson.NewDateTimeFromTime(now)},
	})
	if err != nil {
		return err
	}
	err = e.Store.Insert(ctx, "_Idempotency", doc)
	if duplicate, ok := errors.AsType[*store.DuplicateKeyError](err); ok && duplicate.Index != "_id_" {
		return errDuplicateRequest
	}
	return storeError(err)
}
