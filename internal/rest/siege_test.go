package rest_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
	"github.com/loam-baas/loam/internal/store/mongo"
)

// siege is an app on an embedded store as attackers find it: the door, the gate
// and the store are real. The users alice, bob and carol are signed in; carol has
// the role admin.
type siege struct {
	*rest.Handler
	engine *engine.Engine
	t      *testing.T
}

func besiege(t *testing.T, change ...func(*engine.Options)) *siege {
	t.Helper()
	return besiegeStore(t, embeddedStore(t), change...)
}

func embeddedStore(t *testing.T) store.Store {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), Durability: embedded.Normal})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, s)
	return s
}

// mongoStore is the MongoDB driver's, over the wire protocol of an embedded store.
func mongoStore(t *testing.T) store.Store {
	t.Helper()
	documents := embeddedStore(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- mongowire.New(mongowire.Single{Name: "siege", Database: documents}, mongowire.Options{}).Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	s, err := mongo.Open(t.Context(), mongo.Options{URI: "mongodb://" + listener.Addr().String() + "/siege"})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, s)
	return s
}

func closeAtEnd(t *testing.T, s store.Store) {
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
}

func besiegeStore(t *testing.T, documents store.Store, change ...func(*engine.Options)) *siege {
	t.Helper()
	catalog, err := schema.Open(t.Context(), documents, schema.Options{ProtectedFields: map[string]map[string][]string{"_User": {"*": {"email"}}}})
	if err != nil {
		t.Fatal(err)
	}
	o := engine.Options{
		Store: documents, Catalog: catalog, AllowClientClassCreation: true, SanitizeErrors: true, ProtectedFieldsOwnerExempt: true,
		Limits: query.Limits{QueryDepth: 10, SubqueryDepth: 10, IncludeDepth: 10, IncludeCount: 100, WhereNodes: 1000, InValues: 10000, RegexLength: 1024},
		FileURL: func(dst []byte, name string) []byte {
			return append(append(dst, "http://localhost/files/"...), name...)
		},
	}
	for _, f := range change {
		f(&o)
	}
	denylist, err := rest.NewDenylist([]config.Keyword{{Key: "_bsontype", Value: "Code", HasValue: true}, {Key: "constructor"}, {Key: "__proto__"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &siege{engine: engine.New(o), t: t}
	s.Handler = rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20}, rest.NewApp(rest.AppOptions{
		ID: "app", Engine: s.engine, Keys: masterKeys, Denylist: denylist, SanitizeErrors: true, Limits: parse.Limits{Depth: 64, Keys: 100000}}))
	s.schema("_Session", `{}`)
	for _, user := range []string{"alice", "bob", "carol"} {
		s.insert("_User", bson.D{{Key: "_id", Value: user}, {Key: "username", Value: user}, {Key: "email", Value: user + "@example.com"},
			{Key: "_hashed_password", Value: "$2a$10$" + user}, {Key: "_perishable_token", Value: "reset-" + user}})
		s.insert("_Session", bson.D{{Key: "_id", Value: "session-" + user}, {Key: "_session_token", Value: "r:" + user}, {Key: "_p_user", Value: "_User$" + user}})
	}
	s.insert("_Role", bson.D{{Key: "_id", Value: "admins"}, {Key: "name", Value: "admin"}})
	s.insert("_Join:users:_Role", bson.D{{Key: "_id", Value: "j"}, {Key: "relatedId", Value: "carol"}, {Key: "owningId", Value: "admins"}})
	return s
}

// insert puts a stored document past the gate.
func (s *siege) insert(collection string, doc bson.D) {
	s.t.Helper()
	raw, err := bson.Marshal(doc)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.engine.Store.Insert(s.t.Context(), collection, raw); err != nil {
		s.t.Fatal(err)
	}
}

// schema makes a class that is as the definition says.
func (s *siege) schema(class, definition string) {
	s.t.Helper()
	if o := s.once(with(master), "POST", "/schemas/"+class, definition); o.status != http.StatusOK {
		s.t.Fatalf("schema of %s: %d %s", class, o.status, o.body)
	}
}

// create makes an object, as master, and returns its id.
func (s *siege) create(class, body string) string {
	s.t.Helper()
	o := s.once(with(master), "POST", "/classes/"+class, body)
	id, _ := o.member("objectId").(string)
	if o.status != http.StatusCreated || id == "" {
		s.t.Fatalf("create %s in %s: %d %s", body, class, o.status, o.body)
	}
	return id
}

// as is the header of a signed-in user.
func as(user string) []string { return with("X-Parse-Session-Token: r:" + user) }

// outcome is what came of a request that went one of the ways to a route.
type outcome struct {
	way    string
	status int
	body   string
}

func (o outcome) member(name string) any {
	var members map[string]any
	_ = json.Unmarshal([]byte(o.body), &members) // what is no object has no members
	return members[name]
}

// code is that of an error, or 0.
func (o outcome) code() parse.Code {
	code, _ := o.member("code").(float64)
	return parse.Code(code)
}

// once sends a request as it is. A GET's body is the object of its parameters.
func (s *siege) once(header []string, method, path, body string) outcome {
	s.t.Helper()
	if method == http.MethodGet && body != "" {
		path, body = path+"?"+queryOf(s.t, body), ""
	}
	status, answer := knock(s.Handler, scenario{request: method + " /parse" + path, header: header, body: body})
	return outcome{"directly", status, answer}
}

// queryOf writes parameters as those of a URL.
func queryOf(t *testing.T, body string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	values := url.Values{}
	for name, raw := range members {
		text := string(raw)
		if unquoted, err := strconv.Unquote(text); err == nil {
			text = unquoted
		}
		values.Set(name, text)
	}
	return values.Encode()
}

// ask sends the same request in every way that leads to its route: by itself, as
// a POST that names the method, and in a batch.
func (s *siege) ask(header []string, method, path, body string) []outcome {
	s.t.Helper()
	all := []outcome{s.once(header, method, path, body)}
	if body == "" {
		body = "{}"
	}
	members := strings.TrimPrefix(body, "{")
	if members != "}" {
		members = "," + members
	}
	status, answer := knock(s.Handler, scenario{request: "POST /parse" + path, header: header, body: `{"_method":"` + method + `"` + members})
	all = append(all, outcome{"by _method", status, answer})
	status, answer = knock(s.Handler, scenario{request: "POST /parse/batch", header: header,
		body: `{"requests":[{"method":"` + method + `","path":"/parse` + path + `","body":` + body + `}]}`})
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(answer), &list); err == nil && len(list) == 1 {
		if success, ok := list[0]["success"]; ok {
			answer = string(success)
		} else {
			status, answer = http.StatusBadRequest, string(list[0]["error"])
		}
	}
	return append(all, outcome{"in a batch", status, answer})
}

// refuses asks in every way; none may get through, and the code of each refusal
// is one of these.
func (s *siege) refuses(header []string, method, path, body string, codes ...parse.Code) {
	s.t.Helper()
	for _, o := range s.ask(header, method, path, body) {
		if o.status < 400 || o.status >= 500 || !slices.Contains(codes, o.code()) {
			s.t.Errorf("%s, %s %s %s: got %d %s, want a refusal with a code of %v", o.way, method, path, body, o.status, o.body, codes)
		}
	}
}

// finds asks in every way for a find, which must find as many objects.
func (s *siege) finds(header []string, path, params string, n int) {
	s.t.Helper()
	for _, o := range s.ask(header, "GET", path, params) {
		results, ok := o.member("results").([]any)
		if count, counted := o.member("count").(float64); !ok || len(results) != n || counted && int(count) != n {
			s.t.Errorf("%s, %s %s: got %d %s, want %d objects", o.way, path, params, o.status, o.body, n)
		}
	}
}

// keepsFrom asks in every way for what must not tell some of the words.
func (s *siege) keepsFrom(header []string, method, path, body string, words ...string) {
	s.t.Helper()
	for _, o := range s.ask(header, method, path, body) {
		for _, word := range words {
			if strings.Contains(o.body, word) {
				s.t.Errorf("%s, %s %s %s tells %s: %d %s", o.way, method, path, body, word, o.status, o.body)
			}
		}
	}
}

var _ http.Handler = (*siege)(nil)

// server serves the app over HTTP, for what a recorder does not show.
func (s *siege) server() *httptest.Server {
	server := httptest.NewServer(s.Handler)
	s.t.Cleanup(server.Close)
	return server
}
