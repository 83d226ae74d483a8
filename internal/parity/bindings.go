package parity

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bindings are the names that a scenario's exchanges have bound. After
// "as ann", <ann> is the objectId in the answer, and <ann.createdAt> is its
// member createdAt; any member that is a string can be had so. <base> is the
// URL of the app's mount path. In a request a name in angle brackets is
// replaced by what is bound to it; in an answer it must be equal. Answers may
// also have <objectId>, <date>, <later> (a date to come), <sessionToken>,
// <username> (one that was made up), <token> (of a mail), <seconds>, <random>
// (what makes a file's name its own), which stand for any string of that form, and
// <any>, which stands for any value. In a request <totp SECRET> is the one-time password of the moment for a
// secret in base32, and in an answer <recovery> is a recovery code.
type Bindings map[string]string

// NewBindings binds the URL of an app's mount path: <base>, and <base.encoded> as
// it is in a URL's query.
func NewBindings(base string) Bindings {
	return Bindings{"base": base, "base.encoded": url.QueryEscape(base)}
}

// forms are the regular expressions of the strings that differ from one run to
// the next.
var forms = map[string]string{
	"objectId":     `[A-Za-z0-9]{10}`,
	"date":         `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
	"later":        `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
	"sessionToken": `r:[0-9a-f]{32}`,
	"username":     `[A-Za-z0-9]{25}`,
	"recovery":     `[A-Za-z0-9]{30}`,
	"token":        `[A-Za-z0-9]{25}`,
	"seconds":      `[1-9]\d*`,
	"random":       `[0-9a-f]{32}`,
	"any":          `[\s\S]*`,
}

var (
	bracketed = regexp.MustCompile(`<([a-zA-Z]\w*(?:\.\w+)?)>`)
	repeated  = regexp.MustCompile(`<repeat (\d+) ([^>]*)>`)
	password  = regexp.MustCompile(`<totp ([A-Z2-7]+)>`)
)

// Fill replaces the bound names in a request's text.
func (b Bindings) Fill(text string) string {
	text = repeated.ReplaceAllStringFunc(text, func(found string) string {
		m := repeated.FindStringSubmatch(found)
		n, _ := strconv.Atoi(m[1])
		return strings.Repeat(m[2], n)
	})
	text = password.ReplaceAllStringFunc(text, func(found string) string {
		return oneTimePassword(password.FindStringSubmatch(found)[1], time.Now())
	})
	return bracketed.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := b[found[1:len(found)-1]]; ok {
			return value
		}
		return found
	})
}

// oneTimePassword is what an app on a phone shows (RFC 6238, with its defaults).
func oneTimePassword(secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return err.Error()
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & (1<<31 - 1)
	return fmt.Sprintf("%06d", number%1_000_000)
}

// Bind binds names to what an answer's body says: a single name to the whole, several
// to the successes of a batch.
func (b Bindings) Bind(names []string, body string) error {
	if len(names) == 0 {
		return nil
	}
	v, err := decode(body)
	if err != nil {
		return fmt.Errorf("bind %s: %w", strings.Join(names, ","), err)
	}
	parts := []value{v}
	if list, ok := v.(array); ok {
		parts = parts[:0]
		for _, element := range list {
			outcome, _ := element.(object)
			parts = append(parts, outcome.get("success"))
		}
	}
	if len(parts) < len(names) {
		return fmt.Errorf("bind %s: the answer has %d parts", strings.Join(names, ","), len(parts))
	}
	for i, name := range names {
		members, _ := parts[i].(object)
		for _, m := range members {
			text, ok := m.value.(string)
			if !ok {
				continue
			}
			b[name+"."+m.key] = text
			if m.key == "objectId" {
				b[name] = text
			}
		}
	}
	return nil
}

// pattern turns an answer's text into the regular expression that it stands for.
func (b Bindings) pattern(text string) *regexp.Regexp {
	var p strings.Builder
	p.WriteString(`^`)
	last := 0
	for _, m := range bracketed.FindAllStringSubmatchIndex(text, -1) {
		p.WriteString(regexp.QuoteMeta(text[last:m[0]]))
		name := text[m[2]:m[3]]
		if value, ok := b[name]; ok {
			p.WriteString(regexp.QuoteMeta(value))
		} else if form, ok := forms[name]; ok {
			p.WriteString(form)
		} else {
			p.WriteString(regexp.QuoteMeta(text[m[0]:m[1]]))
		}
		last = m[1]
	}
	p.WriteString(regexp.QuoteMeta(text[last:]))
	p.WriteString(`$`)
	return regexp.MustCompile(p.String())
}

// matches tells whether got is what an answer's text stands for.
func (b Bindings) matches(text, got string) bool {
	if !strings.Contains(text, "<") {
		return text == got
	}
	return b.pattern(text).MatchString(got)
}
