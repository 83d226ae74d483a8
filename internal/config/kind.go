package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is the type of an option's value.
type Kind uint8

// The kinds, each with the Go type of its values.
const (
	// Text is a string.
	Text Kind = iota
	// Int is an int64.
	Int
	// Bool is a bool; as text it is true, false, 1 or 0.
	Bool
	// List is a []string; as text it is separated by commas, or JSON.
	List
	// Duration is a time.Duration; as text "1m30s".
	Duration
	// Size is a number of bytes, an int64; as text "20mb", 1024-based.
	Size
	// Object is a map[string]any of free form; as text it is JSON.
	Object
	// Items is a []any of objects; as text it is JSON.
	Items
	// Any is text, a number, a bool, a list or an object; as text it is JSON, and
	// what is no JSON is itself.
	Any
	// Group is an object whose members are options of their own; as text it is JSON.
	Group
)

// String names the kind in messages and in the reference.
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Int:
		return "integer"
	case Bool:
		return "true or false"
	case List:
		return "list of texts"
	case Duration:
		return "duration"
	case Size:
		return "size"
	case Object, Group:
		return "object"
	case Items:
		return "list of objects"
	default:
		return "text or object"
	}
}

// fromText decodes what a flag or an environment variable says.
func (k Kind) fromText(text string) (any, error) {
	switch k {
	case Object, Items, Group:
		t, err := decodeJSON([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("must be a JSON %s: %w", k, err)
		}
		return k.fromTree(t)
	case List:
		if s := strings.TrimSpace(text); strings.HasPrefix(s, "[") {
			t, err := decodeJSON([]byte(s))
			if err != nil {
				return nil, fmt.Errorf("must be texts separated by commas, or a JSON list: %w", err)
			}
			return k.fromTree(t)
		}
	case Any:
		if t, err := decodeJSON([]byte(text)); err == nil {
			return t.plain(), nil
		}
	}
	return k.fromTree(&tree{value: text})
}

// fromTree decodes what a file says. As in Parse Server, a number, a truth
// value, a list or an object may also be written as text there.
func (k Kind) fromTree(t *tree) (any, error) {
	if k == Any {
		return t.plain(), nil
	}
	switch v := t.value.(type) {
	case string:
		return k.fromString(v)
	case bool:
		if k == Bool {
			return v, nil
		}
	case int64:
		if k == Int || k == Size {
			return v, nil
		}
	case float64:
		if k == Int && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case []*tree:
		switch k {
		case List:
			return texts(v)
		case Items:
			return t.plain(), nil
		}
	case []member:
		if k == Object || k == Group {
			return t.plain(), nil
		}
	}
	return nil, k.mismatch(t)
}

func (k Kind) fromString(s string) (any, error) {
	switch k {
	case Text:
		return s, nil
	case Int:
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("must be an integer, not %q", s)
		}
		return n, nil
	case Bool:
		switch strings.TrimSpace(s) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
		return nil, fmt.Errorf("must be true or false, not %q", s)
	case List:
		return splitList(s), nil
	case Duration:
		d, err := time.ParseDuration(strings.TrimSpace(s))
		if err != nil || d < 0 {
			return nil, fmt.Errorf("must be a duration as 30s or 1m30s, not %q", s)
		}
		return d, nil
	case Size:
		return ParseSize(s)
	case Object, Items, Group:
		return k.fromText(s)
	default:
		return s, nil
	}
}

// mismatch says what a value is and what it should be. It never quotes the
// value: that may be a secret in the wrong place.
func (k Kind) mismatch(t *tree) error {
	var is string
	switch t.value.(type) {
	case nil:
		is = "null"
	case bool:
		is = "true or false"
	case int64, float64:
		is = "a number"
	case []*tree:
		is = "a list"
	case []member:
		is = "an object"
	default:
		is = "text"
	}
	hint := ""
	if k == Text && (is == "a number" || is == "true or false") {
		hint = "; put it in quotes"
	}
	return fmt.Errorf("must be %s, not %s%s", withArticle(k.String()), is, hint)
}

func withArticle(noun string) string {
	switch {
	case noun == "text" || noun == "true or false" || noun == "text or object":
		return noun
	case strings.ContainsRune("aeio", rune(noun[0])):
		return "an " + noun
	default:
		return "a " + noun
	}
}

func texts(items []*tree) ([]string, error) {
	list := make([]string, len(items))
	for i, item := range items {
		s, ok := item.value.(string)
		if !ok {
			return nil, fmt.Errorf("must be a list of texts, but item %d is none", i+1)
		}
		list[i] = s
	}
	return list, nil
}

func splitList(s string) []string {
	list := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// ParseSize reads "20mb", "512kb", "1.5gb" or a plain number of bytes.
func ParseSize(s string) (int64, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		bytes  int64
	}{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"tb", 1 << 40}, {"b", 1}} {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			text, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n*float64(unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("must be a size as 20mb, not %q", s)
	}
	return int64(n * float64(unit)), nil
}

// formatSize writes a number of bytes as parseSize reads it.
func formatSize(n int64) string {
	switch {
	case n != 0 && n%(1<<30) == 0:
		return strconv.FormatInt(n>>30, 10) + "gb"
	case n != 0 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "mb"
	case n != 0 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "kb"
	default:
		return strconv.FormatInt(n, 10)
	}
}

var errEmpty = errors.New("must not be empty")
