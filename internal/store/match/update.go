package match

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// MaxDocumentSize is the greatest size of a document in bytes, as in MongoDB.
const MaxDocumentSize = 16 << 20

// Updater applies a MongoDB update document.
type Updater struct {
	root    *change
	renames []*renaming
	query   *Matcher // nil for none
}

// change is what an update does at one place of a document: it modifies the
// value there, or changes places below it. Below, places are in the order in
// which MongoDB visits them, which is the order in which it adds fields.
type change struct {
	name     string
	index    int // of an array's element, or -1
	path     string
	modifier modifier // nil if there are changes below
	below    []*change
	// selects are the elements that it is made in, of the array above; nil if it
	// is made in what is called name.
	selects *selection
	// found is the change below in the element that the query has found; nil for none.
	found *change
}

// modifier makes a new value of an old one, which may be missing.
type modifier interface {
	// modify returns the value to put in place. If it is the old one, nothing
	// changes; a missing one removes it.
	modify(old value, ctx *applying) (value, error)
	// creates tells whether the modifier makes a value where there is none, and
	// thus the documents on the way to it.
	creates(ctx *applying) bool
}

// UpdateOptions are what an update is compiled with.
type UpdateOptions struct {
	// ArrayFilters say which elements $[name] stands for in paths.
	ArrayFilters []bson.D
	// Query is the filter that finds the documents, and so the elements that $
	// stands for in paths; nil for none. It serves the updater, and no one else at
	// the same time if it has an $expr.
	Query *Matcher
}

// CompileUpdate compiles an update document of operators. Replacements and
// pipelines are refused.
func CompileUpdate(update bson.D) (*Updater, error) { return UpdateOptions{}.Compile(update) }

// Compile is CompileUpdate with options.
func (o UpdateOptions) Compile(update bson.D) (*Updater, error) {
	named, err := compileSelections(o.ArrayFilters)
	if err != nil {
		return nil, err
	}
	raw, err := Encode(update)
	if err != nil {
		return nil, err
	}
	if len(update) == 0 {
		return nil, store.BadRequest(codeFailedToParse, "update document must have at least one operator")
	}
	u := &Updater{root: &change{}, query: o.Query}
	for e := elements(raw); ; {
		key, operand, ok := e.next()
		if !ok {
			break
		}
		name := string(key)
		compile, known := modifiers[name]
		if !known {
			return nil, store.BadRequest(codeFailedToParse,
				"Unknown modifier: %s. Expected a valid update modifier", name)
		}
		if operand.kind != bson.TypeEmbeddedDocument {
			return nil, store.BadRequest(codeFailedToParse,
				"Modifiers operate on fields but we found a value instead for %s", name)
		}
		if err := u.addAll(operand.data, compile, named); err != nil {
			return nil, err
		}
	}
	u.root.order()
	return u, named.allUsed()
}

func (u *Updater) addAll(operand []byte, compile modifierCompiler, named selections) error {
	for e := elements(operand); ; {
		key, v, ok := e.next()
		if !ok {
			return nil
		}
		path := string(key)
		m, err := compile(path, v)
		if err != nil {
			return err
		}
		if r, ok := m.(*renaming); ok {
			if isDynamic(path) || isDynamic(r.target) {
				return store.BadRequest(codeBadValue, "The source and the destination field for $rename may not be dynamic: %s, %s", path, r.target)
			}
			// The source is there only to find conflicts.
			if err := u.root.add(path, renamed{}, nil); err != nil {
				return err
			}
			r.number = len(u.renames)
			u.renames = append(u.renames, r)
			path = r.target
		}
		if err := u.root.add(path, m, named); err != nil {
			return err
		}
	}
}

// add puts a modifier at a path.
func (c *change) add(path string, m modifier, named selections) error {
	parts := strings.Split(path, ".")
	if len(parts) > maxDepth {
		return store.BadRequest(codeOverflow, "path is deeper than %d levels", maxDepth)
	}
	positional := false
	for i, part := range parts {
		selects, err := named.selection(part, path)
		switch {
		case err != nil:
			return err
		case part == "":
			return store.BadRequest(codeEmptyFieldName,
				"The update path '%s' contains an empty field name, which is not allowed.", path)
		case part == "$" && i == 0:
			return store.BadRequest(codeBadValue, "Cannot have positional (i.e. '$') element in the first position in path '%s'", path)
		case part == "$" && positional:
			return store.BadRequest(codeBadValue, "Too many positional (i.e. '$') elements found in path '%s'", path)
		case part == "$":
			positional = true
		case selects == nil && part[0] == '$':
			return store.BadRequest(codeDollarPrefixedName,
				"The dollar ($) prefixed field '%s' in '%s' is not valid for storage.", part, path)
		case len(c.below) > 0 && c.selective() != (selects != nil), c.found != nil && selects != nil:
			return conflict(path, c.path)
		}
		next := c.child(part)
		if next == nil {
			next = &change{name: part, index: arrayIndex(part), path: strings.Join(parts[:i+1], "."), selects: selects}
			if part == "$" {
				c.found = next
			} else {
				c.below = append(c.below, next)
			}
			c = next
			continue
		}
		c = next
		if i == len(parts)-1 || c.modifier != nil {
			return conflict(path, c.path)
		}
	}
	c.modifier = m
	return nil
}

// child returns the change below of that name, nil if there is none.
func (c *change) child(name string) *change {
	if name == "$" {
		return c.found
	}
	at := slices.IndexFunc(c.below, func(b *change) bool { return b.name == name })
	if at < 0 {
		return nil
	}
	return c.below[at]
}

func conflict(path, at string) error {
	return store.BadRequest(codeConflictingUpdate, "Updating the path '%s' would create a conflict at '%s'", path, at)
}

// order sorts what is below by name, indexes by number.
func (c *change) order() {
	c.sort()
	for _, b := range c.below {
		b.order()
	}
	if c.found != nil {
		c.found.order()
	}
}

// sort sorts what is directly below.
func (c *change) sort() {
	slices.SortFunc(c.below, func(a, b *change) int {
		if a.index >= 0 && b.index >= 0 {
			return cmp.Compare(a.index, b.index)
		}
		return cmp.Compare(a.name, b.name)
	})
}

// applying is one application of an update.
type applying struct {
	insert bool
	now    time.Time
	// renamed holds the values taken from the sources of the renames.
	renamed []value
	// arrays counts the arrays on the way to the current place.
	arrays int
	// steps counts the places looked at, and put the bytes of the values put in place.
	steps, put int
	// doc is the document as it was, and query the filter that has found it; nil
	// when nothing was found.
	doc   bson.Raw
	query *Matcher
}

// clock returns the time of the update, the same wherever it is asked for.
func (a *applying) clock() time.Time {
	if a.now.IsZero() {
		a.now = time.Now()
	}
	return a.now
}

// Apply returns the document as the update makes it. changed is false when it
// makes no difference; then result is doc itself. insert tells that the document
// is about to be inserted by an upsert: $setOnInsert applies, and an _id may be
// given to a document that has none. Otherwise _id can't change.
func (u *Updater) Apply(doc bson.Raw, insert bool) (result bson.Raw, changed bool, err error) {
	a := applying{insert: insert, doc: doc}
	if !insert {
		a.query = u.query
	}
	root := &container{}
	root.load(doc)
	// No other change of the update touches the places of a rename, so that its
	// source can be taken first.
	for _, r := range u.renames {
		v, err := root.take(strings.Split(r.from, "."))
		if err != nil {
			return doc, false, err
		}
		a.renamed = append(a.renamed, v)
	}
	if _, err = a.apply(u.root, root); err != nil || !root.changed {
		return doc, false, err
	}
	result = root.append(make([]byte, 0, len(doc)+len(doc)/4+64))
	if err := checkUpdated(doc, result, insert); err != nil {
		return doc, false, err
	}
	return result, true, nil
}

// Rewritten returns what an update makes of a document when it puts another one in
// its place, under the rules of Updater.Apply. One without an _id has the old one.
func Rewritten(doc, result bson.Raw, insert bool) (_ bson.Raw, changed bool, err error) {
	if id := find(doc, "_id"); id.kind != 0 && find(result, "_id").kind == 0 {
		result = withID(result, id)
	}
	if bytes.Equal(doc, result) {
		return doc, false, nil
	}
	if err := checkUpdated(doc, result, insert); err != nil {
		return doc, false, err
	}
	if err := Validate(result); err != nil {
		return doc, false, err
	}
	return result, true, nil
}

// checkUpdated is an error if an update may not make this of a document.
func checkUpdated(doc, result []byte, insert bool) error {
	id := find(doc, "_id")
	switch {
	case id.kind != 0 && !identical(id, find(result, "_id")), id.kind == 0 && !insert && find(result, "_id").kind != 0:
		return store.BadRequest(codeImmutableField,
			"Performing an update on the path '_id' would modify the immutable field '_id'")
	case len(result) > MaxDocumentSize:
		return tooLarge()
	}
	return nil
}

func tooLarge() error {
	return store.BadRequest(17419, "Resulting document after update is larger than %d bytes", MaxDocumentSize)
}

// apply makes the changes below c in a container.
func (a *applying) apply(c *change, in *container) (changed bool, err error) {
	if c.selective() {
		return a.applySelected(c, in)
	}
	below, err := a.located(c)
	if err != nil {
		return false, err
	}
	for _, b := range below {
		did, err := a.applyOne(b, in)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	return changed, nil
}

func (a *applying) applyOne(c *change, in *container) (bool, error) {
	if err := a.step(); err != nil {
		return false, err
	}
	at := in.position(c)
	if at < 0 {
		if c.creates(a) {
			return false, store.BadRequest(codePathNotViable, "Cannot create field '%s' in an array, at '%s'",
				c.name, c.path)
		}
		return false, nil
	}
	if at < len(in.items) {
		return a.applyAt(c, in, at)
	}
	if !c.creates(a) {
		return false, nil
	}
	it, err := a.create(c)
	if err != nil || it.missing() {
		return false, err
	}
	if err := a.grow(len(it.name) + len(it.v.data)); err != nil {
		return false, err
	}
	return true, in.put(at, it)
}

// grow accounts for a value that is put in place. All of them are in the result,
// which is known to be too large once they are.
func (a *applying) grow(n int) error {
	if a.put += n; a.put > MaxDocumentSize {
		return tooLarge()
	}
	return nil
}

// applyAt makes a change where there is a value.
func (a *applying) applyAt(c *change, in *container, at int) (bool, error) {
	it := &in.items[at]
	if c.modifier != nil {
		old := it.current()
		v, err := c.modifier.modify(old, a)
		if err != nil {
			return false, err
		}
		if v.kind == 0 && in.array {
			v = null // the elements behind it keep their indexes
		}
		switch {
		case identical(old, v):
			return false, nil
		case v.kind != 0:
			if err := a.grow(len(v.data)); err != nil {
				return false, err
			}
			it.set(v)
		default:
			in.items = slices.Delete(in.items, at, at+1)
		}
		in.changed = true
		return true, nil
	}
	below := it.open()
	if below == nil {
		if c.selective() {
			return false, notSelectable(c)
		}
		if _, err := a.located(c); err != nil || !c.creates(a) {
			return false, err
		}
		return false, store.BadRequest(codePathNotViable, "Cannot create field '%s' in the element at '%s', which is no document",
			c.anyBelow(), c.path)
	}
	if below.array {
		a.arrays++
		defer func() { a.arrays-- }()
	}
	changed, err := a.apply(c, below)
	in.changed = in.changed || changed
	return changed, err
}

// create returns a new element with the changes at and below c.
func (a *applying) create(c *change) (item, error) {
	it := item{name: []byte(c.name)}
	if c.modifier != nil {
		v, err := c.modifier.modify(missing, a)
		it.v = v
		return it, err
	}
	it.below = &container{changed: true}
	_, err := a.apply(c, it.below)
	return it, err
}

// anyBelow returns the name of a change below.
func (c *change) anyBelow() string {
	if len(c.below) == 0 {
		return c.found.name
	}
	return c.below[0].name
}

// creates tells whether there is a modifier at or below c that makes a value
// where there is none, or a selection, for which there must be an array.
func (c *change) creates(a *applying) bool {
	if c.modifier != nil {
		return c.modifier.creates(a)
	}
	if c.selective() || c.found != nil && c.found.creates(a) {
		return true
	}
	for _, b := range c.below {
		if b.creates(a) {
			return true
		}
	}
	return false
}

// identical tells whether two values are the same in type and bytes.
func identical(a, b value) bool { return a.kind == b.kind && string(a.data) == string(b.data) }
