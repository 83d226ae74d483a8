package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// unioning is $unionWith.
type unioning struct{ inner *Pipeline }

func (c compiler) unionWith(v any) (*unioning, error) {
	var collection string
	var stages bson.A
	switch v := v.(type) {
	case string:
		collection = v
	case bson.D:
		for _, e := range v {
			var ok bool
			switch e.Key {
			case "coll":
				collection, ok = e.Value.(string)
			case "pipeline":
				stages, ok = e.Value.(bson.A)
			default:
				return nil, store.BadRequest(40415, "BSON field '$unionWith.%s' is an unknown field.", e.Key)
			}
			if !ok {
				return nil, store.BadRequest(codeTypeMismatch, "BSON field '$unionWith.%s' is the wrong type", e.Key)
			}
		}
	default:
		return nil, store.BadRequest(codeFailedToParse, "the $unionWith stage specification must be an object or string")
	}
	inner, err := c.sub("$unionWith", collection, stages)
	if err == nil && collection == "" && inner.documents == nil {
		err = store.BadRequest(codeFailedToParse, "$unionWith stage without explicit collection must have a pipeline with $documents as first stage")
	}
	return &unioning{inner}, err
}

func (u *unioning) traits() traits { return traits{reads: true, disturbs: true} }

func (u *unioning) step(x *execution, next step, _ bool) step {
	return &union{unioning: u, x: x, next: next, more: true}
}

type union struct {
	*unioning
	x    *execution
	next step
	more bool // tells that more is wanted
}

func (u *union) take(doc bson.Raw) (_ bool, err error) {
	u.more, err = u.next.take(doc)
	return u.more, err
}

func (u *union) end() error {
	if !u.more {
		return u.next.end()
	}
	in, err := u.x.inner(nil, nil)
	if err != nil {
		return err
	}
	u.x.score.none()
	err = u.inner.run(in, func(doc bson.Raw) error {
		more, err := u.next.take(doc)
		if err == nil && !more {
			return errEnough
		}
		return err
	})
	if err != nil && err != errEnough {
		return err
	}
	return u.next.end()
}

// faceting is $facet.
type faceting struct {
	names  []string
	inners []*Pipeline
}

func (c compiler) facet(v any) (*faceting, error) {
	d, ok := v.(bson.D)
	if !ok || len(d) == 0 {
		return nil, store.BadRequest(40169, "the $facet specification must be a non-empty object")
	}
	f := &faceting{}
	for _, e := range d {
		stages, ok := e.Value.(bson.A)
		if !ok {
			return nil, store.BadRequest(40170, "arguments to $facet must be arrays, %s is not", e.Key)
		}
		if err := fieldName(e.Key); err != nil {
			return nil, err
		}
		inner, err := c.sub("$facet", "", stages)
		if err != nil {
			return nil, err
		}
		f.names, f.inners = append(f.names, e.Key), append(f.inners, inner)
	}
	return f, nil
}

func (f *faceting) traits() traits {
	t := traits{quiets: true}
	for _, p := range f.inners {
		t.reads = t.reads || !p.ReadsOnce()
	}
	return t
}

func (f *faceting) step(x *execution, next step, quiet bool) step {
	s := &facet{faceting: f, x: x, next: next}
	for _, p := range f.inners {
		out := &facetOutput{facet: s, list: newArray()}
		s.outputs = append(s.outputs, out)
		s.firsts = append(s.firsts, x.build(p.stages, out, quiet))
	}
	s.done = make([]bool, len(s.firsts))
	return s
}

type facet struct {
	*faceting
	x       *execution
	firsts  []step
	done    []bool // which want no more
	outputs []*facetOutput
	size    int
	next    step
}

// facetOutput takes what comes out of a facet's pipeline.
type facetOutput struct {
	facet *facet
	list  array
}

func (o *facetOutput) take(doc bson.Raw) (bool, error) {
	if o.facet.size += len(doc); o.facet.size > maxMemory {
		return false, store.BadRequest(4031700, "document constructed by $facet exceeds the limit of %d bytes", maxMemory)
	}
	o.list.add(bson.TypeEmbeddedDocument, doc)
	return true, nil
}

func (o *facetOutput) end() error { return nil }

func (f *facet) take(doc bson.Raw) (wanted bool, err error) {
	score := f.x.score.n
	for i, first := range f.firsts {
		if f.done[i] {
			continue
		}
		f.x.score.n = score // another one may have been at other documents
		more, err := first.take(doc)
		if err != nil {
			return false, err
		}
		f.done[i] = !more
		wanted = wanted || more
	}
	return wanted, nil
}

func (f *facet) end() error {
	for _, first := range f.firsts {
		if err := first.end(); err != nil {
			return err
		}
	}
	doc, start := openDocument(nil)
	for i, name := range f.names {
		doc = appendField(doc, name, f.outputs[i].list.value())
	}
	doc = closeDocument(doc, start)
	if err := checkSize(len(doc)); err != nil {
		return err
	}
	f.x.score.none()
	if _, err := f.next.take(doc); err != nil {
		return err
	}
	return f.next.end()
}

// documents is $documents.
type documents struct{ list *expression.Expression }

func (c compiler) documents(v any) (*documents, error) {
	if _, ok := v.(bson.A); !ok && !pathOperand(v) && !operatorDocument(v) {
		return nil, store.BadRequest(5858203, "an array is expected")
	}
	list, err := c.expression(v)
	return &documents{list}, err
}

func (d *documents) traits() traits { return traits{} }

// step is never called, since the stage is what a pipeline reads.
func (d *documents) step(_ *execution, next step, _ bool) step { return next }

func (d *documents) read(x *execution, take func(bson.Raw) error) error {
	list, err := d.list.Evaluate(x.env, emptyDocument)
	if err != nil {
		return err
	}
	if list.Type != bson.TypeArray {
		return store.BadRequest(5858203, "an array is expected")
	}
	for e := match.Elements(list.Value); ; {
		_, v, ok := e.Next()
		if !ok {
			return nil
		}
		if v.Type != bson.TypeEmbeddedDocument {
			return store.BadRequest(40228, "'newRoot' expression must evaluate to an object, but resulting value was: %s", v)
		}
		if err := take(v.Value); err != nil {
			return err
		}
	}
}
