package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/gridfs"
	"github.com/loam-baas/loam/internal/files/local"
	"github.com/loam-baas/loam/internal/files/picture"
	"github.com/loam-baas/loam/internal/files/resumable"
	"github.com/loam-baas/loam/internal/files/s3"
	"github.com/loam-baas/loam/internal/files/sealed"
	"github.com/loam-baas/loam/internal/store"
)

// openFiles opens the place for the app's files, and the one that they move from;
// nil when it has none. Its owner closes it before the store.
func openFiles(ctx context.Context, c *config.Files, s store.Store) (files.Storage, error) {
	storage, err := openStorage(ctx, &c.Adapter, s)
	if err != nil || c.Fallback.Kind == "" {
		return storage, err
	}
	old, err := openStorage(ctx, &c.Fallback, s)
	if err != nil {
		return nil, errors.Join(err, storage.Close(ctx))
	}
	return files.Fallback{New: storage, Old: old}, nil
}

// openStorage opens one place for files; nil when it is none.
func openStorage(ctx context.Context, a *config.FilesAdapter, s store.Store) (files.Storage, error) {
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

// pictureBytes is the size of the largest file that is read as a picture.
const pictureBytes = 64 << 20

// openPictures opens what makes versions of pictures; nil makes none.
func openPictures(c *config.Images) (*picture.Server, error) {
	if !c.Enabled {
		return nil, nil
	}
	return picture.New(picture.Options{
		Limits:   picture.Limits{SourceBytes: pictureBytes, SourcePixels: int64(c.MaxPixels), Side: c.MaxSide},
		CacheDir: c.CacheDir, CacheBytes: c.CacheSize, SigningKey: c.SigningKey,
	})
}

// openUploads opens what takes resumable uploads; nil takes none.
func openUploads(c *config.App, logger *slog.Logger) (*resumable.Server, error) {
	if c.Files.UploadsDir == "" {
		return nil, nil
	}
	return resumable.New(resumable.Options{Dir: c.Files.UploadsDir, MaxSize: c.Files.MaxUploadSize, URL: c.PublicServerURL + "/uploads", Logger: logger})
}

// closeFiles lets go of all, each of which may be nil.
func closeFiles(ctx context.Context, s files.Storage, p *picture.Server, u *resumable.Server) error {
	var err error
	if u != nil {
		err = u.Close()
	}
	if p != nil {
		err = errors.Join(err, p.Close())
	}
	if s != nil {
		err = errors.Join(err, s.Close(ctx))
	}
	return err
}

// fileSecret is a secret that all processes of the app have.
func fileSecret(k *config.Keys) []byte {
	mac := hmac.New(sha256.New, []byte(k.Master))
	_, _ = mac.Write([]byte("direct uploads")) // never fails
	return mac.Sum(nil)
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
		Extensions: extensions, PreserveName: c.PreserveName, Domains: fileDomains(c.URLDomains),
	}, err
}

// fileDomains are the hosts that files may be at, nil for any.
func fileDomains(allowed []string) []string {
	if slices.Contains(allowed, "*") {
		return nil
	}
	return slices.Concat([]string{}, allowed)
}

// mover copies files to where they shall be, from where they were, while they are
// served.
type mover struct {
	cancel  context.CancelFunc // nil when nothing moves
	running sync.WaitGroup
}

// moveAgain is the time after which a move that failed is tried again.
const moveAgain = time.Minute

func (m *mover) start(storage files.Storage, logger *slog.Logger) {
	f, moving := storage.(files.Fallback)
	if !moving {
		return
	}
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	m.running.Go(func() {
		for !move(ctx, f, logger) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(moveAgain):
			}
		}
	})
}

// move copies the files once, and tells whether it is done with them.
func move(ctx context.Context, f files.Fallback, logger *slog.Logger) (done bool) {
	defer func() {
		if p := recover(); p != nil {
			logger.Error("panic while files were moved", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	copied, err := files.Copy(ctx, f.Old, f.New, func(i files.Info) { logger.Debug("moved a file", "name", i.Name, "bytes", i.Size) })
	switch {
	case ctx.Err() != nil:
	case err != nil:
		logger.Error("could not move all files; trying again", "moved", copied.Files, "in", moveAgain, "error", err)
	default:
		logger.Info("all files have moved: filesFallback can go", "moved", copied.Files, "bytes", copied.Bytes, "there before", copied.Present)
		return true
	}
	return false
}

// stop ends the moving and waits for its end.
func (m *mover) stop() {
	if m.cancel != nil {
		m.cancel()
	}
	m.running.Wait()
}
