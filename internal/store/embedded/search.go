package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/heap"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/text"
)

// search is a compiled query.
type search struct {
	collection string
	filter     *match.Matcher
	sorter     *match.Sorter     // nil for none
	near       *match.Near       // what is near comes first; nil for none
	text       *text.Search      // nil for none
	scored     bool              // the text score is asked for
	projection *match.Projection // nil for none
	skip       int64
	limit      int64 // 0 for none
	kept       *bool // of the query
	request    request
	env        *expression.Env // of the filter's $expr; nil when there is none
}

func newSearch(collection string, q store.Find) (*search, error) {
	s, filter, err := compileSearch(collection, q)
	if err != nil {
		return nil, err
	}
	c := match.CollationOf(q.CaseInsensitive)
	s.request = request{
		clauses: clausesOf(filter, c), collation: c, sort: q.Sort, hint: q.Hint,
		near: s.filter.Near(), nearest: s.near != nil && s.wanted() > 0, text: s.text,
	}
	return s, nil
}

// compileSearch compiles all but what the planner needs. It returns the filter
// as BSON too.
func compileSearch(collection string, q store.Find) (*search, bson.Raw, error) {
	c := match.CollationOf(q.CaseInsensitive)
	filter, err := match.Encode(q.Filter)
	if err != nil {
		return nil, nil, err
	}
	s := &search{collection: collection, skip: q.Skip, limit: q.Limit, kept: q.Kept}
	options := match.Options{Collation: c, Expr: s.compileExpr(c), Text: true}
	if s.filter, err = options.CompileRaw(filter); err != nil {
		return nil, nil, err
	}
	if len(q.Sort) > 0 {
		if s.sorter, err = c.CompileSort(q.Sort); err != nil {
			return nil, nil, err
		}
	}
	if s.sorter == nil {
		s.near = s.filter.Near()
	}
	if len(q.Projection) > 0 {
		if s.projection, err = match.CompileProjection(q.Projection); err != nil {
			return nil, nil, err
		}
	}
	s.text = s.filter.Text()
	s.scored = s.sorter != nil && s.sorter.ByScore() || s.projection != nil && s.projection.HasScore()
	if s.scored && s.text == nil {
		return nil, nil, store.BadRequest(40218, "query requires text score metadata, but it is not available")
	}
	if s.skip < 0 {
		return nil, nil, store.BadRequest(51024, "BSON field 'skip' value must be >= 0, actual value '%d'", s.skip)
	}
	if s.limit < 0 {
		return nil, nil, store.BadRequest(51024, "BSON field 'limit' value must be >= 0, actual value '%d'", s.limit)
	}
	return s, filter, nil
}

// compileExpr returns what compiles the filter's $expr.
func (s *search) compileExpr(c match.Collation) func(bson.RawValue) (match.Expr, error) {
	return func(v bson.RawValue) (match.Expr, error) {
		if s.env == nil {
			s.env = expression.NewEnv(time.Now())
		}
		return expression.Filters(s.env, expression.Options{Collation: c})(v)
	}
}

// begin lets the end of ctx end what the filter computes.
func (s *search) begin(ctx context.Context) {
	if s.env != nil {
		s.env.Context = ctx
	}
}

// ordered tells whether an order is asked for.
func (s *search) ordered() bool { return s.sorter != nil || s.near != nil }

// appendKey appends the key that puts a document of that text score in order.
func (s *search) appendKey(dst []byte, doc bson.Raw, score float64) ([]byte, error) {
	if s.sorter != nil {
		return s.sorter.AppendKey(dst, doc, score)
	}
	distance, _ := s.near.Distance(doc)
	// Doubles that are not negative are in the order of their bits.
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(distance)), nil
}

// wanted is how many documents in order the search needs, 0 for all.
func (s *search) wanted() int64 {
	if s.limit == 0 || s.limit > maxWanted-s.skip {
		return 0
	}
	return s.skip + s.limit
}

const maxWanted = 1 << 40

// run reads the documents and calls yield with those asked for, in order. They
// are valid during the call only.
func (s *search) run(ctx context.Context, v *view, yield func(bson.Raw) error) error {
	out := &emitter{search: s, yield: yield}
	if !s.ordered() || v.plan.sorted && s.near == nil {
		return v.scan(ctx, s, 0, func(h handle, doc bson.Raw) (bool, error) { return out.emit(doc, h.score, h.kept) })
	}
	perRange := int64(0)
	if v.plan.sortedRanges && s.near == nil {
		perRange = s.wanted()
	}
	order := ordering{search: s, capacity: s.wanted()}
	if v.plan.rings != nil && v.draft == nil {
		return v.plan.rings.run(ctx, v, out, &order)
	}
	err := v.scan(ctx, s, perRange, func(h handle, doc bson.Raw) (bool, error) { return true, order.add(h, doc) })
	if err != nil {
		return err
	}
	return out.emitAll(&order)
}

// emitter passes on the documents between skip and limit.
type emitter struct {
	search *search
	yield  func(bson.Raw) error
	passed int64
	buffer []byte
}

// emit passes doc, of that text score, on, or a copy of it unless it is in memory
// of our own that is never written to again; it returns false when no more are
// wanted.
func (e *emitter) emit(doc bson.Raw, score float64, own bool) (bool, error) {
	s := e.search
	e.passed++
	if e.passed <= s.skip {
		return true, nil
	}
	switch {
	case s.projection != nil:
		e.buffer = s.projection.Append(e.buffer[:0], doc, score)
		doc = e.buffer
	case !own:
		// SQLite's memory must not leak to where a mistake would read it later.
		e.buffer = append(e.buffer[:0], doc...)
		doc = e.buffer
	}
	if s.kept != nil {
		*s.kept = own && s.projection == nil
	}
	if err := e.yield(doc); err != nil {
		return false, err
	}
	return s.limit == 0 || e.passed < s.skip+s.limit, nil
}

// emitAll passes on what has been put in order.
func (e *emitter) emitAll(order *ordering) error {
	for _, item := range order.sorted() {
		if more, err := e.emit(item.doc, item.handle.score, true); err != nil || !more {
			return err
		}
	}
	return nil
}

// maxSortBytes is MongoDB's bound on what a sort may hold in memory.
const maxSortBytes = 100 << 20

// ordering sorts documents, or finds the first of them in order: with a
// capacity it is a heap, the last in order on top, else a list. Documents that
// compare as equal stay in the order in which they came.
type ordering struct {
	search   *search
	capacity int64
	items    []orderedDoc
	size     int
	count    int64
	key      []byte
}

type orderedDoc struct {
	key    []byte
	number int64
	handle handle
	doc    bson.Raw
}

func (a *orderedDoc) compare(b *orderedDoc) int {
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return int(a.number - b.number)
}

func (a *orderedDoc) after(b *orderedDoc) bool { return a.compare(b) > 0 }

func (o *ordering) add(h handle, doc bson.Raw) error {
	var err error
	if o.key, err = o.search.appendKey(o.key[:0], doc, h.score); err != nil {
		return err
	}
	o.count++
	full := o.capacity > 0 && int64(len(o.items)) == o.capacity
	if full && bytes.Compare(o.key, o.items[0].key) >= 0 {
		return nil
	}
	item := orderedDoc{key: bytes.Clone(o.key), number: o.count, handle: h, doc: doc}
	if !h.kept {
		item.doc = bytes.Clone(doc)
	}
	o.size += len(item.key) + len(item.doc)
	switch {
	case full:
		o.size -= len(o.items[0].key) + len(o.items[0].doc)
		o.items[0] = item
		heap.Down(o.items, (*orderedDoc).after)
	default:
		o.items = append(o.items, item)
		if o.capacity > 0 {
			heap.Up(o.items, (*orderedDoc).after)
		}
	}
	if o.size > maxSortBytes {
		return store.BadRequest(292, "Sort exceeded memory limit of %d bytes", maxSortBytes)
	}
	return nil
}

// sorted returns the documents in order.
func (o *ordering) sorted() []orderedDoc {
	slices.SortFunc(o.items, func(a, b orderedDoc) int { return a.compare(&b) })
	return o.items
}
