package mongowire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// guarded starts a server that asks for a password.
func guarded(t *testing.T, o Options) *running {
	t.Helper()
	var err error
	if o.Credentials, err = NewCredentials("ann", "p4ss wörd"); err != nil {
		t.Fatal(err)
	}
	return start(t, o)
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct{ name, password string }{{"", "p"}, {"ann", ""}, {"ann", "a\x00b"}} {
		if _, err := NewCredentials(c.name, c.password); err == nil {
			t.Errorf("%q with the password %q is taken", c.name, c.password)
		}
	}
}

// Before the login there is nothing but what a login takes.
func TestCommandsBeforeTheLogin(t *testing.T) {
	r := guarded(t, Options{})
	c := r.dial()
	for name := range handlers {
		if !handlers[name].public {
			c.want(`{"`+name+`":"c"}`, `{"ok":0.0,"code":13,"codeName":"Unauthorized","errmsg":"Command `+name+` requires authentication"}`)
		}
	}
	c.ok(
		`{"hello":1}`, `{"isMaster":1}`, `{"ping":1}`, `{"buildInfo":1}`, `{"endSessions":["@a"]}`, `{"logout":1}`,
	)
	c.want(`{"connectionStatus":1}`, `{"authInfo":{"authenticatedUsers":[]}}`)
	c.want(`{"hello":1,"saslSupportedMechs":"test.whoever"}`, `{"saslSupportedMechs":["SCRAM-SHA-256"]}`)
	c.want(`{"ping":1,"lsid":"@a"}`, `{"ok":1.0}`)
	if n := len(r.sessions.byID); n != 0 {
		t.Errorf("a stranger has made %d sessions", n)
	}
	c.send(message(opMsg, 1, make([]byte, maxLoginMessage)))
	if !c.hungUp() {
		t.Error("a stranger may send a large message")
	}
}

// dialogue is a login by hand: what the client sends, and what comes of it.
type dialogue struct {
	*client
	conversation *scram.ClientConversation
	last         bson.Raw
}

func (c *client) converse(username, password string) *dialogue {
	c.t.Helper()
	user, err := scram.SHA256.NewClient(username, password, "")
	if err != nil {
		c.t.Fatal(err)
	}
	return &dialogue{client: c, conversation: user.NewConversation()}
}

// step sends the client's next message in a command, in place of PAYLOAD.
func (d *dialogue) step(command string) bson.Raw {
	d.t.Helper()
	said := ""
	if d.last != nil {
		_, data := d.last.Lookup("payload").Binary()
		said = string(data)
	}
	message, err := d.conversation.Step(said)
	if err != nil {
		d.t.Fatal(err)
	}
	payload := `{"$binary":{"base64":"` + base64.StdEncoding.EncodeToString([]byte(message)) + `","subType":"00"}}`
	d.last = d.run(strings.ReplaceAll(command, "PAYLOAD", payload))
	return d.last
}

func (d *dialogue) expect(json string) {
	d.t.Helper()
	if missing := lacks(d.t, d.last, doc(d.t, json)); missing != "" {
		d.t.Fatalf("answered %s\n  without %s", text(d.last), missing)
	}
}

const (
	saslFirst = `{"saslStart":1,"mechanism":"SCRAM-SHA-256","payload":PAYLOAD}`
	saslNext  = `{"saslContinue":1,"conversationId":1,"payload":PAYLOAD}`
	saslEmpty = `{"saslContinue":1,"conversationId":1,"payload":{"$binary":{"base64":"","subType":"00"}}}`
)

func TestLogin(t *testing.T) {
	r := guarded(t, Options{})
	c := r.dial()
	d := c.converse("ann", "p4ss wörd")
	d.step(saslFirst)
	d.expect(`{"ok":1.0,"done":false,"conversationId":1}`)
	d.step(saslNext)
	d.expect(`{"ok":1.0,"done":false}`)
	c.want(`{"find":"c"}`, `{"code":13}`)
	c.want(saslEmpty, `{"ok":1.0,"done":true}`)
	c.want(`{"connectionStatus":1}`, `{"authInfo":{"authenticatedUsers":[{"user":"ann","db":"admin"}]}}`)
	c.ok(`{"find":"c"}`)
	if n := len(r.strangers.known); n != 0 {
		t.Errorf("%d connections are counted as strangers", n)
	}
	c.ok(`{"logout":1}`)
	c.want(`{"find":"c"}`, `{"code":13}`)
}

// A login may begin with the greeting and leave out the empty message.
func TestShortLogin(t *testing.T) {
	c := guarded(t, Options{}).dial()
	d := c.converse("ann", "p4ss wörd")
	d.step(`{"hello":1,"speculativeAuthenticate":{"saslStart":1,"mechanism":"SCRAM-SHA-256","payload":PAYLOAD,"db":"admin","options":{"skipEmptyExchange":true}}}`)
	d.last = d.last.Lookup("speculativeAuthenticate").Document()
	d.step(saslNext)
	d.expect(`{"ok":1.0,"done":true}`)
	c.ok(`{"find":"c"}`)
}

func TestLoginsThatFail(t *testing.T) {
	r := guarded(t, Options{})
	const failed = `{"ok":0.0,"code":18,"codeName":"AuthenticationFailed","errmsg":"Authentication failed."}`
	for _, user := range [][2]string{{"ann", "wrong"}, {"nobody", "p4ss wörd"}} {
		d := r.dial().converse(user[0], user[1])
		d.step(saslFirst)
		d.expect(`{"ok":1.0,"done":false}`) // nothing tells users from others
		d.step(saslNext)
		d.expect(failed)
		d.want(saslEmpty, `{"ok":0.0,"code":17}`)
		d.want(`{"find":"c"}`, `{"code":13}`)
	}
	if n := r.guesses.by[netip.MustParseAddr("127.0.0.1")].failures; n != 2 {
		t.Errorf("%d failures are counted, want 2", n)
	}
	c := r.dial()
	c.want(`{"saslStart":1,"mechanism":"SCRAM-SHA-1","payload":""}`, `{"ok":0.0,"code":334,"codeName":"MechanismUnavailable"}`)
	c.want(`{"saslStart":1,"mechanism":"SCRAM-SHA-256","payload":"n,,nonsense"}`, failed)
	c.want(`{"saslStart":1,"mechanism":"SCRAM-SHA-256"}`, `{"ok":0.0,"code":14}`)
	c.want(saslEmpty, `{"ok":0.0,"code":17}`)
	d := c.converse("ann", "p4ss wörd")
	d.step(saslFirst)
	c.want(strings.Replace(saslEmpty, `Id":1`, `Id":2`, 1), `{"ok":0.0,"code":17}`)
	c.want(`{"find":"c"}`, `{"code":13}`)
}

func TestLoginWhereNoneIsAsked(t *testing.T) {
	c := start(t, Options{}).dial()
	c.want(`{"saslStart":1,"mechanism":"SCRAM-SHA-256","payload":"n,,n=ann,r=x"}`, `{"ok":0.0,"code":18}`)
	c.ok(`{"find":"c"}`)
}

// Whoever fails again waits longer, up to a bound, until it has been quiet.
func TestGuesses(t *testing.T) {
	g, now := newGuesses(), time.Now()
	peer := netip.MustParseAddr("192.0.2.1")
	for i, want := range []time.Duration{firstDelay, 2 * firstDelay, 4 * firstDelay} {
		if got := g.failed(peer, now); got != want {
			t.Errorf("failure %d waits %s, want %s", i, got, want)
		}
	}
	for range 100 {
		g.failed(peer, now)
	}
	if got := g.failed(peer, now); got != longestDelay {
		t.Errorf("the last one waits %s, want %s", got, longestDelay)
	}
	if got := g.failed(netip.MustParseAddr("192.0.2.2"), now); got != firstDelay {
		t.Errorf("another address waits %s", got)
	}
	if got := g.failed(peer, now.Add(guessMemory+1)); got != firstDelay {
		t.Errorf("after a quiet time it waits %s", got)
	}
	for i := range 2 * maxGuessers {
		g.failed(netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256)), now)
	}
	if len(g.by) > maxGuessers {
		t.Errorf("%d addresses are kept", len(g.by))
	}
}

// Connections that have not logged in leave room for those that have.
func TestStrangersAreBounded(t *testing.T) {
	r := guarded(t, Options{MaxConnections: 6})
	known := r.dial()
	d := known.converse("ann", "p4ss wörd")
	d.step(saslFirst)
	d.step(saslNext)
	known.want(saslEmpty, `{"done":true}`)
	for range 3 {
		r.dial().ok(`{"ping":1}`)
	}
	one := r.dial()
	one.send(msg(0, body(t, `{"ping":1,"$db":"test"}`)))
	if !one.hungUp() {
		t.Error("one more stranger is served")
	}
	known.ok(`{"find":"c"}`)
}

// The official driver logs in, whatever database its address names.
func TestDriverLogin(t *testing.T) {
	r := guarded(t, Options{})
	for _, uri := range []string{"mongodb://ann:p4ss%20w%C3%B6rd@" + r.address, "mongodb://ann:p4ss%20w%C3%B6rd@" + r.address + "/test?authMechanism=SCRAM-SHA-256"} {
		client, err := mongo.Connect(options.Client().ApplyURI(uri))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Database("test").Collection("c").InsertOne(t.Context(), bson.D{}); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
		_ = client.Disconnect(t.Context())
	}
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://ann:wrong@" + r.address))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Disconnect(t.Context()) }()
	err = client.Database("test").Collection("c").FindOne(t.Context(), bson.D{}).Err()
	if err == nil || errors.Is(err, mongo.ErrNoDocuments) {
		t.Errorf("with a wrong password: %v", err)
	}
}
