package text

import (
	"bytes"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Score returns the document's score: that of the search's terms, added up. It is
// 0 if the document has none of them.
func (q *Query) Score(doc bson.Raw) float64 {
	scores, err := q.index.Terms(doc)
	if err != nil {
		return 0 // no index has such a document
	}
	sum := 0.0
	for _, term := range q.terms {
		sum += scores[term]
	}
	return sum
}

// Match tells whether a document satisfies the search: whether it has one of the
// terms, as the index has them, and MatchFound.
func (q *Query) Match(doc bson.Raw) bool {
	return len(q.terms) > 0 && q.has(doc, q.indexed, folding{}) && q.MatchFound(doc)
}

// MatchFound tells whether a document that has one of the terms in the index
// satisfies the search.
func (q *Query) MatchFound(doc bson.Raw) bool {
	return (!q.sensitive() || q.has(doc, q.wanted, q.folding)) && q.matchRest(doc)
}

func (q *Query) matchRest(doc bson.Raw) bool {
	if len(q.refused) > 0 && q.has(doc, q.refused, q.folding) {
		return false
	}
	if len(q.phrases) == 0 && len(q.refusedPhrases) == 0 {
		return true
	}
	missing := len(q.phrases)
	said := make([]bool, len(q.phrases))
	var folded []byte
	refused := q.some(doc, func(text []byte, _ *language) bool {
		folded = q.folding.append(folded[:0], text)
		for i, p := range q.phrases {
			if !said[i] && bytes.Contains(folded, p) {
				said[i] = true
				missing--
			}
		}
		for _, p := range q.refusedPhrases {
			if bytes.Contains(folded, p) {
				return true
			}
		}
		return missing == 0 && len(q.refusedPhrases) == 0
	})
	return missing == 0 && (!refused || len(q.refusedPhrases) == 0)
}

// has tells whether the document has one of the terms, made by the folding.
func (q *Query) has(doc bson.Raw, terms map[string]struct{}, f folding) bool {
	tokens := &tokenizers{folding: f, of: make(map[*language]*tokenizer)}
	if f == (folding{dotless: f.dotless}) {
		tokens = q.index.borrow()
		defer q.index.idle.Put(tokens)
	}
	return q.some(doc, func(text []byte, l *language) bool {
		t := tokens.get(l)
		t.reset(text)
		for {
			term := t.next()
			if term == nil {
				return false
			}
			if _, found := terms[string(term)]; found {
				return true
			}
		}
	})
}

var errFound = errors.New("store: text: found")

// some tells whether one of the document's strings passes the test.
func (q *Query) some(doc bson.Raw, test func(text []byte, l *language) bool) bool {
	err := q.index.each(doc, func(text []byte, l *language, _ float64) error {
		if test(text, l) {
			return errFound
		}
		return nil
	})
	return err == errFound
}
