package embedded

import (
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
	// score is the document's text score, if that is asked for.
	score float64
	// kept tells that the document is the cache's: it stays as it is for as long
	// as somebody has it, and must not be changed.
	kept bool
}

// errStale tells that an index met its first array after the plan was made and
// before the snapshot it runs on: the plan must be made anew.
var errStale = errors.New("store: plan is out of date")

// scan is the reading of one plan on one connection. Several statements of it
// see one snapshot. A scan looks at its context from time to time, and lets
// others run.
type scan struct {
	conn   *conn
	coll   *collection
	plan   *plan
	filter *match.Matcher // nil when the plan is exact
	// cache has documents for a snapshot that began at that time or later; nil
	// for none.
	cache *cache
	at    instant
	// perRange ends each range after that many documents, if it is above 0.
	perRange int64
	visit    visit

	seen     map[int64]struct{}
	found    int64 // in the range
	given    int64 // to the cache, in bytes
	examined int64
	checked  bool
	ended    bool
}

// patience is how many rows a scan reads between looks at its context.
const patience = 256

func (s *scan) run(ctx context.Context) error {
	if s.plan.repeats {
		s.seen = make(map[int64]struct{})
	}
	if len(s.plan.ranges) > 1 || s.plan.access == union || s.plan.access == textScan {
		return s.conn.inSnapshot(func() error { return s.read(ctx, s.plan) })
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
	if p.access == textScan {
		return s.readText(ctx, p)
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
	s.found = 0
	cached := s.cache != nil && (key.does == indexUp || key.does == indexDown)
	if cached {
		if done, err := s.stepRows(ctx, key, r); done || err != nil {
			return err
		}
	}
	st, err := s.conn.prepare(key)
	if err != nil {
		return err
	}
	if ranged {
		st.bindBlob(1, r.low)
		st.bindBlob(2, r.high)
	}
	defer st.reset()
	for {
		if more, err := s.next(st); err != nil || !more {
			return err
		}
		rid, doc := st.int(0), bson.Raw(st.blob(1))
		if cached {
			s.remember(rid, doc)
		}
		if goOn, err := s.offer(ctx, handle{rid: rid}, doc); err != nil || !goOn {
			return err
		}
	}
}

// next moves a statement to its next row and tells whether there is one.
func (s *scan) next(st *stmt) (bool, error) {
	more, err := st.step()
	if err == nil {
		err = s.check()
	}
	return more, err
}

// check is an error if the plan is out of date, once a snapshot has begun.
func (s *scan) check() error {
	if s.checked {
		return nil
	}
	s.checked = true
	if s.plan.stale() {
		return errStale
	}
	return nil
}

// offer passes a document on if it is asked for, and tells whether to go on with
// the range.
func (s *scan) offer(ctx context.Context, h handle, doc bson.Raw) (bool, error) {
	if s.examined++; s.examined%patience == 0 {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		runtime.Gosched()
	}
	if s.filter != nil {
		if ok, err := s.filter.Decide(doc); err != nil || !ok {
			return err == nil, err
		}
	}
	if !s.first(h.rid) {
		return true, nil
	}
	goOn, err := s.visit(h, doc)
	if err != nil || !goOn {
		s.ended = err == nil
		return false, err
	}
	s.found++
	return s.found != s.perRange, nil
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
