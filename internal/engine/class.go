package engine

import (
	"context"

	"github.com/loam-baas/loam/internal/schema"
)

// class is a class by name, or nil when there is none, also after asking the
// store for classes made by other nodes.
func (e *Engine) class(ctx context.Context, name string) (*schema.Class, error) {
	class, err := e.Catalog.Class(ctx, name)
	return class, storeError(err)
}
