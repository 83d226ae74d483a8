package text

import (
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/loam-baas/loam/internal/store"
)

// Index says which strings of a document a text index holds, with which weights
// and in which languages.
type Index struct {
	// Before and After are the ordinary keys around the text fields.
	Before, After bson.D

	fields []field
	// every is the weight of all other strings, 0 if they are not indexed.
	every    float64
	language *language
	override string
	// idle are the tokenizers that no one uses, by language, with what they have
	// learnt.
	idle sync.Pool
}

type field struct {
	path   string
	weight float64
}

// CompileIndex compiles a definition that Normalize has returned.
func CompileIndex(def store.Index) (*Index, error) {
	before, after, err := split(def.Keys)
	if err != nil {
		return nil, err
	}
	x := &Index{Before: before, After: after, language: languageOf(def.DefaultLanguage), override: def.LanguageOverride}
	if x.language == nil {
		return nil, store.BadRequest(codeCannotCreateIndex, "default_language is not valid: %q", def.DefaultLanguage)
	}
	for _, w := range def.Weights {
		n, _ := weightOf(w.Value)
		if w.Key == wildcard {
			x.every = float64(n)
			continue
		}
		x.fields = append(x.fields, field{path: w.Key, weight: float64(n)})
	}
	return x, nil
}

// maxDepth bounds how deep in a document strings are looked for. MongoDB's own
// bound on the nesting of a document is 180 by default.
const maxDepth = 200

// walk calls visit with the strings of a document that the index holds.
type walk struct {
	index *Index
	visit func(text []byte, l *language, weight float64) error
	path  []byte
	depth int
}

// each calls visit with the strings that the index holds of a document. A field
// that says a language which is not known is an error.
func (x *Index) each(doc bson.Raw, visit func(text []byte, l *language, weight float64) error) error {
	w := walk{index: x, visit: visit}
	return w.document(doc, x.language)
}

// document visits the strings of a document, in the language that it names or
// else in that of the one around it.
func (w *walk) document(doc []byte, around *language) error {
	l, err := w.index.languageOf(doc, around)
	if err != nil {
		return err
	}
	start := len(w.path)
	return forEach(doc, func(key []byte, v bsoncore.Value) error {
		w.path = w.path[:start]
		if start > 0 {
			w.path = append(w.path, '.')
		}
		w.path = append(w.path, key...)
		weight, below := w.index.at(w.path)
		err := w.value(v, l, weight, below, false)
		w.path = w.path[:start]
		return err
	})
}

// value visits the strings of a value at the current path. weight is that of
// strings at the path, 0 if they don't count, and below tells whether strings
// further down may. Arrays in arrays are for wildcards only.
func (w *walk) value(v bsoncore.Value, l *language, weight float64, below, inArray bool) error {
	switch v.Type {
	case bsoncore.TypeString:
		if s := v.Data; weight > 0 && len(s) > 5 {
			return w.visit(s[4:len(s)-1], l, weight)
		}
	case bsoncore.TypeEmbeddedDocument:
		if below && w.depth < maxDepth {
			w.depth++
			err := w.document(v.Data, l)
			w.depth--
			return err
		}
	case bsoncore.TypeArray:
		if (below || weight > 0) && (!inArray || w.index.every > 0) && w.depth < maxDepth {
			w.depth++
			err := forEach(v.Data, func(_ []byte, item bsoncore.Value) error {
				return w.value(item, l, weight, below, true)
			})
			w.depth--
			return err
		}
	}
	return nil
}

// at returns the weight of strings at a path, 0 if they are not indexed, and
// whether some below it may be.
func (x *Index) at(path []byte) (weight float64, below bool) {
	weight, below = x.every, x.every > 0
	for _, f := range x.fields {
		switch {
		case f.path == string(path):
			weight = f.weight
		case len(f.path) > len(path) && f.path[len(path)] == '.' && strings.HasPrefix(f.path, string(path)):
			below = true
		}
	}
	return weight, below
}

func (x *Index) languageOf(doc []byte, around *language) (*language, error) {
	v, err := bsoncore.Document(doc).LookupErr(x.override)
	if err != nil {
		return around, nil
	}
	name, ok := v.StringValueOK()
	if !ok {
		return nil, store.BadRequest(codeLanguageType, "found language override field in document with non-string type")
	}
	l := languageOf(name)
	if l == nil {
		return nil, store.BadRequest(codeLanguage, "language override unsupported: %s", name)
	}
	return l, nil
}

// forEach calls do with the elements of a document or array, up to what is not
// well formed.
func forEach(doc []byte, do func(key []byte, v bsoncore.Value) error) error {
	length, rest, ok := bsoncore.ReadLength(doc)
	if !ok || length < 5 || int(length) > len(doc) {
		return nil
	}
	rest = rest[:length-5]
	for len(rest) > 0 {
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); !ok {
			return nil
		}
		v, err := e.ValueErr()
		if err != nil {
			return nil
		}
		if err := do(e.KeyBytes(), v); err != nil {
			return err
		}
	}
	return nil
}
