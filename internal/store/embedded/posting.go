package embedded

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/heap"
)

// postings are the entries that a text index has for some terms, merged by
// document. They are read in portions, term by term, so that a search holds no
// more than maxPortions of them, however many there are.
type postings struct {
	conn  *conn
	index *index
	terms [][]byte
	// portion is how many entries of a term are read at a time.
	portion int
}

// hit is a document that has some of the terms, and the sum of their scores.
type hit struct {
	rid   int64
	score float64
}

const (
	// maxPortion bounds the entries of one term that are read at a time, and
	// maxPortions about bounds those of all terms.
	maxPortion  = 512
	minPortion  = 16
	maxPortions = 1 << 16
	hitBytes    = 16
)

// each calls yield with the documents in the order of their rows until it
// returns false. The connection must be in a snapshot.
func (p *postings) each(ctx context.Context, yield func(hit) (bool, error)) error {
	p.portion = min(max(maxPortions/max(len(p.terms), 1), minPortion), maxPortion)
	var rest []*posting // a heap by their next rows
	for _, term := range p.terms {
		t := &posting{term: term}
		if more, err := p.read(ctx, t); err != nil {
			return err
		} else if more {
			rest = append(rest, t)
		}
	}
	slices.SortFunc(rest, func(a, b *posting) int { return cmp.Compare(a.hits[0].rid, b.hits[0].rid) })
	for len(rest) > 0 {
		next := hit{rid: rest[0].hits[0].rid}
		for len(rest) > 0 && rest[0].hits[0].rid == next.rid {
			first := rest[0]
			next.score += first.hits[0].score
			first.hits = first.hits[1:]
			more := len(first.hits) > 0
			if !more && !first.ended {
				var err error
				if more, err = p.read(ctx, first); err != nil {
					return err
				}
			}
			if more {
				heap.Down(rest, sooner)
			} else {
				rest = heap.Pop(rest, sooner)
			}
		}
		if more, err := yield(next); err != nil || !more {
			return err
		}
	}
	return nil
}

// ranked is each with the documents of the best score first.
func (p *postings) ranked(ctx context.Context, yield func(hit) (bool, error)) error {
	var all []hit
	err := p.each(ctx, func(h hit) (bool, error) {
		if len(all) >= maxSortBytes/hitBytes {
			return false, store.BadRequest(292, "Sort exceeded memory limit of %d bytes", maxSortBytes)
		}
		all = append(all, h)
		return true, nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.rid, b.rid))
	})
	for i, h := range all {
		if i%patience == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if more, err := yield(h); err != nil || !more {
			return err
		}
	}
	return nil
}

// read reads the next entries of a term and tells whether there were any.
func (p *postings) read(ctx context.Context, t *posting) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	runtime.Gosched()
	s, err := p.conn.prepare(stmtKey{does: entriesOfTerm, index: p.index.n})
	if err != nil {
		return false, err
	}
	defer s.reset()
	s.bindBlob(1, t.term)
	s.bindInt(2, t.last)
	s.bindInt(3, int64(p.portion))
	t.hits = t.buffer[:0]
	for {
		more, err := s.step()
		if err != nil {
			return false, err
		}
		if !more {
			break
		}
		t.hits = append(t.hits, hit{rid: s.int(0), score: s.float(1)})
	}
	t.buffer, t.ended = t.hits, len(t.hits) < p.portion
	if len(t.hits) > 0 {
		t.last = t.hits[len(t.hits)-1].rid
	}
	return len(t.hits) > 0, nil
}

// posting are the entries of one term from some row on.
type posting struct {
	term         []byte
	hits, buffer []hit
	last         int64
	ended        bool
}

// sooner tells whether the next row of a is before that of b.
func sooner(a, b **posting) bool { return (*a).hits[0].rid < (*b).hits[0].rid }
