package match

import (
	"bytes"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Sorter orders documents.
type Sorter struct {
	pattern pattern
	// score is the place of {$meta: "textScore"} among the fields, -1 for none.
	score int
}

// CompileSort compiles a sort, {field: 1 | -1 | {$meta: "textScore"}} in order.
func CompileSort(sort bson.D) (*Sorter, error) { return Simple.CompileSort(sort) }

// CompileSort is the function CompileSort with strings under the collation.
func (c Collation) CompileSort(sort bson.D) (*Sorter, error) {
	s := &Sorter{score: -1}
	s.pattern.collation = c
	raw, err := Encode(sort)
	if err != nil {
		return nil, err
	}
	for e := elements(raw); ; {
		key, v, ok := e.next()
		if !ok {
			return s, nil
		}
		name := string(key)
		if isTextScore(v) {
			if s.score >= 0 {
				return nil, store.BadRequest(codeBadValue, "only one {$meta: \"textScore\"} can be sorted by")
			}
			s.score = len(s.pattern.fields)
			continue
		}
		n, ok := v.whole()
		switch {
		case name == "" || name[0] == '$':
			return nil, store.BadRequest(16410, "FieldPath field names may not start with '$': %q", name)
		case !ok || n != 1 && n != -1:
			return nil, store.BadRequest(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
		}
		if err := s.pattern.add(name, n < 0); err != nil {
			return nil, err
		}
	}
}

// ByScore tells whether the order depends on the text score.
func (s *Sorter) ByScore() bool { return s.score >= 0 }

func isTextScore(v value) bool {
	if v.kind != bson.TypeEmbeddedDocument {
		return false
	}
	meta := find(v.data, "$meta")
	return meta.isString() && string(meta.text()) == "textScore"
}

// AppendKey appends a key to dst such that documents are in order when their
// keys are as bytes. An array counts as its least element in an ascending and
// its greatest in a descending sort, an empty one as undefined, what is missing
// as null. score is the document's text score, which sorts from high to low.
// Two arrays side by side are an error, as in MongoDB.
func (s *Sorter) AppendKey(dst []byte, doc bson.Raw, score float64) ([]byte, error) {
	start := len(dst)
	missed := 0
	if s.score < 0 {
		if key, plain := s.pattern.appendPlain(dst, doc, &missed); plain {
			return key, nil
		}
	}
	var least []byte
	err := s.pattern.expand(doc, func(values []value, _ int) {
		dst = dst[:start]
		for i, v := range values {
			if i == s.score {
				dst = appendScore(dst, score)
			}
			dst = appendDirectedKey(dst, v, s.pattern.collation, s.pattern.fields[i].descending)
		}
		if s.score == len(values) {
			dst = appendScore(dst, score)
		}
		if least == nil || bytes.Compare(dst[start:], least) < 0 {
			least = append(least[:0], dst[start:]...)
		}
	})
	var request *store.RequestError
	switch {
	case errors.As(err, &request) && request.Code == codeCannotIndexParallel:
		return dst[:start], store.BadRequest(codeBadValue, "cannot sort with keys that are parallel arrays")
	case err != nil:
		return dst[:start], err
	}
	return append(dst[:start], least...), nil
}

func appendScore(dst []byte, score float64) []byte {
	start := len(dst)
	dst = appendDouble(dst, score)
	complement(dst[start:])
	return dst
}
