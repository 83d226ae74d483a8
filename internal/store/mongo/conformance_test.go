package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/loam-baas/loam/internal/mongowire"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
	"github.com/loam-baas/loam/internal/store/mongo"
	"github.com/loam-baas/loam/internal/store/storetest"
)

// TestConformance runs the suite on a MongoDB server, in databases of its own,
// which it drops. The server must be a member of a replica set.
func TestConformance(t *testing.T) {
	uri := os.Getenv("LOAM_TEST_MONGODB_URI")
	if uri == "" {
		t.Skip("LOAM_TEST_MONGODB_URI names no MongoDB server to test on")
	}
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	storetest.Run(t, func(t *testing.T) store.Store {
		name := "loam_test_" + bson.NewObjectID().Hex()
		t.Cleanup(func() {
			if err := client.Database(name).Drop(context.Background()); err != nil {
				t.Errorf("drop %s: %v", name, err)
			}
		})
		return open(t, withDatabase(t, uri, name), "")
	})
}

// TestConformanceOverTheWire runs the suite on the embedded store behind
// MongoDB's wire protocol: it needs no server, and proves this driver's requests
// and its reading of replies.
func TestConformanceOverTheWire(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, serve(t), "app_") })
}

// Stores of one database with prefixes of their own see only what is theirs.
func TestCollectionPrefix(t *testing.T) {
	uri := serve(t)
	ctx := t.Context()
	all, one := open(t, uri, ""), open(t, uri, "one_")
	t.Cleanup(func() {
		for _, s := range []store.Store{all, one} {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for s, collection := range map[store.Store]string{all: "a", one: "b"} {
		if err := s.Insert(ctx, collection, doc); err != nil {
			t.Fatal(err)
		}
	}
	for s, want := range map[store.Store][]string{all: {"a", "one_b"}, one: {"b"}} {
		names, err := s.Collections(ctx)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		if !slices.Equal(names, want) {
			t.Errorf("collections are %v, want %v", names, want)
		}
	}
	err = one.Insert(ctx, "b", doc)
	if duplicate, ok := errors.AsType[*store.DuplicateKeyError](err); !ok || duplicate.Collection != "b" {
		t.Errorf("error is %v, want a duplicate in b", err)
	}
}

func open(t *testing.T, uri, prefix string) store.Store {
	t.Helper()
	s, err := mongo.Open(t.Context(), mongo.Options{URI: uri, CollectionPrefix: prefix, MaxTime: time.Minute, BatchSize: 500})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func withDatabase(t *testing.T, uri, name string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal("LOAM_TEST_MONGODB_URI is no URI")
	}
	// The path also is where users are looked up, unless the URI tells another.
	if q := u.Query(); u.User != nil && q.Get("authSource") == "" {
		if from := strings.Trim(u.Path, "/"); from != "" {
			q.Set("authSource", from)
			u.RawQuery = q.Encode()
		}
	}
	u.Path = "/" + name
	return u.String()
}

// serve serves a new embedded store and returns its URI.
func serve(t *testing.T) string {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mongowire.New(mongowire.Single{Name: "test", Database: s}, mongowire.Options{}).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return fmt.Sprintf("mongodb://%s/test", l.Addr())
}
