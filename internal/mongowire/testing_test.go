package mongowire

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// running is a server of a store, as database "test".
type running struct {
	*Server
	t       *testing.T
	store   store.Store
	address string
}

// start serves an embedded store of its own.
func start(t *testing.T, o Options) *running {
	t.Helper()
	return startWith(t, openStore(t), o)
}

func openStore(t *testing.T) store.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

func startWith(t *testing.T, s store.Store, o Options) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Server: New(Single{Name: "test", Database: s}, o), t: t, store: s, address: l.Addr().String()}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	})
	return r
}

// client is one raw connection.
type client struct {
	t    *testing.T
	conn net.Conn
	next int32
}

func (r *running) dial() *client {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return &client{t: r.t, conn: conn}
}

// run runs a command on database test and returns the reply.
func (c *client) run(command string) bson.Raw {
	c.t.Helper()
	elements, err := doc(c.t, command).Elements()
	if err != nil {
		c.t.Fatal(err)
	}
	var d bson.D
	for _, e := range elements {
		d = append(d, bson.E{Key: e.Key(), Value: e.Value()})
	}
	d = append(d, bson.E{Key: "$db", Value: "test"})
	raw, err := bson.Marshal(d)
	if err != nil {
		c.t.Fatal(err)
	}
	c.next++
	c.send(message(opMsg, c.next, append([]byte{0, 0, 0, 0, 0}, raw...)))
	reply, to := c.receive()
	if to != c.next {
		c.t.Fatalf("the reply is to request %d, want %d", to, c.next)
	}
	return reply
}

// want runs a command; the reply must have the members of the JSON.
func (c *client) want(command, json string) bson.Raw {
	c.t.Helper()
	reply := c.run(command)
	if missing := lacks(c.t, reply, doc(c.t, json)); missing != "" {
		c.t.Fatalf("%s\n answered %s\n  without %s", command, text(reply), missing)
	}
	return reply
}

// ok runs commands that must not fail.
func (c *client) ok(commands ...string) {
	c.t.Helper()
	for _, command := range commands {
		reply := c.want(command, `{"ok":1.0}`)
		if !reply.Lookup("writeErrors").IsZero() {
			c.t.Fatalf("%s\n answered %s", command, text(reply))
		}
	}
}

// lacks names a member of want that got does not have so; numbers may be of
// different types, and documents have members besides.
func lacks(t *testing.T, got, want bson.Raw) string {
	t.Helper()
	elements, err := want.Elements()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range elements {
		w, g := e.Value(), got.Lookup(e.Key())
		wantDoc, isDoc := w.DocumentOK()
		gotDoc, hasDoc := g.DocumentOK()
		if list, isArray := w.ArrayOK(); isArray {
			gotList, _ := g.ArrayOK()
			wantValues, _ := list.Values()
			gotValues, _ := gotList.Values()
			wantDoc, isDoc, gotDoc, hasDoc = bson.Raw(list), true, bson.Raw(gotList), len(wantValues) == len(gotValues)
		}
		switch n, isNumber := w.AsInt64OK(); {
		case isDoc && hasDoc:
			if lacks(t, gotDoc, wantDoc) == "" {
				continue
			}
		case isNumber:
			if m, ok := g.AsInt64OK(); ok && m == n {
				continue
			}
		case w.Equal(g):
			continue
		}
		return e.String()
	}
	return ""
}

// send writes bytes; that the server hangs up meanwhile is for receive to find.
func (c *client) send(b []byte) { _, _ = c.conn.Write(b) }

// receive reads a reply, and which request it is to.
func (c *client) receive() (reply bson.Raw, to int32) {
	c.t.Helper()
	h, err := readHeader(c.conn)
	if err != nil {
		c.t.Fatalf("no reply: %v", err)
	}
	payload, err := readPayload(c.conn, h.size-headerSize)
	if err != nil {
		c.t.Fatal(err)
	}
	skip := 5
	if h.operation == opReply {
		skip = 20
	}
	return payload[skip:], int32(binary.LittleEndian.Uint32(h.raw[8:]))
}

// hungUp tells whether the server has closed the connection.
func (c *client) hungUp() bool {
	_, err := c.conn.Read(make([]byte, 1))
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

// message frames a payload.
func message(operation uint32, id int32, payload []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(headerSize+len(payload)))
	b = binary.LittleEndian.AppendUint32(b, uint32(id))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, operation)
	return append(b, payload...)
}

// doc reads a document in MongoDB's extended JSON, in which "@a" stands for the
// id of a session a.
func doc(t testing.TB, json string) bson.Raw {
	t.Helper()
	var raw bson.Raw
	if err := bson.UnmarshalExtJSON([]byte(withSessions(json)), false, &raw); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return raw
}

func withSessions(json string) string {
	for _, name := range []string{"a", "b", "c"} {
		id := `{"id":{"$uuid":"00000000-0000-4000-8000-00000000000` + name + `"}}`
		json = strings.ReplaceAll(json, `"@`+name+`"`, id)
	}
	return json
}

// text is a document for people to read.
func text(raw bson.Raw) string {
	json, err := bson.MarshalExtJSON(raw, false, false)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(json))
}
