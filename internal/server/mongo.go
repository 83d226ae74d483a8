package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/mongowire"
)

// mongoDoor is the door for MongoDB's own tools. A nil one is none.
type mongoDoor struct {
	listener    net.Listener
	credentials *mongowire.Credentials
	logger      *slog.Logger
	server      *mongowire.Server // nil before serve
	// failed takes why serving has ended, and is closed then.
	failed chan error
}

// openMongo listens, if that is wanted.
func openMongo(ctx context.Context, c config.MongoDoor, logger *slog.Logger) (*mongoDoor, error) {
	if c.Listen == "" {
		return nil, nil
	}
	d := &mongoDoor{logger: logger, failed: make(chan error, 1)}
	if c.Password != "" {
		var err error
		if d.credentials, err = mongowire.NewCredentials(c.Username, c.Password); err != nil {
			return nil, fmt.Errorf("mongoPassword: %w", err)
		}
	}
	door := mongowire.Door{Address: c.Listen, Credentials: d.credentials, CertFile: c.CertFile, KeyFile: c.KeyFile}
	var err error
	if d.listener, err = door.Listen(ctx); err != nil {
		return nil, err
	}
	if door.Exposed() {
		logger.Warn("MongoDB's protocol crosses the network unencrypted; set mongoTLSCertFile", "address", c.Listen)
	}
	return d, nil
}

// serve serves the apps' embedded stores until drain, or until ctx ends.
func (d *mongoDoor) serve(ctx context.Context, apps []application) {
	if d == nil {
		return
	}
	databases := mongowire.Several{}
	for _, a := range apps {
		if name, s := a.Embedded(); s != nil {
			databases[name] = s
			a.Follow() // whoever comes in by the door may change the schema
		}
	}
	d.server = mongowire.New(databases, mongowire.Options{Credentials: d.credentials, Logger: d.logger})
	d.logger.Info("serving MongoDB's protocol", "address", d.listener.Addr().String(), "databases", databases.Names())
	go func() {
		defer close(d.failed)
		d.failed <- d.server.Serve(ctx, d.listener)
	}()
}

// failure takes why serving has ended by itself; nothing for a nil door.
func (d *mongoDoor) failure() <-chan error {
	if d == nil {
		return nil
	}
	return d.failed
}

// drain takes no more connections and lets the commands that run end.
func (d *mongoDoor) drain() {
	switch {
	case d == nil:
	case d.server == nil:
		_ = d.listener.Close() // nobody has been served
		close(d.failed)
	default:
		d.server.Drain()
	}
}

// wait waits for the end that drain has begun, and cuts off what is late. An
// error is why serving failed.
func (d *mongoDoor) wait(ctx context.Context, cut context.CancelFunc) error {
	if d == nil {
		return nil
	}
	select {
	case err := <-d.failed:
		return err
	case <-ctx.Done():
		cut()
		return <-d.failed
	}
}
