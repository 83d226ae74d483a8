package match

import (
	"bytes"
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// maxPattern is MongoDB's bound on the length of a regular expression, in bytes.
const maxPattern = 32764

// regex holds for strings that a regular expression matches somewhere, and for
// the same expression as a value.
type regex struct {
	pattern, options string
	// prefix is what a string must begin with; if whole is set, that is all.
	prefix []byte
	whole  bool
	// contains is the text to find anywhere instead of running re; if fold is
	// set it is lower-case ASCII, to be found in any case in a text of ASCII.
	contains []byte
	fold     bool
	re       *regexp.Regexp
	ahead    []assertion
}

// assertion is an expression that must match the text, or must not.
type assertion struct {
	re  *regexp.Regexp
	not bool
}

func (r *regex) test(v value) bool {
	switch v.kind {
	case bson.TypeString, bson.TypeSymbol:
		return r.matches(v.text())
	case bson.TypeRegex:
		pattern, options := v.regex()
		return string(pattern) == r.pattern && string(options) == r.options
	}
	return false
}

func (r *regex) matches(text []byte) bool {
	switch {
	case r.contains == nil:
		if !bytes.HasPrefix(text, r.prefix) {
			return false
		}
		if r.whole {
			return true
		}
	case !r.fold:
		return bytes.Contains(text, r.contains)
	case ascii(text):
		return containsFold(text, r.contains)
	}
	if !r.re.Match(text) {
		return false
	}
	for _, a := range r.ahead {
		if a.re.Match(text) == a.not {
			return false
		}
	}
	return true
}

func ascii(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// containsFold tells whether text has a part that is what, which is in lower
// case, but for the case of letters.
func containsFold(text, what []byte) bool {
	for ; len(text) >= len(what); text = text[1:] {
		i := 0
		for i < len(what) && lower(text[i]) == what[i] {
			i++
		}
		if i == len(what) {
			return true
		}
	}
	return false
}

// regexOperator compiles $regex with its sibling $options. It answers for $regex
// only, and for an $options without one.
func regexOperator(name string, siblings []byte) (condition, error) {
	pattern, options := find(siblings, "$regex"), find(siblings, "$options")
	if name == "$options" {
		if pattern.kind == 0 {
			return nil, store.BadRequest(codeBadValue, "$options needs a $regex")
		}
		return nil, nil
	}
	var p, o string
	switch pattern.kind {
	case bson.TypeString:
		p = string(pattern.text())
	case bson.TypeRegex:
		rp, ro := pattern.regex()
		p, o = string(rp), string(ro)
	default:
		return nil, store.BadRequest(codeBadValue, "$regex has to be a string")
	}
	switch {
	case options.kind == 0:
	case !options.isString():
		return nil, store.BadRequest(codeBadValue, "$options has to be a string")
	case o != "":
		return nil, store.BadRequest(51074, "options set in both $regex and $options")
	default:
		o = string(options.text())
	}
	r, err := compileRegex(p, o)
	if err != nil {
		return nil, err
	}
	return existential{r, true}, nil
}

// compileRegex compiles a PCRE pattern. One that is invalid, or that RE2 has no
// equivalent for, is an error.
func compileRegex(pattern, options string) (*regex, error) {
	flags, err := checkRegex(pattern, options)
	if err != nil {
		return nil, err
	}
	t, err := translate(pattern, flags)
	if err != nil {
		return nil, badRegex(err)
	}
	r := &regex{pattern: pattern, options: options}
	if r.re, err = regexp.Compile(t.source); err != nil {
		return nil, badRegex(err)
	}
	for _, a := range t.ahead {
		re, err := regexp.Compile(a.source)
		if err != nil {
			return nil, badRegex(err)
		}
		r.ahead = append(r.ahead, assertion{re: re, not: a.not})
	}
	r.findShortcut(t)
	return r, nil
}

// checkRegex holds a pattern to what can be one, and reads its options.
func checkRegex(pattern, options string) (regexFlags, error) {
	var flags regexFlags
	switch {
	case len(pattern) > maxPattern:
		return flags, store.BadRequest(codeBadRegex, "Regular expression is too long, the limit is %d bytes", maxPattern)
	case strings.IndexByte(pattern, 0) >= 0, strings.IndexByte(options, 0) >= 0:
		return flags, store.BadRequest(codeBadValue, "Regular expression can't contain the null byte")
	case !utf8.ValidString(pattern):
		return flags, store.BadRequest(codeBadRegex, "Regular expression is invalid: it is not UTF-8")
	}
	for _, o := range options {
		switch o {
		case 'i':
			flags.fold = true
		case 'm':
			flags.multiline = true
		case 's':
			flags.dotAll = true
		case 'x':
			flags.extended = true
		case 'u': // patterns are Unicode anyway
		default:
			return flags, store.BadRequest(51108, "invalid flag in regex options: %c", o)
		}
	}
	return flags, nil
}

const codeBadRegex = 51091

// badRegex tells what is wrong with a pattern; what compiles it stays unnamed.
func badRegex(err error) error {
	if invalid, ok := errors.AsType[*syntax.Error](err); ok {
		return store.BadRequest(codeBadRegex, "Regular expression is invalid: %s: `%s`", invalid.Code, invalid.Expr)
	}
	return store.BadRequest(codeBadRegex, "Regular expression is invalid: %v", err)
}

// findShortcut finds out whether the expression, or its beginning, is plain text.
func (r *regex) findShortcut(t translation) {
	tree, err := syntax.Parse(t.source, syntax.Perl)
	if err != nil {
		return
	}
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	// What may be empty adds nothing at the end.
	for len(parts) > 1 && parts[len(parts)-1].Op == syntax.OpStar {
		parts = parts[:len(parts)-1]
	}
	anchored := parts[0].Op == syntax.OpBeginText
	if anchored {
		parts = parts[1:]
	}
	if len(parts) == 0 {
		r.whole = anchored && len(t.ahead) == 0
		return
	}
	if parts[0].Op != syntax.OpLiteral {
		return
	}
	fold := parts[0].Flags&syntax.FoldCase != 0
	text := []byte(string(parts[0].Rune))
	alone := len(parts) == 1 && len(t.ahead) == 0
	switch {
	case anchored && !fold:
		r.prefix, r.whole = text, alone
	case anchored || !alone:
	case !fold:
		r.contains = text
	case ascii(text):
		r.contains, r.fold = bytes.ToLower(text), true
	}
}

// RegexPrefix returns the text that a string must begin with for the regular
// expression to match, "" if there is none. whole tells that all strings that
// begin with it do match.
func RegexPrefix(pattern, options string) (prefix string, whole bool) {
	if pattern == "" || pattern[0] != '^' && pattern[0] != '\\' {
		return "", false
	}
	r, err := compileRegex(pattern, options)
	if err != nil || len(r.prefix) == 0 {
		return "", false
	}
	return string(r.prefix), r.whole
}
