package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples are values, as environment variables give them, for options that do
// not take any value of their kind.
var samples = map[string]string{
	"masterKeyIps": "10.0.0.0/8,::1", "readOnlyMasterKeyIps": "10.0.0.1", "maintenanceKeyIps": "10.0.0.1",
	"host": "127.0.0.2", "mountPath": "/api/1", "serverURL": "http://h/p", "publicServerURL": "https://h/p", "trustProxy": "2",
	"allowOrigin": "https://a.example,https://b.example", "databaseURI": "mongodb://h/d", "filesAdapter": "gridfs:", "filesFallback": "file:///old", "durability": "normal", "mongoListen": "127.0.0.1:0",
	"logLevel": "warn", "protectedFields": `{"A":{"*":["b"]}}`, "requestKeywordDenylist": `[{"key":"a","value":1}]`,
	"appId": "other", "masterKey": "another",
	"rateLimit": `[{"requestCount":1,"requestPath":"/a","requestTimeWindow":1}]`, "schema.definitions": `[{"className":"Note"}]`, "databaseOptions.logClientEvents": `[{"name":"a"}]`,
	"databaseOptions.authMechanism": "SCRAM-SHA-256", "databaseOptions.compressors": "zstd,zlib", "databaseOptions.maxStalenessSeconds": "120",
	"databaseOptions.readConcernLevel": "majority", "databaseOptions.readPreference": "nearest", "databaseOptions.readPreferenceTags": "dc:east,dc:west",
	"databaseOptions.serverMonitoringMode":    "poll",
	"installation.duplicateDeviceTokenAction": "update", "installation.duplicateDeviceTokenMergePriority": "installationId",
	"pages.customRoutes": `[{"handler":"b","method":"GET","path":"a"}]`,
	"emailAdapter":       "smtps://u:p@h?from=a@b.c", "pages.pagesEndpoint": "pages", "pages.localizationFallbackLocale": "de", "pages.placeholders": `{"a":"b"}`,
}

// companions are variables without which an option is refused.
var companions = map[string][]string{
	"verifyUserEmails":                      {"PARSE_SERVER_EMAIL_ADAPTER=inbox:", "PARSE_SERVER_APP_NAME=Game"},
	"emailVerifyTokenReuseIfValid":          {"PARSE_SERVER_EMAIL_VERIFY_TOKEN_VALIDITY_DURATION=60"},
	"passwordPolicy.resetTokenReuseIfValid": {`PARSE_SERVER_PASSWORD_POLICY_RESET_TOKEN_VALIDITY_DURATION=60`},
}

// sample is a value of the option that differs from its default.
func sample(o *Option) string {
	if s, ok := samples[o.Path]; ok {
		return s
	}
	if strings.HasPrefix(o.Path, "pages.customUrls.") || strings.HasPrefix(o.Path, "customPages.") {
		return "https://example.com/page"
	}
	switch o.Kind {
	case Int:
		return "7"
	case Bool:
		return fmt.Sprint(o.Default != "true")
	case List:
		return "a,b"
	case Duration:
		return "1m30s"
	case Size:
		return "3mb"
	case Object:
		return `{"a":{"b":[1,"c"]}}`
	case Items:
		return `[{"a":1}]`
	default:
		return "text-of-" + o.Flag
	}
}

// fileValue is the sample as a value of JSON.
func fileValue(t *testing.T, o *Option, text string) any {
	t.Helper()
	value, err := o.Kind.fromText(text)
	if err != nil {
		t.Fatalf("the sample of %s: %v", o.Path, err)
	}
	switch o.Kind {
	case Duration, Size:
		return text
	default:
		return value
	}
}

// Every option can be given as flag, as variable, in JSON and in YAML, and has
// the same value each time.
func TestEveryOptionRoundTrips(t *testing.T) {
	for _, o := range newTable().options {
		if o.inItems() || o.Kind == Group {
			continue
		}
		text := sample(o)
		var nested any = fileValue(t, o, text)
		parts := strings.Split(o.Path, ".")
		for i := len(parts) - 1; i >= 0; i-- {
			nested = map[string]any{parts[i]: nested}
		}
		doc, err := json.Marshal(nested)
		if err != nil {
			t.Fatal(err)
		}
		yaml := "# the same in YAML\n" + string(doc)
		sources := map[string]Sources{
			"flag":     {Env: with(app, companions[o.Path]...), Flags: parseFlags(t, "--"+o.Flag+"="+text)},
			"variable": {Env: with(with(app, companions[o.Path]...), o.Env+"="+text)},
			"JSON":     {Env: withoutApp(o), File: write(t, "c.json", string(doc))},
			"YAML":     {Env: withoutApp(o), File: write(t, "c.yaml", yaml)},
		}
		var want any
		for _, name := range []string{"flag", "variable", "JSON", "YAML"} {
			e, err := Load(sources[name])
			if err != nil {
				t.Errorf("%s as %s: %v", o.Path, name, err)
				continue
			}
			s, err := e.Get(o.Path)
			if err != nil || s.Value == nil || s.Source == sourceDefault {
				t.Errorf("%s as %s: got %v from %q, %v", o.Path, name, s.Value, s.Source, err)
				continue
			}
			if want == nil {
				want = s.Value
			}
			if diff := cmp.Diff(want, s.Value); diff != "" {
				t.Errorf("%s as %s (-flag +%s)\n%s", o.Path, name, name, diff)
			}
			if got := s.Text(true); got != text {
				t.Errorf("%s as %s is shown as %q, want %q", o.Path, name, got, text)
			}
		}
	}
}

// with is an environment with further variables.
func with(env []string, more ...string) []string { return append(slices.Clone(env), more...) }

// withoutApp is the environment of an app, less the variable of the option.
func withoutApp(o *Option) []string {
	env := with(companions[o.Path])
	for _, entry := range app {
		if !strings.HasPrefix(entry, o.Env+"=") {
			env = append(env, entry)
		}
	}
	return env
}

func TestKind_Text(t *testing.T) {
	tests := []struct {
		kind Kind
		text string
		want any
	}{
		{List, "a, b ,,c", []string{"a", "b", "c"}},
		{List, `["a,b", ""]`, []string{"a,b", ""}},
		{List, "", []string{}},
		{Bool, "1", true},
		{Bool, "false", false},
		{Int, " 12 ", int64(12)},
		{Size, "20mb", int64(20 << 20)},
		{Size, "1.5KB", int64(1536)},
		{Size, "100", int64(100)},
		{Size, "7 b", int64(7)},
		{Any, "plain", "plain"},
		{Any, `{"a": 1.5}`, map[string]any{"a": 1.5}},
		{Any, "true", true},
		{Object, `{"a": null}`, map[string]any{"a": nil}},
	}
	for _, tt := range tests {
		got, err := tt.kind.fromText(tt.text)
		if err != nil {
			t.Errorf("%s %q: %v", tt.kind, tt.text, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %q (-want +got)\n%s", tt.kind, tt.text, diff)
		}
	}
	for _, tt := range []struct {
		kind Kind
		text string
	}{{Bool, "yes"}, {Int, "1.5"}, {Int, "9223372036854775808"}, {Size, "-1mb"}, {Size, "1pb"}, {Size, "nan"}, {Duration, "5"}, {Duration, "-5s"}, {Object, "[]"}, {Items, "{}"}, {List, "[1]"}, {Object, `{} {}`}} {
		if got, err := tt.kind.fromText(tt.text); err == nil {
			t.Errorf("%s %q is taken for %v", tt.kind, tt.text, got)
		}
	}
}

// A configuration file is an operator's, but it may be broken in any way.
func FuzzDecodeFile(f *testing.F) {
	for _, seed := range []string{`{"appId": "a", "apps": [{"masterKey": "b"}]}`, "appId: a\nauth: &x {b: [1, 2.5, ~, true]}\npush: *x\n", "a: &a [*a]", "{\"a\": 1e999}", "\xef\xbb\xbf{}", "- 1", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := decodeFile(data)
		if (tree == nil) == (err == nil) {
			t.Fatalf("tree %v with error %v", tree, err)
		}
		if err != nil {
			return
		}
		r := &reader{table: newTable()}
		if members, ok := tree.value.([]member); ok {
			for _, m := range members {
				r.member(settings{}, "", m, origin{name: "fuzz", lines: true})
			}
		}
	})
}
