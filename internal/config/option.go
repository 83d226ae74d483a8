package config

import (
	"slices"
	"strings"
	"unicode"
)

// Status tells what Loam does with an option.
type Status uint8

// What Loam can do with an option.
const (
	// Served options have the effect that they have in Parse Server.
	Served Status = iota
	// Own options are Loam's: Parse Server has none of the name.
	Own
	// Pending options are checked and then do nothing: what they concern is not
	// served yet. Setting one is warned about.
	Pending
	// Inert options are checked and then do nothing, for good: Loam has no part
	// that they could concern. Setting one is warned about.
	Inert
)

// String is the status as the reference gives it.
func (s Status) String() string {
	switch s {
	case Served:
		return "served"
	case Own:
		return "Loam's own"
	case Pending:
		return "not served yet"
	default:
		return "no effect"
	}
}

// Option is a row of the table: everything that Loam knows of an option.
type Option struct {
	// Path is the option's name in a file, dotted when it is nested:
	// "requestComplexity.queryDepth". Members of the objects in a list have "[]"
	// after the list's name; they can be set in that list only.
	Path string
	// Env and Flag are the option's names in the environment and on the command
	// line, without "--"; empty where it has none.
	Env, Flag string
	Kind      Kind
	// Default is the default as an environment variable would give it; empty for none.
	Default string
	// Doc says in a sentence or two what the option does.
	Doc    string
	Status Status
	// Process tells that the option is the process's and so can't be set for one app.
	Process bool
	// Secret values are masked wherever configuration is shown.
	Secret bool

	// driver tells that the option is passed to the MongoDB driver in the
	// connection string, under its own name.
	driver bool
	// read checks a value of the option's kind and gives it its typed form; nil
	// leaves it as it is.
	read func(value any) (any, error)
	// field is where the typed value goes; nil while nothing reads it.
	field func(*Process, *App) any
}

// Section is a part of the table with a title and an introduction of its own.
type Section struct {
	Title, Intro string
	Options      []Option
}

// Sections returns the table, in the order of the reference.
func Sections() []Section {
	sections := []Section{
		identitySection(), networkSection(), databaseSection(), objectsSection(), limitsSection(),
		processSection(), usersSection(), filesSection(), mailSection(), realtimeSection(),
		graphQLSection(), operationsSection(), nodeSection(),
	}
	for _, s := range sections {
		for i := range s.Options {
			s.Options[i].complete()
		}
	}
	return sections
}

// envPrefixes are the beginnings of environment names of nested options, where
// they differ from the rule.
var envPrefixes = []struct{ path, env string }{
	{"databaseOptions.", "PARSE_SERVER_DATABASE_"},
	{"fileUpload.", "PARSE_SERVER_FILE_UPLOAD_"},
	{"idempotencyOptions.", "PARSE_SERVER_EXPERIMENTAL_IDEMPOTENCY_"},
	{"liveQuery.", "PARSE_SERVER_LIVEQUERY_"},
	{"liveQueryServerOptions.", "PARSE_LIVE_QUERY_SERVER_"},
	{"pages.customUrls.", "PARSE_SERVER_PAGES_CUSTOM_URL_"},
}

// complete derives the names that follow from the path.
func (o *Option) complete() {
	if o.inItems() {
		return
	}
	if o.Flag == "" {
		o.Flag = kebab(o.Path)
	}
	if o.Env != "" {
		return
	}
	name, prefix := o.Path, "PARSE_SERVER_"
	if o.Status == Own {
		prefix = "LOAM_"
	} else {
		for _, p := range envPrefixes {
			if rest, ok := strings.CutPrefix(o.Path, p.path); ok {
				name, prefix = rest, p.env
			}
		}
	}
	o.Env = prefix + strings.ToUpper(strings.ReplaceAll(kebab(name), "-", "_"))
}

// inItems tells whether the option is a member of a list's objects.
func (o *Option) inItems() bool { return strings.Contains(o.Path, "[]") }

// kebab turns a path into a flag's name: "restAPIKey" into "rest-api-key",
// "databaseOptions.maxTimeMS" into "database-options-max-time-ms".
func kebab(path string) string {
	if strings.Contains(path, "raphQL") { // one word, whatever its capitals
		path = strings.ReplaceAll(strings.ReplaceAll(path, "graphQL", "graphql"), "GraphQL", "Graphql")
	}
	runes := []rune(path)
	var b strings.Builder
	for i, r := range runes {
		switch {
		case r == '.' || r == '_':
			b.WriteByte('-')
			continue
		case unicode.IsUpper(r) && i > 0 && runes[i-1] != '.' && runes[i-1] != '-':
			endsWord := !unicode.IsUpper(runes[i-1])
			beginsWord := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if endsWord || beginsWord {
				b.WriteByte('-')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// table is the options with the ways to find them.
type table struct {
	sections []Section
	options  []*Option
	byPath   map[string]*Option
	byEnv    map[string]*Option
	byFlag   map[string]*Option
}

func newTable() *table {
	t := &table{sections: Sections()}
	for s := range t.sections {
		for i := range t.sections[s].Options {
			t.options = append(t.options, &t.sections[s].Options[i])
		}
	}
	n := len(t.options)
	t.byPath, t.byEnv, t.byFlag = make(map[string]*Option, n), make(map[string]*Option, n), make(map[string]*Option, n)
	for _, o := range t.options {
		t.byPath[o.Path] = o
		if o.Env != "" {
			t.byEnv[o.Env] = o
		}
		if o.Flag != "" {
			t.byFlag[o.Flag] = o
		}
	}
	return t
}

// paths lists the names of all options.
func (t *table) paths() []string {
	paths := make([]string, len(t.options))
	for i, o := range t.options {
		paths[i] = o.Path
	}
	return paths
}

// near returns the path of the option whose name is nearest to an unknown one:
// a sibling of the same prefix, or the same name elsewhere; "" when none is near.
func (t *table) near(prefix, name string) string {
	var siblings []string
	for _, o := range t.options {
		rest, ok := strings.CutPrefix(o.Path, prefix)
		if ok && !strings.Contains(rest, ".") {
			siblings = append(siblings, rest)
		}
		if leaf := o.Path[strings.LastIndexByte(o.Path, '.')+1:]; leaf == name {
			return o.Path
		}
	}
	if found := Nearest(name, siblings); found != "" {
		return prefix + found
	}
	return Nearest(name, t.paths())
}

// envNames lists the names of all environment variables, sorted.
func (t *table) envNames() []string {
	names := make([]string, 0, len(t.byEnv))
	for name := range t.byEnv {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
