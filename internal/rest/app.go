package rest

import (
	"log/slog"
	"net/url"
	"strings"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files/picture"
	"github.com/loam-baas/loam/internal/files/resumable"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/ratelimit"
)

// AppOptions configure one application's part of the door. The fields carry the
// meaning of Parse Server's options of the same name.
type AppOptions struct {
	// ID is the application id that requests name.
	ID     string
	Engine engine.API
	// Accounts are the app's users, as far as they are no objects.
	Accounts account.API
	Logger   *slog.Logger

	Keys     config.Keys
	Denylist *Denylist
	Routes   *RouteList
	// RateLimits bound how many requests may come in a time.
	RateLimits []config.RateLimit
	// Counter makes what counts the requests of a limit; nil counts them in this
	// process.
	Counter func(config.RateLimit) ratelimit.Counter
	// Idempotency says which requests are carried out once; nil means none.
	Idempotency *Idempotency
	// Limits bound the JSON of a request.
	Limits parse.Limits
	// BatchRequestLimit is the number of requests in one batch that clients may
	// send; 0 is no bound.
	BatchRequestLimit int
	// ServerURL and PublicServerURL are the URLs of the REST API as the server
	// and as clients see it, without a slash at the end. Batches may name their
	// requests' paths as in either.
	ServerURL, PublicServerURL string
	// Uploads takes uploads that go on after they broke off; nil does not.
	Uploads *resumable.Server
	// Pictures makes other sizes and formats of pictures; nil does not.
	Pictures *picture.Server
	// SanitizeErrors keeps the reason of a refusal from clients.
	SanitizeErrors bool
}

// App is one application as the door serves it: its keys and its engine.
type App struct {
	id          string
	engine      engine.API
	accounts    account.API
	logger      *slog.Logger
	keys        config.Keys
	privileged  [3]privilegedKey
	clientKeys  bool // one at least is configured, so that clients must present one
	denylist    *Denylist
	routes      *RouteList
	rates       []rateLimit
	idempotency *Idempotency
	limits      parse.Limits
	batchLimit  int
	publicURL   string
	prefixes    []string // paths of the server's URLs, for batches
	pictures    *picture.Server
	uploads     *resumable.Server
	sanitize    bool
}

// NewApp returns the door of one app.
func NewApp(o AppOptions) *App {
	k := &o.Keys
	a := &App{
		id: o.ID, engine: o.Engine, accounts: o.Accounts, logger: o.Logger, keys: *k,
		clientKeys: k.Client != "" || k.JavaScript != "" || k.REST != "" || k.DotNet != "",
		denylist:   o.Denylist, routes: o.Routes, limits: o.Limits, batchLimit: o.BatchRequestLimit, idempotency: o.Idempotency,
		publicURL: o.PublicServerURL, pictures: o.Pictures, uploads: o.Uploads, sanitize: o.SanitizeErrors,
		prefixes: batchPrefixes(o.ServerURL, o.PublicServerURL),
		privileged: [...]privilegedKey{
			{k.Maintenance, k.MaintenanceIPs, "maintenanceKeyIps", engine.ScopeMaintenance},
			{k.Master, k.MasterIPs, "masterKeyIps", engine.ScopeMaster},
			{k.ReadOnly, k.ReadOnlyIPs, "readOnlyMasterKeyIps", engine.ScopeReadOnlyMaster},
		},
	}
	for _, l := range o.RateLimits {
		limit := rateLimit{RateLimit: l}
		if o.Counter != nil {
			limit.counter = o.Counter(l)
		} else {
			limit.counter = ratelimit.NewLocal(l.Window)
		}
		a.rates = append(a.rates, limit)
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	if a.denylist == nil {
		a.denylist = &Denylist{}
	}
	return a
}

// location is the URL of a new object.
func (a *App) location(class, id string) string {
	id = url.PathEscape(id) // which a caller may have chosen
	if class == "_User" {
		return strings.Join([]string{a.publicURL, "users", id}, "/")
	}
	return strings.Join([]string{a.publicURL, "classes", class, id}, "/")
}

// requireMaster refuses callers that do not administer the app.
func (a *App) requireMaster(c engine.Caller) error { return engine.RequireMaster(c, a.sanitize) }
