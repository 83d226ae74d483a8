package mongowire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// connection is one client's connection. Its commands run one after another.
type connection struct {
	*Server
	id      int32
	address string // on which the client reached the server
	conn    net.Conn
	in      *bufio.Reader
	out     []byte
	// peer is whose it is, user who has logged in, and login what has begun to.
	peer  netip.Addr
	user  string
	login *login
	// greeted tells that a first request has come.
	greeted bool

	// mu guards idle, which tells that the connection waits for a request and may
	// be closed when the server drains.
	mu   sync.Mutex
	idle bool
}

var errDraining = errors.New("mongowire: the server is shutting down")

// maxKeptReply is the largest buffer for replies that a connection keeps.
const maxKeptReply = 1 << 20

// serve answers a connection until it ends.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c := &connection{
		Server: s, id: s.accepted.Add(1), address: conn.LocalAddr().String(),
		conn: conn, in: bufio.NewReaderSize(conn, 16<<10), peer: peerOf(conn.RemoteAddr()),
	}
	if !s.strangers.enter(c) {
		stop()
		_ = conn.Close()
		s.logger.Warn("connection refused: too many have not logged in", "from", c.peer)
		return
	}
	defer s.strangers.leave(c)
	stopDrain := context.AfterFunc(s.draining, c.closeIdle)
	defer func() {
		stop()
		stopDrain()
		_ = conn.Close()
	}()
	for {
		err := s.guard(func() error { return c.exchange(ctx) })
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) && ctx.Err() == nil {
			s.logger.Debug("connection ended", "connection", c.id, "error", err)
		}
		return
	}
}

// exchange reads a request and answers it. An error ends the connection.
func (c *connection) exchange(ctx context.Context) error {
	if err := c.await(); err != nil {
		return err
	}
	h, err := readHeader(c.in)
	if err != nil {
		return err
	}
	if !c.trusted() && h.size > maxLoginMessage {
		return fmt.Errorf("%w: %d bytes before the login", errMalformed, h.size)
	}
	if err := c.messages.Acquire(ctx, int64(h.size)); err != nil {
		return err
	}
	defer c.messages.Release(int64(h.size))
	q, err := readRequest(c.in, h)
	if err != nil {
		return err
	}
	c.greeted = true
	reply := c.answer(ctx, q)
	if q.silent {
		return nil
	}
	c.out = appendReply(c.out[:0], q, c.replies.Add(1), reply)
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.options.MessageTimeout)); err != nil {
		return err
	}
	_, err = c.conn.Write(c.out)
	if cap(c.out) > maxKeptReply {
		c.out = nil
	}
	return err
}

// await waits for the beginning of a message, which then must go on to its end
// without delay.
func (c *connection) await() error {
	if c.in.Buffered() == 0 {
		patience := c.options.IdleTimeout
		if !c.greeted { // whoever connects has something to say
			patience = c.options.MessageTimeout
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if err := c.rest(); err != nil {
			return err
		}
	}
	return c.conn.SetReadDeadline(time.Now().Add(c.options.MessageTimeout))
}

// rest waits for the first byte of a request, unless the server drains.
func (c *connection) rest() error {
	c.mu.Lock()
	c.idle = true
	c.mu.Unlock()
	if c.draining.Err() != nil {
		return errDraining
	}
	_, err := c.in.Peek(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = false
	return err
}

// closeIdle closes the connection if it has nothing to do.
func (c *connection) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle {
		_ = c.conn.Close()
	}
}

// answer runs a command and returns its reply. A panic is the command's failure,
// not the server's.
func (c *connection) answer(ctx context.Context, q *request) (reply bson.Raw) {
	err := c.guard(func() (err error) {
		reply, err = c.run(ctx, q)
		return err
	})
	if err == nil {
		return reply
	}
	if e := commandErrorOf(err); e.code == codeInternalError {
		c.logger.Error("a command failed", "connection", c.id, "error", err)
	}
	return failure(err)
}
