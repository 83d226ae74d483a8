package rest_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
)

// The JavaScript SDK sends method, credentials and parameters in the body of a
// POST of type text/plain, so that browsers ask no leave for it.
func TestCredentialsInBody(t *testing.T) {
	const post = "POST /parse/classes/A"
	plain := []string{"Content-Type: text/plain"}
	badContext := `{"code":107,"error":"Invalid object for context."}`
	play(t, newDoor(t, func(_ *rest.Options, a *rest.AppOptions) { a.Keys.JavaScript = "js" }), []scenario{
		{name: "a create", request: post, header: plain, status: 201, want: `{"objectId":"new"}`, engine: `client@phone create A {"a":1}`,
			body: `{"a":1,"_ApplicationId":"app","_JavaScriptKey":"js","_ClientVersion":"js8.0.0","_InstallationId":"phone","_RevocableSession":"1","_noBody":true}`},
		{name: "a find", request: post, header: plain, want: empty, engine: "client:alice find A where limit 2",
			body: `{"_method":"GET","where":{"a":1},"limit":2,"_ApplicationId":"app","_JavaScriptKey":"js","_SessionToken":"r:alice"}`},
		{name: "an update", request: "POST /parse/classes/A/x", header: plain, want: `{"updatedAt":"now"}`, engine: `client update A x {"a":1}`,
			body: `{"_method":"PUT","a":1,"_ApplicationId":"app","_JavaScriptKey":"js"}`},
		{name: "a delete with the master key", request: "POST /parse/classes/A/x", header: plain, want: `{}`, engine: "master delete A x",
			body: `{"_method":"DELETE","_ApplicationId":"app","_MasterKey":"master"}`},
		{name: "a context", request: post, status: 201, want: `{"objectId":"new"}`, engine: "master create A {}",
			body: `{"_ApplicationId":"app","_MasterKey":"master","_context":{"a":1},"_ContentType":"text/x"}`},
		{name: "a context as text", request: post, status: 201, want: `{"objectId":"new"}`, engine: "master create A {}",
			body: `{"_ApplicationId":"app","_MasterKey":"master","_context":"{}"}`},
		{name: "a context that is no object", request: post, status: 400, want: badContext, body: `{"_ApplicationId":"app","_MasterKey":"master","_context":"1"}`},
		{name: "an empty context", request: post, status: 400, want: badContext, body: `{"_ApplicationId":"app","_MasterKey":"master","_context":""}`},
		{name: "no key", request: post, status: 403, want: unauthorized, body: `{"_ApplicationId":"app"}`},
		{name: "a header's JavaScript key does not count then", request: post, header: []string{"X-Parse-Javascript-Key: js"}, status: 403, want: unauthorized, body: `{"_ApplicationId":"app"}`},
		{name: "a header's master key must be the app's", request: post, header: []string{"X-Parse-Master-Key: guess"}, status: 403, want: unauthorized,
			body: `{"_ApplicationId":"app","_JavaScriptKey":"js"}`},
		{name: "a header's master key", request: post, header: []string{master}, status: 201, want: `{"objectId":"new"}`, engine: "master create A {}", body: `{"_ApplicationId":"app"}`},
		{name: "no app", request: post, status: 403, want: unauthorized, body: `{}`},
		{name: "an unknown app", request: post, status: 403, want: unauthorized, body: `{"_ApplicationId":"nobody"}`},
		{name: "an array", request: post, status: 403, want: unauthorized, body: `[1]`},
		{name: "the app in the header leaves the body alone", request: post, header: with(master), status: 201, want: `{"objectId":"new"}`,
			engine: `master create A {"_MasterKey":"x"}`, body: `{"_MasterKey":"x"}`},
	})
}

// Credentials that are no strings must not reach a comparison or a query.
func TestAdvisory_I07_CredentialsAreStrings(t *testing.T) {
	d := newDoor(t, nil)
	for _, key := range []string{"_ApplicationId", "_JavaScriptKey", "_MasterKey", "_InstallationId", "_SessionToken", "_ContentType"} {
		for _, value := range []string{`{"$ne":null}`, `["app"]`, `1`, `null`, `true`} {
			body := `{"_ApplicationId":"app","` + key + `":` + value + `}`
			t.Run(body, func(t *testing.T) {
				scenario{request: "POST /parse/classes/A", body: body, status: 403, want: unauthorized}.run(t, d)
			})
		}
	}
}

func TestAdvisory_I06_MethodOverride(t *testing.T) {
	play(t, newDoor(t, nil), []scenario{
		{name: "in small letters", request: "POST /parse/classes/A/x", header: with(), body: `{"_method":"delete"}`, want: `{}`, engine: "client delete A x"},
		{name: "no string is no method", request: "POST /parse/classes/A", header: with(), body: `{"_method":{"a":1}}`, status: 201, want: `{"objectId":"new"}`, engine: "client create A {}"},
		{name: "an empty one is none", request: "POST /parse/classes/A", header: with(), body: `{"_method":""}`, status: 201, want: `{"objectId":"new"}`, engine: "client create A {}"},
		{name: "an unknown one", request: "POST /parse/classes/A", header: with(), body: `{"_method":"patch"}`, status: 404, want: `{"code":107,"error":"cannot route PATCH /classes/A"}`},
		{name: "only a POST has one", request: "PUT /parse/classes/A/x", header: with(), body: `{"_method":"DELETE"}`, want: `{"updatedAt":"now"}`, engine: `client update A x {"_method":"DELETE"}`},
	})
}

func TestParametersInBodyAndURL(t *testing.T) {
	play(t, newDoor(t, nil), []scenario{
		{name: "body of a GET", request: "GET /parse/classes/A", header: with(), body: `{"limit":2}`, want: empty, engine: "client find A limit 2"},
		{name: "the URL goes before the body", request: "GET /parse/classes/A?limit=3", header: with(), body: `{"limit":2}`, want: empty, engine: "client find A limit 3"},
	})
}

func TestCloudContext(t *testing.T) {
	badContext := `{"code":107,"error":"Invalid object for context."}`
	play(t, newDoor(t, nil), []scenario{
		{name: "an object", request: "GET /parse/classes/A", header: with(`X-Parse-Cloud-Context: {"a":1}`), want: empty, engine: "client find A"},
		{name: "a number", request: "GET /parse/classes/A", header: with("X-Parse-Cloud-Context: 3"), status: 400, want: badContext},
		{name: "not JSON", request: "GET /parse/classes/A", header: with("X-Parse-Cloud-Context: {"), status: 400, want: badContext},
	})
}

func TestCORS(t *testing.T) {
	d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) {
		o.AllowOrigin, o.AllowHeaders = []string{"https://a.example", "https://b.example"}, []string{"X-Trace", "X-More"}
	})
	for _, test := range []struct {
		name, origin, allowed string
		scenario
	}{
		{"the first by default", "", "https://a.example", scenario{request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"}},
		{"another one on the list", "https://b.example", "https://b.example", scenario{request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"}},
		{"one that is not on it", "https://evil.example", "https://a.example", scenario{request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"}},
		{"on a refusal", "https://b.example", "https://b.example", scenario{request: "GET /parse/classes/A", status: 403, want: unauthorized}},
		{"on an unknown path", "https://b.example", "https://b.example", scenario{request: "GET /elsewhere", status: 404, want: `{"code":107,"error":"cannot route GET /elsewhere"}`}},
		{"before the request", "https://b.example", "https://b.example", scenario{request: "OPTIONS /parse/whatever", want: "OK"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := test.scenario
			if test.origin != "" {
				s.header = append(s.header, "Origin: "+test.origin)
			}
			header := s.run(t, d)
			for name, want := range map[string]string{
				"Access-Control-Allow-Origin":   test.allowed,
				"Access-Control-Allow-Methods":  "GET,PUT,POST,DELETE,OPTIONS",
				"Access-Control-Expose-Headers": "X-Parse-Job-Status-Id, X-Parse-Push-Status-Id",
				"Vary":                          "Origin",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got := header.Get("Access-Control-Allow-Headers"); !strings.HasPrefix(got, "X-Parse-Master-Key, ") || !strings.HasSuffix(got, ", Cache-Control, X-Trace, X-More") {
				t.Errorf("Access-Control-Allow-Headers: %q", got)
			}
		})
	}
	any := scenario{request: "OPTIONS /parse/classes/A", header: []string{"Origin: https://c.example"}, want: "OK"}.run(t, newDoor(t, nil))
	if got := any.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("by default Access-Control-Allow-Origin is %q, want *", got)
	}
	if any.Get("Vary") != "" {
		t.Error("an answer that is the same for all origins varies")
	}
}

func TestTwoApps(t *testing.T) {
	one, two := &recorder{}, &recorder{}
	door := rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20},
		rest.NewApp(rest.AppOptions{ID: "one", Engine: one, Keys: masterKeys}),
		rest.NewApp(rest.AppOptions{ID: "two", Engine: two, Limits: parse.Limits{Depth: 100}}))
	play := func(s scenario) int {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, s.http())
		return w.Code
	}
	play(scenario{request: "GET /parse/classes/A", header: []string{"X-Parse-Application-Id: one"}})
	play(scenario{request: "GET /parse/classes/B", header: []string{"X-Parse-Application-Id: two"}})
	play(scenario{request: "POST /parse/classes/C", body: `{"_ApplicationId":"one","_method":"GET"}`})
	play(scenario{request: "POST /parse/classes/D", body: `{"_ApplicationId":"two","_method":"GET"}`})
	play(scenario{request: "GET /parse/classes/E", header: []string{basic("one:master")}})
	play(scenario{name: "one's key is nothing to two", request: "GET /parse/classes/F", header: []string{"X-Parse-Application-Id: two", master}})
	if got, want := strings.Join(one.lines, "|"), "client find A|client find C|master find E"; got != want {
		t.Errorf("one was asked %s, want %s", got, want)
	}
	if got, want := strings.Join(two.lines, "|"), "client find B|client find D|client find F"; got != want {
		t.Errorf("two was asked %s, want %s", got, want)
	}
	if code := play(scenario{request: "GET /parse/classes/A", header: []string{"X-Parse-Application-Id: three"}}); code != 403 {
		t.Errorf("a third app answers %d", code)
	}
}
