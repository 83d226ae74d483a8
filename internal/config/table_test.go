package config

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// upstream is an option as parse-server 9.10.0 defines it.
type upstream struct{ path, env, parser, def string }

// upstreamOptions reads testdata/parse-server-9.10.0.tsv: name, variable, parser
// and default of every option, as the npm package's definitions say.
func upstreamOptions(t *testing.T) []upstream {
	t.Helper()
	f, err := os.Open("testdata/parse-server-9.10.0.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var options []upstream
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		c := strings.Split(lines.Text(), "\t")
		if len(c) != 4 {
			t.Fatalf("line of %d columns: %q", len(c), lines.Text())
		}
		options = append(options, upstream{c[0], c[1], c[2], c[3]})
	}
	if len(options) < 250 {
		t.Fatalf("only %d options were read", len(options))
	}
	return options
}

// otherDefaults are the defaults of Parse Server that Loam does not share.
var otherDefaults = map[string]string{
	"databaseOptions.enableSchemaHooks":   "permissions that one process tightens must hold in all",
	"databaseURI":                         "the embedded store needs no server",
	"requestComplexity.batchRequestLimit": "limits are on by default",
	"requestComplexity.graphQLDepth":      "limits are on by default",
	"requestComplexity.graphQLFields":     "limits are on by default",
	"requestComplexity.includeCount":      "limits are on by default",
	"requestComplexity.includeDepth":      "limits are on by default",
	"requestComplexity.queryDepth":        "limits are on by default",
	"requestComplexity.subqueryDepth":     "limits are on by default",
	"requestComplexity.subqueryLimit":     "limits are on by default",
	"allowOrigin":                         "what Parse Server does without one",
	"logLevel":                            "what Parse Server does without one",
	"fileUpload.fileExtensions":           "the default is no pattern: Go has no look-ahead",
	"trustProxy":                          "an empty list is no default but the absence of one",
	"rateLimit":                           "an empty list is no default but the absence of one",
	"schema.definitions":                  "an empty list is no default but the absence of one",
	"idempotencyOptions.paths":            "an empty list is no default but the absence of one",
	"collectionPrefix":                    "empty text is no default but the absence of one",
}

func TestTable_KnowsEveryOptionOfParseServer(t *testing.T) {
	table := newTable()
	kinds := map[string][]Kind{
		"string":                  {Text, Any},
		"number":                  {Int},
		"numberOrBool":            {Any},
		"numberOrString":          {Any},
		"booleanParser":           {Bool},
		"booleanOrFunctionParser": {Bool},
		"arrayParser":             {List, Items, Any},
		"objectParser":            {Object, Group, Any, Items},
		"moduleOrObjectParser":    {Any},
	}
	own := map[string]Kind{"maxUploadSize": Size, "databaseOptions.compressors": List}
	for _, u := range upstreamOptions(t) {
		o := table.byPath[u.path]
		if o == nil {
			t.Errorf("%s is not in the table", u.path)
			continue
		}
		if o.Status == Own {
			t.Errorf("%s is Parse Server's, not Loam's own", u.path)
		}
		if !o.inItems() && o.Env != u.env {
			t.Errorf("%s has the variable %s, want %s", u.path, o.Env, u.env)
		}
		if kind, ok := own[u.path]; ok {
			if o.Kind != kind {
				t.Errorf("%s is of kind %s, want %s", u.path, o.Kind, kind)
			}
		} else if !slices.Contains(kinds[u.parser], o.Kind) {
			t.Errorf("%s is of kind %s, which %s does not read", u.path, o.Kind, u.parser)
		}
		checkDefault(t, o, u)
	}
}

func checkDefault(t *testing.T, o *Option, u upstream) {
	t.Helper()
	if _, ok := otherDefaults[u.path]; ok {
		return
	}
	if o.Kind == Group {
		if o.Default != "" {
			t.Errorf("%s is a group with a default of its own", u.path)
		}
		return
	}
	if u.def == "-" {
		if o.Default != "" {
			t.Errorf("%s has the default %q, Parse Server has none", u.path, o.Default)
		}
		return
	}
	want, err := decodeJSON([]byte(u.def))
	if err != nil {
		t.Fatalf("%s: %v", u.path, err)
	}
	wanted, err := o.Kind.fromTree(want)
	if err != nil {
		t.Errorf("%s: Parse Server's default can't be read: %v", u.path, err)
		return
	}
	got, err := o.Kind.fromText(o.Default)
	if err != nil {
		t.Errorf("%s: the default can't be read: %v", u.path, err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s: default (-Parse Server +Loam)\n%s", u.path, diff)
	}
}

func TestTable_HasNothingBesidesParseServersAndItsOwn(t *testing.T) {
	known := map[string]bool{}
	for _, u := range upstreamOptions(t) {
		known[u.path] = true
	}
	// Members of the denylist's entries are not in Parse Server's definitions.
	known["requestKeywordDenylist[].key"], known["requestKeywordDenylist[].value"] = true, true
	for _, o := range newTable().options {
		if o.Status != Own && !known[o.Path] {
			t.Errorf("%s is no option of Parse Server 9.10", o.Path)
		}
	}
}

func TestTable_NamesAreUnique(t *testing.T) {
	table := newTable()
	seen := map[string]string{}
	for _, o := range table.options {
		for _, name := range []string{"path " + o.Path, "env " + o.Env, "flag " + o.Flag} {
			if strings.HasSuffix(name, " ") {
				continue
			}
			if other, ok := seen[name]; ok {
				t.Errorf("%s of %s is that of %s too", name, o.Path, other)
			}
			seen[name] = o.Path
		}
	}
}

func TestTable_IsWellFormed(t *testing.T) {
	table := newTable()
	groups := map[string]bool{}
	for _, o := range table.options {
		if o.Doc == "" || !strings.HasSuffix(strings.TrimRight(o.Doc, "`"), ".") {
			t.Errorf("%s: the doc %q is no sentence", o.Path, o.Doc)
		}
		if o.Kind == Group || o.Kind == Items {
			groups[o.Path] = true
		}
		if i := strings.LastIndexByte(o.Path, '.'); i >= 0 && !groups[strings.TrimSuffix(o.Path[:i], "[]")] {
			t.Errorf("%s comes before its group, or has none", o.Path)
		}
		served := o.Status == Served || o.Status == Own
		if served && o.field == nil && !o.driver && o.Kind != Group && !o.inItems() && o.Path != "verbose" {
			t.Errorf("%s is said to be served, but nothing reads it", o.Path)
		}
		if o.Default == "" || o.inItems() {
			continue
		}
		value, err := o.Kind.fromText(o.Default)
		if err == nil && o.read != nil {
			_, err = o.read(value)
		}
		if err != nil {
			t.Errorf("%s: the default %q %v", o.Path, o.Default, err)
		}
	}
}

func TestKebab(t *testing.T) {
	for path, want := range map[string]string{
		"appId":                     "app-id",
		"restAPIKey":                "rest-api-key",
		"databaseURI":               "database-uri",
		"graphQLPath":               "graphql-path",
		"mountGraphQL":              "mount-graphql",
		"cacheTTL":                  "cache-ttl",
		"databaseOptions.maxTimeMS": "database-options-max-time-ms",
		"databaseOptions.tlsCAFile": "database-options-tls-ca-file",
		"max-limit":                 "max-limit",
	} {
		if got := kebab(path); got != want {
			t.Errorf("kebab(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"masterKey", "masterKeyIps", "maxLimit", "port", "host"}
	for name, want := range map[string]string{
		"materKey":    "masterKey",
		"MASTERKEY":   "masterKey",
		"maxLimits":   "maxLimit",
		"prot":        "port",
		"hots":        "host",
		"masterKeyIp": "masterKeyIps",
		"completely":  "",
		"":            "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
