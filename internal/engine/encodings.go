package engine

import (
	"bytes"
	"hash/maphash"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// encodings keeps the JSON of objects that are read again and again. Encoding is
// a pure function of a view and a stored document, and both are compared in full,
// which costs nothing for a document that the store gives again as it is: what is
// kept can never be stale, only unused. An object is kept when it is
// seen for the second time, so that a scan neither pays for being kept nor
// drives out what others need. See docs/decisions/0003-encodings.md.
type encodings struct {
	seed   maphash.Seed
	shards [encodingShards]encodingShard
}

const (
	encodingShards = 16
	// seenSlots is how many objects, of a shard, are remembered to have been seen once.
	seenSlots = 1 << 12
	// encodingOverhead is what an entry takes besides its bytes, about.
	encodingOverhead = 160
	// hashed is how many bytes of a document make its key: the _id is within.
	hashed = 64
	// maxEncoded is the largest stored document, in bytes, whose JSON is kept.
	maxEncoded = 16 << 10
)

type encodingShard struct {
	mu      sync.Mutex
	entries map[uint64]*encoding
	// order is a ring of the keys by age; the oldest goes first.
	order []uint64
	first int
	bytes int
	seen  []uint32 // made with the first object
}

type encoding struct {
	view *parse.View
	doc  []byte
	json []byte
	// shared tells that the document is the store's own, which keeps it too.
	shared bool
}

func newEncodings() *encodings { return &encodings{seed: maphash.MakeSeed()} }

// append appends the JSON of a document under a view that many requests share.
// stays tells that the document is never written to again. limit is how many bytes
// all entries may take.
func (e *encodings) append(dst []byte, view *parse.View, doc bson.Raw, stays bool, limit int) ([]byte, error) {
	if limit <= 0 || len(doc) > maxEncoded {
		return view.AppendObject(dst, doc, nil)
	}
	key := maphash.Bytes(e.seed, doc[:min(len(doc), hashed)]) ^ maphash.Comparable(e.seed, view)
	shard := &e.shards[key%encodingShards]
	shard.mu.Lock()
	if found := shard.entries[key]; found != nil && found.view == view && bytes.Equal(found.doc, doc) {
		dst = append(dst, found.json...)
		shard.mu.Unlock()
		return dst, nil
	}
	again := shard.seenBefore(key)
	shard.mu.Unlock()
	start := len(dst)
	dst, err := view.AppendObject(dst, doc, nil)
	if err != nil || !again {
		return dst, err
	}
	kept := &encoding{view: view, doc: doc, json: bytes.Clone(dst[start:]), shared: stays}
	if !stays {
		kept.doc = bytes.Clone(doc)
	}
	shard.mu.Lock()
	shard.put(key, kept, limit/encodingShards)
	shard.mu.Unlock()
	return dst, nil
}

// seenBefore tells whether the key was seen lately, and remembers it. It may be
// wrong, which costs an entry or the lack of one.
func (s *encodingShard) seenBefore(key uint64) bool {
	if s.seen == nil {
		s.seen = make([]uint32, seenSlots)
	}
	slot, tag := &s.seen[(key>>4)%seenSlots], uint32(key>>32)|1
	if *slot == tag {
		return true
	}
	*slot = tag
	return false
}

func (s *encodingShard) put(key uint64, kept *encoding, limit int) {
	if s.entries == nil {
		s.entries = make(map[uint64]*encoding)
	}
	if old := s.entries[key]; old != nil {
		s.bytes -= old.size()
	} else {
		s.order = append(s.order, key)
	}
	s.entries[key] = kept
	s.bytes += kept.size()
	for s.bytes > limit && s.first < len(s.order) {
		oldest := s.order[s.first]
		s.first++
		s.bytes -= s.entries[oldest].size()
		delete(s.entries, oldest)
	}
	if s.first > len(s.order)/2 {
		s.order = append(s.order[:0], s.order[s.first:]...)
		s.first = 0
	}
}

// size is what the entry takes, in bytes, without what the store has anyway.
func (e *encoding) size() int {
	if e.shared {
		return len(e.json) + encodingOverhead
	}
	return len(e.doc) + len(e.json) + encodingOverhead
}
