package migrations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), SweepInterval: -1})
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

func insert(t testing.TB, s store.Store, collection string, docs ...bson.D) {
	t.Helper()
	for _, doc := range docs {
		raw, err := bson.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Insert(t.Context(), collection, raw); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t testing.TB, s store.Store, o Options) {
	t.Helper()
	if err := Run(t.Context(), s, o); err != nil {
		t.Fatal(err)
	}
}

// indexes describes the indexes of a collection, that of _id apart.
func indexes(t testing.TB, s store.Store, collection string) string {
	t.Helper()
	list, err := s.Indexes(t.Context(), collection)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, i := range list {
		if i.Name == "_id_" {
			continue
		}
		line := i.Name + "(" + keys(i) + ")"
		for _, flag := range []struct {
			set  bool
			name string
		}{{i.Unique, "unique"}, {i.Sparse, "sparse"}, {i.CaseInsensitive, "case-insensitive"}, {i.ExpireAfterSeconds != nil, "ttl"}} {
			if flag.set {
				line += " " + flag.name
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// allIndexes are those that Parse Server makes by default.
var allIndexes = Indexes{true, true, true, true, true, true, true, true}

func TestSystemIndexes(t *testing.T) {
	s := openStore(t)
	run(t, s, Options{Indexes: allIndexes, AuthProviders: []string{"anonymous", "facebook"}})
	for collection, want := range map[string]string{
		"_User": `_auth_data_anonymous_id(_auth_data_anonymous.id) unique sparse
_auth_data_facebook_id(_auth_data_facebook.id) unique sparse
_email_verify_token(_email_verify_token) sparse
_perishable_token(_perishable_token) sparse
case_insensitive_email(email) sparse case-insensitive
case_insensitive_username(username) sparse case-insensitive
email_1(email) unique sparse
unique_case_insensitive_email(email) unique sparse case-insensitive
unique_case_insensitive_username(username) unique sparse case-insensitive
username_1(username) unique sparse`,
		"_Role": `name_1(name) unique sparse`,
		"_Idempotency": `reqId_1(reqId) unique sparse
ttl(expire) sparse ttl`,
		"_Session": `_p_user_1(_p_user)
_session_token_1(_session_token)`,
		"_Join:users:_Role": `owningId_1(owningId)
relatedId_1(relatedId)`,
	} {
		if got := indexes(t, s, collection); got != want {
			t.Errorf("%s has\n%s\nwant\n%s", collection, got, want)
		}
	}
}

func TestIndexesAreSwitchedOff(t *testing.T) {
	s := openStore(t)
	run(t, s, Options{CollationCaseComparison: true, Indexes: Indexes{UserUsernameCaseInsensitive: true, UserEmailCaseInsensitive: true}, AuthProviders: []string{"anonymous"}})
	if got := indexes(t, s, "_User") + indexes(t, s, "_Role"); got != "" {
		t.Errorf("indexes\n%s\nwant none", got)
	}
	// What was off is made when it is on.
	run(t, s, Options{Indexes: Indexes{RoleName: true}})
	if got := indexes(t, s, "_Role"); got != "name_1(name) unique sparse" {
		t.Errorf("indexes of _Role\n%s", got)
	}
	// And what was made stays when it is off again.
	run(t, s, Options{})
	if got := indexes(t, s, "_Role"); got != "name_1(name) unique sparse" {
		t.Errorf("indexes of _Role\n%s", got)
	}
}

// writes counts the changes to a store.
type writes struct {
	store.Store
	n atomic.Int32
}

func (w *writes) Update(ctx context.Context, collection string, u store.Update) (store.UpdateResult, error) {
	w.n.Add(1)
	return w.Store.Update(ctx, collection, u)
}

func (w *writes) CreateIndexes(ctx context.Context, collection string, indexes ...store.Index) error {
	w.n.Add(1)
	return w.Store.CreateIndexes(ctx, collection, indexes...)
}

func TestSecondRunDoesNothing(t *testing.T) {
	s := openStore(t)
	o := Options{Indexes: allIndexes, AuthProviders: []string{"anonymous"}}
	run(t, s, o)
	counted := &writes{Store: s}
	run(t, counted, o)
	if n := counted.n.Load(); n != 0 {
		t.Errorf("%d changes in the second run, want none", n)
	}
	o.AuthProviders = append(o.AuthProviders, "github")
	run(t, counted, o)
	if got := indexes(t, s, "_User"); !strings.Contains(got, "_auth_data_github_id") {
		t.Errorf("a new provider has no index:\n%s", got)
	}
}

// An index that was lost with its collection is made again.
func TestLostIndexesAreMadeAgain(t *testing.T) {
	s := openStore(t)
	o := Options{Indexes: Indexes{RoleName: true}}
	run(t, s, o)
	if err := s.DropCollection(t.Context(), "_Role"); err != nil {
		t.Fatal(err)
	}
	run(t, s, o)
	if got := indexes(t, s, "_Role"); got != "name_1(name) unique sparse" {
		t.Errorf("indexes\n%s", got)
	}
}

func TestDatabaseOfParseServerIsLeftAsItIs(t *testing.T) {
	s := openStore(t)
	// The operator's own name for the same index, and an index of parse-server's.
	err := s.CreateIndexes(t.Context(), "_User",
		store.Index{Name: "mine", Keys: ascending("email"), Unique: true},
		store.Index{Name: "username_1", Keys: ascending("username"), Unique: true, Sparse: true})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, Options{Indexes: Indexes{UserUsername: true}})
	if got := indexes(t, s, "_User"); got != "mine(email) unique\nusername_1(username) unique sparse" {
		t.Errorf("indexes\n%s", got)
	}
}

func TestDuplicates(t *testing.T) {
	s := openStore(t)
	insert(t, s, "_User",
		bson.D{{Key: "_id", Value: "a"}, {Key: "username", Value: "x"}, {Key: "_auth_data_anonymous", Value: bson.D{{Key: "id", Value: "1"}}}},
		bson.D{{Key: "_id", Value: "b"}, {Key: "username", Value: "x"}, {Key: "_auth_data_anonymous", Value: bson.D{{Key: "id", Value: "1"}}}})
	err := Run(t.Context(), s, Options{Indexes: Indexes{UserUsername: true}})
	if _, ok := errors.AsType[*store.DuplicateKeyError](err); !ok || !strings.Contains(err.Error(), "several documents of _User have the same username") {
		t.Errorf("error %v, want one that tells of the usernames", err)
	}
	// Without the index that is essential Loam starts, and tries the other again.
	o := Options{Indexes: Indexes{AuthDataUniqueness: true}, AuthProviders: []string{"anonymous"}}
	run(t, s, o)
	if got := indexes(t, s, "_User"); got != "" {
		t.Errorf("indexes\n%s\nwant none", got)
	}
	if _, err := s.Delete(t.Context(), "_User", bson.D{{Key: "_id", Value: "b"}}, false); err != nil {
		t.Fatal(err)
	}
	run(t, s, o)
	if got := indexes(t, s, "_User"); got != "_auth_data_anonymous_id(_auth_data_anonymous.id) unique sparse" {
		t.Errorf("indexes\n%s", got)
	}
}

// An operator's index in the place of one of Loam's is named in the log and keeps
// no database from opening.
func TestIndexOfAnotherForm(t *testing.T) {
	s := openStore(t)
	if err := s.CreateIndexes(t.Context(), "_User", store.Index{Name: "username_1", Keys: ascending("username")}); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	o := Options{Indexes: Indexes{UserUsername: true, UserEmail: true}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	run(t, s, o)
	if want := `_User has another index on username, or of the name \"username_1\"; drop it or adapt it`; !strings.Contains(log.String(), want) {
		t.Errorf("the log is\n%s\nwithout %s", log.String(), want)
	}
	if got := indexes(t, s, "_User"); got != "email_1(email) unique sparse\nusername_1(username)" {
		t.Errorf("indexes\n%s", got)
	}
	// When the operator has dropped it, the next start makes its own.
	if err := s.DropIndex(t.Context(), "_User", "username_1"); err != nil {
		t.Fatal(err)
	}
	run(t, s, o)
	if got := indexes(t, s, "_User"); got != "email_1(email) unique sparse\nusername_1(username) unique sparse" {
		t.Errorf("indexes\n%s", got)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	s := openStore(t)
	insert(t, s, collection, bson.D{{Key: "_id", Value: int32(99)}, {Key: "name", Value: "from_the_future"}})
	err := Run(t.Context(), s, Options{})
	if err == nil || !strings.Contains(err.Error(), `migrated by a newer version of Loam (migration 99, "from_the_future")`) {
		t.Errorf("error %v", err)
	}
}

// counting is a migration that counts how often it runs.
func counting(number int32, n *atomic.Int32, run func(context.Context) error) migration {
	return migration{number: number, name: "counting", steps: func(Options) []step {
		return []step{{name: "count", essential: true, do: func(ctx context.Context, _ store.Store) error {
			n.Add(1)
			return run(ctx)
		}}}
	}}
}

func newRunner(s store.Store, lease time.Duration, migrations ...migration) *runner {
	o := Options{Lease: lease}
	o.fill()
	return &runner{store: s, options: o, migrations: migrations}
}

func TestOneOfManyProcessesMigrates(t *testing.T) {
	s := openStore(t)
	var n atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := newRunner(s, time.Second, counting(1, &n, func(context.Context) error { return nil }))
			if err := r.run(t.Context()); err != nil {
				t.Errorf("process %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n.Load() != 1 {
		t.Errorf("the migration ran %d times", n.Load())
	}
}

func TestLockOfACrashedProcessExpires(t *testing.T) {
	s := openStore(t)
	insert(t, s, collection, bson.D{{Key: "_id", Value: lockID}, {Key: "owner", Value: "gone"},
		{Key: "until", Value: bson.NewDateTimeFromTime(time.Now().Add(50 * time.Millisecond))}})
	var n atomic.Int32
	if err := newRunner(s, 100*time.Millisecond, counting(1, &n, func(context.Context) error { return nil })).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n.Load() != 1 {
		t.Errorf("the migration ran %d times", n.Load())
	}
	if locks, err := s.Count(t.Context(), collection, store.Count{Filter: bson.D{{Key: "_id", Value: lockID}}}); err != nil || locks != 0 {
		t.Errorf("%d locks are left, %v", locks, err)
	}
}

func TestLockIsHeldWhileWorking(t *testing.T) {
	s := openStore(t)
	const lease = 60 * time.Millisecond
	var n atomic.Int32
	work := counting(1, &n, func(ctx context.Context) error {
		select {
		case <-time.After(5 * lease):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := newRunner(s, lease, work).run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n.Load() != 1 {
		t.Errorf("the migration ran %d times", n.Load())
	}
}

func TestWorkEndsWhenTheLockIsLost(t *testing.T) {
	s := openStore(t)
	var n atomic.Int32
	r := newRunner(s, 30*time.Millisecond, counting(1, &n, func(ctx context.Context) error {
		if _, err := s.Delete(ctx, collection, bson.D{{Key: "_id", Value: lockID}}, false); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}))
	if err := r.run(t.Context()); !errors.Is(err, errLockLost) {
		t.Errorf("error %v, want that the lock was lost", err)
	}
}

func TestFailedStepIsTriedAgain(t *testing.T) {
	s := openStore(t)
	var n atomic.Int32
	failure := errors.New("failure")
	outcome := failure
	r := newRunner(s, time.Second, counting(1, &n, func(context.Context) error { return outcome }))
	if err := r.run(t.Context()); !errors.Is(err, failure) || !strings.Contains(err.Error(), "migration 1, counting: count") {
		t.Errorf("error %v", err)
	}
	outcome = nil
	if err := r.run(t.Context()); err != nil || n.Load() != 2 {
		t.Errorf("error %v after %d runs", err, n.Load())
	}
}

func TestRecord(t *testing.T) {
	s := openStore(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := at
	o := Options{Now: func() time.Time { return now }}
	o.fill()
	var n atomic.Int32
	r := &runner{store: s, options: o, migrations: []migration{counting(1, &n, func(context.Context) error {
		now = now.Add(1500 * time.Millisecond)
		return nil
	})}}
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got bson.D
	err := s.Find(t.Context(), collection, store.Find{}, func(doc bson.Raw) error { return bson.Unmarshal(doc, &got) })
	if err != nil {
		t.Fatal(err)
	}
	record := make(map[string]any, len(got))
	for _, e := range got {
		record[e.Key] = e.Value
	}
	for key, want := range map[string]any{
		"_id": int32(1), "name": "counting", "at": bson.NewDateTimeFromTime(at), "milliseconds": int64(1500), "steps": bson.A{"count"},
	} {
		if fmt.Sprintf("%T %v", record[key], record[key]) != fmt.Sprintf("%T %v", want, want) {
			t.Errorf("%s = %v, want %v", key, record[key], want)
		}
	}
}

func BenchmarkRunOnMigrated(b *testing.B) {
	s := openStore(b)
	o := Options{Indexes: allIndexes, AuthProviders: []string{"anonymous"}}
	run(b, s, o)
	for b.Loop() {
		run(b, s, o)
	}
}
