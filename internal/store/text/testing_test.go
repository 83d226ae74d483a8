package text

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

func document(t testing.TB, json string) bson.D {
	t.Helper()
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(json), false, &d); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return d
}

func raw(t testing.TB, json string) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(document(t, json))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// index returns an index of these keys and weights.
func index(t testing.TB, keys, weights string) *Index {
	t.Helper()
	def := store.Index{Keys: document(t, keys)}
	if weights != "" {
		def.Weights = document(t, weights)
	}
	def, err := Normalize(def)
	if err != nil {
		t.Fatal(err)
	}
	x, err := CompileIndex(def)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func compile(t testing.TB, x *Index, s Search) *Query {
	t.Helper()
	q, err := x.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// wantCode fails the test unless err is a request error of this code.
func wantCode(t *testing.T, err error, code int32) {
	t.Helper()
	request, ok := err.(*store.RequestError)
	if !ok || request.Code != code {
		t.Errorf("error is %v, want one of code %d", err, code)
	}
}
