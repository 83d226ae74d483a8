package rest_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
)

func TestBatch(t *testing.T) {
	const post = "POST /parse/batch"
	wrong := func(message string) string { return `{"code":107,"error":"` + message + `"}` }
	play(t, newDoor(t, nil), []scenario{
		{name: "one", request: post, header: with(), body: `{"requests":[{"method":"POST","path":"/parse/classes/A","body":{"a":1}}]}`,
			want: `[{"success":{"objectId":"new"}}]`, engine: `client create A {"a":1}`},
		{name: "none", request: post, header: with(), body: `{"requests":[]}`, want: `[]`},
		{name: "no body in it", request: post, header: with(), body: `{"requests":[{"method":"DELETE","path":"/parse/classes/A/x"}]}`, want: `[{"success":{}}]`, engine: "client delete A x"},
		{name: "parameters are in the body", request: post, header: with(), body: `{"requests":[{"method":"GET","path":"/parse/classes/A","body":{"limit":2}}]}`,
			want: `[{"success":{"results":[]}}]`, engine: "client find A limit 2"},
		{name: "credentials and method in the body", request: "POST /parse/batch/", want: `[{"success":{"updatedAt":"now"}}]`, engine: "master update A x {}",
			body: `{"_ApplicationId":"app","_MasterKey":"master","requests":[{"method":"PUT","path":"/parse/classes/A/x","body":{}}]}`},
		{name: "what is refused is refused alone", request: post, header: with(), engine: "client delete A x",
			body: `{"requests":[{"method":"GET","path":"/parse/serverInfo"},{"method":"DELETE","path":"/parse/classes/A/x"},{"method":"POST","path":"/parse/classes/A","body":1}]}`,
			want: `[{"error":{"error":"Permission denied"}},{"success":{}},{"error":{"code":107,"error":"batch request body must be an object"}}]`},
		{name: "no requests", request: post, header: with(), body: `{}`, status: 400, want: wrong("requests must be an array")},
		{name: "no body", request: post, header: with(), status: 400, want: wrong("requests must be an array")},
		{name: "requests that are no array", request: post, header: with(), body: `{"requests":{"length":1}}`, status: 400, want: wrong("requests must be an array")},
		{name: "a path that is no string", request: post, header: with(), body: `{"requests":[{"method":"GET","path":1}]}`, status: 400, want: wrong("batch request path must be a string")},
		{name: "a request that is no object", request: post, header: with(), body: `{"requests":[null]}`, status: 400, want: wrong("batch request path must be a string")},
		{name: "a path without the prefix", request: post, header: with(), body: `{"requests":[{"method":"GET","path":"/classes/A"}]}`, status: 400, want: wrong("cannot route batch path /classes/A")},
		{name: "a path with half the prefix", request: post, header: with(), body: `{"requests":[{"method":"GET","path":"/parsec/A"}]}`, status: 400, want: wrong("cannot route batch path /parsec/A")},
		{name: "a path that climbs", request: post, header: with(), body: `{"requests":[{"method":"GET","path":"/parse/classes/../health"}]}`, status: 400, want: wrong("cannot route GET /health")},
		{name: "an unknown path stops all", request: post, header: with(), status: 400, want: wrong("cannot route POST /nope"),
			body: `{"requests":[{"method":"POST","path":"/parse/classes/A"},{"method":"POST","path":"/parse/nope"}]}`},
		{name: "a method in small letters", request: post, header: with(), body: `{"requests":[{"method":"post","path":"/parse/classes/A"}]}`, status: 400, want: wrong("cannot route post /classes/A")},
		{name: "no method", request: post, header: with(), body: `{"requests":[{"path":"/parse/classes/A"}]}`, status: 400, want: wrong("cannot route undefined /classes/A")},
	})
}

func TestBatchBehindProxy(t *testing.T) {
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.PublicServerURL = "https://example.com/api/v1" })
	play(t, d, []scenario{
		{name: "paths as the server sees them", request: "POST /parse/batch", header: with(), body: `{"requests":[{"method":"GET","path":"/parse/classes/A"}]}`, want: `[{"success":{"results":[]}}]`, engine: "client find A"},
		{name: "paths as clients see them", request: "POST /parse/batch", header: with(), body: `{"requests":[{"method":"GET","path":"/api/v1/classes/A"}]}`, want: `[{"success":{"results":[]}}]`, engine: "client find A"},
	})
}

func TestBatchKeepsOrderOfResults(t *testing.T) {
	d := newDoor(t, nil)
	d.engine.fail = func(line string) error { return parse.NewError(parse.OtherCause, line) }
	var requests, want []string
	for i := range 100 {
		requests = append(requests, fmt.Sprintf(`{"method":"DELETE","path":"/parse/classes/A/%d"}`, i))
		want = append(want, fmt.Sprintf(`{"error":{"code":-1,"error":"client delete A %d"}}`, i))
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, scenario{request: "POST /parse/batch", header: with(), body: `{"requests":[` + strings.Join(requests, ",") + `]}`}.http())
	if got := w.Body.String(); got != "["+strings.Join(want, ",")+"]" {
		t.Errorf("results are not in the order of the requests: %s", got)
	}
	if len(d.engine.lines) != 100 {
		t.Errorf("%d requests ran, want 100", len(d.engine.lines))
	}
}

func TestTransaction(t *testing.T) {
	d := newDoor(t, nil)
	body := `{"transaction":true,"requests":[{"method":"DELETE","path":"/parse/classes/A/1"},{"method":"DELETE","path":"/parse/classes/A/2"},{"method":"DELETE","path":"/parse/classes/A/3"}]}`
	play(t, d, []scenario{
		{name: "all", request: "POST /parse/batch", header: with(), body: body, want: `[{"success":{}},{"success":{}},{"success":{}}]`,
			engine: "client begin | client delete A 1 | client delete A 2 | client delete A 3 | client commit"},
		{name: "only true makes one", request: "POST /parse/batch", header: with(), body: `{"transaction":"true","requests":[]}`, want: `[]`},
	})
	d.engine.fail = func(line string) error {
		if line == "client delete A 2" {
			return parse.NewError(parse.ObjectNotFound, "Object not found.")
		}
		return nil
	}
	scenario{name: "none", request: "POST /parse/batch", header: with(), body: body, status: 404, want: `{"code":101,"error":"Object not found."}`,
		engine: "client begin | client delete A 1 | client delete A 2 | client abort"}.run(t, d)
}

func TestBatchFaults(t *testing.T) {
	d := newDoor(t, nil)
	d.engine.fail = func(line string) error {
		switch line {
		case "client delete A 1":
			panic("boom")
		case "client delete A 2":
			return errors.New("secret host name")
		}
		return nil
	}
	scenario{request: "POST /parse/batch", header: with(), engine: "client delete A 3",
		body: `{"requests":[{"method":"DELETE","path":"/parse/classes/A/3"}]}`, want: `[{"success":{}}]`}.run(t, d)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, scenario{request: "POST /parse/batch", header: with(),
		body: `{"requests":[{"method":"DELETE","path":"/parse/classes/A/1"},{"method":"DELETE","path":"/parse/classes/A/2"},{"method":"DELETE","path":"/parse/classes/A/3"}]}`}.http())
	const fault = `{"error":{"code":1,"error":"Internal server error."}}`
	if got, want := w.Body.String(), `[`+fault+`,`+fault+`,{"success":{}}]`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, cause := range []string{"boom", "secret host name"} {
		if strings.Count(d.log.String(), cause) != 1 {
			t.Errorf("%q is not in the log once: %s", cause, &d.log)
		}
	}
}

// A list of allowed routes must hold for the requests within a batch.
func TestAdvisory_A27_RoutesWithinBatch(t *testing.T) {
	list, err := rest.NewRouteList([]string{"classes/Chat.*", "batch"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.Routes, a.SanitizeErrors = list, false })
	notAllowed := func(route string) string {
		return `{"code":119,"error":"Route not allowed by routeAllowList: ` + route + `"}`
	}
	play(t, d, []scenario{
		{name: "allowed", request: "GET /parse/classes/Chat", header: with(), want: empty, engine: "client find Chat"},
		{name: "with the expression's rest", request: "GET /parse/classes/ChatRoom/x/", header: with(), want: `{"objectId":"x"}`, engine: "client get ChatRoom x"},
		{name: "not allowed", request: "GET /parse/classes/A", header: with(), status: 400, want: notAllowed("GET classes/A")},
		{name: "the expression is the whole path", request: "GET /parse/classes/A/classes/Chat", header: with(), status: 400, want: notAllowed("GET classes/A/classes/Chat")},
		{name: "a letter is itself, escaped or not", request: "GET /parse/classes/%43hat", header: with(), want: empty, engine: "client find Chat"},
		{name: "escaping does not help", request: "GET /parse/classes/%41", header: with(), status: 400, want: notAllowed("GET classes/A")},
		{name: "the master key may all", request: "GET /parse/classes/A", header: with(master), want: empty, engine: "master find A"},
		{name: "allowed in a batch", request: "POST /parse/batch", header: with(), body: `{"requests":[{"method":"GET","path":"/parse/classes/Chat"}]}`, want: `[{"success":{"results":[]}}]`, engine: "client find Chat"},
		{name: "not allowed in a batch", request: "POST /parse/batch", header: with(), status: 400, want: notAllowed("GET classes/A"),
			body: `{"requests":[{"method":"GET","path":"/parse/classes/Chat"},{"method":"GET","path":"/parse/classes/A"}]}`},
		{name: "not allowed by a detour", request: "POST /parse/batch", header: with(), status: 400, want: notAllowed("GET classes/A"),
			body: `{"requests":[{"method":"GET","path":"/parse/classes/Chat/../A"}]}`},
	})
	if _, err := rest.NewRouteList([]string{"classes/("}); err == nil {
		t.Error("an expression that is none is accepted")
	}
	none, err := rest.NewRouteList(nil)
	if err != nil {
		t.Fatal(err)
	}
	d = newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.Routes = none })
	scenario{name: "an empty list allows nothing", request: "GET /parse/classes/Chat", header: with(), status: 400, want: `{"code":119,"error":"Permission denied"}`}.run(t, d)
}

func TestAdvisory_F25_NestedBatch(t *testing.T) {
	d := newDoor(t, nil)
	for _, path := range []string{"/parse/batch", "/parse/batch/", "/parse//batch", "/parse/Batch", "/parse/classes/../batch"} {
		for _, method := range []string{"POST", "post"} {
			t.Run(method+" "+path, func(t *testing.T) {
				scenario{request: "POST /parse/batch", header: with(), status: 400, want: `{"code":107,"error":"nested batch requests are not allowed"}`,
					body: `{"requests":[{"method":"` + method + `","path":"` + path + `","body":{"requests":[]}}]}`}.run(t, d)
			})
		}
	}
}

func TestAdvisory_I12_BatchRequestLimit(t *testing.T) {
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.BatchRequestLimit = 2 })
	batch := func(n int) string {
		return `{"requests":[` + strings.Join(slices.Repeat([]string{`{"method":"GET","path":"/parse/config"}`}, n), ",") + `]}`
	}
	one := `{"success":{"params":{}}}`
	play(t, d, []scenario{
		{name: "as many as may be", request: "POST /parse/batch", header: with(), body: batch(2), want: "[" + one + "," + one + "]", engine: "client config | client config"},
		{name: "one too many", request: "POST /parse/batch", header: with(), body: batch(3), status: 400,
			want: `{"code":107,"error":"Batch request contains 3 sub-requests, which exceeds the limit of 2."}`},
		{name: "not for the master key", request: "POST /parse/batch", header: with(master), body: batch(3), want: "[" + one + "," + one + "," + one + "]", engine: "master config | master config | master config"},
	})
}
