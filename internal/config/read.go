package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The functions of this file are the option's read functions: each checks a
// value of the option's kind and returns its typed form. Their errors continue
// a sentence that begins with the option's name, and quote no secret.

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
	case *[]RateLimit:
		*f = value.([]RateLimit)
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

func readPrefixes(value any) (any, error) {
	list := value.([]string)
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// parsePrefix reads an address or a CIDR range. As in Parse Server, 0.0.0.0 and
// :: (also written ::0) stand for all addresses of their family.
func parsePrefix(s string) (netip.Prefix, error) {
	text := strings.TrimSpace(s)
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("must hold IP addresses and CIDR ranges, not %q", s)
	}
	if addr.IsUnspecified() {
		return netip.PrefixFrom(addr, 0), nil
	}
	return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
}

func readHost(value any) (any, error) {
	s := strings.Trim(value.(string), "[]")
	if s == "" {
		return nil, errEmpty
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s, nil
	}
	if strings.ContainsAny(s, ":/ ") {
		return nil, fmt.Errorf("must be an IP address or a host name without a port, not %q", s)
	}
	return s, nil
}

// readAddress reads a host and a port. The port 0 lets the system choose one.
func readAddress(value any) (any, error) {
	s := value.(string)
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, fmt.Errorf("must be an address with a port, as 127.0.0.1:27017, not %q", s)
	}
	return s, nil
}

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

// intBetween accepts integers from low to high.
func intBetween(low, high int64) func(any) (any, error) {
	return func(value any) (any, error) {
		n := value.(int64)
		if n < low || n > high {
			return nil, fmt.Errorf("must be from %d to %d, not %d", low, high, n)
		}
		return n, nil
	}
}

// readBound accepts a positive integer, or -1 for no bound, which becomes 0.
func readBound(value any) (any, error) {
	switch n := value.(int64); {
	case n == -1:
		return int64(0), nil
	case n < 1 || n > 1<<31-1:
		return nil, fmt.Errorf("must be a positive integer, or -1 for no limit, not %d", n)
	default:
		return n, nil
	}
}

// The longest times that can be configured: a day in milliseconds, a year in seconds.
const (
	maxMilliseconds = 24 * 60 * 60 * 1000
	maxSeconds      = 365 * 24 * 60 * 60
)

func milliseconds(value any) (any, error) {
	n := value.(int64)
	if n < 0 || n > maxMilliseconds {
		return nil, fmt.Errorf("must be from 0 to %d milliseconds, not %d", maxMilliseconds, n)
	}
	return time.Duration(n) * time.Millisecond, nil
}

func seconds(value any) (any, error) {
	n := value.(int64)
	if n < 0 || n > maxSeconds {
		return nil, fmt.Errorf("must be from 0 to %d seconds, not %d", maxSeconds, n)
	}
	return time.Duration(n) * time.Second, nil
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

func readUploadSize(value any) (any, error) {
	n := value.(int64)
	if n < 1<<10 {
		return nil, fmt.Errorf("must be 1kb or more, not %s", formatSize(n))
	}
	return n, nil
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

// proxyRanges are Express's names for ranges of addresses.
var proxyRanges = map[string][]string{
	"loopback":    {"127.0.0.0/8", "::1/128"},
	"linklocal":   {"169.254.0.0/16", "fe80::/10"},
	"uniquelocal": {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
}

// readProxyTrust accepts what Express's "trust proxy" does: a truth value, a
// number of hops, and addresses as a list or as text with commas.
func readProxyTrust(value any) (any, error) {
	var names []string
	switch v := value.(type) {
	case nil:
		return ProxyTrust{}, nil
	case bool:
		return ProxyTrust{All: v}, nil
	case int64:
		if v < 0 || v > 100 {
			return nil, fmt.Errorf("must be from 0 to 100 proxies, not %d", v)
		}
		return ProxyTrust{Hops: int(v)}, nil
	case string:
		names = splitList(v)
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, errors.New("must be a list of addresses")
			}
			names = append(names, s)
		}
	default:
		return nil, errors.New("must be true or false, a number of proxies, or a list of addresses")
	}
	var trust ProxyTrust
	for _, name := range names {
		ranges, ok := proxyRanges[name]
		if !ok {
			ranges = []string{name}
		}
		for _, r := range ranges {
			p, err := parsePrefix(r)
			if err != nil {
				return nil, fmt.Errorf("must hold addresses, CIDR ranges, loopback, linklocal or uniquelocal, not %q", name)
			}
			trust.Prefixes = append(trust.Prefixes, p)
		}
	}
	return trust, nil
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

// hostPort joins a host and a port for a URL, with the unspecified address
// replaced by the loopback one.
func hostPort(host string, port int) string {
	if addr, err := netip.ParseAddr(host); err == nil && (addr.IsUnspecified() || addr.IsLoopback()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}
