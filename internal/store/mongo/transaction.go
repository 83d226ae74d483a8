package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/loam-baas/loam/internal/store"
)

// transactionLimit bounds a transaction, as MongoDB itself does by default.
const transactionLimit = 60 * time.Second

// commitTries is how often a commit is tried whose outcome is unknown; trying
// again is safe.
const commitTries = 3

// transactionTries is how often a transaction is begun that loses its primary.
const transactionTries = 3

// Transaction runs fn in a transaction, which the server must be able to: a
// replica set or a sharded cluster. What it reads comes from the primary, and
// includes what its session wrote.
//
// It is begun again when its primary goes away under it, as an election is over
// in seconds. A conflict with another writer is left to the caller, and so is a
// database of which no server has been found for as long as that may take.
func (s *Store) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	if mongo.SessionFromContext(ctx) != nil {
		return fn(ctx)
	}
	for try := 1; ; try++ {
		err := s.transact(ctx, fn)
		if try == transactionTries || ctx.Err() != nil || !primaryLost(err) {
			return err
		}
	}
}

// primaryLost tells whether a transaction ended with its server, and did not
// happen.
func primaryLost(err error) bool {
	var labeled mongo.LabeledError
	if !errors.Is(err, store.ErrUnavailable) || !errors.As(err, &labeled) || !labeled.HasErrorLabel("TransientTransactionError") {
		return false
	}
	_, nobody := errors.AsType[topology.ServerSelectionError](err)
	return !nobody
}

// transact runs a transaction once.
func (s *Store) transact(ctx context.Context, fn func(ctx context.Context) error) error {
	session, err := s.client.StartSession()
	if err != nil {
		return mapError(err, "")
	}
	// A cancelled request still has to end its transaction on the server.
	ending := context.WithoutCancel(ctx)
	defer session.EndSession(ending)
	o := options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())
	if err := session.StartTransaction(o); err != nil {
		return mapError(err, "")
	}
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	committing := false
	defer func() {
		if !committing { // fn failed or panicked
			_ = session.AbortTransaction(ending)
		}
	}()
	if err := fn(mongo.NewSessionContext(ctx, session)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committing = true
	return commit(ending, session)
}

func commit(ctx context.Context, session *mongo.Session) error {
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	for try := 1; ; try++ {
		err := session.CommitTransaction(ctx)
		var labeled mongo.LabeledError
		if try < commitTries && errors.As(err, &labeled) && labeled.HasErrorLabel("UnknownTransactionCommitResult") {
			continue
		}
		return mapError(err, "")
	}
}
