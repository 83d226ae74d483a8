// Package files keeps the files of an app: the port to where they are stored,
// and the rules of their names and types. Drivers are in the packages below it;
// package filestest holds every driver to the port.
//
// Names, URLs and metadata are those of Parse Server, whose files stay readable
// where they are: in a directory, a bucket, or GridFS.
package files

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// Storage is where files are kept. All methods are safe for concurrent use.
// Names are as ValidStored has them; a driver finds its own place for each.
type Storage interface {
	// Create stores content under a name, over what has it already. Nobody sees
	// the file before all of it is stored, and nothing of it is left when Create
	// fails: an error of the content's reader is returned as it is.
	Create(ctx context.Context, name string, about About, content io.Reader) error
	// Stat tells what is known of a file, or ErrNotFound.
	Stat(ctx context.Context, name string) (Info, error)
	// Open reads a file from an offset to its end; the caller closes it. It is
	// ErrNotFound when there is no such file. An offset is never behind the end.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error)
	// Delete removes a file, or answers ErrNotFound.
	Delete(ctx context.Context, name string) error
	// List yields all files, in any order; an error of yield's ends it.
	List(ctx context.Context, yield func(Info) error) error
	// Close lets go of the storage.
	Close(ctx context.Context) error
}

// About is what is kept beside a file's content.
type About struct {
	// ContentType is the media type to serve the file with; "" is not known.
	ContentType string
	// Metadata and Tags are what the client told of the file; nil is nothing.
	Metadata, Tags *parse.Object
}

// Info is a stored file without its content.
type Info struct {
	Name string
	// Size is the content's, in bytes.
	Size int64
	// Modified is when the file was stored.
	Modified time.Time
	// ETag changes with the content, and is in quotes as in HTTP.
	ETag string
	About
}

// Linker is a Storage whose files clients can also read from where they are.
type Linker interface {
	// Link is the URL of a file; "" when it is to be read from Loam.
	Link(ctx context.Context, name string) (string, error)
}

// ErrNotFound says that there is no file of that name.
var ErrNotFound = errors.New("files: not found")

// Direct is a Storage to which clients can also send files by themselves.
type Direct interface {
	// Grant lets whoever has its URL put one content of that size and type, in bytes,
	// under a key that is not yet a file, until expires is over.
	Grant(ctx context.Context, key, contentType string, size int64, expires time.Duration) (Grant, error)
	// Adopt makes a file of what was put under the key, if it is of that size; else it
	// is ErrNotFound. A second Adopt is ErrNotFound.
	Adopt(ctx context.Context, key, name string, size int64, about About) error
}

// Grant is a request that a client may make, once or until it expires.
type Grant struct {
	Method, URL string
	// Headers are those that the request must have, by their names.
	Headers map[string]string
}
