package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/store"
)

// signedIn is an app with a cache of sessions, a clock, and a count of the
// questions that its store is asked.
type signedIn struct {
	app
	asked *asked
	now   *atomic.Int64 // Unix seconds
}

// asked counts the reads of a store.
type asked struct {
	store.Store
	reads atomic.Int64
	// after is called after each aggregation, if it is not nil.
	after func()
}

func (s *asked) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	s.reads.Add(1)
	return s.Store.Find(ctx, collection, q, yield)
}

func (s *asked) Count(ctx context.Context, collection string, q store.Count) (int64, error) {
	s.reads.Add(1)
	return s.Store.Count(ctx, collection, q)
}

func (s *asked) Aggregate(ctx context.Context, collection string, pipeline bson.A, o store.AggregateOptions, yield func(bson.Raw) error) error {
	s.reads.Add(1)
	err := s.Store.Aggregate(ctx, collection, pipeline, o, yield)
	if s.after != nil {
		s.after()
	}
	return err
}

const begin = int64(1_800_000_000)

func openSignedIn(t testing.TB, change ...func(*engine.Options)) signedIn {
	s := signedIn{asked: &asked{}, now: new(atomic.Int64)}
	s.now.Store(begin)
	s.app = open(t, append([]func(*engine.Options){func(o *engine.Options) {
		s.asked.Store = o.Store
		o.Store = s.asked
		o.Now = func() time.Time { return time.Unix(s.now.Load(), 0) }
		o.SessionCacheSize, o.SessionCacheTTL = 100, 5*time.Second
	}}, change...)...)
	s.schema("_Session", `{}`)
	for collection, field := range map[string]string{"_Session": "_session_token", "_Join:users:_Role": "relatedId", "_Join:roles:_Role": "relatedId"} {
		if err := s.store.CreateIndexes(context.Background(), collection, store.Index{Name: field + "_1", Keys: bson.D{{Key: field, Value: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// user puts a user and a session of that user past the gate. The token is "r:"
// and the user's id.
func (s signedIn) user(id string) {
	s.insert("_User", bson.D{{Key: "_id", Value: id}, {Key: "_wperm", Value: bson.A{id}}})
	s.session("r:"+id, id, begin+3600)
}

func (s signedIn) session(token, user string, expires int64) {
	s.insert("_Session", bson.D{{Key: "_id", Value: "session of " + token}, {Key: "_session_token", Value: token},
		{Key: "_p_user", Value: "_User$" + user}, {Key: "expiresAt", Value: bson.NewDateTimeFromTime(time.Unix(expires, 0))},
		{Key: "_updated_at", Value: bson.NewDateTimeFromTime(time.Unix(begin, 0))}})
}

// role makes a role that has users and child roles; users are ids, and roles are
// ids in brackets.
func (s signedIn) role(name string, members ...string) string {
	s.t.Helper()
	id := s.create(master, "_Role", `{"name":"`+name+`","ACL":{}}`)
	s.members(id, "AddRelation", members...)
	return id
}

func (s signedIn) members(role, op string, members ...string) {
	s.t.Helper()
	for _, member := range members {
		field, class := "users", "_User"
		if child, ok := strings.CutPrefix(member, "["); ok {
			field, class, member = "roles", "_Role", strings.TrimSuffix(child, "]")
		}
		_, err := s.update(master, "_Role", role, `{"`+field+`":{"__op":"`+op+`","objects":[{"__type":"Pointer","className":"`+class+`","objectId":"`+member+`"}]}}`)
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// who is whom a token stands for, "alice: admin staff", or the error's code.
func (s signedIn) who(token string) string {
	s.t.Helper()
	c, err := s.ResolveSession(context.Background(), engine.Caller{}, token)
	if err != nil {
		return fmt.Sprint(parse.CodeOf(err))
	}
	if c.SessionToken != token {
		s.t.Errorf("the caller of %s has the token %q", token, c.SessionToken)
	}
	return c.UserID + ": " + strings.Join(slices.Sorted(slices.Values(c.Roles)), " ")
}

func (s signedIn) wantWho(token, want string) {
	s.t.Helper()
	if got := s.who(token); got != want {
		s.t.Errorf("%s is %q, want %q", token, got, want)
	}
}

// costs fails unless do asks the store so often.
func (s signedIn) costs(what string, want int64, do func()) {
	s.t.Helper()
	before := s.asked.reads.Load()
	do()
	if got := s.asked.reads.Load() - before; got != want {
		s.t.Errorf("%s: the store was asked %d times, want %d", what, got, want)
	}
}

func TestSessions(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	s.user("bob")
	s.session("r:old", "alice", begin-1)
	s.session("r:orphan", "nobody", begin+3600)
	s.insert("_Session", bson.D{{Key: "_id", Value: "odd"}, {Key: "_session_token", Value: "r:odd"}, {Key: "_p_user", Value: 5}})
	s.insert("_Session", bson.D{{Key: "_id", Value: "forever"}, {Key: "_session_token", Value: "r:forever"}, {Key: "_p_user", Value: "_User$bob"}})
	// A circle of roles: admin holds staff, staff holds admin.
	staff := s.role("staff", "alice")
	admin := s.role("admin", "["+staff+"]")
	s.members(staff, "AddRelation", "["+admin+"]")
	s.role("other", "nobody")
	for token, want := range map[string]string{
		"r:alice": "alice: admin staff", "r:bob": "bob: ", "r:forever": "bob: ",
		"r:old": "209", "r:orphan": "209", "r:odd": "209", "r:unknown": "209", "": "209",
	} {
		s.wantWho(token, want)
	}
}

func TestAs(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	s.role("admin", "["+s.role("staff", "alice")+"]")
	for user, want := range map[string]string{"alice": "admin staff", "nobody": ""} {
		s.costs(user, 1, func() {
			c, err := s.As(context.Background(), engine.Caller{Scope: engine.ScopeMaster, InstallationID: "phone"}, user)
			if roles := strings.Join(slices.Sorted(slices.Values(c.Roles)), " "); err != nil || roles != want {
				t.Errorf("%s has the roles %q, %v", user, roles, err)
			}
			if c.UserID != user || c.Scope != engine.ScopeClient || c.InstallationID != "phone" {
				t.Errorf("as %s: %+v", user, c)
			}
		})
	}
}

// A role that was deleted gives nothing, and leads to nothing, though the rows of
// its relations are left.
func TestSessions_DeletedRolesLeadNowhere(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	low := s.role("low", "alice")
	middle := s.role("middle", "["+low+"]")
	s.role("high", "["+middle+"]")
	s.wantWho("r:alice", "alice: high low middle")
	if _, err := s.Store.Delete(context.Background(), "_Role", bson.D{{Key: "_id", Value: middle}}, false); err != nil {
		t.Fatal(err)
	}
	s.wantWho("r:alice", "alice: low")
}

// roleTree gives alice a role from which ten levels lead up to others, 1,000 in
// all, and other users as many roles again.
func roleTree(s signedIn) {
	ctx := context.Background()
	var roles, joins []bson.Raw
	for _, user := range []string{"alice", "bob"} {
		id := func(i int) string { return fmt.Sprintf("%s%03d", user, i) }
		joins = append(joins, marshal(s.t, bson.D{{Key: "_id", Value: user}, {Key: "relatedId", Value: user}, {Key: "owningId", Value: id(0)}}))
		if err := s.store.Insert(ctx, "_Join:users:_Role", joins[len(joins)-1]); err != nil {
			s.t.Fatal(err)
		}
		joins = joins[:0]
		for i := range 1000 {
			roles = append(roles, marshal(s.t, bson.D{{Key: "_id", Value: id(i)}, {Key: "name", Value: "role " + id(i)}}))
			if i > 0 {
				child := max(0, i-111) // 111 roles a level
				joins = append(joins, marshal(s.t, bson.D{{Key: "_id", Value: id(i)}, {Key: "relatedId", Value: id(child)}, {Key: "owningId", Value: id(i)}}))
			}
		}
		if err := s.store.Insert(ctx, "_Join:roles:_Role", joins...); err != nil {
			s.t.Fatal(err)
		}
		joins = joins[:0]
	}
	if err := s.store.Insert(ctx, "_Role", roles...); err != nil {
		s.t.Fatal(err)
	}
}

func TestSessions_CostOneQueryColdAndNoneWarm(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	s.user("carol")
	roleTree(s)
	for _, user := range []string{"alice", "carol"} {
		s.costs("cold, "+user, 1, func() { s.who("r:" + user) })
		s.costs("warm, "+user, 0, func() { s.who("r:" + user) })
	}
	c, err := s.ResolveSession(context.Background(), engine.Caller{}, "r:alice")
	if err != nil || len(c.Roles) != 1000 {
		t.Fatalf("alice has %d roles, %v", len(c.Roles), err)
	}
	s.costs("a token of nobody", 2, func() { s.who("r:nobody"); s.who("r:nobody") })
}

func TestSessions_AreRememberedForATime(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	s.wantWho("r:alice", "alice: ")
	// Past the gate, as another node or an operator does it.
	if _, err := s.store.Delete(context.Background(), "_Session", bson.D{}, true); err != nil {
		t.Fatal(err)
	}
	s.now.Add(4)
	s.wantWho("r:alice", "alice: ")
	s.now.Add(1)
	s.wantWho("r:alice", "209")
}

// What is remembered ends with the session (row I03).
func TestAdvisory_I03_SessionsEndWhileRemembered(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	s.session("r:short", "alice", begin+2)
	s.wantWho("r:short", "alice: ")
	s.now.Add(3)
	s.costs("a session that has ended", 0, func() { s.wantWho("r:short", "209") })
}

func TestSessions_AreBounded(t *testing.T) {
	s := openSignedIn(t)
	for i := range 150 {
		s.user(fmt.Sprintf("u%d", i))
		s.who(fmt.Sprintf("r:u%d", i))
	}
	s.costs("one of the last", 0, func() { s.who("r:u51") })
	s.costs("one of the first", 1, func() { s.who("r:u49") })
	none := openSignedIn(t, func(o *engine.Options) { o.SessionCacheTTL = 0 })
	none.user("alice")
	none.costs("without a cache", 2, func() { none.who("r:alice"); none.who("r:alice") })
}

func TestSessions_AreExtendedWhenUsed(t *testing.T) {
	const length = 1000
	s := openSignedIn(t, func(o *engine.Options) { o.ExtendSessions = length * time.Second })
	s.user("alice")
	expires := func() int64 {
		var at int64
		err := s.store.Find(context.Background(), "_Session", store.Find{}, func(doc bson.Raw) error {
			at = doc.Lookup("expiresAt").Time().Unix() - begin
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	s.now.Store(begin + length/2 - 1)
	s.wantWho("r:alice", "alice: ")
	if got := expires(); got != 3600 {
		t.Errorf("used within its first half, it ends after %d s", got)
	}
	s.now.Store(begin + length*2/3)
	s.wantWho("r:alice", "alice: ")
	if got := expires(); got != length*2/3+length {
		t.Errorf("used after half of it, it ends after %d s", got)
	}
	s.now.Add(length - 1)
	s.wantWho("r:alice", "alice: ")
	s.now.Add(length + 1)
	s.wantWho("r:alice", "209")
}

// A session that is remembered for long is extended in time all the same.
func TestSessions_AreExtendedThoughRemembered(t *testing.T) {
	const length = 1000
	s := openSignedIn(t, func(o *engine.Options) { o.ExtendSessions, o.SessionCacheTTL = length*time.Second, time.Hour })
	s.user("alice")
	s.insert("_Session", bson.D{{Key: "_id", Value: "undated"}, {Key: "_session_token", Value: "r:undated"}, {Key: "_p_user", Value: "_User$alice"},
		{Key: "expiresAt", Value: bson.NewDateTimeFromTime(time.Unix(begin+10, 0))}})
	for range 10 {
		s.wantWho("r:alice", "alice: ")
		s.wantWho("r:undated", "alice: ")
		s.now.Add(length * 9 / 10)
	}
	s.now.Store(begin + 9*length*9/10)
	s.costs("in its first half", 1, func() { s.who("r:alice"); s.now.Add(length / 4); s.who("r:alice") })
}

func TestSessions_ByManyAtOnce(t *testing.T) {
	s := openSignedIn(t)
	for i := range 20 {
		s.user(fmt.Sprintf("u%d", i))
	}
	role := s.role("staff")
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 100 {
				id := fmt.Sprintf("u%d", (i+worker)%20)
				if who := s.who("r:" + id); !strings.HasPrefix(who, id+":") {
					t.Errorf("%s is %q", id, who)
				}
			}
		})
	}
	for i := range 20 {
		s.members(role, "AddRelation", fmt.Sprintf("u%d", i))
		s.wantWho(fmt.Sprintf("r:u%d", i), fmt.Sprintf("u%d: staff", i))
	}
	group.Wait()
	for i := range 20 {
		s.wantWho(fmt.Sprintf("r:u%d", i), fmt.Sprintf("u%d: staff", i))
	}
}

// BenchmarkSessions finds out who a token stands for. One of the users has a tree
// of 1,000 roles, ten levels deep.
func BenchmarkSessions(b *testing.B) {
	for _, cache := range []struct {
		name string
		ttl  time.Duration
	}{{"cold", 0}, {"warm", time.Hour}} {
		s := openSignedIn(b, func(o *engine.Options) { o.SessionCacheTTL = cache.ttl })
		s.user("alice")
		s.user("carol")
		roleTree(s)
		for user, roles := range map[string]string{"carol": "no roles", "alice": "1000 roles"} {
			b.Run(cache.name+"/"+roles, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := s.ResolveSession(context.Background(), engine.Caller{}, "r:"+user); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}
