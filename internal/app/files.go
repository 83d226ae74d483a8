package app

import (
	"context"
	"slices"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/gridfs"
	"github.com/loam-baas/loam/internal/files/local"
	"github.com/loam-baas/loam/internal/files/s3"
	"github.com/loam-baas/loam/internal/files/sealed"
	"github.com/loam-baas/loam/internal/store"
)

// openFiles opens the place for the app's files; nil when it has none. Its owner
// closes it before the store.
func openFiles(ctx context.Context, a *config.FilesAdapter, s store.Store) (files.Storage, error) {
	var storage files.Storage
	var err error
	switch a.Kind {
	case "":
		return nil, nil
	case config.GridFS:
		storage = gridfs.New(s)
	case config.S3:
		storage, err = s3.Open(ctx, s3Options(&a.S3))
	default:
		storage, err = local.Open(a.Dir)
	}
	if err != nil || a.EncryptionKey == "" {
		return storage, err
	}
	return sealed.New(storage, a.EncryptionKey)
}

func s3Options(c *config.S3Files) s3.Options {
	return s3.Options{
		Bucket: c.Bucket, Prefix: c.Prefix, Region: c.Region, Endpoint: c.Endpoint, PathStyle: c.PathStyle,
		Profile: c.Profile, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Role: c.Role,
		Presigned: c.Delivery == config.DeliveryPresigned, Expires: c.Expires,
		Encryption: c.Encryption, KMSKey: c.KMSKey, StorageClass: c.StorageClass, CacheControl: c.CacheControl,
	}
}

// fileURL returns what appends the URL of a stored file: below the REST API, as
// <url>/files/<app>/<name>, or where clients read the bucket itself.
func fileURL(c *config.App) func(dst []byte, name string) []byte {
	base := files.AppendEscaped([]byte(c.PublicServerURL+"/files/"), c.AppID)
	base = append(base, '/')
	if bucket := &c.Files.Adapter.S3; bucket.Delivery == config.DeliveryPublic {
		base = files.AppendEscaped([]byte(bucket.PublicURL+"/"), bucket.Prefix)
	}
	base = slices.Clip(base)
	return func(dst []byte, name string) []byte {
		return files.AppendEscaped(append(dst, base...), name)
	}
}

func filePolicy(c *config.Files) (engine.FilePolicy, error) {
	extensions, err := files.NewExtensions(c.Extensions)
	return engine.FilePolicy{
		Upload: engine.FileAudience(c.Upload), Download: engine.FileAudience(c.Download),
		Extensions: extensions, PreserveName: c.PreserveName,
	}, err
}
