package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/loam-baas/loam/internal/store"
)

func raw(t *testing.T, d bson.D) bson.Raw {
	t.Helper()
	doc, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestMapError(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error // that the result wraps
	}{
		{"disconnected", mongo.ErrClientDisconnected, store.ErrClosed},
		{"cancelled", fmt.Errorf("wrapped: %w", context.Canceled), context.Canceled},
		{"server selection", topology.ServerSelectionError{Wrapped: errors.New("nobody there")}, store.ErrUnavailable},
		{"connection", topology.ConnectionError{Wrapped: errors.New("reset")}, store.ErrUnavailable},
		{"network label", mongo.CommandError{Labels: []string{"NetworkError"}}, store.ErrUnavailable},
		{"stepped down", mongo.CommandError{Code: 10107, Labels: []string{"RetryableWriteError"}}, store.ErrUnavailable},
		{"unknown outcome of a commit", mongo.CommandError{Code: 1, Labels: []string{"UnknownTransactionCommitResult"}}, store.ErrUnavailable},
		{"write conflict", mongo.CommandError{Code: 112}, store.ErrConflict},
		{"write conflict of a statement", mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 112}}}, store.ErrConflict},
		{"transient transaction error", mongo.CommandError{Code: 1, Labels: []string{"TransientTransactionError"}}, store.ErrConflict},
		{"stepped down in a transaction", mongo.CommandError{Code: 10107, Labels: []string{"TransientTransactionError"}}, store.ErrUnavailable},
		{"transaction gone", mongo.CommandError{Code: 251}, store.ErrConflict},
		{"collection not found", mongo.CommandError{Code: 26}, store.ErrNotFound},
		{"index options", mongo.CommandError{Code: 85}, store.ErrIndexConflict},
		{"index keys", mongo.CommandError{Code: 86}, store.ErrIndexConflict},
		{"too slow for the server", mongo.CommandError{Code: 50}, context.DeadlineExceeded},
		{"too slow for the server's own limit", mongo.CommandError{Code: 262}, context.DeadlineExceeded},
		{"a lock not had in time", mongo.CommandError{Code: 24}, store.ErrConflict},
		{"transaction too old", mongo.CommandError{Code: 225}, store.ErrConflict},
		{"transaction too long", mongo.CommandError{Code: 290}, store.ErrConflict},
		{"read from one that stepped down", mongo.CommandError{Code: 189}, store.ErrUnavailable},
		{"read from a former primary", mongo.CommandError{Code: 13435}, store.ErrUnavailable},
		{"read while recovering", mongo.CommandError{Code: 13436}, store.ErrUnavailable},
		{"shutdown", mongo.CommandError{Code: 91}, store.ErrUnavailable},
		{"interrupted by a shutdown", mongo.CommandError{Code: 11600}, store.ErrUnavailable},
		{"interrupted by an election", mongo.CommandError{Code: 11602}, store.ErrUnavailable},
		{"no member fits the read preference", mongo.CommandError{Code: 133}, store.ErrUnavailable},
		{"an unreachable shard", mongo.CommandError{Code: 6}, store.ErrUnavailable},
		{"cursor gone with its server", mongo.CommandError{Code: 43}, store.ErrUnavailable},
		{"too many requests", mongo.CommandError{Code: 462, Labels: []string{"SystemOverloadedError"}}, store.ErrUnavailable},
		{"not confirmed by other members in time", mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}}, store.ErrUnavailable},
		{"not confirmed, the primary stepped down", mongo.BulkWriteException{WriteConcernError: &mongo.WriteConcernError{Code: 10107}}, store.ErrUnavailable},
		{"history lost", mongo.CommandError{Code: 286}, store.ErrHistoryLost},
		{"change stream broken for good", mongo.CommandError{Code: 280}, store.ErrHistoryLost},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mapError(c.err, "c")
			if !errors.Is(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if mapError(nil, "c") != nil {
		t.Error("no error became one")
	}
}

func TestMapErrorToRequestError(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want int32 // 0: no RequestError
	}{
		{"bad value", mongo.CommandError{Code: 2, Message: "unknown operator: $foo"}, 2},
		{"failed to parse", mongo.CommandError{Code: 9}, 9},
		{"type mismatch of a statement", mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 14}}}, 14},
		{"immutable field in a batch", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{{WriteError: mongo.WriteError{Code: 66}}}}, 66},
		{"conflicting operators", mongo.CommandError{Code: 40}, 40},
		{"an assertion about the request", mongo.CommandError{Code: 51091}, 51091},
		{"document too large, says the driver", driver.ErrDocumentTooLarge, 10334},
		{"document too large, says the server", mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 10334}}}, 10334},
		{"no plan for a query", mongo.CommandError{Code: 291, Message: "error processing query: ns=app.c"}, 291},
		{"no plan for a write's filter", mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 291}}}, 291},
		{"too much memory", mongo.CommandError{Code: 292}, 292},
		{"no token", mongo.CommandError{Code: 260}, 260},
		{"unauthorized", mongo.CommandError{Code: 13}, 0},
		{"authentication failed", mongo.CommandError{Code: 18}, 0},
		{"unknown write concern", mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 79}}, 0},
		{"internal error", mongo.CommandError{Code: 1}, 0},
		{"disk full", mongo.CommandError{Code: 14031}, 0},
		{"interrupted", mongo.CommandError{Code: 11601}, 0},
		{"something else", errors.New("boom"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mapError(c.err, "c")
			request, ok := errors.AsType[*store.RequestError](got)
			switch {
			case ok != (c.want != 0):
				t.Errorf("got %v", got)
			case ok && request.Code != c.want:
				t.Errorf("code is %d, want %d", request.Code, c.want)
			case !ok && !errors.Is(got, c.err) && got.Error() == "":
				t.Errorf("the cause is lost in %v", got)
			}
		})
	}
	got := mapError(mongo.CommandError{Code: 2, Message: "unknown operator: $foo"}, "c")
	if want := "store: unknown operator: $foo"; got.Error() != want {
		t.Errorf("message is %q, want %q", got, want)
	}
}

func TestMapDuplicateKey(t *testing.T) {
	for _, c := range []struct {
		name, message string
		pattern       bson.D
		index         string
		keys          []string
	}{
		{
			"one key", `E11000 duplicate key error collection: test._User index: username_1 dup key: { username: "ann" }`,
			bson.D{{Key: "username", Value: 1}}, "username_1", []string{"username"},
		},
		{
			"several keys", `E11000 duplicate key error collection: test.c index: a b dup key: { a: 1, b.c: "x dup key: y" }`,
			bson.D{{Key: "a", Value: 1}, {Key: "b.c", Value: -1}}, "a b", []string{"a", "b.c"},
		},
		{
			"with a collation", `E11000 duplicate key error collection: test._User index: ci collation: { locale: "en_US", strength: 2 } dup key: { email: "0x2b2d" }`,
			bson.D{{Key: "email", Value: 1}}, "ci", []string{"email"},
		},
		{
			"the primary key", `E11000 duplicate key error collection: test.c index: _id_ dup key: { _id: 1 }`,
			bson.D{{Key: "_id", Value: 1}}, "_id_", []string{"_id"},
		},
		{
			"an old server", `E11000 duplicate key error index: test.c.$name_1 dup key: { : "x" }`,
			nil, "name_1", []string{"name"},
		},
		{
			"an old server, several keys", `E11000 duplicate key error collection: test.c index: _p_owner_1_a.b_-1 dup key: { : "x", : 1 }`,
			nil, "_p_owner_1_a.b_-1", []string{"_p_owner", "a.b"},
		},
		{
			"an old server, the primary key", `E11000 duplicate key error collection: test.c index: _id_ dup key: { : 1 }`,
			nil, "_id_", []string{"_id"},
		},
		{
			"an old server, a name that tells nothing", `E11000 duplicate key error collection: test.c index: mine dup key: { : 1 }`,
			nil, "mine", nil,
		},
	} {
		detail := raw(t, bson.D{{Key: "code", Value: 11000}})
		if c.pattern != nil {
			detail = raw(t, bson.D{{Key: "code", Value: 11000}, {Key: "keyPattern", Value: c.pattern}})
		}
		failed := mongo.WriteError{Code: 11000, Message: c.message, Raw: detail}
		for _, err := range []error{
			mongo.WriteException{WriteErrors: mongo.WriteErrors{failed}},
			mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{{WriteError: failed}}},
			mongo.CommandError{Code: 11000, Message: c.message, Raw: detail},
		} {
			t.Run(fmt.Sprintf("%s as %T", c.name, err), func(t *testing.T) {
				duplicate, ok := errors.AsType[*store.DuplicateKeyError](mapError(err, "c"))
				if !ok {
					t.Fatalf("got %v", mapError(err, "c"))
				}
				if duplicate.Collection != "c" || duplicate.Index != c.index || !slices.Equal(duplicate.Keys, c.keys) {
					t.Errorf("got %+v, want index %s and keys %v", duplicate, c.index, c.keys)
				}
			})
		}
	}
}

// A server that does not answer is found out within the selection timeout, by
// every operation.
func TestUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil { // now nothing listens there
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{URI: "mongodb://" + address + "/test", ServerSelectionTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	doc := raw(t, bson.D{{Key: "_id", Value: 1}})
	change := store.Update{Change: bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: 1}}}}}
	for name, do := range map[string]func() error{
		"Ping":   func() error { return s.Ping(ctx) },
		"Insert": func() error { return s.Insert(ctx, "c", doc) },
		"Find":   func() error { return s.Find(ctx, "c", store.Find{}, func(bson.Raw) error { return nil }) },
		"Count":  func() error { _, err := s.Count(ctx, "c", store.Count{}); return err },
		"Update": func() error { _, err := s.Update(ctx, "c", change); return err },
		"FindAndUpdate": func() error {
			_, err := s.FindAndUpdate(ctx, "c", change, store.After)
			return err
		},
		"Delete":  func() error { _, err := s.Delete(ctx, "c", nil, true); return err },
		"Indexes": func() error { _, err := s.Indexes(ctx, "c"); return err },
		"CreateIndexes": func() error {
			return s.CreateIndexes(ctx, "c", store.Index{Name: "a", Keys: bson.D{{Key: "a", Value: 1}}})
		},
		"Collections": func() error { _, err := s.Collections(ctx); return err },
		"Transaction": func() error {
			return s.Transaction(ctx, func(ctx context.Context) error { return s.Insert(ctx, "c", doc) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := do(); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("error is %v, want store.ErrUnavailable", err)
			}
		})
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Ping(ctx); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close, error is %v", err)
	}
}

func TestOpenRefusesBadURIsWithoutShowingThem(t *testing.T) {
	for _, uri := range []string{"", "localhost", "http://u:secret@h/db", "mongodb://u:secret@h:notaport/db", "mongodb://u:secret@h/db?w=-5&tls=maybe"} {
		_, err := Open(t.Context(), Options{URI: uri})
		if err == nil {
			t.Errorf("%q is accepted", uri)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret") {
			t.Errorf("the error shows the password: %s", text)
		}
	}
}

func TestRequestsThatNeverReachTheServer(t *testing.T) {
	s, err := Open(t.Context(), Options{URI: "mongodb://127.0.0.1:1/test", ServerSelectionTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	ctx := t.Context()
	pass := func(bson.Raw) error { return nil }
	for name, err := range map[string]error{
		"no collection":          s.Find(ctx, "", store.Find{}, pass),
		"null byte":              s.Find(ctx, "a\x00b", store.Find{}, pass),
		"dollar":                 s.Insert(ctx, "a$b", raw(t, bson.D{{Key: "_id", Value: 1}})),
		"no _id":                 s.Insert(ctx, "c", raw(t, bson.D{{Key: "a", Value: 1}})),
		"unknown readPreference": s.Find(ctx, "c", store.Find{ReadPreference: "NEVER"}, pass),
		"index without keys":     s.CreateIndexes(ctx, "c", store.Index{Name: "x"}),
	} {
		if _, ok := errors.AsType[*store.RequestError](err); !ok {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	for _, change := range []bson.D{nil, {{Key: "a", Value: 1}}, {{Key: "$set", Value: bson.D{}}, {Key: "a", Value: 1}}} {
		_, err := s.Update(ctx, "c", store.Update{Change: change})
		if _, ok := errors.AsType[*store.RequestError](err); !ok {
			t.Errorf("%v: error is %v", change, err)
		}
	}
	for _, preference := range []string{"SECONDARY_PREFERRED", "secondaryPreferred", "nearest", "PRIMARY"} {
		if _, err := s.reading(ctx, "c", preference); err != nil {
			t.Errorf("%s: %v", preference, err)
		}
	}
}

func TestIndexOf(t *testing.T) {
	ix, err := indexOf(raw(t, bson.D{
		{Key: "v", Value: 2}, {Key: "key", Value: bson.D{{Key: "a", Value: 1}, {Key: "_fts", Value: "text"}, {Key: "_ftsx", Value: 1}}},
		{Key: "name", Value: "t"}, {Key: "weights", Value: bson.D{{Key: "body", Value: 1}, {Key: "title", Value: 2}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(ix.Keys), fmt.Sprint(bson.D{{Key: "a", Value: int32(1)}, {Key: "body", Value: "text"}, {Key: "title", Value: "text"}}); got != want {
		t.Errorf("keys of a text index are %s, want %s", got, want)
	}
	ix, err = indexOf(raw(t, bson.D{
		{Key: "key", Value: bson.D{{Key: "e", Value: 1}}}, {Key: "name", Value: "e"}, {Key: "expireAfterSeconds", Value: int64(60)},
		{Key: "collation", Value: bson.D{{Key: "locale", Value: "en_US"}, {Key: "strength", Value: 2}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if ix.ExpireAfterSeconds == nil || *ix.ExpireAfterSeconds != 60 || !ix.CaseInsensitive {
		t.Errorf("index is %+v", ix)
	}
}

// What a server says of a request names the database, and quotes stored values:
// clients are told neither.
func TestMessageOf_TellsNothingStored(t *testing.T) {
	for text, want := range map[string]string{
		`Cannot apply $inc to a value of non-numeric type. {_id: "x"} has the field 'secret' of non-numeric type string`:                                                                                       "Cannot apply $inc to a value of non-numeric type.",
		`error processing query: ns=app.Note filter: secret $eq "x" planner returned error: bad hint`:                                                                                                          "error processing query: planner returned error: bad hint",
		`PlanExecutor error during aggregation :: caused by :: Failed to optimize pipeline :: caused by :: $add only supports numeric types`:                                                                   "$add only supports numeric types",
		"error processing query: ns=app.Note limit=5Tree: GEONEAR  field=secret maxdist=1 isNearSphere=0\nSort: {}\nProj: {}\n planner returned error :: caused by :: unable to find index for $geoNear query": "error processing query: planner returned error :: caused by :: unable to find index for $geoNear query",
		"PlanExecutor error during aggregation :: caused by :: error processing query: ns=app.NoteTree: secret $eq {} planner returned error :: caused by :: No query solutions":                               "error processing query: planner returned error :: caused by :: No query solutions",
		`error processing query: ns=app.Note secret $eq "x"`: "error processing query",
		"unknown operator: $fly":                             "unknown operator: $fly",
	} {
		if got := messageOf(text); got != want {
			t.Errorf("%s\ngives %q, want %q", text, got, want)
		}
	}
}
