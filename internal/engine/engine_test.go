package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

var (
	anonymous   = engine.Caller{}
	master      = engine.Caller{Scope: engine.ScopeMaster}
	readOnly    = engine.Caller{Scope: engine.ScopeReadOnlyMaster}
	alice       = engine.Caller{UserID: "alice"}
	bob         = engine.Caller{UserID: "bob"}
	adminMember = engine.Caller{UserID: "carol", Roles: []string{"admin"}}
)

// app is an engine over an empty embedded store.
type app struct {
	*engine.Engine
	t     testing.TB
	store store.Store
}

func open(t testing.TB, change ...func(*engine.Options)) app {
	t.Helper()
	ctx := context.Background()
	s, err := embedded.Open(ctx, embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(ctx) })
	catalog, err := schema.Open(ctx, s, schema.Options{ProtectedFields: map[string]map[string][]string{"_User": {"*": {"email"}}}})
	if err != nil {
		t.Fatal(err)
	}
	o := engine.Options{
		Store: s, Catalog: catalog, AllowClientClassCreation: true, SanitizeErrors: true, ProtectedFieldsOwnerExempt: true, EncodingsBytes: 8 << 20,
		Limits: query.Limits{QueryDepth: 10, SubqueryDepth: 5, IncludeDepth: 5, IncludeCount: 50, InValues: 1000},
	}
	for _, f := range change {
		f(&o)
	}
	return app{engine.New(o), t, s}
}

func object(t testing.TB, s string) *parse.Object {
	t.Helper()
	o, err := parse.DecodeObject([]byte(s), parse.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return o
}

func (a app) create(c engine.Caller, class, body string) string {
	a.t.Helper()
	made, err := a.Create(context.Background(), c, class, object(a.t, body))
	if err != nil {
		a.t.Fatalf("create %s in %s: %v", body, class, err)
	}
	return made.ObjectID
}

func (a app) update(c engine.Caller, class, id, body string) (string, error) {
	a.t.Helper()
	result, err := a.Update(context.Background(), c, class, id, object(a.t, body))
	if err != nil {
		return "", err
	}
	return string(result.JSON()), nil
}

func (a app) schema(class, def string) {
	a.t.Helper()
	if _, err := a.CreateSchema(context.Background(), master, class, object(a.t, def)); err != nil {
		a.t.Fatalf("schema %s: %v", def, err)
	}
}

// insert puts a stored document past the gate.
func (a app) insert(collection string, doc any) {
	a.t.Helper()
	if err := a.store.Insert(context.Background(), collection, marshal(a.t, doc)); err != nil {
		a.t.Fatal(err)
	}
}

// answer is what a find returned.
type answer struct {
	Results []map[string]any
	Count   *int
}

func (a app) find(c engine.Caller, class, params string) (answer, error) {
	a.t.Helper()
	q, err := query.Decode(query.ParamsFromObject(object(a.t, params)), a.QueryLimits(c))
	if err != nil {
		return answer{}, err
	}
	result, err := a.Find(context.Background(), c, class, q)
	if err != nil {
		return answer{}, err
	}
	var out answer
	if err := json.Unmarshal(result.JSON(), &out); err != nil {
		a.t.Fatalf("find answered no JSON: %v: %s", err, result.JSON())
	}
	return out, nil
}

func (a app) mustFind(c engine.Caller, class, params string) []map[string]any {
	a.t.Helper()
	out, err := a.find(c, class, params)
	if err != nil {
		a.t.Fatalf("find %s in %s: %v", params, class, err)
	}
	return out.Results
}

func (a app) get(c engine.Caller, class, id, params string) (map[string]any, error) {
	a.t.Helper()
	q, err := query.DecodeGet(query.ParamsFromObject(object(a.t, params)), a.QueryLimits(c))
	if err != nil {
		return nil, err
	}
	result, err := a.Get(context.Background(), c, class, id, q)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(result.JSON(), &out); err != nil {
		a.t.Fatalf("get answered no JSON: %v: %s", err, result.JSON())
	}
	return out, nil
}

// values are the values of a field in the results, in order; "-" where it is missing.
func values(results []map[string]any, field string) string {
	var out []string
	for _, r := range results {
		s, ok := r[field].(string)
		if !ok {
			s = "-"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// wantCode fails unless err is a Parse error of that code, and returns its message.
func wantCode(t testing.TB, err error, code parse.Code) string {
	t.Helper()
	var e *parse.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want code %d", err, code)
	}
	if e.Code != code {
		t.Fatalf("got code %d (%s), want %d", e.Code, e.Message, code)
	}
	return e.Message
}
