// Package local keeps files in a directory of this machine, as Parse Server's
// file-system adapter does: each under its name, escaped as in a URL. What is
// known of a file beside its content is in the hidden directory .loam.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// The directories of what is not a file of a client's.
const (
	hidden      = ".loam"
	aboutFolder = hidden + "/about"
	newFolder   = hidden + "/new"
)

// abandoned is how old a file that is being written must be for its writer to be
// gone: the directory may be shared by several processes.
const abandoned = 24 * time.Hour

// Storage is a directory as files.Storage. Everything is done below its root,
// wherever symbolic links lead.
type Storage struct {
	root *os.Root
	// renames keeps two writers of one name from mixing what they write.
	renames sync.Mutex
}

var _ files.Storage = (*Storage)(nil)

// Open returns the storage in a directory, which is made if it is not there.
func Open(directory string) (*Storage, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	s := &Storage{root: root}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("files: %w", err), root.Close())
	}
	return s, nil
}

// prepare makes the hidden directories and removes what was never finished.
func (s *Storage) prepare() error {
	for _, folder := range [...]string{aboutFolder, newFolder} {
		if err := s.root.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	entries, err := fs.ReadDir(s.root.FS(), newFolder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < abandoned {
			continue // another process's, which may have finished it by now
		}
		if err := s.root.Remove(newFolder + "/" + entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func place(name string) string      { return string(files.AppendEscaped(nil, name)) }
func aboutPlace(name string) string { return aboutFolder + "/" + place(name) + ".json" }

// Create implements files.Storage. Content and what is known of it are on disk,
// file and directory entry, when it returns.
func (s *Storage) Create(ctx context.Context, name string, about files.About, content io.Reader) error {
	written, err := s.write(ctx, content)
	if err != nil {
		return err
	}
	described, err := s.write(ctx, strings.NewReader(string(about.JSON())))
	if err != nil {
		return errors.Join(err, s.root.Remove(written))
	}
	s.renames.Lock()
	err = s.root.Rename(described, aboutPlace(name))
	if err == nil {
		described = ""
		err = s.root.Rename(written, place(name))
	}
	s.renames.Unlock()
	if err != nil {
		if described != "" {
			err = errors.Join(err, s.root.Remove(described))
		}
		return errors.Join(broken(err), s.root.Remove(written))
	}
	return errors.Join(s.sync(aboutFolder), s.sync("."))
}

// write puts content into a new file of no name yet and returns where that is.
func (s *Storage) write(ctx context.Context, content io.Reader) (string, error) {
	at := newFolder + "/" + rand.Text()
	f, err := s.root.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", broken(err)
	}
	_, err = io.CopyBuffer(writer{f}, reader{ctx, content}, make([]byte, copyBuffer))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, s.root.Remove(at))
	}
	return at, nil
}

// copyBuffer is how many bytes are written at a time.
const copyBuffer = 128 << 10

// writer has nothing but Write, so that content is copied by the buffer.
type writer struct{ io.Writer }

// reader ends when its context does.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// sync puts the entries of a directory on disk.
func (s *Storage) sync(directory string) error {
	d, err := s.root.Open(directory)
	if err != nil {
		return broken(err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Stat implements files.Storage.
func (s *Storage) Stat(_ context.Context, name string) (files.Info, error) {
	info, err := s.root.Stat(place(name))
	if err != nil {
		return files.Info{}, broken(err)
	}
	return s.info(name, info)
}

func (s *Storage) info(name string, stat fs.FileInfo) (files.Info, error) {
	if !stat.Mode().IsRegular() {
		return files.Info{}, files.ErrNotFound
	}
	info := files.Info{
		Name: name, Size: stat.Size(), Modified: stat.ModTime(),
		ETag: fmt.Sprintf(`"%x-%x"`, stat.Size(), stat.ModTime().UnixNano()),
	}
	// Files that Parse Server wrote have nothing beside them.
	about, err := s.root.ReadFile(aboutPlace(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return files.Info{}, broken(err)
	}
	info.About = files.AboutOf(about)
	return info, nil
}

// Open implements files.Storage.
func (s *Storage) Open(_ context.Context, name string, offset int64) (io.ReadCloser, error) {
	f, err := s.root.Open(place(name))
	if err != nil {
		return nil, broken(err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(broken(err), f.Close())
	}
	return f, nil
}

// Delete implements files.Storage.
func (s *Storage) Delete(_ context.Context, name string) error {
	s.renames.Lock()
	defer s.renames.Unlock()
	if err := s.root.Remove(place(name)); err != nil {
		return broken(err)
	}
	if err := s.root.Remove(aboutPlace(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return broken(err)
	}
	return s.sync(".")
}

// List implements files.Storage.
func (s *Storage) List(ctx context.Context, yield func(files.Info) error) error {
	d, err := s.root.Open(".")
	if err != nil {
		return broken(err)
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(256)
		for _, entry := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.yield(entry, yield); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return broken(err)
		}
	}
}

func (s *Storage) yield(entry fs.DirEntry, yield func(files.Info) error) error {
	name, err := url.PathUnescape(entry.Name())
	if err != nil || !files.ValidStored(name) || place(name) != entry.Name() {
		return nil // nobody can ask for it by a URL
	}
	stat, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile
	}
	if err != nil {
		return broken(err)
	}
	info, err := s.info(name, stat)
	if errors.Is(err, files.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return yield(info)
}

// Close implements files.Storage.
func (s *Storage) Close(context.Context) error { return s.root.Close() }

// broken is an error of the file system in the port's terms.
func broken(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return files.ErrNotFound
	case errors.Is(err, syscall.ENAMETOOLONG):
		return parse.NewError(parse.InvalidFileName, "Filename too long.").WithCause(err)
	}
	return fmt.Errorf("files: %w", err)
}
