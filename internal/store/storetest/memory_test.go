package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/pipeline"
)

// TestMemory holds the suite to itself: the simplest store there can be, made
// of package match and nothing clever, passes it.
func TestMemory(t *testing.T) {
	Options{NoText: true}.Run(t, func(*testing.T) store.Store { return &memory{data: database{}} })
}

// memory keeps documents in order of insertion and looks at all of them.
type memory struct {
	mu      sync.Mutex
	closed  bool
	version int
	data    database
}

type database map[string]*collection

type collection struct {
	docs    []bson.Raw // never changed in place
	indexes []store.Index
}

func (d database) clone() database {
	c := database{}
	for name, from := range d {
		c[name] = &collection{docs: slices.Clone(from.docs), indexes: slices.Clone(from.indexes)}
	}
	return c
}

type transactionKey struct{}

// with runs do on the data that ctx sees.
func (m *memory) with(ctx context.Context, do func(d database) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d, ok := ctx.Value(transactionKey{}).(database); ok {
		return do(d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return store.ErrClosed
	}
	return do(m.data)
}

// change is with for what writes.
func (m *memory) change(ctx context.Context, do func(d database) error) error {
	return m.with(ctx, func(d database) error {
		if _, ok := ctx.Value(transactionKey{}).(database); !ok {
			m.version++
		}
		return do(d)
	})
}

func (m *memory) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	if _, ok := ctx.Value(transactionKey{}).(database); ok {
		return fn(ctx)
	}
	var draft database
	var began int
	err := m.with(ctx, func(d database) error {
		draft, began = d.clone(), m.version
		return nil
	})
	if err != nil {
		return err
	}
	if err := fn(context.WithValue(ctx, transactionKey{}, draft)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version != began {
		return store.ErrConflict
	}
	m.version++
	m.data = draft
	return nil
}

func validName(name string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return store.BadRequest(73, "invalid collection name %q", name)
	}
	return nil
}

// query finds the documents' places in q's order.
func (d database) query(name string, q store.Find) ([]int, *collection, error) {
	if err := validName(name); err != nil {
		return nil, nil, err
	}
	collation := match.CollationOf(q.CaseInsensitive)
	env := expression.NewEnv(time.Now())
	filters := match.Options{Collation: collation, Expr: expression.Filters(env, expression.Options{Collation: collation})}
	matcher, err := filters.Compile(q.Filter)
	if err != nil {
		return nil, nil, err
	}
	sorter, err := collation.CompileSort(q.Sort)
	if err != nil {
		return nil, nil, err
	}
	c := d[name]
	if c == nil {
		return nil, &collection{}, nil
	}
	if err := c.checkHint(q.Hint); err != nil {
		return nil, nil, err
	}
	if near := matcher.Near(); near != nil && !c.serves(near, q.Hint) {
		return nil, nil, store.BadRequest(291, "unable to find index for $geoNear query")
	}
	type found struct {
		at       int
		key      []byte
		distance float64
	}
	var all []found
	for i, doc := range c.docs {
		if ok, err := matcher.Decide(doc); err != nil {
			return nil, nil, err
		} else if !ok {
			continue
		}
		key, err := sorter.AppendKey(nil, doc, 0)
		if err != nil {
			return nil, nil, err
		}
		f := found{at: i, key: key}
		if near := matcher.Near(); near != nil && len(q.Sort) == 0 {
			f.distance, _ = near.Distance(doc)
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), bytes.Compare(a.key, b.key))
	})
	all = all[min(int(q.Skip), len(all)):]
	if q.Limit > 0 {
		all = all[:min(int(q.Limit), len(all))]
	}
	places := make([]int, len(all))
	for i, f := range all {
		places[i] = f.at
	}
	return places, c, nil
}

// serves tells whether there is a geo index for what is near.
func (c *collection) serves(near *match.Near, hint any) bool {
	return slices.ContainsFunc(c.indexes, func(ix store.Index) bool {
		x, err := match.CompileGeoIndex(ix)
		place := func(e bson.E) bool { return e.Key == near.Path() }
		if err != nil || !slices.ContainsFunc(ix.Keys, place) || hint != nil && hint != ix.Name {
			return false
		}
		_, ok := near.Within(1).Ranges(x.Sphere())
		return ok
	})
}

func (c *collection) checkHint(hint any) error {
	for _, ix := range append(c.indexes, idIndex) {
		if hint == nil || hint == ix.Name || fmt.Sprint(hint) == fmt.Sprint(ix.Keys) {
			return nil
		}
	}
	return store.BadRequest(2, "hint provided does not correspond to an existing index")
}

var idIndex = store.Index{Name: "_id_", Keys: bson.D{{Key: "_id", Value: int32(1)}}, Unique: true}

func (d database) at(name string) (*collection, error) {
	if err := validName(name); err != nil {
		return nil, err
	}
	if d[name] == nil {
		d[name] = &collection{}
	}
	return d[name], nil
}

// put puts a document in a place, or at the end if at is -1.
func (c *collection) put(name string, at int, doc bson.Raw) error {
	if len(doc) > match.MaxDocumentSize {
		return store.BadRequest(10334, "the document is too large")
	}
	if id := doc.Lookup("_id"); id.Type == bson.TypeArray || id.Type == bson.TypeRegex {
		return store.BadRequest(53, "the _id can't be of this type")
	}
	for _, ix := range append(slices.Clone(c.indexes), idIndex) {
		if err := c.check(name, ix, at, doc); err != nil {
			return err
		}
	}
	if at < 0 {
		c.docs = append(c.docs, doc)
	} else {
		c.docs[at] = doc
	}
	return nil
}

// check tells whether an index takes a document in a place.
func (c *collection) check(name string, ix store.Index, at int, doc bson.Raw) error {
	if match.IsGeo(ix.Keys) {
		x, err := match.CompileGeoIndex(ix)
		if err != nil {
			return err
		}
		_, err = x.AppendKeys(nil, doc)
		return err
	}
	x, err := match.CompileIndex(ix)
	if err != nil {
		return nil // a kind of index that makes no keys
	}
	keys, err := x.AppendKeys(nil, doc)
	if err != nil || !ix.Unique {
		return err
	}
	for i, other := range c.docs {
		if i == at {
			continue
		}
		theirs, err := x.AppendKeys(nil, other)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if slices.ContainsFunc(theirs, func(o []byte) bool { return bytes.Equal(k, o) }) {
				e := &store.DuplicateKeyError{Collection: name, Index: ix.Name}
				for _, key := range ix.Keys {
					e.Keys = append(e.Keys, key.Key)
				}
				return e
			}
		}
	}
	return nil
}

func (m *memory) Find(ctx context.Context, name string, q store.Find, yield func(bson.Raw) error) error {
	projection, err := match.CompileProjection(q.Projection)
	if err != nil {
		return err
	}
	var docs []bson.Raw
	err = m.with(ctx, func(d database) error {
		places, c, err := d.query(name, q)
		for _, i := range places {
			docs = append(docs, c.docs[i])
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.Projection != nil {
			doc = projection.Append(nil, doc, 0)
		}
		if err := yield(doc); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Count(ctx context.Context, name string, q store.Count) (n int64, err error) {
	if m, err := match.Compile(q.Filter); err == nil && m.Near() != nil {
		return 0, store.BadRequest(5626500, "nothing near is counted")
	}
	err = m.with(ctx, func(d database) error {
		places, _, err := d.query(name, store.Find{Filter: q.Filter, Limit: q.Limit, Hint: q.Hint, CaseInsensitive: q.CaseInsensitive})
		n = int64(len(places))
		return err
	})
	return n, err
}

func (m *memory) Distinct(ctx context.Context, name, path string, filter bson.D) (values []bson.RawValue, err error) {
	p, err := match.CompilePath(path)
	if err != nil {
		return nil, err
	}
	err = m.with(ctx, func(d database) error {
		places, c, err := d.query(name, store.Find{Filter: filter})
		for _, i := range places {
			p.Distinct(c.docs[i], func(v bson.RawValue) bool {
				if !slices.ContainsFunc(values, func(w bson.RawValue) bool { return match.Compare(v, w) == 0 }) {
					values = append(values, v)
				}
				return true
			})
		}
		return err
	})
	return values, err
}

func (m *memory) Insert(ctx context.Context, name string, docs ...bson.Raw) error {
	return m.change(ctx, func(d database) error {
		c, err := d.at(name)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			if err := c.put(name, -1, bytes.Clone(doc)); err != nil {
				return err
			}
		}
		return nil
	})
}

// apply is what Update and FindAndUpdate share; before and after are of the
// document that was changed last.
func (m *memory) apply(ctx context.Context, name string, u store.Update) (r store.UpdateResult, before, after bson.Raw, err error) {
	query, err := match.Options{Expr: expression.Filters(expression.NewEnv(time.Now()), expression.Options{})}.Compile(u.Filter)
	if err != nil {
		return r, nil, nil, err
	}
	var updater match.Applier
	switch {
	case u.Pipeline == nil:
		updater, err = match.UpdateOptions{ArrayFilters: u.ArrayFilters, Query: query}.Compile(u.Change)
	case len(u.ArrayFilters) > 0:
		err = store.BadRequest(9, "a pipeline has no array filters")
	default:
		updater, err = pipeline.CompileUpdate(ctx, u.Pipeline)
	}
	if err != nil {
		return r, nil, nil, err
	}
	if u.Upsert {
		refuse := match.Options{Expr: func(bson.RawValue) (match.Expr, error) {
			return nil, store.BadRequest(224, "an upsert can't have an $expr")
		}}
		if _, err := refuse.Compile(u.Filter); err != nil {
			return r, nil, nil, err
		}
	}
	err = m.change(ctx, func(d database) error {
		q := store.Find{Filter: u.Filter, Sort: u.Sort, Limit: 1}
		if u.Many {
			q.Limit = 0
		}
		places, c, err := d.query(name, q)
		if err != nil {
			return err
		}
		for _, i := range places {
			before = c.docs[i]
			doc, changed, err := updater.Apply(before, false)
			if err != nil {
				return err
			}
			r.Matched++
			after = doc
			if !changed {
				continue
			}
			if err := c.put(name, i, doc); err != nil {
				return err
			}
			r.Modified++
		}
		if r.Matched > 0 || !u.Upsert {
			return nil
		}
		if after, err = match.UpsertDocument(u.Filter, updater); err != nil {
			return err
		}
		if c, err = d.at(name); err != nil {
			return err
		}
		r.Upserted = true
		if err := after.Lookup("_id").Unmarshal(&r.UpsertedID); err != nil {
			return err
		}
		return c.put(name, -1, after)
	})
	return r, before, after, err
}

func (m *memory) Update(ctx context.Context, name string, u store.Update) (store.UpdateResult, error) {
	r, _, _, err := m.apply(ctx, name, u)
	return r, err
}

func (m *memory) FindAndUpdate(ctx context.Context, name string, u store.Update, want store.Version) (bson.Raw, error) {
	u.Many = false
	projection, err := match.CompileProjection(u.Projection)
	if err != nil {
		return nil, err
	}
	r, doc, after, err := m.apply(ctx, name, u)
	switch {
	case err != nil:
		return nil, err
	case r.Matched == 0 && !r.Upserted:
		return nil, store.ErrNotFound
	case want == store.After:
		doc = after
	}
	if doc != nil && u.Projection != nil {
		doc = projection.Append(nil, doc, 0)
	}
	return doc, nil
}

func (m *memory) FindAndDelete(ctx context.Context, name string, filter bson.D) (doc bson.Raw, err error) {
	err = m.change(ctx, func(d database) error {
		places, c, err := d.query(name, store.Find{Filter: filter, Limit: 1})
		switch {
		case err != nil:
			return err
		case len(places) == 0:
			return store.ErrNotFound
		}
		doc = c.docs[places[0]]
		c.docs = slices.Delete(c.docs, places[0], places[0]+1)
		return nil
	})
	return doc, err
}

func (m *memory) Delete(ctx context.Context, name string, filter bson.D, many bool) (n int64, err error) {
	err = m.change(ctx, func(d database) error {
		q := store.Find{Filter: filter, Limit: 1}
		if many {
			q.Limit = 0
		}
		places, c, err := d.query(name, q)
		for _, i := range slices.Backward(places) {
			c.docs = slices.Delete(c.docs, i, i+1)
			n++
		}
		return err
	})
	return n, err
}

func (m *memory) Aggregate(ctx context.Context, name string, stages bson.A, o store.AggregateOptions, yield func(bson.Raw) error) error {
	p, err := pipeline.Compile(name, stages, pipeline.Options{AggregateOptions: o})
	if err != nil {
		return err
	}
	if o.Explain {
		doc, err := bson.Marshal(bson.D{{Key: "stages", Value: p.Stages()}})
		if err != nil {
			return err
		}
		return yield(doc)
	}
	return p.Run(ctx, m, yield)
}

func (m *memory) Explain(ctx context.Context, name string, q store.Find) (bson.Raw, error) {
	err := m.with(ctx, func(d database) error {
		_, _, err := d.query(name, q)
		return err
	})
	doc, _ := bson.Marshal(bson.D{{Key: "stage", Value: "COLLSCAN"}})
	return doc, err
}

func (m *memory) CreateIndexes(ctx context.Context, name string, indexes ...store.Index) error {
	return m.change(ctx, func(d database) error {
		c, err := d.at(name)
		if err != nil {
			return err
		}
		for _, ix := range indexes {
			if ix.Name == "" {
				var parts []string
				for _, e := range ix.Keys {
					parts = append(parts, fmt.Sprintf("%s_%v", e.Key, e.Value))
				}
				ix.Name = strings.Join(parts, "_")
			}
			if err := c.define(name, ix); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *collection) define(name string, ix store.Index) error {
	if match.IsGeo(ix.Keys) {
		if _, err := match.CompileGeoIndex(ix); err != nil {
			return err
		}
	} else if _, err := match.CompileIndex(ix); err != nil {
		return err
	}
	at := slices.IndexFunc(c.indexes, func(o store.Index) bool { return o.Name == ix.Name })
	if at >= 0 {
		if !sameIndex(c.indexes[at], ix) {
			return store.ErrIndexConflict
		}
		return nil
	}
	for i, doc := range c.docs {
		if err := c.check(name, ix, i, doc); err != nil {
			return err
		}
	}
	c.indexes = append(c.indexes, ix)
	return nil
}

func sameIndex(a, b store.Index) bool {
	seconds := func(n *int32) int32 {
		if n == nil {
			return -1
		}
		return *n
	}
	same := seconds(a.ExpireAfterSeconds) == seconds(b.ExpireAfterSeconds)
	a.ExpireAfterSeconds, b.ExpireAfterSeconds = nil, nil
	return same && fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

func (m *memory) DropIndex(ctx context.Context, name, index string) error {
	return m.change(ctx, func(d database) error {
		if index == "_id_" {
			return store.BadRequest(72, "cannot drop _id index")
		}
		c := d[name]
		if c == nil {
			return store.ErrNotFound
		}
		before := len(c.indexes)
		c.indexes = slices.DeleteFunc(c.indexes, func(ix store.Index) bool { return ix.Name == index })
		if len(c.indexes) == before {
			return store.ErrNotFound
		}
		return nil
	})
}

func (m *memory) Indexes(ctx context.Context, name string) (list []store.Index, err error) {
	err = m.with(ctx, func(d database) error {
		if c := d[name]; c != nil {
			list = append([]store.Index{idIndex}, c.indexes...)
		}
		return nil
	})
	return list, err
}

func (m *memory) Collections(ctx context.Context) (names []string, err error) {
	err = m.with(ctx, func(d database) error {
		names = slices.Collect(maps.Keys(d))
		return nil
	})
	return names, err
}

func (m *memory) DropCollection(ctx context.Context, name string) error {
	return m.change(ctx, func(d database) error {
		delete(d, name)
		return nil
	})
}

func (m *memory) Ping(ctx context.Context) error {
	return m.with(ctx, func(database) error { return nil })
}

func (m *memory) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return store.ErrClosed
	}
	m.closed = true
	return nil
}
