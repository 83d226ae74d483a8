package text

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// FuzzSearch holds any text and search to what an index relies on: terms come
// from the document's texts, the index leaves no match out, and a text that is
// searched as it stands is found unless it is made of stop words.
func FuzzSearch(f *testing.F) {
	for _, seed := range []struct{ language, text, search string }{
		{"english", "The Coffee Shop", `"coffee shop" -tea`},
		{"turkish", "İstanbul ISPARTA", "istanbul"},
		{"german", "Größe der Häuser", `-"häuser" größe`},
		{"hungarian", "álmaiddal", "álom"},
		{"none", "a\x00b\xff😀", `"\xff -`},
		{"finnish", "yöllä", "yö"},
	} {
		f.Add(seed.language, seed.text, seed.search, false, false)
		f.Add(seed.language, seed.text, seed.search, true, true)
	}
	x := index(f, `{"a":"text"}`, "")
	f.Fuzz(func(t *testing.T, language, text, search string, caseSensitive, diacriticSensitive bool) {
		if languageOf(language) == nil {
			language = "none"
		}
		doc, err := bson.Marshal(bson.D{{Key: "a", Value: text}, {Key: "language", Value: language}})
		if err != nil {
			t.Skip()
		}
		scores, err := x.Terms(doc)
		if err != nil {
			t.Fatal(err)
		}
		for term, score := range scores {
			if term == "" || len(term) > maxTerm || !(score > 0) {
				t.Errorf("term %q has score %v", term, score)
			}
		}
		for _, said := range []string{search, text} {
			q := compile(t, x, Search{Search: said, Language: language, CaseSensitive: caseSensitive, DiacriticSensitive: diacriticSensitive})
			indexed := false
			for _, term := range q.Terms() {
				indexed = indexed || scores[term] > 0
			}
			if got, want := indexed && (q.Exact() || q.MatchFound(doc)), q.Match(doc); got != want {
				t.Errorf("%q in %q (%s): by the index %v, by the document %v", said, text, language, got, want)
			}
		}
	})
}
