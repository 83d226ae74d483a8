package files

import (
	"io"

	"github.com/loam-baas/loam/internal/parse"
)

// Upload is a file that a client sends.
type Upload struct {
	// Name and ContentType are what the client calls it; "" is nothing said.
	Name, ContentType string
	// Directory is where the caller wants it, if HasDirectory says so.
	Directory    string
	HasDirectory bool
	// Metadata and Tags are what the client tells of it; nil is nothing.
	Metadata, Tags *parse.Object
	Content        io.Reader
}
