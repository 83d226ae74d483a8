package mongowire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime/metrics"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// parse reads one message as a connection does.
func parse(r io.Reader) (*request, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	return readRequest(r, h)
}

// body is a section of kind 0.
func body(t testing.TB, json string) []byte { return append([]byte{0}, doc(t, json)...) }

// sequence is a section of kind 1.
func sequence(t testing.TB, name string, docs ...string) []byte {
	section := append([]byte(name), 0)
	for _, d := range docs {
		section = append(section, doc(t, d)...)
	}
	b := binary.LittleEndian.AppendUint32([]byte{1}, uint32(len(section)+4))
	return append(b, section...)
}

// msg is an opMsg of these flags and sections.
func msg(flags uint32, sections ...[]byte) []byte {
	return message(opMsg, 7, append(binary.LittleEndian.AppendUint32(nil, flags), bytes.Join(sections, nil)...))
}

// checksummed appends the checksum that the flags of a message announce.
func checksummed(m []byte) []byte {
	m = append(m, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	sum := crc32.Checksum(m[:len(m)-4], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(m[len(m)-4:], sum)
	return m
}

// legacyQuery is an opQuery.
func legacyQuery(t testing.TB, namespace, command string) []byte {
	b := append([]byte{0, 0, 0, 0}, namespace...)
	b = append(b, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	return message(opQuery, 7, append(b, doc(t, command)...))
}

func TestReadRequest(t *testing.T) {
	insert := body(t, `{"insert":"c","$db":"test"}`)
	for _, c := range []struct {
		name    string
		message []byte
		silent  bool
		legacy  bool
		docs    []string // of the sequence
	}{
		{name: "a body", message: msg(0, insert)},
		{name: "a body that wants no answer", message: msg(flagMoreToCome, insert), silent: true},
		{name: "a checksum", message: checksummed(msg(flagChecksum, insert))},
		{name: "a flag that may be ignored", message: msg(1<<16, insert)},
		{name: "documents behind the body", message: msg(0, insert, sequence(t, "documents", `{"_id":1}`, `{"_id":2}`)), docs: []string{`{"_id":1}`, `{"_id":2}`}},
		{name: "documents before the body", message: msg(0, sequence(t, "documents", `{"_id":1}`), insert), docs: []string{`{"_id":1}`}},
		{name: "a sequence of no documents", message: msg(0, insert, sequence(t, "documents"))},
		{name: "the greeting of a driver", message: legacyQuery(t, "test.$cmd", `{"insert":"c"}`), legacy: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := parse(bytes.NewReader(c.message))
			if err != nil {
				t.Fatal(err)
			}
			if q.id != 7 || q.silent != c.silent || q.legacy != c.legacy || q.body.Lookup("insert").StringValue() != "c" {
				t.Errorf("got %+v", q)
			}
			if c.legacy && q.database != "test" {
				t.Errorf("the database is %q", q.database)
			}
			docs := q.sequences["documents"]
			if len(docs) != len(c.docs) {
				t.Fatalf("%d documents, want %d", len(docs), len(c.docs))
			}
			for i, want := range c.docs {
				if !bytes.Equal(docs[i], doc(t, want)) {
					t.Errorf("document %d is %s, want %s", i, docs[i], want)
				}
			}
		})
	}
}

// nested is a document of so many levels.
func nested(levels int) []byte {
	d := []byte{5, 0, 0, 0, 0}
	for range levels - 1 {
		outer := binary.LittleEndian.AppendUint32(nil, uint32(len(d)+8))
		outer = append(append(append(outer, byte(bson.TypeEmbeddedDocument), 'a', 0), d...), 0)
		d = outer
	}
	return d
}

func TestReadRequestRefuses(t *testing.T) {
	ping := body(t, `{"ping":1,"$db":"test"}`)
	sized := func(m []byte, size uint32) []byte {
		m = bytes.Clone(m)
		binary.LittleEndian.PutUint32(m, size)
		return m
	}
	spoilt := func(m []byte, at int) []byte {
		m = bytes.Clone(m)
		if at < 0 {
			at += len(m)
		}
		m[at] ^= 0x55
		return m
	}
	text := append([]byte{0}, 19, 0, 0, 0, byte(bson.TypeString), 'a', 0, 200, 0, 0, 0, 'x', 'y', 'z', 0, 0, 0, 0, 0)
	for name, message := range map[string][]byte{
		"a size below that of a header":     sized(msg(0, ping), 15),
		"a size of a header and no more":    sized(msg(0, ping), 16),
		"a negative size":                   sized(msg(0, ping), 0xffffffff),
		"a size above the greatest":         sized(msg(0, ping), maxMessageSize+1),
		"an unknown operation":              message(2012, 7, make([]byte, 30)),
		"an insert of old":                  message(2002, 7, make([]byte, 30)),
		"a required flag that is not known": msg(1<<2, ping),
		"a wrong checksum":                  spoilt(checksummed(msg(flagChecksum, ping)), -1),
		"a wrong byte under a checksum":     spoilt(checksummed(msg(flagChecksum, ping)), 30),
		"a checksum too short":              msg(flagChecksum),
		"no body":                           msg(0, sequence(t, "documents", `{}`)),
		"two bodies":                        msg(0, ping, ping),
		"two sequences of one name":         msg(0, ping, sequence(t, "documents"), sequence(t, "documents")),
		"a section of an unknown kind":      msg(0, ping, []byte{2}),
		"half a section":                    msg(0, ping, []byte{1, 9, 0}),
		"a sequence that is too long":       msg(0, ping, []byte{1, 99, 0, 0, 0, 'a', 0}),
		"a sequence that is too short":      msg(0, ping, []byte{1, 4, 0, 0, 0, 'a', 0}),
		"a sequence without a name's end":   msg(0, ping, []byte{1, 6, 0, 0, 0, 'a', 'b'}),
		"half a document in a sequence":     msg(0, ping, []byte{1, 9, 0, 0, 0, 'a', 0, 5, 0}),
		"a document that is too long":       msg(0, []byte{0, 99, 0, 0, 0, 0}),
		"a document without an end":         msg(0, []byte{0, 5, 0, 0, 0, 1}),
		"an element that is too long":       msg(0, text),
		"an element of an unknown type":     msg(0, []byte{0, 8, 0, 0, 0, 0x20, 'a', 0, 0}),
		"a document of too many levels":     msg(0, append([]byte{0}, nested(maxDocumentDepth+1)...)),
		"an opQuery without a name's end":   message(opQuery, 7, []byte{0, 0, 0, 0, 'a', 'b'}),
		"an opQuery of a collection":        legacyQuery(t, "test.c", `{"isMaster":1}`),
		"an opQuery that ends too soon":     message(opQuery, 7, []byte{0, 0, 0, 0, 'a', '.', '$', 'c', 'm', 'd', 0, 1, 2}),
	} {
		t.Run(name, func(t *testing.T) {
			if q, err := parse(bytes.NewReader(message)); !errors.Is(err, errMalformed) {
				t.Errorf("got %+v, %v", q, err)
			}
		})
	}
}

func TestReadRequestTakesDeepDocuments(t *testing.T) {
	if _, err := parse(bytes.NewReader(msg(0, append([]byte{0}, nested(maxDocumentDepth)...)))); err != nil {
		t.Error(err)
	}
}

// As many levels as a message can hold must not be followed to the end of the
// stack.
func TestReadRequestDoesNotFollowEveryLevel(t *testing.T) {
	d := bytes.Repeat([]byte{0, 0, 0, 1, byte(bson.TypeEmbeddedDocument), 'a', 0}, 2<<20)
	for at, size := 0, len(d); at+7 <= len(d); at += 7 {
		binary.LittleEndian.PutUint32(d[at:], uint32(size-at))
	}
	if _, _, err := cutDocument(d); !errors.Is(err, errMalformed) {
		t.Error(err)
	}
}

func TestReadRequestOfHalfMessages(t *testing.T) {
	whole := msg(0, body(t, `{"insert":"c","$db":"test"}`), sequence(t, "documents", `{"_id":1}`))
	for n := range whole {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := parse(bytes.NewReader(whole[:n])); !errors.Is(err, want) {
			t.Errorf("of %d bytes: %v, want %v", n, err, want)
		}
	}
}

// allocated is how many bytes this process has taken from the heap so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// announced is a message of which there is less than it says.
func announced(size uint32) []byte {
	m := msg(0, []byte{0})
	binary.LittleEndian.PutUint32(m, size)
	return m
}

func TestReadRequestTakesNoMemoryOnTrust(t *testing.T) {
	before := allocated()
	for range 20 {
		if _, err := parse(bytes.NewReader(announced(maxMessageSize))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	if took := allocated() - before; took > 20*4<<20 {
		t.Errorf("20 empty messages took %d bytes", took)
	}
}

func FuzzReadRequest(f *testing.F) {
	ping := body(f, `{"ping":1,"$db":"test"}`)
	f.Add(msg(0, ping))
	f.Add(checksummed(msg(flagChecksum, ping)))
	f.Add(msg(0, body(f, `{"insert":"c","$db":"test"}`), sequence(f, "documents", `{"_id":1}`, `{"a":[{"b":{"$oid":"000000000000000000000000"}}]}`)))
	f.Add(msg(0, body(f, `{"a":{"$code":"f","$scope":{"x":1}},"b":{"$numberDecimal":"1"},"c":{"$regularExpression":{"pattern":"a","options":"i"}},"$db":"x"}`)))
	f.Add(legacyQuery(f, "admin.$cmd", `{"isMaster":1}`))
	f.Add(announced(maxMessageSize))
	f.Add([]byte(strings.Repeat("\x10\x00\x00\x00", 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		q, err := parse(bytes.NewReader(b))
		// Chunks of 1 MiB, and the list of what may be very small documents.
		if took := allocated() - before; took > 4<<20+uint64(64*len(b)) {
			t.Errorf("%d bytes made it take %d", len(b), took)
		}
		if err != nil {
			return
		}
		size := len(q.body)
		if err := q.body.Validate(); err != nil {
			t.Errorf("the body is accepted, but: %v", err)
		}
		for _, docs := range q.sequences {
			for _, doc := range docs {
				size += len(doc)
				if err := doc.Validate(); err != nil {
					t.Errorf("a document is accepted, but: %v", err)
				}
			}
		}
		if size > len(b) {
			t.Errorf("%d bytes of documents in a message of %d", size, len(b))
		}
		if reply := appendReply(nil, q, 1, failure(errMalformed)); int(binary.LittleEndian.Uint32(reply)) != len(reply) {
			t.Error("the reply is framed wrongly")
		}
	})
}

func BenchmarkReadRequest(b *testing.B) {
	var docs []string
	for range 100 {
		docs = append(docs, `{"_id":"abcdefghij","name":"a name","n":1,"list":[1,2,3],"at":{"$date":{"$numberLong":"0"}}}`)
	}
	m := msg(0, body(b, `{"insert":"c","ordered":true,"$db":"test"}`), sequence(b, "documents", docs...))
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(bytes.NewReader(m)); err != nil {
			b.Fatal(err)
		}
	}
}
