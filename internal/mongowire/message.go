package mongowire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Bounds of the protocol, in bytes, documents and levels, as MongoDB's own
// servers have them.
const (
	maxMessageSize   = 48_000_000
	maxDocumentSize  = 16 << 20
	maxCommandSize   = maxDocumentSize + 16<<10
	maxWriteBatch    = 100_000
	maxDocumentDepth = 200
	headerSize       = 16
)

// Operations of the protocol. Everything but the first hello is an opMsg.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013
)

// Flags of an opMsg.
const (
	flagChecksum   = 1 << 0
	flagMoreToCome = 1 << 1
	// The lower 16 flags are required: one that is not known is an error.
	requiredFlags = 0xffff
)

var errMalformed = errors.New("mongowire: malformed message")

// header is what every message begins with.
type header struct {
	raw       [headerSize]byte
	size      int // of the whole message, in bytes
	id        int32
	operation uint32
}

// request is one command as it arrived.
type request struct {
	id int32
	// legacy tells that it came as an opQuery and is answered by an opReply;
	// database is the one that it names.
	legacy   bool
	database string
	silent   bool // the client wants no answer
	body     bson.Raw
	// sequences are the documents sent beside the body, by the name of the
	// member that they stand for ("documents", "updates", "deletes").
	sequences map[string][]bson.Raw
}

// readHeader reads the header of the next message. io.EOF means that the client
// is gone.
func readHeader(r io.Reader) (*header, error) {
	h := &header{}
	if _, err := io.ReadFull(r, h.raw[:]); err != nil {
		return nil, err
	}
	h.size = int(int32(binary.LittleEndian.Uint32(h.raw[0:])))
	h.id = int32(binary.LittleEndian.Uint32(h.raw[4:]))
	h.operation = binary.LittleEndian.Uint32(h.raw[12:])
	if h.size < headerSize+4 || h.size > maxMessageSize {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, h.size)
	}
	return h, nil
}

// readRequest reads what follows a header.
func readRequest(r io.Reader, h *header) (*request, error) {
	q := &request{id: h.id}
	switch h.operation {
	case opMsg, opQuery:
	default:
		return nil, fmt.Errorf("%w: operation %d", errMalformed, h.operation)
	}
	payload, err := readPayload(r, h.size-headerSize)
	if err != nil {
		return nil, err
	}
	if h.operation == opMsg {
		err = q.parseMsg(h.raw[:], payload)
	} else {
		err = q.parseQuery(payload)
	}
	if err != nil {
		return nil, err
	}
	return q, nil
}

// readPayload reads n bytes. It takes memory only for as much again as has come.
func readPayload(r io.Reader, n int) ([]byte, error) {
	const first = 1 << 20
	var payload []byte
	for len(payload) < n {
		have := len(payload)
		more := min(n-have, max(have, first))
		payload = slices.Grow(payload, more)[:have+more]
		if _, err := io.ReadFull(r, payload[have:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return payload, nil
}

// parseMsg reads the sections of an opMsg.
func (q *request) parseMsg(header, payload []byte) error {
	flags := binary.LittleEndian.Uint32(payload)
	if unknown := flags & requiredFlags &^ (flagChecksum | flagMoreToCome); unknown != 0 {
		return fmt.Errorf("%w: flags %#x", errMalformed, unknown)
	}
	q.silent = flags&flagMoreToCome != 0
	sections := payload[4:]
	if flags&flagChecksum != 0 {
		if len(sections) < 4 {
			return errMalformed
		}
		table := crc32.MakeTable(crc32.Castagnoli)
		sum := crc32.Update(crc32.Checksum(header, table), table, payload[:len(payload)-4])
		if sum != binary.LittleEndian.Uint32(payload[len(payload)-4:]) {
			return fmt.Errorf("%w: wrong checksum", errMalformed)
		}
		sections = sections[:len(sections)-4]
	}
	for len(sections) > 0 {
		kind := sections[0]
		sections = sections[1:]
		var err error
		switch kind {
		case 0:
			if q.body != nil {
				return fmt.Errorf("%w: two bodies", errMalformed)
			}
			q.body, sections, err = cutDocument(sections)
		case 1:
			sections, err = q.parseSequence(sections)
		default:
			err = fmt.Errorf("%w: section of kind %d", errMalformed, kind)
		}
		if err != nil {
			return err
		}
	}
	if q.body == nil {
		return fmt.Errorf("%w: no body", errMalformed)
	}
	return nil
}

// parseSequence reads one section of documents and returns what follows it.
func (q *request) parseSequence(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, errMalformed
	}
	size := int(int32(binary.LittleEndian.Uint32(b)))
	if size < 5 || size > len(b) {
		return nil, errMalformed
	}
	identifier, section, ok := bytes.Cut(b[4:size], []byte{0})
	if !ok {
		return nil, errMalformed
	}
	name := string(identifier)
	if _, again := q.sequences[name]; again {
		return nil, fmt.Errorf("%w: two sequences %q", errMalformed, name)
	}
	docs := []bson.Raw{}
	for len(section) > 0 {
		if len(docs) == maxWriteBatch {
			return nil, fmt.Errorf("%w: more than %d documents", errMalformed, maxWriteBatch)
		}
		var (
			doc bson.Raw
			err error
		)
		if doc, section, err = cutDocument(section); err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	if q.sequences == nil {
		q.sequences = make(map[string][]bson.Raw, 1)
	}
	q.sequences[name] = docs
	return b[size:], nil
}

// parseQuery reads the opQuery by which drivers greet a server that they don't
// know: flags, namespace, two numbers, and the command.
func (q *request) parseQuery(payload []byte) error {
	const numbers = 8
	q.legacy = true
	namespace, rest, ok := bytes.Cut(payload[4:], []byte{0})
	if !ok || len(rest) < numbers {
		return errMalformed
	}
	database, isCommand := bytes.CutSuffix(namespace, []byte(".$cmd"))
	if !isCommand {
		return fmt.Errorf("%w: a query of %q", errMalformed, namespace)
	}
	q.database = string(database)
	var err error
	q.body, _, err = cutDocument(rest[numbers:])
	return err
}

// cutDocument takes a whole, valid document off the front of b.
func cutDocument(b []byte) (bson.Raw, []byte, error) {
	if len(b) < 5 {
		return nil, nil, errMalformed
	}
	size := int(int32(binary.LittleEndian.Uint32(b)))
	if size < 5 || size > len(b) || size > maxCommandSize {
		return nil, nil, errMalformed
	}
	if err := validate(b[:size:size], maxDocumentDepth); err != nil {
		return nil, nil, err
	}
	return b[:size:size], b[size:], nil
}

// validate checks that a document is well-formed and not nested deeper than
// allowed. The BSON library's own check would follow any depth, up to the end of
// the stack.
func validate(doc []byte, levels int) error {
	if levels == 0 {
		return fmt.Errorf("%w: nested deeper than %d levels", errMalformed, maxDocumentDepth)
	}
	length, rest, ok := bsoncore.ReadLength(doc)
	if !ok || int(length) != len(doc) || len(doc) < 5 || doc[len(doc)-1] != 0 {
		return fmt.Errorf("%w: a document of a wrong length", errMalformed)
	}
	for rest = rest[:len(rest)-1]; len(rest) > 0; {
		var element bsoncore.Element
		if element, rest, ok = bsoncore.ReadElement(rest); !ok {
			return fmt.Errorf("%w: an element that ends too soon", errMalformed)
		}
		v, err := element.ValueErr()
		if err != nil {
			return fmt.Errorf("%w: %v", errMalformed, err)
		}
		switch v.Type {
		case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
			err = validate(v.Data, levels-1)
		case bsoncore.TypeCodeWithScope:
			_, scope, ok := v.CodeWithScopeOK()
			if !ok {
				return errMalformed
			}
			err = validate(scope, levels-1)
		default:
			if err = v.Validate(); err != nil {
				err = fmt.Errorf("%w: %v", errMalformed, err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// appendReply appends the message that answers q.
func appendReply(dst []byte, q *request, id int32, body bson.Raw) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	op := uint32(opMsg)
	if q.legacy {
		op = opReply
		dst = append(dst, make([]byte, 16)...) // flags, cursor, first document
		dst = binary.LittleEndian.AppendUint32(dst, 1)
	} else {
		dst = append(dst, 0, 0, 0, 0, 0) // flags, and a section of kind 0
	}
	dst = append(dst, body...)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	binary.LittleEndian.PutUint32(dst[start+4:], uint32(id))
	binary.LittleEndian.PutUint32(dst[start+8:], uint32(q.id))
	binary.LittleEndian.PutUint32(dst[start+12:], op)
	return dst
}
