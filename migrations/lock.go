package migrations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// The lock is a document that names its owner and the end of the owner's lease.
// It relies on the clocks of the processes to differ by less than the lease.
const lockID = "lock"

var errLockLost = errors.New("another process took over the migration, since this one did not extend its lease in time")

// locked runs fn while no other process migrates. It waits for its turn.
func (r *runner) locked(ctx context.Context, fn func(ctx context.Context) error) error {
	owner := rand.Text()
	if err := r.acquire(ctx, owner); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		defer func() {
			if p := recover(); p != nil {
				cancel(fmt.Errorf("extend the lease: panic: %v\n%s", p, debug.Stack()))
			}
		}()
		cancel(r.renew(ctx, owner))
	}()
	err := fn(ctx)
	cancel(nil)
	<-renewed
	return errors.Join(err, r.release(context.WithoutCancel(ctx), owner))
}

// acquire waits until the lock is free or its owner's lease has ended.
func (r *runner) acquire(ctx context.Context, owner string) error {
	poll := time.NewTicker(r.options.Lease / 100)
	defer poll.Stop()
	for waiting := false; ; waiting = true {
		free := bson.D{{Key: "_id", Value: lockID}, {Key: "until", Value: bson.D{{Key: "$lte", Value: r.now()}}}}
		_, err := r.store.Update(ctx, collection, store.Update{Filter: free, Change: r.lease(owner), Upsert: true})
		if err == nil {
			return nil
		}
		_, held := errors.AsType[*store.DuplicateKeyError](err)
		if !held && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("lock the migrations: %w", err)
		}
		if !waiting {
			r.options.Logger.InfoContext(ctx, "waiting for another process that migrates the database")
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for another process that migrates the database: %w", ctx.Err())
		}
	}
}

// renew extends the lease until the context ends. An error says that the lock
// is lost.
func (r *runner) renew(ctx context.Context, owner string) error {
	tick := time.NewTicker(r.options.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		mine := bson.D{{Key: "_id", Value: lockID}, {Key: "owner", Value: owner}}
		result, err := r.store.Update(ctx, collection, store.Update{Filter: mine, Change: r.lease(owner)})
		switch {
		case err != nil && ctx.Err() == nil:
			// The store may be back before the lease ends.
			r.options.Logger.WarnContext(ctx, "the lease of a migration cannot be extended", "error", err)
		case err == nil && result.Matched == 0:
			return errLockLost
		}
	}
}

func (r *runner) release(ctx context.Context, owner string) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Lease)
	defer cancel()
	mine := bson.D{{Key: "_id", Value: lockID}, {Key: "owner", Value: owner}}
	if _, err := r.store.Delete(ctx, collection, mine, false); err != nil {
		return fmt.Errorf("unlock the migrations: %w", err)
	}
	return nil
}

func (r *runner) now() bson.DateTime { return bson.NewDateTimeFromTime(r.options.Now()) }

func (r *runner) lease(owner string) bson.D {
	return bson.D{{Key: "$set", Value: bson.D{
		{Key: "owner", Value: owner},
		{Key: "until", Value: bson.NewDateTimeFromTime(r.options.Now().Add(r.options.Lease))},
	}}}
}
