package text

import (
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// parsed is what a search string asks for, by MongoDB's rules: words, of which
// one must be there; "phrases", all of which must be; and both with a - before
// them, none of which may be. A - counts after white space only, up to the next.
type parsed struct {
	words, negatedWords     string
	phrases, negatedPhrases []string
}

// parseSearch never fails: a quote that is not closed opens no phrase.
func parseSearch(search string) parsed {
	var p parsed
	var words, negated strings.Builder
	negation, phrase := false, -1 // where the open phrase begins
	spaced := true
	for i := 0; i < len(search); {
		switch c := search[i]; {
		case isSpace(c):
			spaced = true
			i++
			continue
		case c == '-':
			if phrase < 0 && spaced {
				negation = true
			}
			i++
		case c == '"':
			i++
			if phrase < 0 {
				negation = negation && !spaced
				phrase = i
				break
			}
			said := search[phrase : i-1]
			phrase = -1
			if negation {
				p.negatedPhrases = append(p.negatedPhrases, said)
			} else {
				p.phrases = append(p.phrases, said)
			}
		default:
			start := i
			for i < len(search) && !isSpace(search[i]) && search[i] != '-' && search[i] != '"' {
				i++
			}
			negation = negation && (phrase >= 0 || !spaced)
			into := &words
			if negation {
				into = &negated
			}
			// The words of a phrase that must not be there may be there alone.
			if phrase < 0 || !negation {
				into.WriteString(search[start:i])
				into.WriteByte(' ')
			}
		}
		spaced = false
	}
	p.words, p.negatedWords = words.String(), negated.String()
	return p
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// Search is the operand of $text.
type Search struct {
	Search string
	// Language is that of the search, "" for the index's own.
	Language                          string
	CaseSensitive, DiacriticSensitive bool
}

// Query is a search of one index.
type Query struct {
	index *Index
	said  parsed
	// terms are those of which the index must have one, in order.
	terms   []string
	indexed map[string]struct{}
	// wanted and refused are the terms of which a document must have one, and may
	// have none, with case and diacritics if those count.
	wanted, refused         map[string]struct{}
	phrases, refusedPhrases [][]byte
	folding                 folding
}

// Compile compiles a search. A language that is not known is refused.
func (x *Index) Compile(s Search) (*Query, error) {
	language := x.language
	if s.Language != "" {
		if language = languageOf(s.Language); language == nil {
			return nil, store.BadRequest(codeBadValue, "unsupported language: \"%s\" for text index version 3", s.Language)
		}
	}
	q := &Query{
		index:   x,
		said:    parseSearch(s.Search),
		folding: folding{keepCase: s.CaseSensitive, keepDiacritics: s.DiacriticSensitive, dotless: language.dotless},
	}
	q.indexed = termsOf(language, folding{}, q.said.words)
	q.terms = slices.Sorted(maps.Keys(q.indexed))
	q.wanted, q.refused = q.indexed, termsOf(language, q.folding, q.said.negatedWords)
	if q.sensitive() {
		q.wanted = termsOf(language, q.folding, q.said.words)
	}
	q.phrases, q.refusedPhrases = q.folded(q.said.phrases), q.folded(q.said.negatedPhrases)
	return q, nil
}

func termsOf(l *language, f folding, text string) map[string]struct{} {
	terms := make(map[string]struct{})
	t := newTokenizer(l, f)
	t.reset([]byte(text))
	for {
		term := t.next()
		if term == nil {
			return terms
		}
		terms[string(term)] = struct{}{}
	}
}

func (q *Query) folded(phrases []string) [][]byte {
	var folded [][]byte
	for _, p := range phrases {
		folded = append(folded, q.folding.append(nil, []byte(p)))
	}
	return folded
}

func (q *Query) sensitive() bool { return q.folding.keepCase || q.folding.keepDiacritics }

// Terms are the terms, in order, of which a document has at least one in the
// index if it satisfies the search.
func (q *Query) Terms() []string { return q.terms }

// Exact tells whether every document that has one of the terms in the index
// satisfies the search.
func (q *Query) Exact() bool {
	return !q.sensitive() && len(q.refused) == 0 && len(q.phrases) == 0 && len(q.refusedPhrases) == 0
}

// Describe returns what the search asks for in the words of MongoDB's explain.
func (q *Query) Describe() bson.D {
	return bson.D{
		{Key: "terms", Value: list(q.terms)},
		{Key: "negatedTerms", Value: list(slices.Sorted(maps.Keys(q.refused)))},
		{Key: "phrases", Value: list(q.said.phrases)},
		{Key: "negatedPhrases", Value: list(q.said.negatedPhrases)},
	}
}

func list(texts []string) bson.A {
	a := make(bson.A, len(texts))
	for i, s := range texts {
		a[i] = s
	}
	return a
}
