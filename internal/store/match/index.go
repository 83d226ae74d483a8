package match

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Indexer makes the keys that an index holds for a document.
type Indexer struct {
	pattern pattern
	sparse  bool
	partial *Matcher // nil means all documents
}

// maxIndexFields is MongoDB's bound on the fields of a compound index.
const maxIndexFields = 32

// CompileIndex compiles an index of ascending and descending keys; a hashed key
// counts as ascending. Other kinds of keys are refused.
func CompileIndex(ix store.Index) (*Indexer, error) {
	x := &Indexer{sparse: ix.Sparse}
	x.pattern.collation = CollationOf(ix.CaseInsensitive)
	switch {
	case len(ix.Keys) == 0:
		return nil, store.BadRequest(codeCannotCreateIndex, "index keys cannot be empty")
	case len(ix.Keys) > maxIndexFields:
		return nil, store.BadRequest(codeCannotCreateIndex, "an index has at most %d fields", maxIndexFields)
	}
	for _, e := range ix.Keys {
		descending, err := indexDirection(e)
		if err != nil {
			return nil, err
		}
		if err := x.pattern.add(e.Key, descending); err != nil {
			return nil, err
		}
	}
	if ix.Partial != nil {
		partial, err := x.pattern.collation.Compile(ix.Partial)
		if err != nil {
			return nil, err
		}
		x.partial = partial
	}
	return x, nil
}

func indexDirection(e bson.E) (descending bool, err error) {
	if e.Value == "hashed" {
		return false, nil
	}
	raw, err := Encode(bson.D{e})
	if err != nil {
		return false, err
	}
	v := find(raw, e.Key)
	switch {
	case !v.isNumber() || v.isNaN() || compareNumbers(v, numberZero) == 0:
		return false, store.BadRequest(codeCannotCreateIndex, "key %q of an index is neither a number nor a known kind", e.Key)
	case e.Key == "" || e.Key[0] == '$':
		return false, store.BadRequest(codeCannotCreateIndex, "index key %q is not a field name", e.Key)
	}
	return compareNumbers(v, numberZero) < 0, nil
}

var numberZero = value{kind: bson.TypeInt32, data: make([]byte, 4)}

// AppendKeys appends the document's keys to dst, each once: none if the index
// leaves the document out, several if a path of the index meets an array. What
// is missing counts as null; a document that has none of the fields is left out
// of a sparse index. An array is represented by its elements, never as a whole;
// an empty one by undefined. Two arrays side by side are an error (code 171).
func (x *Indexer) AppendKeys(dst [][]byte, doc bson.Raw) ([][]byte, error) {
	if x.partial != nil && !x.partial.Match(doc) {
		return dst, nil
	}
	start := len(dst)
	missed := 0
	key, plain := x.pattern.appendPlain(nil, doc, &missed)
	if plain {
		if x.sparse && missed == len(x.pattern.fields) {
			return dst, nil
		}
		return append(dst, key), nil
	}
	err := x.pattern.expand(doc, func(values []value, missed int) {
		if !x.sparse || missed < len(values) {
			dst = append(dst, x.pattern.appendValues(nil, values))
		}
	})
	if err != nil {
		return dst[:start], err
	}
	keys := dst[start:]
	slices.SortFunc(keys, bytes.Compare)
	return dst[:start+len(slices.CompactFunc(keys, bytes.Equal))], nil
}

// pattern is a list of paths with directions: the keys of an index or a sort.
type pattern struct {
	fields    []patternField
	collation Collation
}

type patternField struct {
	path       path
	descending bool
}

func (p *pattern) add(dotted string, descending bool) error {
	compiled, err := compilePath(dotted)
	if err != nil {
		return err
	}
	p.fields = append(p.fields, patternField{path: compiled, descending: descending})
	return nil
}

// appendPlain appends the key of a document that has no arrays on any of the
// paths; plain is false if it has. missed counts the paths that lead nowhere.
func (p *pattern) appendPlain(dst []byte, doc []byte, missed *int) (key []byte, plain bool) {
	for i := range p.fields {
		f := &p.fields[i]
		v, at := f.path.descend(doc, 0)
		switch {
		case v.kind == bson.TypeArray:
			return nil, false
		case v.kind == 0 || at < len(f.path.parts):
			v = missing
			*missed++
		}
		dst = appendDirectedKey(dst, v, p.collation, f.descending)
	}
	return dst, true
}

// descend follows the path from its part at through documents, up to its end or
// an array. It returns what it came to and how many parts it used.
func (p path) descend(doc []byte, at int) (value, int) {
	for {
		v := find(doc, p.parts[at])
		at++
		if at == len(p.parts) || v.kind != bson.TypeEmbeddedDocument {
			return v, at
		}
		doc = v.data
	}
}

func (p *pattern) appendValues(dst []byte, values []value) []byte {
	for i, v := range values {
		dst = appendDirectedKey(dst, v, p.collation, p.fields[i].descending)
	}
	return dst
}

// expansion is one step of unwinding the array that a document's paths share.
type expansion struct {
	values []value
	// at is how many parts of each path are used; a path that is used up, or
	// leads nowhere, has its value.
	at     []int
	missed int
}

// expand calls yield with the values at the paths for every element of the array
// that the paths meet, and so on for arrays within. yield must not keep values.
func (p *pattern) expand(doc []byte, yield func(values []value, missed int)) error {
	x := expansion{values: make([]value, len(p.fields)), at: make([]int, len(p.fields))}
	return p.expandFrom(doc, nil, x, yield)
}

// expandFrom expands the rest of the paths in doc, an element of array, to which
// the path's index parts refer; array is nil at the root.
func (p *pattern) expandFrom(doc, array []byte, x expansion, yield func([]value, int)) error {
	var shared []byte
	var sharing []int
	for i := range p.fields {
		f := &p.fields[i]
		if x.at[i] == len(f.path.parts) {
			continue
		}
		v, at, err := f.step(doc, array, x.at[i])
		if err != nil {
			return err
		}
		switch {
		case v.kind == bson.TypeArray:
			if shared != nil && &shared[0] != &v.data[0] {
				return store.BadRequest(codeCannotIndexParallel, "cannot index parallel arrays [%s] [%s]",
					f.path, p.fields[sharing[0]].path)
			}
			shared = v.data
			sharing = append(sharing, i)
		case v.kind == 0 || at < len(f.path.parts):
			v, at = missing, len(f.path.parts)
			x.missed++
		}
		x.values[i], x.at[i] = v, at
	}
	if shared == nil {
		yield(x.values, x.missed)
		return nil
	}
	count := 0
	for e := elements(shared); ; count++ {
		_, el, ok := e.next()
		if !ok {
			break
		}
		if err := p.expandElement(el, shared, sharing, x, yield); err != nil {
			return err
		}
	}
	if count == 0 {
		return p.expandElement(undefined, shared, sharing, x, yield)
	}
	return nil
}

func (p *pattern) expandElement(el value, array []byte, sharing []int, x expansion, yield func([]value, int)) error {
	x.values, x.at = slices.Clone(x.values), slices.Clone(x.at)
	for _, i := range sharing {
		if x.at[i] == len(p.fields[i].path.parts) {
			x.values[i] = el
		}
	}
	doc := emptyDocument
	if el.kind == bson.TypeEmbeddedDocument {
		doc = el.data
	}
	return p.expandFrom(doc, array, x, yield)
}

var emptyDocument = []byte{5, 0, 0, 0, 0}

// step descends in doc, or in the element of array that the next part of the
// path is the index of.
func (f *patternField) step(doc, array []byte, at int) (value, int, error) {
	if index := f.path.index[at]; array != nil && index >= 0 {
		el := elementAt(array, index)
		if el.kind != 0 {
			if find(doc, f.path.parts[at]).kind != 0 {
				return value{}, 0, store.BadRequest(16746,
					"Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), field: '%s'",
					f.path.parts[at])
			}
			if at+1 == len(f.path.parts) || el.kind != bson.TypeEmbeddedDocument {
				return el, at + 1, nil
			}
			v, at := f.path.descend(el.data, at+1)
			return v, at, nil
		}
	}
	v, at := f.path.descend(doc, at)
	return v, at, nil
}

// elementAt returns an array's element by its position.
func elementAt(array []byte, index int) value {
	e := elements(array)
	for i := 0; ; i++ {
		_, v, ok := e.next()
		if !ok {
			return missing
		}
		if i == index {
			return v
		}
	}
}

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
