package engine

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/parse"
)

// Schemas lists the classes; see API.
func (e *Engine) Schemas(ctx context.Context, c Caller) ([]*parse.Object, error) {
	if err := e.requireMaster(c); err != nil {
		return nil, err
	}
	// Another node may have changed a class: administrators see what is stored.
	if err := e.Catalog.Refresh(ctx); err != nil {
		return nil, storeError(err)
	}
	classes := e.Catalog.Snapshot().Classes()
	described := make([]*parse.Object, len(classes))
	for i, class := range classes {
		described[i] = class.Object()
	}
	return described, nil
}

// Schema describes a class; see API.
func (e *Engine) Schema(ctx context.Context, c Caller, class string) (*parse.Object, error) {
	if err := e.requireMaster(c); err != nil {
		return nil, err
	}
	described, err := e.Catalog.Describe(ctx, class)
	return described, storeError(err)
}

// CreateSchema makes a class; see API.
func (e *Engine) CreateSchema(ctx context.Context, c Caller, class string, def *parse.Object) (*parse.Object, error) {
	if err := e.requireWriter(c, "create a schema"); err != nil {
		return nil, err
	}
	if err := e.schemasUnlocked(); err != nil {
		return nil, err
	}
	made, err := e.Catalog.CreateClass(ctx, class, def)
	return made, storeError(err)
}

// UpdateSchema changes a class; see API.
func (e *Engine) UpdateSchema(ctx context.Context, c Caller, class string, def *parse.Object) (*parse.Object, error) {
	if err := e.requireWriter(c, "update a schema"); err != nil {
		return nil, err
	}
	if err := e.schemasUnlocked(); err != nil {
		return nil, err
	}
	changed, err := e.Catalog.UpdateClass(ctx, class, def)
	return changed, storeError(err)
}

// DeleteSchema deletes a class that has no objects; see API.
func (e *Engine) DeleteSchema(ctx context.Context, c Caller, class string) error {
	if err := e.requireWriter(c, "delete a schema"); err != nil {
		return err
	}
	if err := e.schemasUnlocked(); err != nil {
		return err
	}
	return storeError(e.Catalog.DeleteClass(ctx, class))
}

// schemasUnlocked is an error when classes are kept as code alone.
func (e *Engine) schemasUnlocked() error {
	if !e.LockSchemas {
		return nil
	}
	return parse.NewError(parse.OperationForbidden, "Cannot perform this operation when schemas options is used.")
}

// Purge removes all objects of a class; see API. Classes that are no app's own
// keep theirs: an emptied _SCHEMA or _Join would orphan the rest.
func (e *Engine) Purge(ctx context.Context, c Caller, class string) error {
	if err := e.requireWriter(c, "purge a schema"); err != nil {
		return err
	}
	known, err := e.class(ctx, class)
	if err != nil {
		return err
	}
	if known == nil || strings.HasPrefix(class, "_Join:") {
		return nil
	}
	_, err = e.Store.Delete(ctx, class, bson.D{}, true)
	return storeError(err)
}
