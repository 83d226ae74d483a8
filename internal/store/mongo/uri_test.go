package mongo

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// What is wrong with a connection string is told as far as that shows no password.
func TestOpenExplainsBadURIs(t *testing.T) {
	for _, c := range []struct{ uri, want string }{
		{"mongodb://u:secret@h/db?maxPoolSize=many", "maxPoolSize"},
		{"mongodb://u:secret@h/db?readConcernLevel=local&tls=maybe", "tls"},
		{"mongodb://u:secret@h:notaport/db", "port"},
		{"mongodb://u:se/cret?secret@h/db", "special characters"},
		{"mongodb://u:secret%@h/db", "special characters"},
		{"mongodb://h/db?authMechanism=GUESS", "authentication options"},
		{"mongodb://u:secret@h/db?tlsCertificateKeyFilePassword=secret&tls=maybe", "tls"},
		{"mongodb+srv://u:secret@h:1/db", "DNS"},
	} {
		_, err := Open(t.Context(), Options{URI: c.uri})
		if err == nil {
			t.Errorf("%q is accepted", c.uri)
			continue
		}
		if text := err.Error(); strings.Contains(text, "secret") || !strings.Contains(text, c.want) {
			t.Errorf("%q: the error is %s, want …%s…", c.uri, text, c.want)
		}
	}
}

// An option that the driver passes over in silence is named in the log.
func TestOpenNamesIgnoredOptions(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://127.0.0.1:1/db?wtimeoutMS=5&socketTimeoutMS=7":           "options=\"[wtimeoutms sockettimeoutms]\"",
		"mongodb://127.0.0.1:1/db?w=majority&journal=true&appName=x":        "",
		"mongodb://127.0.0.1:1/db?retryWrites=false&readPreference=nearest": "",
	} {
		var log bytes.Buffer
		s, err := Open(t.Context(), Options{URI: uri, ClientName: "Loam", ClientVersion: "1", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if got := log.String(); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: the log is %q, want %q", uri, got, want)
		}
	}
}
