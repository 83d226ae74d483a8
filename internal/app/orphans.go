package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// WithFiles opens the places for files and calls do with them. The app's store is
// opened only if one of the places is in it.
func WithFiles(ctx context.Context, c *config.App, logger *slog.Logger, places []config.FilesAdapter, do func([]files.Storage) error) (err error) {
	var s store.Store
	var opened []files.Storage
	defer func() {
		for _, storage := range opened {
			err = errors.Join(err, storage.Close(ctx))
		}
		if s != nil {
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	for _, place := range places {
		if place.Kind == config.GridFS && s == nil {
			if s, err = openStore(ctx, &c.Database, logger); err != nil {
				return err
			}
		}
		storage, err := openStorage(ctx, &place, s)
		if err != nil {
			return err
		}
		opened = append(opened, storage)
	}
	return do(opened)
}

// Orphans yields the app's files that are older than age and that no object and no
// parameter of the app's config names; what yield is given is not yet deleted. The
// storage is the app's.
//
// A file of that age which comes into an object while its orphans are looked for is
// none only if the object is there when the objects are read, after the files: age
// is the time that clients have to use what they upload.
func Orphans(ctx context.Context, c *config.App, logger *slog.Logger, age time.Duration, yield func(files.Storage, files.Info) error) (err error) {
	var s store.Store
	if c.Files.Adapter.Kind == config.GridFS || c.Database.Engine == config.MongoDB {
		if s, err = openStore(ctx, &c.Database, logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close(ctx)) }()
	}
	storage, err := openFiles(ctx, &c.Files, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storage.Close(ctx)) }()
	unused := make(map[string]files.Info)
	before := time.Now().Add(-age)
	err = storage.List(ctx, func(info files.Info) error {
		if info.Modified.Before(before) {
			unused[info.Name] = info
		}
		return nil
	})
	if err != nil || len(unused) == 0 {
		return err
	}
	if s == nil {
		if err := withSnapshot(ctx, c, logger, func(s store.Store) error { return removeUsed(ctx, c, s, logger, unused) }); err != nil {
			return err
		}
	} else if err := removeUsed(ctx, c, s, logger, unused); err != nil {
		return err
	}
	for _, info := range unused {
		if err := yield(storage, info); err != nil {
			return err
		}
	}
	return nil
}

// withSnapshot opens a copy of the embedded store, which another process may have open.
func withSnapshot(ctx context.Context, c *config.App, logger *slog.Logger, do func(store.Store) error) (err error) {
	parent, err := os.MkdirTemp("", "loam-files-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(parent)) }()
	dir := filepath.Join(parent, "store")
	if err := embedded.SnapshotDir(ctx, c.Database.Path, dir); err != nil {
		return err
	}
	s, err := embedded.Open(ctx, embedded.Options{Dir: dir, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	return do(s)
}

// removeUsed removes from unused the files that a document names.
func removeUsed(ctx context.Context, c *config.App, s store.Store, logger *slog.Logger, unused map[string]files.Info) error {
	catalog, err := openCatalog(ctx, c, s, logger)
	if err != nil {
		return err
	}
	collections, err := s.Collections(ctx)
	if err != nil {
		return err
	}
	classes := catalog.Snapshot()
	for _, collection := range collections {
		if collection == "fs.files" || collection == "fs.chunks" || strings.HasPrefix(collection, "_Join:") || collection == "_SCHEMA" {
			continue
		}
		use := func(name string) { delete(unused, name) }
		columns := fileColumns(classes, collection)
		err := s.Find(ctx, collection, store.Find{}, func(doc bson.Raw) error {
			for _, column := range columns {
				if name, ok := doc.Lookup(column).StringValueOK(); ok {
					use(name)
				}
			}
			return eachFile(doc, use)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", collection, err)
		}
	}
	return nil
}

// fileColumns are the fields of a class that are files.
func fileColumns(classes *schema.Snapshot, name string) []string {
	class := classes.Class(name)
	if class == nil {
		return nil
	}
	var columns []string
	for field, t := range class.Types() {
		if t.Kind == parse.KindFile {
			columns = append(columns, field)
		}
	}
	return columns
}

// eachFile finds the files within objects and arrays, and in what is not of a class.
func eachFile(doc bson.Raw, use func(string)) error {
	elements, err := doc.Elements()
	if err != nil {
		return err
	}
	var name string
	var isFile bool
	for _, e := range elements {
		v := e.Value()
		switch key := e.Key(); {
		case key == "__type":
			text, _ := v.StringValueOK()
			isFile = text == "File"
		case key == "name":
			name, _ = v.StringValueOK()
		}
		if inner, ok := v.DocumentOK(); ok {
			err = eachFile(inner, use)
		} else if inner, ok := v.ArrayOK(); ok {
			err = eachFile(bson.Raw(inner), use)
		}
		if err != nil {
			return err
		}
	}
	if isFile {
		use(name)
	}
	return nil
}
