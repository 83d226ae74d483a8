package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
)

// Definitions are the app's classes as its configuration defines them.
func Definitions(c *config.Schema) (schema.Definitions, error) {
	d := schema.Definitions{
		Strict: c.Strict, DeleteExtraFields: c.DeleteExtraFields,
		RecreateModifiedFields: c.RecreateModifiedFields, KeepUnknownIndexes: c.KeepUnknownIndexes,
	}
	for i, definition := range c.Definitions {
		class, err := parse.DecodeObject(definition, parse.Limits{Depth: deepest, Keys: mostKeys})
		if err != nil {
			return d, fmt.Errorf("schema.definitions has an entry %d that can't be read: %w", i+1, err)
		}
		d.Classes = append(d.Classes, class)
	}
	return d, nil
}

// WithCatalog opens the app's database as it is and calls do with its classes.
func WithCatalog(ctx context.Context, c *config.App, logger *slog.Logger, do func(*schema.Catalog) error) (err error) {
	s, err := openStore(ctx, &c.Database, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	catalog, err := openCatalog(ctx, c, s, logger)
	if err != nil {
		return err
	}
	return do(catalog)
}

// openCatalog reads the classes.
func openCatalog(ctx context.Context, c *config.App, s store.Store, logger *slog.Logger) (*schema.Catalog, error) {
	return schema.Open(ctx, s, schema.Options{
		ProtectedFields:             c.ProtectedFields,
		AllowCustomObjectID:         c.AllowCustomObjectID,
		DisableIndexFieldValidation: c.Database.DisableIndexFieldValidation,
		CacheTTL:                    c.Database.SchemaCacheTTL,
		Logger:                      logger,
	})
}

// applyTries is how often classes are planned anew because another process has
// changed them meanwhile.
const applyTries = 3

// applyDefinitions makes the classes as they are defined, if any are.
func applyDefinitions(ctx context.Context, c *config.Schema, catalog *schema.Catalog, logger *slog.Logger) error {
	if c.Definitions == nil {
		return nil
	}
	definitions, err := Definitions(c)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		plan, err := catalog.Plan(ctx, definitions)
		if err != nil {
			return err
		}
		if try == 1 {
			for _, w := range plan.Warnings {
				logger.WarnContext(ctx, w)
			}
		}
		for _, s := range plan.Steps {
			logger.InfoContext(ctx, "defining a class", "class", s.Class, "changes", s.Changes)
		}
		if err = catalog.Apply(ctx, plan); err == nil || try == applyTries {
			return err
		}
	}
}
