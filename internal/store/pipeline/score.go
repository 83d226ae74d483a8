package pipeline

import (
	"encoding/binary"
	"math"
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

// score is that of the document at hand, which stages pass on with it.
type score struct {
	// kept tells that documents have scores, which is so in pipelines that ask.
	kept bool
	n    float64 // NaN for none, as in documents of groups
}

// none tells that what is passed on next was not found by the search.
func (s *score) none() { s.n = math.NaN() }

// heldScore is what hold adds to a document, in bytes: a double called scoreField.
const heldScore = 1 + len(scoreField) + 1 + 8

// hold returns a document to be put aside, in which its score is. It is valid
// until the next one.
func (x *execution) hold(doc bson.Raw) bson.Raw {
	if !x.score.kept {
		return doc
	}
	x.held = append(x.held[:0], doc[:len(doc)-1]...)
	x.held = closeDocument(appendField(x.held, scoreField, doubleValue(x.score.n)), 0)
	return x.held
}

// release returns a document that was put aside as it was, with its score at hand.
// It is valid until the next one.
func (x *execution) release(held bson.Raw) bson.Raw {
	if !x.score.kept {
		return held
	}
	end := len(held) - 1
	x.score.n = math.Float64frombits(binary.LittleEndian.Uint64(held[end-8:]))
	x.released = closeDocument(append(x.released[:0], held[:end-heldScore]...), 0)
	return x.released
}

// scores takes the score off a document, so that expressions find it with the
// document at hand.
func (x *execution) scores(take func(bson.Raw) error) func(bson.Raw) error {
	var buffer []byte
	x.score.kept = true
	x.env.Meta = func(name string) bson.RawValue {
		if name == textScore && !math.IsNaN(x.score.n) {
			return doubleValue(x.score.n)
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
				x.score.n, _ = doubleOf(v)
				continue
			}
			buffer = appendField(buffer, name, v)
		}
		buffer = closeDocument(buffer, start)
		return take(buffer)
	}
}
