package rest_test

import (
	"net/http"
	"testing"

	"github.com/loam-baas/loam/internal/rest"
)

func TestObjects(t *testing.T) {
	play(t, newDoor(t, nil), []scenario{
		{request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"},
		{request: "GET /parse/classes/A?limit=3&keys=a,b", header: with(), want: empty, engine: "client find A limit 3 keys a,b"},
		{request: `GET /parse/classes/A?where={"a":1}`, header: with(), want: empty, engine: "client find A where"},
		{request: "GET /parse/classes/A?where=bad", header: with(), status: 400, want: `{"code":107,"error":"where parameter is not valid JSON"}`},
		{request: "GET /parse/classes/A?sort=a", header: with(), status: 400, want: `{"code":102,"error":"Invalid parameter for query: sort"}`},
		{request: "GET /parse/classes/A?limit=%zz", header: with(), status: 400, want: `{"code":102,"error":"Improper encode of parameter"}`},
		{request: "GET /parse/classes/A/x1", header: with(), want: `{"objectId":"x"}`, engine: "client get A x1"},
		{request: "GET /parse/classes/A/x1?include=b", header: with(), want: `{"objectId":"x"}`, engine: "client get A x1 include b"},
		{request: "GET /parse/classes/A/x1?limit=1", header: with(), status: 400, want: `{"code":102,"error":"Improper encode of parameter"}`},
		{request: "POST /parse/classes/A", header: with(), body: `{"a":1}`, status: 201, want: `{"objectId":"new"}`, engine: `client create A {"a":1}`},
		{name: "no body is an empty object", request: "POST /parse/classes/A", header: with(), status: 201, want: `{"objectId":"new"}`, engine: `client create A {}`},
		{request: "PUT /parse/classes/A/x1", header: with(), body: `{"a":2}`, want: `{"updatedAt":"now"}`, engine: `client update A x1 {"a":2}`},
		{request: "DELETE /parse/classes/A/x1", header: with(), want: `{}`, engine: `client delete A x1`},
		{request: "GET /parse/roles/r", header: with(), want: `{"objectId":"x"}`, engine: "client get _Role r"},
		{request: "POST /parse/installations", header: with(), body: `{}`, status: 201, want: `{"objectId":"new"}`, engine: "client create _Installation {}"},
		{request: "GET /parse/sessions", header: with(), want: empty, engine: "client find _Session"},
		{request: "GET /parse/users/u", header: with(), want: `{"objectId":"x"}`, engine: "client get _User u"},
	})
}

func TestPaths(t *testing.T) {
	notFound := func(method, path string) string {
		return `{"code":107,"error":"cannot route ` + method + ` ` + path + `"}`
	}
	play(t, newDoor(t, nil), []scenario{
		{name: "slash at the end", request: "GET /parse/classes/A/", header: with(), want: empty, engine: "client find A"},
		{name: "two slashes behind the mount path", request: "GET /parse//classes/A", header: with(), want: empty, engine: "client find A"},
		{name: "escaped letters", request: "GET /parse/classes/%41", header: with(), want: empty, engine: "client find A"},
		{name: "an escaped slash does not separate", request: "GET /parse/classes/A%2Fb", header: with(), want: empty, engine: "client find A/b"},
		{name: "what is escaped twice is unescaped once", request: "GET /parse/classes/A/%2541", header: with(), want: `{"objectId":"x"}`, engine: "client get A %41"},
		{name: "what is no UTF-8", request: "GET /parse/classes/A/%FF", header: with(), status: 400, want: `{"error":"Failed to decode param '%FF'"}`},
		{name: "large letters", request: "GET /parse/Classes/A", header: with(), want: empty, engine: "client find A"},
		{name: "small letters", request: "POST /parse/SCHEMAS/A", header: with(master), want: `{"className":"A"}`, engine: "master create schema A {}"},
		{name: "HEAD is GET", request: "HEAD /parse/classes/A", header: with(), want: empty, engine: "client find A"},
		{name: "unknown path", request: "GET /parse/nothing", header: with(), status: 404, want: notFound("GET", "/nothing")},
		{name: "unknown path without an app", request: "GET /parse/nothing", status: 403, want: unauthorized},
		{name: "method that is not served", request: "PATCH /parse/classes/A", header: with(), status: 404, want: notFound("PATCH", "/classes/A")},
		{name: "method that is none", request: "BREW /parse/classes/A", header: with(), status: 404, want: notFound("BREW", "/classes/A")},
		{name: "a known path below an unknown one", request: "GET /parse/nothing/users", header: with(), status: 404, want: notFound("GET", "/nothing/users")},
		{name: "not enough", request: "GET /parse/classes", header: with(), status: 404, want: notFound("GET", "/classes")},
		{name: "too much", request: "GET /parse/classes/A/b/c", header: with(), status: 404, want: notFound("GET", "/classes/A/b/c")},
		{name: "the mount path alone", request: "GET /parse", header: with(), status: 404, want: notFound("GET", "")},
		{name: "beside the mount path", request: "GET /parsec/classes/A", header: with(), status: 404, want: notFound("GET", "/parsec/classes/A")},
	})
}

func TestMountAtRoot(t *testing.T) {
	d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) { o.MountPath = "" })
	play(t, d, []scenario{
		{request: "GET /classes/A", header: with(), want: empty, engine: "client find A"},
		{request: "POST /batch", header: with(), body: `{"requests":[{"method":"GET","path":"/classes/A"}]}`,
			want: `[{"success":{"results":[]}}]`, engine: "client find A"},
	})
}

func TestLocation(t *testing.T) {
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.PublicServerURL = "https://api.example.com/v1" })
	header := scenario{request: "POST /parse/classes/A", header: with(), status: 201, want: `{"objectId":"new"}`, engine: "client create A {}"}.run(t, d)
	if got, want := header.Get("Location"), "https://api.example.com/v1/classes/A/new"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if got, want := header.Get("Content-Type"), "application/json; charset=utf-8"; got != want {
		t.Errorf("Content-Type %q, want %q", got, want)
	}
}

func TestAdministration(t *testing.T) {
	d := newDoor(t, nil)
	asMaster := with(master)
	play(t, d, []scenario{
		{request: "GET /parse/schemas", header: asMaster, want: `{"results":[{"className":"A"},{"className":"B"}]}`, engine: "master schemas"},
		{request: "GET /parse/schemas/A", header: asMaster, want: `{"className":"A"}`, engine: "master schema A"},
		{request: "POST /parse/schemas", header: asMaster, body: `{"className":"A"}`, want: `{"className":"A"}`, engine: `master create schema A {"className":"A"}`},
		{request: "POST /parse/schemas/A", header: asMaster, want: `{"className":"A"}`, engine: `master create schema A {}`},
		{request: "PUT /parse/schemas/A", header: asMaster, body: `{"fields":{}}`, want: `{"className":"A"}`, engine: `master update schema A {"fields":{}}`},
		{request: "POST /parse/schemas", header: asMaster, body: `{}`, status: 400, want: `{"code":135,"error":"POST /schemas needs a class name."}`},
		{request: "POST /parse/schemas/A", header: asMaster, body: `{"className":"B"}`, status: 400, want: `{"code":103,"error":"Class name mismatch between B and A."}`},
		{name: "who has no master key is not told what is missing", request: "POST /parse/schemas", header: with(), body: `{}`, status: 403, want: denied},
		{request: "DELETE /parse/schemas/A", header: asMaster, want: `{}`, engine: "master delete schema A"},
		{request: "DELETE /parse/purge/A", header: asMaster, want: `{}`, engine: "master purge A"},
		{request: "GET /parse/config", header: with(), want: `{"params":{}}`, engine: "client config"},
		{request: "PUT /parse/config", header: asMaster, body: `{"params":{"a":1}}`, want: `{"result":true}`, engine: `master update config {"params":{"a":1}}`},
		{request: "POST /parse/events/AppOpened", header: with(), want: `{}`},
		{request: "GET /parse/serverInfo", header: with(), status: 403, want: denied},
	})
	info := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.SanitizeErrors = false })
	play(t, info, []scenario{
		{name: "reasons are told when the app tells them", request: "GET /parse/serverInfo", header: with(), status: http.StatusForbidden,
			want: `{"error":"unauthorized: master key is required"}`},
	})
}

func TestHealth(t *testing.T) {
	status := "starting"
	d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) { o.Status = func() string { return status } })
	header := scenario{request: "GET /parse/health", status: 503, want: `{"status":"starting"}`}.run(t, d)
	if header.Get("Retry-After") == "" {
		t.Error("no Retry-After while starting")
	}
	status = "ok"
	scenario{request: "GET /parse/health", want: `{"status":"ok"}`}.run(t, d)
}
