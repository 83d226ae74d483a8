package embedded

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// cacheShards is how many parts the cache has. While a commit is under way, the
// parts that it writes to take nothing, so they are many.
const cacheShards = 256

// entryOverhead is about what an entry takes beside its id and document, in bytes.
const entryOverhead = 192

// cache holds documents as they are after the latest commit, so that those which
// an index or an id leads to need not be looked up in the file. It is strictly
// coherent: who has seen a commit by any means never gets an older document from
// it, and a reader with a snapshot gets only what the snapshot has too.
//
// The writer takes out what a commit changes before the commit (hold) and lets go
// afterwards (release). In between, the shards concerned take nothing. A clock
// counts the commits that are over. A reader looks at it before its snapshot
// begins; what it reads there is put only if its shard has not changed since that
// time, and is given only to readers whose snapshots began at that time or later.
// So no commit that changes the document can lie between the two snapshots: it
// would have been over before both began, or have taken the document out.
type cache struct {
	seed  maphash.Seed
	clock atomic.Int64
	rows  []rowShard
	ids   []idShard
}

// instant is a time on a cache's clock.
type instant int64

// rowShard holds documents by their rows.
type rowShard struct {
	mu      sync.Mutex
	entries map[cacheKey]*cacheEntry
	// The entries are a ring by age, first the youngest. The oldest goes, or is
	// the youngest again if it was used.
	ring     cacheEntry
	size     int64
	capacity int64
	// pending counts the commits under way that concern the shard; changed is
	// when the last one was over.
	pending int
	changed instant
	// seen remembers rows that scans have read once: some more than can be kept.
	seen []uint8
}

// seenBytes is how many bytes of a shard make it remember one row more.
const seenBytes = 512

// cacheKey names a document by its row, and its collection's number, which is
// never given twice.
type cacheKey struct{ collection, rid int64 }

type cacheEntry struct {
	key cacheKey
	// id is the id's key if the document was looked up by it, else "".
	id         string
	doc        bson.Raw
	since      instant
	used       bool
	next, prev *cacheEntry
}

// idShard holds the rows of ids. A row may have another document meanwhile.
type idShard struct {
	mu   sync.Mutex
	rows map[cachedID]int64
}

type cachedID struct {
	collection int64
	id         string
}

func (e *cacheEntry) cost() int64 { return int64(2*len(e.id) + cap(e.doc) + entryOverhead) }

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
	c := &cache{seed: maphash.MakeSeed(), rows: make([]rowShard, cacheShards), ids: make([]idShard, cacheShards)}
	for i := range c.rows {
		s := &c.rows[i]
		s.capacity = bytes / cacheShards
		s.seen = make([]uint8, s.capacity/seenBytes+1)
		s.clear()
	}
	return c
}

// now is the time that a reader remembers before its snapshot begins.
func (c *cache) now() instant {
	if c == nil {
		return 0
	}
	return instant(c.clock.Load())
}

func (c *cache) shard(key cacheKey) *rowShard {
	return &c.rows[uint64(key.rid+key.collection*31)%cacheShards]
}

// byID returns the document with an id's key as it is now, nil if that is not
// known. It must not be changed.
func (c *cache) byID(collection int64, id []byte) bson.Raw {
	if c == nil {
		return nil
	}
	ids := &c.ids[maphash.Bytes(c.seed, id)%cacheShards]
	ids.mu.Lock()
	rid, ok := ids.rows[cachedID{collection, string(id)}]
	ids.mu.Unlock()
	if !ok {
		return nil
	}
	key := cacheKey{collection, rid}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || e.id != string(id) {
		return nil
	}
	e.used = true
	return e.doc
}

// seenBefore tells whether it was asked for the same row lately. It may be wrong,
// which costs an entry or the lack of one.
func (c *cache) seenBefore(collection, rid int64) bool {
	s := c.shard(cacheKey{collection, rid})
	place := uint64(rid/cacheShards + collection*17)
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := uint64(len(s.seen))
	slot, tag := &s.seen[place%seen], uint8(place/seen)|1
	if *slot == tag {
		return true
	}
	*slot = tag
	return false
}

// byRow returns the document of a row as a snapshot has it that began at that
// time or later, nil if that is not known. It must not be changed.
func (c *cache) byRow(collection, rid int64, at instant) bson.Raw {
	key := cacheKey{collection, rid}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || e.since > at {
		return nil
	}
	e.used = true
	return e.doc
}

// wants tells whether a document of this size may be kept, so that it need not
// be copied for nothing.
func (c *cache) wants(size int) bool {
	// One document may not push out most of a shard's others.
	return c != nil && int64(size) <= c.rows[0].capacity/4
}

// share is how many bytes one scan may put.
func (c *cache) share() int64 { return c.rows[0].capacity * cacheShards / 8 }

// put keeps a document, which the cache owns from then on, that was read in a
// snapshot which began at that time or later. id is its id's key, nil if that is
// not at hand.
func (c *cache) put(collection, rid int64, id []byte, doc bson.Raw, at instant) {
	if !c.wants(len(doc)) {
		return
	}
	key := cacheKey{collection, rid}
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending > 0 || s.changed > at {
		return
	}
	e := s.entries[key]
	if e == nil {
		e = &cacheEntry{key: key, doc: doc, since: at}
		s.entries[key] = e
		e.linkAfter(&s.ring)
		s.size += e.cost()
	}
	e.since = min(e.since, at)
	if id != nil && e.id == "" {
		s.size -= e.cost()
		e.id = string(id)
		s.size += e.cost()
		c.idShard(e.id).add(cachedID{collection, e.id}, rid)
	}
	for s.size > s.capacity {
		oldest := s.ring.prev
		if !oldest.used {
			c.remove(s, oldest)
			continue
		}
		oldest.used = false
		oldest.unlink()
		oldest.linkAfter(&s.ring)
	}
}

func (c *cache) remove(s *rowShard, e *cacheEntry) {
	e.unlink()
	delete(s.entries, e.key)
	s.size -= e.cost()
	if e.id != "" {
		c.idShard(e.id).remove(cachedID{e.key.collection, e.id}, e.key.rid)
	}
}

func (s *rowShard) clear() {
	s.entries, s.size = make(map[cacheKey]*cacheEntry), 0
	s.ring.next, s.ring.prev = &s.ring, &s.ring
}

func (c *cache) idShard(id string) *idShard {
	return &c.ids[maphash.String(c.seed, id)%cacheShards]
}

func (s *idShard) add(key cachedID, rid int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = make(map[cachedID]int64)
	}
	s.rows[key] = rid
}

func (s *idShard) remove(key cachedID, rid int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[key] == rid {
		delete(s.rows, key)
	}
}

// hold takes documents out before a commit that changes them, until release.
func (c *cache) hold(keys []cacheKey) {
	if c == nil {
		return
	}
	for _, key := range keys {
		s := c.shard(key)
		s.mu.Lock()
		s.pending++
		if e := s.entries[key]; e != nil {
			c.remove(s, e)
		}
		s.mu.Unlock()
	}
}

// release ends what hold began, whatever became of the commit.
func (c *cache) release(keys []cacheKey) {
	if c == nil {
		return
	}
	now := instant(c.clock.Add(1))
	for _, key := range keys {
		c.shard(key).release(now)
	}
}

// holdAll is hold for all documents.
func (c *cache) holdAll() {
	if c == nil {
		return
	}
	for i := range c.rows {
		s := &c.rows[i]
		s.mu.Lock()
		s.pending++
		for s.ring.next != &s.ring {
			c.remove(s, s.ring.next)
		}
		s.mu.Unlock()
	}
}

// releaseAll ends what holdAll began.
func (c *cache) releaseAll() {
	if c == nil {
		return
	}
	now := instant(c.clock.Add(1))
	for i := range c.rows {
		c.rows[i].release(now)
	}
}

func (s *rowShard) release(now instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending--
	s.changed = now
}
