package pipeline

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/spool"
)

// blocks gather documents for a stage that reads collections: it reads for many
// of them at once, and never while a search is running, which would need a
// second connection to see the same snapshot. So what a running search finds
// waits until it is done, on disk if there is much of it.
type blocks struct {
	x     *execution
	quiet bool
	// work does the stage's work for the documents of a block.
	work    func(docs []scored) (more bool, err error)
	docs    []scored
	size    int
	waiting *spool.Spool
}

// scored is a document with its score.
type scored struct {
	doc   bson.Raw
	score float64
}

// The bounds of a block, in documents and bytes. The first one is reached by
// documents of 4 KiB or less.
const (
	blockDocs   = 1000
	blockMemory = 4 << 20
)

func (b *blocks) take(doc bson.Raw) (bool, error) {
	if b.quiet {
		return b.add(doc)
	}
	if b.waiting == nil {
		b.waiting = b.x.spool()
	}
	return true, b.waiting.Add(b.x.hold(doc))
}

func (b *blocks) add(doc bson.Raw) (more bool, err error) {
	b.docs = append(b.docs, scored{bytes.Clone(doc), b.x.score.n})
	if b.size += len(doc); len(b.docs) < blockDocs && b.size < blockMemory {
		return true, nil
	}
	return b.flush()
}

func (b *blocks) flush() (more bool, err error) {
	docs := b.docs
	b.docs, b.size = nil, 0
	if len(docs) == 0 {
		return true, nil
	}
	if err := b.x.ctx.Err(); err != nil {
		return false, err
	}
	return b.work(docs)
}

// finish works on the documents that are left.
func (b *blocks) finish() error {
	if b.waiting != nil {
		if err := b.waiting.Rewind(); err != nil {
			return err
		}
		for {
			held, err := b.waiting.Next()
			if err != nil {
				return err
			}
			if held == nil {
				break
			}
			if more, err := b.add(b.x.release(held)); err != nil || !more {
				return err
			}
		}
	}
	_, err := b.flush()
	return err
}
