package rest_test

import (
	"testing"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
)

func TestAdvisory_F03_ProhibitedKeywords(t *testing.T) {
	const constructor = `{"code":105,"error":"Prohibited keyword in request data: {\"key\":\"constructor\"}."}`
	const proto = `{"code":105,"error":"Prohibited keyword in request data: {\"key\":\"__proto__\"}."}`
	const code = `{"code":105,"error":"Prohibited keyword in request data: {\"key\":\"_bsontype\",\"value\":\"Code\"}."}`
	play(t, newDoor(t, nil), []scenario{
		{name: "at the top", request: "POST /parse/classes/A", header: with(), body: `{"constructor":1}`, status: 400, want: constructor},
		{name: "in an array", request: "PUT /parse/classes/A/x", header: with(), body: `{"a":[[{"__proto__":{}}]]}`, status: 400, want: proto},
		{name: "within a longer key", request: "POST /parse/classes/A", header: with(), body: `{"a":{"my_constructor":1}}`, status: 400, want: constructor},
		{name: "key and value", request: "POST /parse/classes/A", header: with(), body: `{"a":{"_bsontype":"Code"}}`, status: 400, want: code},
		{name: "the key with another value", request: "POST /parse/classes/A", header: with(), body: `{"a":{"_bsontype":"Long"}}`, status: 201, want: `{"objectId":"new"}`, engine: `client create A {"a":{"_bsontype":"Long"}}`},
		{name: "with the master key", request: "PUT /parse/config", header: with(master), body: `{"params":{"constructor":1}}`, status: 400, want: constructor},
		{name: "in a schema", request: "POST /parse/schemas/A", header: with(master), body: `{"fields":{"a":{"type":"Object","defaultValue":{"constructor":1}}}}`, status: 400, want: constructor},
		{name: "in a batch", request: "POST /parse/batch", header: with(), want: `[{"error":` + constructor + `}]`,
			body: `{"requests":[{"method":"POST","path":"/parse/classes/A","body":{"a":{"constructor":1}}}]}`},
	})
}

// The scan must not stop at the first nested value.
func TestAdvisory_F19_ScanGoesOnAfterNestedValues(t *testing.T) {
	for _, body := range []string{
		`{"a":{"b":1},"c":{"constructor":1}}`, `{"a":[1,{"b":2}],"constructor":1}`, `{"a":{"b":{},"c":[{},{"x":{"constructor":1}}]}}`,
	} {
		t.Run(body, func(t *testing.T) {
			scenario{request: "POST /parse/classes/A", header: with(), body: body, status: 400,
				want: `{"code":105,"error":"Prohibited keyword in request data: {\"key\":\"constructor\"}."}`}.run(t, newDoor(t, nil))
		})
	}
}

func TestDenylist(t *testing.T) {
	for _, test := range []struct {
		name    string
		keyword config.Keyword
		data    string
		denied  bool
	}{
		{"an expression for keys", config.Keyword{Key: "^a.c$"}, `{"x":{"abc":1}}`, true},
		{"an expression for other keys", config.Keyword{Key: "^a.c$"}, `{"x":{"abcd":1}}`, false},
		{"an expression for values", config.Keyword{Value: "^(evil|bad)$", HasValue: true}, `{"x":["good","bad"]}`, true},
		{"a number", config.Keyword{Value: int64(7), HasValue: true}, `{"x":[1,7]}`, true},
		{"a number as text", config.Keyword{Value: int64(7), HasValue: true}, `{"x":["7"]}`, false},
		{"a fraction", config.Keyword{Value: 0.5, HasValue: true}, `{"x":0.5}`, true},
		{"a truth value", config.Keyword{Key: "admin", Value: true, HasValue: true}, `{"admin":true}`, true},
		{"the other truth value", config.Keyword{Key: "admin", Value: true, HasValue: true}, `{"admin":false}`, false},
		{"null", config.Keyword{Key: "x", Value: nil, HasValue: true}, `{"x":null}`, true},
		{"an object is no scalar", config.Keyword{Key: "x", Value: true, HasValue: true}, `{"x":{"y":1}}`, false},
		{"within a pointer", config.Keyword{Key: "className", Value: "Secret", HasValue: true}, `{"p":{"__type":"Pointer","className":"Secret","objectId":"x"}}`, true},
		{"within a relation", config.Keyword{Value: "Secret", HasValue: true}, `{"p":{"__type":"Relation","className":"Secret"}}`, true},
		{"within a file", config.Keyword{Key: "url", Value: "evil.example", HasValue: true}, `{"f":{"__type":"File","name":"a","url":"http://evil.example/a"}}`, true},
		{"an empty entry", config.Keyword{}, `{"x":1}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, err := rest.NewDenylist([]config.Keyword{test.keyword})
			if err != nil {
				t.Fatal(err)
			}
			data, err := parse.DecodeObject([]byte(test.data), parse.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if err := list.Check(data); (err != nil) != test.denied {
				t.Errorf("%s: %v, want denied %v", test.data, err, test.denied)
			}
		})
	}
	for _, bad := range []config.Keyword{{Key: "("}, {Value: "[", HasValue: true}, {Value: []string{"a"}, HasValue: true}} {
		if _, err := rest.NewDenylist([]config.Keyword{bad}); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}
