package parity

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	dateForm     = regexp.MustCompile(`^` + forms["date"] + `$`)
	objectIDForm = regexp.MustCompile(`^` + forms["objectId"] + `$`)
	tokenForm    = regexp.MustCompile(forms["sessionToken"])
	usernameForm = regexp.MustCompile(`^` + forms["username"] + `$`)
	recoveryForm = regexp.MustCompile(`\b` + forms["recovery"] + `\b`)
	randomForm   = regexp.MustCompile(forms["random"])
	mailForm     = regexp.MustCompile(`^` + forms["token"] + `$`)
)

// Normalize rewrites what a server answered so that it holds for every run:
// bound values become their names, other ids, times and tokens that were made
// since the scenario began become <objectId>, <date> and <sessionToken>, and times
// to come <later>, and recovery codes <recovery>. typed is the text of the scenario's requests: what stands there
// was not made.
func Normalize(a *Answer, b Bindings, typed string, began time.Time) (*Answer, error) {
	n := normalizer{typed: typed, began: began.Add(-time.Second)}
	for _, name := range slices.SortedFunc(maps.Keys(b), shortestFirst) {
		// Dates and words are told apart by what they are, not by whom they belong to.
		if value := b[name]; name == "base" || name == "base.encoded" || objectIDForm.MatchString(value) || tokenForm.MatchString(value) || mailForm.MatchString(value) {
			n.names = append(n.names, value, "<"+name+">")
		}
	}
	v, bodyErr := decode(a.Body)
	if o, ok := v.(object); ok {
		// The Location of an object that has no name.
		if id, _ := o.get("objectId").(string); objectIDForm.MatchString(id) && !strings.Contains(typed, id) {
			n.names = append(n.names, id, "<objectId>")
		}
	}
	n.replacer = strings.NewReplacer(n.names...)

	normal := &Answer{Status: a.Status, Headers: a.Headers.Clone(), Body: a.Body}
	if normal.Headers.Get("Retry-After") != "" {
		normal.Headers.Set("Retry-After", "<seconds>")
	}
	for name := range normal.Headers {
		normal.Headers.Set(name, n.form(randomForm, n.replacer.Replace(normal.Headers.Get(name)), "<random>"))
	}
	if bodyErr != nil {
		normal.Body = n.replacer.Replace(a.Body)
		return normal, nil
	}
	v, err := n.value("", v)
	normal.Body = encode(v)
	return normal, err
}

func shortestFirst(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

type normalizer struct {
	names    []string
	replacer *strings.Replacer
	typed    string
	began    time.Time
}

func (n *normalizer) value(key string, v value) (value, error) {
	var err error
	switch v := v.(type) {
	case object:
		o := make(object, len(v))
		for i, m := range v {
			o[i].key = n.replacer.Replace(m.key)
			if o[i].value, err = n.value(m.key, m.value); err != nil {
				return nil, err
			}
		}
		if key == "fields" {
			// The reference adds the fields of one request at once, in any order.
			slices.SortStableFunc(o, func(a, b member) int { return cmp.Compare(a.key, b.key) })
		}
		return o, nil
	case array:
		a := make(array, len(v))
		for i, element := range v {
			if a[i], err = n.value(key, element); err != nil {
				return nil, err
			}
		}
		return a, nil
	case string:
		return n.text(key, v)
	}
	return v, nil
}

func (n *normalizer) text(key, text string) (value, error) {
	for _, m := range bracketed.FindAllStringSubmatch(text, -1) {
		if _, ok := forms[m[1]]; ok || strings.Contains(strings.Join(n.names, " "), m[0]) {
			return nil, fmt.Errorf("the answer says %s, which has a meaning in scenarios", m[0])
		}
	}
	if dateForm.MatchString(text) {
		soon := time.Now().Add(time.Second)
		switch at, err := time.Parse(time.RFC3339, text); {
		case err != nil || at.Before(n.began):
		case at.Before(soon):
			return "<date>", nil
		case !strings.Contains(n.typed, text):
			return "<later>", nil
		}
	}
	text = n.replacer.Replace(text)
	if key == "objectId" && objectIDForm.MatchString(text) && !strings.Contains(n.typed, text) {
		return "<objectId>", nil
	}
	if key == "username" && usernameForm.MatchString(text) && !strings.Contains(n.typed, text) {
		return "<username>", nil
	}
	if key == "recovery" {
		text = n.form(recoveryForm, text, "<recovery>")
	}
	if (key == "_email_verify_token" || key == "_perishable_token") && mailForm.MatchString(text) {
		return "<token>", nil
	}
	text = n.form(tokenForm, text, "<sessionToken>")
	return n.form(randomForm, text, "<random>"), nil
}

// form replaces what is of a form, unless a request says it, too.
func (n *normalizer) form(form *regexp.Regexp, text, name string) string {
	return form.ReplaceAllStringFunc(text, func(found string) string {
		if strings.Contains(n.typed, found) {
			return found
		}
		return name
	})
}
