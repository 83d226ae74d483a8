// Package interop proves that parse-server and Loam understand each other's
// data: the npm package runs on Loam's embedded store, through MongoDB's wire
// protocol, and both serve the same app in turn.
package interop

import (
	"fmt"
	"net"
	"os"
	"testing"
)

// TestInterchange tells one story, in which every chapter needs those before.
// Both servers have the same address, so that the URLs in their answers are the
// same, too.
func TestInterchange(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Node.js")
	}
	if _, err := os.Stat("../parity/reference/node_modules/parse-server"); err != nil {
		t.Fatal("parse-server is not installed: run npm ci in internal/parity/reference")
	}
	s := newStory(t)
	chapter := func(title string, tell func(t *testing.T)) {
		if !t.Run(title, tell) {
			t.FailNow()
		}
	}

	chapter("parse-server runs on Loam's store", func(t *testing.T) {
		defer s.parseServer(t)()
		s.record = runScript(t, s.port)
		s.theirs = s.write(t, "ByParse")
		s.theirPeople = s.signUp(t, "ByParse")
		s.ask(t)
	})
	chapter("passwords are kept as bcrypt hashes", s.checkPasswords)
	chapter("Loam reads what parse-server wrote", func(t *testing.T) {
		defer s.loam(t)()
		s.compareAnswers(t)
	})
	chapter("Loam writes as parse-server does", func(t *testing.T) {
		defer s.loam(t)()
		s.ours = s.write(t, "ByLoam")
		s.differences.compareWritten(t, s.theirs, s.ours)
		write(t, s.target, "loam.txt", "master", nil)
	})
	chapter("people sign up with Loam as with parse-server", func(t *testing.T) {
		defer s.loam(t)()
		s.ourPeople = s.signUp(t, "ByLoam")
		s.differences.compareWritten(t, s.theirPeople, s.ourPeople)
	})
	chapter("both have stored the same", s.compareLayouts)
	chapter("and the same of people and sessions", s.comparePeople)
	chapter("Loam changes what parse-server wrote", func(t *testing.T) {
		defer s.loam(t)()
		write(t, s.target, "changes.txt", "master", s.theirs.bindings)
	})
	chapter("people and sessions are as they were", s.compareAccounts)
	chapter("parse-server changes what Loam wrote, and logs in whom Loam has signed up", func(t *testing.T) {
		defer s.parseServer(t)()
		s.logIn(t)
		write(t, s.target, "changes.txt", "master", s.ours.bindings)
		s.ask(t)
	})
	chapter("both have changed the same", s.compareLayouts)
	chapter("Loam reads what both wrote, and logs in whom parse-server has signed up", func(t *testing.T) {
		defer s.loam(t)()
		s.compareAnswers(t)
		s.logIn(t)
	})
	chapter("both serve the app at once", s.serveTogether)
	chapter("every accepted difference is one", s.differences.checkAllMet)
}

func serverURL(port int) string { return fmt.Sprintf("http://127.0.0.1:%d/parse", port) }

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
