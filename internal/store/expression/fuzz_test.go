package expression_test

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/storetest"
)

// FuzzEvaluate compiles an expression in extended JSON and evaluates it on a
// document: whatever they are, there is a value that is well formed and not too
// large, or an error of the request.
func FuzzEvaluate(f *testing.F) {
	for _, c := range storetest.ExpressionCases() {
		f.Add(c.Expression, c.Document)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		var source, fields bson.D
		if bson.UnmarshalExtJSON([]byte(`{"v":`+text+`}`), false, &source) != nil || len(source) == 0 ||
			bson.UnmarshalExtJSON([]byte(document), false, &fields) != nil {
			return
		}
		doc, err := bson.Marshal(fields)
		if err != nil {
			return
		}
		checkRequestError := func(err error) {
			var request *store.RequestError
			if !errors.As(err, &request) {
				t.Errorf("%s of %s: %v", text, document, err)
			}
		}
		e, err := expression.Compile(source[0].Value, expression.Options{})
		if err != nil {
			checkRequestError(err)
			return
		}
		env := expression.NewEnv(now)
		for range 2 {
			v, err := e.Evaluate(env, doc)
			switch {
			case err != nil:
				checkRequestError(err)
			case len(v.Value) > 16<<20+100:
				t.Errorf("%s of %s has %d bytes", text, document, len(v.Value))
			case v.Type != 0 && v.Validate() != nil:
				t.Errorf("%s of %s is malformed: %v", text, document, v.Validate())
			}
		}
	})
}
