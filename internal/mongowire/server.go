// Package mongowire serves document stores over MongoDB's wire protocol, so
// that MongoDB's own drivers and tools work on the embedded store. It is a door
// for operators: whoever gets in reads and writes everything. Without
// credentials nobody is asked for a password, and it must not be opened to a
// network.
//
// To drivers it is the primary of a replica set with one member, since they use
// transactions and retries with nothing less. What it does not serve, it
// refuses: no option that would change an answer is passed over in silence.
//
// Source of the protocol: the MongoDB manual, "Wire Protocol" and "Database
// Commands".
package mongowire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/loam-baas/loam/internal/store"
)

// Databases are the stores that a server serves, by the name of the database
// that each appears as.
type Databases interface {
	// Store returns the store of a database, or nil when there is none.
	Store(name string) store.Store
	// Names lists the databases.
	Names() []string
}

// Single is one store served as one database.
type Single struct {
	Name     string
	Database store.Store
}

// Store returns the store when name is that of the database.
func (s Single) Store(name string) store.Store {
	if name != s.Name {
		return nil
	}
	return s.Database
}

// Names lists the one database.
func (s Single) Names() []string { return []string{s.Name} }

// Several are stores by the names of their databases.
type Several map[string]store.Store

// Store returns the store of a database, or nil when there is none.
func (s Several) Store(name string) store.Store { return s[name] }

// Names lists the databases in order.
func (s Several) Names() []string { return slices.Sorted(maps.Keys(s)) }

// Options say who may come and bound what clients may take. Zero values stand
// for the defaults.
type Options struct {
	// Credentials are what clients must log in with; nil lets in who comes.
	Credentials *Credentials
	// Logger is told of connections and faults; nil logs nothing.
	Logger *slog.Logger
	// Dir is where results wait that are too large for memory; "" is the system's
	// directory for temporary files.
	Dir string
	// MaxConnections may be open at a time (1000); further ones are closed.
	MaxConnections int
	// IdleTimeout closes a connection that asks for nothing (30 min).
	IdleTimeout time.Duration
	// MessageTimeout bounds the arrival of a message that has begun, and the
	// departure of an answer (1 min).
	MessageTimeout time.Duration
	// CursorTimeout ends a cursor that nobody reads from (10 min).
	CursorTimeout time.Duration
	// SessionTimeout ends a session that is not used (30 min).
	SessionTimeout time.Duration
	// TransactionTimeout ends a transaction, however busy (60 s).
	TransactionTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.MaxConnections = cmp.Or(o.MaxConnections, 1000)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 30*time.Minute)
	o.MessageTimeout = cmp.Or(o.MessageTimeout, time.Minute)
	o.CursorTimeout = cmp.Or(o.CursorTimeout, 10*time.Minute)
	o.SessionTimeout = cmp.Or(o.SessionTimeout, 30*time.Minute)
	o.TransactionTimeout = cmp.Or(o.TransactionTimeout, time.Minute)
	return o
}

// maxRequestBytes bounds the messages that are being read and answered, all
// connections together.
const maxRequestBytes = 256 << 20

// Server serves databases to connections. It is made by New and runs in Serve.
type Server struct {
	databases Databases
	options   Options
	logger    *slog.Logger
	sessions  *sessions
	cursors   *cursors
	messages  *semaphore.Weighted
	strangers *strangers
	guesses   *guesses
	open      atomic.Int32
	accepted  atomic.Int32
	counters  counters
	started   time.Time
	replies   atomic.Int32
	// draining ends when Drain is called.
	draining context.Context
	drain    context.CancelFunc
}

// New returns a server.
func New(databases Databases, o Options) *Server {
	o = o.withDefaults()
	draining, drain := context.WithCancel(context.Background())
	return &Server{
		draining: draining, drain: drain, started: time.Now(),
		databases: databases, options: o, logger: o.Logger,
		sessions: newSessions(o), cursors: newCursors(o),
		messages:  semaphore.NewWeighted(maxRequestBytes),
		strangers: newStrangers(o), guesses: newGuesses(),
	}
}

// Serve answers connections until ctx ends, or until the commands that run when
// Drain is called have ended. Then it closes the listener and all connections,
// aborts what transactions are open, and returns nil when all is quiet; or it
// returns why the listener failed. A server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	closeListener := func() { _ = l.Close() }
	stops := []func() bool{context.AfterFunc(ctx, closeListener), context.AfterFunc(s.draining, closeListener)}
	var sweeping, connections sync.WaitGroup
	defer func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
		closeListener()
		s.sessions.close()
		connections.Wait()
		sweeping.Wait()
		s.cursors.close()
	}()
	sweeping.Go(func() { s.sweep(ctx) })
	err := s.accept(ctx, l, &connections)
	if err == nil { // all connections end by themselves now, or by ctx
		connections.Wait()
	}
	return err
}

// Drain has Serve take no more connections and end those that are idle; others
// end after the command that they run. It does not wait.
func (s *Server) Drain() { s.drain() }

func (s *Server) accept(ctx context.Context, l net.Listener, connections *sync.WaitGroup) error {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil, s.draining.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case exhausted(err):
			s.logger.Warn("connection not accepted", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		case err != nil:
			return fmt.Errorf("mongowire: %w", err)
		}
		if int(s.open.Add(1)) > s.options.MaxConnections {
			s.open.Add(-1)
			_ = conn.Close()
			s.logger.Warn("connection refused", "limit", s.options.MaxConnections)
			continue
		}
		connections.Go(func() {
			defer s.open.Add(-1)
			s.serve(ctx, conn)
		})
	}
}

// exhausted tells whether a connection could not be accepted for want of
// something that comes back.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}

// sweep ends what nobody uses any more.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.cursors.expire(now)
			s.sessions.expire(now)
		}
	}
}

// guard turns a panic of do into an error, and logs it.
func (s *Server) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logger.Error("panic in a command", "panic", p, "stack", string(debug.Stack()))
			err = refusal(codeUnknownError, "internal error")
		}
	}()
	return do()
}
