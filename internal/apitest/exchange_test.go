package apitest_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/apitest"
)

const (
	created = `{"objectId":"hN3kQa0bWz","createdAt":"2026-11-25T09:30:00.000Z"}`
	object  = `"objectId":"hN3kQa0bWz","createdAt":"2026-11-25T09:30:00.000Z"`
)

// Each exchange fits the description, or is told to differ in the way named.
func TestCheck(t *testing.T) {
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, request, body string
		status              int
		answer              string
		problem             string // "" means that it fits
	}{
		{"a find", `GET /classes/Score?where={"n":{"$gt":5}}&order=-n,m&limit=2&count=1&keys=`, "", 200, `{"results":[{` + object + `,"n":6}],"count":1}`, ""},
		{"a find in a POST", "POST /classes/Score", `{"_method":"get","_ApplicationId":"app","where":{"n":5},"limit":2}`, 200, `{"results":[]}`, ""},
		{"a create", "POST /classes/Score/", `{"n":{"__op":"Increment","amount":1}}`, 201, created, ""},
		{"a create refused for what is not described", "POST /classes/Score", `{"_n":1}`, 400, `{"code":105,"error":"Invalid field name: _n."}`, ""},
		{"no JSON, refused", "POST /classes/Score", `{`, 400, `{"code":107,"error":"invalid JSON"}`, ""},
		{"a route that is not there", "GET /nothing", "", 404, `{"code":107,"error":"cannot route GET /nothing"}`, ""},
		{"letters of any size", "GET /Classes/Score", "", 200, `{"results":[]}`, ""},
		{"a batch", "POST /batch", `{"requests":[{"method":"POST","path":"/parse/classes/Score","body":{"n":1}},{"method":"GET","path":"/parse/config"}]}`, 200,
			`[{"success":` + created + `},{"error":{"code":119,"error":"Permission denied"}}]`, ""},
		{"no path of HTTP", "GET /classes/Score/%", "", 400, "400 Bad Request", ""},
		{"a stage by its name", `GET /aggregate/Score?$match={}`, "", 200, `{"results":[]}`, ""},

		{"a field of the database's own", "GET /classes/Score/hN3kQa0bWz", "", 200, `{` + object + `,"_rperm":["*"]}`, "'_rperm'"},
		{"a time that is none", "GET /classes/Score/hN3kQa0bWz", "", 200, `{"objectId":"hN3kQa0bWz","createdAt":"today"}`, "createdAt"},
		{"a type that is none", "GET /classes/Score/hN3kQa0bWz", "", 200, `{` + object + `,"at":{"__type":"Date"}}`, "at '/at'"},
		{"more than results", "GET /classes/Score", "", 200, `{"results":[],"total":5}`, "total"},
		{"no JSON", "GET /classes/Score", "", 200, `OK`, "invalid character"},
		{"another status", "POST /classes/Score", `{"n":1}`, 202, created, "status 202"},
		{"an error that is none", "GET /classes/Score", "", 400, `{"reason":"x"}`, "oneOf"},
		{"an error of unknown code", "GET /classes/Score", "", 400, `{"code":999,"error":"x"}`, "oneOf"},
		{"an error of a route that is not there", "GET /nothing", "", 404, `not found`, "invalid character"},
		{"a route that is not described", "GET /nothing", "", 200, `{}`, "not described"},
		{"an unknown parameter", "GET /classes/Score?colour=red", "", 200, `{"results":[]}`, "colour"},
		{"a parameter of another type", "GET /classes/Score?limit=many", "", 200, `{"results":[]}`, "limit"},
		{"a parameter that is no JSON", "GET /classes/Score?where=n", "", 200, `{"results":[]}`, "where"},
		{"an unknown constraint", `GET /classes/Score?where={"n":{"$like":"x"}}`, "", 200, `{"results":[]}`, "$like"},
		{"an unknown constraint in a POST", "POST /classes/Score", `{"_method":"GET","where":{"$or":[{"n":{"$like":"x"}}]}}`, 200, `{"results":[]}`, "$like"},
		{"a credential that is no text", "POST /classes/Score", `{"_method":"GET","_ApplicationId":5}`, 200, `{"results":[]}`, "_ApplicationId"},
		{"an unknown operation", "POST /classes/Score", `{"n":{"__op":"Multiply"}}`, 201, created, "'/n'"},
		{"a field of the database's own, written", "POST /classes/Score", `{"_rperm":["*"]}`, 201, created, "_rperm"},
		{"a body that is no JSON", "POST /classes/Score", `n=1`, 201, created, "body was accepted"},
		{"a request in a batch", "POST /batch", `{"requests":[{"method":"POST","path":"/parse/classes/Score","body":{"_n":1}}]}`, 200, `[{"success":` + created + `}]`, "_n"},
		{"an answer in a batch", "POST /batch", `{"requests":[{"method":"POST","path":"/parse/classes/Score","body":{}}]}`, 200, `[{"success":{}}]`, "objectId"},
		{"a route in a batch", "POST /batch", `{"requests":[{"method":"POST","path":"/parse/nothing"}]}`, 200, `[{"success":{}}]`, "/parse/nothing"},
	} {
		method, target, _ := strings.Cut(test.request, " ")
		path, query, _ := strings.Cut(target, "?")
		x := &apitest.Exchange{Method: method, Path: path, Query: query, Header: http.Header{}, Body: []byte(test.body),
			Status: test.status, AnswerHeader: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Answer: []byte(test.answer)}
		if test.status == http.StatusCreated {
			x.AnswerHeader.Set("Location", "http://localhost:1337/parse/classes/Score/hN3kQa0bWz")
		}
		switch err := d.Check(x); {
		case test.problem == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)):
			t.Errorf("%s: got %v, want a problem with %s", test.name, err, test.problem)
		}
	}
}

func TestCheck_Headers(t *testing.T) {
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	x := &apitest.Exchange{Method: "POST", Path: "/classes/Score", Header: http.Header{}, Status: 201, Answer: []byte(created),
		AnswerHeader: http.Header{"Content-Type": {"text/html"}}}
	for _, problem := range []string{"no header Location", "type text/html"} {
		if err := d.Check(x); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("got %v, want %s", err, problem)
		}
	}
	x = &apitest.Exchange{Method: "GET", Path: "/classes/Score", Header: http.Header{}, Status: 429, Answer: []byte(`{"code":100,"error":"Too many requests."}`),
		AnswerHeader: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Retry-After": {"soon"}}}
	if err := d.Check(x); err == nil || !strings.Contains(err.Error(), "Retry-After") {
		t.Errorf("got %v, want a problem with Retry-After", err)
	}
}

// The transport reports what does not fit, and hands on what came.
func TestTransport(t *testing.T) {
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body.Bytes())
	}))
	defer s.Close()
	var reports []string
	client := &http.Client{Transport: &apitest.Transport{Description: d, Mount: "/parse", Next: http.DefaultTransport,
		Report: func(x *apitest.Exchange, err error) { reports = append(reports, x.Method+" "+x.Path) }}}
	for _, body := range []string{`{}`, `{"a":1}`} {
		response, err := client.Post(s.URL+"/parse/events/AppOpened", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		_, _ = got.ReadFrom(response.Body)
		response.Body.Close()
		if got.String() != body {
			t.Errorf("sent %s, got %s", body, got.String())
		}
	}
	if len(reports) != 1 || reports[0] != "POST /events/AppOpened" {
		t.Errorf("reports: %v", reports)
	}
}
