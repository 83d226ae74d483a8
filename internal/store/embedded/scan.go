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
		if s.filter != nil {
			if ok, err := s.filter.Decide(doc); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		if !s.first(rid) {
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
