package pipeline

import (
	"bytes"
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
	"github.com/loam-baas/loam/internal/store/spool"
)

// sorting is $sort.
type sorting struct {
	spec   bson.D
	sorter *match.Sorter
	// scored tells that it sorts by a text score, which only a search knows.
	scored bool
	limit  int64 // of the documents that are wanted, 0 for all
}

func (c compiler) sort(v any) (*sorting, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(15973, "the $sort key specification must be an object")
	}
	if len(d) == 0 {
		return nil, store.BadRequest(15976, "$sort stage must have at least one sort key")
	}
	s := &sorting{spec: d}
	for _, e := range d {
		if _, ok := e.Value.(bson.D); ok {
			s.scored = true
		} else if !isNumber(e.Value) {
			return nil, store.BadRequest(15974, "Illegal key in $sort specification: %s: %v", e.Key, e.Value)
		}
	}
	var err error
	s.sorter, err = c.collation.CompileSort(d)
	return s, err
}

func (s *sorting) traits() traits { return traits{keepsAll: true, quiets: true} }

func (s *sorting) step(x *execution, next step, _ bool) step {
	sorter := spool.NewSorter(x.spilling("Sort"), s.limit)
	x.closers = append(x.closers, sorter.Close)
	return &sorted{x: x, order: s.sorter, docs: sorter, next: next}
}

type sorted struct {
	x     *execution
	order *match.Sorter
	docs  *spool.Sorter
	key   []byte
	next  step
}

func (s *sorted) take(doc bson.Raw) (_ bool, err error) {
	if s.key, err = s.order.AppendKey(s.key[:0], doc, s.x.score.n); err != nil {
		return false, err
	}
	return true, s.docs.Add(s.key, s.x.hold(doc))
}

func (s *sorted) end() error {
	err := s.docs.Sorted(func(held []byte) (bool, error) {
		if err := s.x.alive(); err != nil {
			return false, err
		}
		return s.next.take(s.x.release(held))
	})
	if err != nil {
		return err
	}
	return s.next.end()
}

// skipping is $skip.
type skipping struct{ n int64 }

func (c compiler) skip(v any) (*skipping, error) {
	n, ok := whole(v)
	if !ok || n < 0 {
		return nil, store.BadRequest(5107200, "invalid argument to $skip stage: Expected a non-negative number in: $skip: %v", v)
	}
	return &skipping{n}, nil
}

func (s *skipping) traits() traits { return traits{} }

func (s *skipping) step(_ *execution, next step, _ bool) step { return &skip{s.n, next} }

type skip struct {
	rest int64
	next step
}

func (s *skip) take(doc bson.Raw) (bool, error) {
	if s.rest > 0 {
		s.rest--
		return true, nil
	}
	return s.next.take(doc)
}

func (s *skip) end() error { return s.next.end() }

// limiting is $limit.
type limiting struct{ n int64 }

func (c compiler) limit(v any) (*limiting, error) {
	n, ok := whole(v)
	switch {
	case !ok || n < 0:
		return nil, store.BadRequest(5107201, "invalid argument to $limit stage: Expected a non-negative number in: $limit: %v", v)
	case n == 0:
		return nil, store.BadRequest(15958, "the limit must be positive")
	}
	return &limiting{n}, nil
}

func (l *limiting) traits() traits { return traits{} }

func (l *limiting) step(_ *execution, next step, _ bool) step { return &limit{l.n, next} }

type limit struct {
	rest int64
	next step
}

func (l *limit) take(doc bson.Raw) (bool, error) {
	if l.rest == 0 {
		return false, nil
	}
	l.rest--
	more, err := l.next.take(doc)
	return more && l.rest > 0, err
}

func (l *limit) end() error { return l.next.end() }

// counting is $count.
type counting struct{ name string }

func (c compiler) count(v any) (*counting, error) {
	name, ok := v.(string)
	switch {
	case !ok:
		return nil, store.BadRequest(40156, "the count field must be a non-empty string")
	case name == "":
		return nil, store.BadRequest(40157, "the count field must be a non-empty string")
	case name[0] == '$':
		return nil, store.BadRequest(40158, "the count field cannot be a $-prefixed path")
	case bytes.IndexByte([]byte(name), 0) >= 0:
		return nil, store.BadRequest(40159, "the count field cannot contain a null byte")
	case bytes.IndexByte([]byte(name), '.') >= 0:
		return nil, store.BadRequest(40160, "the count field cannot contain '.'")
	}
	return &counting{name}, nil
}

func (c *counting) traits() traits { return traits{quiets: true} }

func (c *counting) step(x *execution, next step, _ bool) step {
	return &counted{name: c.name, x: x, next: next}
}

func (c *counting) counts() (func(n int64) (bson.Raw, error), bool) { return c.result, true }

// result is the count, as an int32 if it fits.
func (c *counting) result(n int64) (bson.Raw, error) {
	dst, start := openDocument(nil)
	return closeDocument(appendField(dst, c.name, integerValue(n)), start), nil
}

type counted struct {
	name string
	x    *execution
	n    int64
	next step
}

func (c *counted) take(bson.Raw) (bool, error) {
	c.n++
	return true, nil
}

// end passes on the count; of no documents there is none.
func (c *counted) end() error {
	if c.n > 0 {
		doc, err := (&counting{c.name}).result(c.n)
		if err != nil {
			return err
		}
		c.x.score.none()
		if _, err := c.next.take(doc); err != nil {
			return err
		}
	}
	return c.next.end()
}

// sampling is $sample.
type sampling struct{ n int64 }

func (c compiler) sample(v any) (*sampling, error) {
	d, ok := v.(bson.D)
	if !ok {
		return nil, store.BadRequest(28745, "the $sample stage specification must be an object")
	}
	s := &sampling{n: -1}
	for _, e := range d {
		if e.Key != "size" {
			return nil, store.BadRequest(28748, "unrecognized option to $sample: %s", e.Key)
		}
		if !isNumber(e.Value) {
			return nil, store.BadRequest(28746, "size argument to $sample must be a number")
		}
		if s.n, ok = whole(e.Value); !ok || s.n <= 0 {
			return nil, store.BadRequest(28747, "size argument to $sample must be a positive integer")
		}
	}
	if s.n < 0 {
		return nil, store.BadRequest(28749, "$sample stage must specify a size")
	}
	return s, nil
}

func (s *sampling) traits() traits { return traits{quiets: true} }

func (s *sampling) step(x *execution, next step, _ bool) step {
	docs := spool.NewSorter(x.spilling("$sample"), min(s.n, maxWanted))
	x.closers = append(x.closers, docs.Close)
	return &sampled{sorted{x: x, docs: docs, next: next}}
}

// sampled sorts by random keys.
type sampled struct{ sorted }

func (s *sampled) take(doc bson.Raw) (bool, error) {
	n := rand.Uint64()
	s.key = append(s.key[:0], byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
	return true, s.docs.Add(s.key, s.x.hold(doc))
}
