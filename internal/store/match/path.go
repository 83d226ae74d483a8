package match

import (
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// maxIndexes bounds the parts of a path that may be array indexes, because each
// can double the ways that the path takes through a document.
const maxIndexes = 16

// path is a dotted path into a document.
type path struct {
	parts []string
	// index holds, for each part, its value as an array index, or -1.
	index []int
}

func compilePath(dotted string) (path, error) {
	if strings.IndexByte(dotted, '.') < 0 {
		single := &struct {
			part  [1]string
			index [1]int
		}{[1]string{dotted}, [1]int{arrayIndex(dotted)}}
		return path{parts: single.part[:], index: single.index[:]}, nil
	}
	n := strings.Count(dotted, ".") + 1
	if n > maxDepth {
		return path{}, store.BadRequest(codeOverflow, "path is deeper than %d levels", maxDepth)
	}
	p := path{parts: strings.Split(dotted, "."), index: make([]int, n)}
	indexes := 0
	for i, part := range p.parts {
		p.index[i] = arrayIndex(part)
		if p.index[i] >= 0 {
			indexes++
		}
	}
	if indexes > maxIndexes {
		return path{}, store.BadRequest(codeBadValue, "path has more than %d array indexes", maxIndexes)
	}
	return p, nil
}

func (p path) String() string { return strings.Join(p.parts, ".") }

// arrayIndex returns the array index that part names, or -1: an index is
// written in decimal without leading zeros.
func arrayIndex(part string) int {
	if part == "" || len(part) > 9 || part[0] == '0' && len(part) > 1 {
		return -1
	}
	for i := range len(part) {
		if part[i] < '0' || part[i] > '9' {
			return -1
		}
	}
	n, _ := strconv.Atoi(part)
	return n
}

// leaf decides on one value that a path leads to.
type leaf interface {
	test(v value) bool
}

// some tells whether one of the values that the path leads to satisfies t.
//
// As in MongoDB, a path branches into the documents of every array on its way,
// and, where its next part is an index, also to that element of the array. An
// array at its end stands for its elements and for itself if unwind is set, else
// for itself only. A path that breaks off in a document leads to a missing value;
// one that breaks off at a scalar in an array leads nowhere.
func (p path) some(doc []byte, unwind bool, t leaf) bool { return p.someFrom(doc, 0, unwind, t) }

func (p path) someFrom(doc []byte, at int, unwind bool, t leaf) bool {
	for {
		v := find(doc, p.parts[at])
		at++
		switch {
		case at == len(p.parts):
			if unwind && v.kind == bson.TypeArray && someElement(v.data, t) {
				return true
			}
			return t.test(v)
		case v.kind == bson.TypeEmbeddedDocument:
			doc = v.data
		case v.kind == bson.TypeArray:
			return p.someIn(v.data, at, unwind, t)
		default:
			return t.test(missing)
		}
	}
}

// someIn is some for the rest of the path from an array.
func (p path) someIn(array []byte, at int, unwind bool, t leaf) bool {
	e := elements(array)
	for i := 0; ; i++ {
		_, v, ok := e.next()
		if !ok {
			return false
		}
		here := i == p.index[at]
		switch {
		case v.kind == bson.TypeEmbeddedDocument && p.someFrom(v.data, at, unwind, t):
			return true
		case !here:
		case at+1 == len(p.parts):
			if t.test(v) {
				return true
			}
		case v.kind == bson.TypeEmbeddedDocument:
			if p.someFrom(v.data, at+1, unwind, t) {
				return true
			}
		case v.kind == bson.TypeArray:
			if p.someIn(v.data, at+1, unwind, t) {
				return true
			}
		}
	}
}

func someElement(array []byte, t leaf) bool {
	for e := elements(array); ; {
		_, v, ok := e.next()
		if !ok {
			return false
		}
		if t.test(v) {
			return true
		}
	}
}

// Path is a dotted path into documents.
type Path struct{ path path }

// CompilePath compiles a dotted path.
func CompilePath(dotted string) (*Path, error) {
	p, err := compilePath(dotted)
	if err != nil {
		return nil, err
	}
	return &Path{path: p}, nil
}

// Distinct calls yield with the values that MongoDB's distinct takes from a
// document: those at the path, in every document of the arrays on its way, an
// array at its end as its elements; what is missing is left out. It returns
// false if yield did.
func (p *Path) Distinct(doc bson.Raw, yield func(bson.RawValue) bool) bool {
	return p.path.distinct(doc, 0, yield)
}

// Compared calls yield with the values that a filter's comparison at the path
// looks at: those that the path leads to, arrays and their elements, and one of
// type 0 for what is missing.
func (p *Path) Compared(doc bson.Raw, yield func(bson.RawValue)) {
	p.path.some(doc, true, onlooker(yield))
}

// onlooker sees all the values that a path leads to.
type onlooker func(bson.RawValue)

func (o onlooker) test(v value) bool {
	o(v.raw())
	return false
}

func (p path) distinct(doc []byte, at int, yield func(bson.RawValue) bool) bool {
	v := find(doc, p.parts[at])
	return p.distinctAt(v, at+1, yield)
}

func (p path) distinctAt(v value, at int, yield func(bson.RawValue) bool) bool {
	if at < len(p.parts) {
		switch v.kind {
		case bson.TypeEmbeddedDocument:
			return p.distinct(v.data, at, yield)
		case bson.TypeArray:
			e := elements(v.data)
			for i := 0; ; i++ {
				_, el, ok := e.next()
				if !ok {
					return true
				}
				if p.index[at] >= 0 {
					if i == p.index[at] && !p.distinctAt(el, at+1, yield) {
						return false
					}
					continue
				}
				if el.kind == bson.TypeEmbeddedDocument && !p.distinct(el.data, at, yield) {
					return false
				}
			}
		}
		return true
	}
	if v.kind == bson.TypeArray {
		for e := elements(v.data); ; {
			_, el, ok := e.next()
			if !ok {
				return true
			}
			if !yield(el.raw()) {
				return false
			}
		}
	}
	if v.kind == 0 {
		return true
	}
	return yield(v.raw())
}
