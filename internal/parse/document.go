package parse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// errMalformed says that stored bytes are not BSON.
var errMalformed = errors.New("parse: malformed BSON document")

// documentReader walks the elements of a BSON document or array in place. It
// trusts no length: what does not fit ends the walk with failed set. Package
// match has a reader of its own, for which what is malformed is missing; here it
// is an error, since an object shown in part would be taken for a whole one.
type documentReader struct {
	rest   []byte
	failed bool

	kind  bson.Type
	key   []byte
	value []byte // without the type byte; valid while the document is
}

func readDocument(doc []byte) documentReader {
	if len(doc) < 5 {
		return documentReader{failed: true}
	}
	n := binary.LittleEndian.Uint32(doc)
	if n < 5 || uint64(n) > uint64(len(doc)) || doc[n-1] != 0 {
		return documentReader{failed: true}
	}
	return documentReader{rest: doc[4 : n-1]}
}

// next moves to the next element and tells whether there is one.
func (r *documentReader) next() bool {
	if len(r.rest) == 0 {
		return false
	}
	end := bytes.IndexByte(r.rest[1:], 0)
	if end < 0 {
		return r.fail()
	}
	r.kind = bson.Type(r.rest[0])
	r.key = r.rest[1 : 1+end]
	r.rest = r.rest[2+end:]
	size := valueSize(r.kind, r.rest)
	if size < 0 || size > len(r.rest) {
		return r.fail()
	}
	r.value = r.rest[:size]
	r.rest = r.rest[size:]
	return true
}

func (r *documentReader) fail() bool {
	r.rest, r.failed = nil, true
	return false
}

// valueSize returns how many bytes the value at the front of b takes, or -1 when
// it is malformed. The size may exceed b.
func valueSize(kind bson.Type, b []byte) int {
	switch kind {
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
		return 0
	case bson.TypeBoolean:
		return 1
	case bson.TypeInt32:
		return 4
	case bson.TypeDouble, bson.TypeInt64, bson.TypeDateTime, bson.TypeTimestamp:
		return 8
	case bson.TypeObjectID:
		return 12
	case bson.TypeDecimal128:
		return 16
	case bson.TypeString, bson.TypeJavaScript, bson.TypeSymbol:
		return prefixed(b, 4, 1)
	case bson.TypeBinary:
		return prefixed(b, 5, 0)
	case bson.TypeDBPointer:
		return prefixed(b, 16, 1)
	case bson.TypeEmbeddedDocument, bson.TypeArray, bson.TypeCodeWithScope:
		return prefixed(b, 0, 5)
	case bson.TypeRegex:
		pattern := bytes.IndexByte(b, 0)
		if pattern < 0 {
			return -1
		}
		options := bytes.IndexByte(b[pattern+1:], 0)
		if options < 0 {
			return -1
		}
		return pattern + options + 2
	}
	return -1
}

// prefixed returns the size of a value that begins with its length, which does
// not count extra bytes and is at least least.
func prefixed(b []byte, extra, least int) int {
	if len(b) < 4 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(b)))
	if n < least {
		return -1
	}
	return n + extra
}

// The following read values of a known kind from bytes that valueSize measured.

func stringBytes(b []byte) []byte { return b[4 : len(b)-1] }

func int64Of(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }

func float64Of(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

// binaryBytes returns the bytes of a binary value; the old subtype 2 repeats its length.
func binaryBytes(b []byte) []byte {
	data := b[5:]
	if b[4] == bson.TypeBinaryBinaryOld && len(data) >= 4 {
		return data[4:]
	}
	return data
}

// numberOf reads a value of any numeric kind as JavaScript would.
func numberOf(kind bson.Type, b []byte) (float64, bool) {
	switch kind {
	case bson.TypeDouble:
		return float64Of(b), true
	case bson.TypeInt32:
		return float64(int32(binary.LittleEndian.Uint32(b))), true
	case bson.TypeInt64, bson.TypeTimestamp:
		return float64(int64Of(b)), true
	case bson.TypeDecimal128:
		d := bson.NewDecimal128(binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b))
		f, err := strconv.ParseFloat(d.String(), 64)
		return f, err == nil
	}
	return 0, false
}

// lookup returns the kind and the value of a top-level element.
func lookup(doc []byte, key string) (kind bson.Type, value []byte, ok bool) {
	for r := readDocument(doc); r.next(); {
		if string(r.key) == key {
			return r.kind, r.value, true
		}
	}
	return 0, nil, false
}

// permissions are the stored lists of who may read and write a document.
type permissions struct {
	read, write       []byte // BSON arrays
	hasRead, hasWrite bool
}

// note keeps an element when it is one of the lists, and tells whether it is.
func (p *permissions) note(key []byte, kind bson.Type, value []byte) {
	if kind != bson.TypeArray {
		return
	}
	switch string(key) {
	case "_rperm":
		p.read, p.hasRead = value, true
	case "_wperm":
		p.write, p.hasWrite = value, true
	}
}

func (p *permissions) any() bool { return p.hasRead || p.hasWrite }

func (p *permissions) acl() ACL {
	var acl ACL
	index := make(map[string]int)
	collect := func(list []byte, grant func(*ACLEntry)) {
		for r := readDocument(list); r.next(); {
			if r.kind != bson.TypeString {
				continue
			}
			key := string(stringBytes(r.value))
			i, ok := index[key]
			if !ok {
				i = len(acl.Entries)
				index[key] = i
				acl.Entries = append(acl.Entries, ACLEntry{Key: key})
			}
			grant(&acl.Entries[i])
		}
	}
	collect(p.read, func(e *ACLEntry) { e.Read = true })
	collect(p.write, func(e *ACLEntry) { e.Write = true })
	return acl
}
