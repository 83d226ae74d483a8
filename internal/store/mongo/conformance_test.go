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
	"sync"
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
	fresh := func(t *testing.T) store.Store {
		name := "loam_test_" + bson.NewObjectID().Hex()
		t.Cleanup(func() {
			if err := client.Database(name).Drop(context.Background()); err != nil {
				t.Errorf("drop %s: %v", name, err)
			}
		})
		return open(t, withDatabase(t, uri, name), "")
	}
	storetest.Run(t, fresh)
	storetest.Watch(t, fresh)
}

// TestConformanceOverTheWire runs the suite on the embedded store behind
// MongoDB's wire protocol: it needs no server, and proves this driver's requests
// and its reading of replies.
func TestConformanceOverTheWire(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, serve(t), "app_") })
}

// The change streams are those that MongoDB's manual describes.
func TestWatchOverTheWire(t *testing.T) {
	storetest.Watch(t, func(t *testing.T) store.Store { return open(t, serve(t), "app_") })
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
	return newServer(t).uri()
}

// server serves an embedded store over MongoDB's wire protocol. It can be
// stopped, and started again on its port.
type server struct {
	t       *testing.T
	store   store.Store
	address string
	stop    func()
}

// newServer starts a server of a new store.
func newServer(t *testing.T) *server {
	t.Helper()
	documents, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, store: documents, address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() {
		s.stop()
		if err := documents.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func (s *server) uri() string { return fmt.Sprintf("mongodb://%s/test", s.address) }

func (s *server) start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- mongowire.New(mongowire.Single{Name: "test", Database: s.store}, mongowire.Options{}).Serve(ctx, l)
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("serve: %v", err)
		}
	})
}
