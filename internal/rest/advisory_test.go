package rest_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
)

// The advisories here are about routes that led past checks: the door is tested
// with the real engine behind it.

// knock asks a door over a real engine and returns status and body.
func knock(d *rest.Handler, s scenario) (int, string) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, s.http())
	return w.Code, w.Body.String()
}

func realDoor(t *testing.T) (*rest.Handler, *engine.Engine) {
	e, _ := newEngine(t, 0)
	return rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20},
		rest.NewApp(rest.AppOptions{ID: "app", Engine: e, Keys: masterKeys, SanitizeErrors: true})), e
}

func create(t *testing.T, e *engine.Engine, class, body string) string {
	t.Helper()
	o, err := parse.DecodeObject([]byte(body), parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.Create(t.Context(), engine.Caller{Scope: engine.ScopeMaster}, class, o)
	if err != nil {
		t.Fatal(err)
	}
	return made.ObjectID
}

// redirectClassNameForKey must not lead to what can't be read directly.
func TestAdvisory_A08_RedirectedQuery(t *testing.T) {
	d, e := realDoor(t)
	relation := func(class string) string {
		return `{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"` + class + `","objectId":"x"}]}`
	}
	create(t, e, "Decoy", `{"session":`+relation("_Session")+`,"hooks":`+relation("_Hooks")+`}`)
	for key, refusal := range map[string]string{"session": `"code":209`, "hooks": `"code":119`} {
		status, body := knock(d, scenario{request: "GET /parse/classes/Decoy?redirectClassNameForKey=" + key, header: with()})
		if status == 200 || !strings.Contains(body, refusal) {
			t.Errorf("redirected to %s: %d %s", key, status, body)
		}
	}
}

// Classes of the server's own must be closed on every route to them.
func TestAdvisory_A09_A10_InternalClasses(t *testing.T) {
	d, _ := realDoor(t)
	for _, class := range []string{"_Join:users:_Role", "_GraphQLConfig", "_Audience", "_JobStatus", "_PushStatus", "_Hooks", "_GlobalConfig", "_JobSchedule", "_Idempotency"} {
		for _, request := range []string{"GET /classes/", "POST /classes/", "GET id", "PUT id", "DELETE id"} {
			method, target, _ := strings.Cut(request, " ")
			path := "/parse/classes/" + class
			if target == "id" {
				path += "/x"
			}
			direct := scenario{request: method + " " + path, header: with()}
			overridden := scenario{request: "POST " + path, header: with(), body: `{"_method":"` + method + `"}`}
			for _, s := range []scenario{direct, overridden} {
				if status, body := knock(d, s); status != 400 || body != `{"code":119,"error":"Permission denied"}` {
					t.Errorf("%s %s: %d %s", s.request, s.body, status, body)
				}
			}
			batch := scenario{request: "POST /parse/batch", header: with(), body: `{"requests":[{"method":"` + method + `","path":"` + path + `"}]}`}
			if status, body := knock(d, batch); status != 200 || body != `[{"error":{"code":119,"error":"Permission denied"}}]` {
				t.Errorf("%s: %d %s", batch.body, status, body)
			}
		}
	}
}

// The read-only master key must not write, whatever the route.
func TestAdvisory_A24_ReadOnlyMasterKey(t *testing.T) {
	d, e := realDoor(t)
	id := create(t, e, "Note", `{"n":1}`)
	readOnly := with("X-Parse-Master-Key: readonly")
	for _, s := range []scenario{
		{request: "POST /parse/classes/Note", body: `{"n":2}`},
		{request: "PUT /parse/classes/Note/" + id, body: `{"n":2}`},
		{request: "DELETE /parse/classes/Note/" + id},
		{request: "POST /parse/classes/Note/" + id, body: `{"_method":"DELETE"}`},
		{request: "POST /parse/roles", body: `{"name":"admin"}`},
		{request: "POST /parse/installations", body: `{}`},
		{request: "POST /parse/schemas/Other", body: `{}`},
		{request: "PUT /parse/schemas/Note", body: `{"fields":{"m":{"type":"String"}}}`},
		{request: "DELETE /parse/schemas/Note"},
		{request: "DELETE /parse/purge/Note"},
		{request: "PUT /parse/config", body: `{"params":{"a":1}}`},
	} {
		s.header = readOnly
		if status, body := knock(d, s); status != 400 || body != `{"code":119,"error":"Permission denied"}` {
			t.Errorf("%s: %d %s", s.request, status, body)
		}
		method, path, _ := strings.Cut(s.request, " ")
		if strings.Contains(s.body, "_method") {
			continue // a request in a batch has no such override
		}
		batch := scenario{request: "POST /parse/batch", header: readOnly, body: `{"requests":[{"method":"` + method + `","path":"` + path + `","body":` + orEmpty(s.body) + `}]}`}
		if status, body := knock(d, batch); status != 200 || body != `[{"error":{"code":119,"error":"Permission denied"}}]` {
			t.Errorf("in a batch, %s: %d %s", s.request, status, body)
		}
	}
	if status, body := knock(d, scenario{request: "GET /parse/classes/Note/" + id, header: readOnly}); status != 200 || !strings.Contains(body, `"n":1`) {
		t.Errorf("the object afterwards: %d %s", status, body)
	}
}

func orEmpty(body string) string {
	if body == "" {
		return "{}"
	}
	return body
}

// A session's token, or a key, counts in headers and bodies only: URLs are logged
// and passed on.
func TestAdvisory_J06_NoTokensInURLs(t *testing.T) {
	d := newDoor(t, nil)
	for _, name := range []string{"sessionToken", "_SessionToken", "X-Parse-Session-Token"} {
		for _, s := range []scenario{
			{request: "DELETE /parse/classes/A/x?" + name + "=r:alice", header: with()},
			{request: "DELETE /parse/classes/A/x?_MasterKey=master&X-Parse-Master-Key=master&" + name + "=r:alice", header: with()},
		} {
			s.want, s.engine = `{}`, "client delete A x"
			t.Run(s.request, func(t *testing.T) { s.run(t, d) })
		}
	}
	if strings.Contains(d.log.String(), "r:alice") {
		t.Errorf("the log has a token: %s", d.log.String())
	}
}

// An id is a name, whatever it looks like: it leads to no other route.
func TestAdvisory_J11_IDsAreNoPaths(t *testing.T) {
	d := newDoor(t, nil)
	for _, id := range []string{"..%2Fschemas", "..%2F..%2Fschemas%2FA", "%2e%2e%2fconfig", "x%2F..%2F..%2Fhooks"} {
		w := httptest.NewRecorder()
		d.engine.lines = nil
		d.ServeHTTP(w, scenario{request: "DELETE /parse/classes/A/" + id, header: with(master)}.http())
		if asked := strings.Join(d.engine.lines, " | "); asked != "" && !strings.HasPrefix(asked, "master delete A ") {
			t.Errorf("%s: the engine was asked %q", id, asked)
		}
	}
	for _, path := range []string{"../schemas/A", "./../../schemas/A", "..;/schemas/A"} {
		w := httptest.NewRecorder()
		d.engine.lines = nil
		d.ServeHTTP(w, scenario{request: "DELETE /parse/classes/A/" + path, header: with(master)}.http())
		if len(d.engine.lines) != 0 {
			t.Errorf("%s: the engine was asked %q", path, d.engine.lines)
		}
	}
}
