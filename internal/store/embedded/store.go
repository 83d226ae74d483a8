// Package embedded is the document store in a SQLite file: what an app runs on
// when no MongoDB is configured.
//
// A document is a BSON blob beside the order-preserving key of its _id. The
// indexes are tables of their own, of keys that package match makes: SQLite is
// asked for ranges of keys only, and what a range can't decide is decided by
// match on the raw documents. One goroutine writes and commits for many callers
// at once; readers have connections and snapshots of their own and never wait
// for it.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/loam-baas/loam/internal/store"
)

// Durability says what a committed write survives. Both survive a crash of the
// process.
type Durability uint8

const (
	// Full survives a crash of the system and power loss: each commit is synced
	// to the disk, on macOS with F_FULLFSYNC, before it is acknowledged. One
	// sync serves all the writes that wait at that time.
	Full Durability = iota
	// Normal survives a crash of the system as a consistent file in which the
	// latest writes may be missing: the disk is synced at checkpoints only.
	Normal
)

// Options say how to open a store.
type Options struct {
	// Dir is the directory of the store, made if it is not there. It holds
	// loam.db with its -wal and -shm files, and loam.lock.
	Dir        string
	Durability Durability
	// CacheBytes bounds the document cache in bytes; 0 means 12 MiB, below 0 none.
	CacheBytes int64
	// ReadConns is how many short reads, and how many scans, run at the same
	// time; 0 means as many as there are processors. They are opened when needed.
	ReadConns int
	// SweepInterval is the time between removals of expired documents, after
	// which free pages are given back; 0 means 60 s, below 0 neither is done.
	SweepInterval time.Duration
	Logger        *slog.Logger
}

const (
	defaultCacheBytes    = 12 << 20
	defaultSweepInterval = 60 * time.Second
)

// Store is a store in a directory. It implements store.Store.
type Store struct {
	logger  *slog.Logger
	dir     string
	catalog currentCatalog
	cache   *cache
	readers *pool
	writer  *writer
	feed    *feed
	sweeper *sweeper
	closed  atomic.Bool
	// snapshots holds who makes a snapshot; there is one at a time.
	snapshots chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open opens the store in a directory, making it if need be, and brings a file
// that an earlier version of Loam made forward. It is an error if another process
// has it open, if the directory can't be written, or if a later version of Loam
// made the file.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.ReadConns <= 0 {
		o.ReadConns = runtime.GOMAXPROCS(0)
	}
	if o.SweepInterval == 0 {
		o.SweepInterval = defaultSweepInterval
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: data directory: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		logger: o.Logger, dir: o.Dir, cache: newCache(o.CacheBytes), feed: newFeed(), snapshots: make(chan struct{}, 1),
	}
	if err := s.open(ctx, o, lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// lockDir takes the lock of a directory. The file stays locked while it is open.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "loam.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("store: data directory %s is not writable: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("store: data directory: %w", err)
	}
	locked, err := lockFile(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: lock of data directory %s: %w", dir, err), f.Close())
	}
	if !locked {
		return nil, errors.Join(fmt.Errorf("store: data directory %s is in use by another process", dir), f.Close())
	}
	return f, nil
}

// Pragmas of all connections, and of the writer's. Mapping the file into memory
// would make readers much slower whenever something is written. What is read often
// is in the document cache, so that each connection's own cache needs to hold little
// more than indexes.
var (
	commonPragmas = []string{"temp_store = MEMORY", "mmap_size = 0", "cache_size = -4000"}
	writerPragmas = []string{
		"journal_mode = WAL",
		// Checkpoints at SQLite's 1000 pages would make writers wait for 20 ms.
		"wal_autocheckpoint = 8000",
		"journal_size_limit = 67108864",
	}
)

func (s *Store) open(ctx context.Context, o Options, lock *os.File) error {
	path := filepath.Join(o.Dir, "loam.db")
	pragmas := append(commonPragmas[:len(commonPragmas):len(commonPragmas)], writerPragmas...)
	if o.Durability == Normal {
		pragmas = append(pragmas, "synchronous = NORMAL")
	} else {
		pragmas = append(pragmas, "synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON")
	}
	c, err := openConn(path, true)
	if err != nil {
		return failure(err)
	}
	f := file{conn: c, path: path, pragmas: pragmas, steps: formatSteps(), logger: o.Logger}
	if err := f.prepare(ctx); err != nil {
		return errors.Join(failure(err), c.close())
	}
	cat, err := readCatalog(c)
	if err != nil {
		return errors.Join(failure(err), c.close())
	}
	s.catalog.Store(cat)
	s.readers = newPool(o.ReadConns, func() (*conn, error) {
		return openConn(path, false, commonPragmas...)
	})
	s.writer = newWriter(c, lock, s.cache, &s.catalog, s.feed, o.Logger)
	s.sweeper = newSweeper(s, o.SweepInterval)
	return nil
}

// usable is an error when the store is closed or ctx has ended.
func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Ping reads from the file.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return s.readers.use(ctx, shortReads, func(c *conn) error {
		_, err := c.number(stmtKey{does: anyCollection}, nothing)
		return failure(err)
	})
}

// Close refuses new work, finishes what was begun and closes the file. If ctx
// ends first, it returns the error of ctx and the store closes later by itself.
func (s *Store) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	s.sweeper.close()
	s.feed.close()
	return errors.Join(s.readers.close(ctx), s.writer.close(ctx))
}
