package match

import (
	"bytes"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// Collation is a way to compare strings.
type Collation uint8

const (
	// Simple compares strings byte by byte, as MongoDB does without a collation.
	Simple Collation = iota
	// CaseInsensitive is MongoDB's collation {locale: "en_US", strength: 2}:
	// letters that differ only in case or width are equal, those that differ in
	// accents are not, canonically equivalent forms are equal.
	CaseInsensitive
)

// CollationOf returns the collation that the store's flag CaseInsensitive asks for.
func CollationOf(caseInsensitive bool) Collation {
	if caseInsensitive {
		return CaseInsensitive
	}
	return Simple
}

// collators are kept because one is costly to make and can't be shared.
var collators = sync.Pool{New: func() any {
	return &collator{c: collate.New(language.AmericanEnglish, collate.IgnoreCase, collate.IgnoreWidth)}
}}

type collator struct {
	c      *collate.Collator
	buffer collate.Buffer
}

// key returns the collation key of text: keys compare as bytes the way their
// texts compare under CaseInsensitive.
func (c Collation) key(text []byte) []byte {
	k := collators.Get().(*collator)
	defer collators.Put(k)
	k.buffer.Reset()
	return bytes.Clone(k.c.Key(&k.buffer, text))
}

func (c Collation) compareText(a, b []byte) int {
	if c == Simple {
		return bytes.Compare(a, b)
	}
	if foldEqual(a, b) {
		return 0
	}
	return bytes.Compare(c.key(a), c.key(b))
}

func (c Collation) equalText(a, b []byte) bool {
	if c == Simple {
		return bytes.Equal(a, b)
	}
	if foldEqual(a, b) {
		return true
	}
	if printable(a) && printable(b) {
		return false
	}
	return bytes.Equal(c.key(a), c.key(b))
}

// foldEqual tells whether two texts are the same but for the case of ASCII
// letters; such texts are equal under CaseInsensitive.
func foldEqual(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (lower(a[i]) != lower(b[i])) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// printable tells whether text is printable ASCII only, where every character
// has a weight of its own and two are equal only as cases of one letter.
func printable(text []byte) bool {
	for _, b := range text {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return true
}
