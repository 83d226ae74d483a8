package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/loam-baas/loam/internal/store"
)

// What the feed keeps: changes, and the bytes of their documents, old and new
// versions together.
const (
	maxFeedChanges = 32_768
	maxFeedBytes   = 64 << 20
)

// feedGrace is how long changes are kept for watchers that may come back, after
// the last of them has gone.
const feedGrace = 2 * time.Minute

// feed is the history of the latest commits, kept for watchers. The writer adds
// to it and never waits for them: whoever falls behind has lost the rest. As
// long as nobody has watched, it costs the writer a look at a flag.
type feed struct {
	// recording tells that changes are kept.
	recording atomic.Bool

	mu sync.Mutex
	// epoch tells histories apart: one ends with its store, or when nobody watches.
	epoch   uint64
	last    uint64 // number of the latest change; they are numbered from 1
	changes []*recorded
	bytes   int
	clock   bson.Timestamp
	readers int
	grace   *time.Timer
	// news is closed when there are more changes.
	news   chan struct{}
	closed bool
}

// recorded is a change as the writer notes it. Documents are the feed's own.
type recorded struct {
	number        uint64
	kind          store.ChangeKind
	collection    string
	before, after bson.Raw
	time          bson.Timestamp
	wall          time.Time
}

func (r *recorded) size() int { return len(r.before) + len(r.after) }

func newFeed() *feed { return &feed{news: make(chan struct{})} }

// note has the commit tell of a change.
func (tx *writeTx) note(kind store.ChangeKind, collection string, before, after bson.Raw) {
	if !tx.watched {
		return
	}
	c := &recorded{kind: kind, collection: collection, after: bytes.Clone(after)}
	switch kind {
	case store.Deleted: // nobody is told more than its _id
		id := before.Lookup("_id")
		c.before = bsoncore.BuildDocumentFromElements(nil, bsoncore.AppendValueElement(nil, "_id", bsoncore.Value{Type: bsoncore.Type(id.Type), Data: id.Value}))
	case store.Updated:
		c.before = bytes.Clone(before)
	}
	tx.changes = append(tx.changes, c)
}

// publish adds the changes of a commit.
func (f *feed) publish(changes []*recorded) {
	if len(changes) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.recording.Load() {
		return
	}
	now := time.Now()
	for _, c := range changes {
		f.last++
		f.tick(now)
		c.number, c.time, c.wall = f.last, f.clock, now
		f.bytes += c.size()
	}
	f.changes = append(f.changes, changes...)
	for len(f.changes) > maxFeedChanges || f.bytes > maxFeedBytes {
		f.bytes -= f.changes[0].size()
		f.changes[0] = nil
		f.changes = f.changes[1:]
	}
	f.wake()
}

// tick makes the clock that of the next change: it never stands still nor goes back.
func (f *feed) tick(now time.Time) {
	if t := uint32(now.Unix()); t > f.clock.T {
		f.clock = bson.Timestamp{T: t}
	}
	f.clock.I++
}

func (f *feed) wake() {
	close(f.news)
	f.news = make(chan struct{})
}

// close ends all watching.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.forget()
	f.wake()
}

// forget ends the history.
func (f *feed) forget() {
	f.recording.Store(false)
	f.changes, f.bytes = nil, 0
	if f.grace != nil {
		f.grace.Stop()
	}
}

// leave counts a reader out. The last one's history is kept for a while.
func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers--; f.readers == 0 && !f.closed {
		f.grace = time.AfterFunc(feedGrace, f.rest)
	}
}

// rest ends the history if nobody watches.
func (f *feed) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readers == 0 {
		f.forget()
	}
}

// since returns the first change after a place that is of the collection ("" for
// all), nil when there is none yet, the place up to which it has looked, and what
// is closed when there may be more.
func (f *feed) since(p place, collection string) (*recorded, place, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest := f.last - uint64(len(f.changes)) + 1
	switch {
	case f.closed:
		return nil, p, nil, store.ErrClosed
	case p.epoch != f.epoch || p.number+1 < oldest:
		return nil, p, nil, store.ErrHistoryLost
	}
	for _, c := range f.changes[p.number+1-oldest:] {
		p = place{epoch: f.epoch, number: c.number}
		if collection == "" || c.collection == collection {
			return c, p, nil, nil
		}
	}
	return nil, p, f.news, nil
}

// at returns the change at a place, nil when it is not there.
func (f *feed) at(p place) *recorded {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := len(f.changes) - 1 - int(f.last-p.number); p.epoch == f.epoch && i >= 0 && i < len(f.changes) {
		return f.changes[i]
	}
	return nil
}

// place is one in the history: right after the change of that number or, when it
// is final, after the end of its collection that followed.
type place struct {
	epoch, number uint64
	final         bool
}

// token is a place as watchers keep it. MongoDB's tokens look so, too.
func (p place) token() bson.Raw {
	var data [17]byte
	binary.BigEndian.PutUint64(data[:], p.epoch)
	binary.BigEndian.PutUint64(data[8:], p.number)
	if p.final {
		data[16] = 1
	}
	return bson.Raw(bsoncore.NewDocumentBuilder().AppendString("_data", hex.EncodeToString(data[:])).Build())
}

// codeInvalidResumeToken is MongoDB's.
const codeInvalidResumeToken = 260

func placeOf(token bson.Raw) (place, error) {
	text, _ := token.Lookup("_data").StringValueOK()
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != 17 || data[16] > 1 {
		return place{}, store.BadRequest(codeInvalidResumeToken, "Bad resume token")
	}
	return place{epoch: binary.BigEndian.Uint64(data), number: binary.BigEndian.Uint64(data[8:]), final: data[16] == 1}, nil
}

// Watch tells of changes from the latest commits, of which there are some
// minutes or megabytes. They are not kept over a restart.
func (s *Store) Watch(ctx context.Context, collection string, o store.WatchOptions) (store.Changes, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	w := &watch{feed: s.feed, collection: collection, fullDocument: o.FullDocument}
	if o.After != nil {
		var err error
		if w.place, err = placeOf(o.After); err != nil {
			return nil, err
		}
	}
	if err := s.feed.enter(w, o.After != nil); err != nil {
		return nil, err
	}
	if o.After == nil {
		// What the writer is at may have begun before there was anyone to tell, and
		// end after whoever watches has looked at what there is.
		if err := s.writer.do(ctx, &operation{run: func(*writeTx) error { return nil }}); err != nil {
			w.Close()
			return nil, err
		}
	}
	if c := s.feed.at(w.place); o.After != nil && c != nil && !w.place.final {
		w.ending = w.endsWith(c)
	}
	return w, nil
}

// enter counts a reader in. One that does not come back begins now.
func (f *feed) enter(w *watch, back bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.recording.Load() && w.place.epoch == f.epoch && w.place.number+1+uint64(len(f.changes)) > f.last && w.place.number <= f.last
	switch {
	case f.closed:
		return store.ErrClosed
	case back && !known:
		return store.ErrHistoryLost
	case !f.recording.Load():
		f.epoch, f.last = rand.Uint64(), 0
		f.recording.Store(true)
	}
	if !back {
		w.place = place{epoch: f.epoch, number: f.last}
	}
	if f.grace != nil {
		f.grace.Stop()
	}
	f.readers++
	return nil
}

// watch is a reader of the feed.
type watch struct {
	feed         *feed
	collection   string
	fullDocument bool
	place        place
	// ending tells that the collection was dropped, which ends the watch.
	ending bool
	ended  bool
	once   sync.Once
}

var _ store.Watcher = (*Store)(nil)

func (w *watch) Token() bson.Raw { return w.place.token() }

func (w *watch) Close() { w.once.Do(w.feed.leave) }

func (w *watch) Next(ctx context.Context) (*store.Change, error) {
	switch {
	case w.ended:
		return nil, store.ErrInvalidated
	case w.ending:
		w.ended, w.place.final = true, true
		return w.end(), nil
	}
	for {
		c, p, news, err := w.feed.since(w.place, w.collection)
		if err != nil {
			return nil, err
		}
		w.place = p
		if c != nil {
			w.ending = w.endsWith(c)
			return w.tell(c), nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// endsWith tells whether a change is the last of what is watched.
func (w *watch) endsWith(c *recorded) bool {
	return c.kind == store.Dropped && c.collection == w.collection
}

func (w *watch) end() *store.Change {
	change := &store.Change{Kind: store.Invalidated, Token: w.Token(), Wall: time.Now()}
	change.Time = bson.Timestamp{T: uint32(change.Wall.Unix()), I: 1}
	return change
}

func (w *watch) tell(c *recorded) *store.Change {
	change := &store.Change{
		Kind: c.kind, Token: w.Token(), Time: c.time, Wall: c.wall, Collection: c.collection,
	}
	switch c.kind {
	case store.Inserted, store.Replaced:
		change.Document = c.after
	case store.Updated:
		// What a look-up would have found at once; a later version is told of later.
		if w.fullDocument {
			change.Document = c.after
		}
		d := difference{change}
		d.documents("", c.before, c.after)
	}
	if doc := c.after; doc != nil {
		change.ID = doc.Lookup("_id")
	} else if c.before != nil {
		change.ID = c.before.Lookup("_id")
	}
	return change
}
