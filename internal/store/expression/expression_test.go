package expression_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/storetest"
)

// decode reads one value in extended JSON.
func decode(t testing.TB, text string) any {
	t.Helper()
	return document(t, `{"v":`+text+`}`)[0].Value
}

func document(t testing.TB, text string) bson.D {
	t.Helper()
	var d bson.D
	if err := bson.UnmarshalExtJSON([]byte(text), false, &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

func raw(t testing.TB, text string) bson.Raw {
	t.Helper()
	doc, err := bson.Marshal(document(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// canonical writes a value so that types show; "" is a missing one.
func canonical(t testing.TB, v bson.RawValue) string {
	t.Helper()
	if v.Type == 0 {
		return ""
	}
	text, err := bson.MarshalExtJSON(bson.D{{Key: "v", Value: v}}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var now = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func evaluate(t testing.TB, text, doc string) (bson.RawValue, error) {
	t.Helper()
	e, err := expression.Compile(decode(t, text), expression.Options{})
	if err != nil {
		return bson.RawValue{}, err
	}
	return e.Evaluate(expression.NewEnv(now), raw(t, doc))
}

func codeOf(err error) int32 {
	var request *store.RequestError
	if !errors.As(err, &request) {
		return 0
	}
	return request.Code
}

// TestEvaluate runs the cases that bind all drivers.
func TestEvaluate(t *testing.T) {
	for _, c := range storetest.ExpressionCases() {
		v, err := evaluate(t, c.Expression, c.Document)
		if len(c.Codes) > 0 {
			if !slices.Contains(c.Codes, codeOf(err)) {
				t.Errorf("%s of %s: error is %v, want code %v (value %v)", c.Expression, c.Document, err, c.Codes, v)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %s: %v", c.Expression, c.Document, err)
			continue
		}
		want := ""
		if c.Want != "" {
			want = canonical(t, raw(t, `{"v":`+c.Want+`}`).Lookup("v"))
		}
		if got := canonical(t, v); got != want {
			t.Errorf("%s of %s\n got %s\nwant %s", c.Expression, c.Document, got, want)
		}
	}
}
