package query

import (
	"iter"
	"strings"
)

// Root returns the field that a dotted path starts at. Rules about fields
// (protected fields above all) are to be applied to it, never to the whole path
// alone.
func Root(path string) string {
	if i := strings.IndexByte(path, '.'); i >= 0 {
		return path[:i]
	}
	return path
}

// Internal tells whether a path names a stored column that is no field of the
// class, such as _rperm or _hashed_password. Who may use which is for the
// engine to decide.
func Internal(path string) bool { return strings.HasPrefix(path, "_") }

// ValidPath tells whether path is made of names of letters, digits and
// underscores, with single dots between them, and starts with a letter or an
// underscore. Only such paths reach a store.
func ValidPath(path string) bool {
	whole := false
	for end := range prefixes(path) {
		whole = end == len(path)
	}
	return whole
}

// prefixes yields the ends of the valid paths that path begins with, shortest
// first: 1 and 3 for "a.b".
func prefixes(path string) iter.Seq[int] {
	return func(yield func(end int) bool) {
		start := 0 // of the current name
		for i := 0; i <= len(path); i++ {
			if i == len(path) || path[i] == '.' {
				if i == start || !yield(i) {
					return
				}
				start = i + 1
				continue
			}
			b := path[i]
			letter := b|0x20 >= 'a' && b|0x20 <= 'z' || b == '_'
			if digit := b >= '0' && b <= '9'; !letter && (!digit || i == 0) {
				return
			}
		}
	}
}

// depth counts the names in a dotted path.
func depth(path string) int { return strings.Count(path, ".") + 1 }
