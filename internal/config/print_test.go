package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	e := mustLoad(t, Sources{
		Env: append([]string{"PARSE_SERVER_DATABASE_URI=mongodb://u:topsecret@h/d?tls=true", "PARSE_SERVER_CLOUD=main.js"}, app...),
		File: write(t, "loam.yaml", `
restAPIKey: rest-secret
apps: [{appId: two, masterKey: other-secret}]
`),
	})
	rows := func(all, secrets bool) map[string]string {
		var b strings.Builder
		if err := e.Write(&b, all, secrets); err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for line := range strings.Lines(b.String()) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			m[name] = strings.Join(strings.Fields(rest), " ")
		}
		return m
	}
	masked := rows(false, false)
	for name, want := range map[string]string{
		"appId":                         "app environment variable PARSE_SERVER_APPLICATION_ID",
		"masterKey":                     "******** environment variable PARSE_SERVER_MASTER_KEY",
		"restAPIKey":                    "******** loam.yaml:2",
		"databaseURI":                   "mongodb://u:********@h/d?tls=true environment variable PARSE_SERVER_DATABASE_URI",
		"port":                          "1337 default",
		"masterKeyIps":                  "127.0.0.1,::1 default",
		"maxUploadSize":                 "20mb default",
		"drainTimeout":                  "25s default",
		"cloud":                         "main.js environment variable PARSE_SERVER_CLOUD",
		"requestComplexity.includeDep":  "",
		"requestComplexity.queryDepth":  "10 default",
		"apps[0].masterKey":             "******** loam.yaml:3",
		"apps[0].databaseURI":           "file://loam-data/stores/two default",
		"apps[0].port":                  "",
		"liveQuery.regexTimeout":        "",
		"requestKeywordDenylist[].key":  "",
		"databaseOptions.appName":       "",
		"apps[0].requestKeywordDenylst": "",
	} {
		if got := masked[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, value := range masked {
		if strings.Contains(value, "secret") {
			t.Errorf("%s shows a secret: %s", name, value)
		}
	}
	if got := rows(false, true)["masterKey"]; !strings.HasPrefix(got, "master ") {
		t.Errorf("asked for secrets, got %q", got)
	}
	if got := rows(true, false); got["sessionLength"] != "31536000 default" || got["databaseOptions.appName"] != "-" {
		t.Errorf("all: sessionLength %q, databaseOptions.appName %q", got["sessionLength"], got["databaseOptions.appName"])
	}
}

func TestGet(t *testing.T) {
	e := mustLoad(t, Sources{Env: app})
	for name, want := range map[string]string{
		"appId": "app", "masterKey": "master", "serverURL": "http://localhost:1337/parse", "requestComplexity.queryDepth": "10", "clientKey": "",
	} {
		s, err := e.Get(name)
		if err != nil || s.Text(true) != want {
			t.Errorf("%s = %q, %v, want %q", name, s.Text(true), err, want)
		}
	}
	if _, err := e.Get("masterkey"); err == nil || err.Error() != "masterkey is not known; did you mean masterKey?" {
		t.Errorf("error %v", err)
	}
}

func TestMaskURI(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h/d":                   "mongodb://h/d",
		"mongodb://u:p@h/d":               "mongodb://u:********@h/d",
		"mongodb://u@h/d":                 "mongodb://u@h/d",
		"mongodb://u:p@ss@h1,h2/d?tls=1":  "mongodb://u:********@h1,h2/d?tls=1",
		"mongodb://h/?tlsKeyPassword=abc": "mongodb://h/?********",
		"file://loam-data/store":          "file://loam-data/store",
	} {
		if got := maskURI(uri); got != want {
			t.Errorf("maskURI(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestWithURIOption(t *testing.T) {
	for _, tt := range []struct {
		uri, name string
		values    []string
		want      string
	}{
		{"mongodb://h", "tls", []string{"true"}, "mongodb://h/?tls=true"},
		{"mongodb://h/d?TLS=false&w=1", "tls", []string{"true"}, "mongodb://h/d?w=1&tls=true"},
		{"mongodb://h/d", "compressors", []string{"zstd", "zlib"}, "mongodb://h/d?compressors=zstd%2Czlib"},
		{"mongodb://h/d", "readPreferenceTags", []string{"dc:a", "dc:b"}, "mongodb://h/d?readPreferenceTags=dc%3Aa&readPreferenceTags=dc%3Ab"},
	} {
		if got := withURIOption(tt.uri, tt.name, tt.values); got != tt.want {
			t.Errorf("%s with %s: %s, want %s", tt.uri, tt.name, got, tt.want)
		}
	}
}

// docs/configuration.md is generated: go generate ./internal/config.
func TestReference_IsCurrent(t *testing.T) {
	var want strings.Builder
	if err := WriteReference(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Error("docs/configuration.md is not what the table says; run: go generate ./internal/config")
	}
}
