package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/crypto/bcrypt"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
	"github.com/loam-baas/loam/migrations"
)

// door is a whole app behind its REST door, as the network sees it.
type door struct {
	t testing.TB
	h http.Handler
	// store is what the app has stored, past the gate, and links what its pages ask.
	store store.Store
	links account.Links
	// finds counts the queries of the store.
	finds *atomic.Int64
}

// counting counts the queries of a store.
type counting struct {
	store.Store
	finds *atomic.Int64
}

func (s counting) Find(ctx context.Context, collection string, q store.Find, yield func(bson.Raw) error) error {
	s.finds.Add(1)
	return s.Store.Find(ctx, collection, q, yield)
}

// open opens an app with everything at its default, as changed by change.
func open(t testing.TB, change ...func(*account.Options, *engine.Options)) door {
	t.Helper()
	ctx := context.Background()
	s, err := embedded.Open(ctx, embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	o := account.Options{
		EnforcePrivateUsers: true, SessionLength: 365 * 24 * time.Hour, ExpireInactiveSessions: true,
		RevokeSessionOnPasswordReset: true, PasswordCost: bcrypt.MinCost,
	}
	finds := &atomic.Int64{}
	eo := engine.Options{
		Store: counting{s, finds}, SessionCacheSize: 1000, SessionCacheTTL: time.Minute, AllowClientClassCreation: true, SanitizeErrors: true, ProtectedFieldsOwnerExempt: true,
		Limits: query.Limits{QueryDepth: 10, SubqueryDepth: 5, IncludeDepth: 5, IncludeCount: 50, InValues: 1000},
	}
	for _, f := range change {
		f(&o, &eo)
	}
	if err := migrations.Run(ctx, s, migrations.Options{Indexes: migrations.Indexes{
		UserUsername: true, UserUsernameCaseInsensitive: true, UserEmail: true, UserEmailCaseInsensitive: true, AuthDataUniqueness: true},
		AuthProviders: slices.Sorted(maps.Keys(o.Providers))}); err != nil {
		t.Fatal(err)
	}
	eo.Catalog, err = schema.Open(ctx, s, schema.Options{ProtectedFields: map[string]map[string][]string{"_User": {"*": {"email"}}}})
	if err != nil {
		t.Fatal(err)
	}
	o.Engine = engine.New(eo)
	accounts, err := account.New(o)
	if err != nil {
		t.Fatal(err)
	}
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	app := rest.NewApp(rest.AppOptions{
		ID: "app", Engine: o.Engine, Accounts: accounts, SanitizeErrors: true, PublicServerURL: "http://loam.test/parse",
		Keys: config.Keys{Master: "master", ReadOnly: "readonly", Maintenance: "maintenance",
			MasterIPs: everywhere, ReadOnlyIPs: everywhere, MaintenanceIPs: everywhere},
		Limits: parse.Limits{Depth: 64, Keys: 1000}, BatchRequestLimit: 100,
	})
	return door{t, rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20}, app), s, accounts, finds}
}

// answer is what a request was answered.
type answer struct {
	t      testing.TB
	status int
	body   map[string]any
	text   string
}

// Who asks: a header and its value, or nobody in particular.
type credential [2]string

var (
	nobody      = credential{}
	master      = credential{"X-Parse-Master-Key", "master"}
	readOnly    = credential{"X-Parse-Master-Key", "readonly"}
	maintenance = credential{"X-Parse-Maintenance-Key", "maintenance"}
)

func session(token string) credential { return credential{"X-Parse-Session-Token", token} }

// ask sends one request. It may be called by many at the same time.
func (d door) ask(who credential, method, path, body string, more ...credential) answer {
	r := httptest.NewRequest(method, "/parse"+path, strings.NewReader(body))
	r.Header.Set("X-Parse-Application-Id", "app")
	for _, c := range append(more, who) {
		if c[0] != "" {
			r.Header.Set(c[0], c[1])
		}
	}
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Body)
	a := answer{t: d.t, status: w.Code, text: string(text)}
	// A list, as of a batch, is for text alone.
	if err := errors.Join(err, json.Unmarshal(text, &a.body)); err != nil && !strings.HasPrefix(a.text, "[") {
		d.t.Errorf("%s %s answered no JSON: %v: %s", method, path, err, text)
	}
	return a
}

// must is an answer of success.
func (a answer) must() answer {
	a.t.Helper()
	if a.status/100 != 2 {
		a.t.Fatalf("answered %d %s", a.status, a.text)
	}
	return a
}

// refused checks that the answer is an error with a code.
func (a answer) refused(code parse.Code) {
	a.t.Helper()
	if got, _ := a.body["code"].(float64); a.status/100 == 2 || parse.Code(got) != code {
		a.t.Errorf("answered %d %s, want an error with code %d", a.status, a.text, code)
	}
}

// string is a member of the answer.
func (a answer) string(key string) string {
	a.t.Helper()
	text, ok := a.body[key].(string)
	if !ok {
		a.t.Fatalf("no %s in %s", key, a.text)
	}
	return text
}

func (a answer) results() []any {
	a.t.Helper()
	list, ok := a.body["results"].([]any)
	if !ok {
		a.t.Fatalf("no results in %s", a.text)
	}
	return list
}

// user is one who has signed up.
type user struct{ name, id, token string }

// signUp signs up a user with the password "secret"; more is further members of the body.
func (d door) signUp(name, more string) user {
	d.t.Helper()
	if more != "" {
		more = "," + more
	}
	a := d.ask(nobody, "POST", "/users", fmt.Sprintf(`{"username":%q,"password":"secret"%s}`, name, more)).must()
	return user{name, a.string("objectId"), a.string("sessionToken")}
}

func (d door) logIn(name, password string) answer {
	return d.ask(nobody, "POST", "/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
}

// row is a user as the maintenance key sees it.
func (d door) row(u user) answer {
	d.t.Helper()
	return d.ask(maintenance, "GET", "/users/"+u.id, "").must()
}

// unset takes a stored field from a user, past the gate.
func (d door) unset(u user, field string) {
	d.t.Helper()
	result, err := d.store.Update(context.Background(), "_User", store.Update{
		Filter: bson.D{{Key: "_id", Value: u.id}}, Change: bson.D{{Key: "$unset", Value: bson.D{{Key: field, Value: ""}}}}})
	if err != nil || result.Modified != 1 {
		d.t.Fatalf("%+v, %v", result, err)
	}
}
