package mongo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// explainURI says what is wrong with a connection string. It may hold a password,
// which the error must not show, so that the driver is asked about what is left
// without it.
func explainURI(uri string) error {
	const what = "store: the database URI is not a valid MongoDB connection string"
	scheme, rest, _ := strings.Cut(uri, "://")
	if scheme == "mongodb+srv" {
		return fmt.Errorf("%s, or its DNS records can't be read", what)
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	base, query, _ := strings.Cut(rest, "?")
	kept := slices.DeleteFunc(strings.Split(query, "&"), func(option string) bool {
		name, _, _ := strings.Cut(strings.ToLower(option), "=")
		return strings.HasPrefix(name, "auth") || strings.Contains(name, "password")
	})
	if err := parse(scheme + "://" + base + "?" + strings.Join(kept, "&")); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: its user, password or authentication options are wrong; special characters in them must be written as %%40 and the like", what)
}

func parse(uri string) error {
	_, err := connstring.ParseAndValidate(uri)
	return err
}

// ignoredOptions are those in a connection string that the driver knows nothing
// of, or does nothing with.
func ignoredOptions(cs *connstring.ConnString) []string {
	ignored := slices.Sorted(maps.Keys(cs.UnknownOptions))
	if cs.SocketTimeoutSet {
		ignored = append(ignored, "sockettimeoutms")
	}
	return ignored
}
