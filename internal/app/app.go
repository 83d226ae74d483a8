// Package app assembles one application: its store, its classes, the engine over
// both, and the part of every door that is the app's.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/picture"
	"github.com/loam-baas/loam/internal/files/resumable"
	"github.com/loam-baas/loam/internal/mail"
	"github.com/loam-baas/loam/internal/pages"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
	"github.com/loam-baas/loam/internal/store/mongo"
	"github.com/loam-baas/loam/migrations"
)

// App is one running application.
type App struct {
	store store.Store
	files files.Storage // nil when it has none
	// pictures makes versions of files; nil makes none.
	pictures *picture.Server
	uploads  *resumable.Server // nil takes none
	rest     *rest.App
	pages    *pages.App
	mail     *mail.Queue // nil without mail
	// mongoName is the database as which the store is served to MongoDB's tools;
	// empty when it is a MongoDB itself.
	mongoName string
	follower  follower
	mover     mover
	counters  *counters
}

// Open opens the app's store, brings it up to date and puts the app together.
// Whoever opens an App closes it.
func Open(ctx context.Context, c *config.App, logger *slog.Logger) (_ *App, err error) {
	denylist, err := rest.NewDenylist(c.RequestKeywordDenylist)
	if err != nil {
		return nil, err
	}
	var routes *rest.RouteList // nil: clients may use all
	if c.RouteAllowList != nil {
		if routes, err = rest.NewRouteList(c.RouteAllowList); err != nil {
			return nil, err
		}
	}
	idempotency, err := rest.NewIdempotency(c.Idempotency)
	if err != nil {
		return nil, err
	}
	counters, err := openCounters(c, logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, counters.close())
		}
	}()
	providers, err := openProviders(c, logger)
	if err != nil {
		return nil, err
	}
	s, err := openStore(ctx, &c.Database, logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	if err := migrations.Run(ctx, s, migrations.Options{
		Indexes: migrations.Indexes(c.Database.Indexes), CollationCaseComparison: c.Database.CollationCaseComparison,
		AuthProviders: providerNames(providers), Logger: logger,
	}); err != nil {
		return nil, err
	}
	catalog, err := openCatalog(ctx, c, s, logger)
	if err != nil {
		return nil, err
	}
	if err := applyDefinitions(ctx, &c.Schema, catalog, logger); err != nil {
		return nil, err
	}
	policy, err := filePolicy(&c.Files)
	if err != nil {
		return nil, err
	}
	storage, err := openFiles(ctx, &c.Files, s)
	if err != nil {
		return nil, err
	}
	pictures, err := openPictures(&c.Files.Images)
	if err != nil {
		return nil, errors.Join(err, closeFiles(ctx, storage, nil, nil))
	}
	uploads, err := openUploads(c, logger)
	if err != nil {
		return nil, errors.Join(err, closeFiles(ctx, storage, pictures, nil))
	}
	e := engine.New(engine.Options{
		Store: s, Catalog: catalog, Logger: logger,
		DefaultLimit: c.DefaultLimit, MaxLimit: c.MaxLimit,
		ObjectIDSize:             c.ObjectIDSize,
		AllowClientClassCreation: c.AllowClientClassCreation,
		AllowCustomObjectID:      c.AllowCustomObjectID,
		Aggregation: query.PipelineForm{
			RawValues: c.Aggregation.RawValues, RawFieldNames: c.Aggregation.RawFieldNames,
		},
		AggregationForReadOnlyMaster: c.Aggregation.ForReadOnlyMaster,
		Installations: engine.Installations{
			KeepLosers:           c.Installation.DuplicateDeviceTokenAction == "update",
			PreferInstallationID: c.Installation.DuplicateDeviceTokenMergePriority == "installationId",
			EnforceAuth:          c.Installation.DuplicateDeviceTokenActionEnforceAuth,
		},
		LockSchemas:                       c.Schema.Lock,
		AllowPublicExplain:                c.Database.AllowPublicExplain,
		SanitizeErrors:                    c.EnableSanitizedErrorResponse,
		ProtectedFieldsOwnerExempt:        c.ProtectedFieldsOwnerExempt,
		ProtectedFieldsSaveResponseExempt: c.ProtectedFieldsSaveResponseExempt,
		CollationCaseComparison:           c.Database.CollationCaseComparison,
		Limits:                            queryLimits(&c.RequestComplexity),
		AnswerBytes:                       c.RequestComplexity.AnswerBytes,
		EncodingsBytes:                    encodingsBytes,
		SessionCacheSize:                  c.CacheMaxSize,
		ExtendSessions:                    extension(&c.Users),
		SessionCacheTTL:                   c.CacheTTL,
		Files:                             storage,
		FilePolicy:                        policy,
		FileSecret:                        fileSecret(&c.Keys),
		FileURL:                           fileURL(c),
		ShowAuthData:                      account.Shown(providers),
	})
	queue, err := openMail(&c.Mail, s, logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && queue != nil {
			err = errors.Join(err, queue.Close(ctx))
		}
	}()
	accounts, err := newAccounts(c, e, providers, queue, logger)
	if err != nil {
		return nil, err
	}
	door := rest.NewApp(rest.AppOptions{
		ID: c.AppID, Engine: e, Accounts: accounts, Logger: logger, Keys: c.Keys, Denylist: denylist, Routes: routes, RateLimits: c.RateLimits, Counter: counters.counter, Idempotency: idempotency,
		Limits:            bodyLimits(&c.RequestComplexity),
		BatchRequestLimit: c.RequestComplexity.BatchRequestLimit,
		ServerURL:         c.ServerURL, PublicServerURL: c.PublicServerURL,
		Uploads:        uploads,
		Pictures:       pictures,
		SanitizeErrors: c.EnableSanitizedErrorResponse,
	})
	site, err := openPages(c, accounts)
	if err != nil {
		return nil, err
	}
	a := &App{store: s, mail: queue, pages: site, files: storage, pictures: pictures, uploads: uploads, rest: door, follower: follower{catalog: catalog, logger: logger}, counters: counters}
	if c.Database.Engine == config.Embedded {
		a.mongoName = c.Database.MongoName
	}
	if c.Database.EnableSchemaHooks && c.Database.Engine == config.MongoDB {
		a.Follow()
	}
	a.mover.start(storage, logger)
	return a, nil
}

// REST is the app's part of the REST door.
func (a *App) REST() *rest.App { return a.rest }

// Pages is the app's part of the door for people with a browser.
func (a *App) Pages() *pages.App { return a.pages }

// Embedded is the app's store as a database of its own, by that name; nil when
// the documents are in a MongoDB.
func (a *App) Embedded() (name string, s store.Store) {
	if a.mongoName == "" {
		return "", nil
	}
	return a.mongoName, a.store
}

// Follow keeps the app's classes current though others than the app change them:
// other processes on the same MongoDB, for which Open has begun it if the
// configuration wants it, or MongoDB's tools on an embedded store. It ends with
// the app.
func (a *App) Follow() { a.follower.start() }

// Ready tells whether the app's database answers.
func (a *App) Ready(ctx context.Context) error { return a.store.Ping(ctx) }

// Close waits for what runs and lets go of the store. No door may use the app
// any more.
func (a *App) Close(ctx context.Context) error {
	a.follower.stop()
	a.mover.stop()
	err := errors.Join(a.closeMail(ctx), closeFiles(ctx, a.files, a.pictures, a.uploads))
	return errors.Join(err, a.store.Close(ctx), a.counters.close())
}

func openStore(ctx context.Context, d *config.Database, logger *slog.Logger) (store.Store, error) {
	switch d.Engine {
	case config.Embedded:
		return embedded.Open(ctx, embeddedOptions(d, logger))
	case config.MongoDB:
		return mongo.Open(ctx, mongo.Options{
			URI: d.URI, CollectionPrefix: d.CollectionPrefix, MaxTime: d.MaxTime, BatchSize: d.BatchSize,
			ClientName: d.ClientName, ClientVersion: d.ClientVersion, Logger: logger, Events: clientEvents(d.LogClientEvents),
		})
	}
	return nil, fmt.Errorf("unknown database engine %q", d.Engine)
}

func clientEvents(list []config.ClientEvent) []mongo.EventLog {
	events := make([]mongo.EventLog, len(list))
	for i, e := range list {
		events[i] = mongo.EventLog(e)
	}
	return events
}

func embeddedOptions(d *config.Database, logger *slog.Logger) embedded.Options {
	o := embedded.Options{Dir: d.Path, Logger: logger}
	if d.Durability == config.DurabilityNormal {
		o.Durability = embedded.Normal
	}
	return o
}

// extension is the length that sessions have again when they are used; 0 if they
// are left as they are.
func extension(u *config.Users) time.Duration {
	if !u.ExtendSessionOnUse || !u.ExpireInactiveSessions {
		return 0
	}
	return u.SessionLength
}

// encodingsBytes is the memory for the JSON of objects that are read often.
const encodingsBytes = 10 << 20

func queryLimits(c *config.RequestComplexity) query.Limits {
	return query.Limits{
		QueryDepth: c.QueryDepth, SubqueryDepth: c.SubqueryDepth,
		SubqueryLimit: c.SubqueryLimit,
		IncludeDepth:  c.IncludeDepth, IncludeCount: c.IncludeCount,
		WhereNodes: c.WhereNodes, InValues: c.InValues,
		RegexLength: c.RegexLength, DenyRegex: !c.AllowRegex,
	}
}

// What bounds a body when the configuration lifts the bound: decoding is
// recursive, and nothing a client sends may exhaust the stack.
const (
	deepest  = 1000
	mostKeys = 1 << 24
)

func bodyLimits(c *config.RequestComplexity) parse.Limits {
	limits := parse.Limits{Depth: c.RequestDepth, Keys: c.RequestKeyCount}
	if limits.Depth <= 0 {
		limits.Depth = deepest
	}
	if limits.Keys <= 0 {
		limits.Keys = mostKeys
	}
	return limits
}
