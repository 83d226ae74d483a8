package rest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzDoor sends anything at all: the door must answer without a fault of its
// own, and what it answers must be JSON of a known status.
func FuzzDoor(f *testing.F) {
	f.Add("GET", "/parse/classes/A", "where={}&limit=1", "", "")
	f.Add("POST", "/parse/classes/A", "", "", `{"_method":"GET","_ApplicationId":"app","_context":"{}","where":{"a":{"$in":[1]}}}`)
	f.Add("POST", "/parse/batch", "", "Basic YXBwOm1hc3Rlcg==", `{"requests":[{"method":"PUT","path":"/parse/classes/A/x","body":{"a":{"__op":"Increment","amount":1}}}],"transaction":true}`)
	f.Add("PUT", "/parse//Schemas/%2F%41", "a=%zz", "", `[{"__type":"File"}]`)
	d := newDoor(f, nil)
	f.Fuzz(func(t *testing.T, method, path, query, authorization, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		if raw, err := url.PathUnescape(path); err == nil {
			r.URL.Path, r.URL.RawPath = raw, path
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		} else {
			r.Header.Set("X-Parse-Application-Id", "app")
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		switch w.Code {
		case 200, 201, 400, 403, 404, 415:
		default:
			t.Errorf("%q %q %q %q: %d %s\n%s", method, path, query, body, w.Code, w.Body, &d.log)
		}
	})
}
