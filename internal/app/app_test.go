package app

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/store/embedded"
)

func configured(t *testing.T) *config.App {
	return &config.App{
		AppID: "app", ServerURL: "http://127.0.0.1:1337/parse", PublicServerURL: "https://api.example.com/parse",
		Keys:                     config.Keys{Master: "master", MasterIPs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
		Database:                 config.Database{Engine: config.Embedded, Path: t.TempDir(), Indexes: config.SystemIndexes{UserUsername: true}},
		AllowClientClassCreation: true, ObjectIDSize: 12, DefaultLimit: 2, MaxLimit: 3,
		EnableSanitizedErrorResponse: true,
		RequestKeywordDenylist:       []config.Keyword{{Key: "forbidden"}},
		RequestComplexity:            config.RequestComplexity{QueryDepth: 1, RequestDepth: 8, BatchRequestLimit: 4},
	}
}

// ask sends one request of a client to an open app.
func ask(a *App, method, path, body string) (int, string) { return askWith(a, method, path, body, "") }

// askWith sends one request, with a master key unless it is empty.
func askWith(a *App, method, path, body, masterKey string) (int, string) {
	door := rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20}, a.REST())
	r := httptest.NewRequest(method, "/parse"+path, strings.NewReader(body))
	r.Header.Set("X-Parse-Application-Id", "app")
	if masterKey != "" {
		r.Header.Set("X-Parse-Master-Key", masterKey)
	}
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func open(t *testing.T, c *config.App) *App {
	t.Helper()
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAppKeepsWhatItWasGiven(t *testing.T) {
	c := configured(t)
	a := open(t, c)
	status, created := ask(a, "POST", "/classes/Note", `{"text":"kept","file":{"__type":"File","name":"a b.txt"}}`)
	if status != 201 {
		t.Fatalf("create: %d %s", status, created)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a = open(t, c)
	defer func() {
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	status, found := ask(a, "GET", "/classes/Note", "")
	if status != 200 || !strings.Contains(found, `"text":"kept"`) {
		t.Errorf("after opening it again: %d %s", status, found)
	}
	if want := `"url":"https://api.example.com/parse/files/app/a%20b.txt"`; !strings.Contains(found, want) {
		t.Errorf("%s has not %s", found, want)
	}
}

func TestAppFollowsItsConfiguration(t *testing.T) {
	a := open(t, configured(t))
	defer a.Close(t.Context())
	for range 5 {
		ask(a, "POST", "/classes/Note", `{}`)
	}
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"queryDepth", "GET", "/classes/Note", `{"where":{"$or":[{"$or":[{"a":1}]}]}}`, 400, "nesting depth"},
		{"requestDepth", "POST", "/classes/Note", `{"a":[[[[[[[[[]]]]]]]]]}`, 400, "nested deeper than the limit of 8"},
		{"requestKeywordDenylist", "POST", "/classes/Note", `{"forbidden":1}`, 400, "Prohibited keyword"},
		{"batchRequestLimit", "POST", "/batch", `{"requests":[{},{},{},{},{}]}`, 400, "exceeds the limit of 4"},
		{"enableSanitizedErrorResponse", "GET", "/schemas", "", 403, `{"error":"Permission denied"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if status, body := ask(a, test.method, test.path, test.body); status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("%d %s, want %d …%s…", status, body, test.status, test.want)
			}
		})
	}
	for path, want := range map[string]int{"/classes/Note": 2, "/classes/Note?limit=5": 3} {
		if _, body := ask(a, "GET", path, ""); strings.Count(body, "objectId") != want {
			t.Errorf("%s finds %s, want %d objects", path, body, want)
		}
	}
	_, made := ask(a, "POST", "/classes/Note", `{}`)
	o, err := parse.DecodeObject([]byte(made), parse.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := o.Get("objectId"); len(id.(parse.String)) != 12 {
		t.Errorf("objectId %q has not the configured size", id)
	}
}

func TestAppThatCannotOpen(t *testing.T) {
	for name, change := range map[string]func(*config.App){
		"requestKeywordDenylist": func(c *config.App) { c.RequestKeywordDenylist = []config.Keyword{{Key: "("}} },
		"unknown database":       func(c *config.App) { c.Database.Engine = "paper" },
		"database path":          func(c *config.App) { c.Database.Path = filepath.Join(occupied(t), "data") },
		"database URI":           func(c *config.App) { c.Database = config.Database{Engine: config.MongoDB, URI: "nonsense"} },
	} {
		t.Run(name, func(t *testing.T) {
			c := configured(t)
			change(c)
			if a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil {
				t.Error("it opened")
				_ = a.Close(t.Context())
			}
		})
	}
}

// occupied is a file where a directory would have to be.
func occupied(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLiftedLimitsStillBound(t *testing.T) {
	limits := bodyLimits(&config.RequestComplexity{})
	deep := strings.Repeat(`{"a":`, 1<<20) + "1" + strings.Repeat("}", 1<<20)
	if _, err := parse.DecodeValue([]byte(deep), limits); err == nil {
		t.Error("a million levels are decoded")
	}
	wide := `{"a":` + strings.Repeat(`[`, 900) + strings.Repeat(`]`, 900) + `}`
	if _, err := parse.DecodeValue([]byte(wide), limits); err != nil {
		t.Errorf("900 levels: %v", err)
	}
}

func TestDurabilityReachesTheStore(t *testing.T) {
	for configured, want := range map[config.Durability]embedded.Durability{
		config.DurabilityFull: embedded.Full, config.DurabilityNormal: embedded.Normal, "": embedded.Full,
	} {
		if got := embeddedOptions(&config.Database{Durability: configured}, nil).Durability; got != want {
			t.Errorf("%q became %d, want %d", configured, got, want)
		}
	}
}
