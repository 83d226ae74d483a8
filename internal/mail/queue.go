package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// QueueOptions configure a Queue. Numbers and times that are zero have the
// default that is given for them.
type QueueOptions struct {
	Store  store.Store
	Sender Sender
	Logger *slog.Logger
	// From and ReplyTo are the addresses of messages that come without one.
	From, ReplyTo string
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// Concurrency is how many messages are sent at a time (4), and Attempts how
	// often each is tried (10).
	Concurrency, Attempts int
	// Backoff is the time after the first failure (15 s). It doubles with each
	// further one, up to MaxBackoff (1 h), and half of it is left to chance.
	Backoff, MaxBackoff time.Duration
	// Lease is the time that a process has for sending a message; after it
	// another one tries (5 min).
	Lease time.Duration
	// Poll is the time after which an idle queue looks for messages that other
	// processes have left (30 s).
	Poll time.Duration
	// Capacity bounds the messages that wait (10,000), and Dead those that were
	// given up and are kept to be looked at (1,000).
	Capacity, Dead int
}

func (o *QueueOptions) setDefaults() {
	set(&o.Concurrency, 4)
	set(&o.Attempts, 10)
	set(&o.Backoff, 15*time.Second)
	set(&o.MaxBackoff, time.Hour)
	set(&o.Lease, 5*time.Minute)
	set(&o.Poll, 30*time.Second)
	set(&o.Capacity, 10_000)
	set(&o.Dead, 1000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func set[T int | time.Duration](option *T, value T) {
	if *option <= 0 {
		*option = value
	}
}

// Queue keeps messages in the store until its Sender has taken them, so that a
// request need not wait for a mail server, and no message is lost with a
// process. Several processes may share one: a message is claimed by one atomic
// update, for as long as the lease. A message is sent again when a process ends
// between sending it and saying so.
//
// Its rows are objects of the class _MailQueue, which the master key can read.
// One that was given up has the status "dead"; with the status "queued" and 0
// attempts it is tried again.
type Queue struct {
	o     QueueOptions
	wake  chan struct{}
	slots chan struct{} // one for each message that is being sent

	stop, cut context.CancelFunc // of looking for messages, and of sending them
	running   sync.WaitGroup     // looks for messages
	sending   sync.WaitGroup
}

// ErrFull says that too many messages wait.
var ErrFull = errors.New("mail: too many messages wait to be sent")

// The class of the rows, and its fields.
const (
	collection = "_MailQueue"

	fieldTo       = "to"
	fieldSubject  = "subject"
	fieldStatus   = "status"
	fieldAttempts = "attempts"
	fieldNext     = "nextAttemptAt" // of a message that is being sent, the lease's end
	fieldError    = "error"
	fieldClaim    = "_claim"
	fieldMessage  = "_message" // it holds links that log in: hidden, as passwords are

	statusQueued = "queued"
	statusDead   = "dead"
)

// NewQueue returns a queue that does nothing before Start but take messages.
func NewQueue(o QueueOptions) *Queue {
	o.setDefaults()
	return &Queue{o: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, o.Concurrency)}
}

// Enqueue takes a message, which gets an id if it has none. It is stored when
// Enqueue returns nil; in a transaction of the store, with the transaction.
func (q *Queue) Enqueue(ctx context.Context, message *Message) error {
	m := *message
	if m.ID == "" {
		m.ID = parse.NewObjectID(idSize)
	}
	if m.From == "" {
		m.From, m.ReplyTo = q.o.From, q.o.ReplyTo
	}
	if err := m.Check(); err != nil {
		return err
	}
	// Several processes may pass the bound by as many messages as they are.
	there, err := q.o.Store.Count(ctx, collection, store.Count{
		Filter: bson.D{{Key: fieldStatus, Value: statusQueued}}, Limit: int64(q.o.Capacity)})
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if there >= int64(q.o.Capacity) {
		return ErrFull
	}
	content, err := bson.Marshal(&m)
	if err != nil {
		return AsPermanent(fmt.Errorf("mail: %w", err))
	}
	now := bson.NewDateTimeFromTime(q.o.Now())
	row, err := bson.Marshal(bson.D{
		{Key: "_id", Value: m.ID}, {Key: "_created_at", Value: now}, {Key: "_updated_at", Value: now},
		{Key: fieldTo, Value: m.To}, {Key: fieldSubject, Value: m.Subject},
		{Key: fieldStatus, Value: statusQueued}, {Key: fieldAttempts, Value: int32(0)}, {Key: fieldNext, Value: now},
		{Key: fieldMessage, Value: bson.Raw(content)},
	})
	if err != nil {
		return AsPermanent(fmt.Errorf("mail: %w", err))
	}
	if err := q.o.Store.Insert(ctx, collection, row); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	q.nudge()
	return nil
}

// idSize is the length of generated ids. They name messages for all receivers,
// not only within the app.
const idSize = 20

// nudge lets the queue look for messages now.
func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Start begins to send. Whoever starts a queue closes it.
func (q *Queue) Start() {
	looking, stop := context.WithCancel(context.Background())
	sending, cut := context.WithCancel(context.Background())
	q.stop, q.cut = stop, cut
	q.running.Go(func() { q.run(looking, sending) })
}

// Close takes up no more messages and waits for those that are being sent, until
// ctx is done: then they are cut off, to be sent by the next who opens the queue.
func (q *Queue) Close(ctx context.Context) error {
	if q.stop == nil {
		return nil
	}
	q.stop()
	q.running.Wait()
	uncut := context.AfterFunc(ctx, q.cut)
	q.sending.Wait()
	q.cut()
	if !uncut() {
		return fmt.Errorf("mail: messages were cut off: %w", ctx.Err())
	}
	return nil
}

// soon is how long the queue waits when it was woken for nothing: the message
// may be of a transaction that has not ended yet. It doubles, up to Poll.
const soon = 100 * time.Millisecond

// atOnce is the shortest time between two looks for messages that nobody has
// announced.
const atOnce = time.Millisecond

// run looks for messages until its context ends.
func (q *Queue) run(looking, sending context.Context) {
	pause, indexed := soon, false
	for {
		if !indexed {
			indexed = q.attempt(looking, "make the mail queue's index", q.ensureIndex)
		}
		var due time.Time
		ok := q.attempt(looking, "look for mail to send", func(ctx context.Context) (err error) {
			due, err = q.dispatch(ctx, sending)
			return err
		})
		wait := pause
		if until := due.Sub(q.o.Now()); ok && !due.IsZero() && until < wait {
			wait = max(until, atOnce)
		}
		timer := time.NewTimer(wait)
		select {
		case <-looking.Done():
			timer.Stop()
			return
		case <-q.wake:
			pause = soon
		case <-timer.C:
			pause = min(2*pause, q.o.Poll)
		}
		timer.Stop()
	}
}

// attempt runs a step of the queue; what goes wrong in it, panics included, is
// logged and tried again later (root cause R11).
func (q *Queue) attempt(ctx context.Context, what string, step func(context.Context) error) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			q.o.Logger.ErrorContext(ctx, what, "panic", p, "stack", string(debug.Stack()))
			ok = false
		}
	}()
	if err := step(ctx); err != nil {
		if ctx.Err() == nil {
			q.o.Logger.WarnContext(ctx, what, "error", err)
		}
		return false
	}
	return true
}

func (q *Queue) ensureIndex(ctx context.Context) error {
	return q.o.Store.CreateIndexes(ctx, collection, store.Index{
		Name: "status_1_nextAttemptAt_1", Keys: bson.D{{Key: fieldStatus, Value: int32(1)}, {Key: fieldNext, Value: int32(1)}}})
}

// dispatch claims the messages that are due and lets them be sent, as many at a
// time as may be. It returns when the next one will be due; zero when none waits.
func (q *Queue) dispatch(looking, sending context.Context) (time.Time, error) {
	for {
		select {
		case q.slots <- struct{}{}:
		case <-looking.Done():
			return time.Time{}, looking.Err()
		}
		claimed, err := q.claim(looking)
		if err != nil {
			<-q.slots
			if errors.Is(err, store.ErrNotFound) {
				return q.nextDue(looking)
			}
			return time.Time{}, err
		}
		q.sending.Go(func() {
			defer func() { <-q.slots }()
			q.attempt(sending, "send a mail", func(ctx context.Context) error { return q.deliver(ctx, claimed) })
		})
	}
}

// waiting are the messages that can be claimed. A row that others have broken
// must not be in the way of the rest.
func waiting() bson.D {
	return bson.D{{Key: fieldStatus, Value: statusQueued}, {Key: fieldAttempts, Value: bson.D{{Key: "$type", Value: "number"}}}}
}

// claim takes one message that is due. It is counted as tried at once, so that
// one which ends the process is not tried for ever.
func (q *Queue) claim(ctx context.Context) (bson.Raw, error) {
	now := q.o.Now()
	return q.o.Store.FindAndUpdate(ctx, collection, store.Update{
		Filter: append(waiting(), bson.E{Key: fieldNext, Value: bson.D{{Key: "$lte", Value: bson.NewDateTimeFromTime(now)}}}),
		Sort:   bson.D{{Key: fieldNext, Value: int32(1)}},
		Change: bson.D{
			{Key: "$set", Value: bson.D{
				{Key: fieldClaim, Value: rand.Text()},
				{Key: fieldNext, Value: bson.NewDateTimeFromTime(now.Add(q.o.Lease))}}},
			{Key: "$inc", Value: bson.D{{Key: fieldAttempts, Value: int32(1)}}}},
	}, store.After)
}

func (q *Queue) nextDue(ctx context.Context) (time.Time, error) {
	var due time.Time
	err := q.o.Store.Find(ctx, collection, store.Find{
		Filter:     waiting(),
		Sort:       bson.D{{Key: fieldNext, Value: int32(1)}},
		Projection: bson.D{{Key: fieldNext, Value: int32(1)}},
		Limit:      1,
	}, func(row bson.Raw) error {
		if at, ok := row.Lookup(fieldNext).DateTimeOK(); ok {
			due = time.UnixMilli(at)
		}
		return nil
	})
	return due, err
}

// deliver sends a claimed message and notes what came of it.
func (q *Queue) deliver(ctx context.Context, row bson.Raw) error {
	id := row.Lookup("_id").StringValue()
	attempts := int(row.Lookup(fieldAttempts).AsInt64())
	failed := q.send(ctx, row, attempts)
	// What came of it is noted even when there is no time to send any more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	mine := bson.D{{Key: "_id", Value: id}, {Key: fieldClaim, Value: row.Lookup(fieldClaim)}}
	if failed == nil {
		_, err := q.o.Store.Delete(ctx, collection, mine, false)
		return err
	}
	now := q.o.Now()
	next, status := now.Add(q.backoff(attempts)), statusQueued
	if Permanent(failed) || attempts >= q.o.Attempts {
		next, status = now, statusDead
	}
	q.o.Logger.WarnContext(ctx, "a mail was not sent", "mail", id, "status", status, "attempts", attempts, "error", failed)
	_, err := q.o.Store.Update(ctx, collection, store.Update{Filter: mine, Change: bson.D{{Key: "$set", Value: bson.D{
		{Key: fieldStatus, Value: status}, {Key: fieldNext, Value: bson.NewDateTimeFromTime(next)},
		{Key: fieldError, Value: shorten(failed.Error())}, {Key: "_updated_at", Value: bson.NewDateTimeFromTime(now)},
	}}}})
	if err == nil && status == statusDead {
		err = q.bury(ctx)
	}
	q.nudge() // for its next time to be waited for
	return err
}

// noteTime bounds the writes that say what came of a message.
const noteTime = 10 * time.Second

// send hands a message to the Sender. A panic there is a failure like another.
func (q *Queue) send(ctx context.Context, row bson.Raw, attempts int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.o.Logger.ErrorContext(ctx, "sending a mail", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("mail: panic: %v", p)
		}
	}()
	if attempts > q.o.Attempts { // processes have ended while they sent it
		return fmt.Errorf("mail: it was tried %d times", attempts-1)
	}
	var m Message
	if err := bson.Unmarshal(row.Lookup(fieldMessage).Value, &m); err != nil {
		return AsPermanent(fmt.Errorf("mail: the message can't be read: %w", err))
	}
	ctx, cancel := context.WithTimeout(ctx, q.o.Lease/2)
	defer cancel()
	return q.o.Sender.Send(ctx, &m)
}

// backoff is the time until the next attempt.
func (q *Queue) backoff(attempts int) time.Duration {
	d := q.o.Backoff
	for range attempts - 1 {
		if d *= 2; d >= q.o.MaxBackoff {
			break
		}
	}
	half := min(d, q.o.MaxBackoff) / 2
	return half + mathrand.N(half+1)
}

// bury removes the oldest dead messages when they are more than are kept.
func (q *Queue) bury(ctx context.Context) error {
	ids := bson.A{}
	err := q.o.Store.Find(ctx, collection, store.Find{
		Filter: bson.D{{Key: fieldStatus, Value: statusDead}}, Sort: bson.D{{Key: fieldNext, Value: int32(-1)}},
		Projection: bson.D{{Key: "_id", Value: int32(1)}}, Skip: int64(q.o.Dead), Limit: buried,
	}, func(row bson.Raw) error {
		ids = append(ids, row.Lookup("_id").StringValue())
		return nil
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = q.o.Store.Delete(ctx, collection, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, true)
	return err
}

// buried bounds how many are removed at a time.
const buried = 100

// shorten bounds what is kept of an error, in bytes.
func shorten(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}
