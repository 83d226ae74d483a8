package expression_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/expression"
	"github.com/loam-baas/loam/internal/store/match"
)

// TestAnalysis holds what an expression says of itself to what planners rely on.
func TestAnalysis(t *testing.T) {
	for _, c := range []struct {
		expression string
		constant   string // in extended JSON, "" for none
		path       string // "" for none
		paths      string // with spaces between them
		whole      bool
	}{
		{expression: `"$a.b"`, path: "a.b", paths: "a.b"},
		{expression: `"$a"`, path: "a", paths: "a"},
		{expression: `"$$ROOT.a.b"`, path: "a.b", paths: "a.b"},
		{expression: `"$$CURRENT.a"`, path: "a", paths: "a"},
		{expression: `"$$ROOT"`, whole: true},
		{expression: `{"$add":["$a","$b.c","$a"]}`, paths: "a b.c"},
		{expression: `{"$let":{"vars":{"x":"$a"},"in":"$$x.b"}}`, paths: "a"},
		{expression: `{"$let":{"vars":{"CURRENT":"$a"},"in":"$b"}}`, paths: "a"},
		{expression: `{"$getField":"a"}`, path: "a", paths: "a"},
		{expression: `{"$getField":"a.b"}`, whole: true},
		{expression: `{"$add":[1,2]}`, constant: `3`},
		{expression: `{"$concat":["a",{"$toUpper":"b"}]}`, constant: `"aB"`},
		{expression: `{"$literal":"$a"}`, constant: `"$a"`},
		{expression: `{"x":[1,{"$literal":2}]}`, constant: `{"x":[1,2]}`},
		{expression: `{"$cond":[true,1,"$a"]}`, constant: `1`, paths: "a"},
		{expression: `"$$NOW"`},
		{expression: `{"$rand":{}}`},
		{expression: `{"$divide":[1,0]}`},
	} {
		e, err := expression.Compile(decode(t, c.expression), expression.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		v, ok := e.Constant()
		if ok != (c.constant != "") {
			t.Errorf("%s: Constant is %v, %t", c.expression, v, ok)
		} else if ok && match.Compare(v, raw(t, `{"v":`+c.constant+`}`).Lookup("v")) != 0 {
			t.Errorf("%s is the constant %v, want %s", c.expression, v, c.constant)
		}
		if path, ok := e.FieldPath(); path != c.path || ok != (c.path != "") {
			t.Errorf("%s: FieldPath is %q, %t, want %q", c.expression, path, ok, c.path)
		}
		if paths, whole := e.Paths(); strings.Join(paths, " ") != c.paths || whole != c.whole {
			t.Errorf("%s reads %v, %t, want [%s], %t", c.expression, paths, whole, c.paths, c.whole)
		}
	}
}

// TestEnv holds what comes from outside of documents to where it is told.
func TestEnv(t *testing.T) {
	env := expression.NewEnv(now)
	env.Variables = map[string]bson.RawValue{"x": raw(t, `{"v":{"k":5}}`).Lookup("v"), "bad": {Type: bson.TypeInt64, Value: []byte{1}}}
	env.Meta = func(name string) bson.RawValue { return raw(t, `{"textScore":1.5}`).Lookup(name) }
	o := expression.Options{Variables: []string{"x", "y", "bad"}}
	for _, c := range []struct{ expression, want string }{
		{`"$$x.k"`, `5`},
		{`{"$ifNull":["$$y","none"]}`, `"none"`},
		{`{"$type":"$$bad"}`, `"missing"`},
		{`"$$NOW"`, `{"$date":"2024-02-29T12:00:00Z"}`},
		{`{"$meta":"textScore"}`, `1.5`},
		{`{"$type":{"$meta":"recordId"}}`, `"missing"`},
	} {
		e, err := expression.Compile(decode(t, c.expression), o)
		if err != nil {
			t.Fatal(err)
		}
		v, err := e.Evaluate(env, raw(t, `{}`))
		if want := canonical(t, raw(t, `{"v":`+c.want+`}`).Lookup("v")); err != nil || canonical(t, v) != want {
			t.Errorf("%s is %s, %v, want %s", c.expression, canonical(t, v), err, want)
		}
	}
}

func TestCollation(t *testing.T) {
	e, err := expression.Compile(decode(t, `{"$and":[{"$eq":["$a","X"]},{"$in":["$a",["X"]]},{"$setEquals":[["$a"],["X"]]}]}`),
		expression.Options{Collation: match.CaseInsensitive})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Evaluate(expression.NewEnv(now), raw(t, `{"a":"x"}`)); err != nil || !match.Truthy(v) {
		t.Errorf("x and X are not equal: %v, %v", v, err)
	}
}

// TestRefused holds what is not evaluated at all to its error.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		expression string
		code       int32
	}{
		{`{"$function":{"body":"function() {}","args":[],"lang":"js"}}`, 31264},
		{`{"$accumulator":{}}`, 31264},
		{`{"$meta":"nothing"}`, 17308},
		{`{"$rand":1}`, 3040501},
		{`"$a` + strings.Repeat(".b", 300) + `"`, 15},
	} {
		_, err := evaluate(t, c.expression, `{}`)
		if codeOf(err) != c.code {
			t.Errorf("%.60s: error is %v, want code %d", c.expression, err, c.code)
		}
	}
}

func TestDepth(t *testing.T) {
	var deep any = "$a"
	for range 190 {
		deep = bson.D{{Key: "$not", Value: deep}}
	}
	if _, err := expression.Compile(deep, expression.Options{}); err != nil {
		t.Errorf("190 levels: %v", err)
	}
	for range 50 {
		deep = bson.D{{Key: "$not", Value: deep}}
	}
	if _, err := expression.Compile(deep, expression.Options{}); codeOf(err) != 15 {
		t.Errorf("240 levels: error is %v, want code 15", err)
	}
}

// TestBounds holds expressions that would grow without end to an error.
func TestBounds(t *testing.T) {
	big := fmt.Sprintf(`{"s":%q}`, strings.Repeat("x", 1<<20))
	doubled := `"$s"`
	for range 6 {
		doubled = fmt.Sprintf(`{"$let":{"vars":{"v":%s},"in":{"$concat":["$$v","$$v"]}}}`, doubled)
	}
	columns := strings.Repeat(`{"$range":[0,1000000]},`, 20)
	for _, c := range []struct {
		expression string
		codes      []int32
	}{
		{`{"$range":[0,2147483647]}`, []int32{10334}},
		{`{"$size":{"$range":[0,2147483647]}}`, []int32{10334}},
		{doubled, []int32{10334}},
		{`{"$replaceAll":{"input":"$s","find":"x","replacement":"$s"}}`, []int32{10334}},
		{`{"$reduce":{"input":{"$range":[0,40]},"initialValue":"x","in":{"$concat":["$$value","$$value"]}}}`, []int32{10334}},
		{`{"$reduce":{"input":{"$range":[0,300]},"initialValue":1,"in":["$$value"]}}`, []int32{15}},
		{`{"$map":{"input":{"$range":[0,100]},"in":"$s"}}`, []int32{10334}},
		{`{"$zip":{"inputs":[` + strings.TrimSuffix(columns, ",") + `]}}`, []int32{10334, 146}},
		{`{"$regexFindAll":{"input":"$s","regex":""}}`, []int32{10334}},
	} {
		if v, err := evaluate(t, c.expression, big); !slices.Contains(c.codes, codeOf(err)) {
			t.Errorf("%.80s: error is %v, want code %v (%d bytes)", c.expression, err, c.codes, len(v.Value))
		}
	}
}

// TestConstantsStaySmall holds a compiled expression to the size of its source.
func TestConstantsStaySmall(t *testing.T) {
	e, err := expression.Compile(decode(t, `{"$range":[0,100000]}`), expression.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := e.Constant(); ok {
		t.Errorf("compiling kept %d bytes", len(v.Value))
	}
}

func TestContextEndsEvaluation(t *testing.T) {
	e, err := expression.Compile(decode(t, `{"$map":{"input":{"$range":[0,100000]},"in":1}}`), expression.Options{})
	if err != nil {
		t.Fatal(err)
	}
	env := expression.NewEnv(now)
	var cancel context.CancelFunc
	env.Context, cancel = context.WithCancel(t.Context())
	if _, err := e.Evaluate(env, raw(t, `{}`)); err != nil {
		t.Errorf("before the context ends: %v", err)
	}
	cancel()
	if _, err := e.Evaluate(env, raw(t, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v after the context has ended", err)
	}
}
