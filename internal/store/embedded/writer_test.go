package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/loam-baas/loam/internal/store"
)

// hold makes the writer wait until release is called, so that what is sent
// meanwhile becomes one group.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	begun, done := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	var wait sync.WaitGroup
	wait.Go(func() {
		err := s.writer.do(context.Background(), &operation{run: func(*writeTx) error {
			begin()
			<-done
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	return sync.OnceFunc(func() {
		close(done)
		wait.Wait()
	})
}

// await waits until that many operations are in the queue.
func await(t *testing.T, s *Store, n int) {
	t.Helper()
	for len(s.writer.queue) < n {
		if t.Context().Err() != nil {
			t.Fatal("the queue does not fill")
		}
	}
}

func TestWritersShareCommits(t *testing.T) {
	s := open(t, Options{})
	release := hold(t, s)
	before := s.writer.commits.Load()
	const writers = 50
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			if err := s.Insert(t.Context(), "c", raw(t, doc(t, fmt.Sprintf(`{"_id":%d}`, i)))); err != nil {
				t.Error(err)
			}
		})
	}
	await(t, s, writers)
	release()
	wait.Wait()
	if n := s.writer.commits.Load() - before; n != 1 {
		t.Errorf("%d writes that waited took %d commits", writers, n)
	}
	if n, err := s.Count(t.Context(), "c", store.Count{}); err != nil || n != writers {
		t.Errorf("%d documents, %v", n, err)
	}
}

func TestFailureInGroupFailsOnlyItself(t *testing.T) {
	boom := errors.New("boom")
	tests := map[string]struct {
		run      func(tx *writeTx) error
		undoable bool
		want     func(error) bool
		// remains tells that what was written before the failure stays.
		remains bool
	}{
		"unforeseen error": {
			run:  func(*writeTx) error { return boom },
			want: func(err error) bool { return errors.Is(err, boom) },
		},
		"panic": {
			run:  func(*writeTx) error { panic("boom") },
			want: func(err error) bool { return err != nil },
		},
		"error of SQLite": {
			run:  func(tx *writeTx) error { return tx.conn.exec("INSERT INTO nowhere VALUES (1)") },
			want: func(err error) bool { return err != nil },
		},
		"refusal": {
			run:     func(*writeTx) error { return store.ErrNotFound },
			want:    func(err error) bool { return errors.Is(err, store.ErrNotFound) },
			remains: true,
		},
		"refusal of what is undoable": {
			run:      func(*writeTx) error { return store.ErrConflict },
			undoable: true,
			want:     func(err error) bool { return errors.Is(err, store.ErrConflict) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			define(t, s, "c", store.Index{Keys: doc(t, `{"u":1}`), Unique: true})
			release := hold(t, s)
			var wait sync.WaitGroup
			var failed error
			for i := range 20 {
				wait.Go(func() {
					if err := s.Insert(t.Context(), "c", raw(t, doc(t, fmt.Sprintf(`{"_id":%d,"u":%d}`, i, i)))); err != nil {
						t.Error(err)
					}
				})
				if i == 10 {
					await(t, s, 11)
					wait.Go(func() {
						failed = s.writer.do(t.Context(), &operation{undoable: test.undoable, run: func(tx *writeTx) error {
							if err := tx.insert("c", raw(t, doc(t, `{"_id":"before","u":"before"}`))); err != nil {
								return err
							}
							return test.run(tx)
						}})
					})
					await(t, s, 12)
				}
			}
			await(t, s, 21)
			release()
			wait.Wait()
			if !test.want(failed) {
				t.Errorf("the failure was told as %v", failed)
			}
			n, err := s.Count(t.Context(), "c", store.Count{})
			expected := int64(20)
			if test.remains {
				expected++
			}
			if err != nil || n != expected {
				t.Errorf("%d documents, want %d (%v)", n, expected, err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWriteWhoseCallerLeftBeforeItsTurnIsNotDone(t *testing.T) {
	s := open(t, Options{})
	release := hold(t, s)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- s.Insert(ctx, "c", raw(t, doc(t, `{"_id":1}`))) }()
	await(t, s, 1)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("told as %v", err)
	}
	release()
	insert(t, s, "c", `{"_id":2}`)
	want(t, find(t, s, "c", store.Find{}), `{"_id":2}`)
}

func TestWriteWhoseCallerLeavesDuringItsTurnIsToldAsItIs(t *testing.T) {
	s := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	err := s.writer.do(ctx, &operation{run: func(tx *writeTx) error {
		cancel()
		return tx.insert("c", raw(t, doc(t, `{"_id":1}`)))
	}})
	if err != nil {
		t.Errorf("a write that was done is told as %v", err)
	}
	want(t, find(t, s, "c", store.Find{}), `{"_id":1}`)
}

// An index's memory of arrays must reach the file even if the operation that
// first noticed them is rolled back and another one comes after it.
func TestMultikeyIsSavedAfterRollback(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	define(t, s, "c", store.Index{Keys: doc(t, `{"a":1}`)})
	err := s.writer.do(t.Context(), &operation{run: func(tx *writeTx) error {
		if err := tx.insert("c", raw(t, doc(t, `{"_id":1,"a":[1,5]}`))); err != nil {
			return err
		}
		return errors.New("boom")
	}})
	if err == nil {
		t.Fatal("no error")
	}
	insert(t, s, "c", `{"_id":2,"a":[1,5]}`)
	shut(t, s)
	s = open(t, Options{Dir: dir})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, find(t, s, "c", store.Find{Filter: doc(t, `{"a":{"$gt":2,"$lt":4}}`), Hint: "a_1"}), `{"_id":2,"a":[1,5]}`)
}
