package match

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Projection picks parts of documents.
type Projection struct {
	root *projectionNode
	// include tells that what is named is kept; otherwise it is left out.
	include bool
	// score is the name under which the text score is added, "" for none.
	score string
}

// projectionNode is what a projection says of a document's fields: of each by
// name, or of a field's own fields.
type projectionNode struct {
	names    []string
	children []*projectionNode // nil for a field that is named itself
	// id tells at the root whether _id is kept.
	id bool
}

// CompileProjection compiles a projection: {path: 1, …} keeps the paths named
// and _id, {path: 0, …} leaves the paths named out; {_id: 0} goes with both, and
// {name: {$meta: "textScore"}} adds a score. A nil or empty one keeps everything.
func CompileProjection(projection bson.D) (*Projection, error) {
	p := &Projection{root: &projectionNode{id: true}}
	raw, err := Encode(projection)
	if err != nil {
		return nil, err
	}
	decided, idSaid := false, false
	for e := elements(raw); ; {
		key, v, ok := e.next()
		if !ok {
			break
		}
		name := string(key)
		if isTextScore(v) {
			p.score = name
			continue
		}
		if !v.isNumber() && v.kind != bson.TypeBoolean {
			return nil, store.BadRequest(codeBadValue, "projection of %q is neither inclusion nor exclusion", name)
		}
		keep := v.truthy()
		if name == "_id" {
			p.root.id, idSaid = keep, true
			continue
		}
		if decided && keep != p.include {
			if keep {
				return nil, store.BadRequest(31253, "Cannot do inclusion on field %s in exclusion projection", name)
			}
			return nil, store.BadRequest(31254, "Cannot do exclusion on field %s in inclusion projection", name)
		}
		decided, p.include = true, keep
		if err := p.root.add(name); err != nil {
			return nil, err
		}
	}
	if !decided && idSaid {
		p.include = p.root.id
	}
	return p, nil
}

func (n *projectionNode) add(dotted string) error {
	parts := strings.Split(dotted, ".")
	if len(parts) > maxDepth {
		return store.BadRequest(codeOverflow, "path is deeper than %d levels", maxDepth)
	}
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "":
			return store.BadRequest(40353, "FieldPath must not end with a '.' or have empty parts: %q", dotted)
		case part[0] == '$':
			return store.BadRequest(16410, "FieldPath field names may not start with '$': %q", dotted)
		}
		j := n.find([]byte(part))
		if j < 0 {
			n.names = append(n.names, part)
			n.children = append(n.children, nil)
			j = len(n.names) - 1
			if !last {
				n.children[j] = &projectionNode{}
			}
		} else if last || n.children[j] == nil {
			return store.BadRequest(31250, "Path collision at %s", dotted)
		}
		n = n.children[j]
	}
	return nil
}

func (n *projectionNode) find(name []byte) int {
	for i, s := range n.names {
		if s == string(name) {
			return i
		}
	}
	return -1
}

// HasScore tells whether the projection adds the text score.
func (p *Projection) HasScore() bool { return p.score != "" }

// Append appends the projected document to dst; score is the document's text
// score. Fields keep the document's order.
func (p *Projection) Append(dst []byte, doc bson.Raw, score float64) []byte {
	dst, start := openDocument(dst)
	for e := elements(doc); ; {
		key, v, ok := e.next()
		if !ok {
			break
		}
		if string(key) == "_id" {
			if p.root.id {
				dst = appendValueElement(dst, key, v)
			}
			continue
		}
		if p.score == "" || string(key) != p.score { // the score takes its place
			dst = p.root.appendElement(dst, key, v, p.include)
		}
	}
	if p.score != "" {
		dst = appendValueElement(dst, []byte(p.score), doubleValue(score))
	}
	return closeDocument(dst, start)
}

// appendElement appends what is left of an element. In an array, what is no
// document is left out of an inclusion and kept in an exclusion.
func (n *projectionNode) appendElement(dst, key []byte, v value, include bool) []byte {
	i := n.find(key)
	switch {
	case i < 0:
		if include {
			return dst
		}
		return appendValueElement(dst, key, v)
	case n.children[i] == nil:
		if include {
			return appendValueElement(dst, key, v)
		}
		return dst
	}
	return n.children[i].appendValue(dst, key, v, include, 0)
}

func (n *projectionNode) appendValue(dst, key []byte, v value, include bool, depth int) []byte {
	switch {
	case depth > maxDepth:
		return dst
	case v.kind == bson.TypeEmbeddedDocument:
		dst = appendKeyName(dst, v.kind, string(key))
		dst, start := openDocument(dst)
		for e := elements(v.data); ; {
			key, v, ok := e.next()
			if !ok {
				return closeDocument(dst, start)
			}
			dst = n.appendElement(dst, key, v, include)
		}
	case v.kind == bson.TypeArray:
		dst = appendKeyName(dst, v.kind, string(key))
		dst, start := openDocument(dst)
		count := 0
		var name [20]byte
		for e := elements(v.data); ; {
			_, v, ok := e.next()
			if !ok {
				return closeDocument(dst, start)
			}
			before := len(dst)
			dst = n.appendValue(dst, appendIndex(name[:0], count), v, include, depth+1)
			if len(dst) > before {
				count++
			}
		}
	case include:
		return dst
	}
	return appendValueElement(dst, key, v)
}
