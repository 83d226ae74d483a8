package wording_test

import (
	"embed"
	"encoding/json"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/wording"
)

//go:embed texts/*.json
var files embed.FS

// Every language says the same, with the same names in braces.
func TestTextsAreComplete(t *testing.T) {
	names := regexp.MustCompile(`\{\w+\}`)
	read := func(file string) map[string]string {
		text, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := map[string]string{}
		if err := json.Unmarshal(text, &lines); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return lines
	}
	english := read("texts/en.json")
	all, err := fs.Glob(files, "texts/*.json")
	if err != nil || len(all) != 6 || len(wording.Languages()) != 6 {
		t.Fatalf("files %v, languages %v (%v)", all, wording.Languages(), err)
	}
	for _, file := range all {
		lines := read(file)
		for key, line := range lines {
			want := names.FindAllString(english[key], -1)
			got := names.FindAllString(line, -1)
			slices.Sort(want)
			slices.Sort(got)
			if english[key] == "" || strings.TrimSpace(line) == "" || !slices.Equal(want, got) {
				t.Errorf("%s: %s is %q, in English %q", file, key, line, english[key])
			}
		}
		if len(lines) != len(english) {
			t.Errorf("%s has %d lines, English has %d", file, len(lines), len(english))
		}
	}
}

func TestFor(t *testing.T) {
	tests := []struct {
		wishes []string
		want   string
	}{
		{nil, "en"},
		{[]string{"de"}, "de"},
		{[]string{"de-AT"}, "de"},
		{[]string{"pt-BR"}, "pt"},
		{[]string{"zh-Hans-CN"}, "zh"},
		{[]string{"", "fr"}, "fr"},
		{[]string{"ja", "es"}, "es"},
		{[]string{"ja"}, "en"},
		{[]string{"ja;q=1, fr-CA;q=0.8, en;q=0.5"}, "fr"},
		{[]string{"../../etc/passwd"}, "en"},
		{[]string{strings.Repeat("de,", 1000)}, "en"},
	}
	for _, tt := range tests {
		if got := wording.For(tt.wishes...).Language; got != tt.want {
			t.Errorf("For(%.40q) reads %s, want %s", tt.wishes, got, tt.want)
		}
	}
}

func TestTexts_Line(t *testing.T) {
	texts := wording.For("en").With(map[string]string{"hello": "Hi {name},", "unknown": "x"})
	if got := texts.Line("hello", "name", "{app}", "app", "A"); got != "Hi {app}," {
		t.Errorf("hello is %q: what stands in a value is not replaced", got)
	}
	if got := texts.Line("unknown"); got != "" {
		t.Errorf("a text that there is none of is %q", got)
	}
	if got := wording.For("en").Line("hello"); got != "Hello," {
		t.Errorf("hello has become %q for all", got)
	}
}
