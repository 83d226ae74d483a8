package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// serveMongo serves a new embedded store over MongoDB's wire protocol, until stop
// is called, and returns its address; start serves it again.
func serveMongo(t *testing.T) (at string, stop, start func()) {
	t.Helper()
	documents, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), SweepInterval: -1})
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:0"
	end := func() {}
	begin := func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		address = l.Addr().String()
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			ended <- mongowire.New(mongowire.Single{Name: "parse", Database: documents}, mongowire.Options{}).Serve(ctx, l)
		}()
		end = sync.OnceFunc(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("serve: %v", err)
			}
		})
	}
	begin()
	t.Cleanup(func() {
		end()
		if err := documents.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return address, func() { end() }, begin
}

// onMongo is a configuration of an app on the MongoDB at an address.
func onMongo(t *testing.T, address, prefix string) *config.App {
	c := configured(t)
	c.Keys.MasterIPs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	c.Database = config.Database{
		Engine: config.MongoDB, URI: "mongodb://" + address + "/parse?serverSelectionTimeoutMS=200", CollectionPrefix: prefix,
		EnableSchemaHooks: true, Indexes: config.SystemIndexes{UserUsername: true},
	}
	return c
}

func openNode(t *testing.T, c *config.App) *App {
	t.Helper()
	a := open(t, c)
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// eventually asks until the answer is the one wanted.
func eventually(t *testing.T, a *App, method, path, body string, status int, want string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		got, answer := ask(a, method, path, body)
		if got == status && strings.Contains(answer, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s answers %d %s, want %d …%s…", method, path, got, answer, status, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What one process does to the schema holds in the others, with nothing started anew.
func TestNodesShareTheSchema(t *testing.T) {
	address, _, _ := serveMongo(t)
	here, there := openNode(t, onMongo(t, address, "")), openNode(t, onMongo(t, address, ""))
	if status, body := ask(here, "POST", "/classes/Note", `{"text":"a","n":1}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	eventually(t, there, "GET", "/classes/Note", "", 200, `"text":"a"`)
	if status, body := ask(there, "POST", "/classes/Note", `{"text":1}`); status != 400 || !strings.Contains(body, "schema mismatch") {
		t.Errorf("a field of another type: %d %s", status, body)
	}

	change := `{"classLevelPermissions":{"find":{},"create":{"*":true}}}`
	if status, body := askWith(here, "PUT", "/schemas/Note", change, "master"); status != 200 {
		t.Fatalf("change permissions: %d %s", status, body)
	}
	eventually(t, there, "GET", "/classes/Note", "", 400, `"code":119`)

	// A field that was deleted and made anew has another type.
	for _, body := range []string{`{"fields":{"n":{"__op":"Delete"}}}`, `{"fields":{"n":{"type":"String"}}}`} {
		if status, body := askWith(here, "PUT", "/schemas/Note", body, "master"); status != 200 {
			t.Fatalf("change fields: %d %s", status, body)
		}
	}
	eventually(t, there, "POST", "/classes/Note", `{"n":"text"}`, 201, "objectId")
}

// Who comes by the door for MongoDB's tools changes the classes of an embedded store.
func TestFollowOnTheEmbeddedStore(t *testing.T) {
	a := openNode(t, configured(t))
	a.Follow()
	if status, body := ask(a, "POST", "/classes/Note", `{"text":"a"}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	_, err := a.store.Update(t.Context(), "_SCHEMA", store.Update{
		Filter: bson.D{{Key: "_id", Value: "Note"}},
		Change: bson.D{{Key: "$set", Value: bson.D{{Key: "_metadata.class_permissions", Value: bson.D{{Key: "get", Value: bson.D{}}}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, a, "GET", "/classes/Note", "", 400, `"code":119`)
}

// Apps of one database with prefixes of their own see nothing of each other:
// objects, users' names, classes, relations.
func TestPrefixedAppsBesideOneWithout(t *testing.T) {
	address, _, _ := serveMongo(t)
	plain, one := openNode(t, onMongo(t, address, "")), openNode(t, onMongo(t, address, "one_"))
	for name, a := range map[string]*App{"plain": plain, "one_": one} {
		status, body := ask(a, "POST", "/classes/Note", `{"of":"`+name+`"}`)
		if status != 201 {
			t.Fatalf("create: %d %s", status, body)
		}
		_, id, _ := strings.Cut(body, `"objectId":"`)
		id = id[:12]
		status, body = ask(a, "POST", "/classes/List", `{"notes":{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"Note","objectId":"`+id+`"}]}}`)
		if status != 201 {
			t.Fatalf("relate: %d %s", status, body)
		}
	}
	if status, body := ask(one, "POST", "/classes/OnlyHere", `{"a":1}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	for name, a := range map[string]*App{"plain": plain, "one_": one} {
		if _, body := ask(a, "GET", "/classes/Note", ""); strings.Count(body, "objectId") != 1 || !strings.Contains(body, `"of":"`+name+`"`) {
			t.Errorf("app %s finds %s", name, body)
		}
	}
	names, err := plain.store.Collections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := " " + strings.Join(names, " ") + " "
	for _, collection := range []string{"_SCHEMA", "_User", "Note", "List", "_Join:notes:List", "_LoamMigration", "_Session"} {
		for _, prefix := range []string{"", "one_"} {
			if !strings.Contains(all, " "+prefix+collection+" ") {
				t.Errorf("%s is not among the collections%s", prefix+collection, all)
			}
		}
	}
	if status, body := ask(plain, "GET", "/classes/OnlyHere", ""); !strings.Contains(body, `"results":[]`) && status != 400 {
		t.Errorf("the other app's class: %d %s", status, body)
	}
	if strings.Contains(all, " OnlyHere ") {
		t.Errorf("a class of the prefixed app is among%s", all)
	}
}

// A database that goes makes requests fail soon, with words that tell nothing of
// the inside; when it is back, so is the app.
func TestDatabaseGoneAndBack(t *testing.T) {
	address, stop, start := serveMongo(t)
	a := openNode(t, onMongo(t, address, ""))
	if status, body := ask(a, "POST", "/classes/Note", `{"text":"kept"}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	stop()
	const gone = `{"code":1,"error":"The database is not available; try again later."}`
	for _, request := range [][3]string{
		{"GET", "/classes/Note", ""}, {"POST", "/classes/Note", `{"text":"lost"}`},
		{"PUT", "/classes/Note/abcdefghijkl", `{"text":"lost"}`}, {"DELETE", "/classes/Note/abcdefghijkl", ""},
		{"POST", "/classes/New", `{"a":1}`},
	} {
		if status, body := ask(a, request[0], request[1], request[2]); status != 503 || body != gone {
			t.Errorf("%s %s: %d %s", request[0], request[1], status, body)
		}
	}
	if err := a.Ready(t.Context()); err == nil {
		t.Error("the app calls itself ready")
	}
	start()
	eventually(t, a, "GET", "/classes/Note", "", 200, `"text":"kept"`)
	if err := a.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

// An app whose database is not there does not open, and the reason holds no
// password.
func TestAppWithoutItsDatabase(t *testing.T) {
	c := onMongo(t, "127.0.0.1:1", "")
	c.Database.URI = "mongodb://someone:secret@127.0.0.1:1/parse?serverSelectionTimeoutMS=50"
	_, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil || strings.Contains(err.Error(), "secret") || errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// Processes that start at once on an empty database prepare it together, and each
// serves all of it.
func TestAdvisory_I16_ProcessesThatStartAtOnce(t *testing.T) {
	address, _, _ := serveMongo(t)
	nodes := make([]*App, 4)
	var starts sync.WaitGroup
	for i := range nodes {
		c := onMongo(t, address, "")
		starts.Go(func() {
			var err error
			if nodes[i], err = Open(context.Background(), c, slog.New(slog.DiscardHandler)); err != nil {
				t.Errorf("node %d does not start: %v", i, err)
				return
			}
			if status, body := ask(nodes[i], "POST", "/classes/Note", `{"n":1}`); status != 201 {
				t.Errorf("node %d: %d %s", i, status, body)
			}
		})
	}
	starts.Wait()
	for i, node := range nodes {
		if node == nil {
			continue
		}
		if status, body := ask(node, "GET", "/classes/Note?count=1&limit=0", ""); status != 200 || !strings.Contains(body, `"count":4`) {
			t.Errorf("node %d: %d %s", i, status, body)
		}
		for _, class := range []string{"_User", "_Role"} {
			if status, body := askWith(node, "GET", "/schemas/"+class, "", "master"); status != 200 || !strings.Contains(body, class) {
				t.Errorf("node %d, %s: %d %s", i, class, status, body)
			}
		}
		if err := node.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
