// Package pipeline runs MongoDB's aggregation pipelines over any source of raw
// BSON documents.
//
// A pipeline is compiled once, with all errors that its text can have. What it
// begins with becomes a search, so that the source's indexes serve it; the other
// stages take one document after the other. Work is bounded: the number and the
// nesting of stages, the memory of each stage that has to hold documents, the
// size of every document.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/spool"
)

// Source is what a pipeline reads, a store.Store for one. All reads of one run
// should see one snapshot; no read is begun while another one calls yield.
type Source interface {
	Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error
	Count(ctx context.Context, collection string, q store.Count) (int64, error)
	Indexes(ctx context.Context, collection string) ([]store.Index, error)
}

// Options say how to run a pipeline.
type Options struct {
	store.AggregateOptions
	// Dir is the directory of temporary files; "" means the system's.
	Dir string
	// plain leaves the stages as they are written, for tests: only where $text
	// and $geoNear demand it are they made part of a search.
	plain bool
	// memory takes the place of maxMemory in tests, if it is not 0.
	memory int
}

// limit is how many bytes a stage may hold in memory.
func (o *Options) limit() int { return cmp.Or(o.memory, maxMemory) }

// Bounds, most of which are MongoDB's.
const (
	maxStages  = 1000
	maxNesting = 20
	// maxMemory is how many bytes a stage holds in memory.
	maxMemory = 100 << 20
)

// MongoDB's error codes that have names.
const (
	codeFailedToParse   = 9
	codeTypeMismatch    = 14
	codeNotSupported    = 115
	codeExceededMemory  = 146
	codeTooDeep         = 165
	codeMemoryNeedsDisk = 292
	codeTooLarge        = 10334
)

// Pipeline is a compiled pipeline. It is immutable and safe for concurrent use.
type Pipeline struct {
	collection string
	// query is what the pipeline begins with.
	query store.Find
	// bindings are equalities that are known at the time of a run only.
	bindings []binding
	// geo and documents take the place of the search, if they are not nil.
	geo       *nearness
	documents *documents
	// counted tells what to make of the number of documents that the search
	// finds, if that is all that there is to know.
	counted *count
	stages  []stage
	options Options
	let     []variable
	// scored tells that a stage asks for the score of the text search.
	scored bool
}

// Compile compiles a pipeline over a collection; "" is for one that begins with
// $documents.
func Compile(collection string, stages bson.A, o Options) (*Pipeline, error) {
	c := compiler{options: o, collation: match.CollationOf(o.CaseInsensitive)}
	let, err := c.let(o.Let)
	if err != nil {
		return nil, err
	}
	p, err := c.pipeline(collection, stages)
	if err != nil {
		return nil, err
	}
	if collection == "" && p.documents == nil {
		return nil, store.BadRequest(73, "{aggregate: 1} is not valid for '%s'; a collection is required.", nameOfFirst(p.stages))
	}
	p.let, p.query.Hint, p.query.Comment, p.query.ReadPreference = let, o.Hint, o.Comment, o.ReadPreference
	return p, nil
}

func nameOfFirst(stages []stage) string {
	if len(stages) == 0 {
		return "an empty pipeline"
	}
	return stages[0].spec[0].Key
}

// Search returns what the pipeline begins with, for an explanation, and whether
// it begins with a search.
func (p *Pipeline) Search() (store.Find, bool) { return p.query, p.documents == nil }

// Stages returns the stages that the search leaves, for an explanation.
func (p *Pipeline) Stages() []bson.D {
	var specs []bson.D
	if p.counted != nil {
		specs = append(specs, p.counted.spec)
	}
	for _, s := range p.stages {
		specs = append(specs, s.spec)
	}
	return specs
}

// ReadsOnce tells that a run makes one search only, so that it sees one snapshot
// by itself.
func (p *Pipeline) ReadsOnce() bool {
	for _, s := range p.stages {
		if s.traits().reads {
			return false
		}
	}
	return true
}

// Run runs the pipeline and calls yield with its results under the rules of
// store.Store's Find.
func (p *Pipeline) Run(ctx context.Context, source Source, yield func(bson.Raw) error) error {
	x := &execution{ctx: ctx, source: source, env: expression.NewEnv(time.Now()), options: p.options, score: new(score)}
	x.env.Context = ctx
	if err := x.define(p.let, bson.Raw{5, 0, 0, 0, 0}); err != nil {
		return err
	}
	return p.run(x, func(doc bson.Raw) error {
		if err := checkSize(len(doc)); err != nil {
			return err
		}
		return yield(doc)
	})
}

// checkSize refuses a document of more bytes than MongoDB has.
func checkSize(n int) error {
	if n > match.MaxDocumentSize {
		return store.BadRequest(codeTooLarge, "BSONObj size: %d is invalid. Size must be between 0 and %d", n, match.MaxDocumentSize)
	}
	return nil
}

// errEnough ends the reading of a pipeline that wants no more documents.
var errEnough = errors.New("store: enough")

func (p *Pipeline) run(x *execution, yield func(bson.Raw) error) error {
	defer x.close()
	first := x.build(p.stages, delivery{yield: yield}, p.documents != nil)
	err := p.read(x, func(doc bson.Raw) error {
		if err := x.alive(); err != nil {
			return err
		}
		more, err := first.take(doc)
		if err == nil && !more {
			return errEnough
		}
		return err
	})
	if err != nil && err != errEnough {
		return err
	}
	return first.end()
}

// read calls take with what the pipeline begins with.
func (p *Pipeline) read(x *execution, take func(bson.Raw) error) error {
	switch {
	case p.documents != nil:
		return p.documents.read(x, take)
	case p.geo != nil:
		return p.geo.read(x, p, take)
	case p.counted != nil:
		return p.counted.read(x, p, take)
	}
	return p.search(x, take)
}

// search makes the search. A store that can't sort what it finds says so before
// it has found anything; then that is done here, where there are files for it.
func (p *Pipeline) search(x *execution, take func(bson.Raw) error) error {
	q := p.bound(x)
	projected, each := q, take
	if p.scored {
		projected.Projection = bson.D{{Key: scoreField, Value: bson.D{{Key: "$meta", Value: textScore}}}}
		each = x.scores(take)
	}
	err := x.source.Find(x.ctx, p.collection, projected, each)
	var request *store.RequestError
	if len(q.Sort) == 0 || x.options.InMemory || !errors.As(err, &request) || request.Code != codeMemoryNeedsDisk {
		return err
	}
	list, err := compiler{options: p.options, collation: match.CollationOf(q.CaseInsensitive)}.stages(orderOf(q))
	if err != nil {
		return err
	}
	scored := p.scored || mentions(q.Sort, textScore)
	q.Sort, q.Skip, q.Limit = nil, 0, 0
	outer := &Pipeline{collection: p.collection, query: q, stages: limitSorts(list), options: p.options, scored: scored}
	sorting := &execution{ctx: x.ctx, source: x.source, env: x.env, options: x.options, score: x.score}
	return outer.run(sorting, take)
}

// orderOf returns the stages that do what a search does after it has filtered.
func orderOf(q store.Find) bson.A {
	stages := bson.A{bson.D{{Key: "$sort", Value: q.Sort}}}
	if q.Skip > 0 {
		stages = append(stages, bson.D{{Key: "$skip", Value: q.Skip}})
	}
	if q.Limit > 0 {
		stages = append(stages, bson.D{{Key: "$limit", Value: q.Limit}})
	}
	return stages
}

// bound returns the search with what is known by now.
func (p *Pipeline) bound(x *execution) store.Find {
	q := p.query
	q.Filter = conjunction(x.extra, q.Filter)
	for _, b := range p.bindings {
		if v, ok := b.known(x); ok {
			q.Filter = conjunction(q.Filter, b.filter(v))
		}
	}
	return q
}

// conjunction returns a filter for what satisfies both.
func conjunction(a, b bson.D) bson.D {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	case len(a) == 1 && a[0].Key == "$and":
		list, _ := a[0].Value.(bson.A)
		return bson.D{{Key: "$and", Value: append(list[:len(list):len(list)], b)}}
	}
	return bson.D{{Key: "$and", Value: bson.A{a, b}}}
}

// execution is a run of a pipeline.
type execution struct {
	ctx     context.Context
	source  Source
	env     *expression.Env
	options Options
	// extra is a filter that the search of the pipeline is to have besides its own.
	extra   bson.D
	closers []func()
	passed  int
	score   *score
	// held and released are the latest documents of hold and release.
	held, released []byte
}

// alive is an error when the context has ended. It looks from time to time.
func (x *execution) alive() error {
	if x.passed++; x.passed%256 == 0 {
		return x.ctx.Err()
	}
	return nil
}

// inner returns an execution for a pipeline in the pipeline, with variables for
// a document.
func (x *execution) inner(let []variable, doc bson.Raw) (*execution, error) {
	in := &execution{ctx: x.ctx, source: x.source, options: x.options, env: expression.NewEnv(x.env.Now), score: new(score)}
	in.env.Context, in.env.Variables = x.ctx, x.env.Variables
	if len(let) == 0 {
		return in, nil
	}
	// The values are of the outer variables.
	values := make(map[string]bson.RawValue, len(let)+len(x.env.Variables))
	for name, v := range x.env.Variables {
		values[name] = v
	}
	for _, v := range let {
		value, err := v.value.Evaluate(x.env, doc)
		if err != nil {
			return nil, err
		}
		values[v.name] = value
	}
	in.env.Variables = values
	return in, nil
}

func (x *execution) define(let []variable, doc bson.Raw) error {
	in, err := x.inner(let, doc)
	if err != nil {
		return err
	}
	x.env = in.env
	return nil
}

func (x *execution) close() {
	for _, f := range x.closers {
		f()
	}
	x.closers = nil
}

// spool returns a place for documents that wait until other reading is done. It
// lasts as long as the run.
func (x *execution) spool() *spool.Spool {
	s := spool.New(spool.Options{Dir: x.options.Dir, Memory: spoolMemory})
	x.closers = append(x.closers, s.Close)
	return s
}

// spoolMemory is how many bytes of waiting documents are in memory.
const spoolMemory = 4 << 20

// spilling are the options of a stage that holds documents; refuse is the error
// where it may not use the disk.
func (x *execution) spilling(stage string) spool.Options {
	o := spool.Options{Dir: x.options.Dir, Memory: x.options.limit()}
	if x.options.InMemory {
		o.Refuse = store.BadRequest(codeMemoryNeedsDisk,
			"%s exceeded memory limit of %d bytes, but did not opt in to external sorting.", stage, o.Memory)
	}
	return o
}
