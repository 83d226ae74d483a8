package interop

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/crypto/bcrypt"

	"github.com/loam-baas/loam/internal/parity"
	"github.com/loam-baas/loam/internal/store"
)

// story is what is known from one chapter to the next.
type story struct {
	dir    string // of the store
	port   int    // of whichever server runs
	target *parity.Target
	began  time.Time

	record       *record  // of the script
	accounts     snapshot // of people and sessions, as parse-server left them
	theirs, ours *written // by parse-server, and by Loam
	// theirPeople and ourPeople are how people signed up with each.
	theirPeople, ourPeople *written
	differences            *differences

	questions []question
	answers   []*parity.Answer // parse-server's, to the questions
}

func newStory(t *testing.T) *story {
	port := freePort(t)
	return &story{dir: t.TempDir(), port: port, target: app(port), began: time.Now(), differences: newDifferences()}
}

// runScript runs the script of all that an app does, and returns what it left
// behind.
func runScript(t *testing.T, port int) *record {
	t.Helper()
	// What Go's test cache sees read makes the test run again when it changes.
	files, err := filepath.Glob("script/*.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no script: %v", err)
	}
	for _, file := range files {
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "record.json")
	node := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "script/main.test.mjs")
	node.Env = append(os.Environ(), "INTEROP_URL="+serverURL(port), "INTEROP_RECORD="+path)
	output, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, output)
	}
	t.Logf("%s", output)
	return readRecord(t, path)
}

// write has the server that runs write what writes.txt says, in classes whose
// names begin with twin.
func (s *story) write(t *testing.T, twin string) *written {
	t.Helper()
	bindings := parity.Bindings{"twin": twin}
	for name, p := range s.record.People {
		bindings[name] = p.ID
	}
	return write(t, s.target, "writes.txt", "master", bindings)
}

// signUp has people sign up with the server that runs, as people.txt says. From now
// on they are asked as, and log in, as all others.
func (s *story) signUp(t *testing.T, twin string) *written {
	t.Helper()
	w := write(t, s.target, "people.txt", "", parity.Bindings{"twin": twin})
	for _, p := range []person{
		{w.bindings["cay"], twin + "Cay", "пароль, her second", w.bindings["session.sessionToken"]},
		{w.bindings["dan"], twin + "Dan", "dan's", w.bindings["dan.sessionToken"]},
		{w.bindings["fay"], twin + "Fay", "fay's", w.bindings["fay.sessionToken"]},
	} {
		s.record.People[p.Username] = p
	}
	return w
}

// ask asks the server that runs for everything that there is, and keeps what it
// answers.
func (s *story) ask(t *testing.T) {
	t.Helper()
	classes, err := classNames(t.Context(), s.target)
	if err != nil {
		t.Fatal(err)
	}
	s.questions = s.record.everything(classes)
	s.answers = s.record.answers(t, s.target, s.questions)
}

// compareAnswers asks the server that runs the same, and compares the answers.
func (s *story) compareAnswers(t *testing.T) {
	t.Helper()
	got := s.record.answers(t, s.target, s.questions)
	for i, q := range s.questions {
		x := s.record.exchange(q)
		x.Unordered = q.Path == "/schemas" // in the order of the collection, or of the names
		s.differences.report(t, q.Path, q.String(), x.Compare(s.answers[i], got[i], nil))
	}
	t.Logf("%d questions", len(s.questions))
}

// compareLayouts compares how both servers stored the same writes.
func (s *story) compareLayouts(t *testing.T) {
	s.open(t, func(db store.Store) {
		compareSnapshots(t, layout(t, db, s.theirs, s.began), layout(t, db, s.ours, s.began))
	})
}

// comparePeople compares how both servers stored those who signed up with them, and
// their sessions.
func (s *story) comparePeople(t *testing.T) {
	s.open(t, func(db store.Store) {
		compareSnapshots(t, peopleLayout(t, db, s.theirPeople, s.began), peopleLayout(t, db, s.ourPeople, s.began))
	})
}

// checkPasswords checks that everybody's password is known by its hash, and
// takes down what there is of people.
func (s *story) checkPasswords(t *testing.T) {
	s.open(t, func(db store.Store) {
		s.accounts = accounts(t, db)
		for name, p := range s.record.People {
			find := store.Find{Filter: bson.D{{Key: "_id", Value: p.ID}}}
			var hash string
			err := db.Find(t.Context(), "_User", find, func(doc bson.Raw) error {
				hash, _ = doc.Lookup("_hashed_password").StringValueOK()
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(p.Password)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// compareAccounts checks that nothing of what there was of people is changed or
// gone.
func (s *story) compareAccounts(t *testing.T) {
	s.open(t, func(db store.Store) {
		now := accounts(t, db)
		for name, lines := range s.accounts {
			if missing := without(lines, now[name]); len(missing) > 0 {
				t.Errorf("%s: changed or gone:\n%s", name, strings.Join(missing, "\n"))
			}
		}
	})
}

func accounts(t *testing.T, db store.Store) snapshot {
	t.Helper()
	return documents(t, db, "_User", "_Session", "_Join:users:_Role")
}

// open opens the store while no server runs.
func (s *story) open(t *testing.T, do func(store.Store)) {
	t.Helper()
	db := openStore(t, s.dir)
	defer func() {
		if err := db.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	do(db)
}

// logIn logs people in with their passwords, and with no other; and their names
// are still taken.
func (s *story) logIn(t *testing.T) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(s.record.People)) {
		p := s.record.People[name]
		s.expect(t, "/login", p.Username, p.Password, http.StatusOK)
		s.expect(t, "/login", p.Username, p.Password+"?", http.StatusNotFound)
		s.expect(t, "/users", p.Username, "anything", http.StatusBadRequest)
	}
}

func (s *story) expect(t *testing.T, path, username, password string, status int) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"username": username, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.target.Ask(t.Context(), "app", &parity.Exchange{Method: http.MethodPost, Path: path, Body: string(body)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != status {
		t.Errorf("POST %s as %s with %q: %d %s, want %d", path, username, password, answer.Status, answer.Body, status)
	}
}
