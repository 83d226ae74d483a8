package files

import (
	"crypto/rand"
	"encoding/hex"
	"path"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// Bounds of names, in bytes. A stored name has a directory and a random part
// besides what its client chose.
const (
	maxName      = 128
	maxDirectory = 256
	maxStored    = 512
)

// CheckName refuses what a client may not call a file: parse.InvalidFileName.
// What it lets pass is safe in a URL, in a header and as the name of a file.
func CheckName(name string) error {
	switch {
	case name == "":
		return parse.NewError(parse.InvalidFileName, "Filename not provided.")
	case len(name) > maxName:
		return parse.NewError(parse.InvalidFileName, "Filename too long.")
	}
	for i := range len(name) {
		c := name[i]
		if !wordByte(c) && (i == 0 || strings.IndexByte("@. ~-", c) < 0) {
			return parse.NewError(parse.InvalidFileName, "Filename contains invalid characters.")
		}
	}
	return nil
}

// CheckDirectory refuses what is no directory to put a file in, with the errors
// of Parse Server.
func CheckDirectory(directory string) error {
	invalid := func(text string) error { return parse.NewError(parse.InvalidFileName, "Directory "+text) }
	switch {
	case directory == "":
		return invalid("must not be empty.")
	case len(directory) > maxDirectory:
		return invalid("path is too long.")
	case strings.Contains(directory, ".."):
		return invalid(`must not contain "..".`)
	case directory[0] == '/' || directory[len(directory)-1] == '/':
		return invalid(`must not start or end with "/".`)
	case strings.Contains(directory, "//"):
		return invalid("must not contain consecutive slashes.")
	}
	// A URL below /files/<app>/metadata is that of a file's metadata.
	if first, _, _ := strings.Cut(directory, "/"); first == metadataPath {
		return invalid(`must not start with reserved segment "` + first + `".`)
	}
	for i := range len(directory) {
		if c := directory[i]; !wordByte(c) && c != '/' && c != '-' {
			return invalid("contains invalid characters.")
		}
	}
	return nil
}

// metadataPath is the part of a URL that asks for a file's metadata.
const metadataPath = "metadata"

func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// ValidStored tells whether a name may be that of a stored file. Files that are
// there already may have any name that is not hidden and does not lead out of its
// place.
func ValidStored(name string) bool {
	if name == "" || len(name) > maxStored || name[0] == '.' || strings.ContainsAny(name, "\x00\\") {
		return false
	}
	return path.Clean("/"+name) == "/"+name
}

// StoredName makes the name under which a file is kept: its client's, behind
// 128 random bits so that nobody guesses it or writes over another one, unless
// preserve keeps it as it is.
func StoredName(directory, name string, preserve bool) string {
	if !preserve {
		var random [16]byte
		_, _ = rand.Read(random[:]) // never fails
		name = hex.EncodeToString(random[:]) + "_" + name
	}
	if directory != "" {
		name = directory + "/" + name
	}
	return name
}

// AppendEscaped escapes as JavaScript's encodeURIComponent does, so that a file
// has the same URL, and the same place in a directory, as with Parse Server.
func AppendEscaped(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		if wordByte(c) || strings.IndexByte("-.!~*'()", c) >= 0 {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
