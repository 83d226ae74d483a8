package rest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/parse"
)

// Denylist refuses data with certain keys or values, wherever in it they are
// (Parse Server's option requestKeywordDenylist; advisories F03, F19).
type Denylist struct{ keywords []keyword }

type keyword struct {
	key     func(string) bool      // nil means any
	value   func(parse.Value) bool // nil means any
	refusal *parse.Error
}

// NewDenylist compiles the option. An entry with a regular expression that
// can't be compiled is an error.
func NewDenylist(entries []config.Keyword) (*Denylist, error) {
	list := &Denylist{}
	for _, entry := range entries {
		var k keyword
		var err error
		if entry.Key != "" {
			if k.key, err = textMatcher(entry.Key); err != nil {
				return nil, err
			}
		}
		if entry.HasValue {
			if k.value, err = valueMatcher(entry.Value); err != nil {
				return nil, err
			}
		}
		if k.key == nil && k.value == nil {
			continue
		}
		k.refusal = parse.NewError(parse.InvalidKeyName, "Prohibited keyword in request data: "+describe(entry)+".")
		list.keywords = append(list.keywords, k)
	}
	return list, nil
}

// textMatcher matches strings that the expression is found in. Most entries
// are plain words, for which no expression has to run.
func textMatcher(expression string) (func(string) bool, error) {
	if regexp.QuoteMeta(expression) == expression {
		return func(s string) bool { return strings.Contains(s, expression) }, nil
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("requestKeywordDenylist: %w", err)
	}
	return re.MatchString, nil
}

func valueMatcher(value any) (func(parse.Value) bool, error) {
	var want parse.Value
	switch v := value.(type) {
	case string:
		text, err := textMatcher(v)
		return func(v parse.Value) bool {
			s, ok := v.(parse.String)
			return ok && text(string(s))
		}, err
	case bool:
		want = parse.Bool(v)
	case int64:
		want = parse.Number(v)
	case float64:
		want = parse.Number(v)
	case nil:
		want = parse.Null{}
	default:
		return nil, fmt.Errorf("requestKeywordDenylist: a value must be a string, a number, a boolean or null, not %T", value)
	}
	return func(v parse.Value) bool {
		switch v.(type) {
		case parse.Bool, parse.Number, parse.Null:
			return v == want
		}
		return false
	}, nil
}

// describe renders an entry as it stands in the configuration.
func describe(entry config.Keyword) string {
	var members []string
	if entry.Key != "" {
		key, _ := json.Marshal(entry.Key) // a string always encodes
		members = append(members, `"key":`+string(key))
	}
	if entry.HasValue {
		value, _ := json.Marshal(entry.Value) // checked by valueMatcher
		members = append(members, `"value":`+string(value))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// Check refuses the object when a denied key or value is anywhere in it.
func (d *Denylist) Check(o *parse.Object) error {
	for i := range d.keywords {
		if k := &d.keywords[i]; k.inObject(o) {
			return k.refusal
		}
	}
	return nil
}

func (k *keyword) inObject(o *parse.Object) bool {
	for i := range o.Members {
		if k.inMember(o.Members[i].Key, o.Members[i].Value) {
			return true
		}
	}
	return false
}

// inMember looks at a member and into its value. The decoder bounds the depth.
func (k *keyword) inMember(key string, v parse.Value) bool {
	if (k.key == nil || k.key(key)) && (k.value == nil || k.value(v)) {
		return true
	}
	switch v := v.(type) {
	case *parse.Object:
		return k.inObject(v)
	case parse.Array:
		for _, item := range v {
			if k.inMember("", item) {
				return true
			}
		}
	case parse.Pointer:
		return k.inMember("className", parse.String(v.ClassName)) || k.inMember("objectId", parse.String(v.ObjectID))
	case parse.Relation:
		return k.inMember("className", parse.String(v.ClassName))
	case parse.File:
		return k.inMember("name", parse.String(v.Name)) || k.inMember("url", parse.String(v.URL))
	}
	return false
}
