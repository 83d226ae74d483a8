package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// startParseServer serves parse-server on a PostgreSQL.
func startParseServer(ctx context.Context, dir string, d *dataset) (*server, error) {
	return (&server{}).serveParseServer(ctx, dir, "", d)
}

// startParseServerOnWire serves parse-server on Loam's store.
func startParseServerOnWire(ctx context.Context, dir string, d *dataset) (*server, error) {
	s := &server{}
	uri, err := s.startWire(ctx, dir, filepath.Join(dir, "store"))
	if err != nil {
		return s.fails(err)
	}
	return s.serveParseServer(ctx, dir, uri, d)
}

func (s *server) serveParseServer(ctx context.Context, dir, uri string, d *dataset) (*server, error) {
	address, port, err := freeAddress()
	if err != nil {
		return s.fails(err)
	}
	_, databasePort, err := freeAddress()
	if err != nil {
		return s.fails(err)
	}
	options := map[string]any{
		"appId": appID, "masterKey": masterKey, "port": port, "databasePort": databasePort,
		"serverURL": "http://" + address + mount, "allowClientClassCreation": true,
		"indexes": []string{
			`CREATE INDEX ON "Item" (category, score)`, `CREATE INDEX ON "Item" ("group")`, `CREATE INDEX ON "Secret" (category, score)`,
			`ANALYZE`,
		},
	}
	if uri != "" {
		options["databaseURI"] = uri
	}
	argument, err := json.Marshal(options)
	if err != nil {
		return s.fails(err)
	}
	p, err := launch(ctx, "internal/parity/reference", "node", "single.mjs", string(argument))
	if err != nil {
		return s.fails(err)
	}
	line := ""
	for !strings.HasPrefix(line, "{") { // it warns of its settings first
		if line, err = p.output.ReadString('\n'); err != nil {
			return s.fails(errors.Join(fmt.Errorf("parse-server did not start: %w", err), p.Wait()))
		}
	}
	p.silence()
	s.stops = append(s.stops, p.endInput)
	var told struct{ Pid, Database int }
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		return s.fails(err)
	}
	s.pid, s.address = told.Pid, address
	if told.Database != 0 {
		s.database = told.Database
	}
	app := &parseApp{address: address}
	s.requests = app.requests
	if err := app.signUpReader(ctx); err != nil {
		return s.fails(err)
	}
	if err := app.load(ctx, d); err != nil {
		return s.fails(err)
	}
	return s, ask(ctx, "POST", "http://"+address+"/index", map[string]any{}, nil, nil)
}

// signUpReader makes the user whose role may read secret items.
func (a *parseApp) signUpReader(ctx context.Context) error {
	var user struct{ ObjectID, SessionToken string }
	err := ask(ctx, "POST", a.url("/users"), `{"username":"reader","password":"secret"}`, map[string]string{"X-Parse-Application-Id": appID}, &user)
	if err != nil {
		return err
	}
	a.session = user.SessionToken
	role := fmt.Sprintf(`{"name":"readers","ACL":{"*":{"read":true}},"users":{"__op":"AddRelation","objects":[%s]}}`, pointer("_User", user.ObjectID))
	return ask(ctx, "POST", a.url("/roles"), role, masterHeader, nil)
}
