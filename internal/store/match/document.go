package match

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Encode returns d as BSON, several times faster than bson.Marshal for the
// values that the store's contract names.
func Encode(d bson.D) (bson.Raw, error) { return encode(d) }

// Arrays returns, as bits, which fields of the index have a path that meets an
// array in the document: for them, one document may have several keys, and a
// key need not say all that a filter sees. It is none for a document that the
// index leaves out because of its partial filter.
func (x *Indexer) Arrays(doc bson.Raw) uint64 {
	var met uint64
	for i := range x.pattern.fields {
		if v, _ := x.pattern.fields[i].path.descend(doc, 0); v.kind == bson.TypeArray {
			met |= 1 << i
		}
	}
	if met != 0 && x.partial != nil && !x.partial.Match(doc) {
		return 0
	}
	return met
}

// RegexPrefix returns the text that a string must begin with for the regular
// expression to match, "" if there is none. whole tells that all strings that
// begin with it do match.
func RegexPrefix(pattern, options string) (prefix string, whole bool) {
	if pattern == "" || pattern[0] != '^' && pattern[0] != '\\' {
		return "", false
	}
	r, err := compileRegex(pattern, options)
	if err != nil || len(r.prefix) == 0 {
		return "", false
	}
	return string(r.prefix), r.whole
}

// AppendKeyOf is AppendKey for a value of one of the types that the store's
// contract names. It does not allocate for strings.
func AppendKeyOf(dst []byte, v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		return appendEscaped(append(dst, byte(rankString)), []byte(s)), nil
	}
	raw, err := encode(bson.D{{Value: v}})
	if err != nil {
		return dst, err
	}
	return appendKey(dst, find(raw, ""), Simple, 0), nil
}
