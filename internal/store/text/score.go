package text

import (
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// maxTerms is MongoDB's bound on the different terms of a document.
const maxTerms = 400_000

// tokenizers are those in use for one document or search.
type tokenizers struct {
	folding folding
	of      map[*language]*tokenizer
}

func (t *tokenizers) get(l *language) *tokenizer {
	if t.of[l] == nil {
		t.of[l] = newTokenizer(l, t.folding)
	}
	return t.of[l]
}

// borrow returns tokenizers for terms as the index holds them; return them when
// they are used no more.
func (x *Index) borrow() *tokenizers {
	if t, ok := x.idle.Get().(*tokenizers); ok {
		return t
	}
	return &tokenizers{of: make(map[*language]*tokenizer)}
}

// occurrence is how one term is found in one string.
type occurrence struct {
	count, worth, next float64
}

// Terms returns the terms of a document with their scores, by MongoDB's formula:
// the first time that a term is found in a string counts for 1, the next for a
// half, and so on; that is worth more the more of the string's terms it is, up to
// twice as much for all of them, and a tenth more if the term is all of the
// string; and it is multiplied by the field's weight, and added up over fields.
func (x *Index) Terms(doc bson.Raw) (map[string]float64, error) {
	t := x.borrow()
	defer x.idle.Put(t)
	scores := make(map[string]float64)
	found := make(map[string]occurrence)
	err := x.each(doc, func(text []byte, l *language, weight float64) error {
		clear(found)
		tokens := t.get(l)
		tokens.reset(text)
		total := 0.0
		for {
			term := tokens.next()
			if term == nil {
				break
			}
			total++
			o, there := found[string(term)]
			if !there {
				o.next = 1
			}
			o.count++
			o.worth += o.next
			o.next /= 2
			found[string(term)] = o
			if len(found) > maxTerms {
				return tooManyTerms()
			}
		}
		for term, o := range found {
			score := weight * o.worth * (0.5 + 0.5*o.count/total)
			if len(term) == len(text) && equalFold(term, text) {
				score *= 1.1
			}
			scores[term] += score
		}
		if len(scores) > maxTerms {
			return tooManyTerms()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return scores, nil
}

func tooManyTerms() error {
	return store.BadRequest(codeTooManyTerms, "too many unique keys for a single document to have a text index")
}

// equalFold tells whether a text is the term but for the case of ASCII letters.
func equalFold(term string, text []byte) bool {
	for i, c := range text {
		if c < utf8.RuneSelf {
			c = byte(unicode.ToLower(rune(c)))
		}
		if term[i] != c {
			return false
		}
	}
	return true
}
