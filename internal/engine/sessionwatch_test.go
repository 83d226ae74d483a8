package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/store"
)

func TestSessions_AreForgottenWhenTheirPartsAreWritten(t *testing.T) {
	ctx := context.Background()
	const alone = "alice: group staff"
	for _, test := range []struct {
		name  string
		write func(s signedIn, roles map[string]string) error
		want  string
		spare bool // bob's session is not touched by it
	}{
		{"the session is deleted", func(s signedIn, _ map[string]string) error {
			return s.Delete(ctx, master, "_Session", "session of r:alice")
		}, "209", true},
		{"all sessions of the user are deleted", func(s signedIn, _ map[string]string) error {
			_, err := s.Store.Delete(ctx, "_Session", bson.D{{Key: "_p_user", Value: "_User$alice"}}, true)
			return err
		}, "209", true},
		{"the session is deleted by its token", func(s signedIn, _ map[string]string) error {
			_, err := s.Store.FindAndDelete(ctx, "_Session", bson.D{{Key: "_session_token", Value: "r:alice"}})
			return err
		}, "209", true},
		{"sessions are deleted by a time", func(s signedIn, _ map[string]string) error {
			_, err := s.Store.Delete(ctx, "_Session", bson.D{{Key: "expiresAt", Value: bson.D{{Key: "$gt", Value: bson.DateTime(0)}}}}, true)
			return err
		}, "209", false},
		{"the session ends earlier", func(s signedIn, _ map[string]string) error {
			_, err := s.Store.Update(ctx, "_Session", store.Update{Filter: bson.D{{Key: "_id", Value: "session of r:alice"}},
				Change: bson.D{{Key: "$set", Value: bson.D{{Key: "expiresAt", Value: bson.DateTime(0)}}}}})
			return err
		}, "209", true},
		{"the user is deleted", func(s signedIn, _ map[string]string) error {
			return s.Delete(ctx, master, "_User", "alice")
		}, "209", true},
		{"all users are deleted", func(s signedIn, _ map[string]string) error {
			return s.Purge(ctx, master, "_User")
		}, "209", false},
		{"the user gets a role", func(s signedIn, roles map[string]string) error {
			s.members(roles["admin"], "AddRelation", "alice")
			return nil
		}, "alice: admin group staff", true},
		{"the user loses a role", func(s signedIn, roles map[string]string) error {
			s.members(roles["staff"], "RemoveRelation", "alice")
			return nil
		}, "alice: ", true},
		{"a role gets a child", func(s signedIn, roles map[string]string) error {
			s.members(roles["admin"], "AddRelation", "["+roles["group"]+"]")
			return nil
		}, "alice: admin group staff", true},
		{"a role loses a child", func(s signedIn, roles map[string]string) error {
			s.members(roles["group"], "RemoveRelation", "["+roles["staff"]+"]")
			return nil
		}, "alice: staff", true},
		{"a role is deleted", func(s signedIn, roles map[string]string) error {
			return s.Delete(ctx, master, "_Role", roles["staff"])
		}, "alice: ", true},
		{"a role loses all its members", func(s signedIn, roles map[string]string) error {
			_, err := s.Store.Delete(ctx, "_Join:users:_Role", bson.D{{Key: "owningId", Value: roles["staff"]}}, true)
			return err
		}, "alice: ", true},
		{"a role loses all its children", func(s signedIn, roles map[string]string) error {
			_, err := s.Store.Delete(ctx, "_Join:roles:_Role", bson.D{{Key: "owningId", Value: roles["group"]}}, true)
			return err
		}, "alice: staff", true},
		{"a role is named anew", func(s signedIn, roles map[string]string) error {
			_, err := s.Store.Update(ctx, "_Role", store.Update{Filter: bson.D{{Key: "_id", Value: roles["group"]}},
				Change: bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: "team"}}}}})
			return err
		}, "alice: staff team", true},
		{"a new role has the user", func(s signedIn, _ map[string]string) error {
			s.role("fresh", "alice")
			return nil
		}, "alice: fresh group staff", true},
		{"a role comes back under its id", func(s signedIn, roles map[string]string) error {
			if _, err := s.Store.Delete(ctx, "_Role", bson.D{{Key: "_id", Value: roles["group"]}}, false); err != nil {
				return err
			}
			s.wantWho("r:alice", "alice: staff")
			return s.Store.Insert(ctx, "_Role", marshal(s.t, bson.D{{Key: "_id", Value: roles["group"]}, {Key: "name", Value: "back"}}))
		}, "alice: back staff", true},
		{"a relation is written as it is stored", func(s signedIn, roles map[string]string) error {
			return s.Store.Insert(ctx, "_Join:users:_Role", marshal(s.t, bson.D{{Key: "_id", Value: "j"}, {Key: "relatedId", Value: "alice"}, {Key: "owningId", Value: roles["admin"]}}))
		}, "alice: admin group staff", true},
		{"roles are dropped", func(s signedIn, _ map[string]string) error {
			return s.Store.DropCollection(ctx, "_Role")
		}, "alice: ", false},
		{"within a transaction", func(s signedIn, roles map[string]string) error {
			return s.Transaction(ctx, func(ctx context.Context) error {
				_, err := s.Update(ctx, master, "_Role", roles["admin"], object(t, `{"users":{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"_User","objectId":"alice"}]}}`))
				s.wantWho("r:alice", alone) // nobody else sees it yet
				return err
			})
		}, "alice: admin group staff", true},
		{"within a transaction of the store", func(s signedIn, roles map[string]string) error {
			return s.Store.Transaction(ctx, func(ctx context.Context) error {
				_, err := s.Store.Delete(ctx, "_Role", bson.D{}, true)
				return err
			})
		}, "alice: ", false},
		{"the user changes", func(s signedIn, _ map[string]string) error {
			_, err := s.Store.Update(ctx, "_User", store.Update{Filter: bson.D{}, Many: true, Change: bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: 1}}}}})
			return err
		}, alone, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openSignedIn(t)
			s.t = t
			s.user("alice")
			s.user("bob")
			roles := map[string]string{"staff": s.role("staff", "alice"), "admin": s.role("admin")}
			roles["group"] = s.role("group", "["+roles["staff"]+"]")
			s.wantWho("r:alice", alone)
			s.wantWho("r:bob", "bob: ")
			if err := test.write(s, roles); err != nil {
				t.Fatal(err)
			}
			s.wantWho("r:alice", test.want)
			if test.spare {
				s.costs("the other user", 0, func() { s.wantWho("r:bob", "bob: ") })
			}
		})
	}
}

// Whoever has many roles is forgotten as well when one of them changes.
func TestSessions_OfManyRolesAreForgotten(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	roleTree(s)
	s.who("r:alice")
	if err := s.Delete(context.Background(), master, "_Role", "alice000"); err != nil {
		t.Fatal(err)
	}
	s.wantWho("r:alice", "alice: ")
}

// A session that is revoked while it is being read is not remembered.
func TestSessions_RevokedWhileReadDoNotComeBack(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	var once sync.Once
	s.asked.after = func() {
		once.Do(func() {
			if err := s.Delete(context.Background(), master, "_Session", "session of r:alice"); err != nil {
				t.Error(err)
			}
		})
	}
	s.wantWho("r:alice", "alice: ") // its reading was over when the session was deleted
	s.wantWho("r:alice", "209")
}

func TestSessions_ReadInATransactionAreNotRemembered(t *testing.T) {
	s := openSignedIn(t)
	s.user("alice")
	role := s.role("staff")
	undone := fmt.Errorf("undone")
	err := s.Transaction(context.Background(), func(ctx context.Context) error {
		_, err := s.Update(ctx, master, "_Role", role, object(t, `{"users":{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"_User","objectId":"alice"}]}}`))
		if err != nil {
			return err
		}
		c, err := s.ResolveSession(ctx, engine.Caller{}, "r:alice")
		if err != nil || len(c.Roles) != 1 {
			t.Errorf("within the transaction: %+v, %v", c, err)
		}
		return undone
	})
	if err != undone {
		t.Fatal(err)
	}
	s.wantWho("r:alice", "alice: ")
}
