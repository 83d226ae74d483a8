package pipeline

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// textScore is what expressions call the score of a text search.
const textScore = "textScore"

// scoreField is the field in which a search says the score of a document; none
// of a document's own begins so.
const scoreField = "\x01score"

// asksForScore tells whether the pipeline searches for text, and a stage behind
// the search wants to know how well a document was found.
func (p *Pipeline) asksForScore() bool {
	if !hasText(p.query.Filter, 0) {
		return false
	}
	return slices.ContainsFunc(p.stages, func(s stage) bool { return mentions(s.spec, textScore) })
}

// scores takes the score off a document, so that expressions find it with the
// document at hand.
func (x *execution) scores(take func(bson.Raw) error) func(bson.Raw) error {
	var score bson.RawValue
	var buffer []byte
	x.env.Meta = func(name string) bson.RawValue {
		if name == textScore {
			return score
		}
		return bson.RawValue{}
	}
	return func(doc bson.Raw) error {
		var start int
		buffer, start = openDocument(buffer[:0])
		for e := match.Elements(doc); ; {
			name, v, ok := e.Next()
			if !ok {
				break
			}
			if string(name) == scoreField {
				score = v
				continue
			}
			buffer = appendField(buffer, name, v)
		}
		buffer = closeDocument(buffer, start)
		return take(buffer)
	}
}
