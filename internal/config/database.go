package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
)

// readMongoDatabase reads the name of a MongoDB database.
func readMongoDatabase(value any) (any, error) {
	if s := value.(string); !IsMongoDatabase(s) {
		return nil, fmt.Errorf("must be the name of a MongoDB database, up to 63 bytes without white space and any of /\\.\"$*<>:|?, and none of admin, config and local; not %q", s)
	}
	return value, nil
}

// IsMongoDatabase tells whether s can be the name of a database in MongoDB, on any
// system, and is none of its own.
func IsMongoDatabase(s string) bool {
	switch s {
	case "", "admin", "config", "local":
		return false
	}
	return len(s) <= 63 && !strings.ContainsAny(s, "/\\. \"$*<>:|?\x00\t\n\r")
}

// readTags accepts sets of tags, each as "dc:east,rack:1"; the empty one fits
// every server.
func readTags(value any) (any, error) {
	for _, set := range value.([]string) {
		for tag := range strings.SplitSeq(set, ",") {
			if strings.Count(tag, ":") != 1 && set != "" {
				return nil, fmt.Errorf("must be sets of tags as dc:east,rack:1, not %q", set)
			}
		}
	}
	return value, nil
}

func readCollectionPrefix(value any) (any, error) {
	s := value.(string)
	if strings.ContainsAny(s, "$\x00") || strings.HasPrefix(s, "system.") {
		return nil, fmt.Errorf("must be able to begin a collection's name, not %q", s)
	}
	return s, nil
}

// readDatabaseURI checks the form only: the driver reads the rest when it connects.
func readDatabaseURI(value any) (any, error) {
	s := value.(string)
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case ok && (scheme == "mongodb" || scheme == "mongodb+srv"):
		if rest == "" || strings.HasPrefix(rest, "/") {
			return nil, fmt.Errorf("names no host; a MongoDB is %s://host/database", scheme)
		}
		return s, nil
	case ok && scheme == "file":
		if _, err := storePath(s); err != nil {
			return nil, err
		}
		return s, nil
	case ok && strings.HasPrefix(scheme, "postgres"):
		return nil, errors.New("is a PostgreSQL; Loam keeps documents in its embedded store (file:///directory) or in MongoDB (mongodb://…)")
	default:
		return nil, errors.New("must begin with file://, mongodb:// or mongodb+srv://")
	}
}

// storePath is the directory that a file URI names: file:///absolute/dir,
// file://relative/dir or file:relative.
func storePath(uri string) (string, error) {
	path, err := url.PathUnescape(strings.TrimPrefix(uri, "file://"))
	switch {
	case err != nil:
		return "", errors.New("is no proper URI: " + err.Error())
	case path == "" || path == "/":
		return "", errors.New("names no directory; an embedded store is file:///var/lib/loam/store")
	case strings.ContainsAny(path, "?#\x00"):
		return "", errors.New("is a file URI, which takes no options")
	}
	return filepath.Clean(path), nil
}

// readClientEvents reads the members, whose names and types were checked. Which
// events there are, the driver knows.
func readClientEvents(value any) (any, error) {
	list := value.([]any)
	events := make([]ClientEvent, 0, len(list))
	for i, item := range list {
		members, _ := item.(map[string]any)
		var e ClientEvent
		if e.Name, _ = members["name"].(string); e.Name == "" {
			return nil, fmt.Errorf("has an entry %d without a name", i+1)
		}
		keys, _ := members["keys"].([]any)
		for _, key := range keys {
			text, ok := key.(string)
			if !ok {
				return nil, fmt.Errorf("has an entry %d with a key that is no text", i+1)
			}
			e.Keys = append(e.Keys, text)
		}
		if name, ok := members["logLevel"].(string); ok {
			level, err := readLogLevel(name)
			if err != nil {
				return nil, fmt.Errorf("has an entry %d whose logLevel %w", i+1, err)
			}
			e.Level = level.(slog.Level)
		}
		events = append(events, e)
	}
	return events, nil
}
