package mongowire

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// in makes a command part of a transaction of a session, the first one if start.
func in(session string, number int, command string, start bool) string {
	members := fmt.Sprintf(`,"lsid":"@%s","txnNumber":{"$numberLong":"%d"},"autocommit":false`, session, number)
	if start {
		members += `,"startTransaction":true,"readConcern":{"level":"snapshot"}`
	}
	return strings.TrimSuffix(command, "}") + members + "}"
}

// once makes a command a retryable write.
func once(session string, number int, command string) string {
	return strings.TrimSuffix(command, "}") + fmt.Sprintf(`,"lsid":"@%s","txnNumber":{"$numberLong":"%d"}}`, session, number)
}

const (
	commit = `{"commitTransaction":1}`
	abort  = `{"abortTransaction":1}`
	gone   = `{"ok":0.0,"code":251,"codeName":"NoSuchTransaction","errorLabels":["TransientTransactionError"]}`
)

// Each command of a transaction may come over another connection.
func TestTransactionsOverConnections(t *testing.T) {
	r := start(t, Options{})
	one, two, other := r.dial(), r.dial(), r.dial()
	one.ok(in("a", 1, `{"insert":"c","documents":[{"_id":1}]}`, true))
	two.ok(in("a", 1, `{"update":"c","updates":[{"q":{"_id":1},"u":{"$set":{"n":1}}}]}`, false))
	two.want(in("a", 1, `{"find":"c"}`, false), `{"cursor":{"firstBatch":[{"_id":1,"n":1}]}}`)
	other.want(`{"find":"c"}`, `{"cursor":{"firstBatch":[]}}`)
	one.ok(in("a", 1, commit, false))
	other.want(`{"find":"c"}`, `{"cursor":{"firstBatch":[{"_id":1,"n":1}]}}`)
	// Whoever did not get the answer asks again.
	two.ok(in("a", 1, commit, false))
	two.want(in("a", 1, abort, false), `{"ok":0.0,"code":256}`)
	two.want(in("a", 1, `{"find":"c"}`, false), gone)
}

// The command that begins a transaction may be the last to arrive.
func TestTransactionsOutOfOrder(t *testing.T) {
	r := start(t, Options{})
	r.sessions.patience = patience
	one, two := r.dial(), r.dial()
	var early sync.WaitGroup
	early.Go(func() { two.ok(in("a", 1, `{"insert":"c","documents":[{"_id":2}]}`, false)) })
	_, id := doc(t, `{"lsid":"@a"}`).Lookup("lsid", "id").Binary()
	for waits := false; !waits; time.Sleep(time.Millisecond) {
		ses, err := r.sessions.checkOut(t.Context(), string(id))
		if err != nil {
			t.Fatal(err)
		}
		waits = ses.begun != nil
		r.sessions.checkIn(ses)
	}
	one.ok(in("a", 1, `{"insert":"c","documents":[{"_id":1}]}`, true))
	early.Wait()
	one.ok(in("a", 1, commit, false))
	one.want(`{"count":"c"}`, `{"n":2}`)
}

func TestTransactionsAborted(t *testing.T) {
	r := start(t, Options{})
	c := r.dial()
	c.ok(in("a", 1, `{"insert":"c","documents":[{"_id":1}]}`, true), in("a", 1, abort, false))
	c.ok(in("a", 1, abort, false))
	c.want(in("a", 1, commit, false), gone)
	c.want(in("a", 1, `{"find":"c"}`, false), gone)
	c.want(`{"count":"c"}`, `{"n":0}`)

	for n, failing := range []struct{ command, reply string }{
		{`{"insert":"c","documents":[{"_id":2},{"_id":2}]}`, `{"ok":1.0,"n":1,"writeErrors":[{"index":1,"code":11000}]}`},
		{`{"find":"c","filter":{"$nope":1}}`, `{"ok":0.0,"code":2}`},
		{`{"find":"c","typo":1}`, `{"ok":0.0,"code":40415}`},
		{`{"createIndexes":"c","indexes":[{"key":{"a":1},"name":"a"}]}`, `{"ok":0.0,"code":263}`},
		{`{"findAndModify":"c","query":{"_id":1},"update":{"_id":2}}`, `{"ok":0.0,"code":66}`},
	} {
		number := 10 + n
		c.ok(in("a", number, `{"insert":"c","documents":[{"_id":1}]}`, true))
		c.want(in("a", number, failing.command, false), failing.reply)
		if failing.command == `{"find":"c","typo":1}` {
			c.ok(in("a", number, abort, false)) // it was refused before it came to the transaction
		}
		c.want(in("a", number, commit, false), gone)
		c.want(`{"count":"c"}`, `{"n":0}`)
	}
}

func TestTransactionsReplaceAndRemove(t *testing.T) {
	c := start(t, Options{}).dial()
	c.ok(`{"insert":"c","documents":[{"_id":1,"n":1},{"_id":2,"n":2}]}`)
	c.want(in("a", 1, `{"update":"c","updates":[{"q":{"n":1},"u":{"m":1}}]}`, true), `{"n":1,"nModified":1}`)
	c.want(in("a", 1, `{"findAndModify":"c","query":{"_id":3},"update":{"$set":{"n":3}},"upsert":true}`, false), `{"lastErrorObject":{"upserted":3}}`)
	c.want(in("a", 1, `{"findAndModify":"c","query":{"n":{"$gt":0}},"sort":{"n":-1},"remove":true}`, false), `{"value":{"_id":3}}`)
	c.want(in("a", 1, `{"aggregate":"c","pipeline":[{"$match":{"n":{"$gt":0}}},{"$group":{"_id":1,"n":{"$sum":1}}}],"cursor":{}}`, false), `{"cursor":{"firstBatch":[{"n":1}]}}`)
	c.want(`{"find":"c","sort":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":1,"n":1},{"_id":2}]}}`)
	c.ok(in("a", 1, commit, false))
	c.want(`{"find":"c","sort":{"_id":1}}`, `{"cursor":{"firstBatch":[{"_id":1,"m":1},{"_id":2}]}}`)
}

func TestTransactionsConflict(t *testing.T) {
	r := start(t, Options{})
	one, two := r.dial(), r.dial()
	one.ok(`{"insert":"c","documents":[{"_id":1,"n":0}]}`)
	const increment = `{"update":"c","updates":[{"q":{"_id":1},"u":{"$inc":{"n":1}}}]}`
	one.ok(in("a", 1, increment, true))
	two.ok(in("b", 1, increment, true))
	one.ok(in("a", 1, commit, false))
	two.want(in("b", 1, commit, false), `{"ok":0.0,"code":112,"codeName":"WriteConflict","errorLabels":["TransientTransactionError"]}`)
	two.want(in("b", 1, commit, false), gone)
	two.ok(in("b", 2, increment, true), in("b", 2, commit, false))
	one.want(`{"find":"c"}`, `{"cursor":{"firstBatch":[{"n":2}]}}`)
}

func TestTransactionMembers(t *testing.T) {
	c := start(t, Options{}).dial()
	for _, e := range []exchange{
		{`{"find":"c","autocommit":false,"startTransaction":true}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","txnNumber":{"$numberLong":"1"}}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","lsid":1}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","lsid":{"id":"x"}}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","lsid":"@a","autocommit":false,"startTransaction":true}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","lsid":"@a","txnNumber":{"$numberLong":"1"},"autocommit":true}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","lsid":"@a","txnNumber":{"$numberLong":"1"},"startTransaction":true}`, `{"ok":0.0,"code":72}`},
		{`{"find":"c","lsid":"@a","txnNumber":{"$numberLong":"-1"},"autocommit":false}`, `{"ok":0.0,"code":2}`},
		{in("a", 1, `{"find":"c"}`, false), gone},
		{in("a", 1, commit, false), gone},
		{commit, `{"ok":0.0,"code":72}`},
		{abort, `{"ok":0.0,"code":72}`},
		{in("a", 5, `{"find":"c"}`, true), `{"ok":1.0}`},
		{in("a", 5, `{"find":"c"}`, true), `{"ok":0.0,"code":50911}`},
		{in("a", 4, `{"find":"c"}`, true), `{"ok":0.0,"code":225,"codeName":"TransactionTooOld"}`},
		{in("a", 5, `{"count":"c"}`, false), `{"ok":0.0,"code":263}`},
		{in("a", 5, `{"listCollections":1}`, false), `{"ok":0.0,"code":263}`},
		{in("a", 5, `{"drop":"c"}`, false), `{"ok":0.0,"code":263}`},
		{once("a", 5, `{"insert":"c","documents":[{"_id":1}]}`), `{"ok":0.0,"code":50911}`},
		// A later number aborts what is open.
		{in("a", 6, `{"find":"c"}`, true), `{"ok":1.0}`},
		{in("a", 5, commit, false), `{"ok":0.0,"code":225}`},
		{once("a", 7, `{"insert":"c","documents":[{"_id":1}]}`), `{"ok":1.0,"n":1}`},
		{in("a", 7, `{"find":"c"}`, true), `{"ok":0.0,"code":50911}`},
	} {
		c.want(e.command, e.reply)
	}
}

// A transaction that its client has forgotten frees what it holds.
func TestTransactionsEndInTime(t *testing.T) {
	r := start(t, Options{TransactionTimeout: 50 * time.Millisecond})
	c := r.dial()
	c.ok(in("a", 1, `{"insert":"c","documents":[{"_id":1}]}`, true))
	ses, err := r.sessions.checkOut(t.Context(), sessionID(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	open := ses.transaction
	r.sessions.checkIn(ses)
	select {
	case <-open.done:
	case <-time.After(patience):
		t.Fatal("the transaction does not end")
	}
	c.want(in("a", 1, commit, false), gone)
	c.want(`{"count":"c"}`, `{"n":0}`)
}

func sessionID(t *testing.T, name string) string {
	_, id := doc(t, `{"s":"@`+name+`"}`).Lookup("s", "id").Binary()
	return string(id)
}

// The store takes only so many transactions at a time. Whoever waits for one may
// stop waiting.
func TestTransactionsThatWait(t *testing.T) {
	r := start(t, Options{})
	db := r.store
	hold, held := make(chan struct{}), make(chan struct{}, 100)
	var holders sync.WaitGroup
	full := false
	for !full {
		holders.Go(func() {
			_ = db.Transaction(t.Context(), func(context.Context) error {
				held <- struct{}{}
				<-hold
				return errors.New("no")
			})
		})
		select {
		case <-held:
		case <-time.After(200 * time.Millisecond):
			full = true
		}
	}
	c := r.dial()
	c.want(in("a", 1, `{"find":"c","maxTimeMS":50}`, true), `{"ok":0.0,"code":50,"codeName":"MaxTimeMSExpired"}`)
	close(hold)
	holders.Wait()
	c.ok(in("a", 2, `{"find":"c"}`, true))
}

// slow waits in every Find until its context ends.
type slow struct{ store.Store }

func (slow) Find(ctx context.Context, _ string, _ store.Find, _ func(bson.Raw) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestTimeLimits(t *testing.T) {
	c := startWith(t, slow{openStore(t)}, Options{}).dial()
	const expired = `{"ok":0.0,"code":50,"codeName":"MaxTimeMSExpired"}`
	c.want(`{"find":"c","maxTimeMS":20}`, expired)
	c.want(in("a", 1, `{"find":"c","maxTimeMS":20}`, true), expired)
	c.want(in("a", 1, commit, false), gone)
	c.want(`{"update":"c","updates":[{"q":{},"u":{"a":1}}],"maxTimeMS":20}`, expired)
}

// A client that did not get the reply to a write sends the write again. It is
// not done twice.
func TestRetriedWrites(t *testing.T) {
	for _, e := range []exchange{
		{`{"update":"c","updates":[{"q":{"_id":1},"u":{"$inc":{"n":1}}}]}`, `{"n":1,"nModified":1}`},
		{`{"insert":"c","documents":[{"_id":2},{"n":1}]}`, `{"n":2}`},
		{`{"insert":"c","documents":[{"_id":3},{"_id":1}]}`, `{"n":1,"writeErrors":[{"index":1,"code":11000}]}`},
		{`{"delete":"c","deletes":[{"q":{"n":1},"limit":1}]}`, `{"n":1}`},
		{`{"findAndModify":"c","query":{"_id":1},"update":{"$inc":{"n":1}},"new":true}`, `{"value":{"n":2}}`},
		{`{"findAndModify":"c","query":{"_id":1},"remove":true}`, `{"value":{"_id":1}}`},
		{`{"update":"c","updates":[{"q":{"_id":9},"u":{"$set":{"n":1}},"upsert":true}]}`, `{"n":1,"upserted":[{"_id":9}]}`},
	} {
		t.Run(e.command, func(t *testing.T) {
			r := start(t, Options{})
			c := r.dial()
			c.ok(`{"insert":"c","documents":[{"_id":1,"n":1}]}`)
			first := c.want(once("a", 1, e.command), e.reply)
			state := text(c.run(`{"find":"c","sort":{"_id":1}}`))
			again := r.dial().want(once("a", 1, e.command), e.reply)
			if text(first) != text(again) {
				t.Errorf("the second reply is %s, the first was %s", text(again), text(first))
			}
			if now := text(c.run(`{"find":"c","sort":{"_id":1}}`)); now != state {
				t.Errorf("the second time made %s of %s", now, state)
			}
			c.ok(once("a", 2, `{"insert":"c","documents":[{"_id":77}]}`))
			c.want(once("a", 1, e.command), `{"ok":0.0,"code":225}`)
		})
	}
}

// A write that failed as a whole has left nothing to repeat, so it runs again.
func TestRetriedFailures(t *testing.T) {
	c := start(t, Options{}).dial()
	c.want(once("a", 1, `{"findAndModify":"c","query":{},"update":{"$inc":{"n":"x"}},"upsert":true}`), `{"ok":0.0}`)
	c.want(once("a", 1, `{"findAndModify":"c","query":{},"update":{"$inc":{"n":1}},"upsert":true}`), `{"ok":1.0,"lastErrorObject":{"n":1}}`)
}

func TestEndSessions(t *testing.T) {
	r := start(t, Options{})
	r.fill("d", 10, 10)
	c := r.dial()
	c.ok(in("a", 1, `{"insert":"c","documents":[{"_id":1}]}`, true), once("b", 1, `{"insert":"c","documents":[{"_id":2}]}`))
	p := pageOf(t, c.run(`{"find":"d","batchSize":1,"lsid":"@c"}`))
	c.ok(`{"refreshSessions":["@a","@b","@c"]}`, `{"endSessions":["@a","@b","@c"]}`)
	c.want(in("a", 1, commit, false), gone)
	c.want(strings.Replace(more(p.id, `,"lsid":"@c"`), `"c"`, `"d"`, 1), `{"ok":0.0,"code":43}`)
	c.want(`{"count":"c"}`, `{"n":1}`)
	c.want(`{"endSessions":1}`, `{"ok":0.0,"code":9}`)
	c.want(`{"endSessions":[1]}`, `{"ok":0.0,"code":9}`)
}

func TestSessionsExpire(t *testing.T) {
	r := start(t, Options{SessionTimeout: 30 * time.Minute})
	c := r.dial()
	c.ok(once("a", 1, `{"insert":"c","documents":[{"_id":1}]}`), in("b", 1, `{"insert":"c","documents":[{"_id":2}]}`, true))
	r.sessions.expire(time.Now().Add(29 * time.Minute))
	if n := len(r.sessions.byID); n != 2 {
		t.Errorf("%d sessions after 29 minutes, want 2", n)
	}
	r.sessions.expire(time.Now().Add(31 * time.Minute))
	if n := len(r.sessions.byID); n != 1 {
		t.Errorf("%d sessions after 31 minutes, want the one in a transaction", n)
	}
	c.ok(in("b", 1, commit, false))
	r.sessions.expire(time.Now().Add(31 * time.Minute))
	if n, bytes := len(r.sessions.byID), r.sessions.bytes; n != 0 || bytes != 0 {
		t.Errorf("%d sessions and %d bytes of replies are left", n, bytes)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions(Options{}.withDefaults())
	defer s.close()
	for i := range maxSessions + 10 {
		if _, err := s.touch(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.byID) != maxSessions || s.byID["9"] != nil || s.byID["10"] == nil {
		t.Errorf("%d sessions; the oldest should have gone first", len(s.byID))
	}
	large := make(bson.Raw, maxReplyBytes/4)
	for i := range 10 {
		ses, err := s.checkOut(t.Context(), fmt.Sprint("large ", i))
		if err != nil {
			t.Fatal(err)
		}
		s.remember(ses, large)
		s.checkIn(ses)
		if s.bytes > maxReplyBytes {
			t.Errorf("%d bytes of replies are kept", s.bytes)
		}
	}
	if s.byID["large 9"] == nil || s.byID["large 0"] != nil {
		t.Error("the replies that were used least recently should have gone first")
	}
}

func TestSessionsInUseStay(t *testing.T) {
	s := newSessions(Options{}.withDefaults())
	defer s.close()
	for i := range maxSessions {
		if _, err := s.checkOut(t.Context(), strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.touch("one more")
	if commandErrorOf(err).code != codeTooManySessions {
		t.Errorf("one more: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.checkOut(ctx, "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a session in use: %v", err)
	}
}
