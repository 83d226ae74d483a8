package rest_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

// recorder is an engine that writes down what it is asked, one line per call
// with the caller's scope, and answers the least there is to answer.
type recorder struct {
	mu    sync.Mutex
	lines []string
	// fail is called first; what it returns or panics with is the outcome.
	fail func(line string) error
	// discard answers without writing down, for benchmarks.
	discard bool
}

var anObject = engine.NewResult([]byte(`{"objectId":"x"}`))

var scopes = map[engine.Scope]string{
	engine.ScopeClient: "client", engine.ScopeReadOnlyMaster: "readonly",
	engine.ScopeMaster: "master", engine.ScopeMaintenance: "maintenance",
}

func (e *recorder) record(c engine.Caller, words ...string) error {
	who := scopes[c.Scope]
	if c.UserID != "" {
		who += ":" + c.UserID
	}
	if c.InstallationID != "" {
		who += "@" + c.InstallationID
	}
	line := who + " " + strings.Join(words, " ")
	e.mu.Lock()
	e.lines = append(e.lines, line)
	e.mu.Unlock()
	if e.fail != nil {
		return e.fail(line)
	}
	return nil
}

func text(o *parse.Object) string { return string(parse.AppendJSON(nil, o)) }

func (e *recorder) Find(_ context.Context, c engine.Caller, class string, q *query.Query) (*engine.Result, error) {
	words := []string{"find", class}
	if q.Where != nil {
		words = append(words, "where")
	}
	if q.Limit != nil {
		words = append(words, "limit", string(parse.AppendJSON(nil, parse.Number(*q.Limit))))
	}
	if len(q.Keys) > 0 {
		words = append(words, "keys", strings.Join(q.Keys, ","))
	}
	return engine.NewResult([]byte(`{"results":[]}`)), e.record(c, words...)
}

func (e *recorder) Get(_ context.Context, c engine.Caller, class, id string, q *query.Query) (*engine.Result, error) {
	if e.discard {
		return anObject, nil
	}
	words := []string{"get", class, id}
	if len(q.Include) > 0 {
		words = append(words, "include", strings.Join(q.Include, ","))
	}
	return anObject, e.record(c, words...)
}

func (e *recorder) Create(_ context.Context, c engine.Caller, class string, body *parse.Object) (*engine.Created, error) {
	err := e.record(c, "create", class, text(body))
	return &engine.Created{Result: *engine.NewResult([]byte(`{"objectId":"new"}`)), ObjectID: "new"}, err
}

func (e *recorder) Update(_ context.Context, c engine.Caller, class, id string, body *parse.Object) (*engine.Result, error) {
	return engine.NewResult([]byte(`{"updatedAt":"now"}`)), e.record(c, "update", class, id, text(body))
}

func (e *recorder) Delete(_ context.Context, c engine.Caller, class, id string) error {
	return e.record(c, "delete", class, id)
}

func (e *recorder) Aggregate(_ context.Context, c engine.Caller, class string, a *query.Aggregate) (*engine.Result, error) {
	words := []string{"aggregate", class}
	for _, s := range a.Stages {
		words = append(words, s.Name)
	}
	if a.Distinct != "" {
		words = append(words, "distinct", a.Distinct)
	}
	if err := e.record(c, words...); err != nil {
		return nil, err
	}
	return engine.NewResult([]byte(`{"results":[]}`)), nil
}

func (e *recorder) Transaction(ctx context.Context, fn func(context.Context) error) error {
	if err := e.record(engine.Caller{}, "begin"); err != nil {
		return err
	}
	if err := fn(ctx); err != nil {
		_ = e.record(engine.Caller{}, "abort")
		return err
	}
	return e.record(engine.Caller{}, "commit")
}

func (e *recorder) Schemas(_ context.Context, c engine.Caller) ([]*parse.Object, error) {
	return []*parse.Object{schemaOf("A"), schemaOf("B")}, e.record(c, "schemas")
}

func (e *recorder) Schema(_ context.Context, c engine.Caller, class string) (*parse.Object, error) {
	return schemaOf(class), e.record(c, "schema", class)
}

func (e *recorder) CreateSchema(_ context.Context, c engine.Caller, class string, def *parse.Object) (*parse.Object, error) {
	return schemaOf(class), e.record(c, "create schema", class, text(def))
}

func (e *recorder) UpdateSchema(_ context.Context, c engine.Caller, class string, def *parse.Object) (*parse.Object, error) {
	return schemaOf(class), e.record(c, "update schema", class, text(def))
}

func (e *recorder) DeleteSchema(_ context.Context, c engine.Caller, class string) error {
	return e.record(c, "delete schema", class)
}

func (e *recorder) Purge(_ context.Context, c engine.Caller, class string) error {
	return e.record(c, "purge", class)
}

func (e *recorder) Config(_ context.Context, c engine.Caller) (*parse.Object, error) {
	return &parse.Object{Members: []parse.Member{{Key: "params", Value: &parse.Object{}}}}, e.record(c, "config")
}

func (e *recorder) UpdateConfig(_ context.Context, c engine.Caller, body *parse.Object) error {
	return e.record(c, "update config", text(body))
}

func (e *recorder) ResolveSession(_ context.Context, c engine.Caller, token string) (engine.Caller, error) {
	if token != "r:alice" {
		return c, parse.NewError(parse.InvalidSessionToken, "Invalid session token")
	}
	c.UserID, c.SessionToken = "alice", token
	return c, nil
}

func (e *recorder) Once(_ context.Context, c engine.Caller, id string, ttl time.Duration) error {
	return e.record(c, "once", id, ttl.String())
}

func (e *recorder) CheckFile(_ context.Context, c engine.Caller, u *files.Upload) error {
	return e.record(c, "check file", u.Name)
}

func (e *recorder) SaveFile(_ context.Context, c engine.Caller, u *files.Upload) (*engine.SavedFile, error) {
	content, err := io.ReadAll(u.Content)
	if err != nil {
		return nil, err
	}
	return &engine.SavedFile{Name: "stored", URL: "http://files/stored"}, e.record(c, "save file", u.Name, u.ContentType, string(content))
}

func (e *recorder) GrantFile(_ context.Context, c engine.Caller, u *files.Upload, _ int64) (*engine.FileGrant, error) {
	return &engine.FileGrant{}, e.record(c, "grant file", u.Name)
}

func (e *recorder) AdoptFile(_ context.Context, c engine.Caller, token string) (*engine.SavedFile, error) {
	return &engine.SavedFile{}, e.record(c, "adopt file", token)
}

func (e *recorder) File(_ context.Context, c engine.Caller, name string) (files.Info, error) {
	return files.Info{Name: name}, e.record(c, "file", name)
}

func (e *recorder) FileLink(context.Context, files.Info) (string, error) { return "", nil }

func (e *recorder) OpenFile(ctx context.Context, info files.Info) io.ReadSeekCloser {
	return files.NewReader(ctx, nil, info)
}

func (e *recorder) DeleteFile(_ context.Context, c engine.Caller, name string) error {
	return e.record(c, "delete file", name)
}

func (e *recorder) OneAnswer(ctx context.Context) context.Context { return ctx }

func (e *recorder) QueryLimits(engine.Caller) query.Limits { return query.Limits{} }

func schemaOf(class string) *parse.Object {
	return &parse.Object{Members: []parse.Member{{Key: "className", Value: parse.String(class)}}}
}

var _ engine.API = (*recorder)(nil)
