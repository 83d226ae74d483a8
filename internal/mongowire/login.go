package mongowire

import (
	"context"
	"time"

	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// mechanism is the one way to log in.
const mechanism = "SCRAM-SHA-256"

// maxLoginMessage bounds the messages of a connection that has not logged in, in
// bytes: greetings and logins are short.
const maxLoginMessage = 64 << 10

// login is one that has begun.
type login struct {
	conversation *scram.ServerConversation
	// short tells that the client wants no empty message at the end.
	short bool
	// verified tells that only that message is missing.
	verified bool
}

// conversationID is the number of every login: a connection has one at a time.
const conversationID = int32(1)

// trusted tells whether the client may run any command.
func (c *connection) trusted() bool { return c.options.Credentials == nil || c.user != "" }

func errLogin() error { return refusal(codeAuthenticationFailed, "Authentication failed.") }

func saslStart(ctx context.Context, c *command) (bson.D, error) {
	answer, err := c.startLogin(c.doc)
	if err != nil && commandErrorOf(err).code == codeAuthenticationFailed {
		return nil, c.refuseLogin(ctx, err)
	}
	return answer, err
}

// startLogin begins a login with the client's first message.
func (c *connection) startLogin(doc bson.Raw) (bson.D, error) {
	c.login = nil
	m := members{doc: doc}
	name, payload, options := m.text("mechanism"), m.payload(), m.document("options")
	switch {
	case m.err != nil:
		return nil, m.err
	case name != mechanism:
		return nil, refusal(codeMechanismUnavailable, "Received authentication for mechanism %s which is not enabled", name)
	case c.options.Credentials == nil:
		return nil, errLogin()
	}
	conversation, err := c.options.Credentials.conversation()
	if err != nil {
		return nil, err
	}
	reply, err := conversation.Step(payload)
	if err != nil {
		return nil, errLogin()
	}
	c.login = &login{conversation: conversation}
	for _, o := range options {
		c.login.short = c.login.short || o.Key == "skipEmptyExchange" && o.Value == true
	}
	return loginAnswer(reply, false), nil
}

func saslContinue(ctx context.Context, c *command) (bson.D, error) {
	id, payload := c.number("conversationId"), c.payload()
	if c.err != nil {
		return nil, c.err
	}
	l := c.login
	if l == nil || id != int64(conversationID) {
		return nil, refusal(codeProtocolError, "No SASL session state found")
	}
	if l.verified {
		c.login = nil
		if payload != "" {
			return nil, c.refuseLogin(ctx, errLogin())
		}
		c.enter(l)
		return loginAnswer("", true), nil
	}
	reply, err := l.conversation.Step(payload)
	if err != nil || !l.conversation.Valid() {
		c.login = nil
		return nil, c.refuseLogin(ctx, errLogin())
	}
	if !l.short {
		l.verified = true
		return loginAnswer(reply, false), nil
	}
	c.login = nil
	c.enter(l)
	return loginAnswer(reply, true), nil
}

// enter ends a login that has succeeded.
func (c *connection) enter(l *login) {
	c.user = l.conversation.Username()
	c.guesses.forget(c.peer)
	c.strangers.leave(c)
}

// refuseLogin counts a failure, and has who made many of them wait.
func (c *command) refuseLogin(ctx context.Context, err error) error {
	c.logger.Warn("a login failed", "connection", c.id, "from", c.peer)
	wait := time.NewTimer(c.guesses.failed(c.peer, time.Now()))
	defer wait.Stop()
	select {
	case <-wait.C:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func loginAnswer(payload string, done bool) bson.D {
	return bson.D{
		{Key: "conversationId", Value: conversationID}, {Key: "done", Value: done},
		{Key: "payload", Value: bson.Binary{Data: []byte(payload)}},
	}
}

// payload is a message of the login; old drivers send it as text.
func (m *members) payload() string {
	v, _ := m.look("payload")
	if s, ok := v.StringValueOK(); ok {
		return s
	}
	_, data, ok := v.BinaryOK()
	if !ok {
		m.fail(codeTypeMismatch, "'payload' must be binary data")
	}
	return string(data)
}

// greetLogin adds to a greeting what it asks of logins: how a user can, and the
// answer to a login that comes with it. One that fails is passed over, since the
// driver then does it again by itself.
func (c *command) greetLogin(answer bson.D) bson.D {
	if c.options.Credentials == nil {
		return answer
	}
	if _, asked := c.look("saslSupportedMechs"); asked {
		answer = append(answer, bson.E{Key: "saslSupportedMechs", Value: bson.A{mechanism}})
	}
	v, _ := c.look("speculativeAuthenticate")
	if doc, ok := v.DocumentOK(); ok {
		if begun, err := c.startLogin(doc); err == nil {
			answer = append(answer, bson.E{Key: "speculativeAuthenticate", Value: begun})
		}
	}
	return answer
}

func logout(_ context.Context, c *command) (bson.D, error) {
	if c.user != "" {
		c.user, c.login = "", nil
		c.strangers.enter(c.connection)
	}
	return bson.D{}, nil
}
