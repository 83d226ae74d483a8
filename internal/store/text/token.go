package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
)

const (
	// maxTerm bounds a term, in bytes, as MongoDB's indexes do. Of a longer one
	// they have the beginning and a hash.
	maxTerm    = 256
	termPrefix = maxTerm - 2*16
	// maxStemmed bounds a word that has a stem, in bytes: some languages' rules
	// copy the word for each letter that they replace.
	maxStemmed = 128
)

// tokenizer cuts texts into terms. It is for one goroutine; its buffers and the
// stems that it has found serve one text after the other.
type tokenizer struct {
	language *language
	// folding is what of the words counts.
	folding folding
	rest    []byte
	word    []byte
	term    []byte
	env     *snowballstem.Env
	// stems has the terms of words that have been met, "" for those that have none.
	stems map[string]string
}

// maxStems bounds the stems that a tokenizer keeps.
const maxStems = 4096

func newTokenizer(l *language, f folding) *tokenizer {
	f.dotless = l.dotless
	return &tokenizer{language: l, folding: f, stems: make(map[string]string)}
}

func (t *tokenizer) reset(text []byte) { t.rest = text }

// next returns the next term that is no stop word, which is valid until the
// next call; nil at the end.
func (t *tokenizer) next() []byte {
	for {
		raw := t.cut()
		if len(raw) == 0 {
			return nil
		}
		if term := t.termOf(raw); len(term) > 0 {
			return term
		}
	}
}

// cut returns the next word as it stands in the text.
func (t *tokenizer) cut() []byte {
	start := -1
	for i := 0; i < len(t.rest); {
		r, n := rune(t.rest[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(t.rest[i:])
		}
		switch inside := !delimits(r) || r == '\'' && t.language.apostrophes; {
		case inside && start < 0:
			start = i
		case !inside && start >= 0:
			word := t.rest[start:i]
			t.rest = t.rest[i:]
			return word
		}
		i += n
	}
	word := t.rest[len(t.rest):]
	if start >= 0 {
		word = t.rest[start:]
	}
	t.rest = nil
	return word
}

// delimits tells whether a rune is between words: the Unicode categories that
// MongoDB names for version 3 of its text indexes.
func delimits(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
		return false
	}
	return unicode.In(r, unicode.Pattern_Syntax, unicode.White_Space, unicode.Terminal_Punctuation,
		unicode.Dash, unicode.Hyphen, unicode.Quotation_Mark)
}

// termOf returns the term of a word, empty for a stop word. As in MongoDB, stop
// words are recognised in lower case and with their diacritics, and stems are
// found before diacritics are removed.
func (t *tokenizer) termOf(raw []byte) []byte {
	lower := folding{keepDiacritics: true, dotless: t.folding.dotless}
	t.word = lower.append(t.word[:0], raw)
	cached := !t.folding.keepCase && len(raw) <= maxStemmed
	if cached {
		if term, ok := t.stems[string(t.word)]; ok {
			t.term = append(t.term[:0], term...)
			return t.term
		}
	}
	t.term = t.term[:0]
	if _, stop := t.language.stops[string(t.word)]; !stop {
		word := t.word
		if t.folding.keepCase {
			word = raw
		}
		word = t.stem(word)
		if t.folding.keepDiacritics {
			t.term = append(t.term, word...)
		} else {
			t.term = folding{keepCase: true}.append(t.term, word)
		}
	}
	t.term = bounded(t.term)
	if cached {
		if len(t.stems) >= maxStems {
			clear(t.stems)
		}
		t.stems[string(t.word)] = string(t.term)
	}
	return t.term
}

func (t *tokenizer) stem(word []byte) []byte {
	if t.language.stem == nil || len(word) > maxStemmed || !utf8.Valid(word) {
		return word
	}
	if t.env == nil {
		t.env = snowballstem.NewEnv("")
	}
	t.env.SetCurrent(string(word))
	t.language.stem(t.env)
	return []byte(t.env.Current())
}

func bounded(term []byte) []byte {
	if len(term) <= maxTerm {
		return term
	}
	sum := sha256.Sum256(term)
	return hex.AppendEncode(bytes.Clone(term[:termPrefix]), sum[:16])
}
