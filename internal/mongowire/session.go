package mongowire

import (
	"context"
	"errors"
	"sync"

	"github.com/loam-baas/loam/internal/store"
)

// sessions are the transactions that clients have open, by session and across
// connections: a driver may send each command of one over another connection.
type sessions struct {
	mu   sync.Mutex
	open map[string]*transaction
}

func newSessions() *sessions { return &sessions{open: make(map[string]*transaction)} }

// transaction is a store's transaction, held open between commands by a
// goroutine of its own.
type transaction struct {
	number int64
	steps  chan step
	done   chan struct{} // closed when the store's transaction has ended
	err    error         // of the commit, once done
}

// step is what a command does inside a transaction; a nil one commits.
type step struct {
	run      func(ctx context.Context) error
	answered chan error
}

var errAborted = errors.New("mongowire: transaction aborted")

func noSuchTransaction() error {
	return &commandError{code: codeNoSuchTransaction, name: "NoSuchTransaction",
		message: "There is no transaction of this number in progress.", labels: []string{"TransientTransactionError"}}
}

// begin opens a transaction of a session; one that was open is aborted.
func (s *sessions) begin(ctx context.Context, session string, number int64, db store.Store) *transaction {
	t := &transaction{number: number, steps: make(chan step), done: make(chan struct{})}
	s.mu.Lock()
	before := s.open[session]
	s.open[session] = t
	s.mu.Unlock()
	if before != nil {
		before.abort()
	}
	go func() {
		defer close(t.done)
		t.err = db.Transaction(context.WithoutCancel(ctx), t.loop)
	}()
	return t
}

// loop runs the steps until the one that ends the transaction.
func (t *transaction) loop(ctx context.Context) error {
	for s := range t.steps {
		if s.run == nil {
			return nil
		}
		err := s.run(ctx)
		s.answered <- err
		if err != nil {
			return errAborted // as MongoDB: a failed command ends its transaction
		}
	}
	return errAborted
}

// get returns the open transaction of a session.
func (s *sessions) get(session string, number int64) (*transaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.open[session]
	if t == nil || t.number != number {
		return nil, noSuchTransaction()
	}
	return t, nil
}

// remove forgets a transaction that has ended.
func (s *sessions) remove(session string, t *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[session] == t {
		delete(s.open, session)
	}
}

func (s *sessions) abortAll() {
	s.mu.Lock()
	open := s.open
	s.open = make(map[string]*transaction)
	s.mu.Unlock()
	for _, t := range open {
		t.abort()
	}
}

// do runs a step inside the transaction.
func (t *transaction) do(run func(ctx context.Context) error) error {
	answered := make(chan error, 1)
	select {
	case t.steps <- step{run, answered}:
		return <-answered
	case <-t.done:
		return noSuchTransaction()
	}
}

// commit ends the transaction and tells whether all of it has happened.
func (t *transaction) commit() error {
	select {
	case t.steps <- step{}:
		<-t.done
	case <-t.done:
		if t.err == nil {
			return nil // committed before: the client asks again
		}
		return noSuchTransaction()
	}
	return t.err
}

// abort ends the transaction so that nothing of it has happened.
func (t *transaction) abort() {
	select {
	case t.steps <- step{run: func(context.Context) error { return errAborted }, answered: make(chan error, 1)}:
	case <-t.done:
	}
	<-t.done
}
