// Package mongowire serves document stores over MongoDB's wire protocol, so
// that MongoDB's own drivers and tools work on the embedded store. It is a door
// for operators: whoever gets in reads and writes everything, as with a MongoDB
// server of one's own.
//
// Source of the protocol: the MongoDB manual, "Wire Protocol" and "Database
// Commands".
package mongowire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

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

// Server serves databases to connections. It is made by New and runs in Serve.
type Server struct {
	databases Databases
	logger    *slog.Logger
	sessions  *sessions
	cursors   *cursors
	nextConn  atomic.Int32
	nextReply atomic.Int32
}

// New returns a server; a nil logger logs nothing.
func New(databases Databases, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Server{databases: databases, logger: logger, sessions: newSessions(), cursors: newCursors()}
}

// Serve answers connections until ctx ends. Then it closes the listener and all
// connections, aborts what transactions are open, and returns nil when all is
// quiet; or it returns why the listener failed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		cancel()
		s.sessions.abortAll()
		running.Wait()
	}()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("mongowire: %w", err)
		}
		running.Go(func() { s.serve(ctx, conn) })
	}
}

// serve answers one connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c := &connection{server: s, id: s.nextConn.Add(1), address: conn.LocalAddr().String()}
	defer func() {
		stop()
		cancel()
		_ = conn.Close()
		s.cursors.dropAll(c.id)
	}()
	in, out := bufio.NewReaderSize(conn, 64<<10), []byte(nil)
	for {
		q, err := readRequest(in)
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.logger.Debug("connection ended", "connection", c.id, "error", err)
			}
			return
		}
		reply := c.answer(ctx, q)
		if q.silent {
			continue
		}
		out = appendReply(out[:0], q, s.nextReply.Add(1), reply)
		if _, err := conn.Write(out); err != nil {
			return
		}
		if cap(out) > 1<<20 {
			out = nil
		}
	}
}

// connection is one client's connection. Its commands run one after another.
type connection struct {
	server  *Server
	id      int32
	address string // on which the client reached the server
}

// answer runs a command. A panic is the command's failure, not the server's.
func (c *connection) answer(ctx context.Context, q *request) (reply bson.Raw) {
	defer func() {
		if p := recover(); p != nil {
			c.server.logger.Error("panic in a command", "connection", c.id, "panic", p, "stack", string(debug.Stack()))
			reply = failure(&commandError{code: 8, name: "UnknownError", message: "internal error"})
		}
	}()
	answer, err := c.run(ctx, q)
	if err != nil {
		return failure(err)
	}
	raw, err := bson.Marshal(append(answer, bson.E{Key: "ok", Value: 1.0}))
	if err != nil {
		return failure(err)
	}
	return raw
}
