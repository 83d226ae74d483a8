package match

import (
	"bytes"
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// maxPattern is MongoDB's bound on the length of a regular expression, in bytes.
const maxPattern = 32764

// regex holds for strings that a regular expression matches somewhere, and for
// the same expression as a value.
type regex struct {
	pattern, options string
	// prefix is what a string must begin with; when whole is set, that is all.
	prefix []byte
	whole  bool
	// contains is the text to find anywhere, instead of an expression.
	contains []byte
	re       *regexp.Regexp
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
	case r.contains != nil:
		return bytes.Contains(text, r.contains)
	case !bytes.HasPrefix(text, r.prefix):
		return false
	}
	return r.whole || r.re.Match(text)
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

func compileRegex(pattern, options string) (*regex, error) {
	if len(pattern) > maxPattern {
		return nil, store.BadRequest(51091, "Regular expression is too long, the limit is %d bytes", maxPattern)
	}
	if strings.IndexByte(pattern, 0) >= 0 || strings.IndexByte(options, 0) >= 0 {
		return nil, store.BadRequest(codeBadValue, "Regular expression can't contain the null byte")
	}
	r := &regex{pattern: pattern, options: options}
	flags := ""
	for _, o := range options {
		switch o {
		case 'i', 'm', 's':
			flags += string(o)
		case 'x', 'u':
		default:
			return nil, store.BadRequest(51108, "invalid flag in regex options: %c", o)
		}
	}
	source := pattern
	if flags != "" {
		source = "(?" + flags + ")" + source
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, store.BadRequest(51091, "Regular expression is invalid: %v", err)
	}
	r.re = re
	return r, nil
}
