package schema

import (
	"context"
	"sync"
)

// Transaction runs fn in a transaction of the store. Changes of classes made
// within it are part of it: until it has succeeded only fn sees them, through
// Class and EnsureClass with the context it is given.
func (c *Catalog) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	if transactionOf(ctx) != nil {
		return c.store.Transaction(ctx, fn)
	}
	var t *transaction
	err := c.store.Transaction(ctx, func(ctx context.Context) error {
		// The store may run fn more than once.
		t = &transaction{classes: make(map[string]*Class)}
		return fn(context.WithValue(ctx, transactionKey{}, t))
	})
	if err != nil || t == nil {
		return err
	}
	// The writes are done; that they are not seen yet is no reason to report
	// failure, as Class reads the store again when it misses something.
	for name := range t.classes {
		if _, err := c.reread(ctx, name); err != nil {
			c.options.Logger.WarnContext(ctx, "a class changed in a transaction cannot be read", "class", name, "error", err)
		}
	}
	for _, then := range t.afterwards {
		then(ctx)
	}
	return nil
}

// transaction is what a transaction has changed of the classes.
type transaction struct {
	mu         sync.Mutex
	classes    map[string]*Class
	afterwards []func(ctx context.Context)
}

type transactionKey struct{}

// transactionOf returns the transaction that a context is of, or nil.
func transactionOf(ctx context.Context) *transaction {
	t, _ := ctx.Value(transactionKey{}).(*transaction)
	return t
}

// class returns a class that the transaction has changed or read itself.
func (t *transaction) class(name string) (class *Class, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	class, changed = t.classes[name]
	return class, changed
}

func (t *transaction) keep(name string, class *Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.classes[name] = class
}

// afterwards runs a step now, or after the transaction that the context is of.
func afterwards(ctx context.Context, step func(ctx context.Context)) {
	t := transactionOf(ctx)
	if t == nil {
		step(ctx)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.afterwards = append(t.afterwards, step)
}
