package match

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// container is a document or array that an update looks into. Only what the
// update's paths lead through is opened; the rest stays as it is in BSON.
type container struct {
	items   []item
	array   bool
	changed bool
}

// item is an element: a value, or the container that it was opened to.
type item struct {
	name  []byte // of no meaning in an array
	v     value
	below *container
}

func (c *container) load(doc []byte) {
	n := 0
	for e := elements(doc); ; n++ {
		if _, _, ok := e.next(); !ok {
			break
		}
	}
	c.items = make([]item, 0, n+2)
	for e := elements(doc); ; {
		key, v, ok := e.next()
		if !ok {
			return
		}
		c.items = append(c.items, item{name: key, v: v})
	}
}

func (it *item) missing() bool { return it.v.kind == 0 && it.below == nil }

// open returns the container at the element, or nil if it is a scalar.
func (it *item) open() *container {
	if it.below == nil && (it.v.kind == bson.TypeEmbeddedDocument || it.v.kind == bson.TypeArray) {
		it.below = &container{array: it.v.kind == bson.TypeArray}
		it.below.load(it.v.data)
	}
	return it.below
}

func (it *item) set(v value) { it.v, it.below = v, nil }

// current returns the element's value with the changes made below it.
func (it *item) current() value {
	if it.below == nil || !it.below.changed {
		return it.v
	}
	kind := bson.TypeEmbeddedDocument
	if it.below.array {
		kind = bson.TypeArray
	}
	return value{kind: kind, data: it.below.append(nil)}
}

// position returns where the element that c names is or would be put, or -1 if
// the container, an array, can't have one of this name.
func (c *container) position(ch *change) int {
	if c.array {
		return ch.index
	}
	for i := range c.items {
		if string(c.items[i].name) == ch.name {
			return i
		}
	}
	return len(c.items)
}

// maxPadding is MongoDB's bound on the nulls that setting an array's element
// adds before it.
const maxPadding = 1_500_000

// put adds an element at a position at or, in an array, after the end.
func (c *container) put(at int, it item) error {
	if at-len(c.items) > maxPadding {
		return store.BadRequest(codeCannotBackfillArray, "can't backfill more than %d elements", maxPadding)
	}
	for len(c.items) < at {
		c.items = append(c.items, item{v: null})
	}
	c.items = append(c.items, it)
	c.changed = true
	return nil
}

// append appends the container as BSON.
func (c *container) append(dst []byte) []byte {
	dst, start := openDocument(dst)
	var index [20]byte
	for i := range c.items {
		it := &c.items[i]
		kind := it.v.kind
		if it.below != nil {
			kind = bson.TypeEmbeddedDocument
			if it.below.array {
				kind = bson.TypeArray
			}
		}
		dst = append(dst, byte(kind))
		if c.array {
			dst = append(dst, appendIndex(index[:0], i)...)
		} else {
			dst = append(dst, it.name...)
		}
		dst = append(dst, 0)
		if it.below != nil && it.below.changed {
			dst = it.below.append(dst)
		} else {
			dst = append(dst, it.v.data...)
		}
	}
	return closeDocument(dst, start)
}

// take removes the value at a path of fields and returns it; it is missing if
// there is none. A path through an array is an error.
func (c *container) take(parts []string) (value, error) {
	for i := range c.items {
		it := &c.items[i]
		if string(it.name) != parts[0] {
			continue
		}
		if len(parts) == 1 {
			v := it.current()
			c.items = slices.Delete(c.items, i, i+1)
			c.changed = true
			return v, nil
		}
		below := it.open()
		switch {
		case below == nil:
			return missing, nil
		case below.array:
			return missing, store.BadRequest(codeBadValue, "The source field of $rename cannot be an array element")
		}
		v, err := below.take(parts[1:])
		c.changed = c.changed || below.changed
		return v, err
	}
	return missing, nil
}
