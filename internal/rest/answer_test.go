package rest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
)

func TestErrors(t *testing.T) {
	const internal = `{"code":1,"message":"Internal server error."}`
	for _, test := range []struct {
		name   string
		err    error
		status int
		want   string
		logged string // "" when the log must not have it
	}{
		{"usual", parse.NewError(parse.InvalidQuery, "bad \"query\""), 400, `{"code":102,"error":"bad \"query\""}`, ""},
		{"not found", parse.NewError(parse.ObjectNotFound, "Object not found."), 404, `{"code":101,"error":"Object not found."}`, ""},
		{"forbidden", parse.NewError(parse.OperationForbidden, "Permission denied").WithCause(errors.New("the reason")), 400, `{"code":119,"error":"Permission denied"}`, "the reason"},
		{"with a status", &parse.Error{Code: parse.ConnectionFailed, Message: "Too many requests.", Status: 429}, 429, `{"code":100,"error":"Too many requests."}`, ""},
		{"without a code", &parse.Error{Message: "unauthorized", Status: 403, Bare: true}, 403, `{"error":"unauthorized"}`, ""},
		{"told fault", parse.NewError(parse.InternalServerError, "Try again.").WithCause(errors.New("db1.internal")), 500, `{"code":1,"error":"Try again."}`, "db1.internal"},
		{"wrapped", errors.Join(errors.New("db1.internal"), parse.NewError(parse.InvalidQuery, "bad")), 400, `{"code":102,"error":"bad"}`, "db1.internal"},
		{"any other", errors.New("db1.internal refused"), 500, internal, "db1.internal refused"},
		{"the client has gone", context.Canceled, 500, internal, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, nil)
			d.engine.fail = func(string) error { return test.err }
			w := httptest.NewRecorder()
			d.ServeHTTP(w, scenario{request: "GET /parse/classes/A", header: with()}.http())
			if w.Code != test.status || w.Body.String() != test.want {
				t.Errorf("%d %s\nwant %d %s", w.Code, w.Body, test.status, test.want)
			}
			log := d.log.String()
			if test.logged == "" && log != "" {
				t.Errorf("logged %s", log)
			}
			if test.logged != "" && strings.Count(log, test.logged) != 1 {
				t.Errorf("%q is not in the log once: %s", test.logged, log)
			}
			if id := w.Header().Get("X-Request-Id"); (test.status >= 500) != (id != "") || id != "" && test.logged != "" && !strings.Contains(log, id) {
				t.Errorf("request id %q does not lead from the answer to the log %q", id, log)
			}
		})
	}
}

func TestUnavailableSaysWhenToComeBack(t *testing.T) {
	d := newDoor(t, nil)
	d.engine.fail = func(string) error {
		return &parse.Error{Code: parse.InternalServerError, Message: "try later", Status: http.StatusServiceUnavailable}
	}
	header := scenario{request: "GET /parse/classes/A", header: with(), status: 503, want: `{"code":1,"error":"try later"}`, engine: "client find A"}.run(t, d)
	if header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestAdvisory_J02_PanicsEndOneRequest(t *testing.T) {
	d := newDoor(t, nil)
	d.engine.fail = func(string) error { panic("a fault of ours") }
	header := scenario{request: "GET /parse/classes/A", header: with(), status: 500,
		want: `{"code":1,"message":"Internal server error."}`, engine: "client find A"}.run(t, d)
	log := d.log.String()
	if !strings.Contains(log, "a fault of ours") || !strings.Contains(log, "goroutine") || !strings.Contains(log, header.Get("X-Request-Id")) {
		t.Errorf("the log does not tell what panicked where in which request: %s", log)
	}
	d.engine.fail = nil
	scenario{name: "the door still works", request: "GET /parse/classes/A", header: with(), want: empty, engine: "client find A"}.run(t, d)
}

func TestLongAnswersHaveTheirLength(t *testing.T) {
	d := newDoor(t, nil)
	message := strings.Repeat("long ", 1000)
	d.engine.fail = func(string) error { return parse.NewError(parse.OtherCause, message) }
	server := httptest.NewServer(d)
	defer server.Close()
	r, err := http.NewRequest("GET", server.URL+"/parse/classes/A", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Parse-Application-Id", "app")
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if want := int64(len(message) + len(`{"code":-1,"error":""}`)); response.ContentLength != want {
		t.Errorf("Content-Length %d, want %d", response.ContentLength, want)
	}
}

func TestAccessLogKeepsSecrets(t *testing.T) {
	var log bytes.Buffer
	d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	scenario{request: "GET /parse/classes/A?where={%22secret%22:1}", header: with(master), want: empty, engine: "master find A where"}.run(t, d)
	for _, want := range []string{"method=GET", "path=/parse/classes/A", "status=200", "client=127.0.0.1", "request="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the access log: %s", want, &log)
		}
	}
	for _, secret := range []string{"secret", "master"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the access log: %s", secret, &log)
		}
	}
}
