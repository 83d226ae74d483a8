package mongowire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Sizes of the protocol, in bytes and documents, as MongoDB's own servers have them.
const (
	maxMessageSize  = 48_000_000
	maxDocumentSize = 16 << 20
	maxWriteBatch   = 100_000
	headerSize      = 16
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

// request is one command as it arrived.
type request struct {
	id     int32
	legacy bool // came as an opQuery and is answered by an opReply
	silent bool // the client wants no answer
	body   bson.Raw
	// sequences are the documents sent beside the body, by the name of the
	// member that they stand for ("documents", "updates", "deletes").
	sequences map[string][]bson.Raw
}

// readRequest reads the next message. io.EOF means that the client is gone.
func readRequest(r io.Reader) (*request, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	size := int(int32(binary.LittleEndian.Uint32(header[0:])))
	if size < headerSize+4 || size > maxMessageSize {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, size)
	}
	payload, err := readPayload(r, size-headerSize)
	if err != nil {
		return nil, err
	}
	q := &request{id: int32(binary.LittleEndian.Uint32(header[4:]))}
	switch op := binary.LittleEndian.Uint32(header[12:]); op {
	case opMsg:
		return q, q.parseMsg(header[:], payload)
	case opQuery:
		return q, q.parseQuery(payload)
	default:
		return nil, fmt.Errorf("%w: operation %d", errMalformed, op)
	}
}

// readPayload reads n bytes, and takes memory only as they arrive.
func readPayload(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	payload := make([]byte, 0, min(n, step))
	for len(payload) < n {
		have := len(payload)
		payload = append(payload, make([]byte, min(n-have, step))...)
		if _, err := io.ReadFull(r, payload[have:]); err != nil {
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
		sum := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), header)
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), payload[:len(payload)-4])
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
	section, rest := b[4:size], b[size:]
	end := indexZero(section)
	if end < 0 {
		return nil, errMalformed
	}
	name := string(section[:end])
	if _, again := q.sequences[name]; again {
		return nil, fmt.Errorf("%w: two sequences %q", errMalformed, name)
	}
	section = section[end+1:]
	docs := []bson.Raw{}
	for len(section) > 0 {
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
	return rest, nil
}

// parseQuery reads the opQuery by which drivers greet a server that they don't know.
func (q *request) parseQuery(payload []byte) error {
	q.legacy = true
	if len(payload) < 4 {
		return errMalformed
	}
	rest := payload[4:]
	end := indexZero(rest)
	if end < 0 || len(rest) < end+1+8 {
		return errMalformed
	}
	var err error
	q.body, _, err = cutDocument(rest[end+1+8:])
	return err
}

func indexZero(b []byte) int {
	for i, c := range b {
		if c == 0 {
			return i
		}
	}
	return -1
}

// cutDocument takes a whole, valid document off the front of b.
func cutDocument(b []byte) (bson.Raw, []byte, error) {
	if len(b) < 5 {
		return nil, nil, errMalformed
	}
	size := int(int32(binary.LittleEndian.Uint32(b)))
	if size < 5 || size > len(b) || size > maxDocumentSize+16<<10 {
		return nil, nil, errMalformed
	}
	doc := bson.Raw(b[:size:size])
	if err := doc.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%w: %v", errMalformed, err)
	}
	return doc, b[size:], nil
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
