package match

import "go.mongodb.org/mongo-driver/v2/bson"

// node is a condition on a document.
type node interface {
	match(doc []byte) bool
}

type all []node

func (a all) match(doc []byte) bool {
	for _, n := range a {
		if !n.match(doc) {
			return false
		}
	}
	return true
}

type either []node

func (e either) match(doc []byte) bool {
	for _, n := range e {
		if n.match(doc) {
			return true
		}
	}
	return false
}

type not struct{ node node }

func (n not) match(doc []byte) bool { return !n.node.match(doc) }

type constant bool

func (c constant) match([]byte) bool { return bool(c) }

// field is a condition on the values at a path.
type field struct {
	path      path
	condition condition
}

func (f *field) match(doc []byte) bool { return f.condition.at(f.path, doc) }

// condition is a condition on the values at a path, or on one value that stands
// alone, such as an array's element in $elemMatch.
type condition interface {
	at(p path, doc []byte) bool
	leaf
}

// existential holds if one of the values at the path satisfies its leaf.
type existential struct {
	leaf
	unwind bool
}

func (e existential) at(p path, doc []byte) bool { return p.some(doc, e.unwind, e.leaf) }

// every holds if all of its conditions do.
type every []condition

func (e every) at(p path, doc []byte) bool {
	for _, c := range e {
		if !c.at(p, doc) {
			return false
		}
	}
	return true
}

func (e every) test(v value) bool {
	for _, c := range e {
		if !c.test(v) {
			return false
		}
	}
	return true
}

type negation struct{ condition condition }

func (n negation) at(p path, doc []byte) bool { return !n.condition.at(p, doc) }
func (n negation) test(v value) bool          { return !n.condition.test(v) }

// elementMatch holds for an array with an element that satisfies the leaf.
type elementMatch struct{ element leaf }

func (m elementMatch) test(v value) bool {
	return v.kind == bson.TypeArray && someElement(v.data, m.element)
}

// documentMatch holds for a document, or an array taken as one, that satisfies
// the filter.
type documentMatch struct{ filter all }

func (m documentMatch) test(v value) bool {
	return (v.kind == bson.TypeEmbeddedDocument || v.kind == bson.TypeArray) && m.filter.match(v.data)
}

type never struct{}

func (never) test(value) bool { return false }
