package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// uriValues are an option's value as a connection string writes it. It can
// write one option several times: readPreferenceTags is a list of those.
func uriValues(value any) []string {
	switch v := value.(type) {
	case []string:
		return v
	case map[string]any:
		pairs := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, fmt.Sprintf("%s:%v", name, v[name]))
		}
		return []string{strings.Join(pairs, ",")}
	default:
		return []string{fmt.Sprint(v)}
	}
}

// withURIOption returns a MongoDB connection string with an option set, in
// place of what it said of that option.
func withURIOption(uri, name string, values []string) string {
	base, query, _ := strings.Cut(uri, "?")
	if _, rest, _ := strings.Cut(base, "://"); !strings.Contains(rest, "/") {
		base += "/"
	}
	var options []string
	for option := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(option, "=")
		if option != "" && !strings.EqualFold(key, name) {
			options = append(options, option)
		}
	}
	if name != "readPreferenceTags" {
		values = []string{strings.Join(values, ",")}
	}
	for _, value := range values {
		options = append(options, name+"="+url.QueryEscape(value))
	}
	return base + "?" + strings.Join(options, "&")
}

// uriPlace names the database of a MongoDB connection string: its hosts in a
// fixed order and the database's name, without credentials and options.
func uriPlace(uri string) string {
	base, _, _ := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	hosts, name, _ := strings.Cut(rest, "/")
	list := strings.Split(strings.ToLower(hosts), ",")
	for i, h := range list {
		list[i] = strings.TrimSuffix(h, ":27017")
	}
	slices.Sort(list)
	if name == "" {
		name = "parse" // what the driver takes then
	}
	return scheme + "://" + strings.Join(list, ",") + "/" + name
}

// maskURI hides the password and the options of a URI.
func maskURI(uri string) string {
	base, query, hasOptions := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, _, hasPassword := strings.Cut(rest[:i], ":")
		if hasPassword {
			user += ":" + mask
		}
		rest = user + rest[i:]
	}
	base = scheme + "://" + rest
	if hasOptions && strings.Contains(strings.ToLower(query), "password") {
		return base + "?" + mask
	}
	if hasOptions {
		return base + "?" + query
	}
	return base
}
