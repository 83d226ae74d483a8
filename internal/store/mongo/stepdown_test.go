package mongo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/mongo"
)

// failed is a server's refusal of a command.
func failed(code int32, name string, labels ...string) bson.D {
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: code}, {Key: "codeName", Value: name},
		{Key: "errmsg", Value: name}, {Key: "errorLabels", Value: labels}}
}

var (
	steppedDown              = failed(10107, "NotWritablePrimary", "RetryableWriteError")
	steppedDownInTransaction = failed(10107, "NotWritablePrimary", "TransientTransactionError")
	commitOutcomeUnknown     = failed(91, "ShutdownInProgress", "UnknownTransactionCommitResult", "RetryableWriteError")
)

func openProxied(t *testing.T) (*proxy, store.Store) {
	t.Helper()
	p := newProxy(t)
	s, err := mongo.Open(t.Context(), mongo.Options{URI: p.uri(), ServerSelectionTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p, s
}

// A primary that steps down, or goes with its answer, costs a request nothing but
// time: the driver sends it again, and it is done once.
func TestStepDownIsNotSeen(t *testing.T) {
	t.Parallel()
	inc := bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}
	one := bson.D{{Key: "_id", Value: 1}}
	count := func(ctx context.Context, s store.Store) (n int32, err error) {
		err = s.Find(ctx, "c", store.Find{Filter: one}, func(doc bson.Raw) error {
			n, _ = doc.Lookup("n").Int32OK()
			return nil
		})
		return n, err
	}
	for _, c := range []struct {
		name, command string
		do            func(ctx context.Context, s store.Store) error
	}{
		{"Update", "update", func(ctx context.Context, s store.Store) error {
			_, err := s.Update(ctx, "c", store.Update{Filter: one, Change: inc})
			return err
		}},
		{"FindAndUpdate", "findAndModify", func(ctx context.Context, s store.Store) error {
			_, err := s.FindAndUpdate(ctx, "c", store.Update{Filter: one, Change: inc}, store.After)
			return err
		}},
		{"Insert", "insert", func(ctx context.Context, s store.Store) error {
			doc, err := bson.Marshal(bson.D{{Key: "_id", Value: bson.NewObjectID()}})
			if err != nil {
				return err
			}
			if err := s.Insert(ctx, "c", doc); err != nil {
				return err
			}
			_, err = s.Update(ctx, "c", store.Update{Filter: one, Change: inc})
			return err
		}},
	} {
		for how, step := range map[string]scripted{
			"refused":         {command: c.command, reply: steppedDown},
			"connection lost": {command: c.command},
			"answer lost":     {command: c.command, after: true},
		} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				t.Parallel()
				p, s := openProxied(t)
				if err := s.Insert(t.Context(), "c", raw(t, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})); err != nil {
					t.Fatal(err)
				}
				p.play(step)
				if err := c.do(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				if n, err := count(t.Context(), s); n != 1 || err != nil {
					t.Errorf("it was done %d times, %v", n, err)
				}
				if p.left() {
					t.Error("nothing went wrong: the test is of no use")
				}
			})
		}
	}
	t.Run("Find", func(t *testing.T) {
		t.Parallel()
		p, s := openProxied(t)
		if err := s.Insert(t.Context(), "c", raw(t, bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 1}})); err != nil {
			t.Fatal(err)
		}
		p.play(scripted{command: "find", reply: failed(13435, "NotPrimaryNoSecondaryOk")})
		if n, err := count(t.Context(), s); n != 1 || err != nil {
			t.Errorf("found %d, %v", n, err)
		}
		if got := p.commands("find"); len(got) != 2 {
			t.Errorf("it was asked %d times, want twice", len(got))
		}
	})
}

func TestTransactionOverAStepDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		script []scripted
		runs   int
		want   error
		sent   []string
	}{
		{"nothing happens", nil, 1, nil, []string{"insert", "commitTransaction"}},
		{"a statement is refused", []scripted{{command: "insert", reply: steppedDownInTransaction}},
			2, nil, []string{"insert", "abortTransaction", "insert", "commitTransaction"}},
		{"a statement's connection is lost", []scripted{{command: "insert"}},
			2, nil, []string{"insert", "abortTransaction", "insert", "commitTransaction"}},
		{"the outcome of the commit is unknown", []scripted{{command: "commitTransaction", reply: commitOutcomeUnknown, after: true}},
			1, nil, []string{"insert", "commitTransaction", "commitTransaction"}},
		{"the commit is refused", []scripted{{command: "commitTransaction", reply: steppedDownInTransaction}},
			2, nil, []string{"insert", "commitTransaction", "insert", "commitTransaction"}},
		{"there is no end to it", []scripted{{command: "insert", reply: steppedDownInTransaction}, {command: "abortTransaction", reply: steppedDownInTransaction},
			{command: "insert", reply: steppedDownInTransaction}, {command: "abortTransaction", reply: steppedDownInTransaction},
			{command: "insert", reply: steppedDownInTransaction}},
			3, store.ErrUnavailable, nil},
		{"another writer was first", []scripted{{command: "insert", reply: failed(112, "WriteConflict", "TransientTransactionError")}},
			1, store.ErrConflict, []string{"insert", "abortTransaction"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, s := openProxied(t)
			p.play(c.script...)
			runs := 0
			id := bson.NewObjectID()
			err := s.Transaction(t.Context(), func(ctx context.Context) error {
				runs++
				return s.Insert(ctx, "c", raw(t, bson.D{{Key: "_id", Value: id}}))
			})
			if runs != c.runs || !errors.Is(err, c.want) {
				t.Errorf("%d runs and %v, want %d and %v", runs, err, c.runs, c.want)
			}
			if got := p.commands("insert", "commitTransaction", "abortTransaction"); c.sent != nil && !slices.Equal(got, c.sent) {
				t.Errorf("the server got %v, want %v", got, c.sent)
			}
			p.play()
			n, err := s.Count(t.Context(), "c", store.Count{Filter: bson.D{{Key: "_id", Value: id}}})
			if want := int64(1); err != nil || (n == want) != (c.want == nil) {
				t.Errorf("%d documents, %v", n, err)
			}
		})
	}
}

// A server that has no transactions says so in words that lead somewhere.
func TestTransactionOnAStandaloneServer(t *testing.T) {
	t.Parallel()
	p, s := openProxied(t)
	p.play(scripted{command: "insert", reply: bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: int32(20)}, {Key: "codeName", Value: "IllegalOperation"},
		{Key: "errmsg", Value: "Transaction numbers are only allowed on a replica set member or mongos"}}})
	err := s.Transaction(t.Context(), func(ctx context.Context) error {
		return s.Insert(ctx, "c", raw(t, bson.D{{Key: "_id", Value: 1}}))
	})
	request, ok := errors.AsType[*store.RequestError](err)
	if !ok || request.Code != 20 || !strings.Contains(request.Message, "replica set") {
		t.Errorf("error is %v", err)
	}
}

func raw(t *testing.T, d bson.D) bson.Raw {
	t.Helper()
	doc, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
