package mongowire

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// command is one command with what every command may carry.
type command struct {
	*connection
	name string
	// subject is the value of the command's first member: mostly a collection's name.
	subject   bson.RawValue
	body      bson.Raw
	sequences map[string][]bson.Raw
	database  string
	store     store.Store
}

// handler runs a command and returns the members of its answer.
type handler func(ctx context.Context, c *command) (bson.D, error)

// handlers are the commands served. Those of connections need no database.
var handlers = map[string]handler{
	"hello": hello, "isMaster": hello, "ismaster": hello, "ping": nothing, "buildInfo": buildInfo, "buildinfo": buildInfo,
	"serverStatus": serverStatus, "getParameter": nothing, "connectionStatus": connectionStatus, "hostInfo": nothing,
	"endSessions": nothing, "refreshSessions": nothing, "killSessions": nothing, "getLog": getLog,
	"commitTransaction": commitTransaction, "abortTransaction": abortTransaction,
	"find": find, "getMore": getMore, "killCursors": killCursors, "aggregate": aggregate, "count": count,
	"distinct": distinct, "explain": explain,
	"insert": insert, "update": update, "delete": remove, "findAndModify": findAndModify, "findandmodify": findAndModify,
	"listDatabases": listDatabases, "listCollections": listCollections, "listIndexes": listIndexes,
	"create": create, "drop": drop, "dropDatabase": dropDatabase, "createIndexes": createIndexes, "dropIndexes": dropIndexes,
	"collMod": collMod, "dbStats": dbStats, "collStats": collStats,
}

// ofTransactions are the commands that may be part of a transaction.
var ofTransactions = map[string]bool{
	"find": true, "getMore": true, "aggregate": true, "count": true, "distinct": true,
	"insert": true, "update": true, "delete": true, "findAndModify": true, "findandmodify": true,
}

// run runs a command, in the transaction that it belongs to.
func (conn *connection) run(ctx context.Context, q *request) (bson.D, error) {
	first, err := q.body.IndexErr(0)
	if err != nil {
		return nil, &commandError{code: codeFailedToParse, name: "FailedToParse", message: "the command is empty"}
	}
	c := &command{connection: conn, name: first.Key(), subject: first.Value(), body: q.body, sequences: q.sequences}
	run, ok := handlers[c.name]
	if !ok {
		return nil, &commandError{code: codeCommandNotFound, name: "CommandNotFound", message: fmt.Sprintf("no such command: '%s'", c.name)}
	}
	c.database, _ = q.body.Lookup("$db").StringValueOK()
	c.store = conn.server.databases.Store(c.database)
	if limit, ok := q.body.Lookup("maxTimeMS").AsInt64OK(); ok && limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(limit)*time.Millisecond)
		defer cancel()
	}
	if autocommit, ok := q.body.Lookup("autocommit").BooleanOK(); ok && !autocommit && ofTransactions[c.name] {
		return c.runInTransaction(ctx, run)
	}
	return run(ctx, c)
}

func (c *command) runInTransaction(ctx context.Context, run handler) (answer bson.D, err error) {
	db, err := c.existing()
	if err != nil {
		return nil, err
	}
	session, number := c.session()
	if session == "" {
		return nil, badValue("a transaction needs a session")
	}
	var t *transaction
	if start, _ := c.body.Lookup("startTransaction").BooleanOK(); start {
		t = c.server.sessions.begin(ctx, session, number, db)
	} else if t, err = c.server.sessions.get(session, number); err != nil {
		return nil, err
	}
	err = t.do(func(ctx context.Context) error {
		answer, err = run(ctx, c)
		if err == nil {
			err = failedStatement(answer)
		}
		return err
	})
	if err != nil {
		c.server.sessions.remove(session, t)
		<-t.done
	}
	if _, failed := err.(*statementError); failed {
		return answer, nil
	}
	return answer, err
}

// statementError says that a statement of a write failed; the answer tells it.
type statementError struct{}

func (*statementError) Error() string { return "a statement failed" }

// failedStatement tells whether an answer reports the failure of a statement,
// which ends a transaction as any failure does.
func failedStatement(answer bson.D) error {
	for _, m := range answer {
		if m.Key == "writeErrors" {
			return &statementError{}
		}
	}
	return nil
}

// session is the session that the command is of, and its transaction's number.
func (c *command) session() (id string, number int64) {
	lsid, ok := c.body.Lookup("lsid").DocumentOK()
	if !ok {
		return "", 0
	}
	number, _ = c.body.Lookup("txnNumber").AsInt64OK()
	return string(lsid.Lookup("id").Value), number
}

func commitTransaction(_ context.Context, c *command) (bson.D, error) {
	session, number := c.session()
	t, err := c.server.sessions.get(session, number)
	if err != nil {
		return nil, err
	}
	// It stays known until the session's next, so that the client may ask again.
	return bson.D{}, t.commit()
}

func abortTransaction(_ context.Context, c *command) (bson.D, error) {
	session, number := c.session()
	t, err := c.server.sessions.get(session, number)
	if err != nil {
		return nil, err
	}
	t.abort()
	c.server.sessions.remove(session, t)
	return bson.D{}, nil
}

// existing is the store of the command's database.
func (c *command) existing() (store.Store, error) {
	if c.store == nil {
		return nil, &commandError{code: codeUnauthorized, name: "Unauthorized",
			message: fmt.Sprintf("there is no database %q here", c.database)}
	}
	return c.store, nil
}

// collection is the name of the collection that the command is about.
func (c *command) collection() (string, error) {
	name, ok := c.subject.StringValueOK()
	if !ok || name == "" {
		return "", &commandError{code: 73, name: "InvalidNamespace", message: "collection name must be a string"}
	}
	return name, nil
}

// target is the store and the collection of the command.
func (c *command) target() (store.Store, string, error) {
	db, err := c.existing()
	if err != nil {
		return nil, "", err
	}
	name, err := c.collection()
	return db, name, err
}

// namespace is a collection's full name.
func (c *command) namespace(collection string) string { return c.database + "." + collection }

// document decodes a member that is a document; a missing or null one is empty.
func document(doc bson.Raw, key string) (bson.D, error) {
	v := doc.Lookup(key)
	if v.IsZero() || v.Type == bson.TypeNull {
		return bson.D{}, nil
	}
	raw, ok := v.DocumentOK()
	if !ok {
		return nil, &commandError{code: codeTypeMismatch, name: "TypeMismatch", message: key + " must be an object"}
	}
	var d bson.D
	if err := bson.Unmarshal(raw, &d); err != nil {
		return nil, &commandError{code: codeFailedToParse, name: "FailedToParse", message: key + " cannot be read"}
	}
	return d, nil
}

// number reads a numeric member; a missing one is 0.
func number(doc bson.Raw, key string) (int64, error) {
	v := doc.Lookup(key)
	if v.IsZero() || v.Type == bson.TypeNull {
		return 0, nil
	}
	n, ok := v.AsInt64OK()
	if !ok {
		return 0, &commandError{code: codeTypeMismatch, name: "TypeMismatch", message: key + " must be a number"}
	}
	return n, nil
}

func flag(doc bson.Raw, key string) bool {
	v := doc.Lookup(key)
	if b, ok := v.BooleanOK(); ok {
		return b
	}
	n, ok := v.AsInt64OK()
	return ok && n != 0
}

func text(doc bson.Raw, key string) string {
	s, _ := doc.Lookup(key).StringValueOK()
	return s
}

// hint is an index's name or keys; nil when there is none.
func hint(doc bson.Raw) (any, error) {
	v := doc.Lookup("hint")
	if name, ok := v.StringValueOK(); ok {
		return name, nil
	}
	d, err := document(doc, "hint")
	if err != nil || len(d) == 0 {
		return nil, err
	}
	return d, nil
}

// caseInsensitive tells whether the command's collation ignores case. The one
// that Parse Server uses is served; the binary one is what there is without.
func caseInsensitive(doc bson.Raw) (bool, error) {
	collation, err := document(doc, "collation")
	if err != nil || len(collation) == 0 {
		return false, err
	}
	raw, _ := doc.Lookup("collation").DocumentOK()
	strength, _ := raw.Lookup("strength").AsInt64OK()
	switch locale := text(raw, "locale"); {
	case locale == "simple":
		return false, nil
	case locale == "en_US" || locale == "en":
		if strength == 1 || strength == 2 {
			return true, nil
		}
	}
	return false, &commandError{code: codeBadValue, name: "BadValue", message: "only the collation {locale: \"en_US\", strength: 2} is served"}
}
