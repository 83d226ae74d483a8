package engine

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
)

// include is one segment of the include paths of a query, a tree.
type include struct {
	segment  string
	children []*include
	// keys and excludeKeys are those of the query that go on below this segment.
	keys, excludeKeys []string
	// sources are where pointers are looked for: documents, and the path in them.
	sources []source
	// expansion is where what was found is put for the encoder.
	expansion *parse.Expansion
}

type source struct {
	doc  bson.Raw
	view *parse.View
	path []string
}

// includeAll asks for every pointer of the first level, and for lists that may
// hold some, also when they are not among the keys.
func (r *read) includeAll() error {
	q := *r.query
	for _, name := range r.class.FieldNames() {
		if k := r.class.Fields[name].Type.Kind; k == parse.KindPointer || k == parse.KindArray {
			q.Include = append(slices.Clip(q.Include), name)
			if q.Keys != nil {
				q.Keys = append(slices.Clip(q.Keys), name)
			}
		}
	}
	r.query = &q
	return r.engine.QueryLimits(r.caller).CheckInclude(q.Include)
}

// includes is the tree of the query's include paths, nil when there are none.
func (r *read) includes() *include {
	paths := r.query.Include
	if len(paths) == 0 {
		return nil
	}
	tree := &include{}
	for _, path := range paths {
		at, prefix := tree, ""
		for segment := range strings.SplitSeq(path, ".") {
			prefix = strings.TrimPrefix(prefix+"."+segment, ".")
			at = at.child(segment, func() *include {
				return &include{segment: segment, keys: query.Below(r.query.Keys, prefix), excludeKeys: query.Below(r.query.ExcludeKeys, prefix)}
			})
		}
	}
	return tree
}

func (n *include) child(segment string, make func() *include) *include {
	for _, c := range n.children {
		if c.segment == segment {
			return c
		}
	}
	c := make()
	n.children = append(n.children, c)
	return c
}

// expand fetches what the include paths point to: one query per class and
// level, under the caller's own permissions.
func (r *read) expand(ctx context.Context, tree *include, rows []parse.Included) (*parse.Expansion, error) {
	tree.expansion = &parse.Expansion{Allowance: r.allowance}
	level := tree.children
	for _, n := range level {
		n.expansion = tree.expansion.Child(n.segment)
		for _, row := range rows {
			n.sources = append(n.sources, source{row.Doc, row.View, []string{n.segment}})
		}
	}
	for len(level) > 0 {
		fetched, err := r.fetch(ctx, level)
		if err != nil {
			return nil, err
		}
		var next []*include
		for _, n := range level {
			n.fill(r, fetched)
			next = append(next, n.children...)
		}
		level = next
	}
	return tree.expansion, nil
}

// fill puts the fetched objects that this segment points to where the encoder
// finds them, and tells the children where to look.
func (n *include) fill(r *read, fetched map[string]*fetchedClass) {
	n.expansion.Included = make(map[parse.Pointer]parse.Included)
	viewers := make(map[string]func(bson.Raw) *parse.View, 1)
	for _, child := range n.children {
		child.expansion = n.expansion.Child(child.segment)
	}
	for _, src := range n.sources {
		for _, child := range n.children {
			// The segment may be a plain object on the way to the pointer.
			path := append(append(make([]string, 0, len(src.path)+1), src.path...), child.segment)
			child.sources = append(child.sources, source{src.doc, src.view, path})
		}
		for _, p := range src.pointers() {
			if _, done := n.expansion.Included[p]; done {
				continue
			}
			class := fetched[p.ClassName]
			doc, ok := class.docs[p.ObjectID]
			if !ok {
				continue
			}
			if viewers[p.ClassName] == nil {
				viewers[p.ClassName] = class.read.viewer(viewKey{class: class.read.class, typed: true}, n.keys, n.excludeKeys)
			}
			row := parse.Included{Doc: doc, View: viewers[p.ClassName](doc)}
			n.expansion.Included[p] = row
			for _, child := range n.children {
				child.sources = append(child.sources, source{doc, row.View, []string{child.segment}})
			}
		}
	}
}

// pointers are those found at the source's path, hidden fields left out.
func (s source) pointers() []parse.Pointer {
	if s.view.Hides(s.path[0]) {
		return nil
	}
	return parse.AppendPointers(nil, s.doc, s.path)
}

// fetchedClass is what one level's query of a class found.
type fetchedClass struct {
	read *read
	docs map[string]bson.Raw
}

// fetch reads the objects that a level's segments point to.
func (r *read) fetch(ctx context.Context, level []*include) (map[string]*fetchedClass, error) {
	ids := make(map[string]map[string]bool)
	for _, n := range level {
		for _, src := range n.sources {
			for _, p := range src.pointers() {
				if ids[p.ClassName] == nil {
					ids[p.ClassName] = make(map[string]bool)
				}
				ids[p.ClassName][p.ObjectID] = true
			}
		}
	}
	fetched := make(map[string]*fetchedClass, len(ids))
	if len(ids) <= 1 {
		for class, wanted := range ids {
			found, err := r.fetchClass(ctx, class, wanted)
			if err != nil {
				return nil, err
			}
			fetched[class] = found
		}
		return fetched, nil
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelFetches)
	for class, wanted := range ids {
		group.Go(func() (err error) {
			defer func() {
				if fault := recover(); fault != nil { // it would end the process here
					err = fmt.Errorf("panic in an include: %v\n%s", fault, debug.Stack())
				}
			}()
			found, err := r.fetchClass(ctx, class, wanted)
			mu.Lock()
			defer mu.Unlock()
			fetched[class] = found
			return err
		})
	}
	return fetched, group.Wait()
}

// parallelFetches is how many classes of one level are read at the same time.
const parallelFetches = 4

func (r *read) fetchClass(ctx context.Context, class string, wanted map[string]bool) (*fetchedClass, error) {
	op := schema.OpFind
	if len(wanted) == 1 {
		op = schema.OpGet
	}
	none := -1
	in := &query.In{Values: make([]parse.Value, 0, len(wanted))}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		in.Values = append(in.Values, parse.String(id))
	}
	sub, err := r.engine.prepare(ctx, r.caller, class, &query.Query{
		Where:          &query.Where{Nodes: []query.Node{&query.Field{Path: "objectId", Constraints: []query.Constraint{in}}}},
		Limit:          &none,
		ReadPreference: r.query.IncludeReadPreference,
	}, op)
	if err != nil {
		return nil, err
	}
	found := &fetchedClass{read: sub, docs: make(map[string]bson.Raw, len(wanted))}
	if sub.empty {
		return found, nil
	}
	sub.limit = -1
	stays := false
	err = sub.documents(ctx, &stays, func(doc bson.Raw) error {
		if !stays {
			doc = bytes.Clone(doc)
		}
		if id, ok := doc.Lookup("_id").StringValueOK(); ok {
			found.docs[id] = doc
		}
		return r.allowance.Take(len(doc))
	})
	return found, storeError(err)
}
