package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// things is the number of objects that benchmarks read from, each of 12 fields
// and about 600 bytes of BSON.
const things = 2000

func thing(i int) string {
	return fmt.Sprintf(`{"title":"Title of object %d","category":"category-%d","score":%d,"ratio":%d.25,"active":%t,
		"when":{"__type":"Date","iso":"2026-01-02T03:04:05.678Z"},"tags":["red","green","blue"],"owner":{"__type":"Pointer","className":"_User","objectId":"user%d"},
		"place":{"__type":"GeoPoint","latitude":48.5,"longitude":16.25},"details":{"color":"red","size":%d,"list":[1,2,3]},
		"text":"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.","note":"short"}`,
		i, i%20, i%1000, i, i%2 == 0, i%50, i)
}

// newEngine is an engine over an embedded store with n things in it.
func newEngine(tb testing.TB, n int) (e *engine.Engine, ids []string) {
	tb.Helper()
	ctx := context.Background()
	s, err := embedded.Open(ctx, embedded.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close(ctx) })
	catalog, err := schema.Open(ctx, s, schema.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	e = engine.New(engine.Options{Store: s, Catalog: catalog, AllowClientClassCreation: true, SanitizeErrors: true})
	for i := range n {
		body, err := parse.DecodeObject([]byte(thing(i)), parse.Limits{})
		if err != nil {
			tb.Fatal(err)
		}
		made, err := e.Create(ctx, engine.Caller{}, "Thing", body)
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, made.ObjectID)
	}
	return e, ids
}

// BenchmarkGetHTTP sets a get by id, from the connection to the store and back,
// against a chi handler that answers a constant body of the same size.
func BenchmarkGetHTTP(b *testing.B) {
	e, ids := newEngine(b, things)
	door := rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20}, rest.NewApp(rest.AppOptions{ID: "app", Engine: e, Keys: masterKeys}))
	header := "Host: localhost\r\nX-Parse-Application-Id: app\r\nX-Parse-REST-API-Key: rest\r\n\r\n"
	requests := make([][]byte, len(ids))
	for i, id := range ids {
		requests[i] = []byte("GET /parse/classes/Thing/" + id + " HTTP/1.1\r\n" + header)
	}
	answer := httptest.NewRecorder()
	door.ServeHTTP(answer, scenario{request: "GET /parse/classes/Thing/" + ids[0], header: with()}.http())
	if answer.Code != http.StatusOK {
		b.Fatalf("%d %s", answer.Code, answer.Body)
	}
	constant := chi.NewRouter()
	constant.Get("/parse/classes/{class}/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(answer.Body.Bytes())
	})
	b.Run("loam", func(b *testing.B) { bombard(b, door, requests) })
	b.Run("constant", func(b *testing.B) { bombard(b, constant, requests) })
}

// bombard sends requests over connections that are kept, with a client that
// costs as little as can be.
func bombard(b *testing.B, handler http.Handler, requests [][]byte) {
	server := httptest.NewServer(handler)
	defer server.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for i := 0; pb.Next(); i++ {
			if _, err := conn.Write(requests[i%len(requests)]); err != nil {
				b.Error(err)
				return
			}
			if err := skipResponse(in); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// skipResponse reads one response whose length is given.
func skipResponse(in *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %s", line)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length = 0
			for _, digit := range bytes.TrimSpace(value) {
				length = length*10 + int(digit-'0')
			}
		}
		if len(line) == 2 {
			break
		}
	}
	if length < 0 {
		return fmt.Errorf("a response without its length")
	}
	_, err := io.CopyN(io.Discard, in, int64(length))
	return err
}

// nowhere is a writer of responses that keeps nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkDoor is what the door itself takes of a get by id.
func BenchmarkDoor(b *testing.B) {
	d := newDoor(b, nil)
	d.engine.discard = true
	r := scenario{request: "GET /parse/classes/Thing/0123456789", header: with("X-Parse-REST-API-Key: rest", "User-Agent: x", "Accept: */*")}.http()
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		d.ServeHTTP(w, r)
	}
}
