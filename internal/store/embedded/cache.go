package embedded

import (
	"hash/maphash"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// cacheShards is how many parts the cache has. A commit makes the parts that it
// writes to stand aside, so they are many.
const cacheShards = 256

// entryOverhead is about what an entry costs beside its key and document, in bytes.
const entryOverhead = 160

// cache holds documents by collection and id, as they are after the latest
// commit, so that a get needs no SQLite. It is strictly coherent: who has seen a
// commit by any means never gets an older document from it.
//
// The writer tells it what a commit changes before the commit (hold) and lets go
// afterwards (release). In between, the shards concerned neither give nor take:
// readers go to the file. A reader that read the file puts its document only if
// its shard saw no commit since before the read (ticket).
type cache struct {
	seed   maphash.Seed
	shards []cacheShard
}

type cacheShard struct {
	mu      sync.Mutex
	entries map[cacheKey]*cacheEntry
	// The entries are a ring in order of use, first the latest.
	ring     cacheEntry
	size     int64
	capacity int64
	// pending counts the commits under way that concern the shard, version those done.
	pending int
	version uint64
}

// cacheKey names a document by its collection's number, which is never given
// twice, and its id.
type cacheKey struct {
	collection int64
	id         string
}

type cacheEntry struct {
	key        cacheKey
	doc        bson.Raw
	next, prev *cacheEntry
}

func (e *cacheEntry) cost() int64 { return int64(len(e.key.id) + cap(e.doc) + entryOverhead) }

func (e *cacheEntry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

func (e *cacheEntry) linkAfter(ring *cacheEntry) {
	e.prev, e.next = ring, ring.next
	e.prev.next, e.next.prev = e, e
}

// newCache returns a cache of that many bytes, or nil when it would hold nothing.
// A nil cache is always empty.
func newCache(bytes int64) *cache {
	if bytes <= 0 {
		return nil
	}
	c := &cache{seed: maphash.MakeSeed(), shards: make([]cacheShard, cacheShards)}
	for i := range c.shards {
		s := &c.shards[i]
		s.capacity = bytes / cacheShards
		s.ring.next, s.ring.prev = &s.ring, &s.ring
	}
	return c
}

func (c *cache) shard(id string) *cacheShard {
	return &c.shards[maphash.String(c.seed, id)%cacheShards]
}

// ticket is the right to put a document that is read after it was issued.
type ticket struct {
	shard   *cacheShard
	version uint64
}

// get returns a document, which must not be changed, or a ticket to put it.
func (c *cache) get(collection int64, id []byte) (bson.Raw, ticket) {
	if c == nil {
		return nil, ticket{}
	}
	s := &c.shards[maphash.Bytes(c.seed, id)%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending > 0 {
		return nil, ticket{}
	}
	e := s.entries[cacheKey{collection, string(id)}]
	if e == nil {
		return nil, ticket{s, s.version}
	}
	if s.ring.next != e {
		e.unlink()
		e.linkAfter(&s.ring)
	}
	return e.doc, ticket{}
}

// wants tells whether put with this ticket and a document of this size may have
// an effect, so that the document need not be copied for nothing.
func (t ticket) wants(size int) bool {
	// One document may not push out most of a shard's others.
	return t.shard != nil && int64(size) <= t.shard.capacity/4
}

// put keeps doc, which the cache owns from then on, if the ticket still holds.
func (t ticket) put(collection int64, id []byte, doc bson.Raw) {
	if !t.wants(len(doc)) {
		return
	}
	s := t.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending > 0 || s.version != t.version {
		return
	}
	key := cacheKey{collection, string(id)}
	if s.entries[key] != nil {
		return
	}
	if s.entries == nil {
		s.entries = make(map[cacheKey]*cacheEntry)
	}
	e := &cacheEntry{key: key, doc: doc}
	s.entries[key] = e
	e.linkAfter(&s.ring)
	s.size += e.cost()
	for s.size > s.capacity {
		s.remove(s.ring.prev)
	}
}

func (s *cacheShard) remove(e *cacheEntry) {
	e.unlink()
	delete(s.entries, e.key)
	s.size -= e.cost()
}

// hold takes a document out before a commit that changes it, until release.
func (c *cache) hold(key cacheKey) {
	if c == nil {
		return
	}
	s := c.shard(key.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending++
	if e := s.entries[key]; e != nil {
		s.remove(e)
	}
}

// release ends what hold began, whatever became of the commit.
func (c *cache) release(key cacheKey) {
	if c == nil {
		return
	}
	c.shard(key.id).release()
}

// holdAll is hold for all documents.
func (c *cache) holdAll() {
	if c == nil {
		return
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.pending++
		s.entries = nil
		s.size = 0
		s.ring.next, s.ring.prev = &s.ring, &s.ring
		s.mu.Unlock()
	}
}

// releaseAll ends what holdAll began.
func (c *cache) releaseAll() {
	if c == nil {
		return
	}
	for i := range c.shards {
		c.shards[i].release()
	}
}

func (s *cacheShard) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending--
	s.version++
}
