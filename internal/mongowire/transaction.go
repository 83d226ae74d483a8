package mongowire

import (
	"context"
	"errors"

	"github.com/loam-baas/loam/internal/store"
)

// transaction is a store's transaction, held open between commands by a
// goroutine of its own, which runs what the commands do.
type transaction struct {
	store  store.Store
	cancel context.CancelFunc
	steps  chan step
	done   chan struct{} // closed when the store's transaction has ended
	err    error         // why nothing of it has happened, once done; nil means that all has
}

// step is what a command does in a transaction; without run, it commits.
type step struct {
	// run tells whether the command failed, which ends the transaction.
	run      func(ctx context.Context) (failed bool, err error)
	answered chan error
}

var errAborted = errors.New("mongowire: transaction aborted")

func noSuchTransaction(number int64) error {
	return refusal(codeNoSuchTransaction, "Transaction %d is not in progress.", number)
}

// begin opens a transaction, which ends by itself in time. guard runs it.
func (s *sessions) begin(guard func(func() error) error, db store.Store) *transaction {
	ctx, cancel := context.WithTimeout(s.live, s.transaction)
	t := &transaction{store: db, cancel: cancel, steps: make(chan step), done: make(chan struct{})}
	s.running.Go(func() {
		defer close(t.done)
		defer cancel()
		t.err = guard(func() error { return db.Transaction(ctx, t.loop) })
	})
	return t
}

// loop runs the steps until one ends the transaction, or its time is up.
func (t *transaction) loop(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return errAborted
		case s := <-t.steps:
			if s.run == nil {
				return nil
			}
			if t.step(ctx, s) {
				return errAborted
			}
		}
	}
}

// step runs a step and tells whether the transaction is to be aborted. Its
// command gets an answer even if it panics.
func (t *transaction) step(ctx context.Context, s step) (failed bool) {
	err := error(refusal(codeUnknownError, "internal error"))
	defer func() { s.answered <- err }()
	failed, err = s.run(ctx)
	return failed
}

// do runs a command in the transaction. As in MongoDB, its failure ends the
// transaction.
func (t *transaction) do(ctx context.Context, run func(ctx context.Context) (failed bool, err error)) error {
	deadline, limited := ctx.Deadline()
	within := func(ctx context.Context) (bool, error) {
		if limited {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline)
			defer cancel()
		}
		return run(ctx)
	}
	answered := make(chan error, 1)
	select {
	case t.steps <- step{within, answered}:
		return <-answered
	case <-t.done:
		return refusal(codeNoSuchTransaction, "The transaction has ended.")
	case <-ctx.Done():
		t.abort()
		return ctx.Err()
	}
}

// commit ends the transaction and returns why nothing of it has happened, nil
// when all has. It may be asked again.
func (t *transaction) commit(ctx context.Context) error {
	select {
	case t.steps <- step{}:
		<-t.done
		return t.err
	case <-t.done:
		if t.err == nil {
			return nil
		}
		return refusal(codeNoSuchTransaction, "The transaction was aborted.")
	case <-ctx.Done():
		t.abort()
		return ctx.Err()
	}
}

// abort ends the transaction, so that nothing of it has happened unless it was
// committed before.
func (t *transaction) abort() {
	t.cancel()
	<-t.done
}

func (t *transaction) ended() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}
