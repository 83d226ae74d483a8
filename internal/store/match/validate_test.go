package match

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// everyType is a document with a value of every type of BSON.
var everyType = bson.D{
	{Key: "_id", Value: bson.ObjectID{1, 2, 3}},
	{Key: "double", Value: 1.5}, {Key: "string", Value: "text"}, {Key: "document", Value: bson.D{{Key: "a", Value: bson.D{}}}},
	{Key: "array", Value: bson.A{int32(1), bson.A{}, bson.D{{Key: "b", Value: nil}}}},
	{Key: "binary", Value: bson.Binary{Subtype: 4, Data: []byte{1, 2}}}, {Key: "undefined", Value: bson.Undefined{}},
	{Key: "true", Value: true}, {Key: "date", Value: bson.DateTime(7)}, {Key: "null", Value: nil},
	{Key: "regex", Value: bson.Regex{Pattern: "a", Options: "i"}},
	{Key: "pointer", Value: bson.DBPointer{DB: "d.c", Pointer: bson.ObjectID{4}}},
	{Key: "code", Value: bson.JavaScript("f()")}, {Key: "symbol", Value: bson.Symbol("s")},
	{Key: "scoped", Value: bson.CodeWithScope{Code: "f()", Scope: bson.D{{Key: "x", Value: int32(1)}}}},
	{Key: "int", Value: int32(1)}, {Key: "timestamp", Value: bson.Timestamp{T: 1, I: 2}}, {Key: "long", Value: int64(2)},
	{Key: "decimal", Value: bson.NewDecimal128(1, 2)}, {Key: "min", Value: bson.MinKey{}}, {Key: "max", Value: bson.MaxKey{}},
}

func rawOf(t testing.TB, d bson.D) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nested is a document in a document, and so on.
func nested(levels int) bson.Raw {
	var doc []byte
	for level := range levels {
		doc = binary.LittleEndian.AppendUint32(doc, uint32(8*(levels-level)+5))
		doc = append(doc, 3, 'a', 0)
	}
	doc = append(doc, 5, 0, 0, 0, 0)
	return append(doc, make([]byte, levels)...)
}

func TestValidate(t *testing.T) {
	whole := rawOf(t, everyType)
	changed := func(find, put string) bson.Raw {
		if bytes.Count(whole, []byte(find)) != 1 {
			t.Fatalf("%q is not once in the document", find)
		}
		return bytes.Replace(whole, []byte(find), []byte(put), 1)
	}
	for name, test := range map[string]struct {
		doc  bson.Raw
		code int32 // 0 when it is well-formed
	}{
		"a value of every type":            {whole, 0},
		"an empty document":                {bson.Raw{5, 0, 0, 0, 0}, 0},
		"nested as deep as allowed":        {nested(maxDepth), 0},
		"nothing":                          {nil, codeInvalidBSON},
		"no terminator":                    {bson.Raw{5, 0, 0, 0, 1}, codeInvalidBSON},
		"cut off":                          {whole[:len(whole)-1], codeInvalidBSON},
		"followed by something":            {append(bytes.Clone(whole), 0), codeInvalidBSON},
		"a length that is not its own":     {append([]byte{whole[0] + 1}, whole[1:]...), codeInvalidBSON},
		"an unknown type":                  {changed("\x12long\x00", "\x32long\x00"), codeInvalidBSON},
		"a boolean of another value":       {changed("true\x00\x01", "true\x00\x02"), codeInvalidBSON},
		"a string without its end":         {changed("text\x00", "text1"), codeInvalidBSON},
		"a string too long":                {changed("\x05\x00\x00\x00text", "\xff\xff\x00\x00text"), codeInvalidBSON},
		"a pointer without its text's end": {changed("d.c\x00", "d.c1"), codeInvalidBSON},
		"a scope cut off":                  {changed("\x10x\x00\x01\x00\x00\x00", "\x12x\x00\x01\x00\x00\x00"), codeInvalidBSON},
		"an array cut off":                 {changed("\x100\x00\x01\x00\x00\x00", "\x120\x00\x01\x00\x00\x00"), codeInvalidBSON},
		"nested too deep":                  {nested(maxDepth + 1), codeOverflow},
		"nested until the stack ends":      {nested(100_000), codeOverflow},
	} {
		err := Validate(test.doc)
		var refusal *store.RequestError
		switch {
		case test.code == 0 && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.code != 0 && (!errors.As(err, &refusal) || refusal.Code != test.code):
			t.Errorf("%s: told as %v, want code %d", name, err, test.code)
		}
	}
}

// What Validate lets pass, the BSON library reads, and the other way round what
// it refuses is refused here. UTF-8 and the values of booleans are left to others.
func FuzzValidate(f *testing.F) {
	for _, doc := range []bson.Raw{rawOf(f, everyType), nested(3), nested(0)} {
		f.Add([]byte(doc[4 : len(doc)-1]))
	}
	f.Fuzz(func(t *testing.T, elements []byte) {
		// A length that is wrong is refused before anything else is looked at.
		doc := binary.LittleEndian.AppendUint32(nil, uint32(len(elements)+5))
		doc = append(append(doc, elements...), 0)
		if Validate(doc) != nil {
			return
		}
		if err := bson.Raw(doc).Validate(); err != nil {
			t.Errorf("passed, but the library says %v", err)
		}
		var d bson.D
		if err := bson.Unmarshal(doc, &d); err != nil {
			t.Errorf("passed, but can't be read: %v", err)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	doc := rawOf(b, everyType)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(doc); err != nil {
			b.Fatal(err)
		}
	}
}
