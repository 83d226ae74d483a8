package provider

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Options are what the configuration says of one provider. Reading collects what
// is wrong, so that an operator is told all of it at once; what nobody has read is
// an option that the provider does not have.
type Options struct {
	// path is where they stand in the configuration: "auth.google".
	path     string
	values   map[string]any
	read     map[string]bool
	problems *[]error
}

func newOptions(path string, values map[string]any) *Options {
	return &Options{path: path, values: values, read: map[string]bool{}, problems: new([]error)}
}

// Problem says what is wrong with an option; its text continues a sentence that
// begins with the option's name and quotes no secret.
func (o *Options) Problem(key, format string, args ...any) {
	*o.problems = append(*o.problems, fmt.Errorf("%s.%s %s", o.path, key, fmt.Sprintf(format, args...)))
}

// Require says that a provider is not safe without an option.
func (o *Options) Require(key string) {
	if _, ok := o.get(key); !ok {
		o.Problem(key, "is missing; without it the provider can't tell whom to trust")
	}
}

func (o *Options) get(key string) (any, bool) {
	o.read[key] = true
	v, ok := o.values[key]
	return v, ok && v != nil
}

// Has tells whether an option is set.
func (o *Options) Has(key string) bool { _, ok := o.get(key); return ok }

// Text returns an option that is text, "" when it is not set. It may not be set to nothing.
func (o *Options) Text(key string) string {
	v, ok := o.get(key)
	if !ok {
		return ""
	}
	s, isText := v.(string)
	if !isText || s == "" {
		o.Problem(key, "must be text, and not empty")
	}
	return s
}

// RequiredText returns an option without which the provider is not safe.
func (o *Options) RequiredText(key string) string {
	o.Require(key)
	return o.Text(key)
}

// Texts returns an option that is a list of texts. Text is no list, not even one
// of a single entry (advisory D03).
func (o *Options) Texts(key string) []string {
	v, ok := o.get(key)
	if !ok {
		return nil
	}
	list, isList := v.([]any)
	if !isList || len(list) == 0 {
		o.Problem(key, "must be a list of texts, and not empty")
		return nil
	}
	texts := make([]string, len(list))
	for i, item := range list {
		s, isText := item.(string)
		if !isText || s == "" {
			o.Problem(key, "must be a list of texts; its entry %d is none", i+1)
		}
		texts[i] = s
	}
	return texts
}

// RequiredTexts returns a list without which the provider is not safe.
func (o *Options) RequiredTexts(key string) []string {
	o.Require(key)
	return o.Texts(key)
}

// TextOrTexts returns an option that is one text or a list of them.
func (o *Options) TextOrTexts(key string) []string {
	if v, ok := o.get(key); ok {
		if s, isText := v.(string); isText && s != "" {
			return []string{s}
		}
	}
	return o.Texts(key)
}

// Flag returns an option that is true or false; false when it is not set.
func (o *Options) Flag(key string) bool {
	v, ok := o.get(key)
	if !ok {
		return false
	}
	b, isBool := v.(bool)
	if !isBool {
		o.Problem(key, "must be true or false")
	}
	return b
}

// Int returns an option that is a whole number of a range, or what it is when it
// is not set.
func (o *Options) Int(key string, unset, least, most int64) int64 {
	v, ok := o.get(key)
	if !ok {
		return unset
	}
	n, isInt := v.(int64)
	if f, isFloat := v.(float64); isFloat && f == float64(int64(f)) {
		n, isInt = int64(f), true
	}
	if !isInt || n < least || n > most {
		o.Problem(key, "must be a whole number from %d to %d", least, most)
		return unset
	}
	return n
}

// URL returns an option that is an https URL, or what it is when it is not set.
// Providers' URLs come from nowhere else (advisory D05).
func (o *Options) URL(key, unset string) string {
	s := o.Text(key)
	if s == "" {
		return unset
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		o.Problem(key, "must be a URL")
	case u.Scheme != "https":
		o.Problem(key, "must begin with https://")
	case u.User != nil || u.Fragment != "":
		o.Problem(key, "must be a URL without a user and a fragment")
	}
	return s
}

// Group returns options that are members of an option.
func (o *Options) Group(key string) *Options {
	v, _ := o.get(key)
	values, isObject := v.(map[string]any)
	if v != nil && !isObject {
		o.Problem(key, "must be an object")
	}
	return &Options{path: o.path + "." + key, values: values, read: map[string]bool{}, problems: o.problems}
}

// done returns all that is wrong, unknown options included.
func (o *Options) done() error {
	o.unknown()
	return errors.Join(*o.problems...)
}

func (o *Options) unknown() {
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		if !o.read[key] {
			o.Problem(key, "is no option of it; it has %s", strings.Join(slices.Sorted(maps.Keys(o.read)), ", "))
		}
	}
}
