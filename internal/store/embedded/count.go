package embedded

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// Count counts, in the index alone where that says all that the filter does.
// MongoDB counts by a pipeline, in which nothing can be near.
func (s *Store) Count(ctx context.Context, collection string, q store.Count) (int64, error) {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return 0, err
	}
	compiled, err := newSearch(collection, store.Find{
		Filter: q.Filter, Hint: q.Hint, CaseInsensitive: q.CaseInsensitive, Limit: max(q.Limit, 0),
	})
	if err != nil {
		return 0, err
	}
	if compiled.request.near != nil {
		return 0, store.BadRequest(5626500, "$geoNear, $near, and $nearSphere are not allowed in this context")
	}
	var n int64
	err = s.read(ctx, tx, compiled, func(v *view) error {
		n = 0
		if v.coll != nil && v.draft == nil && v.plan.countable() {
			defer v.conn.interruptible(ctx)()
			n, err = v.count(ctx, compiled.limit)
			return err
		}
		return v.scan(ctx, compiled, 0, func(handle, bson.Raw) (bool, error) {
			n++
			return n != compiled.limit, nil
		})
	})
	if interrupted(err) && ctx.Err() != nil {
		err = ctx.Err()
	}
	return n, err
}

// countable tells whether the ranges can be counted without reading documents.
func (p *plan) countable() bool {
	return p.exact && p.access != union && (!p.repeats || len(p.ranges) == 1)
}

// count counts the documents of the ranges, up to limit if that is above 0.
func (v *view) count(ctx context.Context, limit int64) (n int64, err error) {
	if limit == 0 {
		limit = unlimited
	}
	p := v.plan
	key := stmtKey{docs: v.coll.n}
	switch {
	case p.access == collectionScan && limit == unlimited:
		return v.conn.number(stmtKey{does: docsCountAll, docs: v.coll.n}, nothing)
	case p.access == collectionScan:
		return v.conn.number(stmtKey{does: docsCount, docs: v.coll.n}, func(s *stmt) { s.bindInt(1, limit) })
	case p.access == textScan:
		err = v.conn.inSnapshot(func() error {
			n, err = v.countText(ctx, limit)
			return err
		})
		return n, err
	case p.access == idScan:
		key.does = docsCountIDs
	case p.repeats:
		key.does, key.index = indexCountRIDs, p.index.n
	default:
		key.does, key.index = indexCount, p.index.n
	}
	err = v.conn.inSnapshot(func() error {
		for i, r := range p.ranges {
			m, err := v.conn.countRange(key, r, limit)
			if err != nil {
				return err
			}
			if i == 0 && !v.pinned && p.stale() {
				return errStale
			}
			n += m
			if limit != unlimited {
				if limit -= m; limit == 0 {
					break
				}
			}
		}
		return nil
	})
	return n, err
}

// maxDistinctBytes is MongoDB's bound on the values of a distinct.
const maxDistinctBytes = 16 << 20

// Distinct returns the different values in the order in which they are met.
func (s *Store) Distinct(ctx context.Context, collection, path string, filter bson.D) ([]bson.RawValue, error) {
	tx, err := s.transactionOf(ctx)
	if err != nil {
		return nil, err
	}
	compiled, err := newSearch(collection, store.Find{Filter: filter})
	if err != nil {
		return nil, err
	}
	at, err := match.CompilePath(path)
	if err != nil {
		return nil, err
	}
	var values []bson.RawValue
	err = s.read(ctx, tx, compiled, func(v *view) error {
		values = nil
		seen := make(map[string]struct{})
		size := 0
		var key []byte
		return v.scan(ctx, compiled, 0, func(_ handle, doc bson.Raw) (bool, error) {
			at.Distinct(doc, func(value bson.RawValue) bool {
				key = match.AppendKey(key[:0], value)
				if _, ok := seen[string(key)]; !ok {
					seen[string(key)] = struct{}{}
					size += len(value.Value)
					values = append(values, bson.RawValue{Type: value.Type, Value: bytes.Clone(value.Value)})
				}
				return size <= maxDistinctBytes
			})
			if size > maxDistinctBytes {
				return false, store.BadRequest(17217, "distinct too big, 16mb cap")
			}
			return true, nil
		})
	})
	return values, err
}
