package text

import (
	"strings"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/danish"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/finnish"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/hungarian"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/norwegian"
	"github.com/blevesearch/snowballstem/portuguese"
	"github.com/blevesearch/snowballstem/romanian"
	"github.com/blevesearch/snowballstem/russian"
	"github.com/blevesearch/snowballstem/spanish"
	"github.com/blevesearch/snowballstem/swedish"
	"github.com/blevesearch/snowballstem/turkish"
)

// language is how words of a language become terms.
type language struct {
	// stem cuts a word in lower case down to what its forms have in common; nil
	// leaves words as they are.
	stem func(*snowballstem.Env) bool
	// stops are the words in lower case that are too common to search for.
	stops map[string]struct{}
	// apostrophes tells that an apostrophe is a part of a word.
	apostrophes bool
	// dotless tells that I and i are different letters.
	dotless bool
}

// languageOf returns the language of a name or code that MongoDB knows, in any
// case; nil for another.
func languageOf(name string) *language {
	switch strings.ToLower(name) {
	case "none":
		return &none
	case "danish", "da":
		return &danishLanguage
	case "dutch", "nl":
		return &dutchLanguage
	case "english", "en":
		return &englishLanguage
	case "finnish", "fi":
		return &finnishLanguage
	case "french", "fr":
		return &frenchLanguage
	case "german", "de":
		return &germanLanguage
	case "hungarian", "hu":
		return &hungarianLanguage
	case "italian", "it":
		return &italianLanguage
	case "norwegian", "nb":
		return &norwegianLanguage
	case "portuguese", "pt":
		return &portugueseLanguage
	case "romanian", "ro":
		return &romanianLanguage
	case "russian", "ru":
		return &russianLanguage
	case "spanish", "es":
		return &spanishLanguage
	case "swedish", "sv":
		return &swedishLanguage
	case "turkish", "tr":
		return &turkishLanguage
	}
	return nil
}

var (
	none               = language{}
	danishLanguage     = language{stem: danish.Stem, stops: words(danishStops)}
	dutchLanguage      = language{stem: dutch.Stem, stops: words(dutchStops)}
	englishLanguage    = language{stem: english.Stem, stops: words(englishStops), apostrophes: true}
	finnishLanguage    = language{stem: finnish.Stem, stops: words(finnishStops)}
	frenchLanguage     = language{stem: french.Stem, stops: words(frenchStops)}
	germanLanguage     = language{stem: german.Stem, stops: words(germanStops)}
	hungarianLanguage  = language{stem: hungarian.Stem, stops: words(hungarianStops)}
	italianLanguage    = language{stem: italian.Stem, stops: words(italianStops)}
	norwegianLanguage  = language{stem: norwegian.Stem, stops: words(norwegianStops)}
	portugueseLanguage = language{stem: portuguese.Stem, stops: words(portugueseStops)}
	romanianLanguage   = language{stem: romanian.Stem, stops: words(romanianStops)}
	russianLanguage    = language{stem: russian.Stem, stops: words(russianStops)}
	spanishLanguage    = language{stem: spanish.Stem, stops: words(spanishStops)}
	swedishLanguage    = language{stem: swedish.Stem, stops: words(swedishStops)}
	turkishLanguage    = language{stem: turkish.Stem, stops: words(turkishStops), dotless: true}
)

func words(list string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, w := range strings.Fields(list) {
		set[w] = struct{}{}
	}
	return set
}
