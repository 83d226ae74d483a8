package embedded

import (
	"context"
	"errors"
	"sync"

	"github.com/loam-baas/loam/internal/store"
)

// pool keeps read connections. Those given back last are handed out first: their
// page caches are warm, and the others can be forgotten. Connections are opened
// when first needed.
//
// Lanes draw from it, for short reads, for scans and for transactions, so that
// what takes long can't keep all connections from what is short. The first two
// are no wider than the processors: SQLite's page caches share a lock, and with
// more readers than processors they mostly wait for it.
type pool struct {
	open   func() (*conn, error)
	width  int
	lanes  [3]chan struct{}
	closed chan struct{}

	mu   sync.Mutex
	idle []*conn
	done bool
}

// lane is the kind of work that a read connection is wanted for.
type lane uint8

const (
	shortReads lane = iota
	scans
	transactions
)

// maxTransactions bounds the transactions at one time; others wait for them.
const maxTransactions = 16

func newPool(width int, open func() (*conn, error)) *pool {
	return &pool{
		open:   open,
		width:  width,
		closed: make(chan struct{}),
		lanes: [3]chan struct{}{
			shortReads:   make(chan struct{}, width),
			scans:        make(chan struct{}, width),
			transactions: make(chan struct{}, maxTransactions),
		},
	}
}

// use waits for a connection and calls do with it.
func (p *pool) use(ctx context.Context, l lane, do func(*conn) error) error {
	c, err := p.get(ctx, l)
	if err != nil {
		return err
	}
	defer p.put(c, l)
	return do(c)
}

// get waits for a connection.
func (p *pool) get(ctx context.Context, l lane) (*conn, error) {
	select {
	case p.lanes[l] <- struct{}{}:
	default:
		select {
		case p.lanes[l] <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.closed:
			return nil, store.ErrClosed
		}
	}
	c, err := p.take()
	if err != nil {
		<-p.lanes[l]
	}
	return c, err
}

func (p *pool) take() (*conn, error) {
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		return nil, store.ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.open()
}

// put gives a connection back, which has no statement running.
func (p *pool) put(c *conn, l lane) {
	p.keep(c)
	<-p.lanes[l]
}

// keep adds c to the idle connections, or closes it when there are enough.
func (p *pool) keep(c *conn) {
	p.mu.Lock()
	if !p.done && len(p.idle) < 2*p.width {
		p.idle = append(p.idle, c)
		c = nil
	}
	p.mu.Unlock()
	if c != nil {
		// A read connection has nothing to lose by a failed close.
		_ = c.close()
	}
}

// close waits for the connections in use and closes them all. When ctx ends
// first, those still in use are closed as they are given back.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		return nil
	}
	p.done = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	close(p.closed)

	var errs []error
	for _, c := range idle {
		errs = append(errs, c.close())
	}
	for _, l := range p.lanes {
		for range cap(l) {
			select {
			case l <- struct{}{}:
			case <-ctx.Done():
				return errors.Join(append(errs, ctx.Err())...)
			}
		}
	}
	return errors.Join(errs...)
}
