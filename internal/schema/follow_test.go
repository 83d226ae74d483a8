package schema

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// follow runs Follow until the test ends.
func follow(t *testing.T, c *Catalog) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.Follow(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// await waits for what must come about.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it does not come about", what)
		}
	}
}

// log is a log that is read while it is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// checkFollowed makes a class on one catalog, changes and deletes it, and waits for
// each on another.
func checkFollowed(t *testing.T, here, there *Catalog, name string) {
	t.Helper()
	known := func() *Class { return there.Snapshot().Class(name) }
	if _, err := here.CreateClass(t.Context(), name, object(t, `{"fields":{"a":{"type":"String"}}}`)); err != nil {
		t.Fatal(err)
	}
	await(t, "a class is made", func() bool { return known() != nil })
	if _, err := here.EnsureClass(t.Context(), name, map[string]parse.FieldType{"b": {Kind: parse.KindNumber}}); err != nil {
		t.Fatal(err)
	}
	await(t, "a field is added", func() bool { return known().Fields["b"] != nil })
	if _, err := here.UpdateClass(t.Context(), name, object(t, `{"classLevelPermissions":{"find":{}}}`)); err != nil {
		t.Fatal(err)
	}
	await(t, "permissions are tightened", func() bool {
		_, err := known().Permissions.Test(name, OpFind, "", nil)
		return err != nil
	})
	if err := here.DeleteClass(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	await(t, "a class is deleted", func() bool { return known() == nil })
}

func TestFollow(t *testing.T) {
	s := openStore(t)
	var text log
	here := openCatalog(t, s, Options{})
	there := openCatalog(t, s, Options{Logger: text.logger(), PollInterval: time.Hour})
	follow(t, there)
	// What was done before Follow watches must be known, too.
	checkFollowed(t, here, there, "First")
	checkFollowed(t, here, there, "Second")
	if got := text.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

// What is written to the collection past all catalogs is read as well, and what
// makes no sense there does no harm.
func TestFollowForeignWrites(t *testing.T) {
	s := openStore(t)
	c := openCatalog(t, s, Options{PollInterval: time.Millisecond})
	follow(t, c)
	insert(t, s, "_SCHEMA", `{"_id":7,"what":"no class"}`)
	insert(t, s, "_SCHEMA", `{"_id":"Broken","a":{"not":"a type"}}`)
	insert(t, s, "_SCHEMA", `{"_id":"Good","objectId":"string","a":"number"}`)
	await(t, "a class is made", func() bool { return c.Snapshot().Class("Good") != nil })
	if err := s.DropCollection(t.Context(), "_SCHEMA"); err != nil {
		t.Fatal(err)
	}
	await(t, "all classes are gone", func() bool { return c.Snapshot().Class("Good") == nil })
	insert(t, s, "_SCHEMA", `{"_id":"Again","objectId":"string"}`)
	await(t, "the collection is watched again", func() bool { return c.Snapshot().Class("Again") != nil })
}

// unwatched is a store that can't be watched.
type unwatched struct{ store.Store }

func TestFollowWithoutAWatcherPolls(t *testing.T) {
	s := openStore(t)
	var text log
	here := openCatalog(t, s, Options{})
	there := openCatalog(t, unwatched{s}, Options{Logger: text.logger(), PollInterval: time.Millisecond})
	follow(t, there)
	checkFollowed(t, here, there, "Polled")
	if got := strings.Count(text.String(), "does not tell of changes of classes"); got != 1 {
		t.Errorf("it was warned %d times:\n%s", got, text.String())
	}
}

// fragile is a store whose watching fails as a script says: an error of Watch, or
// of Next after some changes.
type fragile struct {
	store.Store
	watcher store.Watcher

	mu     sync.Mutex
	script []breakage
	after  []bson.Raw // what Watch was given
}

type breakage struct {
	changes int // that come before; -1 fails Watch itself
	err     error
}

func (f *fragile) Watch(ctx context.Context, collection string, o store.WatchOptions) (store.Changes, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = append(f.after, o.After)
	if len(f.script) == 0 {
		return f.watcher.Watch(ctx, collection, o)
	}
	next := f.script[0]
	f.script = f.script[1:]
	if next.changes < 0 {
		return nil, next.err
	}
	c, err := f.watcher.Watch(ctx, collection, o)
	return &fragileChanges{c, next}, err
}

type fragileChanges struct {
	store.Changes
	breakage
}

func (c *fragileChanges) Next(ctx context.Context) (*store.Change, error) {
	if c.changes == 0 {
		return nil, c.err
	}
	c.changes--
	return c.Changes.Next(ctx)
}

// A stream that breaks is taken up where it was; where that is not possible, all
// is read anew.
func TestFollowOverABrokenStream(t *testing.T) {
	s := openStore(t)
	var text log
	watched := &fragile{Store: s, watcher: s.(store.Watcher), script: []breakage{
		{-1, errors.New("not allowed")},
		{1, store.ErrUnavailable},
		{0, store.ErrUnavailable},
		{0, store.ErrHistoryLost},
		{-1, store.ErrUnavailable},
	}}
	here := openCatalog(t, s, Options{})
	there := openCatalog(t, watched, Options{Logger: text.logger(), PollInterval: time.Millisecond})
	follow(t, there)
	checkFollowed(t, here, there, "Fragile")
	await(t, "the script is played", func() bool {
		watched.mu.Lock()
		defer watched.mu.Unlock()
		return len(watched.after) == 6
	})
	checkFollowed(t, here, there, "Whole")
	watched.mu.Lock()
	defer watched.mu.Unlock()
	for i, resumed := range []bool{false, false, true, true, false, false} {
		if got := watched.after[i] != nil; got != resumed {
			t.Errorf("stream %d begins where the one before ended: %t, want %t", i, got, resumed)
		}
	}
	for _, want := range []string{"not allowed", "followed again"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, text.String())
		}
	}
}
