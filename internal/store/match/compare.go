package match

import (
	"bytes"
	"cmp"
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// rank is a type's place in MongoDB's order over all values. Types of one rank
// are compared by value. The ranks are the type bytes of index keys, so they
// are stored on disk and must never change.
type rank byte

const (
	rankEnd       rank = 0x00 // the end of a document or array, before any element
	rankMinKey    rank = 0x08
	rankUndefined rank = 0x10
	rankNull      rank = 0x18
	rankNumber    rank = 0x20
	rankString    rank = 0x28
	rankObject    rank = 0x30
	rankArray     rank = 0x38
	rankBinary    rank = 0x40
	rankObjectID  rank = 0x48
	rankBoolean   rank = 0x50
	rankDate      rank = 0x58
	rankTimestamp rank = 0x60
	rankRegex     rank = 0x68
	rankDBPointer rank = 0x70
	rankCode      rank = 0x78
	rankScope     rank = 0x80
	rankPlace     rank = 0x88 // a cell in a geo index, which is no value
	rankMaxKey    rank = 0xF0
)

// rankOf returns the rank of a kind; a missing value ranks as null.
func rankOf(kind bson.Type) rank {
	switch kind {
	case bson.TypeString, bson.TypeSymbol:
		return rankString
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		return rankNumber
	case 0, bson.TypeNull:
		return rankNull
	case bson.TypeEmbeddedDocument:
		return rankObject
	case bson.TypeArray:
		return rankArray
	case bson.TypeBinary:
		return rankBinary
	case bson.TypeObjectID:
		return rankObjectID
	case bson.TypeBoolean:
		return rankBoolean
	case bson.TypeDateTime:
		return rankDate
	case bson.TypeTimestamp:
		return rankTimestamp
	case bson.TypeRegex:
		return rankRegex
	case bson.TypeDBPointer:
		return rankDBPointer
	case bson.TypeJavaScript:
		return rankCode
	case bson.TypeCodeWithScope:
		return rankScope
	case bson.TypeMinKey:
		return rankMinKey
	case bson.TypeMaxKey:
		return rankMaxKey
	}
	return rankUndefined
}

// Compare orders two values as MongoDB does: by type (MinKey, undefined, null
// and missing, numbers, strings and symbols, objects, arrays, binary data,
// object ids, booleans, dates, timestamps, regular expressions, MaxKey), then
// by value. Numbers compare by exact value whatever their types; NaN is the
// least number. Strings compare by their bytes. The zero RawValue is missing.
func Compare(a, b bson.RawValue) int { return Simple.Compare(a, b) }

// Compare is the function Compare with strings under the collation.
func (c Collation) Compare(a, b bson.RawValue) int {
	return compare(valueOf(a), valueOf(b), c, 0)
}

func compare(a, b value, c Collation, depth int) int {
	ra, rb := rankOf(a.kind), rankOf(b.kind)
	if ra != rb {
		return cmp.Compare(ra, rb)
	}
	switch ra {
	case rankNumber:
		return compareNumbers(a, b)
	case rankString:
		return c.compareText(a.text(), b.text())
	case rankObject, rankArray:
		if depth >= maxDepth {
			return bytes.Compare(a.data, b.data)
		}
		return compareDocuments(a.data, b.data, c, ra == rankObject, depth+1)
	case rankBinary:
		if n := cmp.Compare(len(a.data), len(b.data)); n != 0 {
			return n
		}
		return bytes.Compare(a.data[4:], b.data[4:])
	case rankObjectID, rankBoolean:
		return bytes.Compare(a.data, b.data)
	case rankDate:
		return cmp.Compare(a.int64(), b.int64())
	case rankTimestamp:
		return cmp.Compare(a.timestamp(), b.timestamp())
	case rankRegex:
		pa, oa := a.regex()
		pb, ob := b.regex()
		if n := bytes.Compare(pa, pb); n != 0 {
			return n
		}
		return bytes.Compare(oa, ob)
	case rankCode:
		return bytes.Compare(a.text(), b.text())
	case rankDBPointer, rankScope:
		if n := cmp.Compare(binary.LittleEndian.Uint32(a.data), binary.LittleEndian.Uint32(b.data)); n != 0 {
			return n
		}
		return bytes.Compare(a.data, b.data)
	}
	return 0
}

// compareDocuments compares element by element: by type, then, in objects, by
// name, then by value. What ends first comes first.
func compareDocuments(a, b []byte, c Collation, named bool, depth int) int {
	ca, cb := elements(a), elements(b)
	for {
		ka, va, oka := ca.next()
		kb, vb, okb := cb.next()
		if !oka || !okb {
			return cmp.Compare(boolRank(oka), boolRank(okb))
		}
		if n := cmp.Compare(rankOf(va.kind), rankOf(vb.kind)); n != 0 {
			return n
		}
		if named {
			if n := bytes.Compare(ka, kb); n != 0 {
				return n
			}
		}
		if n := compare(va, vb, c, depth); n != 0 {
			return n
		}
	}
}
