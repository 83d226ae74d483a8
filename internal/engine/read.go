package engine

import (
	"context"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Find runs a query; see API.
func (e *Engine) Find(ctx context.Context, c Caller, className string, q *query.Query) (*Result, error) {
	if err := e.admit(c, className, schema.OpFind); err != nil { // a search is one, whatever it is for
		return nil, err
	}
	r, err := e.prepare(ctx, c, className, q, findOperation(e.limit(q), q))
	if err != nil {
		return nil, err
	}
	if q.Explain {
		return r.explain(ctx)
	}
	return pooledResult(func(out []byte) ([]byte, error) { return r.appendFound(ctx, out) })
}

// findOperation is the operation that a query is, as parse-server sees it: a
// question for one object by its id is a get, one for no results a count.
func findOperation(limit int64, q *query.Query) schema.Operation {
	if limit == 0 {
		return schema.OpCount
	}
	if q.Where == nil || len(q.Where.Nodes) != 1 {
		return schema.OpFind
	}
	f, ok := q.Where.Nodes[0].(*query.Field)
	if !ok || f.Path != "objectId" || len(f.Constraints) != 1 {
		return schema.OpFind
	}
	if id, ok := f.Constraints[0].(*query.Equal); ok {
		if _, ok := id.Value.(parse.String); ok {
			return schema.OpGet
		}
	}
	return schema.OpFind
}

// appendFound appends {"results":[…],"count":n}.
func (r *read) appendFound(ctx context.Context, out []byte) (_ []byte, err error) {
	out = append(out, `{"results":[`...)
	if r.limit != 0 && !r.empty {
		if out, err = r.appendAll(ctx, out); err != nil {
			return nil, err
		}
	}
	out = append(out, ']')
	if r.query.Count {
		n, err := r.count(ctx)
		if err != nil {
			return nil, err
		}
		out = strconv.AppendInt(append(out, `,"count":`...), n, 10)
	}
	return append(out, '}'), nil
}

// Get reads one object; see API.
func (e *Engine) Get(ctx context.Context, c Caller, className, id string, q *query.Query) (*Result, error) {
	r, err := e.prepare(ctx, c, className, q, schema.OpGet)
	if err != nil {
		return nil, err
	}
	if r.empty {
		return nil, objectNotFound()
	}
	r.filter = append(bson.D{{Key: "_id", Value: id}}, r.filter...)
	r.limit, r.skip = 1, 0
	return pooledResult(func(out []byte) ([]byte, error) {
		out, err := r.appendAll(ctx, out)
		if err == nil && len(out) == 0 {
			err = objectNotFound()
		}
		return out, err
	})
}

// QueryLimits are the bounds within which doors decode the caller's queries.
// Master keys are bounded in depth only, so that nothing can overflow.
func (e *Engine) QueryLimits(c Caller) query.Limits {
	if !c.Master() {
		return e.Limits
	}
	return query.Limits{QueryDepth: maxMasterDepth, SubqueryDepth: maxMasterDepth}
}

const maxMasterDepth = 100

// read is one query, checked and compiled, of one caller.
type read struct {
	engine     *Engine
	caller     Caller
	className  string
	class      *schema.Class // nil when there is none of that name
	query      *query.Query
	where      *query.Where // of the query, subqueries answered
	owners     bson.D       // what the object must satisfy for the caller to be let in
	filter     bson.D
	sort       bson.D
	hint       any
	limit      int64 // negative means none
	skip       int64
	empty      bool // nothing can match
	redirected bool
	mask       mask
	depth      int // of subqueries
	allowance  *parse.Allowance
}

// prepare checks that the caller may run q and compiles it, subqueries run and
// put in their places.
func (e *Engine) prepare(ctx context.Context, c Caller, className string, q *query.Query, op schema.Operation) (*read, error) {
	return e.prepareAt(ctx, c, className, q, op, 0)
}

func (e *Engine) prepareAt(ctx context.Context, c Caller, className string, q *query.Query, op schema.Operation, depth int) (*read, error) {
	if err := e.admit(c, className, op); err != nil {
		return nil, err
	}
	if className == "_Session" && op == schema.OpGet {
		op = schema.OpFind // among the caller's own, as parse-server has it
	}
	if q.Explain && !c.Administers() && !e.AllowPublicExplain {
		return nil, parse.NewError(parse.InvalidQuery, "Using the explain query parameter requires the master key")
	}
	r := &read{engine: e, caller: c, query: q, depth: depth, skip: int64(q.Skip), limit: e.limit(q)}
	if err := r.resolveClass(ctx, className); err != nil {
		return nil, err
	}
	if r.className == "_Session" && c.UserID == "" && !c.Master() {
		return nil, e.sanitize(errInvalidSession)
	}
	if r.class == nil {
		r.empty = true
		return r, nil
	}
	var owners bson.D
	var err error
	if op != schema.OpCount || q.Count { // who asks for nothing needs no permission
		if owners, err = e.permit(c, r.class, op); err != nil {
			return nil, err
		}
	}
	r.mask = e.maskFor(c, r.class)
	if err := r.checkPaths(ctx); err != nil {
		return nil, err
	}
	if q.IncludeAll {
		if err := r.includeAll(); err != nil {
			return nil, err
		}
	}
	if r.where, err = e.resolve(ctx, c, r.class, q.Where, depth); err != nil {
		return nil, err
	}
	if r.filter, err = query.Compile(r.where, r.class, e.Now()); err != nil {
		return nil, err
	}
	if r.sort, err = query.CompileOrder(q.Order, r.class); err != nil {
		return nil, err
	}
	if r.hint, err = hintOf(q.Hint); err != nil {
		return nil, err
	}
	r.owners = and(owners, c.own(r.class.Name))
	r.filter = readable(and(r.filter, r.owners), c)
	return r, nil
}

// resolveClass finds the class to read; it is nil when there is none and the
// caller may know it.
func (r *read) resolveClass(ctx context.Context, name string) error {
	e := r.engine
	class, err := e.class(ctx, name)
	if err != nil {
		return err
	}
	if key := r.query.RedirectClassNameForKey; key != "" && class != nil {
		// What a hidden relation leads to is hidden, too.
		if err := e.checkPath(r.caller, class, e.maskFor(r.caller, class).queryHidden, key); err != nil {
			return err
		}
		if field := class.Fields[key]; field != nil && field.Type.Kind == parse.KindRelation {
			name = field.Type.TargetClass
			// The class that is really read is the one that counts (advisory A08).
			if err := e.admit(r.caller, name, schema.OpFind); err != nil {
				return err
			}
			if class, err = e.class(ctx, name); err != nil {
				return err
			}
		}
		r.redirected = true
	}
	if class == nil && !e.AllowClientClassCreation && !r.caller.Master() {
		return e.denied("This user is not allowed to access non-existent class: " + name)
	}
	r.class, r.className = class, name
	return nil
}

// limit is the number of results to return; negative means all.
func (e *Engine) limit(q *query.Query) int64 {
	n := int64(e.DefaultLimit)
	if q.Limit != nil {
		n = int64(*q.Limit)
	}
	if e.MaxLimit > 0 && (n < 0 || n > int64(e.MaxLimit)) {
		n = int64(e.MaxLimit)
	}
	return n
}

// checkPaths refuses conditions and orders on what the caller may not see.
func (r *read) checkPaths(ctx context.Context) error {
	c, class := r.caller, r.class
	searches := false
	for path, constraints := range r.query.Where.Paths {
		searches = searches || slices.ContainsFunc(constraints, isText)
		if err := r.engine.checkPath(c, class, r.mask.queryHidden, path); err != nil {
			return err
		}
	}
	for _, order := range r.query.Order {
		if order.Path == query.Score {
			continue
		}
		if err := r.engine.checkPath(c, class, r.mask.queryHidden, order.Path); err != nil {
			return err
		}
	}
	if searches && len(r.mask.queryHidden) > 0 {
		return r.checkTextIndex(ctx)
	}
	return nil
}

// scoreMember is where an object has the score of a text search, if the query's
// keys ask for it by query.Score.
const scoreMember = "score"

func (r *read) scored() bool { return slices.Contains(r.query.Keys, query.Score) }

// keys are the members that the query asks for, nil for all.
func (r *read) keys() []string {
	if !r.scored() {
		return r.query.Keys
	}
	keys := slices.Clone(r.query.Keys)
	keys[slices.Index(keys, query.Score)] = scoreMember
	return keys
}

func isText(c query.Constraint) bool {
	_, ok := c.(*query.Text)
	return ok
}

// checkTextIndex refuses a search for text by a caller who may not filter by all
// the fields that it would look into: a text index's, whichever is named
// (advisories A03 and A06).
func (r *read) checkTextIndex(ctx context.Context) error {
	indexes, err := r.engine.Store.Indexes(ctx, r.class.Name)
	if err != nil {
		return storeError(err)
	}
	for _, index := range indexes {
		searched := slices.DeleteFunc(slices.Clone(index.Keys), func(e bson.E) bool { return e.Value != "text" })
		if len(searched) == 0 {
			continue
		}
		for _, e := range append(searched, index.Weights...) {
			if field := query.Root(e.Key); field == "$**" || r.mask.queryHidden[field] || query.Internal(field) {
				return r.engine.denied("This user is not allowed to search class " + r.class.Name + ", of which the text index has fields that are hidden")
			}
		}
	}
	return nil
}

// find is the store's form of the query.
func (r *read) find() store.Find {
	var projection bson.D
	if r.scored() {
		projection = bson.D{{Key: scoreMember, Value: bson.D{{Key: "$meta", Value: "textScore"}}}}
	}
	return store.Find{
		Projection: projection,
		Filter:     r.filter, Sort: r.sort, Skip: r.skip, Limit: max(r.limit, 0),
		Hint: r.hint, Comment: r.query.Comment, ReadPreference: r.query.ReadPreference,
	}
}

// appendAll appends the objects found, separated by commas.
func (r *read) appendAll(ctx context.Context, out []byte) ([]byte, error) {
	r.allowance = r.engine.allowance(ctx)
	includes := r.includes()
	if includes == nil {
		return r.appendFlat(ctx, out)
	}
	rows, err := r.rows(ctx)
	if err != nil {
		return nil, err
	}
	expansion, err := r.expand(ctx, includes, rows)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = row.View.AppendObject(out, row.Doc, expansion); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// appendFlat encodes objects as they come out of the store, without keeping them.
func (r *read) appendFlat(ctx context.Context, out []byte) ([]byte, error) {
	view := r.viewer(viewKey{class: r.class, named: r.redirected}, r.keys(), r.query.ExcludeKeys)
	limit := r.engine.EncodingsBytes
	if r.query.Keys != nil || len(r.query.ExcludeKeys) > 0 {
		limit = 0 // the view is of this query alone
	}
	first := true
	stays := false
	err := r.documents(ctx, &stays, func(doc bson.Raw) error {
		if !first {
			out = append(out, ',')
		}
		first = false
		start := len(out)
		var err error
		if out, err = r.engine.encodings.append(out, view(doc), doc, stays, limit); err != nil {
			return err
		}
		return r.allowance.Take(len(out) - start)
	})
	if err != nil {
		return nil, storeError(err)
	}
	return out, nil
}

// rows reads the objects found and keeps them.
func (r *read) rows(ctx context.Context) ([]parse.Included, error) {
	view := r.viewer(viewKey{class: r.class, named: r.redirected}, r.keys(), r.query.ExcludeKeys)
	var rows []parse.Included
	stays := false
	err := r.documents(ctx, &stays, func(doc bson.Raw) error {
		if !stays {
			doc = slices.Clone(doc)
		}
		rows = append(rows, parse.Included{Doc: doc, View: view(doc)})
		return r.allowance.Take(len(doc))
	})
	return rows, storeError(err)
}

func (r *read) count(ctx context.Context) (int64, error) {
	if r.empty {
		return 0, nil
	}
	owners, err := r.engine.permit(r.caller, r.class, schema.OpCount)
	if err != nil {
		return 0, err
	}
	filter := r.filter
	if r.where.HasNear() {
		unordered, err := query.Compile(r.where.WithoutOrder(), r.class, r.engine.Now())
		if err != nil {
			return 0, err
		}
		filter = readable(and(unordered, r.owners), r.caller)
	}
	n, err := r.engine.Store.Count(ctx, r.class.Name, store.Count{
		Filter: and(filter, owners), Hint: r.hint, Comment: r.query.Comment, ReadPreference: r.query.ReadPreference,
	})
	return n, storeError(err)
}

func (r *read) explain(ctx context.Context) (*Result, error) {
	if r.empty {
		return NewResult([]byte(`{"results":[]}`)), nil
	}
	var plan bson.Raw
	err := r.placed(ctx, func() (err error) {
		plan, err = r.engine.Store.Explain(ctx, r.class.Name, r.find())
		return err
	})
	if err != nil {
		return nil, storeError(err)
	}
	value := parse.FromBSON(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: plan})
	return NewResult(append(parse.AppendJSON([]byte(`{"results":`), value), '}')), nil
}

// hintOf turns a query's hint into the store's: an index name or index keys.
func hintOf(v parse.Value) (any, error) {
	switch hint := v.(type) {
	case nil:
		return nil, nil
	case parse.String:
		return string(hint), nil
	case *parse.Object:
		return parse.ToBSON(hint), nil
	}
	return nil, parse.NewError(parse.InvalidQuery, "hint must be the name or the keys of an index")
}

// and joins two conditions.
func and(a, b bson.D) bson.D {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return bson.D{{Key: "$and", Value: bson.A{a, b}}}
}
