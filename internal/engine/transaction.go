package engine

import (
	"context"
	"errors"

	"github.com/loam-baas/loam/internal/store"
)

// transactionTries is how often a transaction is begun again when it met
// another writer, as Parse Server does.
const transactionTries = 5

// Transaction runs fn so that all its writes happen, or none; see API.
func (e *Engine) Transaction(ctx context.Context, fn func(ctx context.Context) error) error {
	err := e.sessions.around(ctx, func(ctx context.Context) (err error) {
		for range transactionTries {
			if err = e.Catalog.Transaction(ctx, fn); !errors.Is(err, store.ErrConflict) {
				break
			}
		}
		return err
	})
	return storeError(err)
}
