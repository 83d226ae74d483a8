// Package wording has what people read in mails and on pages, in their language.
package wording

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed texts/*.json
var files embed.FS

// Texts are the texts of one language.
type Texts struct {
	// Language is its tag, as "de".
	Language string
	lines    map[string]string
}

// Languages are the languages that there are texts in; English is the first.
func Languages() []string { return slices.Clone(load().names) }

// library is all texts, and what finds a language by a reader's wishes.
type library struct {
	names   []string
	texts   map[string]*Texts
	matcher language.Matcher
}

// load reads the texts, which are part of the program, once.
var load = sync.OnceValue(func() *library {
	l := &library{names: []string{"en"}, texts: make(map[string]*Texts)}
	entries, err := files.ReadDir("texts")
	if err != nil {
		panic(err) // they are compiled in
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".json")
		text, err := files.ReadFile(path.Join("texts", entry.Name()))
		if err != nil {
			panic(err)
		}
		t := &Texts{Language: name}
		if err := json.Unmarshal(text, &t.lines); err != nil {
			panic(fmt.Errorf("texts in %s: %w", name, err))
		}
		l.texts[name] = t
		if name != "en" {
			l.names = append(l.names, name)
		}
	}
	tags := make([]language.Tag, len(l.names))
	for i, name := range l.names {
		tags[i] = language.MustParse(name)
	}
	l.matcher = language.NewMatcher(tags)
	return l
})

// maxWish bounds how much of a wish is read.
const maxWish = 200

// For returns the texts in the first of the languages that there are texts in,
// or that is close to one: "de-AT" reads "de". A wish may also be a list as in
// the header Accept-Language. Who wishes for nothing that there is reads English.
func For(wishes ...string) *Texts {
	l := load()
	for _, wish := range wishes {
		if wish == "" || len(wish) > maxWish {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(wish)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := l.matcher.Match(tags...); confidence >= language.High {
			return l.texts[l.names[i]]
		}
	}
	return l.texts["en"]
}

// With returns the texts with some in the place of others.
func (t *Texts) With(lines map[string]string) *Texts {
	if len(lines) == 0 {
		return t
	}
	with := &Texts{Language: t.Language, lines: make(map[string]string, len(t.lines))}
	for key, line := range t.lines {
		with.lines[key] = line
	}
	for key, line := range lines {
		if _, known := t.lines[key]; known {
			with.lines[key] = line
		}
	}
	return with
}

// Line returns a text, with values in the place of names in braces: pairs of a
// name and its value. A key that there is no text for is "".
func (t *Texts) Line(key string, pairs ...string) string {
	line := t.lines[key]
	if len(pairs) == 0 || !strings.Contains(line, "{") {
		return line
	}
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(line)
}
