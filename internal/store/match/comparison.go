package match

import (
	"bytes"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

type comparisonOp uint8

const (
	equal comparisonOp = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

func (op comparisonOp) holds(order int) bool {
	switch op {
	case equal:
		return order == 0
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	}
	return order >= 0
}

// comparison compiles a comparison with one value.
func (c compiler) comparison(op comparisonOp, v value) (leaf, error) {
	if v.kind == bson.TypeUndefined {
		return nil, store.BadRequest(codeBadValue, "cannot compare to undefined")
	}
	if v.kind == bson.TypeRegex && op != equal {
		return nil, store.BadRequest(codeBadValue, "Can't have RegEx as arg to predicate over field.")
	}
	if op == equal && v.isString() {
		return equalText{text: v.text(), collation: c.collation}, nil
	}
	if op == equal && v.kind == bson.TypeNull {
		return absent{}, nil
	}
	return compared{op: op, rank: rankOf(v.kind), operand: v, nan: v.isNaN(), collation: c.collation}, nil
}

// compared holds for values of the operand's type that compare to it so.
// Values of other types do not compare at all (MongoDB's type bracketing), but
// for MinKey and MaxKey, which do with everything.
type compared struct {
	op        comparisonOp
	rank      rank
	nan       bool
	collation Collation
	operand   value
}

func (t compared) test(v value) bool {
	if rankOf(v.kind) != t.rank {
		switch t.rank {
		case rankMinKey:
			return t.op == greater || t.op == greaterOrEqual
		case rankMaxKey:
			return t.op == less || t.op == lessOrEqual
		}
		return false
	}
	if t.rank == rankNumber {
		// NaN equals NaN and is neither above nor below anything.
		if t.nan || v.isNaN() {
			return t.nan && v.isNaN() && t.op != less && t.op != greater
		}
		return t.op.holds(compareNumbers(v, t.operand))
	}
	return t.op.holds(compare(v, t.operand, t.collation, 0))
}

// equalText holds for one string.
type equalText struct {
	text      []byte
	collation Collation
}

func (t equalText) test(v value) bool {
	if v.kind != bson.TypeString && v.kind != bson.TypeSymbol {
		return false
	}
	return t.collation.equalText(v.text(), t.text)
}

// absent holds for null and for what is missing.
type absent struct{}

func (absent) test(v value) bool { return v.kind == 0 || v.kind == bson.TypeNull }

// present holds for what is there, null too.
type present struct{}

func (present) test(v value) bool { return v.kind != 0 }

// membership compiles $in and $nin.
func (c compiler) membership(name string, v value) (condition, error) {
	if v.kind != bson.TypeArray {
		return nil, store.BadRequest(codeBadValue, "%s needs an array", name)
	}
	t := &oneOf{collation: c.collation}
	for e := elements(v.data); ; {
		_, item, ok := e.next()
		if !ok {
			break
		}
		switch {
		case isOperatorDocument(item):
			return nil, store.BadRequest(codeBadValue, "cannot nest $ under %s", name)
		case item.kind == bson.TypeUndefined:
			return nil, store.BadRequest(codeBadValue, "InMatchExpression equality cannot be undefined")
		case item.kind == bson.TypeNull:
			t.null = true
		case item.kind == bson.TypeRegex:
			pattern, options := item.regex()
			r, err := compileRegex(string(pattern), string(options))
			if err != nil {
				return nil, err
			}
			t.regexes = append(t.regexes, r)
		case item.isString() && c.collation == Simple:
			t.texts = append(t.texts, item.text())
		default:
			t.values = append(t.values, item)
		}
	}
	slices.SortFunc(t.texts, bytes.Compare)
	slices.SortFunc(t.values, func(a, b value) int { return compare(a, b, c.collation, 0) })
	return existential{t, true}, nil
}

// linear is up to how many strings a walk is faster than a binary search.
const linear = 8

// oneOf holds for the values of a set. Strings are apart because they are what
// sets are mostly made of.
type oneOf struct {
	null      bool
	texts     [][]byte // in order
	values    []value  // in order
	regexes   []*regex
	collation Collation
}

func (t *oneOf) test(v value) bool {
	switch v.kind {
	case 0, bson.TypeNull:
		return t.null
	case bson.TypeString, bson.TypeSymbol:
		if t.hasText(v.text()) {
			return true
		}
	}
	if len(t.values) > 0 {
		_, found := slices.BinarySearchFunc(t.values, v, func(item, v value) int {
			return compare(item, v, t.collation, 0)
		})
		if found {
			return true
		}
	}
	for _, r := range t.regexes {
		if r.test(v) {
			return true
		}
	}
	return false
}

func (t *oneOf) hasText(text []byte) bool {
	if len(t.texts) > linear {
		_, found := slices.BinarySearchFunc(t.texts, text, bytes.Compare)
		return found
	}
	for _, s := range t.texts {
		if bytes.Equal(s, text) {
			return true
		}
	}
	return false
}
