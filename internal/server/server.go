// Package server is the process: one listener that serves all configured apps,
// from the first request to the last.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/loam-baas/loam/internal/app"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/pages"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/store"
)

// Bounds of what a connection may take. The REST door extends the times for long
// bodies.
const (
	headerTime  = 10 * time.Second
	requestTime = time.Minute // headers and body
	answerTime  = 2 * time.Minute
	idleTime    = 2 * time.Minute // longer than the usual proxy's, so that the proxy closes first
	headerBytes = 64 << 10
)

// closeTime is how long apps may take to close.
const closeTime = 10 * time.Second

// state is where the server is in its life; /health says it.
type state string

const (
	starting state = "starting"
	ready    state = "ok"
	stopping state = "stopping"
)

// application is an app as the server needs it.
type application interface {
	REST() *rest.App
	Pages() *pages.App
	Embedded() (name string, s store.Store)
	Follow()
	Ready(context.Context) error
	Close(context.Context) error
}

// Server is one process's listener and its apps. Make one with New, and run it
// once.
type Server struct {
	config   *config.Process
	logger   *slog.Logger
	listener net.Listener
	mongo    *mongoDoor // nil for none
	open     func(context.Context, *config.App) (application, error)

	state  atomic.Pointer[state]
	apps   atomic.Pointer[[]application] // nil while starting
	health health
	door   atomic.Pointer[rest.Handler] // nil while starting
	ready  chan struct{}
}

// New begins to listen, so that a port that is taken is known at once. Nothing
// is answered before Run.
func New(ctx context.Context, c *config.Process, logger *slog.Logger) (*Server, error) {
	address := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("can't serve on %s: %w", address, err)
	}
	mongo, err := openMongo(ctx, c.Mongo, logger)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{config: c, logger: logger, listener: listener, mongo: mongo, ready: make(chan struct{}), health: health{age: healthAge}}
	s.open = func(ctx context.Context, c *config.App) (application, error) {
		return app.Open(ctx, c, logger.With("app", c.AppID))
	}
	s.enter(starting)
	return s, nil
}

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Ready is closed when all apps are open and served.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run opens the apps and serves them until ctx is done. Then it takes no more
// requests, lets those that run finish within the configured time, and closes
// the apps. While the apps open, requests are told to come back.
//
// It returns nil after a stop that was asked for, even one that cut requests
// off; an app that can't be opened, or a listener that fails, is an error.
func (s *Server) Run(ctx context.Context) error {
	// Requests outlive ctx, and end when the time to drain is over.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	httpServer := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      answerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(s.listener) }()

	apps, err := s.start(ctx)
	if err == nil {
		s.mongo.serve(requests, apps)
		select {
		case <-ctx.Done():
		case err = <-failed:
			failed <- http.ErrServerClosed // for the wait below
		case err = <-s.mongo.failure():
		}
	}
	s.enter(stopping)
	err = errors.Join(err, s.drain(ctx, httpServer, cut))
	if served := <-failed; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return errors.Join(err, s.close(ctx, apps))
}

// start opens the apps and puts them behind the door. A stop that is asked for
// meanwhile is no error.
func (s *Server) start(ctx context.Context) ([]application, error) {
	var apps []application
	var doors []*rest.App
	var sites []*pages.App
	for _, c := range s.config.Apps {
		a, err := s.openApp(ctx, c)
		if err != nil && ctx.Err() != nil {
			return apps, nil
		}
		if err != nil {
			return apps, fmt.Errorf("open app %s: %w", c.AppID, err)
		}
		apps, doors, sites = append(apps, a), append(doors, a.REST()), append(sites, a.Pages())
	}
	s.door.Store(rest.New(rest.Options{
		MountPath:   s.config.MountPath,
		AllowOrigin: s.config.AllowOrigin, AllowHeaders: s.config.AllowHeaders,
		MaxUploadSize: s.config.MaxUploadSize,
		TrustProxy:    s.config.TrustProxy,
		Status:        func() string { return string(s.status()) },
		Pages:         pages.New(s.logger, sites...),
		Logger:        s.logger,
	}, doors...))
	s.apps.Store(&apps)
	s.enter(ready)
	close(s.ready)
	return apps, nil
}

// reopenTime is how long a database that is not available is left alone.
const reopenTime = time.Second

// openApp opens an app. For a database that is not available yet, as when all
// was started together, it waits.
func (s *Server) openApp(ctx context.Context, c *config.App) (application, error) {
	for {
		a, err := s.open(ctx, c)
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return a, err
		}
		s.logger.WarnContext(ctx, "the database is not available; waiting for it", "app", c.AppID, "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(reopenTime):
		}
	}
}

// drain stops to listen and waits for the requests that run; those that take
// too long are cut off.
func (s *Server) drain(ctx context.Context, httpServer *http.Server, cut context.CancelFunc) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.DrainTimeout)
	defer cancel()
	s.mongo.drain()
	if err := httpServer.Shutdown(ctx); err != nil {
		s.logger.Warn("requests took longer than the time to drain and were cut off", "drainTimeout", s.config.DrainTimeout)
		cut()
		_ = httpServer.Close() // of the connections; there is nothing to do about errors
	}
	return s.mongo.wait(ctx, cut)
}

func (s *Server) close(ctx context.Context, apps []application) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	var errs []error
	for _, a := range apps {
		errs = append(errs, a.Close(ctx))
	}
	return errors.Join(errs...)
}

func (s *Server) enter(next state) { s.state.Store(&next) }

// ServeHTTP answers while the apps open, and /health off the mount path; the
// rest is the door's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	door := s.door.Load()
	health := r.URL.Path == "/health"
	if door != nil && !health {
		door.ServeHTTP(w, r)
		return
	}
	now := s.status()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if now != ready {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if health || r.URL.Path == s.config.MountPath+"/health" {
		_, _ = fmt.Fprintf(w, `{"status":%q}`, now)
		return
	}
	_, _ = fmt.Fprintf(w, `{"code":1,"error":"Invalid server state: %s"}`, now)
}
