package parity_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/apitest"
	"github.com/loam-baas/loam/internal/parity"
)

// example is a request of the description, or one of its own, and the example
// that the description has of its answer.
type example struct {
	operation string // as the description has it
	path      string // with its parameters; "" is as the operation's
	by        string
	headers   []string
	query     []string
	request   string // the name of the request's example; "" is none
	status    int
	answer    string // the name of the answer's example; "" is any answer
	as        string // the id that the examples give the object that is made
}

// story tells the examples in an order in which each is true.
var story = []example{
	{operation: "POST /classes/{class}", path: "/classes/Score", request: "score", status: 201, answer: "score", as: "hN3kQa0bWz"},
	{operation: "GET /classes/{class}", path: "/classes/Score", query: []string{"count=1"}, status: 200, answer: "scores"},
	{operation: "PUT /classes/{class}/{id}", path: "/classes/Score/<hN3kQa0bWz>", request: "score", status: 200, answer: "score"},
	{operation: "GET /classes/{class}/{id}", path: "/classes/Score/<hN3kQa0bWz>", status: 200, answer: "score"},
	{operation: "POST /batch", request: "several", status: 200, answer: "several"},
	{operation: "GET /classes/{class}/{id}", path: "/classes/Score/AAAAAAAAAA", status: 404, answer: "notFound"},
	{operation: "GET /classes/{class}/{id}", path: "/classes/_Hooks/AAAAAAAAAA", status: 400, answer: "forbidden"},
	{operation: "GET /classes/{class}", path: "/classes/Score", headers: []string{"X-Parse-Application-Id:"}, status: 403, answer: "unauthorized"},
	{operation: "GET /classes/{class}", path: "/classes/Score", query: []string{`where={"points": {"$gte": 20, "$lt": 50}, "$or": [{"player": "Ada"}, {"team": {"$exists": false}}]}`, "order=-points,player", "keys=player,points"}, status: 200},
	{operation: "GET /aggregate/{class}", path: "/aggregate/Score", by: "master", query: []string{`pipeline=[{"$match": {"points": {"$gt": 5}}}, {"$group": {"_id": "$player", "total": {"$sum": "$points"}}}]`}, status: 200},
	{operation: "POST /classes/{class}", path: "/classes/Thing", request: "types", status: 201},
	{operation: "POST /schemas/{class}", path: "/schemas/Match", by: "master", request: "match", status: 200, answer: "match"},
	{operation: "GET /schemas/{class}", path: "/schemas/Match", by: "master", status: 200, answer: "match"},
	{operation: "PUT /config", by: "master", request: "change", status: 200},
	{operation: "GET /config", status: 200, answer: "config"},
	{operation: "POST /events/{event}", path: "/events/AppOpened", status: 200},
	{operation: "GET /health", status: 200},
	{operation: "POST /users", request: "user", status: 201, answer: "user", as: "u8RtGh3LpQ"},
	{operation: "POST /login", request: "username", status: 200, answer: "user"},
	{operation: "POST /roles", by: "master", request: "staff", status: 201},
	{operation: "POST /installations", request: "phone", status: 201},
	{operation: "POST /loginAs", by: "master", request: "user", status: 200, answer: "user"},
}

var (
	exampleID    = regexp.MustCompile(`hN3kQa0bWz|vT6xYp2cLm|u8RtGh3LpQ`)
	exampleTime  = regexp.MustCompile(`"(createdAt|updatedAt)":"2026-[^"]*"`)
	exampleToken = regexp.MustCompile(`"r:[0-9a-f]{32}"`)
)

// What the description gives as an example of an answer is what Loam answers to
// the example of the request, but for ids, times and tokens.
func TestExamplesAreTrue(t *testing.T) {
	d := description()
	const app = "app"
	loam := startLoam(t, app, appOptions(t)[app], "file://"+filepath.ToSlash(t.TempDir()))
	bindings := parity.Bindings{}
	for _, e := range story {
		method, path, _ := strings.Cut(e.operation, " ")
		if e.path != "" {
			path = e.path
		}
		x := &parity.Exchange{Method: method, Path: path, By: e.by, Headers: e.headers, Parameters: e.query}
		if e.request != "" {
			x.Body = exampleID.ReplaceAllString(exampleText(t, d, e.operation, 0, e.request), "<$0>")
		}
		got, err := loam.Ask(t.Context(), app, x, bindings)
		if err != nil {
			t.Fatal(err)
		}
		want := &parity.Answer{Status: e.status, Headers: got.Headers, Body: "<any>"}
		if e.answer != "" {
			text := exampleText(t, d, e.operation, e.status, e.answer)
			text = exampleTime.ReplaceAllString(text, `"$1":"<date>"`)
			text = exampleToken.ReplaceAllString(text, `"<sessionToken>"`)
			want.Body = exampleID.ReplaceAllStringFunc(text, func(id string) string {
				if _, bound := bindings[id]; bound {
					return "<" + id + ">"
				}
				return "<objectId>"
			})
		}
		if differences := x.Compare(want, got, bindings); len(differences) > 0 {
			t.Errorf("%s %s: the example %s%s is not true:%s\n\tanswer: %d %s", method, path, e.request, e.answer, lines(differences), got.Status, got.Body)
		}
		if e.as != "" {
			if err := bindings.Bind([]string{e.as}, got.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func exampleText(t *testing.T, d *apitest.Description, operation string, status int, name string) string {
	t.Helper()
	v, err := d.Example(operation, status, name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
