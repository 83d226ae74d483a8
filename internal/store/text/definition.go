package text

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// MongoDB's error codes for what is refused here.
const (
	codeBadValue          = 2
	codeCannotCreateIndex = 67
	codeLanguageType      = 17261
	codeLanguage          = 17262
	codeTooManyTerms      = 16732
)

// kind is what says in an index's keys that a field is searched as text.
const kind = "text"

// wildcard is the key that stands for every string of a document.
const wildcard = "$**"

// The defaults of an index.
const (
	defaultLanguage = "english"
	defaultOverride = "language"
)

// maxWeight is the least weight that is too great.
const maxWeight = 100_000

// IsIndex tells whether an index is a text index.
func IsIndex(keys bson.D) bool {
	return slices.ContainsFunc(keys, func(e bson.E) bool { return e.Value == kind })
}

// Normalize returns the definition of a text index as MongoDB keeps it: its text
// fields, those that have only a weight among them, in the order of their names,
// each with its weight, and the languages filled in.
func Normalize(def store.Index) (store.Index, error) {
	refuse := func(format string, args ...any) (store.Index, error) {
		return store.Index{}, store.BadRequest(codeCannotCreateIndex, format, args...)
	}
	if def.Unique {
		return refuse("a text index can't be unique")
	}
	if def.CaseInsensitive {
		return refuse("Index type 'text' does not support collation")
	}
	if def.ExpireAfterSeconds != nil {
		return refuse("a text index can't have expireAfterSeconds")
	}
	if def.DefaultLanguage == "" {
		def.DefaultLanguage = defaultLanguage
	}
	if languageOf(def.DefaultLanguage) == nil {
		return refuse("default_language is not valid: %q", def.DefaultLanguage)
	}
	if def.LanguageOverride == "" {
		def.LanguageOverride = defaultOverride
	}
	if def.LanguageOverride[0] == '$' || strings.ContainsAny(def.LanguageOverride, ".\x00") {
		return refuse("language_override is not valid: %q", def.LanguageOverride)
	}
	weights := make(map[string]int32)
	for _, w := range def.Weights {
		n, ok := weightOf(w.Value)
		if !ok || n < 1 || n >= maxWeight {
			return refuse("text index weight must be in the exclusive interval (0,%d) but found: %v", maxWeight, w.Value)
		}
		weights[w.Key] = n
	}
	before, after, err := split(def.Keys)
	if err != nil {
		return store.Index{}, err
	}
	for _, e := range def.Keys {
		if _, weighed := weights[e.Key]; e.Value == kind && !weighed {
			weights[e.Key] = 1
		}
	}
	var fields []string
	for name := range weights {
		if name != wildcard && (name == "" || name[0] == '$' || strings.Contains(name, ".$") || strings.HasSuffix(name, ".")) {
			return refuse("%q is not a field of a text index", name)
		}
		fields = append(fields, name)
	}
	slices.Sort(fields)
	def.Keys, def.Weights = slices.Clone(before), nil
	for _, name := range fields {
		def.Keys = append(def.Keys, bson.E{Key: name, Value: kind})
		def.Weights = append(def.Weights, bson.E{Key: name, Value: weights[name]})
	}
	def.Keys = append(def.Keys, after...)
	return def, nil
}

// split returns the ordinary keys before and after the text fields, which must
// be side by side.
func split(keys bson.D) (before, after bson.D, err error) {
	isText := func(e bson.E) bool { return e.Value == kind }
	start := slices.IndexFunc(keys, isText)
	if start < 0 {
		return nil, nil, store.BadRequest(codeCannotCreateIndex, "a text index needs a text field")
	}
	end := start
	for end < len(keys) && isText(keys[end]) {
		end++
	}
	if slices.ContainsFunc(keys[end:], isText) {
		return nil, nil, store.BadRequest(codeCannotCreateIndex, "'text' fields in index must all be adjacent")
	}
	for _, e := range slices.Concat(keys[:start], keys[end:]) {
		if kind, special := e.Value.(string); special {
			return nil, nil, store.BadRequest(codeCannotCreateIndex, "a text index can't have a %q key too", kind)
		}
	}
	return keys[:start], keys[end:], nil
}

func weightOf(v any) (int32, bool) {
	switch v := v.(type) {
	case int32:
		return v, true
	case int64:
		return int32(min(max(v, 0), maxWeight)), true
	case int:
		return int32(min(max(v, 0), maxWeight)), true
	case float64:
		return int32(min(max(v, 0), maxWeight)), v == v
	}
	return 0, false
}
