package match

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Position returns the index of the array's element by which a document satisfies
// the filter, or -1: what the positional operator $ stands for in an update. Of
// several conditions that look into arrays, it is that of the last, and of arrays
// in arrays, that in the outermost.
func (m *Matcher) Position(doc bson.Raw) int { return positionIn(m.root, doc) }

func positionIn(n node, doc []byte) int {
	found := -1
	switch n := n.(type) {
	case all:
		for _, part := range n {
			if at := positionIn(part, doc); at >= 0 {
				found = at
			}
		}
	case either:
		for _, part := range n {
			if part.match(doc) {
				return positionIn(part, doc)
			}
		}
	case *field:
		return positionOf(n.condition, n.path, doc)
	}
	return found
}

func positionOf(c condition, p path, doc []byte) int {
	found := -1
	switch c := c.(type) {
	case every:
		for _, part := range c {
			if at := positionOf(part, p, doc); at >= 0 {
				found = at
			}
		}
	case existential:
		return p.position(doc, c)
	}
	return found
}

// position returns the index of the first element of the outermost array on the
// path, through which it leads to what satisfies the condition.
func (p path) position(doc []byte, c existential) int {
	for at := 1; ; at++ {
		v := find(doc, p.parts[at-1])
		last := at == len(p.parts)
		switch {
		case v.kind == bson.TypeArray && last:
			if m, ok := c.leaf.(elementMatch); ok {
				return firstElement(v.data, m.element.test)
			}
			if c.unwind {
				return firstElement(v.data, c.test)
			}
			return -1
		case v.kind == bson.TypeArray:
			return firstElement(v.data, func(v value) bool {
				return v.kind == bson.TypeEmbeddedDocument && p.someFrom(v.data, at, c.unwind, c.leaf)
			})
		case last || v.kind != bson.TypeEmbeddedDocument:
			return -1
		}
		doc = v.data
	}
}

func firstElement(array []byte, holds func(v value) bool) int {
	e := elements(array)
	for i := 0; ; i++ {
		_, v, ok := e.next()
		if !ok {
			return -1
		}
		if holds(v) {
			return i
		}
	}
}
