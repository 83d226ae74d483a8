package embedded

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func watchStore(t *testing.T, s *Store, o store.WatchOptions) store.Changes {
	t.Helper()
	changes, err := s.Watch(t.Context(), "c", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(changes.Close)
	return changes
}

func add(t *testing.T, s *Store, collection string, id int, size int) {
	t.Helper()
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: id}, {Key: "x", Value: make([]byte, size)}})
	if err == nil {
		err = s.Insert(t.Context(), collection, doc)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A watcher that falls behind has lost the rest, and holds nobody up.
func TestSlowWatchers(t *testing.T) {
	s := open(t, Options{})
	slow, quick := watchStore(t, s, store.WatchOptions{}), watchStore(t, s, store.WatchOptions{})
	const size = 15 << 20
	for i := range maxFeedBytes/size + 2 {
		add(t, s, "c", i, size)
		if _, err := quick.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.feed.bytes > maxFeedBytes {
		t.Errorf("%d bytes are kept", s.feed.bytes)
	}
	if _, err := slow.Next(t.Context()); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("a slow watcher: %v", err)
	}
	if _, err := s.Watch(t.Context(), "c", store.WatchOptions{After: slow.Token()}); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("a slow watcher that comes again: %v", err)
	}
}

// Changes of other collections move a watcher on, so that it does not fall behind.
func TestWatcherOfAQuietCollection(t *testing.T) {
	s := open(t, Options{})
	changes := watchStore(t, s, store.WatchOptions{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 2 * maxFeedBytes / (15 << 20) {
		add(t, s, "other", i, 15<<20)
		if _, err := changes.Next(ended); !errors.Is(err, context.Canceled) {
			t.Fatalf("change %d of another collection: %v", i, err)
		}
	}
	watchStore(t, s, store.WatchOptions{After: changes.Token()})
}

// Nothing is kept before the first watcher comes, nor for long after the last.
func TestUnwatchedStore(t *testing.T) {
	s := open(t, Options{})
	add(t, s, "c", 1, 10)
	if len(s.feed.changes) != 0 {
		t.Error("changes are kept though nobody watches")
	}
	changes := watchStore(t, s, store.WatchOptions{})
	add(t, s, "c", 2, 10)
	changes.Close()
	changes.Close()
	again := watchStore(t, s, store.WatchOptions{After: changes.Token()})
	if _, err := again.Next(t.Context()); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	again.Close()
	s.feed.rest()
	if s.feed.recording.Load() || s.feed.changes != nil {
		t.Error("changes are kept though nobody watches any more")
	}
	if _, err := s.Watch(t.Context(), "c", store.WatchOptions{After: again.Token()}); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("after the grace: %v", err)
	}
	if s.feed.readers != 0 {
		t.Errorf("%d readers are left", s.feed.readers)
	}
}

func TestWatchersEndWithTheStore(t *testing.T) {
	s := open(t, Options{})
	changes := watchStore(t, s, store.WatchOptions{})
	ended := make(chan error)
	go func() {
		_, err := changes.Next(t.Context())
		ended <- err
	}()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Watch returns behind what the writer is at: whoever reads then, and is told of
// the changes since, misses none.
func TestWatchWaitsForTheWriter(t *testing.T) {
	s := open(t, Options{})
	release := hold(t, s)
	begun := make(chan error, 1)
	go func() {
		changes, err := s.Watch(t.Context(), "c", store.WatchOptions{})
		if err == nil {
			changes.Close()
		}
		begun <- err
	}()
	await(t, s, 1)
	release()
	if err := <-begun; err != nil {
		t.Error(err)
	}
}
