package config

import (
	"fmt"
	"net/url"
	"strings"
)

// readMountPath accepts an absolute path and removes the slash at its end.
func readMountPath(value any) (any, error) {
	s := value.(string)
	if !strings.HasPrefix(s, "/") {
		return nil, fmt.Errorf("must begin with /, not %q", s)
	}
	s = strings.TrimRight(s, "/")
	if s == "" {
		return s, nil
	}
	for part := range strings.SplitSeq(s[1:], "/") {
		if part == "" || part == "." || part == ".." || url.PathEscape(part) != part {
			return nil, fmt.Errorf("must be a plain path as /parse or /1, not %q", value)
		}
	}
	return s, nil
}

// readURL accepts an http URL and removes the slash at its end.
func readURL(value any) (any, error) {
	s := value.(string)
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("must be a URL as https://example.com/parse, not %q", s)
	}
	return strings.TrimRight(s, "/"), nil
}

func readOrigins(value any) (any, error) {
	list := value.([]string)
	if len(list) == 0 {
		return nil, errEmpty
	}
	for _, s := range list {
		if s == "*" || s == "null" {
			continue
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("must hold origins as https://example.com, without a path or a slash at the end, not %q", s)
		}
	}
	return list, nil
}
