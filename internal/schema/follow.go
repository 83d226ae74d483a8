package schema

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// pollInterval is how often the classes are read anew while the store can't tell
// of their changes.
const pollInterval = 5 * time.Second

// Follow keeps the classes current while other processes change them, until ctx
// ends: it watches the store and reads what has changed. While the store can't
// be watched, as a MongoDB that is no replica set can't ever be, it reads all
// classes every few seconds. One process alone has no need of it.
func (c *Catalog) Follow(ctx context.Context) {
	f := &follower{catalog: c, poll: c.options.PollInterval}
	if f.poll <= 0 {
		f.poll = pollInterval
	}
	for ctx.Err() == nil {
		err := f.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		f.report(ctx, err)
		// What has changed since is not to wait for the store to be watched again.
		if err := c.Refresh(ctx); err != nil && !f.blind {
			c.options.Logger.WarnContext(ctx, "the classes cannot be read anew", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(f.poll):
		}
	}
}

// follower is what Follow remembers.
type follower struct {
	catalog *Catalog
	poll    time.Duration
	// after is the place up to which changes were followed; nil is none.
	after bson.Raw
	// blind says that it was logged that the store can't be watched.
	blind bool
}

// watch follows the changes until it can't.
func (f *follower) watch(ctx context.Context) error {
	c := f.catalog
	w, ok := c.store.(store.Watcher)
	if !ok {
		return errors.New("the store cannot be watched")
	}
	changes, err := w.Watch(ctx, schemaCollection, store.WatchOptions{After: f.after})
	if err != nil {
		f.forget(err)
		return err
	}
	defer changes.Close()
	if f.after == nil { // nobody has told of what came before
		if err := c.Refresh(ctx); err != nil {
			return err
		}
	}
	f.after = changes.Token()
	if f.blind {
		f.blind = false
		c.options.Logger.InfoContext(ctx, "changes of classes by other processes are followed again")
	}
	for {
		change, err := changes.Next(ctx)
		if err != nil {
			f.forget(err)
			return err
		}
		if err := f.take(ctx, change); err != nil {
			return err // and from the same place again
		}
		f.after = change.Token
	}
}

// take reads what a change was about.
func (f *follower) take(ctx context.Context, change *store.Change) error {
	name, ok := change.ID.StringValueOK()
	if !ok { // all are gone, or what has changed is no class
		return f.catalog.Refresh(ctx)
	}
	if _, err := f.catalog.reread(ctx, name); err != nil {
		if errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		f.catalog.options.Logger.WarnContext(ctx, "a class that another process has changed cannot be read", "class", name, "error", err)
	}
	return nil
}

// forget gives up the place where the changes can't be taken up again.
func (f *follower) forget(err error) {
	if !errors.Is(err, store.ErrUnavailable) {
		f.after = nil
	}
}

// report logs once that the store can't be watched, and why.
func (f *follower) report(ctx context.Context, err error) {
	if f.blind || errors.Is(err, store.ErrHistoryLost) || errors.Is(err, store.ErrInvalidated) {
		return
	}
	f.blind = true
	f.catalog.options.Logger.WarnContext(ctx, "the database does not tell of changes of classes, so that those of other processes are looked for",
		"every", fmt.Sprint(f.poll), "error", err)
}
