package expression

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// value is a well-formed BSON value in place; the zero value is a missing one.
type value = bson.RawValue

var (
	missing = value{}
	null    = value{Type: bson.TypeNull}
	yes     = value{Type: bson.TypeBoolean, Value: []byte{1}}
	no      = value{Type: bson.TypeBoolean, Value: []byte{0}}
)

// typeAbsent is the type of an argument that was not given at all, to be told
// from one that is missing in the document.
const typeAbsent bson.Type = 0xAB

func boolean(b bool) value {
	if b {
		return yes
	}
	return no
}

// nullish tells whether v is null, undefined or missing, which most operators
// answer with null.
func nullish(v value) bool {
	return v.Type == 0 || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}

func absent(v value) bool { return v.Type == typeAbsent }

func isNumber(v value) bool {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		return true
	}
	return false
}

func isInteger(v value) bool { return v.Type == bson.TypeInt32 || v.Type == bson.TypeInt64 }

func int64Of(v value) int64 { return int64(binary.LittleEndian.Uint64(v.Value)) }

func doubleOf(v value) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(v.Value)) }

// integerOf returns the value of an int32 or int64.
func integerOf(v value) int64 {
	if v.Type == bson.TypeInt32 {
		return int64(int32(binary.LittleEndian.Uint32(v.Value)))
	}
	return int64Of(v)
}

// textOf returns the bytes of a string, symbol or code.
func textOf(v value) []byte { return v.Value[4 : len(v.Value)-1] }

// text returns a string value, which must fit a document.
func text(s string) (value, error) {
	if len(s) > maxValue {
		return missing, tooLarge()
	}
	b := make([]byte, 0, len(s)+5)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)+1))
	b = append(append(b, s...), 0)
	return value{Type: bson.TypeString, Value: b}, nil
}

func tooLarge() error {
	return store.BadRequest(codeTooLarge, "an expression's value is larger than %d bytes", maxValue)
}

// typeName returns MongoDB's name of a value's type.
func typeName(v value) string {
	switch v.Type {
	case 0, typeAbsent:
		return "missing"
	case bson.TypeDouble:
		return "double"
	case bson.TypeString:
		return "string"
	case bson.TypeEmbeddedDocument:
		return "object"
	case bson.TypeArray:
		return "array"
	case bson.TypeBinary:
		return "binData"
	case bson.TypeUndefined:
		return "undefined"
	case bson.TypeObjectID:
		return "objectId"
	case bson.TypeBoolean:
		return "bool"
	case bson.TypeDateTime:
		return "date"
	case bson.TypeNull:
		return "null"
	case bson.TypeRegex:
		return "regex"
	case bson.TypeDBPointer:
		return "dbPointer"
	case bson.TypeJavaScript:
		return "javascript"
	case bson.TypeSymbol:
		return "symbol"
	case bson.TypeCodeWithScope:
		return "javascriptWithScope"
	case bson.TypeInt32:
		return "int"
	case bson.TypeTimestamp:
		return "timestamp"
	case bson.TypeInt64:
		return "long"
	case bson.TypeDecimal128:
		return "decimal"
	case bson.TypeMinKey:
		return "minKey"
	}
	return "maxKey"
}

// int32Of returns a number that is a whole one of 32 bits.
func int32Of(v value) (int32, bool) {
	n, ok := match.Whole(v)
	return int32(n), ok && n == int64(int32(n))
}

// appendIndex appends the name of an array's element.
func appendIndex(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(i), 10) }

// maxShown bounds how much of a value an error message shows, in bytes.
const maxShown = 120

// shown returns a value as an error message shows it.
func shown(v value) string {
	if v.Type == 0 || absent(v) {
		return "missing"
	}
	s := v.String()
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return s
}
