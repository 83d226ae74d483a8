package rest_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
)

func TestBodies(t *testing.T) {
	const post = "POST /parse/classes/A"
	d := newDoor(t, func(o *rest.Options, a *rest.AppOptions) {
		o.MaxUploadSize = 200
		a.Limits = parse.Limits{Depth: 5, Keys: 3}
	})
	made := `{"objectId":"new"}`
	play(t, d, []scenario{
		{name: "JSON whatever the type says", request: post, header: with("Content-Type: application/x-www-form-urlencoded"), body: `{"a":1}`, status: 201, want: made, engine: `client create A {"a":1}`},
		{name: "not JSON", request: post, header: with(), body: `{bad`, status: 400, want: `{"code":107,"error":"invalid JSON: unexpected 'b' at byte 1"}`},
		{name: "an array has indexes for keys", request: post, header: with(), body: `[{}]`, status: 201, want: made, engine: `client create A {"0":{}}`},
		{name: "a text", request: post, header: with(), body: `"{}"`, status: 400, want: `{"code":107,"error":"invalid JSON: expected an object"}`},
		{name: "a typed value", request: post, header: with(), body: `{"__type":"Relation","className":"A"}`, status: 400, want: `{"code":107,"error":"invalid JSON: expected an object"}`},
		{name: "UTF-8 by name", request: post, header: with("Content-Type: application/json; charset=UTF-8"), body: `{"a":"é"}`, status: 201, want: made, engine: `client create A {"a":"é"}`},
		{name: "another charset", request: post, header: with("Content-Type: application/json; charset=latin1"), body: `{}`, status: 415, want: `{"error":"unsupported charset \"LATIN1\""}`},
		{name: "null", request: post, header: with(), body: `null`, status: 400, want: `{"code":107,"error":"invalid JSON: expected an object"}`},
		{name: "a form with files", request: post, header: with("Content-Type: multipart/form-data; boundary=x"), body: `--x--`, status: 415, want: `{"error":"unsupported content type: send JSON"}`},
		{name: "too large", request: post, header: with(), body: `{"a":"` + strings.Repeat("a", 200) + `"}`, status: 413, want: `{"error":"request entity too large"}`},
		{name: "as deep as can be", request: post, header: with(), body: `{"a":[[[[]]]]}`, status: 201, want: made, engine: `client create A {"a":[[[[]]]]}`},
		{name: "too deep", request: post, header: with(), body: `{"a":[[[[[]]]]]}`, status: 400, want: `{"code":107,"error":"JSON is nested deeper than the limit of 5 levels"}`},
		{name: "too deep without an app", request: post, body: `{"a":[[[[[]]]]]}`, status: 400, want: `{"code":107,"error":"JSON is nested deeper than the limit of 5 levels"}`},
		{name: "too many keys", request: post, header: with(), body: `{"a":1,"b":1,"c":1,"d":1}`, status: 400, want: `{"code":107,"error":"JSON object has more keys than the limit of 3"}`},
		{name: "an encoding that is not known", request: post, header: with("Content-Encoding: br"), body: `{}`, status: 415, want: `{"error":"unsupported content encoding"}`},
		{name: "not the encoding that it says", request: post, header: with("Content-Encoding: gzip"), body: `{}`, status: 400, want: `{"error":"request aborted"}`},
	})
}

// part hides the length of a body, as a chunked one does.
type part struct{ io.Reader }

func TestCompressedBodies(t *testing.T) {
	var zipped, deflated, bomb bytes.Buffer
	for _, w := range []struct {
		io.WriteCloser
		text string
	}{
		{gzip.NewWriter(&zipped), `{"a":1}`},
		{zlib.NewWriter(&deflated), `{"a":1}`},
		{gzip.NewWriter(&bomb), `{"a":"` + strings.Repeat("a", 1<<20) + `"}`},
	} {
		if _, err := io.WriteString(w, w.text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) { o.MaxUploadSize = 1 << 16 })
	play(t, d, []scenario{
		{name: "gzip", request: "POST /parse/classes/A", header: with("Content-Encoding: gzip"), body: zipped.String(), status: 201, want: `{"objectId":"new"}`, engine: `client create A {"a":1}`},
		{name: "deflate", request: "POST /parse/classes/A", header: with("Content-Encoding: deflate"), body: deflated.String(), status: 201, want: `{"objectId":"new"}`, engine: `client create A {"a":1}`},
		{name: "a bomb", request: "POST /parse/classes/A", header: with("Content-Encoding: gzip"), body: bomb.String(), status: 413, want: `{"error":"request entity too large"}`},
	})
}

func TestBodiesOfUnknownLength(t *testing.T) {
	d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) { o.MaxUploadSize = 20 })
	for _, test := range []struct {
		name   string
		body   io.Reader
		status int
		want   string
	}{
		{"whole", strings.NewReader(`{"a":1}`), 201, `{"objectId":"new"}`},
		{"none", strings.NewReader(""), 201, `{"objectId":"new"}`},
		{"too large", strings.NewReader(`{"a":"` + strings.Repeat("a", 20) + `"}`), 413, `{"error":"request entity too large"}`},
		{"cut off", io.MultiReader(strings.NewReader(`{"a"`), failing{io.ErrUnexpectedEOF}), 400, `{"error":"request aborted"}`},
		{"too slow", io.MultiReader(strings.NewReader(`{"a"`), failing{os.ErrDeadlineExceeded}), 408, `{"error":"request timeout"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/parse/classes/A", part{test.body})
			r.Header.Set("X-Parse-Application-Id", "app")
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != test.status || w.Body.String() != test.want {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, test.status, test.want)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, errors.Join(f.err) }
