package text

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loam-baas/loam/internal/store"
)

func TestTokens(t *testing.T) {
	for _, test := range []struct{ name, language, text, want string }{
		{"case and forms", "english", "Coffee COFFEES coffee's", "coffe coffe coffe"},
		{"stop words", "english", "To be or not to be, that is the question", "question"},
		{"an apostrophe is a part of an English word", "english", "don't isn't rock'n'roll", "rock'n'rol"},
		{"and between others", "french", "l'école d'or", "ecol or"},
		{"punctuation", "none", "a,b;c—d«e»f(g)h/i_j k.l", "a b c d e f g h i_j k l"},
		{"diacritics are removed after the stem is found", "spanish", "canción canciones", "cancion cancion"},
		{"decomposed", "none", "cafe\u0301 café", "cafe cafe"},
		{"German", "german", "Die Häuser und das Haus", "haus haus"},
		{"Russian", "russian", "книги и книга", "книг книг"},
		{"Turkish letters", "turkish", "ISI ısı İN in", "ıs ıs in in"},
		{"Greek sigmas", "none", "ΣΟΦΟΣ σοφος σοφος", "σοφοσ σοφοσ σοφοσ"},
		{"sharp s", "none", "STRAẞE straße", "straße straße"},
		{"emoji", "none", "hello 😀 😀😀", "hello 😀 😀😀"},
		{"zero byte", "none", "a\x00b c", "a\x00b c"},
		{"no UTF-8", "none", "a\xff b", "a\ufffd b"},
		{"nothing", "english", "", ""},
		{"delimiters only", "english", " ... -- \"\" ", ""},
		{"Japanese", "none", "東京、大阪", "東京 大阪"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newTokenizer(languageOf(test.language), folding{})
			for range 2 { // stems are cached the second time
				l.reset([]byte(test.text))
				var got []string
				for term := l.next(); term != nil; term = l.next() {
					got = append(got, string(term))
				}
				if got := strings.Join(got, " "); got != test.want {
					t.Errorf("terms are %q, want %q", got, test.want)
				}
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	names := strings.Fields("danish da dutch nl english en finnish fi french fr german de hungarian hu italian it norwegian nb portuguese pt romanian ro russian ru spanish es swedish sv turkish tr none NONE English")
	for _, name := range names {
		l := languageOf(name)
		if l == nil {
			t.Errorf("%s is not known", name)
			continue
		}
		for stop := range l.stops {
			if lower := string(folding{keepDiacritics: true, dotless: l.dotless}.append(nil, []byte(stop))); lower != stop {
				t.Errorf("%s: stop word %q is not in lower case", name, stop)
			}
		}
	}
	for _, name := range []string{"", "klingon", "eng"} {
		if languageOf(name) != nil {
			t.Errorf("%q is a language", name)
		}
	}
}

// Long words are told apart, but have no stems.
func TestLongTerms(t *testing.T) {
	l := newTokenizer(languageOf("german"), folding{})
	long := strings.Repeat("ß", 1<<19)
	terms := make(map[string]bool)
	for _, text := range []string{long, long + "x", long + "ẞ"} {
		l.reset([]byte(text))
		term := l.next()
		if len(term) != maxTerm {
			t.Errorf("term has %d bytes", len(term))
		}
		terms[string(term)] = true
	}
	if len(terms) != 3 {
		t.Errorf("%d terms of 3 words", len(terms))
	}
}

func TestParseSearch(t *testing.T) {
	for _, test := range []struct {
		search string
		want   parsed
	}{
		{`java coffee`, parsed{words: "java coffee "}},
		{`coffee -shop`, parsed{words: "coffee ", negatedWords: "shop "}},
		{`- coffee`, parsed{words: "coffee "}},
		{`case-insensitive`, parsed{words: "case insensitive "}},
		{`-foo-bar baz`, parsed{negatedWords: "foo bar ", words: "baz "}},
		{`"coffee shop"`, parsed{words: "coffee shop ", phrases: []string{"coffee shop"}}},
		{`a "b c" d`, parsed{words: "a b c d ", phrases: []string{"b c"}}},
		{`a -"b c"`, parsed{words: "a ", negatedPhrases: []string{"b c"}}},
		{`-"a b"-"c d"`, parsed{negatedPhrases: []string{"a b", "c d"}}},
		{`- "a b"`, parsed{words: "a b ", phrases: []string{"a b"}}},
		{`"a -b"`, parsed{words: "a b ", phrases: []string{"a -b"}}},
		{`"not closed`, parsed{words: "not closed "}},
		{`-"not closed`, parsed{}},
		{`""`, parsed{phrases: []string{""}}},
		{`"`, parsed{}},
		{`-`, parsed{}},
		{``, parsed{}},
		{`a* OR NEAR(b) ^c {d}:e`, parsed{words: "a* OR NEAR(b) ^c {d}:e "}},
	} {
		got := parseSearch(test.search)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(parsed{})); diff != "" {
			t.Errorf("%s: %s", test.search, diff)
		}
	}
}

func TestTerms(t *testing.T) {
	for _, test := range []struct{ name, keys, weights, doc, want string }{
		{"one of two words", `{"a":"text"}`, "", `{"a":"coffee shop"}`, "coffe:0.75 shop:0.75"},
		{"all of the string", `{"a":"text"}`, "", `{"a":"Shop"}`, "shop:1.1"},
		{"all of it but for the stem", `{"a":"text"}`, "", `{"a":"coffee"}`, "coffe:1"},
		{"again counts half", `{"a":"text"}`, "", `{"a":"shop shop shop"}`, "shop:1.75"},
		{"weights", `{"a":"text","b":"text"}`, `{"a":10}`, `{"a":"java hut","b":"java"}`, "hut:7.5 java:8.6"},
		{"a field with a weight only", `{"a":"text"}`, `{"b":2}`, `{"b":"java"}`, "java:2.2"},
		{"other fields", `{"a":"text"}`, "", `{"b":"java","a":5,"aa":"hut"}`, ""},
		{"array of strings", `{"a":"text"}`, "", `{"a":["java","hut",5,["no"],{"a":"no"}]}`, "hut:1.1 java:1.1"},
		{"nested", `{"a.b":"text"}`, "", `{"a":{"b":"java","c":"no"}}`, "java:1.1"},
		{"nested in an array", `{"a.b":"text"}`, "", `{"a":[{"b":"java"},{"b":["hut"]},"no"]}`, "hut:1.1 java:1.1"},
		{"wildcard", `{"$**":"text"}`, "", `{"_id":"one","a":"java","b":{"c":[["hut"]]}}`, "hut:1.1 java:1.1 one:1.1"},
		{"wildcard and weights", `{"$**":"text"}`, `{"b.c":10,"$**":2}`, `{"a":"java","b":{"c":"hut"}}`, "hut:11 java:2.2"},
		{"language", `{"a":"text"}`, "", `{"language":"german","a":"die Häuser"}`, "haus:1"},
		{"language of a part", `{"a.b":"text"}`, "", `{"a":[{"language":"de","b":"die"},{"b":"die"}]}`, "die:1.1"},
		{"between ordinary keys", `{"o":1,"a":"text","p":-1}`, "", `{"o":"no","a":"java","p":"no"}`, "java:1.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			scores, err := index(t, test.keys, test.weights).Terms(raw(t, test.doc))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, term := range slices.Sorted(maps.Keys(scores)) {
				got = append(got, fmt.Sprintf("%s:%v", term, math.Round(scores[term]*1e6)/1e6))
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("terms are %s, want %s", got, test.want)
			}
		})
	}
}

func TestRefusedDocuments(t *testing.T) {
	x := index(t, `{"a":"text"}`, "")
	for doc, code := range map[string]int32{
		`{"a":"x","language":"klingon"}`: codeLanguage,
		`{"a":"x","language":5}`:         codeLanguageType,
	} {
		_, err := x.Terms(raw(t, doc))
		wantCode(t, err, code)
	}
	var many strings.Builder
	for i := range maxTerms + 1 {
		fmt.Fprintf(&many, "%x ", i)
	}
	_, err := x.Terms(raw(t, `{"language":"none","a":"`+many.String()+`"}`))
	wantCode(t, err, codeTooManyTerms)
}

func TestMatch(t *testing.T) {
	x := index(t, `{"a":"text","b":"text"}`, "")
	doc := raw(t, `{"a":"Un Café crème at the Coffee Shop","b":["The cake is a lie","Größe"]}`)
	for _, test := range []struct {
		search Search
		want   bool
	}{
		{Search{Search: "coffees"}, true},
		{Search{Search: "tea coffee"}, true},
		{Search{Search: "tea"}, false},
		{Search{Search: "the"}, false},
		{Search{Search: ""}, false},
		{Search{Search: "coffee -cake"}, false},
		{Search{Search: "coffee -tea"}, true},
		{Search{Search: "-tea"}, false},
		{Search{Search: `"coffee shop"`}, true},
		{Search{Search: `"cafe creme"`}, true},
		{Search{Search: `"shop coffee"`}, false},
		{Search{Search: `"coffee shop" "is a lie"`}, true},
		{Search{Search: `"coffee shop" "is the lie"`}, false},
		{Search{Search: `coffee -"is a lie"`}, false},
		{Search{Search: `coffee -"is the lie"`}, true},
		{Search{Search: `"the cake"`}, true},
		{Search{Search: `"lie größe"`}, false},
		{Search{Search: "coffee", CaseSensitive: true}, false},
		{Search{Search: "Coffee", CaseSensitive: true}, true},
		{Search{Search: `"coffee Shop" shop`, CaseSensitive: true}, false},
		{Search{Search: "cafe", DiacriticSensitive: true}, false},
		{Search{Search: "café", DiacriticSensitive: true}, true},
		{Search{Search: "CAFÉ", DiacriticSensitive: true}, true},
		{Search{Search: "cafe"}, true},
		{Search{Search: "grosse"}, false},
		{Search{Search: "größe", Language: "none"}, true},
	} {
		q := compile(t, x, test.search)
		if got := q.Match(doc); got != test.want {
			t.Errorf("%+v matches: %v", test.search, got)
		}
		scores, err := x.Terms(doc)
		if err != nil {
			t.Fatal(err)
		}
		indexed := slices.ContainsFunc(q.Terms(), func(term string) bool { return scores[term] > 0 })
		if got := indexed && (q.Exact() || q.MatchFound(doc)); got != test.want {
			t.Errorf("%+v matches by the index: %v", test.search, got)
		}
		if score := q.Score(doc); (score > 0) != indexed {
			t.Errorf("%+v: score %v", test.search, score)
		}
	}
}

// The scores of the example in MongoDB's manual.
func TestScore(t *testing.T) {
	x := index(t, `{"name":"text","description":"text"}`, "")
	q := compile(t, x, Search{Search: "java coffee shop"})
	for doc, want := range map[string]float64{
		`{"name":"Java Hut","description":"Coffee and cakes"}`:                 1.5,
		`{"name":"Burger Buns","description":"Gourmet hamburgers"}`:            0,
		`{"name":"Coffee Shop","description":"Just coffee"}`:                   2.25,
		`{"name":"Clothes Clothes Clothes","description":"Discount clothing"}`: 0,
		`{"name":"Java Shopping","description":"Indonesian goods"}`:            1.5,
	} {
		if got := q.Score(raw(t, doc)); got != want {
			t.Errorf("%s has score %v, want %v", doc, got, want)
		}
	}
}

func TestRefusedSearches(t *testing.T) {
	_, err := index(t, `{"a":"text"}`, "").Compile(Search{Search: "x", Language: "klingon"})
	wantCode(t, err, codeBadValue)
}

func TestNormalize(t *testing.T) {
	def, err := Normalize(store.Index{
		Keys: document(t, `{"o":1,"title":"text","body":"text","p":-1}`), Weights: document(t, `{"title":3,"also":{"$numberLong":"2"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := store.Index{
		Keys:            document(t, `{"o":1,"also":"text","body":"text","title":"text","p":-1}`),
		Weights:         document(t, `{"also":2,"body":1,"title":3}`),
		DefaultLanguage: "english", LanguageOverride: "language",
	}
	if diff := cmp.Diff(want, def); diff != "" {
		t.Error(diff)
	}
	if again, err := Normalize(def); err != nil || !cmp.Equal(def, again) {
		t.Errorf("the second time it is %+v, %v", again, err)
	}
	for name, def := range map[string]store.Index{
		"unique":            {Keys: document(t, `{"a":"text"}`), Unique: true},
		"collation":         {Keys: document(t, `{"a":"text"}`), CaseInsensitive: true},
		"language":          {Keys: document(t, `{"a":"text"}`), DefaultLanguage: "klingon"},
		"override":          {Keys: document(t, `{"a":"text"}`), LanguageOverride: "a.b"},
		"operator override": {Keys: document(t, `{"a":"text"}`), LanguageOverride: "$a"},
		"no weight":         {Keys: document(t, `{"a":"text"}`), Weights: document(t, `{"a":0}`)},
		"great weight":      {Keys: document(t, `{"a":"text"}`), Weights: document(t, `{"a":100000}`)},
		"NaN weight":        {Keys: document(t, `{"a":"text"}`), Weights: document(t, `{"a":{"$numberDouble":"NaN"}}`)},
		"text weight":       {Keys: document(t, `{"a":"text"}`), Weights: document(t, `{"a":"x"}`)},
		"apart":             {Keys: document(t, `{"a":"text","b":1,"c":"text"}`)},
		"other kind":        {Keys: document(t, `{"a":"text","b":"2d"}`)},
		"operator field":    {Keys: document(t, `{"$a":"text"}`)},
		"empty field":       {Keys: document(t, `{"":"text"}`)},
		"no text":           {Keys: document(t, `{"a":1}`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Normalize(def)
			wantCode(t, err, codeCannotCreateIndex)
		})
	}
}
