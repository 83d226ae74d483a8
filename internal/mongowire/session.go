package mongowire

import (
	"container/list"
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// What sessions may take: how many there are, and the bytes of the replies kept
// for all of them.
const (
	maxSessions   = 10_000
	maxReplyBytes = 64 << 20
)

// sessions are what clients call so: in each, one transaction or one retryable
// write at a time, over whatever connections. Those used least recently are
// forgotten first. They are in memory only: a write that is retried after the
// server has been started again runs again.
type sessions struct {
	timeout     time.Duration
	transaction time.Duration
	patience    time.Duration // beginPatience, but in tests
	// live ends with the server, and with it every transaction.
	live    context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	byID  map[string]*session
	order *list.List // of sessions, that used last in front
	bytes int
}

// session is what is known of one. Who has it checked out may use what is below
// turn.
type session struct {
	id   string
	used time.Time
	at   *list.Element
	// turn holds a token while a command has the session.
	turn chan struct{}

	number      int64
	transaction *transaction  // of number, open or ended; nil for none
	begun       chan struct{} // closed when transaction is there; nil while nobody waits for it
	reply       bson.Raw      // to the retryable write of number; nil for none
}

func newSessions(o Options) *sessions {
	live, end := context.WithCancel(context.Background())
	return &sessions{
		timeout: o.SessionTimeout, transaction: o.TransactionTimeout, patience: beginPatience, live: live, end: end,
		byID: make(map[string]*session), order: list.New(),
	}
}

// close aborts the open transactions and waits for them to end.
func (s *sessions) close() {
	s.end()
	s.running.Wait()
}

// checkOut returns a session, once no other command has it.
func (s *sessions) checkOut(ctx context.Context, id string) (*session, error) {
	ses, err := s.touch(id)
	if err != nil {
		return nil, err
	}
	select {
	case ses.turn <- struct{}{}:
		return ses, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (*sessions) checkIn(ses *session) { <-ses.turn }

// beginPatience is how long the command that begins a transaction may come after
// others of it. parse-server sends the writes of a transaction all at once, each over
// another connection.
const beginPatience = time.Second

// checkOutIn returns a session for a command within its transaction of a number. What does
// not begin or end one waits for it to begin.
func (c *command) checkOutIn(ctx context.Context, wait bool) (*session, error) {
	ses, err := c.sessions.checkOut(ctx, c.session)
	if err != nil {
		return nil, err
	}
	if err := c.sessions.advance(ses, c.txnNumber); err != nil {
		c.sessions.checkIn(ses)
		return nil, err
	}
	if !wait || ses.transaction != nil {
		return ses, nil
	}
	if ses.begun == nil {
		ses.begun = make(chan struct{})
	}
	begun := ses.begun
	c.sessions.checkIn(ses)
	late := time.NewTimer(c.sessions.patience)
	defer late.Stop()
	select {
	case <-begun:
	case <-late.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return c.checkOutIn(ctx, false)
}

// announce tells those who wait that the session's transaction is there, or that
// it will not be.
func (ses *session) announce() {
	if ses.begun != nil {
		close(ses.begun)
		ses.begun = nil
	}
}

// touch returns a session as the one used last; one that is not there is made.
func (s *sessions) touch(id string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.byID[id]
	if ses == nil {
		for len(s.byID) >= maxSessions {
			if !s.forgetOldest() {
				return nil, refusal(codeTooManySessions, "there are %d sessions in use", maxSessions)
			}
		}
		ses = &session{id: id, turn: make(chan struct{}, 1)}
		ses.at = s.order.PushFront(ses)
		s.byID[id] = ses
	}
	ses.used = time.Now()
	s.order.MoveToFront(ses.at)
	return ses, nil
}

// forgetOldest forgets the session that has not been used for the longest time,
// passing over those that are in use, and tells whether there was one.
func (s *sessions) forgetOldest() bool {
	for e := s.order.Back(); e != nil; e = e.Prev() {
		if s.forget(e.Value.(*session)) {
			return true
		}
	}
	return false
}

// forget removes a session, unless a command or an open transaction needs it.
func (s *sessions) forget(ses *session) bool {
	select {
	case ses.turn <- struct{}{}:
	default:
		return false
	}
	defer func() { <-ses.turn }()
	if ses.transaction != nil && !ses.transaction.ended() {
		return false
	}
	s.bytes -= len(ses.reply)
	s.order.Remove(ses.at)
	delete(s.byID, ses.id)
	return true
}

// expire forgets the sessions that have not been used for long.
func (s *sessions) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Back(); e != nil; {
		ses := e.Value.(*session)
		e = e.Prev()
		if now.Sub(ses.used) < s.timeout {
			return
		}
		s.forget(ses)
	}
}

// kill ends a session: its transaction is aborted.
func (s *sessions) kill(ctx context.Context, id string) error {
	s.mu.Lock()
	ses := s.byID[id]
	s.mu.Unlock()
	if ses == nil {
		return nil
	}
	select {
	case ses.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if ses.transaction != nil {
		ses.transaction.abort()
	}
	s.checkIn(ses)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] == ses {
		s.forget(ses)
	}
	return nil
}

// advance makes number the session's; one that was passed already is refused.
func (s *sessions) advance(ses *session, number int64) error {
	switch {
	case number < ses.number:
		return refusal(codeTransactionTooOld, "Cannot use transaction number %d on a session that has come to %d.", number, ses.number)
	case number == ses.number:
		return nil
	}
	if ses.transaction != nil {
		ses.transaction.abort()
	}
	s.remember(ses, nil)
	ses.announce()
	ses.number, ses.transaction = number, nil
	return nil
}

// remember keeps the reply to a retryable write, nil for none, in place of the
// one before it.
func (s *sessions) remember(ses *session, reply bson.Raw) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += len(reply) - len(ses.reply)
	ses.reply = reply
	for s.bytes > maxReplyBytes && s.forgetOldest() {
	}
}

// runInSession runs a command that names a session.
func (c *command) runInSession(ctx context.Context) (bson.Raw, error) {
	_, numbered := c.look("txnNumber")
	_, inTransaction := c.look("autocommit")
	start := c.flag("startTransaction")
	switch {
	case inTransaction && (c.flag("autocommit") || !numbered):
		c.fail(codeInvalidOptions, "a transaction takes 'autocommit: false' and a 'txnNumber'")
	case start && !inTransaction:
		c.fail(codeInvalidOptions, "'startTransaction' takes 'autocommit: false'")
	}
	switch {
	case c.err != nil:
		return nil, c.err
	case inTransaction:
		return c.runInTransaction(ctx, start)
	case numbered && c.handler.retryable:
		return c.runOnce(ctx)
	}
	if _, err := c.sessions.touch(c.session); err != nil {
		return nil, err
	}
	return c.reply(c.handler.run(ctx, c))
}

// runOnce runs a retryable write. When it has been run before, because the
// client did not get the reply, it gets that reply now.
func (c *command) runOnce(ctx context.Context) (bson.Raw, error) {
	ses, err := c.sessions.checkOut(ctx, c.session)
	if err != nil {
		return nil, err
	}
	defer c.sessions.checkIn(ses)
	if err := c.sessions.advance(ses, c.txnNumber); err != nil {
		return nil, err
	}
	switch {
	case ses.reply != nil:
		return ses.reply, nil
	case ses.transaction != nil:
		return nil, refusal(codeTransactionNumberUsed, "number %d of the session was a transaction", c.txnNumber)
	}
	reply, err := c.reply(c.handler.run(ctx, c))
	if err == nil {
		c.sessions.remember(ses, reply)
	}
	return reply, err
}

// runInTransaction runs a command that is part of a transaction, or ends it.
func (c *command) runInTransaction(ctx context.Context, start bool) (bson.Raw, error) {
	if !c.handler.transactional {
		return nil, refusal(codeNotInTransaction, "Cannot run '%s' in a multi-document transaction.", c.name)
	}
	db, err := c.databaseOfTransaction()
	if err != nil {
		return nil, err
	}
	ses, err := c.checkOutIn(ctx, !start && !c.ends())
	if err != nil {
		return nil, err
	}
	defer c.sessions.checkIn(ses)
	switch {
	case start && (ses.transaction != nil || ses.reply != nil):
		return nil, refusal(codeTransactionNumberUsed, "number %d of the session was used already", c.txnNumber)
	case start:
		ses.transaction = c.sessions.begin(c.guard, db)
		ses.announce()
	case ses.transaction == nil:
		return nil, transient(noSuchTransaction(c.txnNumber))
	case db != nil && ses.transaction.store != db:
		return nil, refusal(codeInvalidOptions, "a transaction is of one database")
	}
	c.transaction = ses.transaction
	if c.ends() {
		return c.reply(c.handler.run(ctx, c))
	}
	var reply bson.Raw
	err = c.transaction.do(ctx, func(ctx context.Context) (failed bool, err error) {
		answer, err := c.handler.run(ctx, c)
		reply, err = c.reply(answer, err)
		return err != nil || reports(answer, "writeErrors"), err
	})
	if err != nil {
		return nil, transient(err)
	}
	return reply, nil
}

// databaseOfTransaction is nil for a command about no database's documents.
func (c *command) databaseOfTransaction() (store.Store, error) {
	if c.ends() {
		return nil, nil
	}
	return c.existing()
}

// ends tells whether the command is for the end of a transaction.
func (c *command) ends() bool { return c.name == commitCommand || c.name == abortCommand }

// The commands that end a transaction.
const (
	commitCommand = "commitTransaction"
	abortCommand  = "abortTransaction"
)

func reports(answer bson.D, member string) bool {
	for _, m := range answer {
		if m.Key == member {
			return true
		}
	}
	return false
}

// sessionIDs reads the sessions that a command is about.
func (c *command) sessionIDs() ([]string, error) {
	list := members{doc: c.doc}
	values, err := list.array(c.name).Values()
	if err != nil || list.err != nil {
		return nil, refusal(codeFailedToParse, "'%s' must be an array of sessions", c.name)
	}
	ids := make([]string, 0, len(values))
	for _, v := range values {
		doc, _ := v.DocumentOK()
		_, id, ok := doc.Lookup("id").BinaryOK()
		if !ok {
			return nil, refusal(codeFailedToParse, "'%s' must be an array of sessions", c.name)
		}
		ids = append(ids, string(id))
	}
	return ids, nil
}

// endSessions aborts the sessions' transactions and closes their cursors.
func endSessions(ctx context.Context, c *command) (bson.D, error) {
	if !c.trusted() { // it has no sessions, and may not end those of others
		return bson.D{}, nil
	}
	ids, err := c.sessionIDs()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		c.cursors.dropOf(func(cur *cursor) bool { return cur.session == id })
		if err := c.sessions.kill(ctx, id); err != nil {
			return nil, err
		}
	}
	return bson.D{}, nil
}

func refreshSessions(_ context.Context, c *command) (bson.D, error) {
	ids, err := c.sessionIDs()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, err := c.sessions.touch(id); err != nil {
			return nil, err
		}
	}
	return bson.D{}, nil
}

func commitTransaction(ctx context.Context, c *command) (bson.D, error) {
	t := c.transaction
	if t == nil {
		return nil, refusal(codeInvalidOptions, "commitTransaction must be run within a transaction")
	}
	err := t.commit(ctx)
	c.cursors.dropOf(func(cur *cursor) bool { return cur.transaction == t })
	if err != nil {
		return nil, transient(err)
	}
	return bson.D{}, nil
}

func abortTransaction(_ context.Context, c *command) (bson.D, error) {
	t := c.transaction
	if t == nil {
		return nil, refusal(codeInvalidOptions, "abortTransaction must be run within a transaction")
	}
	t.abort()
	c.cursors.dropOf(func(cur *cursor) bool { return cur.transaction == t })
	if t.err == nil {
		return nil, refusal(codeTransactionCommitted, "Transaction %d has been committed.", c.txnNumber)
	}
	return bson.D{}, nil
}
