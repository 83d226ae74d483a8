package mongowire

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// command is one command with what every command may carry.
type command struct {
	*connection
	members
	name    string
	handler *handler
	// subject is the value of the command's first member: mostly a collection's name.
	subject   bson.RawValue
	sequences map[string][]bson.Raw
	database  string
	store     store.Store // nil if there is no such database
	// session is the id of the command's session, "" for none, and txnNumber that
	// of its transaction or retryable write in the session.
	session   string
	txnNumber int64
	// transaction is the one that the command is part of, nil for none.
	transaction *transaction
}

// handler is how a command is served.
type handler struct {
	// run returns the members of the answer.
	run func(ctx context.Context, c *command) (bson.D, error)
	// members are those that the command may have besides those that every one
	// may have; nil lets all pass.
	members known
	// sequence is the member whose documents may come beside the body.
	sequence string
	// public commands may be run before the login.
	public bool
	// transactional commands may be part of a transaction; retryable ones are
	// run once only for each number that a session gives them.
	transactional, retryable bool
}

// run runs a command and returns its reply.
func (conn *connection) run(ctx context.Context, q *request) (bson.Raw, error) {
	c, err := conn.command(q)
	if err != nil {
		return nil, err
	}
	conn.counters.count(c.name)
	if limit := c.size("maxTimeMS"); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(min(limit, 1<<31))*time.Millisecond)
		defer cancel()
	}
	if c.err != nil {
		return nil, c.err
	}
	if c.session == "" || !conn.trusted() {
		return c.reply(c.handler.run(ctx, c))
	}
	return c.runInSession(ctx)
}

// command reads what all commands have in common.
func (conn *connection) command(q *request) (*command, error) {
	first, err := q.body.IndexErr(0)
	if err != nil {
		return nil, refusal(codeFailedToParse, "the command is empty")
	}
	c := &command{
		connection: conn, members: members{doc: q.body}, sequences: q.sequences,
		name: first.Key(), subject: first.Value(), database: q.database,
	}
	c.handler = handlerOf(c.name)
	switch {
	case c.handler == nil:
		return nil, refusal(codeCommandNotFound, "no such command: '%s'", c.name)
	case !c.handler.public && !conn.trusted():
		return nil, refusal(codeUnauthorized, "Command %s requires authentication", c.name)
	case !q.legacy:
		if c.database = c.text("$db"); c.database == "" {
			return nil, refusal(codeMissingDatabase, "OP_MSG requests require a $db argument")
		}
	case c.handler != handlers["hello"]:
		return nil, refusal(codeUnsupportedQuery, "Unsupported OP_QUERY command: %s. The client driver may require an upgrade.", c.name)
	}
	c.store = conn.databases.Store(c.database)
	return c, c.check()
}

// check refuses what is not served, and reads what the command says of its session.
func (c *command) check() error {
	if c.handler.members != nil {
		if err := c.handler.members.check(c.name, c.doc); err != nil {
			return err
		}
	}
	for name := range c.sequences {
		if name != c.handler.sequence {
			return refusal(codeUnknownMember, "BSON field '%s.%s' is an unknown field.", c.name, name)
		}
		if _, twice := c.look(name); twice {
			return refusal(codeFailedToParse, "'%s' comes twice", name)
		}
	}
	if v := c.text("apiVersion"); v != "" && v != "1" {
		return refusal(codeAPIVersion, "API version must be \"1\"")
	}
	if lsid, ok := c.look("lsid"); ok {
		const uuid = 4
		doc, _ := lsid.DocumentOK()
		kind, id, ok := doc.Lookup("id").BinaryOK()
		if !ok || kind != uuid || len(id) != 16 {
			return refusal(codeInvalidOptions, "'lsid.id' must be a UUID")
		}
		c.session = string(id)
	}
	for _, member := range []string{"txnNumber", "autocommit", "startTransaction"} {
		if _, ok := c.look(member); ok && c.session == "" {
			return refusal(codeInvalidOptions, "'%s' needs a session", member)
		}
	}
	c.txnNumber = c.size("txnNumber")
	c.checkReadConcern()
	c.checkWriteConcern()
	return c.err
}

// checkReadConcern refuses what a single server with one history can't give:
// reads of other times than now. All that it has is durable and visible to all.
func (c *command) checkReadConcern() {
	if _, ok := c.look("readConcern"); !ok {
		return
	}
	doc, _ := c.doc.Lookup("readConcern").DocumentOK()
	concern := members{doc: doc}
	switch level := concern.text("level"); level {
	case "", "local", "available", "majority", "linearizable":
	case "snapshot":
		if _, ok := c.look("autocommit"); !ok {
			c.fail(codeCommandNotSupported, "snapshots are served in transactions only")
		}
	default:
		c.fail(codeBadValue, "unknown read concern '%s'", level)
	}
	if _, ok := concern.look("atClusterTime"); ok {
		c.fail(codeCommandNotSupported, "reads of the past are not served")
	}
	if concern.err != nil {
		c.fail(codeTypeMismatch, "'readConcern' is malformed")
	}
}

// checkWriteConcern refuses what takes more servers than one.
func (c *command) checkWriteConcern() {
	if _, ok := c.look("writeConcern"); !ok {
		return
	}
	doc, _ := c.doc.Lookup("writeConcern").DocumentOK()
	w := doc.Lookup("w")
	if name, ok := w.StringValueOK(); ok && name != "majority" {
		c.fail(codeUnknownWriteConcern, "no write concern is called '%s'", name)
	}
	if n, ok := w.AsInt64OK(); ok && n > 1 || w.Type == bson.TypeEmbeddedDocument {
		c.fail(codeUnsatisfiableWriteConcern, "Not enough data-bearing nodes")
	}
}

// reply completes the answer of a command that did not fail.
func (c *command) reply(answer bson.D, err error) (bson.Raw, error) {
	if err != nil {
		return nil, c.named(err)
	}
	return match.Encode(append(answer, bson.E{Key: "ok", Value: 1.0}))
}

// named returns err with its collection under the full name.
func (c *command) named(err error) error {
	d, ok := errors.AsType[*store.DuplicateKeyError](err)
	if !ok || errors.Is(err, store.ErrConflict) {
		return err
	}
	full := *d
	full.Collection = c.namespace(d.Collection)
	return &full
}

// existing is the store of the command's database.
func (c *command) existing() (store.Store, error) {
	if c.store == nil {
		return nil, refusal(codeUnauthorized, "there is no database '%s' here", c.database)
	}
	return c.store, nil
}

// target is the store and the collection of the command.
func (c *command) target() (store.Store, string, error) {
	db, err := c.existing()
	if err != nil {
		return nil, "", err
	}
	name, ok := c.subject.StringValueOK()
	if !ok || name == "" {
		return nil, "", refusal(codeInvalidNamespace, "collection name has invalid type %s", c.subject.Type)
	}
	if strings.Contains(name, "$") {
		return nil, "", refusal(codeInvalidNamespace, "Invalid collection name: %s", name)
	}
	return db, name, nil
}

// namespace is a collection's full name.
func (c *command) namespace(collection string) string { return c.database + "." + collection }
