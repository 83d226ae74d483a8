// Package migrations brings a database to the form that this version of Loam
// works with: numbered changes of system classes and their indexes, each made
// once, in order, and never taken back.
//
// A migration is a list of steps, and the database remembers each step that was
// done; whether an index is there it is asked itself, as indexes are lost when
// collections are dropped or restored without them. A step may be made to wait:
// by an option that switches it off, or by data that stands in its way and that
// Loam can do without; it is then tried again at the next start. Steps are safe
// to repeat, since a process may end between a step and its record.
package migrations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// Options say what the database is to have.
type Options struct {
	Indexes Indexes
	// CollationCaseComparison says that the case of usernames and addresses is
	// compared by the queries' collation (option enableCollationCaseComparison),
	// so that the indexes for it are not needed.
	CollationCaseComparison bool
	// AuthProviders are the authentication providers whose user ids must be
	// unique, "anonymous" among them where anonymous users are enabled.
	AuthProviders []string
	// Lease is how long a process that no longer answers keeps others waiting; 0
	// means half a minute. A process at work extends its lease.
	Lease time.Duration
	// Logger gets what was done and what was left out; nil means nothing is logged.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Indexes says which indexes of system classes to make. The fields are Parse
// Server's options databaseOptions.createIndex….
type Indexes struct {
	UserUsername, UserUsernameCaseInsensitive bool
	UserEmail, UserEmailCaseInsensitive       bool
	UserEmailVerifyToken                      bool
	UserPasswordResetToken                    bool
	RoleName                                  bool
	AuthDataUniqueness                        bool
}

// Run makes the migrations that the database has not seen yet. Of several
// processes that start at the same time one makes them while the others wait.
// It refuses a database that a newer version of Loam has migrated.
func Run(ctx context.Context, s store.Store, o Options) error {
	o.fill()
	r := &runner{store: s, options: o, migrations: []migration{systemIndexes(), lookupIndexes(), installationIndexes(), uniqueUsers()}}
	return r.run(ctx)
}

// fill gives the options that were left out their values.
func (o *Options) fill() {
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// collection keeps a record of each migration, under its number, and the lock.
const collection = "_LoamMigration"

// migration is one numbered change.
type migration struct {
	number int32
	name   string
	// steps are those that the options ask for.
	steps func(Options) []step
}

// step is a part of a migration that is done or not done.
type step struct {
	name string
	// essential says that Loam can't work without it, so that its failure is
	// Loam's; but not that of an index whose place another has taken, as it is
	// the operator's choice what keeps values unique.
	essential bool
	// do is what the step does, if it is not to make an index.
	do    func(ctx context.Context, s store.Store) error
	index *index
}

func (s step) run(ctx context.Context, st store.Store) error {
	if s.index != nil {
		return s.index.make(ctx, st)
	}
	return s.do(ctx, st)
}

// done tells whether the step is done, given the names of those that were.
func (s step) done(ctx context.Context, st store.Store, recorded []string) (bool, error) {
	if s.index != nil {
		return s.index.made(ctx, st)
	}
	return slices.Contains(recorded, s.name), nil
}

type runner struct {
	store      store.Store
	options    Options
	migrations []migration
}

// task is what is left to do of a migration.
type task struct {
	migration
	done []string
	left []step
}

func (r *runner) run(ctx context.Context) error {
	tasks, err := r.pending(ctx)
	if err != nil || len(tasks) == 0 {
		return err
	}
	return r.locked(ctx, func(ctx context.Context) error {
		// Another process may have done it all while this one waited.
		tasks, err := r.pending(ctx)
		if err != nil {
			return err
		}
		for _, task := range tasks {
			if err := r.perform(ctx, task); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending reads what was done and returns what is left.
func (r *runner) pending(ctx context.Context) ([]task, error) {
	done := make(map[int32][]string)
	newest, name := int32(0), ""
	err := r.store.Find(ctx, collection, store.Find{}, func(doc bson.Raw) error {
		number, ok := doc.Lookup("_id").AsInt64OK()
		if !ok {
			return nil // the lock
		}
		n := int32(number)
		done[n] = stringsOf(doc.Lookup("steps"))
		if n > newest {
			newest = n
			name, _ = doc.Lookup("name").StringValueOK()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	known := r.migrations[len(r.migrations)-1].number
	if newest > known {
		return nil, fmt.Errorf("the database was migrated by a newer version of Loam (migration %d, %q) and this version knows migrations up to %d: run the newer version, or restore a backup made before it ran",
			newest, name, known)
	}
	var tasks []task
	for _, m := range r.migrations {
		t := task{migration: m, done: done[m.number]}
		for _, step := range m.steps(r.options) {
			is, err := step.done(ctx, r.store, t.done)
			if err != nil {
				return nil, fmt.Errorf("migration %d, %s: %s: %w", m.number, m.name, step.name, err)
			}
			if !is {
				t.left = append(t.left, step)
			}
		}
		if len(t.left) > 0 || t.done == nil {
			tasks = append(tasks, t)
		}
	}
	return tasks, nil
}

func stringsOf(v bson.RawValue) []string {
	list := []string{}
	array, ok := v.ArrayOK()
	if !ok {
		return list
	}
	values, err := array.Values()
	if err != nil {
		return list
	}
	for _, v := range values {
		if s, ok := v.StringValueOK(); ok {
			list = append(list, s)
		}
	}
	return list
}

// perform makes what is left of a migration and records it.
func (r *runner) perform(ctx context.Context, t task) error {
	log := r.options.Logger.With("migration", t.number, "name", t.name)
	began := r.options.Now()
	done, failure := r.makeSteps(ctx, t, log)
	if ctx.Err() != nil {
		return fmt.Errorf("migration %d, %s: %w", t.number, t.name, context.Cause(ctx))
	}
	took := r.options.Now().Sub(began)
	record := bson.D{
		{Key: "name", Value: t.name}, {Key: "at", Value: bson.NewDateTimeFromTime(began)},
		{Key: "milliseconds", Value: took.Milliseconds()}, {Key: "steps", Value: union(t.done, done)},
	}
	_, err := r.store.Update(ctx, collection, store.Update{
		Filter: bson.D{{Key: "_id", Value: t.number}}, Change: bson.D{{Key: "$set", Value: record}}, Upsert: true,
	})
	switch {
	case failure != nil:
		return fmt.Errorf("migration %d, %s: %w", t.number, t.name, failure)
	case err != nil:
		return fmt.Errorf("record migration %d, %s: %w", t.number, t.name, err)
	}
	log.InfoContext(ctx, "migrated the database", "steps", len(done), "took", took)
	return nil
}

// makeSteps makes the steps that are left, up to the first essential one that
// fails, and returns the names of those that are done.
func (r *runner) makeSteps(ctx context.Context, t task, log *slog.Logger) (done []string, failure error) {
	together := makeTogether(ctx, r.store, t.left)
	for _, step := range t.left {
		if step.index == nil || !together[step.index.collection] {
			err := step.run(ctx, r.store)
			switch {
			case err != nil && step.essential && !errors.Is(err, store.ErrIndexConflict):
				return done, fmt.Errorf("%s: %w", step.name, err)
			case err != nil:
				log.WarnContext(ctx, "a step of a migration was left out and is tried again at the next start", "step", step.name, "error", err)
				continue
			}
		}
		done = append(done, step.name)
	}
	return done, nil
}

// union returns the strings of both, each once; not nil.
func union(a, b []string) []string {
	both := append([]string{}, a...)
	for _, s := range b {
		if !slices.Contains(both, s) {
			both = append(both, s)
		}
	}
	return both
}
