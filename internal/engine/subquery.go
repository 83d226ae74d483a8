package engine

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// resolve runs the subqueries of a where, under the caller's permissions, and
// returns the where with their results in their places.
func (e *Engine) resolve(ctx context.Context, c Caller, class *schema.Class, w *query.Where, depth int) (*query.Where, error) {
	if depth > maxMasterDepth {
		return nil, parse.NewError(parse.InvalidQuery, "Subqueries are nested too deep.")
	}
	s := &resolver{e, ctx, c, class, depth + 1}
	return w.Rewrite(func(n query.Node) (query.Node, error) {
		switch n := n.(type) {
		case *query.RelatedTo:
			return s.relatedTo(n)
		case *query.Field:
			return s.field(n)
		}
		return n, nil
	})
}

// resolver answers the parts of a where that need other reads.
type resolver struct {
	engine *Engine
	ctx    context.Context
	caller Caller
	class  *schema.Class
	depth  int
}

// field answers the subqueries among the constraints of a path.
func (s *resolver) field(f *query.Field) (query.Node, error) {
	var resolved []query.Constraint
	for i, c := range f.Constraints {
		var (
			answer query.Constraint
			err    error
		)
		switch c := c.(type) {
		case *query.InQuery:
			answer, err = s.inQuery(c)
		case *query.Select:
			answer, err = s.selected(c)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		if resolved == nil {
			resolved = slices.Clone(f.Constraints)
		}
		resolved[i] = answer
	}
	if resolved != nil {
		f = &query.Field{Path: f.Path, Constraints: resolved}
	}
	isRelation := s.class.Fields[f.Path] != nil && s.class.Fields[f.Path].Type.Kind == parse.KindRelation
	if resolved != nil && !isRelation {
		f.Constraints = unite(resolved)
	}
	if isRelation {
		return s.inRelation(f)
	}
	return f, nil
}

// unite joins what subqueries found to the lists beside them: as in
// parse-server a value may be in either, respectively must be in neither.
func unite(constraints []query.Constraint) []query.Constraint {
	var united []query.Constraint
	lists := make(map[bool]*query.In, 2)
	for _, c := range constraints {
		in, ok := c.(*query.In)
		switch {
		case !ok:
			united = append(united, c)
		case lists[in.Negate] == nil:
			list := &query.In{Negate: in.Negate, Values: slices.Clip(in.Values)}
			lists[in.Negate] = list
			united = append(united, list)
		default:
			lists[in.Negate].Values = append(lists[in.Negate].Values, in.Values...)
		}
	}
	return united
}

// inRelation answers constraints on a relation field: they hold for the objects
// whose relation has, respectively has not, one of the members.
func (s *resolver) inRelation(f *query.Field) (query.Node, error) {
	owners := &query.Field{Path: "objectId"}
	for _, c := range f.Constraints {
		members, negate, ok := relationMembers(c)
		if !ok {
			return nil, parse.NewError(parse.InvalidQuery, "A relation can be compared with pointers only: "+f.Path)
		}
		ids, err := s.engine.owners(s.ctx, schema.JoinName(f.Path, s.class.Name), members)
		if err != nil {
			return nil, err
		}
		in := &query.In{Negate: negate}
		for _, id := range ids {
			in.Values = append(in.Values, parse.String(id))
		}
		owners.Constraints = append(owners.Constraints, in)
	}
	return owners, nil
}

// relationMembers are the ids of the pointers that a constraint compares with.
func relationMembers(c query.Constraint) (ids []string, negate, ok bool) {
	var values []parse.Value
	switch c := c.(type) {
	case *query.Equal:
		values = []parse.Value{c.Value}
	case *query.Compare:
		if c.Op != "$ne" {
			return nil, false, false
		}
		values, negate = []parse.Value{c.Value}, true
	case *query.In:
		values, negate = c.Values, c.Negate
	default:
		return nil, false, false
	}
	for _, v := range values {
		p, isPointer := v.(parse.Pointer)
		if !isPointer {
			return nil, false, false
		}
		ids = append(ids, p.ObjectID)
	}
	return ids, negate, true
}

// inQuery answers $inQuery and $notInQuery: pointers to the objects found.
func (s *resolver) inQuery(q *query.InQuery) (query.Constraint, error) {
	in := &query.In{Negate: q.Negate}
	err := s.each(q.ClassName, q.Query, func(r *read, doc bson.Raw) error {
		if id, ok := doc.Lookup("_id").StringValueOK(); ok {
			in.Values = append(in.Values, parse.Pointer{ClassName: r.class.Name, ObjectID: id})
		}
		return nil
	})
	return in, err
}

// selected answers $select and $dontSelect: the values at the key of the objects found.
func (s *resolver) selected(q *query.Select) (query.Constraint, error) {
	in := &query.In{Negate: q.Negate}
	err := s.each(q.ClassName, q.Query, func(r *read, doc bson.Raw) error {
		// What the caller may not see must not select either.
		if slices.Contains(s.engine.fieldsHidden(s.caller, r.mask, doc), query.Root(q.Key)) {
			return nil
		}
		object, err := parse.ObjectFromBSON(doc, r.class.Name, r.class.Types())
		if err != nil {
			return err
		}
		if v, ok := valueAt(object, q.Key); ok {
			in.Values = append(in.Values, v)
		}
		return nil
	})
	return in, err
}

// valueAt is the value at a dotted path of an object.
func valueAt(o *parse.Object, path string) (parse.Value, bool) {
	name, rest, dotted := strings.Cut(path, ".")
	v, ok := o.Get(name)
	if !dotted || !ok {
		return v, ok
	}
	inner, ok := v.(*parse.Object)
	if !ok {
		return nil, false
	}
	return valueAt(inner, rest)
}

// each runs a subquery. Unlike at the top, all its matches count unless it
// names a limit.
func (s *resolver) each(class string, q *query.Query, yield func(*read, bson.Raw) error) error {
	r, err := s.engine.prepareAt(s.ctx, s.caller, class, q, schema.OpFind, s.depth)
	if err != nil || r.empty {
		return err
	}
	if q.Limit == nil {
		r.limit = -1
	}
	if r.limit == 0 {
		return nil
	}
	most := int64(s.engine.QueryLimits(s.caller).SubqueryLimit)
	if most > 0 && (r.limit < 0 || r.limit > most) {
		r.limit = most + 1
	}
	var found int64
	return storeError(r.documents(s.ctx, nil, func(doc bson.Raw) error {
		// What is cut off would widen a $notInQuery, so that the query is refused.
		if found++; most > 0 && found > most {
			return parse.Errorf(parse.InvalidQuery, "A subquery has more results than the maximum allowed (%d)", most)
		}
		return yield(r, doc)
	}))
}

// relatedTo answers $relatedTo: the ids in a relation of an object that the
// caller may read, through a field that it may see (advisories A15, A16).
func (s *resolver) relatedTo(q *query.RelatedTo) (query.Node, error) {
	ids := &query.In{}
	where := &query.Field{Path: "objectId", Constraints: []query.Constraint{ids}}
	if refused, err := s.refused(q.Object.ClassName); refused || err != nil {
		return where, err
	}
	owner, err := s.engine.prepareAt(s.ctx, s.caller, q.Object.ClassName, &query.Query{}, schema.OpGet, s.depth)
	if err != nil {
		return nil, err
	}
	if owner.empty {
		return where, nil
	}
	field := owner.class.Fields[q.Key]
	if field == nil || field.Type.Kind != parse.KindRelation {
		return where, nil
	}
	if err := s.engine.checkPath(s.caller, owner.class, owner.mask.queryHidden, q.Key); err != nil {
		return nil, err
	}
	if !s.caller.Master() {
		owner.filter = append(bson.D{{Key: "_id", Value: q.Object.ObjectID}}, owner.filter...)
		n, err := s.engine.Store.Count(s.ctx, owner.class.Name, store.Count{Filter: owner.filter, Limit: 1})
		if err != nil {
			return nil, storeError(err)
		}
		if n == 0 {
			return where, nil
		}
	}
	ids.Values, err = s.engine.related(s.ctx, owner.class.Name, q.Key, q.Object.ObjectID)
	return where, err
}

// refused tells whether the class's permissions keep the caller from getting an
// object of it: its relations are empty then, as those of an unreadable object.
func (s *resolver) refused(name string) (bool, error) {
	if err := s.engine.admit(s.caller, name, schema.OpGet); err != nil {
		return true, err
	}
	class, err := s.engine.class(s.ctx, name)
	if class == nil || err != nil {
		return false, err
	}
	_, denied := s.engine.permit(s.caller, class, schema.OpGet)
	return denied != nil, nil
}
