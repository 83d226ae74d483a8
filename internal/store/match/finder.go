package match

import (
	"errors"
	"regexp"

	"github.com/loam-baas/loam/internal/store"
)

// Regex is a compiled regular expression, for aggregation.
type Regex struct {
	regex  *regex
	finder *regexp.Regexp
}

// CompileRegex compiles a PCRE pattern with options to be matched as $regex
// does. A pattern that is invalid, or has no equivalent in RE2, has code 51111.
func CompileRegex(pattern, options string) (*Regex, error) {
	r, err := compileRegex(pattern, options)
	if err != nil {
		return nil, inExpression(err)
	}
	return &Regex{regex: r}, nil
}

// CompileRegexFinder is CompileRegex for what is to be found: a pattern that has
// an equivalent only as to whether there is a match is refused too, as one with
// look-around is.
func CompileRegexFinder(pattern, options string) (*Regex, error) {
	flags, err := checkRegex(pattern, options)
	if err != nil {
		return nil, inExpression(err)
	}
	flags.places = true
	t, err := translate(pattern, flags)
	if err != nil {
		return nil, inExpression(badRegex(err))
	}
	re, err := regexp.Compile(t.source)
	if err != nil {
		return nil, inExpression(badRegex(err))
	}
	return &Regex{finder: re}, nil
}

// inExpression gives an invalid pattern the code that it has in aggregation.
func inExpression(err error) error {
	if request, ok := errors.AsType[*store.RequestError](err); ok && request.Code == codeBadRegex {
		return store.BadRequest(51111, "%s", request.Message)
	}
	return err
}

// Match tells whether there is a match in text.
func (r *Regex) Match(text []byte) bool {
	if r.regex == nil {
		return r.finder.Match(text)
	}
	return r.regex.matches(text)
}

// Find returns the first n matches, each as the places in text where the match
// and its captures begin and end, -1 for a capture that took no part. It is for
// what CompileRegexFinder made.
func (r *Regex) Find(text []byte, n int) [][]int {
	return r.finder.FindAllSubmatchIndex(text, n)
}

// Captures returns how many captures a match has.
func (r *Regex) Captures() int { return r.finder.NumSubexp() }
