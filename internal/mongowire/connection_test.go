package mongowire

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Whatever one connection sends, it is hung up on, and others are served.
func TestHostileConnections(t *testing.T) {
	garbage := make([]byte, 64<<10)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(garbage)
	ping := msg(0, body(t, `{"ping":1,"$db":"test"}`))
	for name, bytes := range map[string][]byte{
		"garbage":             garbage,
		"HTTP":                []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"TLS":                 {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"a huge length":       announced(maxMessageSize + 1),
		"a negative length":   announced(0x80000000),
		"a malformed body":    msg(0, []byte{0, 5, 0, 0, 0, 7}),
		"a compressed one":    message(2012, 1, make([]byte, 40)),
		"good ones, then bad": append(append([]byte(nil), ping...), announced(3)...),
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{})
			c := r.dial()
			c.send(bytes)
			if name == "good ones, then bad" {
				c.receive()
			}
			if !c.hungUp() {
				t.Error("the connection stays open")
			}
			r.dial().ok(`{"ping":1}`)
		})
	}
}

func TestClientsThatLeave(t *testing.T) {
	r := start(t, Options{})
	whole := msg(0, body(t, `{"insert":"c","documents":[{"_id":1}],"$db":"test"}`))
	for n := range whole {
		c := r.dial()
		c.send(whole[:n])
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.dial().want(`{"count":"c"}`, `{"n":0}`)
}

// A message that has begun must come to an end; a connection that rests may.
func TestSlowSenders(t *testing.T) {
	r := start(t, Options{MessageTimeout: 50 * time.Millisecond})
	resting := r.dial()
	resting.ok(`{"ping":1}`)
	for name, bytes := range map[string][]byte{
		"half a header": msg(0, nil)[:7],
		"half a body":   announced(1000),
		"a large one":   announced(maxMessageSize),
	} {
		c := r.dial()
		c.send(bytes)
		if !c.hungUp() {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	resting.ok(`{"ping":1}`)
}

func TestIdleConnections(t *testing.T) {
	r := start(t, Options{IdleTimeout: 50 * time.Millisecond})
	c := r.dial()
	c.ok(`{"ping":1}`)
	if !c.hungUp() {
		t.Error("the connection stays open")
	}
}

func TestTooManyConnections(t *testing.T) {
	const limit = 4
	r := start(t, Options{MaxConnections: limit})
	var served []*client
	for range limit {
		c := r.dial()
		c.ok(`{"ping":1}`)
		served = append(served, c)
	}
	for range 3 {
		if !r.dial().hungUp() {
			t.Error("one more is served")
		}
	}
	for _, c := range served {
		c.ok(`{"ping":1}`)
	}
	_ = served[0].conn.Close()
	for deadline := time.Now().Add(patience); r.Server.open.Load() == limit; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the connection that was closed still counts")
		}
	}
	r.dial().ok(`{"ping":1}`)
}

func TestManyConnectionsAtOnce(t *testing.T) {
	r := start(t, Options{})
	var clients sync.WaitGroup
	for n := range 100 {
		c := r.dial()
		clients.Go(func() {
			for i := range 5 {
				command, err := bson.Marshal(bson.D{
					{Key: "insert", Value: "c"}, {Key: "$db", Value: "test"},
					{Key: "documents", Value: bson.A{bson.D{{Key: "_id", Value: n*5 + i}}}},
				})
				if err != nil {
					t.Error(err)
					return
				}
				c.send(msg(0, append([]byte{0}, command...)))
				if _, err := readHeaderAndSkip(c.conn); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	r.dial().want(`{"count":"c"}`, `{"n":500}`)
}

func readHeaderAndSkip(conn net.Conn) ([]byte, error) {
	h, err := readHeader(conn)
	if err != nil {
		return nil, err
	}
	return readPayload(conn, h.size-headerSize)
}

// Requests that are sent before the answers to others are read are all answered,
// in order, but for those that want no answer.
func TestPipelinedRequests(t *testing.T) {
	c := start(t, Options{}).dial()
	var all []byte
	for id := range int32(10) {
		payload := binary.LittleEndian.AppendUint32(nil, uint32(id%2)*flagMoreToCome)
		all = append(all, message(opMsg, id, append(payload, body(t, `{"ping":1,"$db":"test"}`)...))...)
	}
	c.send(all)
	for id := int32(0); id < 10; id += 2 {
		if _, to := c.receive(); to != id {
			t.Errorf("the reply is to %d, want %d", to, id)
		}
	}
}

func TestGreetingOfOldDrivers(t *testing.T) {
	c := start(t, Options{}).dial()
	c.send(legacyQuery(t, "admin.$cmd", `{"isMaster":1,"helloOk":true,"client":{"driver":{"name":"x"}}}`))
	reply, _ := c.receive()
	if missing := lacks(t, reply, doc(t, `{"ismaster":true,"helloOk":true,"setName":"loam","maxWireVersion":21,"ok":1.0}`)); missing != "" {
		t.Errorf("%s without %s", text(reply), missing)
	}
	c.send(legacyQuery(t, "test.$cmd", `{"find":"c"}`))
	reply, _ = c.receive()
	if missing := lacks(t, reply, doc(t, `{"ok":0.0,"code":352}`)); missing != "" {
		t.Errorf("%s without %s", text(reply), missing)
	}
}

// panicking panics in the commands that it is asked to.
type panicking struct{ store.Store }

func (panicking) Count(context.Context, string, store.Count) (int64, error) { panic("count") }

func (panicking) Aggregate(context.Context, string, bson.A, store.AggregateOptions, func(bson.Raw) error) error {
	panic("aggregate")
}

func TestPanicsAreTheCommandsOwn(t *testing.T) {
	c := startWith(t, panicking{openStore(t)}, Options{}).dial()
	const failed = `{"ok":0.0,"code":8,"errmsg":"internal error"}`
	c.want(`{"count":"c"}`, failed)
	c.ok(`{"ping":1}`)
	c.want(`{"aggregate":"c","pipeline":[{"$group":{"_id":1,"n":{"$sum":1}}}],"cursor":{},"lsid":"@a","txnNumber":{"$numberLong":"1"},"autocommit":false,"startTransaction":true}`, failed)
	c.want(`{"find":"c","lsid":"@a","txnNumber":{"$numberLong":"1"},"autocommit":false}`, `{"ok":0.0,"code":251}`)
	c.ok(`{"find":"c","lsid":"@a","txnNumber":{"$numberLong":"2"},"autocommit":false,"startTransaction":true}`)
}

func TestServeEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Single{Name: "test", Database: openStore(t)}, Options{})
	done := make(chan error, 1)
	go func() { done <- s.Serve(t.Context(), l) }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("a listener that was closed: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the server does not notice that its listener is gone")
	}
}

// A server that is told to stop hangs up, also on those in a transaction.
func TestServeStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	db := openStore(t)
	r := &running{Server: New(Single{Name: "test", Database: db}, Options{}), t: t, address: l.Addr().String()}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	c := r.dial()
	c.ok(`{"insert":"c","documents":[{"_id":1}],"lsid":"@a","txnNumber":{"$numberLong":"1"},"autocommit":false,"startTransaction":true}`)
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the server does not stop")
	}
	if !c.hungUp() {
		t.Error("the connection stays open")
	}
	if n, err := db.Count(t.Context(), "c", store.Count{}); n != 0 || err != nil {
		t.Errorf("%d documents of the transaction, %v", n, err)
	}
}

// A message may be much larger than a document, and an answer about as large as
// one.
func TestLargeMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 18 MB around")
	}
	c := start(t, Options{}).dial()
	section := append([]byte("documents"), 0)
	padding := strings.Repeat("x", 6<<20)
	for i := range 3 {
		raw, err := bson.Marshal(bson.D{{Key: "_id", Value: int32(i)}, {Key: "padding", Value: padding}})
		if err != nil {
			t.Fatal(err)
		}
		section = append(section, raw...)
	}
	payload := append([]byte{0, 0, 0, 0}, body(t, `{"insert":"c","$db":"test"}`)...)
	payload = binary.LittleEndian.AppendUint32(append(payload, 1), uint32(len(section)+4))
	c.send(message(opMsg, 1, append(payload, section...)))
	reply, _ := c.receive()
	if missing := lacks(t, reply, doc(t, `{"ok":1.0,"n":3}`)); missing != "" {
		t.Fatal(text(reply))
	}
	p := pageOf(t, c.run(`{"find":"c","sort":{"_id":1}}`))
	if p.n != 2 || p.id == 0 {
		t.Fatalf("the first batch is %+v", p)
	}
	if p = pageOf(t, c.run(more(p.id, ""))); p != (page{0, 2, 1}) {
		t.Errorf("the second batch is %+v", p)
	}
}
