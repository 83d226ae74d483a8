package mongowire

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// members reads the members of a command or a statement by their names. The
// first that is not what it should be becomes err; missing and null ones are
// zero values.
type members struct {
	doc bson.Raw
	err error
}

// look returns a member that is there and not null.
func (m *members) look(key string) (bson.RawValue, bool) {
	v := m.doc.Lookup(key)
	return v, !v.IsZero() && v.Type != bson.TypeNull
}

func (m *members) fail(code int32, format string, args ...any) {
	if m.err == nil {
		m.err = refusal(code, format, args...)
	}
}

func (m *members) document(key string) bson.D {
	v, ok := m.look(key)
	if !ok {
		return bson.D{}
	}
	raw, ok := v.DocumentOK()
	if !ok {
		m.fail(codeTypeMismatch, "'%s' must be an object", key)
		return nil
	}
	var d bson.D
	if err := bson.Unmarshal(raw, &d); err != nil {
		m.fail(codeFailedToParse, "'%s' cannot be read", key)
	}
	return d
}

func (m *members) array(key string) bson.RawArray {
	v, ok := m.look(key)
	if !ok {
		return nil
	}
	list, ok := v.ArrayOK()
	if !ok {
		m.fail(codeTypeMismatch, "'%s' must be an array", key)
	}
	return list
}

// list reads an array with what is in it; nil when there is none.
func (m *members) list(key string) bson.A {
	raw := m.array(key)
	if raw == nil {
		return nil
	}
	list := bson.A{}
	if err := (bson.RawValue{Type: bson.TypeArray, Value: raw}).Unmarshal(&list); err != nil {
		m.fail(codeFailedToParse, "'%s' cannot be read", key)
	}
	return list
}

// documents reads an array of documents.
func (m *members) documents(key string) (docs []bson.D) {
	for _, v := range m.list(key) {
		d, ok := v.(bson.D)
		if !ok {
			m.fail(codeTypeMismatch, "'%s' must be an array of objects", key)
		}
		docs = append(docs, d)
	}
	return docs
}

// number reads a whole number.
func (m *members) number(key string) int64 {
	v, ok := m.look(key)
	if !ok {
		return 0
	}
	if f, isDouble := v.DoubleOK(); isDouble && (f != math.Trunc(f) || math.Abs(f) > 1<<53) {
		m.fail(codeBadValue, "'%s' must be a whole number", key)
		return 0
	}
	n, ok := v.AsInt64OK()
	if !ok {
		m.fail(codeTypeMismatch, "'%s' must be a number", key)
	}
	return n
}

// size reads a whole number that is not negative.
func (m *members) size(key string) int64 {
	n := m.number(key)
	if n < 0 {
		m.fail(codeBadValue, "'%s' must not be negative", key)
	}
	return n
}

// flag reads a boolean; drivers also send numbers.
func (m *members) flag(key string) bool {
	v, ok := m.look(key)
	if !ok {
		return false
	}
	if b, ok := v.BooleanOK(); ok {
		return b
	}
	n, ok := v.AsInt64OK()
	if !ok {
		m.fail(codeTypeMismatch, "'%s' must be a boolean", key)
	}
	return n != 0
}

func (m *members) text(key string) string {
	v, ok := m.look(key)
	if !ok {
		return ""
	}
	s, ok := v.StringValueOK()
	if !ok {
		m.fail(codeTypeMismatch, "'%s' must be a string", key)
	}
	return s
}

// comment is for logs, and may be anything; only text is passed on.
func (m *members) comment() string {
	s, _ := m.doc.Lookup("comment").StringValueOK()
	return s
}

// hint is an index's name or keys; nil when there is none.
func (m *members) hint() any {
	v, ok := m.look("hint")
	if !ok {
		return nil
	}
	if name, ok := v.StringValueOK(); ok {
		return name
	}
	if keys := m.document("hint"); len(keys) > 0 {
		return keys
	}
	return nil
}

// caseInsensitive tells whether the collation ignores case. The one that Parse
// Server uses is served, and the binary one, which is what there is without.
func (m *members) caseInsensitive() bool {
	if len(m.document("collation")) == 0 {
		return false
	}
	raw, _ := m.doc.Lookup("collation").DocumentOK()
	c := members{doc: raw}
	switch locale, strength := c.text("locale"), c.number("strength"); {
	case c.err != nil:
	case locale == "simple":
		return false
	case (locale == "en_US" || locale == "en") && (strength == 1 || strength == 2) && !c.flag("caseLevel") && !c.flag("numericOrdering"):
		return true
	}
	m.fail(codeCommandNotSupported, `only the collation {locale: "en_US", strength: 2} is served`)
	return false
}

// binary refuses collations where the store has none.
func (m *members) binary() {
	if m.caseInsensitive() {
		m.fail(codeCommandNotSupported, "a collation is not served here")
	}
}

// known are the names of the members that something may have. Those that map to
// false are MongoDB's, but not served: they may only be there to say no.
type known map[string]bool

// knowing makes known of the served names and of those not served.
func knowing(served, unserved []string) known {
	k := make(known, len(served)+len(unserved))
	for _, name := range served {
		k[name] = true
	}
	for _, name := range unserved {
		k[name] = false
	}
	return k
}

// check refuses members that are not known and served. what they are members of
// goes into the error.
func (k known) check(what string, doc bson.Raw) error {
	elements, err := doc.Elements()
	if err != nil {
		return refusal(codeFailedToParse, "%s cannot be read", what)
	}
	for _, e := range elements {
		name := e.Key()
		served, known := k[name]
		switch {
		case served, known && saysNo(e.Value()):
		case known:
			return refusal(codeCommandNotSupported, "'%s.%s' is not served", what, name)
		default:
			return refusal(codeUnknownMember, "BSON field '%s.%s' is an unknown field.", what, name)
		}
	}
	return nil
}

// only returns a document with the members that are known.
func (k known) only(doc bson.Raw) (bson.Raw, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, refusal(codeFailedToParse, "a document cannot be read")
	}
	start, dst := bsoncore.AppendDocumentStart(nil)
	for _, e := range elements {
		if _, ok := k[e.Key()]; ok {
			dst = append(dst, e...)
		}
	}
	return bsoncore.AppendDocumentEnd(dst, start)
}

// saysNo tells whether the value of an option is as good as its absence.
func saysNo(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeNull:
		return true
	case bson.TypeBoolean:
		return !v.Boolean()
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		return len(v.Value) == 5
	}
	n, ok := v.AsInt64OK()
	return ok && n == 0
}
