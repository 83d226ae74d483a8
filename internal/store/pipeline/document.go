package pipeline

import (
	"encoding/binary"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

var null = bson.RawValue{Type: bson.TypeNull}

// nullish tells whether v is null, undefined or missing.
func nullish(v bson.RawValue) bool {
	return v.Type == 0 || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}

// orNull returns null for what is missing.
func orNull(v bson.RawValue) bson.RawValue {
	if v.Type == 0 {
		return null
	}
	return v
}

// cloned returns a value that lasts.
func cloned(v bson.RawValue) bson.RawValue {
	return bson.RawValue{Type: v.Type, Value: append([]byte(nil), v.Value...)}
}

// openDocument leaves room for the length of a document and returns where that is.
func openDocument(dst []byte) ([]byte, int) { return append(dst, 0, 0, 0, 0), len(dst) }

// closeDocument ends the document that begins at start.
func closeDocument(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// appendName begins an element.
func appendName[T string | []byte](dst []byte, kind bson.Type, name T) []byte {
	dst = append(dst, byte(kind))
	dst = append(dst, name...)
	return append(dst, 0)
}

// appendField appends an element, unless it is missing.
func appendField[T string | []byte](dst []byte, name T, v bson.RawValue) []byte {
	if v.Type == 0 {
		return dst
	}
	return append(appendName(dst, v.Type, name), v.Value...)
}

// array is an array in the making.
type array struct {
	data []byte
	n    int
}

func newArray() array { return array{data: make([]byte, 4, 64)} }

func (a *array) add(kind bson.Type, data []byte) {
	a.data = append(a.data, byte(kind))
	a.data = strconv.AppendInt(a.data, int64(a.n), 10)
	a.data = append(append(a.data, 0), data...)
	a.n++
}

// value ends the array.
func (a *array) value() bson.RawValue {
	return bson.RawValue{Type: bson.TypeArray, Value: closeDocument(a.data, 0)}
}

// appendDecimal appends the name of an array's element.
func appendDecimal(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(i), 10) }

func documentValue(doc bson.Raw) bson.RawValue {
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}
}

func int32Value(n int32) bson.RawValue {
	return bson.RawValue{Type: bson.TypeInt32, Value: binary.LittleEndian.AppendUint32(nil, uint32(n))}
}

// integerValue returns n as an int32 if it fits, else as an int64.
func integerValue(n int64) bson.RawValue {
	if n == int64(int32(n)) {
		return int32Value(int32(n))
	}
	return int64Value(n)
}

func int64Value(n int64) bson.RawValue {
	return bson.RawValue{Type: bson.TypeInt64, Value: binary.LittleEndian.AppendUint64(nil, uint64(n))}
}

// fieldOf returns the value that a path leads to through documents only.
func fieldOf(doc bson.Raw, parts []string) bson.RawValue {
	for i, part := range parts {
		v := match.Lookup(doc, part)
		if i == len(parts)-1 {
			return v
		}
		if v.Type != bson.TypeEmbeddedDocument {
			break
		}
		doc = v.Value
	}
	return bson.RawValue{}
}

// maxPathParts bounds the depth of a path.
const maxPathParts = 200

// splitPath returns the parts of a path, which must be one of fields.
func splitPath(path string) ([]string, error) {
	if path == "" {
		return nil, store.BadRequest(40352, "FieldPath cannot be constructed with empty string")
	}
	if strings.HasSuffix(path, ".") {
		return nil, store.BadRequest(40353, "FieldPath must not end with a '.'.")
	}
	parts := strings.Split(path, ".")
	if len(parts) > maxPathParts {
		return nil, store.BadRequest(15, "FieldPath is too long")
	}
	for _, part := range parts {
		switch {
		case part == "":
			return nil, store.BadRequest(15998, "FieldPath field names may not be empty strings.")
		case part[0] == '$':
			return nil, store.BadRequest(16410, "FieldPath field names may not start with '$'. Consider using $getField or $setField.")
		case strings.IndexByte(part, 0) >= 0:
			return nil, store.BadRequest(16411, "FieldPath field names may not contain '\\0'.")
		}
	}
	return parts, nil
}

// fieldName holds a name to what one field can be called.
func fieldName(name string) error {
	parts, err := splitPath(name)
	if err == nil && len(parts) > 1 {
		err = store.BadRequest(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")
	}
	return err
}

// overlap tells whether one path is the other or leads to it.
func overlap(a, b string) bool { return a == b || under(a, b) || under(b, a) }

// under tells whether path leads into what is at root.
func under(path, root string) bool {
	return len(path) > len(root) && path[:len(root)] == root && path[len(root)] == '.'
}

// operatorDocument tells whether an operand is an expression with an operator
// rather than a document of fields.
func operatorDocument(v any) bool {
	d, ok := v.(bson.D)
	return ok && len(d) > 0 && strings.HasPrefix(d[0].Key, "$")
}

// pathOperand tells whether an operand is a path.
func pathOperand(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, "$")
}
