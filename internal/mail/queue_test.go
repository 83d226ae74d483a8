package mail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/mail"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// senderFunc is a Sender of one function.
type senderFunc func(ctx context.Context, m *mail.Message) error

func (f senderFunc) Send(ctx context.Context, m *mail.Message) error { return f(ctx, m) }

func openStore(t *testing.T, dir string) store.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// startQueue runs a queue that fails fast until the test ends.
func startQueue(t *testing.T, o mail.QueueOptions) *mail.Queue {
	t.Helper()
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	q := mail.NewQueue(o)
	q.Start()
	t.Cleanup(func() {
		if err := q.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return q
}

func enqueue(t *testing.T, q *mail.Queue, n int) {
	t.Helper()
	m := message()
	m.ID, m.Subject = "", fmt.Sprint("Mail ", n)
	if err := q.Enqueue(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// rows are what is in the queue.
func rows(t *testing.T, s store.Store) []bson.Raw {
	t.Helper()
	var all []bson.Raw
	err := s.Find(t.Context(), "_MailQueue", store.Find{Sort: bson.D{{Key: "subject", Value: int32(1)}}}, func(row bson.Raw) error {
		all = append(all, append(bson.Raw(nil), row...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass: %s", what)
		}
	}
}

func text(row bson.Raw, field string) string {
	s, _ := row.Lookup(field).StringValueOK()
	return s
}

func TestQueue_SendsAndForgets(t *testing.T) {
	s := openStore(t, t.TempDir())
	sent := make(chan mail.Message, 100)
	q := startQueue(t, mail.QueueOptions{Store: s, From: "app@example.com", ReplyTo: "help@example.com",
		Sender: senderFunc(func(_ context.Context, m *mail.Message) error { sent <- *m; return nil })})
	for n := range 20 {
		m := message()
		m.ID, m.From, m.ReplyTo = fmt.Sprint("m", n), "", ""
		if err := q.Enqueue(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for range 20 {
		m := <-sent
		seen[m.ID] = true
		want := message()
		if m.From != "app@example.com" || m.ReplyTo != "help@example.com" || m.Text != want.Text || m.HTML != want.HTML || m.To != want.To || len(m.Headers) != 1 || m.Headers[0] != want.Headers[0] {
			t.Errorf("sent %+v", m)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d messages were sent, want 20", len(seen))
	}
	eventually(t, "the queue is empty", func() bool { return len(rows(t, s)) == 0 })
}

func TestQueue_TriesAgain(t *testing.T) {
	s := openStore(t, t.TempDir())
	var tries atomic.Int32
	ids := make(chan string, 10)
	q := startQueue(t, mail.QueueOptions{Store: s, Attempts: 5, Sender: senderFunc(func(_ context.Context, m *mail.Message) error {
		ids <- m.ID
		if tries.Add(1) < 4 {
			return errors.New("busy")
		}
		return nil
	})})
	enqueue(t, q, 1)
	first := <-ids
	for range 3 {
		if again := <-ids; again != first {
			t.Errorf("it was sent again as %q, want %q", again, first)
		}
	}
	eventually(t, "it is sent", func() bool { return len(rows(t, s)) == 0 })
}

func TestQueue_GivesUpAndTellsWhy(t *testing.T) {
	tests := map[string]struct {
		err   error
		tries int32
	}{
		"what is permanent at once":    {mail.AsPermanent(errors.New("no such user")), 1},
		"what passes after some tries": {errors.New("no such user now" + strings.Repeat("ö", 400)), 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			var tries atomic.Int32
			var up atomic.Bool
			q := startQueue(t, mail.QueueOptions{Store: s, Attempts: 3, Poll: 10 * time.Millisecond,
				Sender: senderFunc(func(context.Context, *mail.Message) error {
					tries.Add(1)
					if up.Load() {
						return nil
					}
					return tt.err
				})})
			enqueue(t, q, 1)
			eventually(t, "it is dead", func() bool { return text(rows(t, s)[0], "status") == "dead" })
			row := rows(t, s)[0]
			if n := row.Lookup("attempts").AsInt64(); int32(n) != tt.tries || tries.Load() != tt.tries {
				t.Errorf("%d attempts noted, %d made, want %d", n, tries.Load(), tt.tries)
			}
			if !strings.HasPrefix(text(row, "error"), "no such user") || len(text(row, "error")) > 510 {
				t.Errorf("error %q", text(row, "error"))
			}

			up.Store(true)
			_, err := s.Update(t.Context(), "_MailQueue", store.Update{Filter: bson.D{}, Change: bson.D{{Key: "$set", Value: bson.D{
				{Key: "status", Value: "queued"}, {Key: "attempts", Value: int32(0)}}}}})
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is sent when it is put back", func() bool { return len(rows(t, s)) == 0 })
		})
	}
}

func TestAdvisory_C21_NothingThatGoesWrongWithMailEndsTheProcess(t *testing.T) {
	s := openStore(t, t.TempDir())
	sent := make(chan string, 10)
	q := startQueue(t, mail.QueueOptions{Store: s, Attempts: 2, Sender: senderFunc(func(_ context.Context, m *mail.Message) error {
		switch m.Subject {
		case "Mail 1":
			panic("a driver's fault")
		case "Mail 2":
			return errors.New("a server's fault")
		}
		sent <- m.Subject
		return nil
	})})
	// A row that others have broken is no harm either.
	broken, err := bson.Marshal(bson.D{{Key: "_id", Value: "x"}, {Key: "subject", Value: "Mail 0"}, {Key: "status", Value: "queued"},
		{Key: "attempts", Value: "many"}, {Key: "nextAttemptAt", Value: bson.NewDateTimeFromTime(time.Now())}, {Key: "_message", Value: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(t.Context(), "_MailQueue", broken); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		enqueue(t, q, n+1)
	}
	if got := <-sent; got != "Mail 3" {
		t.Errorf("sent %q", got)
	}
	eventually(t, "the two others are dead", func() bool {
		var dead []string
		for _, row := range rows(t, s) {
			if text(row, "status") == "dead" {
				dead = append(dead, text(row, "subject")+": "+text(row, "error"))
			}
		}
		return strings.Join(dead, "; ") == "Mail 1: mail: panic: a driver's fault; Mail 2: a server's fault"
	})
}

func TestQueue_ProcessesShareIt(t *testing.T) {
	s := openStore(t, t.TempDir())
	const count = 60
	var mu sync.Mutex
	seen := map[string]int{}
	sender := senderFunc(func(_ context.Context, m *mail.Message) error {
		mu.Lock()
		defer mu.Unlock()
		seen[m.Subject]++
		return nil
	})
	first := startQueue(t, mail.QueueOptions{Store: s, Sender: sender})
	for range 3 {
		startQueue(t, mail.QueueOptions{Store: s, Sender: sender, Poll: time.Millisecond})
	}
	for n := range count {
		enqueue(t, first, n)
	}
	eventually(t, "the queue is empty", func() bool { return len(rows(t, s)) == 0 })
	for subject, times := range seen {
		if times != 1 {
			t.Errorf("%s was sent %d times", subject, times)
		}
	}
	if len(seen) != count {
		t.Errorf("%d messages were sent, want %d", len(seen), count)
	}
}

func TestQueue_TakesOverFromProcessesThatAreGone(t *testing.T) {
	s := openStore(t, t.TempDir())
	// This one has claimed a message, and is never heard of again.
	taken, release := make(chan struct{}), make(chan struct{})
	gone := mail.NewQueue(mail.QueueOptions{Store: s, Concurrency: 1, Lease: 20 * time.Millisecond, Sender: senderFunc(func(context.Context, *mail.Message) error {
		close(taken)
		<-release
		return errors.New("too late")
	})})
	gone.Start()
	enqueue(t, gone, 1)
	<-taken

	sent := make(chan string, 2)
	startQueue(t, mail.QueueOptions{Store: s, Poll: time.Millisecond, Sender: senderFunc(func(_ context.Context, m *mail.Message) error {
		sent <- m.Subject
		return nil
	})})
	if got := <-sent; got != "Mail 1" {
		t.Errorf("sent %q", got)
	}
	eventually(t, "the message is forgotten", func() bool { return len(rows(t, s)) == 0 })
	close(release)
	if err := gone.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if left := rows(t, s); len(left) != 0 {
		t.Errorf("who had lost the message brought it back: %v", left)
	}
}

func TestQueue_OutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	enqueue(t, mail.NewQueue(mail.QueueOptions{Store: s}), 1)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := make(chan string, 1)
	startQueue(t, mail.QueueOptions{Store: openStore(t, dir), Sender: senderFunc(func(_ context.Context, m *mail.Message) error {
		sent <- m.Subject
		return nil
	})})
	if got := <-sent; got != "Mail 1" {
		t.Errorf("sent %q", got)
	}
}

func TestQueue_BelongsToTheTransaction(t *testing.T) {
	s := openStore(t, t.TempDir())
	sent := make(chan string, 2)
	q := startQueue(t, mail.QueueOptions{Store: s, Sender: senderFunc(func(_ context.Context, m *mail.Message) error {
		sent <- m.Subject
		return nil
	})})
	aborted := errors.New("aborted")
	for n, outcome := range []error{aborted, nil} {
		err := s.Transaction(t.Context(), func(ctx context.Context) error {
			m := message()
			m.ID, m.Subject = "", fmt.Sprint("Mail ", n)
			return errors.Join(q.Enqueue(ctx, m), outcome)
		})
		if !errors.Is(err, outcome) {
			t.Fatal(err)
		}
	}
	if got := <-sent; got != "Mail 1" {
		t.Errorf("sent %q", got)
	}
}

func TestQueue_IsBounded(t *testing.T) {
	s := openStore(t, t.TempDir())
	idle := mail.NewQueue(mail.QueueOptions{Store: s, Capacity: 5})
	for n := range 5 {
		enqueue(t, idle, n)
	}
	if err := idle.Enqueue(t.Context(), message()); !errors.Is(err, mail.ErrFull) {
		t.Errorf("the sixth message: %v, want that the queue is full", err)
	}
	bad := message()
	bad.Subject = "a\nb"
	if err := idle.Enqueue(t.Context(), bad); !mail.Permanent(err) {
		t.Errorf("a message that can't be sent: %v", err)
	}

	startQueue(t, mail.QueueOptions{Store: s, Dead: 2, Sender: senderFunc(func(context.Context, *mail.Message) error {
		return mail.AsPermanent(errors.New("no"))
	})})
	eventually(t, "only two of the dead are kept", func() bool {
		left := rows(t, s)
		return len(left) == 2 && text(left[0], "status") == "dead" && text(left[1], "status") == "dead"
	})
}

func TestQueue_CloseWaitsForWhatIsSent(t *testing.T) {
	s := openStore(t, t.TempDir())
	began, closing := make(chan struct{}, 1), make(chan struct{})
	var sent atomic.Bool
	q := mail.NewQueue(mail.QueueOptions{Store: s, Sender: senderFunc(func(context.Context, *mail.Message) error {
		began <- struct{}{}
		<-closing
		time.Sleep(5 * time.Millisecond) // for Close to be waiting, which makes no difference but to a fault
		sent.Store(true)
		return nil
	})})
	q.Start()
	enqueue(t, q, 1)
	<-began
	close(closing)
	if err := q.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if left := rows(t, s); !sent.Load() || len(left) != 0 {
		t.Errorf("it was closed before a message was sent and forgotten: %v", left)
	}

	// When there is no time to wait, what is sent is cut off, and kept.
	hangs := mail.NewQueue(mail.QueueOptions{Store: s, Backoff: time.Hour, MaxBackoff: time.Hour, Sender: senderFunc(func(ctx context.Context, _ *mail.Message) error {
		began <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})})
	hangs.Start()
	enqueue(t, hangs, 2)
	<-began
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := hangs.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v, want that it was cut off", err)
	}
	if left := rows(t, s); len(left) != 1 || text(left[0], "status") != "queued" {
		t.Errorf("left %v, want the message that was cut off", left)
	}
}
