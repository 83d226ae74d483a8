package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store/embedded"
)

// startLoam serves an embedded store, as durable as it is by default.
func startLoam(ctx context.Context, dir string, d *dataset) (*server, error) {
	store := filepath.Join(dir, "store")
	if err := seedReader(ctx, store); err != nil {
		return nil, err
	}
	s := &server{}
	return s.serveLoam(ctx, dir, "file://"+store, d)
}

// startLoamOnWire serves a store that another process keeps, over MongoDB's
// wire protocol.
func startLoamOnWire(ctx context.Context, dir string, d *dataset) (*server, error) {
	store := filepath.Join(dir, "store")
	if err := seedReader(ctx, store); err != nil {
		return nil, err
	}
	s := &server{}
	uri, err := s.startWire(ctx, dir, store)
	if err != nil {
		return s.fails(err)
	}
	return s.serveLoam(ctx, dir, uri, d)
}

// startWire serves a store over MongoDB's wire protocol and returns its URI.
func (s *server) startWire(ctx context.Context, dir, store string) (string, error) {
	loam, err := build(ctx, ".", "./cmd/loam", "loam")
	if err != nil {
		return "", err
	}
	address, _, err := freeAddress()
	if err != nil {
		return "", err
	}
	p, err := launch(ctx, dir, loam, "mongo", "--data", store, "--listen", address, "--database", "bench")
	if err != nil {
		return "", err
	}
	p.silence()
	s.database, s.stops = p.Process.Pid, append(s.stops, p.terminate)
	return "mongodb://" + address + "/bench", nil
}

// serveLoam starts Loam on a database and loads it.
func (s *server) serveLoam(ctx context.Context, dir, uri string, d *dataset) (*server, error) {
	loam, err := build(ctx, ".", "./cmd/loam", "loam")
	if err != nil {
		return s.fails(err)
	}
	address, port, err := freeAddress()
	if err != nil {
		return s.fails(err)
	}
	configuration, err := json.Marshal(map[string]any{
		"appId": appID, "masterKey": masterKey, "host": "127.0.0.1", "port": port, "databaseURI": uri,
		"allowClientClassCreation": true, "logLevel": "error",
	})
	if err != nil {
		return s.fails(err)
	}
	file := filepath.Join(dir, "loam.json")
	if err := os.WriteFile(file, configuration, 0o600); err != nil {
		return s.fails(err)
	}
	p, err := launch(ctx, dir, loam, "serve", "--config", file)
	if err != nil {
		return s.fails(err)
	}
	p.silence()
	s.pid, s.address, s.stops = p.Process.Pid, address, append(s.stops, p.terminate)
	if err := answers(ctx, "http://"+address+mount+"/health"); err != nil {
		return s.fails(err)
	}
	app := &parseApp{address: address, session: readerSession}
	s.requests = app.requests
	if err := app.load(ctx, d); err != nil {
		return s.fails(err)
	}
	return s, nil
}

// readerSession is the session token of the user whom seedReader makes.
const readerSession = "r:0123456789abcdef0123456789abcdef"

// seedReader puts a user with a role and a session into a new store, in Parse
// Server's layout.
func seedReader(ctx context.Context, dir string) (err error) {
	s, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	now := bson.NewDateTimeFromTime(time.Now())
	expires := bson.NewDateTimeFromTime(time.Now().AddDate(1, 0, 0))
	var errs []error
	for _, row := range []struct {
		collection string
		doc        bson.D
	}{
		{"_User", bson.D{{Key: "_id", Value: "reader"}, {Key: "username", Value: "reader"}}},
		{"_Role", bson.D{{Key: "_id", Value: "readers"}, {Key: "name", Value: "readers"}}},
		{"_Join:users:_Role", bson.D{{Key: "_id", Value: "1"}, {Key: "relatedId", Value: "reader"}, {Key: "owningId", Value: "readers"}}},
		{"_Session", bson.D{{Key: "_id", Value: "session"}, {Key: "_session_token", Value: readerSession},
			{Key: "_p_user", Value: "_User$reader"}, {Key: "expiresAt", Value: expires}}},
	} {
		row.doc = append(row.doc, bson.E{Key: "_created_at", Value: now}, bson.E{Key: "_updated_at", Value: now})
		raw, err := bson.Marshal(row.doc)
		errs = append(errs, err, s.Insert(ctx, row.collection, raw))
	}
	return errors.Join(errs...)
}
