// Package mongo keeps documents in a MongoDB database. It is a thin driver: the
// store port is spoken in MongoDB's own language.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/loam-baas/loam/internal/store"
)

// Options configure a Store.
type Options struct {
	// URI is a MongoDB connection string; its path names the database.
	URI string
	// CollectionPrefix goes before the name of every collection (Parse Server's
	// option of the same name).
	CollectionPrefix string
	// ServerSelectionTimeout is how long a request waits for a server that
	// answers; 0 means 5 seconds, unless the URI says otherwise.
	ServerSelectionTimeout time.Duration
}

// defaultDatabase is the database of a URI that names none.
const defaultDatabase = "parse"

// Store is a MongoDB database. It is safe for concurrent use.
type Store struct {
	client *mongo.Client
	db     *mongo.Database
	prefix string
}

var _ store.Store = (*Store)(nil)

// Open connects to a database. It does not wait for a server: what needs one
// fails with store.ErrUnavailable as long as there is none.
func Open(_ context.Context, o Options) (*Store, error) {
	// The connection string may hold a password: errors must not show it.
	cs, err := connstring.ParseAndValidate(o.URI)
	if err != nil {
		return nil, errors.New("store: the database URI is not a valid MongoDB connection string")
	}
	name := cs.Database
	if name == "" {
		name = defaultDatabase
	}
	c := options.Client().ApplyURI(o.URI)
	switch {
	case o.ServerSelectionTimeout > 0:
		c.SetServerSelectionTimeout(o.ServerSelectionTimeout)
	case !cs.ServerSelectionTimeoutSet:
		c.SetServerSelectionTimeout(5 * time.Second)
	}
	client, err := mongo.Connect(c)
	if err != nil {
		return nil, fmt.Errorf("connect to MongoDB: %w", mapError(err, ""))
	}
	return &Store{client: client, db: client.Database(name), prefix: o.CollectionPrefix}, nil
}

// Ping tells whether the primary can answer.
func (s *Store) Ping(ctx context.Context) error {
	return mapError(s.client.Ping(ctx, readpref.Primary()), "")
}

// Close waits for what runs and disconnects.
func (s *Store) Close(ctx context.Context) error {
	err := s.client.Disconnect(ctx)
	if errors.Is(err, mongo.ErrClientDisconnected) {
		return nil
	}
	return err
}

// collection is a collection with a read preference; one that has no such name is
// a RequestError.
func (s *Store) collection(name, preference string) (*mongo.Collection, error) {
	if name == "" || strings.ContainsAny(name, "$\x00") {
		return nil, store.BadRequest(73, "invalid collection name")
	}
	o := options.Collection()
	if preference != "" {
		mode, err := readpref.ModeFromString(preference)
		if err != nil {
			return nil, store.BadRequest(2, "unknown read preference %q", preference)
		}
		p, err := readpref.New(mode)
		if err != nil {
			return nil, store.BadRequest(2, "unknown read preference %q", preference)
		}
		o.SetReadPreference(p)
	}
	return s.db.Collection(s.prefix+name, o), nil
}

// collation is the one that ignores case, or nil.
func collation(caseInsensitive bool) *options.Collation {
	if !caseInsensitive {
		return nil
	}
	return &options.Collation{Locale: "en_US", Strength: 2}
}

// orEmpty is the filter, and one that lets everything through for nil.
func orEmpty(d bson.D) bson.D {
	if d == nil {
		return bson.D{}
	}
	return d
}

// Collections lists the names of the collections that have the prefix, without it.
func (s *Store) Collections(ctx context.Context) ([]string, error) {
	names, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, mapError(err, "")
	}
	var own []string
	for _, name := range names {
		if cut, ok := strings.CutPrefix(name, s.prefix); ok && !strings.HasPrefix(name, "system.") {
			own = append(own, cut)
		}
	}
	return own, nil
}

// DropCollection removes a collection; one that is not there is no error.
func (s *Store) DropCollection(ctx context.Context, name string) error {
	c, err := s.collection(name, "")
	if err != nil {
		return err
	}
	return mapError(c.Drop(ctx), name)
}

// transactionLimit bounds a transaction, as MongoDB itself does.
const transactionLimit = 60 * time.Second

// Transaction runs fn in a transaction, which the server must be able to: a
// replica set or a sharded cluster. It is not tried again here.
func (s *Store) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	if mongo.SessionFromContext(ctx) != nil {
		return fn(ctx)
	}
	session, err := s.client.StartSession()
	if err != nil {
		return mapError(err, "")
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	o := options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority())
	if err := session.StartTransaction(o); err != nil {
		return mapError(err, "")
	}
	ctx, cancel := context.WithTimeout(ctx, transactionLimit)
	defer cancel()
	done := false
	defer func() {
		if !done { // fn failed or panicked
			_ = session.AbortTransaction(context.WithoutCancel(ctx))
		}
	}()
	if err := fn(mongo.NewSessionContext(ctx, session)); err != nil {
		return err
	}
	done = true
	return mapError(session.CommitTransaction(context.WithoutCancel(ctx)), "")
}
