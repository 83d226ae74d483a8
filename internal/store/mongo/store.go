// Package mongo keeps documents in a MongoDB database. It is a thin driver: the
// store port is spoken in MongoDB's own language.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
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
	// MaxTime bounds the time that a server spends on one query (Parse Server's
	// databaseOptions.maxTimeMS); 0 is no bound. A query that takes longer fails
	// with context.DeadlineExceeded.
	MaxTime time.Duration
	// BatchSize is how many documents a cursor fetches at a time; 0 leaves it to
	// the server.
	BatchSize int
	// ServerSelectionTimeout is how long a request waits for a server that
	// answers; 0 means 5 seconds, unless the URI says otherwise.
	ServerSelectionTimeout time.Duration
	// ClientName and ClientVersion are what MongoDB is told that it talks to;
	// empty leaves it at the driver's own name (Parse Server's
	// databaseOptions.clientMetadata).
	ClientName, ClientVersion string
	// Logger is told of what the URI asks for in vain, and of Events; nil means
	// nothing is logged.
	Logger *slog.Logger
	// Events are the driver's events to log (Parse Server's
	// databaseOptions.logClientEvents).
	Events []EventLog
}

// defaultDatabase is the database of a URI that names none.
const defaultDatabase = "parse"

// Store is a MongoDB database. It is safe for concurrent use.
type Store struct {
	client    *mongo.Client
	db        *mongo.Database
	prefix    string
	maxTime   time.Duration
	batchSize int32
}

var _ store.Store = (*Store)(nil)

// Open connects to a database. It does not wait for a server: what needs one
// fails with store.ErrUnavailable as long as there is none.
func Open(ctx context.Context, o Options) (*Store, error) {
	cs, err := connstring.ParseAndValidate(o.URI)
	if err != nil {
		return nil, explainURI(o.URI)
	}
	if ignored := ignoredOptions(cs); len(ignored) > 0 && o.Logger != nil {
		o.Logger.WarnContext(ctx, "the MongoDB driver for Go has no such options; what the database URI says of them has no effect", "options", ignored)
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
	if o.ClientName != "" {
		c.SetDriverInfo(&options.DriverInfo{Name: o.ClientName, Version: o.ClientVersion})
	}
	for _, e := range o.Events {
		if !slices.Contains(eventNames, e.Name) {
			return nil, fmt.Errorf("the MongoDB driver has no event %q", e.Name)
		}
	}
	if len(o.Events) > 0 && o.Logger != nil {
		(&eventLogger{o.Logger, o.Events}).monitor(c)
	}
	client, err := mongo.Connect(c)
	if err != nil {
		return nil, fmt.Errorf("connect to MongoDB: %w", mapError(err, ""))
	}
	return &Store{
		client: client, db: client.Database(name), prefix: o.CollectionPrefix,
		maxTime: o.MaxTime, batchSize: int32(min(o.BatchSize, math.MaxInt32)),
	}, nil
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

// collection returns a collection; one that has no such name is a RequestError.
func (s *Store) collection(name string) (*mongo.Collection, error) {
	if name == "" || strings.ContainsAny(name, "$\x00") {
		return nil, store.BadRequest(codeInvalidNamespace, "invalid collection name %q", name)
	}
	return s.db.Collection(s.prefix + name), nil
}

// reading returns a collection to be read from the servers that preference
// names: as MongoDB does (secondaryPreferred) or as Parse does
// (SECONDARY_PREFERRED). A transaction always reads from the primary.
func (s *Store) reading(ctx context.Context, name, preference string) (*mongo.Collection, error) {
	c, err := s.collection(name)
	if err != nil || preference == "" || mongo.SessionFromContext(ctx) != nil {
		return c, err
	}
	mode, err := readpref.ModeFromString(strings.ReplaceAll(preference, "_", ""))
	if err != nil {
		return nil, store.BadRequest(codeBadValue, "unknown read preference %q", preference)
	}
	p, err := readpref.New(mode)
	if err != nil {
		return nil, store.BadRequest(codeBadValue, "unknown read preference %q", preference)
	}
	return s.db.Collection(s.prefix+name, options.Collection().SetReadPreference(p)), nil
}

// bounded returns the context of a query without a cursor; the driver turns its
// deadline into the server's own limit.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.maxTime <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.maxTime)
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
	c, err := s.collection(name)
	if err != nil {
		return err
	}
	return mapError(c.Drop(ctx), name)
}
