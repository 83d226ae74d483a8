package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The functions of this file, and of address.go, database.go, quantity.go and
// url.go, are the options' read functions: each checks a value of the option's
// kind and returns its typed form. Their errors continue a sentence that begins
// with the option's name, and quote no secret.

// assign puts a typed value where an option's field points.
func assign(field, value any) error {
	switch f := field.(type) {
	case *string:
		*f = value.(string)
	case *int:
		*f = int(value.(int64))
	case *int64:
		*f = value.(int64)
	case *bool:
		*f = value.(bool)
	case *[]string:
		*f = value.([]string)
	case *time.Duration:
		*f = value.(time.Duration)
	case *[]netip.Prefix:
		*f = value.([]netip.Prefix)
	case *slog.Level:
		*f = value.(slog.Level)
	case *Durability:
		*f = Durability(value.(string))
	case *ProxyTrust:
		*f = value.(ProxyTrust)
	case *ProtectedFields:
		*f = value.(ProtectedFields)
	case *[]Keyword:
		*f = value.([]Keyword)
	case *[][]byte:
		*f = value.([][]byte)
	case *map[string]map[string]any:
		*f = value.(map[string]map[string]any)
	case *[]ClientEvent:
		*f = value.([]ClientEvent)
	case *[]RateLimit:
		*f = value.([]RateLimit)
	case *FilesAdapter:
		*f = value.(FilesAdapter)
	case *Mail:
		*f = value.(Mail)
	case *map[string]string:
		*f = value.(map[string]string)
	default:
		return fmt.Errorf("has a field of type %T, which is not known here", field)
	}
	return nil
}

// readLine accepts one line of readable text.
func readLine(value any) (any, error) {
	s := value.(string)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("must not have control characters")
	}
	return s, nil
}

// readKey accepts what an HTTP header can carry unchanged.
func readKey(value any) (any, error) {
	s := value.(string)
	switch {
	case s == "":
		return nil, errEmpty
	case strings.TrimSpace(s) != s:
		return nil, errors.New("begins or ends with white space")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return nil, errors.New("must not have control characters")
	}
	return s, nil
}

// readAppID accepts a key that can also stand in a path.
func readAppID(value any) (any, error) {
	s, err := readKey(value)
	if err != nil {
		return nil, err
	}
	id := value.(string)
	if len(id) > 128 || strings.ContainsAny(id, " /\\?#%") || id == "." || id == ".." {
		return nil, errors.New(`must be at most 128 characters long and have none of space / \ ? # %`)
	}
	return s, nil
}

// oneOf accepts a few words.
func oneOf(words ...string) func(any) (any, error) {
	return func(value any) (any, error) {
		s := value.(string)
		if !slices.Contains(words, s) {
			return nil, fmt.Errorf("must be one of %s, not %q", strings.Join(words, ", "), s)
		}
		return s, nil
	}
}

// each accepts a list of a few words.
func each(words ...string) func(any) (any, error) {
	one := oneOf(words...)
	return func(value any) (any, error) {
		for _, s := range value.([]string) {
			if _, err := one(s); err != nil {
				return nil, err
			}
		}
		return value, nil
	}
}

var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

func readHeaderNames(value any) (any, error) {
	list := value.([]string)
	for _, s := range list {
		if !headerName.MatchString(s) {
			return nil, fmt.Errorf("must hold names of headers, not %q", s)
		}
	}
	return list, nil
}

func readPatterns(value any) (any, error) {
	list := value.([]string)
	for _, s := range list {
		if _, err := regexp.Compile(s); err != nil {
			return nil, fmt.Errorf("must hold regular expressions: %w", err)
		}
	}
	return list, nil
}

func readDirectory(value any) (any, error) {
	s := value.(string)
	if s == "" {
		return nil, errEmpty
	}
	return filepath.Clean(s), nil
}

// readLogLevel translates the levels of Parse Server's logger.
func readLogLevel(value any) (any, error) {
	switch s := value.(string); s {
	case "error":
		return slog.LevelError, nil
	case "warn":
		return slog.LevelWarn, nil
	case "info":
		return slog.LevelInfo, nil
	case "verbose", "debug":
		return slog.LevelDebug, nil
	case "silly":
		return slog.LevelDebug - 4, nil
	default:
		return nil, fmt.Errorf("must be one of error, warn, info, verbose, debug, silly, not %q", s)
	}
}

func readProtectedFields(value any) (any, error) {
	fields := ProtectedFields{}
	for class, groups := range value.(map[string]any) {
		byGroup, ok := groups.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("must be {class: {group: [fields]}}, but %q has no groups", class)
		}
		fields[class] = map[string][]string{}
		for group, names := range byGroup {
			list, ok := names.([]any)
			if !ok {
				return nil, fmt.Errorf("must be {class: {group: [fields]}}, but %q of %q is no list", group, class)
			}
			hidden := make([]string, len(list))
			for i, name := range list {
				if hidden[i], ok = name.(string); !ok {
					return nil, fmt.Errorf("must be {class: {group: [fields]}}, but %q of %q holds something else than names", group, class)
				}
			}
			fields[class][group] = hidden
		}
	}
	return fields, nil
}

// readAuth checks that every provider has options. What they are is checked where
// providers are made.
func readAuth(value any) (any, error) {
	providers := map[string]map[string]any{}
	for name, item := range value.(map[string]any) {
		options, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("must be {provider: {option: value}}, but %q has no options", name)
		}
		providers[name] = options
	}
	return providers, nil
}

func readKeywords(value any) (any, error) {
	list := value.([]any)
	keywords := make([]Keyword, 0, len(list))
	for i, item := range list {
		object, _ := item.(map[string]any)
		var k Keyword
		var hasKey bool
		if key, ok := object["key"]; ok {
			if k.Key, hasKey = key.(string); !hasKey {
				return nil, fmt.Errorf("has an entry %d whose key is no text", i+1)
			}
		}
		k.Value, k.HasValue = object["value"]
		if n, ok := k.Value.(int64); ok {
			k.Value = float64(n)
		}
		if !hasKey && !k.HasValue {
			return nil, fmt.Errorf("has an entry %d with neither key nor value", i+1)
		}
		patterns := []string{k.Key}
		switch v := k.Value.(type) {
		case string:
			patterns = append(patterns, v)
		case []any, map[string]any:
			return nil, fmt.Errorf("has an entry %d whose value is no text, number or truth value", i+1)
		}
		for _, p := range patterns {
			if _, err := regexp.Compile(p); err != nil {
				return nil, fmt.Errorf("has an entry %d that is no regular expression: %w", i+1, err)
			}
		}
		keywords = append(keywords, k)
	}
	return keywords, nil
}
