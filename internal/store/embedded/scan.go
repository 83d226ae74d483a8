package embedded

import (
	"bytes"
	"context"
	"errors"
	"runtime"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/match"
)

// visit takes a document that satisfies the filter, which is valid during the
// call only. It returns false to end the scan.
type visit func(h handle, doc bson.Raw) (bool, error)

// handle is how a document found is found again: by its row in the writer's
// transaction, by its id's key in one of a caller.
type handle struct {
	rid int64
	id  string
}

// errStale tells that an index met its first array after the plan was made and
// before the snapshot it runs on: the plan must be made anew.
var errStale = errors.New("store: plan is out of date")

// scan is the reading of one plan on one connection. Several statements of it
// see one snapshot. A scan looks at its context from time to time, and lets
// others run.
type scan struct {
	conn   *conn
	cache  *cache // nil for none
	coll   *collection
	plan   *plan
	filter *match.Matcher // nil when the plan is exact
	// perRange ends each range after that many documents, if it is above 0.
	perRange int64
	visit    visit

	seen     map[int64]struct{}
	examined int64
	checked  bool
	ended    bool
}

// patience is how many rows a scan reads between looks at its context.
const patience = 256

func (s *scan) run(ctx context.Context) (err error) {
	if s.plan.repeats {
		s.seen = make(map[int64]struct{})
	}
	if s.plan.access == idScan && s.plan.equal == 1 {
		return s.lookups(ctx)
	}
	if len(s.plan.ranges) > 1 || s.plan.access == union {
		release, err := s.conn.snapshot()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	return s.read(ctx, s.plan)
}

func (s *scan) read(ctx context.Context, p *plan) error {
	if p.access == union {
		for _, branch := range p.branches {
			if err := s.read(ctx, branch); err != nil || s.ended {
				return err
			}
		}
		return nil
	}
	key, ranged := p.statement(s.coll)
	if !ranged {
		return s.step(ctx, key, keyRange{}, false)
	}
	for i := range p.ranges {
		if p.reverse {
			i = len(p.ranges) - 1 - i
		}
		if err := s.step(ctx, key, p.ranges[i], true); err != nil || s.ended {
			return err
		}
	}
	return nil
}

// statement returns the statement that reads the plan's ranges.
func (p *plan) statement(c *collection) (key stmtKey, ranged bool) {
	key.docs = c.n
	switch p.access {
	case collectionScan:
		key.does = docsAll
		if p.reverse {
			key.does = docsAllDown
		}
		return key, false
	case idScan:
		key.does = docsUp
		if p.reverse {
			key.does = docsDown
		}
	default:
		key.index = p.index.n
		key.does = indexUp
		if p.reverse {
			key.does = indexDown
		}
	}
	return key, true
}

// step reads one range.
func (s *scan) step(ctx context.Context, key stmtKey, r keyRange, ranged bool) error {
	st, err := s.conn.prepare(key)
	if err != nil {
		return err
	}
	if ranged {
		st.bindBlob(1, r.low)
		st.bindBlob(2, r.high)
	}
	defer st.reset()
	var found int64
	for {
		more, err := st.step()
		if err != nil {
			return err
		}
		if !s.checked {
			s.checked = true
			if s.plan.stale() {
				return errStale
			}
		}
		if !more {
			return nil
		}
		if s.examined++; s.examined%patience == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			runtime.Gosched()
		}
		rid, doc := st.int(0), bson.Raw(st.blob(1))
		if s.filter != nil && !s.filter.Match(doc) || !s.first(rid) {
			continue
		}
		goOn, err := s.visit(handle{rid: rid}, doc)
		if err != nil {
			return err
		}
		if !goOn {
			s.ended = true
			return nil
		}
		if found++; found == s.perRange {
			return nil
		}
	}
}

// first tells whether a document comes for the first time.
func (s *scan) first(rid int64) bool {
	if s.seen == nil {
		return true
	}
	if _, ok := s.seen[rid]; ok {
		return false
	}
	s.seen[rid] = struct{}{}
	return true
}

// lookups reads a list of ids, from the cache as far as they are there. The
// tickets are taken before the snapshot begins, so that nothing older than they
// are is put into the cache.
func (s *scan) lookups(ctx context.Context) (err error) {
	docs := make([]bson.Raw, len(s.plan.ranges))
	tickets := make([]ticket, len(s.plan.ranges))
	missed := false
	for i, r := range s.plan.ranges {
		docs[i], tickets[i] = s.cache.get(s.coll.n, r.low)
		missed = missed || docs[i] == nil
	}
	if missed && len(docs) > 1 {
		release, err := s.conn.snapshot()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	for i, r := range s.plan.ranges {
		if s.plan.reverse {
			i = len(docs) - 1 - i
			r = s.plan.ranges[i]
		}
		goOn, err := s.lookup(r.low, docs[i], tickets[i])
		if err != nil || !goOn {
			return err
		}
		if i%patience == patience-1 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scan) lookup(id []byte, doc bson.Raw, t ticket) (bool, error) {
	s.examined++
	if doc != nil {
		if s.filter != nil && !s.filter.Match(doc) {
			return true, nil
		}
		return s.visit(handle{}, doc)
	}
	st, err := s.conn.prepare(stmtKey{does: docByID, docs: s.coll.n})
	if err != nil {
		return false, err
	}
	defer st.reset()
	st.bindBlob(1, id)
	if found, err := st.first(); err != nil || !found {
		return err == nil, err
	}
	rid, doc := st.int(0), bson.Raw(st.blob(1))
	if t.wants(len(doc)) {
		t.put(s.coll.n, id, bytes.Clone(doc))
	}
	if s.filter != nil && !s.filter.Match(doc) {
		return true, nil
	}
	return s.visit(handle{rid: rid}, doc)
}
