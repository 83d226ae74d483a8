package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// compilePath compiles a path in the syntax that Express has for routes and
// Parse Server for the paths of rateLimit: ":name" is one element of the path,
// "*name" one or more of them, "{…}" may be left out, a backslash takes the next
// letter as it is. As there, a path matches whatever the case of its letters,
// and with a slash at its end.
func compilePath(pattern string) (*regexp.Regexp, error) {
	if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "*") && !strings.HasPrefix(pattern, "{") {
		return nil, errors.New("must begin with /")
	}
	var b strings.Builder
	b.WriteString("(?i)^")
	open := 0
	for i := 0; i < len(pattern); i++ {
		switch ch := pattern[i]; ch {
		case '{':
			open++
			b.WriteString("(?:")
		case '}':
			if open--; open < 0 {
				return nil, errors.New("has a } without {")
			}
			b.WriteString(")?")
		case ':', '*':
			n := nameLength(pattern[i+1:])
			if n == 0 {
				return nil, fmt.Errorf("needs a name after %c, as in %cname", ch, ch)
			}
			i += n
			if ch == ':' {
				b.WriteString("[^/]+")
			} else {
				b.WriteString(".+")
			}
		case '\\':
			if i++; i == len(pattern) {
				return nil, errors.New(`ends in \`)
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case '(', ')', '[', ']', '+', '?', '!':
			return nil, fmt.Errorf(`has a %c, which stands for itself only as \%c`, ch, ch)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	if open > 0 {
		return nil, errors.New("has a { without }")
	}
	b.WriteString("/?$")
	return regexp.Compile(b.String())
}

// nameLength is the length of the parameter's name that a text begins with.
func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] == '$' || 'a' <= s[n] && s[n] <= 'z' || 'A' <= s[n] && s[n] <= 'Z' || n > 0 && '0' <= s[n] && s[n] <= '9') {
		n++
	}
	return n
}
