package match

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// selection says in which elements of an array a change is made: what stands for
// $[] and $[name] in a path.
type selection struct {
	name   string
	filter all // of $[name], about {name: element}
	used   bool
}

func (s *selection) holds(v value) bool {
	if len(s.filter) == 0 {
		return true
	}
	dst, start := openDocument(make([]byte, 0, len(v.data)+len(s.name)+16))
	dst = appendValueElement(dst, []byte(s.name), v)
	return s.filter.match(closeDocument(dst, start))
}

// selections are the array filters of an update by their names.
type selections map[string]*selection

var identifier = regexp.MustCompile("^[a-z][a-zA-Z0-9]*$")

func compileSelections(filters []bson.D) (selections, error) {
	if len(filters) == 0 {
		return nil, nil
	}
	named := make(selections, len(filters))
	for _, f := range filters {
		name, err := nameOfFilter(f, "", 0)
		switch {
		case err != nil:
			return nil, err
		case name == "":
			return nil, store.BadRequest(codeFailedToParse, "Cannot use an expression without a top-level field name in arrayFilters")
		case !identifier.MatchString(name):
			return nil, store.BadRequest(codeBadValue,
				"The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '%s'", name)
		case named[name] != nil:
			return nil, store.BadRequest(codeFailedToParse, "Found multiple array filters with the same top-level field name %s", name)
		}
		raw, err := Encode(f)
		if err != nil {
			return nil, err
		}
		s := &selection{name: name}
		if s.filter, err = (compiler{}).conjunction(raw); err != nil {
			return nil, err
		}
		named[name] = s
	}
	return named, nil
}

// nameOfFilter returns what the paths of an array filter all begin with, which is
// name if some began so already.
func nameOfFilter(filter bson.D, name string, depth int) (string, error) {
	if depth > maxFilterDepth {
		return "", store.BadRequest(codeBadValue, "exceeded maximum query tree depth of %d", maxFilterDepth)
	}
	for _, e := range filter {
		if strings.HasPrefix(e.Key, "$") {
			clauses, _ := e.Value.(bson.A)
			for _, clause := range clauses {
				d, _ := clause.(bson.D)
				var err error
				if name, err = nameOfFilter(d, name, depth+1); err != nil {
					return "", err
				}
			}
			continue
		}
		first, _, _ := strings.Cut(e.Key, ".")
		if name != "" && name != first {
			return "", store.BadRequest(codeFailedToParse, "Expected a single top-level field name, found '%s' and '%s'", name, first)
		}
		name = first
	}
	return name, nil
}

// selection returns what a part of a path selects, nil if it is a name.
func (s selections) selection(part, path string) (*selection, error) {
	if !strings.HasPrefix(part, "$[") || !strings.HasSuffix(part, "]") {
		return nil, nil
	}
	if strings.HasPrefix(path, part) {
		return nil, store.BadRequest(codeBadValue,
			"Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '%s'", path)
	}
	name := part[2 : len(part)-1]
	if name == "" {
		return &selection{}, nil
	}
	found := s[name]
	if found == nil {
		return nil, store.BadRequest(codeBadValue, "No array filter found for identifier '%s' in path '%s'", name, path)
	}
	found.used = true
	return found, nil
}

// allUsed is an error if the update has no path with one of the names.
func (s selections) allUsed() error {
	for name, f := range s {
		if !f.used {
			return store.BadRequest(codeFailedToParse, "The array filter for identifier '%s' was not used in the update", name)
		}
	}
	return nil
}

// maxSteps bounds the places that one application of an update looks at, so that
// many paths into many elements do not make the writer stand still. An array has
// about two million elements at most.
const maxSteps = 1 << 24

// step is called for every change at every place.
func (a *applying) step() error {
	if a.steps++; a.steps > maxSteps {
		return store.BadRequest(codeBadValue, "the update makes more than %d changes in arrays", maxSteps)
	}
	return nil
}

// applySelected makes the changes below c, which are selections, in an array.
func (a *applying) applySelected(c *change, in *container) (changed bool, err error) {
	if !in.array {
		return false, notSelectable(c)
	}
	for i := range in.items {
		v := in.items[i].current()
		var here *change
		for _, b := range c.below {
			if err := a.step(); err != nil {
				return false, err
			}
			if !b.selects.holds(v) {
				continue
			}
			if here == nil {
				here = b
			} else if here, err = merge(here, b, c.path+"."+strconv.Itoa(i)); err != nil {
				return false, err
			}
		}
		if here == nil {
			continue
		}
		did, err := a.applyAt(here, in, i)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	return changed, nil
}

func notSelectable(c *change) error {
	return store.BadRequest(codeBadValue, "The path '%s' must exist in the document and be an array in order to apply array updates.", c.path)
}

// isDynamic tells whether a path leads to elements that are known with the
// document only.
func isDynamic(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "."), func(part string) bool {
		return part == "$" || strings.HasPrefix(part, "$[")
	})
}

// selective tells whether the changes below c are selections of elements.
func (c *change) selective() bool { return len(c.below) > 0 && c.below[0].selects != nil }

// located returns the changes below c, that of the element which the query has
// found among them by its index.
func (a *applying) located(c *change) ([]*change, error) {
	if c.found == nil {
		return c.below, nil
	}
	at := -1
	if a.query != nil {
		at = a.query.Position(a.doc)
	}
	if at < 0 {
		return nil, store.BadRequest(codeBadValue, "The positional operator did not find the match needed from the query.")
	}
	there := *c.found
	there.name, there.index, there.path = strconv.Itoa(at), at, c.path+"."+strconv.Itoa(at)
	alone := &change{below: []*change{&there}}
	merged, err := merge(&change{below: c.below}, alone, c.path)
	if err != nil {
		return nil, err
	}
	return merged.below, nil
}

// merge returns the changes of both in one.
func merge(a, b *change, path string) (*change, error) {
	if a.modifier != nil || b.modifier != nil || len(a.below) > 0 && len(b.below) > 0 && a.selective() != b.selective() {
		return nil, store.BadRequest(codeConflictingUpdate, "Update created a conflict at '%s'", path)
	}
	m := &change{name: a.name, index: a.index, path: path, selects: a.selects, below: slices.Clone(a.below), found: a.found}
	for _, there := range b.below {
		at := slices.IndexFunc(m.below, func(c *change) bool { return c.name == there.name })
		if at < 0 {
			m.below = append(m.below, there)
			continue
		}
		both, err := merge(m.below[at], there, path+"."+there.name)
		if err != nil {
			return nil, err
		}
		m.below[at] = both
	}
	switch {
	case m.found == nil:
		m.found = b.found
	case b.found != nil:
		both, err := merge(m.found, b.found, path+".$")
		if err != nil {
			return nil, err
		}
		m.found = both
	}
	m.sort()
	return m, nil
}
