package text

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folding is what two texts may differ in and still be the same.
type folding struct {
	keepCase, keepDiacritics bool
	// dotless tells that I is ı and İ is i, as in Turkish.
	dotless bool
}

// append appends text to dst such that texts that are the same have the same
// bytes. What is no UTF-8 becomes the replacement character.
func (f folding) append(dst, text []byte) []byte {
	for len(text) > 0 {
		if c := text[0]; c < utf8.RuneSelf && !f.dotless {
			if !f.keepCase && 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst, text = append(dst, c), text[1:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		text = text[n:]
		if !f.keepCase {
			r = f.lower(r)
		}
		if r < utf8.RuneSelf || f.keepDiacritics {
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = appendBase(dst, r)
	}
	return dst
}

// lower returns what stands for all the cases of a letter.
func (f folding) lower(r rune) rune {
	if f.dotless {
		switch r {
		case 'I':
			return 'ı'
		case 'İ':
			return 'i'
		}
	}
	if r < utf8.RuneSelf {
		return unicode.ToLower(r)
	}
	// The least of the letters that fold into each other stands for them all, in
	// lower case: some have two small ones, such as the Greek sigma.
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return unicode.ToLower(least)
}

// appendBase appends a letter without its diacritics, nothing for one that
// stands alone.
func appendBase(dst []byte, r rune) []byte {
	if unicode.Is(unicode.Diacritic, r) {
		return dst
	}
	var buffer [utf8.UTFMax]byte
	whole := buffer[:utf8.EncodeRune(buffer[:], r)]
	parts := norm.NFD.Properties(whole).Decomposition()
	if parts == nil {
		return append(dst, whole...)
	}
	start, removed := len(dst), false
	for len(parts) > 0 {
		part, n := utf8.DecodeRune(parts)
		if unicode.Is(unicode.Diacritic, part) {
			removed = true
		} else {
			dst = append(dst, parts[:n]...)
		}
		parts = parts[n:]
	}
	if !removed {
		return append(dst[:start], whole...)
	}
	return dst
}
