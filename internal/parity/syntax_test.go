package parity_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/parity"
)

const sample = `# A topic

What it is about,
in two lines.

## a scenario

app: keyed

POST /classes/Note as ann,bob by master unordered escaped showing Content-Type,Vary
? where={"a": 1}
X-Parse-Session-Token:
{"n": 1,
 "m": 2}
=> 201
Location: <base>/classes/Note/<ann>
{"objectId": "<ann>"}
differs: it is better so
=> 400
{"code": 1}

Some prose.

GET /classes/<repeat 3 ab> by readonly
`

func TestParse(t *testing.T) {
	file, err := parity.Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	want := &parity.File{
		Title: "A topic",
		Prose: []string{"What it is about,\nin two lines."},
		Scenarios: []*parity.Scenario{{
			Title: "a scenario",
			App:   "keyed",
			Paragraphs: []any{
				"app: keyed",
				&parity.Exchange{
					Line: 10, Method: "POST", Path: "/classes/Note",
					As: []string{"ann", "bob"}, By: "master", Unordered: true, Escaped: true,
					Showing:    []string{"Content-Type", "Vary"},
					Parameters: []string{`where={"a": 1}`},
					Headers:    []string{"X-Parse-Session-Token:"},
					Body:       "{\"n\": 1,\n \"m\": 2}",
					Recorded: &parity.Answer{
						Status: 201, Body: `{"objectId": "<ann>"}`,
						Headers: http.Header{"Location": {"<base>/classes/Note/<ann>"}},
					},
					Differs: "it is better so",
					Loam:    &parity.Answer{Status: 400, Body: `{"code": 1}`, Headers: http.Header{}},
				},
				"Some prose.",
				&parity.Exchange{Line: 24, Method: "GET", Path: "/classes/<repeat 3 ab>", By: "readonly"},
			},
		}},
	}
	if d := cmp.Diff(want, file); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(sample, file.Format()); d != "" {
		t.Error("formatted:", d)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no title":            {"## a scenario\n", "line 1: a file begins with its title"},
		"nothing":             {"\n\n", "no title"},
		"a request too early": {"# T\n\nGET /x\n", "line 3: a request before"},
		"a title twice":       {"# T\n\n## a\n\n## a\n", "line 5: a second scenario"},
		"an unknown word":     {"# T\n\n## a\n\nGET /x with y\n", `line 5: unknown word "with"`},
		"an unknown key":      {"# T\n\n## a\n\nGET /x by someone\n", `line 5: no key is named "someone"`},
		"a word that is cut":  {"# T\n\n## a\n\nGET /x as\n", `line 5: "as" wants a word`},
		"a status":            {"# T\n\n## a\n\nGET /x\n=> fine\n", `line 5: "=> fine" is no answer`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parity.Parse(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestFilesAreAsWritten holds the files to the form that the recorder writes,
// so that recording changes nothing but answers.
func TestFilesAreAsWritten(t *testing.T) {
	files, err := parity.Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no scenarios")
	}
	for _, file := range files {
		path := filepath.Join("scenarios", file.Area, file.Name+".txt")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(text), file.Format()); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}
