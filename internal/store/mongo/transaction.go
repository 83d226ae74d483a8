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
)

// transactionLimit bounds a transaction, as MongoDB itself does by default.
const transactionLimit = 60 * time.Second

// commitTries is how often a commit is tried whose outcome is unknown; trying
// again is safe.
const commitTries = 3

// Transaction runs fn in a transaction, which the server must be able to: a
// replica set or a sharded cluster. It is not tried again here.
func (s *Store) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	if mongo.SessionFromContext(ctx) != nil {
		return fn(ctx)
	}
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
