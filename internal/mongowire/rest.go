package mongowire

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/spool"
)

// rest holds the documents that a cursor has left. It is filled, rewound and read.
type rest struct {
	*spool.Spool
	// held is a document that was read and did not fit.
	held bson.Raw
}

func newRest(c *cursors) *rest {
	return &rest{Spool: spool.New(spool.Options{Dir: c.dir, Memory: maxCursorBytes, Reserve: c.reserve})}
}

// reserve accounts for n more bytes in memory, below 0 for fewer, if there is room
// for them.
func (s *cursors) reserve(n int64) bool {
	if s.memory.Add(n) > maxCursorsBytes && n > 0 {
		s.memory.Add(-n)
		return false
	}
	return true
}

// batch reads up to size documents, as many as go into an answer, and tells
// whether there are more.
func (r *rest) batch(size int64) (b batch, more bool, err error) {
	b = newBatch()
	for {
		if r.held == nil {
			if r.held, err = r.Next(); err != nil || r.held == nil {
				return b, false, err
			}
		}
		if !b.fits(r.held, size) {
			return b, true, nil
		}
		b.add(r.held)
		r.held = nil
	}
}
