package match

import (
	"encoding/binary"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// MongoDB's error codes that this package gives.
const (
	codeBadValue            = 2
	codeNoSuchKey           = 4
	codeFailedToParse       = 9
	codeTypeMismatch        = 14
	codeOverflow            = 15
	codePathNotViable       = 28
	codeCannotBackfillArray = 34
	codeConflictingUpdate   = 40
	codeDollarPrefixedName  = 52
	codeInvalidID           = 53
	codeNotSingleValue      = 54
	codeEmptyFieldName      = 56
	codeImmutableField      = 66
	codeCannotCreateIndex   = 67
	codeCannotIndexParallel = 171
)

// Encode returns d as BSON. The values that the store's contract names are
// written directly, which is several times faster than bson.Marshal; others
// are left to it.
func Encode(d bson.D) (bson.Raw, error) {
	return appendDocument(make([]byte, 0, 256), d, 0)
}

func appendDocument(dst []byte, d bson.D, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, store.BadRequest(codeOverflow, "document is nested deeper than %d levels", maxDepth)
	}
	dst, start := openDocument(dst)
	var err error
	for _, e := range d {
		if dst, err = appendElement(dst, e.Key, e.Value, depth); err != nil {
			return nil, err
		}
	}
	return closeDocument(dst, start), nil
}

func appendArray(dst []byte, a bson.A, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, store.BadRequest(codeOverflow, "document is nested deeper than %d levels", maxDepth)
	}
	dst, start := openDocument(dst)
	var err error
	for i, v := range a {
		if dst, err = appendElement(dst, strconv.Itoa(i), v, depth); err != nil {
			return nil, err
		}
	}
	return closeDocument(dst, start), nil
}

// openDocument leaves room for the length of a document and returns where that is.
func openDocument(dst []byte) ([]byte, int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

// closeDocument ends the document that begins at start.
func closeDocument(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

func appendKeyName(dst []byte, kind bson.Type, key string) []byte {
	dst = append(dst, byte(kind))
	dst = append(dst, key...)
	return append(dst, 0)
}

func appendText(dst []byte, s string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)+1))
	dst = append(dst, s...)
	return append(dst, 0)
}

func appendElement(dst []byte, key string, v any, depth int) ([]byte, error) {
	for i := range len(key) {
		if key[i] == 0 {
			return nil, store.BadRequest(codeBadValue, "field names can't contain the null byte")
		}
	}
	switch v := v.(type) {
	case string:
		return appendText(appendKeyName(dst, bson.TypeString, key), v), nil
	case int32:
		return binary.LittleEndian.AppendUint32(appendKeyName(dst, bson.TypeInt32, key), uint32(v)), nil
	case int64:
		return binary.LittleEndian.AppendUint64(appendKeyName(dst, bson.TypeInt64, key), uint64(v)), nil
	case float64:
		return binary.LittleEndian.AppendUint64(appendKeyName(dst, bson.TypeDouble, key), math.Float64bits(v)), nil
	case bool:
		if v {
			return append(appendKeyName(dst, bson.TypeBoolean, key), 1), nil
		}
		return append(appendKeyName(dst, bson.TypeBoolean, key), 0), nil
	case nil, bson.Null:
		return appendKeyName(dst, bson.TypeNull, key), nil
	case bson.DateTime:
		return binary.LittleEndian.AppendUint64(appendKeyName(dst, bson.TypeDateTime, key), uint64(v)), nil
	case bson.ObjectID:
		return append(appendKeyName(dst, bson.TypeObjectID, key), v[:]...), nil
	case bson.D:
		return appendDocument(appendKeyName(dst, bson.TypeEmbeddedDocument, key), v, depth+1)
	case bson.A:
		return appendArray(appendKeyName(dst, bson.TypeArray, key), v, depth+1)
	case bson.Raw:
		if size(bson.TypeEmbeddedDocument, v) != len(v) {
			return nil, store.BadRequest(codeBadValue, "malformed document in %q", key)
		}
		return append(appendKeyName(dst, bson.TypeEmbeddedDocument, key), v...), nil
	case bson.RawValue:
		if size(v.Type, v.Value) != len(v.Value) {
			return nil, store.BadRequest(codeBadValue, "malformed value in %q", key)
		}
		return append(appendKeyName(dst, v.Type, key), v.Value...), nil
	case value:
		return append(appendKeyName(dst, v.kind, key), v.data...), nil
	}
	kind, data, err := bson.MarshalValue(v)
	if err != nil {
		return nil, store.BadRequest(codeBadValue, "%q can't be encoded as BSON: %v", key, err)
	}
	return append(appendKeyName(dst, kind, key), data...), nil
}

// appendValueElement appends an element that is already BSON.
func appendValueElement(dst, key []byte, v value) []byte {
	dst = append(dst, byte(v.kind))
	dst = append(dst, key...)
	dst = append(dst, 0)
	return append(dst, v.data...)
}

// appendIndex appends the name of an array's element.
func appendIndex(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(i), 10) }

func doubleValue(d float64) value {
	return value{kind: bson.TypeDouble, data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(d))}
}
