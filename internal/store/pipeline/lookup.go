package pipeline

import (
	"bytes"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// lookingUp is $lookup. What it finds for a document goes into an array, or, if
// the next stage unwinds that, makes documents at once.
type lookingUp struct {
	from, path    string
	as            []string
	foreignField  string
	local, remote *match.Path // nil where there are no fields to compare
	let           []variable
	inner         *Pipeline // nil where there is none
	// head are the first stages of inner that do not depend on the document, nil
	// if there are none whose results are worth keeping; tail are the others.
	head, tail  *Pipeline
	unwind      *unwinding
	collation   match.Collation
	insensitive bool
}

func (c compiler) lookup(v any) (*lookingUp, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(codeFailedToParse, "the $lookup specification must be an Object")
	}
	l := &lookingUp{collation: c.collation, insensitive: c.options.CaseInsensitive}
	var let bson.D
	var stages bson.A
	var localField string
	given := make(map[string]bool, len(d))
	for _, e := range d {
		given[e.Key] = true
		switch e.Key {
		case "pipeline":
			stages, ok = e.Value.(bson.A)
		case "let":
			let, ok = e.Value.(bson.D)
		case "from":
			l.from, ok = e.Value.(string)
		case "as":
			l.path, ok = e.Value.(string)
		case "localField":
			localField, ok = e.Value.(string)
		case "foreignField":
			l.foreignField, ok = e.Value.(string)
		default:
			return nil, store.BadRequest(codeFailedToParse, "unknown argument to $lookup: %s", e.Key)
		}
		if !ok {
			return nil, store.BadRequest(codeFailedToParse, "$lookup argument '%s' has the wrong type", e.Key)
		}
	}
	fields := given["localField"]
	switch {
	case !given["as"]:
		return nil, store.BadRequest(codeFailedToParse, "must specify 'as' field for a $lookup")
	case fields != given["foreignField"]:
		return nil, store.BadRequest(codeFailedToParse, "$lookup requires both or neither of 'localField' and 'foreignField' to be specified")
	case !fields && !given["pipeline"]:
		return nil, store.BadRequest(codeFailedToParse, "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified")
	case given["let"] && !given["pipeline"]:
		return nil, store.BadRequest(codeFailedToParse, "$lookup with a 'let' argument must also specify 'pipeline'")
	}
	var err error
	if l.as, err = splitPath(l.path); err != nil {
		return nil, err
	}
	if fields {
		if err := l.join(localField); err != nil {
			return nil, err
		}
	}
	if given["pipeline"] {
		if l.let, err = c.let(let); err != nil {
			return nil, err
		}
		if l.inner, err = c.sub("$lookup", l.from, stages); err != nil {
			return nil, err
		}
		if !fields {
			l.divide()
		}
	}
	if l.from == "" && (l.inner == nil || l.inner.documents == nil) {
		return nil, store.BadRequest(codeFailedToParse, "missing 'from' option to $lookup stage specification")
	}
	return l, nil
}

// join compiles the fields to compare.
func (l *lookingUp) join(localField string) (err error) {
	for _, path := range []string{localField, l.foreignField} {
		if _, err := splitPath(path); err != nil {
			return err
		}
	}
	if l.local, err = match.CompilePath(localField); err != nil {
		return err
	}
	l.remote, err = match.CompilePath(l.foreignField)
	return err
}

// divide splits the inner pipeline where it begins to depend on the document. A
// search alone is better made again, with all that is known.
func (l *lookingUp) divide() {
	p := l.inner
	n := 0
	for n < len(p.stages) && !l.depends(p.stages[n].spec) {
		n++
	}
	if len(p.bindings) > 0 || l.depends(p.query.Filter) || n == 0 && len(p.stages) > 0 {
		return
	}
	head := *p
	head.stages = p.stages[:n]
	l.head = &head
	l.tail = &Pipeline{stages: p.stages[n:], options: p.options}
}

// depends tells whether one of the variables may be read somewhere in v.
func (l *lookingUp) depends(v any) bool {
	return slices.ContainsFunc(l.let, func(variable variable) bool { return mentions(v, "$$"+variable.name) })
}

func (l *lookingUp) traits() traits {
	t := traits{reads: true, quiets: true, single: l.unwind == nil}
	t.keeps = func(path string) bool {
		return !overlap(path, l.path) && (l.unwind == nil || l.unwind.index == "" || !overlap(path, l.unwind.index))
	}
	return t
}

func (l *lookingUp) step(x *execution, next step, quiet bool) step {
	s := &lookup{lookingUp: l, x: x, next: next}
	s.blocks = blocks{x: x, quiet: quiet, work: s.work}
	if l.unwind != nil {
		s.unwinder = l.unwind.unwinder(x, next)
	} else {
		s.shape = at(l.as, &s.list)
	}
	return s
}

type lookup struct {
	*lookingUp
	blocks
	x        *execution
	next     step
	shape    *shape
	list     slot
	unwinder *unwinder // nil if it makes arrays
	buffer   []byte
	// cached is what head has found, if it has run and that is not too much.
	cached      []bson.Raw
	tried, kept bool
}

func (l *lookup) end() error {
	if err := l.finish(); err != nil {
		return err
	}
	return l.next.end()
}

func (l *lookup) work(docs []scored) (more bool, err error) {
	if l.inner == nil {
		return l.joinAll(docs)
	}
	for _, d := range docs {
		found, err := l.run(d.doc)
		if err != nil {
			return false, err
		}
		if more, err := l.emit(d, found); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// emit passes on a document with what was found for it.
func (l *lookup) emit(d scored, found []bson.Raw) (more bool, err error) {
	doc := d.doc
	l.x.score.n = d.score
	if l.unwinder == nil {
		list := newArray()
		for _, f := range found {
			list.add(bson.TypeEmbeddedDocument, f)
		}
		l.list.value = list.value()
		if l.buffer, err = l.shape.append(l.buffer[:0], l.x.env, doc, doc); err != nil {
			return false, err
		}
		if err := checkSize(len(l.buffer)); err != nil {
			return false, err
		}
		return l.next.take(l.buffer)
	}
	for i, f := range found {
		if more, err := l.unwinder.passWith(doc, documentValue(f), int64Value(int64(i))); err != nil || !more {
			return more, err
		}
	}
	if len(found) == 0 && l.unwind.preserve {
		return l.unwinder.passWith(doc, bson.RawValue{}, null)
	}
	return true, nil
}

// found are documents that a stage holds, within a bound.
type found struct {
	docs  []bson.Raw
	size  int
	limit int
}

// errTooMuch tells that found would be above its bound.
var errTooMuch = errors.New("store: too much for a block")

func (f *found) add(doc bson.Raw) error {
	if f.size += len(doc) + itemSize; f.size > f.limit {
		return errTooMuch
	}
	f.docs = append(f.docs, bytes.Clone(doc))
	return nil
}

// itemSize is what a document that is held takes besides its bytes.
const itemSize = 24

// keptMemory is how much is held for the sake of speed.
const keptMemory = 32 << 20

func (l *lookup) tooLarge(err error) error {
	if err != errTooMuch {
		return err
	}
	return store.BadRequest(4568, "Total size of documents in %s matching pipeline's $lookup stage exceeds %d bytes", l.from, maxMemory)
}

// run runs the inner pipeline for a document.
func (l *lookup) run(doc bson.Raw) ([]bson.Raw, error) {
	in, err := l.x.inner(l.let, doc)
	if err != nil {
		return nil, err
	}
	result := found{limit: maxMemory}
	if l.keep(in) {
		if len(l.tail.stages) == 0 {
			return l.cached, nil
		}
		err := l.tail.feed(in, l.cached, result.add)
		return result.docs, l.tooLarge(err)
	}
	if l.local != nil {
		in.extra = l.condition(l.valuesOf(doc))
	}
	err = l.inner.run(in, result.add)
	return result.docs, l.tooLarge(err)
}

// keep tells whether the results of head are there, and finds them the first time.
func (l *lookup) keep(in *execution) bool {
	if l.head == nil || l.tried {
		return l.kept
	}
	l.tried = true
	f := found{limit: keptMemory}
	// If it fails, the whole will fail as well and tell why.
	if err := l.head.run(in, f.add); err == nil {
		l.cached, l.kept = f.docs, true
	}
	return l.kept
}

// feed runs the stages on documents that are there.
func (p *Pipeline) feed(x *execution, docs []bson.Raw, yield func(bson.Raw) error) error {
	defer x.close()
	first := x.build(p.stages, delivery{yield: yield}, true)
	for _, doc := range docs {
		if err := x.alive(); err != nil {
			return err
		}
		if more, err := first.take(doc); err != nil {
			return err
		} else if !more {
			break
		}
	}
	return first.end()
}

// valuesOf returns the values with which a document is compared.
func (l *lookup) valuesOf(doc bson.Raw) []bson.RawValue {
	var values []bson.RawValue
	l.local.Distinct(doc, func(v bson.RawValue) bool {
		values = append(values, v)
		return true
	})
	if values == nil { // what is missing is as good as null
		values = append(values, null)
	}
	return values
}

// condition is the filter for documents of which one of the values is.
func (l *lookup) condition(values []bson.RawValue) bson.D {
	var list, clauses bson.A
	for _, v := range values {
		if v.Type == bson.TypeRegex { // in a list it would be searched for
			clauses = append(clauses, bson.D{{Key: l.foreignField, Value: bson.D{{Key: "$eq", Value: v}}}})
			continue
		}
		list = append(list, v)
	}
	in := bson.D{{Key: l.foreignField, Value: bson.D{{Key: "$in", Value: list}}}}
	if len(list) == 1 {
		in = bson.D{{Key: l.foreignField, Value: bson.D{{Key: "$eq", Value: list[0]}}}}
	}
	if clauses == nil {
		return in
	}
	if list != nil {
		clauses = append(clauses, in)
	}
	return bson.D{{Key: "$or", Value: clauses}}
}

// joinAll looks up what belongs to a block of documents with one search. If that
// finds too much to be held, it is done for a half after the other.
func (l *lookup) joinAll(docs []scored) (more bool, err error) {
	limit := keptMemory
	if len(docs) == 1 {
		limit = maxMemory
	}
	groups, err := l.search(docs, limit)
	switch {
	case err == errTooMuch && len(docs) > 1:
		more, err := l.joinAll(docs[:len(docs)/2])
		if err != nil || !more {
			return more, err
		}
		return l.joinAll(docs[len(docs)/2:])
	case err != nil:
		return false, l.tooLarge(err)
	}
	for i, d := range docs {
		if err := l.x.alive(); err != nil {
			return false, err
		}
		if more, err := l.emit(d, groups[i]); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// search returns what belongs to each document.
func (l *lookup) search(docs []scored, limit int) ([][]bson.Raw, error) {
	byKey := make(map[string][]int, len(docs))
	var values []bson.RawValue
	var key []byte
	for i, d := range docs {
		for _, v := range l.valuesOf(d.doc) {
			key = l.collation.AppendKey(key[:0], v)
			wanted, known := byKey[string(key)]
			if !known {
				values = append(values, v)
			}
			byKey[string(key)] = append(wanted, i)
		}
	}
	groups := make([][]bson.Raw, len(docs))
	last := make([]int, len(docs)) // the number of the last document of each group
	result := found{limit: limit}
	number := 0
	q := store.Find{Filter: l.condition(values), CaseInsensitive: l.insensitive}
	err := l.x.source.Find(l.x.ctx, l.from, q, func(doc bson.Raw) error {
		if err := result.add(doc); err != nil {
			return err
		}
		number++
		own := result.docs[len(result.docs)-1]
		l.remote.Compared(own, func(v bson.RawValue) {
			key = l.collation.AppendKey(key[:0], v)
			for _, i := range byKey[string(key)] {
				if last[i] != number {
					last[i] = number
					groups[i] = append(groups[i], own)
				}
			}
		})
		return nil
	})
	return groups, err
}
