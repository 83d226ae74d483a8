package mongowire

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// What connections may take that have not logged in: how many there are of one
// address, and of all connections the part. Drivers watch a server over
// connections that never log in, two for each process.
const (
	maxStrangersOfAddress = 128
	strangersPart         = 2 // one of so many
)

// strangers are the connections that have not logged in.
type strangers struct {
	limit int // 0 for none

	mu    sync.Mutex
	of    map[netip.Addr]int
	known map[*connection]struct{}
}

func newStrangers(o Options) *strangers {
	s := &strangers{of: make(map[netip.Addr]int), known: make(map[*connection]struct{})}
	if o.Credentials != nil {
		s.limit = max(1, o.MaxConnections/strangersPart)
	}
	return s
}

// enter counts a connection in, and tells whether there is room for it.
func (s *strangers) enter(c *connection) bool {
	if s.limit == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= s.limit || s.of[c.peer] >= maxStrangersOfAddress {
		return false
	}
	s.known[c] = struct{}{}
	s.of[c.peer]++
	return true
}

// leave counts a connection out, if it is in.
func (s *strangers) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, in := s.known[c]; !in {
		return
	}
	delete(s.known, c)
	if s.of[c.peer]--; s.of[c.peer] == 0 {
		delete(s.of, c.peer)
	}
}

// peerOf is the address by which clients are told apart: of IPv6, the network,
// since whoever has one has 2^64 addresses.
func peerOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.Is4() || addr.IsLoopback() {
		return addr
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}

// How failed logins are answered: later with each one, up to a bound, until the
// address has been quiet for a while.
const (
	firstDelay   = 100 * time.Millisecond
	longestDelay = 5 * time.Second
	guessMemory  = 15 * time.Minute
	maxGuessers  = 4096
)

// guesses are the failed logins by address.
type guesses struct {
	mu sync.Mutex
	by map[netip.Addr]*guesser
}

type guesser struct {
	failures int
	last     time.Time
}

func newGuesses() *guesses { return &guesses{by: make(map[netip.Addr]*guesser)} }

// failed counts a failed login and returns how long its answer is to wait.
func (g *guesses) failed(peer netip.Addr, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	who := g.by[peer]
	if who == nil || now.Sub(who.last) > guessMemory {
		g.makeRoom(now)
		who = &guesser{}
		g.by[peer] = who
	}
	delay := longestDelay
	if who.failures < 16 {
		delay = min(longestDelay, firstDelay<<who.failures)
	}
	who.failures++
	who.last = now
	return delay
}

// makeRoom forgets who has been quiet or, if nobody has, who has been quiet for
// the longest time.
func (g *guesses) makeRoom(now time.Time) {
	if len(g.by) < maxGuessers {
		return
	}
	var oldest netip.Addr
	last := now
	for peer, who := range g.by {
		if now.Sub(who.last) > guessMemory {
			delete(g.by, peer)
		} else if !who.last.After(last) {
			oldest, last = peer, who.last
		}
	}
	if len(g.by) >= maxGuessers {
		delete(g.by, oldest)
	}
}

func (g *guesses) forget(peer netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.by, peer)
}
