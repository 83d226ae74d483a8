package mongo_test

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// proxy stands before a server and answers commands in its place, as a script
// says: it plays what happens to a cluster, such as elections.
type proxy struct {
	t       *testing.T
	backend string
	address string

	mu     sync.Mutex
	script []scripted
	seen   []string
}

// scripted is what the next command of a name is answered with.
type scripted struct {
	command string
	reply   bson.D
	// after has the server run the command before, and its answer lost.
	after bool
}

// newProxy starts a proxy to a new server.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{t: t, backend: newServer(t).address}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", p.backend)
			if err != nil {
				_ = client.Close()
				continue
			}
			mu.Lock()
			open = append(open, client, server)
			mu.Unlock()
			running.Go(func() {
				p.serve(client, server)
				_ = client.Close()
				_ = server.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return p
}

// uri is that of the proxy alone: the driver is not to find the server by its
// own name, but to take it for the primary of a replica set.
func (p *proxy) uri() string { return "mongodb://" + p.address + "/test?directConnection=true" }

func (p *proxy) play(script ...scripted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script, p.seen = script, nil
}

// commands are those that came since the script was given, of these names.
func (p *proxy) commands(names ...string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.seen), func(name string) bool { return !slices.Contains(names, name) })
}

// left tells whether some of the script was not played.
func (p *proxy) left() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.script) > 0
}

func (p *proxy) take(command string) *scripted {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, command)
	if len(p.script) == 0 || p.script[0].command != command {
		return nil
	}
	next := p.script[0]
	p.script = p.script[1:]
	return &next
}

func (p *proxy) serve(client, server net.Conn) {
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		answer := p.take(commandOf(request))
		if answer == nil || answer.after {
			if _, err := server.Write(request); err != nil {
				return
			}
			reply, err := readMessage(server)
			if err != nil {
				return
			}
			if answer == nil {
				if !forward(client, server, reply) {
					return
				}
				continue
			}
		}
		if answer.reply == nil { // the connection is lost
			return
		}
		if _, err := client.Write(message(p.t, request, answer.reply)); err != nil {
			return
		}
	}
}

// forward passes a reply on, and those that follow it unasked.
func forward(client, server net.Conn, reply []byte) bool {
	for {
		if _, err := client.Write(reply); err != nil {
			return false
		}
		if opcode(reply) != opMsg || binary.LittleEndian.Uint32(reply[16:])&moreToCome == 0 {
			return true
		}
		var err error
		if reply, err = readMessage(server); err != nil {
			return false
		}
	}
}

// Of MongoDB's wire protocol.
const (
	opMsg      = 2013
	moreToCome = 1 << 1
)

func opcode(m []byte) uint32 { return binary.LittleEndian.Uint32(m[12:]) }

func readMessage(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.LittleEndian.Uint32(size[:]))
	copy(m, size[:])
	_, err := io.ReadFull(r, m[4:])
	return m, err
}

// commandOf is the name of the command in a message.
func commandOf(m []byte) string {
	if opcode(m) != opMsg {
		return ""
	}
	// A sequence of documents may come before the body.
	for rest := m[20:]; len(rest) > 5; {
		if rest[0] == 0 {
			first, err := bson.Raw(rest[1:]).IndexErr(0)
			if err != nil {
				return ""
			}
			return first.Key()
		}
		rest = rest[1+binary.LittleEndian.Uint32(rest[1:]):]
	}
	return ""
}

// message is a reply to a request.
func message(t *testing.T, request []byte, reply bson.D) []byte {
	doc, err := bson.Marshal(reply)
	if err != nil {
		t.Error(err)
	}
	m := make([]byte, 21, 21+len(doc))
	binary.LittleEndian.PutUint32(m, uint32(21+len(doc)))
	copy(m[8:12], request[4:8])
	binary.LittleEndian.PutUint32(m[12:], opMsg)
	return append(m, doc...)
}
