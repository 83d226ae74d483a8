package parse_test

import (
	"errors"
	"testing"

	"github.com/loam-baas/loam/internal/parse"
)

func TestTypeOf(t *testing.T) {
	tests := []struct {
		text, want string // want is empty where nothing is said
	}{
		{`"x"`, "String"}, {`1`, "Number"}, {`false`, "Boolean"}, {`null`, ""}, {`[1]`, "Array"}, {`{}`, "Object"}, {`{"a":1}`, "Object"},
		{`{"__type":"Date","iso":"2011-08-21T18:02:52.249Z"}`, "Date"},
		{`{"__type":"Bytes","base64":"aGk="}`, "Bytes"},
		{`{"__type":"Pointer","className":"A","objectId":"x"}`, "Pointer<A>"},
		{`{"__type":"Relation","className":"A"}`, "Relation<A>"},
		{`{"__type":"File","name":"x"}`, "File"},
		{`{"__type":"GeoPoint","latitude":1,"longitude":2}`, "GeoPoint"},
		{`{"__type":"Polygon","coordinates":[[0,0],[0,1],[1,1]]}`, "Polygon"},
		{`{"__type":""}`, "Object"}, {`{"__type":null}`, "Object"}, {`{"__op":""}`, "Object"},
		{`{"__op":"Increment","amount":1}`, "Number"},
		{`{"__op":"Add","objects":[]}`, "Array"}, {`{"__op":"AddUnique","objects":[]}`, "Array"}, {`{"__op":"Remove","objects":[]}`, "Array"},
		{`{"__op":"Delete"}`, ""},
		{`{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"A","objectId":"x"}]}`, "Relation<A>"},
		{`{"__op":"RemoveRelation","objects":[{"__type":"Pointer","className":"A","objectId":"x"}]}`, "Relation<A>"},
		{`{"__op":"RemoveRelation","objects":[]}`, ""},
		{`{"__op":"Batch","ops":[{"__op":"AddRelation","objects":[{"__type":"Pointer","className":"A","objectId":"x"}]}]}`, "Relation<A>"},
		{`{"__op":"Batch","ops":[]}`, ""},
		{`{"__op":"SetOnInsert","amount":"x"}`, "String"},
	}
	for _, tt := range tests {
		got, err := parse.TypeOf(decode(t, tt.text))
		if err != nil || got.String() != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.text, got, err, tt.want)
		}
	}
}

// The messages are parse-server's.
func TestTypeOfRefuses(t *testing.T) {
	tests := []struct {
		text    string
		code    parse.Code
		message string
	}{
		{`{"__type":"Foo"}`, 111, "This is not a valid Foo"},
		{`{"__type":5}`, 111, "This is not a valid 5"},
		{`{"__type":true}`, 111, "This is not a valid true"},
		{`{"__type":{}}`, 111, "This is not a valid [object Object]"},
		{`{"__type":"Object","className":"A","objectId":"x"}`, 111, "This is not a valid Object"},
		{`{"__type":"Date"}`, 111, "This is not a valid Date"},
		{`{"__type":"Date","iso":"garbage"}`, 111, "This is not a valid Date"},
		{`{"__type":"Bytes","base64":""}`, 111, "This is not a valid Bytes"},
		{`{"__type":"Pointer","className":"A"}`, 111, "This is not a valid Pointer"},
		{`{"__type":"GeoPoint","latitude":1}`, 111, "This is not a valid GeoPoint"},
		{`{"__type":"File","name":""}`, 111, "This is not a valid File"},
		{`{"__op":"Foo"}`, 108, "The Foo operator is not supported yet."},
		{`{"__op":"SetOnInsert","amount":{"__type":"Foo"}}`, 111, "This is not a valid Foo"},
	}
	for _, tt := range tests {
		_, err := parse.TypeOf(decode(t, tt.text))
		wantError(t, tt.text, err, tt.code, tt.message)
	}
}

func wantError(t *testing.T, what string, err error, code parse.Code, message string) {
	t.Helper()
	var e *parse.Error
	if !errors.As(err, &e) || e.Code != code || e.Message != message {
		t.Errorf("%s: got %v, want code %d, %q", what, err, code, message)
	}
}
