package query

import (
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// maxPathDepth bounds the names in an include path, even of who has no limits:
// no document that the decoder lets through is deeper.
const maxPathDepth = parse.DefaultDepth

// Below returns what remains of the paths that lead through prefix: "name" of
// "author.name" below "author". They are the keys, excluded keys or includes
// that hold for the objects fetched at prefix. nil means that no path leads
// there, which for keys means all.
func Below(paths []string, prefix string) []string {
	var out []string
	for _, p := range paths {
		if len(p) > len(prefix)+1 && p[len(prefix)] == '.' && strings.HasPrefix(p, prefix) {
			out = append(out, p[len(prefix)+1:])
		}
	}
	return out
}

// includePaths puts the asked paths and those that keys and excluded keys reach
// through into the form of Query.Include: "a.b" includes "a" before it, nothing
// is there twice, shorter paths come first. From a name on that no field can
// have a path is cut, as it finds nothing there. "*" among the paths includes
// all of the first level, and only those, as in parse-server.
func includePaths(asked, keys, excludeKeys []string) (paths []string, all bool, err error) {
	if len(asked)+len(keys)+len(excludeKeys) == 0 {
		return nil, false, nil
	}
	if slices.Contains(asked, "*") {
		return nil, true, nil
	}
	seen := make(map[string]bool)
	for i, list := range [...][]string{asked, keys, excludeKeys} {
		for _, path := range list {
			if i > 0 {
				// The last name of a key is a field of the object included.
				path = path[:max(strings.LastIndexByte(path, '.'), 0)]
			}
			if d := depth(path); d > maxPathDepth {
				return nil, false, includeTooDeep(d, maxPathDepth)
			}
			for end := range prefixes(path) {
				if prefix := path[:end]; !seen[prefix] {
					seen[prefix] = true
					paths = append(paths, prefix)
				}
			}
		}
	}
	slices.SortStableFunc(paths, func(a, b string) int { return depth(a) - depth(b) })
	return paths, false, nil
}
