package server

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/config"
)

func mongoConfig(t *testing.T, names ...string) *config.Process {
	var apps []*config.App
	for _, name := range names {
		a := appConfig(t, name)
		a.Database.MongoName = "db_" + name
		apps = append(apps, a)
	}
	c := processConfig(apps...)
	c.Mongo = config.MongoDoor{Listen: "127.0.0.1:0", Username: "ann"}
	return c
}

func (r *running) mongo(o *options.ClientOptions) *mongo.Client {
	r.t.Helper()
	client, err := mongo.Connect(o.ApplyURI("mongodb://" + r.Server.mongo.listener.Addr().String()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// What is served to MongoDB's tools is what the apps keep, each under its name.
func TestServerServesMongoDBsProtocol(t *testing.T) {
	r := run(t, listen(t, mongoConfig(t, "one", "two"))).awaitReady()
	client := r.mongo(options.Client())
	names, err := client.ListDatabaseNames(t.Context(), bson.D{})
	if err != nil || strings.Join(names, " ") != "db_one db_two" {
		t.Errorf("the databases are %v, %v", names, err)
	}
	if status, body := r.ask("POST", "/parse/classes/A", "two", `{"n":5}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	if n, err := client.Database("db_two").Collection("A").CountDocuments(t.Context(), bson.D{{Key: "n", Value: 5}}); n != 1 || err != nil {
		t.Errorf("%d objects are found, %v", n, err)
	}
	r.stop()
	if err := r.awaitEnd(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestServerAsksMongoDBsClientsForThePassword(t *testing.T) {
	c := mongoConfig(t, "one")
	c.Mongo.Password = "secret"
	r := run(t, listen(t, c)).awaitReady()
	if _, err := r.mongo(options.Client()).Database("db_one").ListCollectionNames(t.Context(), bson.D{}); err == nil || !strings.Contains(err.Error(), "requires authentication") {
		t.Errorf("without the password: %v", err)
	}
	client := r.mongo(options.Client().SetAuth(options.Credential{Username: "ann", Password: "secret"}))
	if _, err := client.Database("db_one").ListCollectionNames(t.Context(), bson.D{}); err != nil {
		t.Errorf("with the password: %v", err)
	}
}

func TestServerRefusesAnOpenMongoDBDoor(t *testing.T) {
	c := mongoConfig(t, "one")
	c.Mongo.Listen = "0.0.0.0:0"
	if _, err := New(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "without a password") {
		t.Errorf("New: %v", err)
	}
}
