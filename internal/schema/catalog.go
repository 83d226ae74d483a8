package schema

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Options configure a Catalog. The fields carry the meaning of Parse Server's
// options of the same name.
type Options struct {
	// ProtectedFields are, per class and group, fields to hide besides those
	// that the classes' own permissions hide.
	ProtectedFields map[string]map[string][]string
	// AllowCustomObjectID lets user ids in permissions be any text.
	AllowCustomObjectID bool
	// DisableIndexFieldValidation lets indexes name fields that a class does not have.
	DisableIndexFieldValidation bool
	// CacheTTL is the age at which the classes are read anew (option
	// databaseOptions.schemaCacheTtl), for apps served by several processes; 0
	// is never.
	CacheTTL time.Duration
	// PollInterval is how often Follow reads all classes while the store can't be
	// watched; 0 is 5 seconds.
	PollInterval time.Duration
	// Logger gets what goes wrong behind the scenes; nil means nothing is logged.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// missInterval is how often, at most, the classes are read anew because one was
// asked for that is not there: another process may have made it.
const missInterval = time.Second

// fromPrimary is how classes are read, whatever the database's own preference:
// permissions that were tightened must not come back from a server that is
// behind.
const fromPrimary = "primary"

// Catalog is the classes of one app: it keeps them in the store and serves the
// current snapshot. It is safe for concurrent use. Several processes may have
// catalogs over one database.
type Catalog struct {
	store   store.Store
	options Options
	current atomic.Pointer[Snapshot]
	// readAt is when the last reading of all classes began, in nanoseconds since
	// the Unix epoch.
	readAt atomic.Int64
	// readings counts the readings of all classes that have begun.
	readings atomic.Uint64
	// turn is held by whoever reads classes and publishes what it read, so that
	// what is published never grows older.
	turn chan struct{}
	// administration is held by whoever changes a class on an administrator's
	// behalf.
	administration chan struct{}
}

// Open reads the classes from a store and makes the classes that every app has,
// _User and _Role, when they are not there.
func Open(ctx context.Context, s store.Store, o Options) (*Catalog, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Catalog{store: s, options: o, turn: make(chan struct{}, 1), administration: make(chan struct{}, 1)}
	c.current.Store(NewSnapshot())
	if err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	for _, name := range [...]string{"_User", "_Role"} {
		if _, err := c.EnsureClass(ctx, name, nil); err != nil {
			return nil, fmt.Errorf("make class %s: %w", name, err)
		}
	}
	return c, nil
}

// Snapshot returns the classes as they were last read.
func (c *Catalog) Snapshot() *Snapshot { return c.current.Load() }

// Class returns a class by name, or nil when there is none. In a transaction
// (see Transaction) it is the class as the transaction sees it. It reads the
// store only when the class is not known, once a second at most, or when what
// is known has come of age.
func (c *Catalog) Class(ctx context.Context, name string) (*Class, error) {
	class := c.known(ctx, name)
	after := c.options.CacheTTL
	if class == nil {
		after = missInterval
	}
	switch {
	case after <= 0 || !c.due(after) || transactionOf(ctx) != nil:
		return class, nil
	case class == nil && !ValidClassName(name):
		return nil, nil
	}
	if err := c.Refresh(ctx); err != nil {
		return nil, err
	}
	return c.known(ctx, name), nil
}

// Renew reads all classes anew for a write that does not fit its class as it is
// known, since another process may have changed the class; once a second at most,
// and not in a transaction. It tells whether it did.
func (c *Catalog) Renew(ctx context.Context) bool {
	if transactionOf(ctx) != nil || !c.due(missInterval) {
		return false
	}
	if err := c.Refresh(ctx); err != nil {
		c.options.Logger.WarnContext(ctx, "the classes cannot be read anew", "error", err)
		return false
	}
	return true
}

// known returns a class without asking the store.
func (c *Catalog) known(ctx context.Context, name string) *Class {
	if t := transactionOf(ctx); t != nil {
		if class, changed := t.class(name); changed {
			return class
		}
	}
	return c.current.Load().classes[name]
}

// due tells whether the last reading began at least so long ago.
func (c *Catalog) due(after time.Duration) bool {
	return c.options.Now().UnixNano()-c.readAt.Load() >= int64(after)
}

// Refresh reads all classes from the store. Calls at the same time share a
// reading, as long as it began after the call. In a transaction it does
// nothing: what the transaction sees is not for others yet.
func (c *Catalog) Refresh(ctx context.Context) error {
	if transactionOf(ctx) != nil {
		return nil
	}
	seen := c.readings.Load()
	if err := acquire(ctx, c.turn); err != nil {
		return err
	}
	defer release(c.turn)
	if c.readings.Load() > seen {
		return nil
	}
	now := c.options.Now().UnixNano()
	old := c.current.Load()
	var classes []*Class
	err := c.store.Find(ctx, schemaCollection, store.Find{ReadPreference: fromPrimary}, func(doc bson.Raw) error {
		class, err := c.decode(doc, old)
		if err != nil {
			c.options.Logger.WarnContext(ctx, "a class cannot be read", "error", err)
			return nil
		}
		classes = append(classes, class)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the classes: %w", err)
	}
	c.readAt.Store(now)
	c.readings.Add(1)
	if snapshot := NewSnapshot(classes...); !snapshot.same(old) {
		c.current.Store(snapshot)
	}
	return nil
}

// decode reads a class's document, and returns the class that is known when
// it has not changed, so that what is kept about it elsewhere stays good.
func (c *Catalog) decode(doc bson.Raw, old *Snapshot) (*Class, error) {
	if name, ok := doc.Lookup("_id").StringValueOK(); ok {
		if class := old.Class(name); class != nil && bytes.Equal(class.document, doc) {
			return class, nil
		}
	}
	return decodeClass(doc, c.options.ProtectedFields)
}

// reread reads one class from the store and publishes it, or keeps it for the
// transaction alone. It returns nil when there is no such class.
func (c *Catalog) reread(ctx context.Context, name string) (*Class, error) {
	if t := transactionOf(ctx); t != nil {
		class, err := c.read(ctx, name)
		if err != nil {
			return nil, err
		}
		t.keep(name, class)
		return c.known(ctx, name), nil
	}
	if err := acquire(ctx, c.turn); err != nil {
		return nil, err
	}
	defer release(c.turn)
	class, err := c.read(ctx, name)
	if err != nil {
		return nil, err
	}
	old := c.current.Load()
	if known := old.classes[name]; known != class && (class != nil || !known.unstored) {
		c.current.Store(old.with(name, class))
	}
	return c.current.Load().classes[name], nil
}

// errRead ends a search at its first result.
var errRead = errors.New("read")

func (c *Catalog) read(ctx context.Context, name string) (class *Class, err error) {
	find := store.Find{Filter: bson.D{{Key: "_id", Value: name}}, Limit: 1, ReadPreference: fromPrimary}
	err = c.store.Find(ctx, schemaCollection, find, func(doc bson.Raw) error {
		if class, err = c.decode(doc, c.current.Load()); err != nil {
			return err
		}
		return errRead
	})
	if err != nil && !errors.Is(err, errRead) {
		return nil, fmt.Errorf("read class %s: %w", name, err)
	}
	return class, nil
}

// acquire takes a lock, unless the context ends before.
func acquire(ctx context.Context, lock chan struct{}) error {
	select {
	case lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func release(lock chan struct{}) { <-lock }
