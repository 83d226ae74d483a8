package match

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// document reads MongoDB extended JSON.
func document(t testing.TB, text string) bson.D {
	t.Helper()
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(text), false, &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

func rawDocument(t testing.TB, text string) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(document(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// rawValue reads one value in extended JSON.
func rawValue(t testing.TB, text string) bson.RawValue {
	t.Helper()
	return rawDocument(t, `{"v":`+text+`}`).Lookup("v")
}

func extJSON(t testing.TB, doc bson.Raw) string {
	t.Helper()
	text, err := bson.MarshalExtJSON(doc, false, false)
	if err != nil {
		t.Fatalf("%x: %v", []byte(doc), err)
	}
	return string(text)
}

// wantCode fails the test unless err is a RequestError with the code.
func wantCode(t testing.TB, err error, code int32) {
	t.Helper()
	var request *store.RequestError
	if !errors.As(err, &request) || request.Code != code {
		t.Errorf("error is %v, want one with code %d", err, code)
	}
}

// descendingKey appends the key that sorts v in descending order.
func descendingKey(dst []byte, v bson.RawValue) []byte {
	return appendDirectedKey(dst, valueOf(v), Simple, true)
}
