package parity_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parity"
)

func answer(status int, body string, headers ...string) *parity.Answer {
	a := &parity.Answer{Status: status, Body: body, Headers: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		a.Headers.Set(headers[i], headers[i+1])
	}
	return a
}

func TestCompare(t *testing.T) {
	bindings := parity.Bindings{"ann": "AAAAAAAAAA", "base": "http://loam.test/parse"}
	for name, c := range map[string]struct {
		want, got *parity.Answer
		unordered bool
		found     []string
	}{
		"the same": {want: answer(200, `{"a": 1}`), got: answer(200, `{"a":1}`)},
		"another order of members, another writing of numbers": {
			want: answer(200, `{"a": 1, "b": 1e3}`), got: answer(200, `{"b":1000,"a":1.0}`),
		},
		"another status": {
			want: answer(200, `{}`), got: answer(201, `{}`), found: []string{"status: want 200, got 201"},
		},
		"another value": {
			want: answer(200, `{"a": {"b": [1, 2]}}`), got: answer(200, `{"a": {"b": [1, "2"]}}`),
			found: []string{`body.a.b[1]: want 2, got "2"`},
		},
		"null is not missing": {
			want: answer(200, `{"a": null}`), got: answer(200, `{}`), found: []string{"body.a: want null, got nothing"},
		},
		"one member too many": {
			want: answer(200, `{}`), got: answer(200, `{"a": 1}`), found: []string{"body.a: want nothing, got 1"},
		},
		"one element too few": {
			want: answer(200, `[1, 2]`), got: answer(200, `[1]`), found: []string{"body: want [1, 2], got [1]"},
		},
		"forms": {
			want: answer(200, `{"i": "<objectId>", "d": "<date>", "x": "<any>", "s": "<sessionToken>"}`),
			got: answer(200, `{"i": "abcDEF1234", "d": "2020-01-02T03:04:05.678Z", "x": [1],
				"s": "r:0123456789abcdef0123456789abcdef"}`),
		},
		"no form": {
			want: answer(200, `{"i": "<objectId>", "d": "<date>"}`), got: answer(200, `{"i": "short", "d": "2020-01-02"}`),
			found: []string{`body.i: want "<objectId>", got "short"`, `body.d: want "<date>", got "2020-01-02"`},
		},
		"names": {
			want: answer(201, `{"id": "<ann>", "<ann>": 1}`, "Location", "<base>/classes/Note/<ann>"),
			got:  answer(201, `{"id": "AAAAAAAAAA", "AAAAAAAAAA": 1}`, "Location", "http://loam.test/parse/classes/Note/AAAAAAAAAA"),
		},
		"a name that is bound to something else": {
			want: answer(200, `"<ann>"`), got: answer(200, `"BBBBBBBBBB"`), found: []string{`body: want "<ann>", got "BBBBBBBBBB"`},
		},
		"brackets that mean nothing": {want: answer(200, `"<b>.*"`), got: answer(200, `"<b>.*"`)},
		"headers": {
			want: answer(200, "", "Location", "a"), got: answer(200, "", "Retry-After", "1"),
			found: []string{"Location: want a, got ", "Retry-After: want none, got 1"},
		},
		"text that is no JSON": {want: answer(404, "<any>"), got: answer(404, "Cannot GET /")},
		"results in any order": {
			want: answer(200, `{"results": [{"n": 1}, {"n": 2}]}`), got: answer(200, `{"results": [{"n": 2}, {"n": 1}]}`),
			unordered: true,
		},
		"results in any order, one of them wrong": {
			want: answer(200, `{"results": [{"n": 1}, {"n": 2}]}`), got: answer(200, `{"results": [{"n": 2}, {"n": 3}]}`),
			unordered: true, found: []string{"body.results[0].n: want 1, got 3"},
		},
		"results in order": {
			want: answer(200, `{"results": [1, 2]}`), got: answer(200, `{"results": [2, 1]}`),
			found: []string{"body.results[0]: want 1, got 2", "body.results[1]: want 2, got 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := &parity.Exchange{Unordered: c.unordered}
			var found []string
			for _, d := range x.Compare(c.want, c.got, bindings) {
				found = append(found, d.String())
			}
			if d := cmp.Diff(c.found, found, inAnyOrder); d != "" {
				t.Error(d)
			}
		})
	}
}

// inAnyOrder compares lists of texts without regard to their order.
var inAnyOrder = cmp.Transformer("counted", func(list []string) map[string]int {
	counts := map[string]int{}
	for _, s := range list {
		counts[s]++
	}
	return counts
})

func TestBindings(t *testing.T) {
	b := parity.Bindings{}
	if err := b.Bind([]string{"ann"}, `{"objectId": "AAAAAAAAAA", "createdAt": "2020-01-02T03:04:05.678Z", "n": 1}`); err != nil {
		t.Fatal(err)
	}
	if err := b.Bind([]string{"one", "two"}, `[{"success": {"objectId": "BBBBBBBBBB"}}, {"error": {"code": 1}}]`); err != nil {
		t.Fatal(err)
	}
	got := b.Fill(`<ann> <ann.createdAt> <one> <two> <repeat 3 {"a":><repeat 2 }>`)
	want := `AAAAAAAAAA 2020-01-02T03:04:05.678Z BBBBBBBBBB <two> {"a":{"a":{"a":}}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, body := range []string{`no JSON`, `[{"success": {}}]`} {
		if err := b.Bind([]string{"x", "y"}, body); err == nil {
			t.Errorf("%s was bound to two names", body)
		}
	}
}

func TestNormalize(t *testing.T) {
	began := time.Now()
	now := began.UTC().Format("2006-01-02T15:04:05.000Z")
	later := began.UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000Z")
	b := parity.Bindings{"ann": "AAAAAAAAAA", "ann.objectId": "AAAAAAAAAA", "ann.createdAt": now, "base": "http://127.0.0.1:1337/parse"}
	got, err := parity.Normalize(answer(201, `{
		"objectId": "CCCCCCCCCC", "createdAt": "`+now+`", "old": "2001-01-01T00:00:00.000Z", "expiresAt": "`+later+`", "set": "2999-01-01T00:00:00.000Z",
		"next": {"objectId": "AAAAAAAAAA"}, "typed": {"objectId": "DDDDDDDDDD"}, "ACL": {"AAAAAAAAAA": {"read": true}},
		"error": "no AAAAAAAAAA here", "fields": {"b": 1, "a": 2}, "token": "r:0123456789abcdef0123456789abcdef"
	}`, "Location", "http://127.0.0.1:1337/parse/classes/Note/CCCCCCCCCC"), b, "DDDDDDDDDD 2999-01-01T00:00:00.000Z", began)
	if err != nil {
		t.Fatal(err)
	}
	want := answer(201, `{
  "objectId": "<objectId>",
  "createdAt": "<date>",
  "old": "2001-01-01T00:00:00.000Z",
  "expiresAt": "<later>",
  "set": "2999-01-01T00:00:00.000Z",
  "next": {"objectId": "<ann>"},
  "typed": {"objectId": "DDDDDDDDDD"},
  "ACL": {"<ann>": {"read": true}},
  "error": "no <ann> here",
  "fields": {"a": 2, "b": 1},
  "token": "<sessionToken>"
}`, "Location", "<base>/classes/Note/<objectId>")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNormalizeRefusesWhatWouldBeTakenForAForm(t *testing.T) {
	_, err := parity.Normalize(answer(200, `{"text": "a <date> b"}`), parity.Bindings{}, "", time.Now())
	if err == nil || !strings.Contains(err.Error(), "<date>") {
		t.Errorf("got %v", err)
	}
}

func TestOneTimePasswordsAreFilledIn(t *testing.T) {
	got := parity.Bindings{}.Fill(`{"token": "<totp GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ>", "other": "<totp 1>"}`)
	if !regexp.MustCompile(`^{"token": "\d{6}", "other": "<totp 1>"}$`).MatchString(got) {
		t.Errorf("filled in %s", got)
	}
}
