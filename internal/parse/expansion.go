package parse

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Expansion says which pointers of an object are written as the objects that
// they point to. The root stands for the object itself.
type Expansion struct {
	// Children are the expansions of the object's fields, and further down of
	// the members of nested objects and the fields of included objects. Arrays
	// are transparent: their elements have the array's expansion.
	Children map[string]*Expansion
	// Included are the objects fetched for the pointers at this place. When it
	// is not nil, a pointer to an object that is not in it is left out, as
	// parse-server does when the object is gone or the caller may not read it.
	Included map[Pointer]Included
	// Allowance is what the stored documents that are written in place of pointers
	// are taken from, each time that they are. Children share it.
	Allowance *Allowance
}

// Included is a fetched object.
type Included struct {
	Doc bson.Raw
	// View is of the object's class, and Typed.
	View *View
}

// Child returns the expansion of a member, which it makes when there is none.
func (e *Expansion) Child(name string) *Expansion {
	c := e.Children[name]
	if c == nil {
		if e.Children == nil {
			e.Children = make(map[string]*Expansion)
		}
		c = &Expansion{Allowance: e.Allowance}
		e.Children[name] = c
	}
	return c
}

// at returns the expansion of a member, nil when there is none.
func (e *Expansion) at(name string) *Expansion {
	if e == nil {
		return nil
	}
	return e.Children[name]
}

// pointerAt returns the pointer in a pointer field of a stored document.
func pointerAt(doc bson.Raw, field string) (Pointer, bool) {
	kind, value, ok := pointerElement(doc, field)
	if !ok || kind != bson.TypeString {
		return Pointer{}, false
	}
	return pointerOf(string(stringBytes(value)))
}

func pointerElement(doc []byte, field string) (bson.Type, []byte, bool) {
	for r := readDocument(doc); r.next(); {
		if len(r.key) == len(pointerPrefix)+len(field) && string(r.key[:len(pointerPrefix)]) == pointerPrefix &&
			string(r.key[len(pointerPrefix):]) == field {
			return r.kind, r.value, true
		}
	}
	return 0, nil, false
}

// AppendPointers appends the pointers that a stored document holds at a path:
// in a pointer field, or inside objects and arrays. A path that leads past a
// pointer finds nothing: it goes on in the object pointed to.
func AppendPointers(dst []Pointer, doc bson.Raw, path []string) []Pointer {
	if len(path) == 0 {
		return dst
	}
	if len(path) == 1 {
		if p, ok := pointerAt(doc, path[0]); ok {
			return append(dst, p)
		}
	}
	if strings.HasPrefix(path[0], "_") {
		return dst
	}
	kind, value, ok := lookup(doc, path[0])
	if !ok {
		return dst
	}
	return appendNestedPointers(dst, kind, value, path[1:], 0)
}

func appendNestedPointers(dst []Pointer, kind bson.Type, value []byte, path []string, depth int) []Pointer {
	if depth > maxNesting {
		return dst
	}
	switch kind {
	case bson.TypeArray:
		for r := readDocument(value); r.next(); {
			dst = appendNestedPointers(dst, r.kind, r.value, path, depth+1)
		}
	case bson.TypeEmbeddedDocument:
		if len(path) == 0 {
			if class, id, ok := nestedPointer(value); ok {
				dst = append(dst, Pointer{ClassName: string(class), ObjectID: string(id)})
			}
			return dst
		}
		if kind, value, ok := lookup(value, path[0]); ok {
			return appendNestedPointers(dst, kind, value, path[1:], depth+1)
		}
	}
	return dst
}

// nestedPointer reads {"__type":"Pointer",…} stored inside an object or an array.
func nestedPointer(doc []byte) (class, id []byte, ok bool) {
	for r := readDocument(doc); r.next(); {
		if r.kind != bson.TypeString {
			continue
		}
		switch s := stringBytes(r.value); string(r.key) {
		case "__type":
			if ok = string(s) == "Pointer"; !ok {
				return nil, nil, false
			}
		case "className":
			class = s
		case "objectId":
			id = s
		}
	}
	return class, id, ok && len(class) > 0 && len(id) > 0
}
