package schema

import (
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// ValidClassName tells whether a class may have this name: letters, digits and
// underscores, a letter first; or one of the system classes; or that of a
// relation's collection, "_Join:field:Class".
func ValidClassName(name string) bool {
	return slices.Contains(namedClasses, name) || validJoinName(name) || ValidFieldName(name)
}

func validJoinName(name string) bool {
	rest, ok := strings.CutPrefix(name, "_Join:")
	if !ok {
		return false
	}
	field, class, ok := strings.Cut(rest, ":")
	return ok && isWord(field) && isWord(class)
}

// InvalidClassName is the error about a name that no class may have.
func InvalidClassName(name string) error {
	return parse.Errorf(parse.InvalidClassName,
		"Invalid classname: %s, classnames can only have alphanumeric characters and _, and must start with an alpha character ", name)
}

// ValidFieldName tells whether a field may have this name: letters, digits and
// underscores, a letter first, and not one of the reserved names.
func ValidFieldName(name string) bool {
	return isWord(name) && isLetter(name[0]) && name != "length" && name != "className"
}

// JoinName is the collection that keeps the members of a relation field.
func JoinName(field, class string) string { return "_Join:" + field + ":" + class }

func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
