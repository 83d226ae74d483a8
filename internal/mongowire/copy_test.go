package mongowire

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/store"
)

// copied are the documents that a copy must leave as they are, byte by byte.
var copied = []string{
	`{"_id":1,"b":1,"a":{"z":1,"y":[1,{"$numberLong":"1"},1.0,{"$numberDecimal":"1.0"},{"$numberDecimal":"1.00"}]}}`,
	`{"_id":{"$oid":"000000000000000000000001"},"when":{"$date":{"$numberLong":"-1"}},"none":null,"yes":true}`,
	`{"_id":"text","bytes":{"$binary":{"base64":"AAEC","subType":"80"}},"uuid":{"$binary":{"base64":"AAECAwQFBgcICQoLDA0ODw==","subType":"04"}}}`,
	`{"_id":{"b":1,"a":2},"pattern":{"$regularExpression":{"pattern":"^a","options":"im"}},"code":{"$code":"f()"},"scoped":{"$code":"f","$scope":{"x":1}}}`,
	`{"_id":1.5,"nan":{"$numberDouble":"NaN"},"minus0":{"$numberDouble":"-0.0"},"inf":{"$numberDouble":"Infinity"},"stamp":{"$timestamp":{"t":1,"i":2}}}`,
	`{"_id":null,"min":{"$minKey":1},"max":{"$maxKey":1},"symbol":{"$symbol":"s"},"undefined":{"$undefined":true},"empty":{},"list":[],"":"no name","a.b":"a dot","$c":1}`,
	`{"_id":"parse","_p_author":"_User$abc","_rperm":["*"],"_wperm":[],"_acl":{"*":{"r":true}},"location":[10.0,20.0],"_created_at":{"$date":"2026-01-01T00:00:00Z"}}`,
}

// TestCopy copies a database as mongodump and mongorestore do, with the commands
// that these send. Where they are installed, TestMongoTools runs them themselves.
func TestCopy(t *testing.T) {
	from, to := start(t, Options{}), start(t, Options{})
	fillForCopy(t, from.store)
	source, target := from.database(t), to.database(t)
	for _, name := range names(t, source) {
		var specs []bson.Raw
		readAll(t, source, bson.D{{Key: "listIndexes", Value: name}}, &specs)
		mustRun(t, target, bson.D{{Key: "create", Value: name}, {Key: "idIndex", Value: specs[0]}})
		var docs []bson.Raw
		readAll(t, source, bson.D{{Key: "find", Value: name}, {Key: "hint", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "noCursorTimeout", Value: true}}, &docs)
		for len(docs) > 0 {
			n := min(len(docs), 1000)
			mustRun(t, target, bson.D{
				{Key: "insert", Value: name}, {Key: "documents", Value: docs[:n]}, {Key: "ordered", Value: false},
				{Key: "bypassDocumentValidation", Value: true}, {Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}}},
			})
			docs = docs[n:]
		}
		if len(specs) > 1 {
			mustRun(t, target, bson.D{{Key: "createIndexes", Value: name}, {Key: "indexes", Value: specs[1:]}, {Key: "ignoreUnknownIndexOptions", Value: true}})
		}
	}
	wantSame(t, from.store, to.store)
}

// TestMongoTools copies a database with mongodump and mongorestore, where they are
// installed: the Go module proxy of the project's machines does not have them.
func TestMongoTools(t *testing.T) {
	for _, tool := range []string{"mongodump", "mongorestore"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs mongodump and mongorestore: TestCopy sends what they send")
		}
	}
	from, to := start(t, Options{}), start(t, Options{})
	fillForCopy(t, from.store)
	archive := filepath.Join(t.TempDir(), "archive")
	for _, args := range [][]string{
		{"mongodump", "--uri", "mongodb://" + from.address, "--db", "test", "--archive=" + archive},
		{"mongorestore", "--uri", "mongodb://" + to.address, "--archive=" + archive},
	} {
		if output, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, output)
		}
	}
	wantSame(t, from.store, to.store)
}

// fillForCopy makes collections with documents and indexes of all kinds.
func fillForCopy(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, json := range copied {
		must(s.Insert(ctx, "types", doc(t, json)))
	}
	var many []bson.Raw
	for i := range 3000 {
		raw, err := bson.Marshal(bson.D{{Key: "_id", Value: i}, {Key: "x", Value: strings.Repeat("x", i%300)}})
		must(err)
		many = append(many, raw)
	}
	must(s.Insert(ctx, "many", many...))
	large, err := bson.Marshal(bson.D{{Key: "_id", Value: 1}, {Key: "x", Value: make([]byte, 15<<20)}})
	must(err)
	must(s.Insert(ctx, "_Join:users:_Role", large))
	seconds := int32(3600)
	key := func(field string, kind any) bson.D { return bson.D{{Key: field, Value: kind}} }
	must(s.CreateIndexes(ctx, "types",
		store.Index{Name: "compound", Keys: bson.D{{Key: "b", Value: int32(1)}, {Key: "a.z", Value: int32(-1)}}},
		store.Index{Name: "unique", Keys: key("u", int32(1)), Unique: true, Sparse: true},
		store.Index{Name: "ttl", Keys: key("when2", int32(1)), ExpireAfterSeconds: &seconds},
		store.Index{Name: "partial", Keys: key("p", int32(1)), Partial: key("p", bson.D{{Key: "$gt", Value: int32(5)}})},
		store.Index{Name: "case_insensitive_name", Keys: key("name", int32(1)), CaseInsensitive: true},
		store.Index{Name: "plane", Keys: key("location", "2d")},
		store.Index{Name: "sphere", Keys: key("place", "2dsphere")},
		store.Index{Name: "words", Keys: key("words", "text")},
	))
	must(s.CreateIndexes(ctx, "empty", store.Index{Name: "i", Keys: key("i", int32(1))}))
}

// wantSame fails the test unless two stores have the same documents and indexes.
func wantSame(t *testing.T, from, to store.Store) {
	t.Helper()
	want, err := from.Collections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := to.Collections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("the collections are %v, want %v", got, want)
	}
	for _, name := range want {
		a, b := contents(t, from, name), contents(t, to, name)
		if len(a) != len(b) {
			t.Errorf("%s has %d documents and indexes, want %d", name, len(b), len(a))
			continue
		}
		for i := range a {
			if !bytes.Equal(a[i], b[i]) {
				t.Errorf("%s:\ngot  %.300s\nwant %.300s", name, b[i], a[i])
			}
		}
	}
}

// contents are the documents of a collection in the order of their _ids, and
// then its indexes.
func contents(t *testing.T, s store.Store, name string) (all []bson.Raw) {
	t.Helper()
	err := s.Find(t.Context(), name, store.Find{Sort: bson.D{{Key: "_id", Value: int32(1)}}}, func(doc bson.Raw) error {
		all = append(all, bytes.Clone(doc))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	indexes, err := s.Indexes(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, ix := range indexes {
		raw, err := bson.Marshal(describe(ix))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}

// database connects the driver.
func (r *running) database(t *testing.T) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + r.address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database("test")
}

func names(t *testing.T, db *mongo.Database) []string {
	t.Helper()
	list, err := db.ListCollectionSpecifications(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		if c.Type != "collection" {
			t.Errorf("%s is a %s", c.Name, c.Type)
		}
		names = append(names, c.Name)
	}
	return names
}

func mustRun(t *testing.T, db *mongo.Database, c bson.D) {
	t.Helper()
	reply, err := db.RunCommand(t.Context(), c).Raw()
	if err != nil {
		t.Fatalf("%s: %v", c[0].Key, err)
	}
	if failed, err := reply.LookupErr("writeErrors"); err == nil {
		t.Fatalf("%s: %s", c[0].Key, failed)
	}
}

func readAll(t *testing.T, db *mongo.Database, c bson.D, all any) {
	t.Helper()
	cursor, err := db.RunCommandCursor(t.Context(), c)
	if err != nil {
		t.Fatalf("%s: %v", c[0].Key, err)
	}
	if err := cursor.All(t.Context(), all); err != nil {
		t.Fatalf("%s: %v", c[0].Key, err)
	}
}
