package match

import (
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Applier is a compiled update, an Updater for one; see its Apply.
type Applier interface {
	Apply(doc bson.Raw, insert bool) (result bson.Raw, changed bool, err error)
}

// UpsertDocument returns the document that an upsert inserts when nothing
// satisfies the filter: the filter's equalities, changed by the update. It has
// an _id as its first field, a new ObjectID if neither gives one.
func UpsertDocument(filter bson.D, u Applier) (bson.Raw, error) {
	raw, err := Encode(filter)
	if err != nil {
		return nil, err
	}
	var given equalities
	if err := given.collect(raw, 0); err != nil {
		return nil, err
	}
	doc, err := given.document()
	if err != nil {
		return nil, err
	}
	doc, _, err = u.Apply(doc, true)
	if err != nil {
		return nil, err
	}
	id := find(doc, "_id")
	switch id.kind {
	case 0:
		oid := bson.NewObjectID()
		id = value{kind: bson.TypeObjectID, data: oid[:]}
	case bson.TypeArray, bson.TypeRegex, bson.TypeUndefined:
		return nil, store.BadRequest(codeInvalidID, "The '_id' value cannot be an array, a regex or undefined")
	}
	return withID(doc, id), nil
}

// withID returns a document with this _id as its first field, in place of its own.
func withID(doc []byte, id value) bson.Raw {
	dst, start := openDocument(make([]byte, 0, len(doc)+20))
	dst = appendValueElement(dst, []byte("_id"), id)
	for e := elements(doc); ; {
		key, v, ok := e.next()
		if !ok {
			return closeDocument(dst, start)
		}
		if string(key) != "_id" {
			dst = appendValueElement(dst, key, v)
		}
	}
}

// equalities are the paths that a filter requires to equal a value.
type equalities []equality

type equality struct {
	path string
	v    value
}

// collect adds the equalities of a filter: {path: value}, {path: {$eq: value}},
// $all and $in of one value, and those of $and, and of $or with one clause.
func (q *equalities) collect(filter []byte, depth int) error {
	if depth > maxFilterDepth {
		return store.BadRequest(codeBadValue, "exceeded maximum query tree depth of %d", maxFilterDepth)
	}
	for e := elements(filter); ; {
		key, v, ok := e.next()
		if !ok {
			return nil
		}
		name := string(key)
		switch {
		case name == "$and", name == "$or" && isSingle(v):
			for c := elements(v.data); ; {
				_, clause, ok := c.next()
				if !ok {
					break
				}
				if err := q.collect(clause.data, depth+1); err != nil {
					return err
				}
			}
		case strings.HasPrefix(name, "$"), v.kind == bson.TypeRegex:
		case !isOperatorDocument(v):
			if err := q.add(name, v); err != nil {
				return err
			}
		default:
			if err := q.collectOperators(name, v.data); err != nil {
				return err
			}
		}
	}
}

func isSingle(array value) bool {
	return array.kind == bson.TypeArray && elementAt(array.data, 0).kind != 0 && elementAt(array.data, 1).kind == 0
}

func (q *equalities) collectOperators(path string, operators []byte) error {
	for e := elements(operators); ; {
		key, v, ok := e.next()
		if !ok {
			return nil
		}
		switch string(key) {
		case "$eq":
		case "$all", "$in":
			if !isSingle(v) {
				continue
			}
			v = elementAt(v.data, 0)
			if v.kind == bson.TypeRegex || isOperatorDocument(v) {
				continue
			}
		default:
			continue
		}
		if err := q.add(path, v); err != nil {
			return err
		}
	}
}

func (q *equalities) add(path string, v value) error {
	for _, e := range *q {
		if e.path == path || strings.HasPrefix(e.path, path+".") || strings.HasPrefix(path, e.path+".") {
			return store.BadRequest(codeNotSingleValue, "cannot infer query fields to set, path '%s' is matched twice", path)
		}
	}
	*q = append(*q, equality{path: path, v: v})
	return nil
}

// document returns a document of the equalities, in the order of their paths.
func (q equalities) document() (bson.Raw, error) {
	slices.SortFunc(q, func(a, b equality) int { return strings.Compare(a.path, b.path) })
	root := &change{}
	for _, e := range q {
		if err := root.add(e.path, setting{e.v}, nil); err != nil {
			return nil, err
		}
	}
	a := applying{insert: true}
	c := &container{}
	if _, err := a.apply(root, c); err != nil {
		return nil, err
	}
	return c.append(nil), nil
}
