package match

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/text"
)

// textSearch is a $text. What it means depends on an index, so that it holds for
// no document until BindText puts something in its place.
type textSearch struct{ search text.Search }

func (*textSearch) match([]byte) bool { return false }

// Text returns what the filter searches for as text, nil for nothing.
func (m *Matcher) Text() *text.Search {
	if m.text == nil {
		return nil
	}
	return &m.text.search
}

// BindText returns the matcher with holds to decide on its text search; nil
// holds always.
func (m *Matcher) BindText(holds func(doc bson.Raw) bool) *Matcher {
	var bound node = constant(true)
	if holds != nil {
		bound = external(holds)
	}
	root, _ := bindText(m.root, bound).(all)
	return &Matcher{root: root, near: m.near, failed: m.failed}
}

// bindText returns the node with bound in place of the text search. It is only
// ever below conjunctions and disjunctions.
func bindText(n, bound node) node {
	switch n := n.(type) {
	case *textSearch:
		return bound
	case all:
		return all(bindAll(n, bound))
	case either:
		return either(bindAll(n, bound))
	}
	return n
}

func bindAll(nodes []node, bound node) []node {
	changed := make([]node, len(nodes))
	for i, n := range nodes {
		changed[i] = bindText(n, bound)
	}
	return changed
}

// external is a condition that is decided elsewhere.
type external func(doc bson.Raw) bool

func (e external) match(doc []byte) bool { return e(doc) }

// textSearch compiles a $text.
func (c compiler) textSearch(v value) (node, error) {
	switch {
	case c.search == nil:
		return nil, store.BadRequest(codeBadValue, "$text is not allowed in this context")
	case *c.search != nil:
		return nil, store.BadRequest(codeBadValue, "Too many text expressions")
	case v.kind != bson.TypeEmbeddedDocument:
		return nil, store.BadRequest(codeBadValue, "$text expects an object")
	}
	t := &textSearch{}
	said := false
	for e := elements(v.data); ; {
		key, v, ok := e.next()
		if !ok {
			break
		}
		var err error
		switch name := string(key); name {
		case "$search":
			t.search.Search, err = textOperand(name, v)
			said = true
		case "$language":
			t.search.Language, err = textOperand(name, v)
		case "$caseSensitive":
			t.search.CaseSensitive, err = flagOperand(name, v)
		case "$diacriticSensitive":
			t.search.DiacriticSensitive, err = flagOperand(name, v)
		default:
			err = store.BadRequest(codeBadValue, "extra fields in $text")
		}
		if err != nil {
			return nil, err
		}
	}
	if !said {
		return nil, store.BadRequest(codeNoSuchKey, "Missing expected field \"$search\"")
	}
	*c.search = t
	return t, nil
}

func textOperand(name string, v value) (string, error) {
	if !v.isString() {
		return "", store.BadRequest(codeTypeMismatch, "%q had the wrong type. Expected string", name)
	}
	return string(v.text()), nil
}

func flagOperand(name string, v value) (bool, error) {
	if v.kind != bson.TypeBoolean && !v.isNumber() {
		return false, store.BadRequest(codeTypeMismatch, "%q had the wrong type. Expected bool", name)
	}
	return v.truthy(), nil
}
