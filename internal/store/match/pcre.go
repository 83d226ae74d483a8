package match

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MongoDB's expressions are PCRE's; ours run on RE2, which takes time linear in
// the text whatever the pattern. Most of PCRE means the same in RE2 or has an
// equivalent there, given that all we ask is whether there is a match. What has
// none (back-references, look-around in general, atomic groups …) is refused.
// Two corners are known to differ: nothing can match the last line break behind a
// $ or \Z, and a multi-line ^ matches behind it.

// translation is a PCRE pattern in RE2's syntax.
type translation struct {
	source string
	// ahead are the look-aheads that stand right behind the ^ that the pattern
	// begins with: each must match the text, or must not.
	ahead []lookAhead
}

type lookAhead struct {
	source string
	not    bool
}

// translator rewrites a pattern from left to right.
type translator struct {
	in  string
	at  int
	out strings.Builder
	// flags are those of the group that we are in; groups are those around it.
	flags  regexFlags
	groups []regexFlags
	ahead  []lookAhead
	// start is where in the output the pattern begins, behind the flags.
	start int
	// alternatives tells that the pattern has a | outside of all groups.
	alternatives bool
}

type regexFlags struct {
	fold, multiline, dotAll, extended bool
	// places tells that it matters where a match begins and ends, not just
	// whether there is one.
	places bool
}

// unsupported says what RE2 can't do.
type unsupported struct{ what string }

func (u unsupported) Error() string {
	return u.what + " is not supported: expressions run in linear time (RE2)"
}

func translate(pattern string, flags regexFlags) (translation, error) {
	t := translator{in: pattern, flags: flags}
	t.writeFlags(flags)
	t.start = t.out.Len()
	for t.at < len(t.in) {
		if err := t.step(); err != nil {
			return translation{}, err
		}
	}
	if len(t.ahead) > 0 && t.alternatives {
		return translation{}, unsupported{"look-ahead beside alternatives"}
	}
	return translation{source: t.out.String(), ahead: t.ahead}, nil
}

func (t *translator) writeFlags(f regexFlags) {
	set := ""
	if f.fold {
		set += "i"
	}
	if f.multiline {
		set += "m"
	}
	if f.dotAll {
		set += "s"
	}
	if set != "" {
		t.out.WriteString("(?" + set + ")")
	}
}

// rest is what is not translated yet.
func (t *translator) rest() string { return t.in[t.at:] }

func (t *translator) step() error {
	c := t.in[t.at]
	switch c {
	case '\\':
		return t.escape(false)
	case '[':
		return t.class()
	case '(':
		if !t.flags.places && t.tempered() {
			return t.temper()
		}
		return t.open()
	case ')':
		if n := len(t.groups); n > 0 {
			t.flags = t.groups[n-1]
			t.groups = t.groups[:n-1]
		}
	case '|':
		t.alternatives = t.alternatives || len(t.groups) == 0
	case '$':
		if !t.flags.multiline && t.flags.places {
			t.out.WriteString(`\z`)
			t.at++
			return nil
		}
		if !t.flags.multiline {
			// PCRE's $ holds before a line break at the very end, too.
			t.out.WriteString(`(?:\n?\z)`)
			t.at++
			return nil
		}
	case '*', '+', '?', '}':
		if strings.HasPrefix(t.rest()[1:], "+") && (c != '}' || t.closesRepeat()) {
			return unsupported{"a possessive quantifier"}
		}
	case ' ', '\t', '\n', '\r', '\f', '\v':
		if t.flags.extended {
			t.at++
			return nil
		}
	case '#':
		if t.flags.extended {
			end := strings.IndexByte(t.rest(), '\n')
			if end < 0 {
				end = len(t.rest()) - 1
			}
			t.at += end + 1
			return nil
		}
	}
	t.out.WriteByte(c)
	t.at++
	return nil
}

// closesRepeat tells whether the } that we are at ends a {n,m}.
func (t *translator) closesRepeat() bool {
	open := strings.LastIndexByte(t.in[:t.at], '{')
	if open < 0 || open+1 == t.at {
		return false
	}
	return strings.Trim(t.in[open+1:t.at], "0123456789,") == "" && t.in[open+1] != ','
}

const (
	horizontalSpace = `\t \x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}`
	verticalSpace   = `\n\x0B\f\r\x{85}\x{2028}\x{2029}`
)

// escape translates what a backslash begins.
func (t *translator) escape(inClass bool) error {
	rest := t.rest()
	if len(rest) < 2 {
		return fmt.Errorf(`\ at end of pattern`)
	}
	c := rest[1]
	if c == 'Q' {
		return t.quoted(inClass)
	}
	size := 2
	set := func(members string, negated bool) {
		switch {
		case !inClass && negated:
			t.out.WriteString("[^" + members + "]")
		case !inClass:
			t.out.WriteString("[" + members + "]")
		default:
			t.out.WriteString(members)
		}
	}
	switch {
	case c == 'E':
	case c == 'h':
		set(horizontalSpace, false)
	case c == 'v':
		set(verticalSpace, false)
	case c == 's':
		set(`\s\x0B`, false)
	case inClass && (c == 'H' || c == 'V' || c == 'S'):
		if c != 'S' {
			return unsupported{`\` + string(c) + " in a character class"}
		}
		t.out.WriteString(`\S`)
	case c == 'H':
		set(horizontalSpace, true)
	case c == 'V':
		set(verticalSpace, true)
	case c == 'S':
		set(`\s\x0B`, true)
	case c == 'e':
		t.out.WriteString(`\x1B`)
	case c == 'b' && inClass:
		t.out.WriteString(`\x08`)
	case c == 'R' && !inClass:
		t.out.WriteString(`(?:\r\n|[` + verticalSpace + `])`)
	case c == 'N' && !inClass && !strings.HasPrefix(rest[2:], "{"):
		t.out.WriteString(`[^\n]`)
	case c == 'Z' && !inClass:
		t.out.WriteString(`(?:\n?\z)`)
	case c == 'c' && len(rest) > 2 && rest[2] < utf8.RuneSelf:
		upper := rest[2]
		if upper >= 'a' && upper <= 'z' {
			upper -= 'a' - 'A'
		}
		fmt.Fprintf(&t.out, `\x%02X`, upper^0x40)
		size = 3
	case c == '0':
		digits := octal(rest[1:], 3)
		fmt.Fprintf(&t.out, `\x{%X}`, digits.value)
		size = 1 + digits.size
	case c >= '1' && c <= '9':
		digits := octal(rest[1:], 3)
		if !inClass && digits.size < 3 || digits.size == 0 {
			return unsupported{"a back-reference"}
		}
		fmt.Fprintf(&t.out, `\x{%X}`, digits.value)
		size = 1 + digits.size
	case c == 'g' || c == 'k':
		return unsupported{"a back-reference"}
	case c == 'G' || c == 'K' || c == 'X' || c == 'C':
		return unsupported{`\` + string(c)}
	case c >= utf8.RuneSelf:
		_, n := utf8.DecodeRuneInString(rest[1:])
		t.out.WriteString(rest[1 : 1+n])
		size = 1 + n
	default:
		t.out.WriteString(rest[:2])
	}
	t.at += size
	return nil
}

type octalDigits struct{ value, size int }

// octal reads up to limit octal digits.
func octal(s string, limit int) octalDigits {
	var d octalDigits
	for d.size < len(s) && d.size < limit && s[d.size] >= '0' && s[d.size] <= '7' {
		d.value = d.value*8 + int(s[d.size]-'0')
		d.size++
	}
	return d
}

// quoted translates \Q…\E; without \E the quotation goes to the end.
func (t *translator) quoted(inClass bool) error {
	text := t.rest()[2:]
	size := len(t.rest())
	if end := strings.Index(text, `\E`); end >= 0 {
		text = text[:end]
		size = end + 4
	}
	for _, r := range text {
		if r < utf8.RuneSelf && !isWord(byte(r)) {
			t.out.WriteByte('\\')
		}
		t.out.WriteRune(r)
	}
	t.at += size
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// class translates a character class.
func (t *translator) class() error {
	t.out.WriteByte('[')
	t.at++
	if strings.HasPrefix(t.rest(), "^") {
		t.out.WriteByte('^')
		t.at++
	}
	for first := true; t.at < len(t.in); first = false {
		switch c := t.in[t.at]; {
		case c == ']' && !first:
			t.out.WriteByte(c)
			t.at++
			return nil
		case c == ']':
			t.out.WriteString(`\]`)
			t.at++
		case c == '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		case c == '[' && strings.HasPrefix(t.rest(), "[:"):
			end := strings.Index(t.rest(), ":]")
			if end < 0 {
				t.out.WriteString(`\[`)
				t.at++
				continue
			}
			t.out.WriteString(t.rest()[:end+2])
			t.at += end + 2
		case c == '[':
			t.out.WriteString(`\[`)
			t.at++
		default:
			t.out.WriteByte(c)
			t.at++
		}
	}
	return fmt.Errorf("missing terminating ] for character class")
}

// open translates what an opening parenthesis begins.
func (t *translator) open() error {
	rest := t.rest()
	switch {
	case strings.HasPrefix(rest, "(*"):
		return unsupported{"a backtracking verb"}
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return fmt.Errorf("missing ) after (?# comment")
		}
		t.at += end + 1
		return nil
	case strings.HasPrefix(rest, "(?="), strings.HasPrefix(rest, "(?!"),
		strings.HasPrefix(rest, "(?<="), strings.HasPrefix(rest, "(?<!"):
		return t.lookAround()
	case strings.HasPrefix(rest, "(?>"), strings.HasPrefix(rest, "(?|"):
		return unsupported{"an atomic or branch reset group"}
	case strings.HasPrefix(rest, "(?("):
		return unsupported{"a conditional group"}
	case strings.HasPrefix(rest, "(?P="), strings.HasPrefix(rest, "(?P>"),
		strings.HasPrefix(rest, "(?&"), strings.HasPrefix(rest, "(?R"), strings.HasPrefix(rest, "(?C"),
		len(rest) > 2 && rest[1] == '?' && (rest[2] >= '0' && rest[2] <= '9' || rest[2] == '+'),
		len(rest) > 3 && rest[1] == '?' && rest[2] == '-' && rest[3] >= '0' && rest[3] <= '9':
		return unsupported{"a reference to a group"}
	case strings.HasPrefix(rest, "(?P<"), strings.HasPrefix(rest, "(?<"), strings.HasPrefix(rest, "(?'"):
		return t.named()
	case strings.HasPrefix(rest, "(?"):
		return t.flagged()
	}
	t.push()
	t.out.WriteByte('(')
	t.at++
	return nil
}

func (t *translator) push() { t.groups = append(t.groups, t.flags) }

// named translates a named group to a plain one: names serve references only.
func (t *translator) named() error {
	start := strings.IndexAny(t.rest(), "<'")
	length := strings.IndexAny(t.rest()[start+1:], ">'")
	if length <= 0 {
		return fmt.Errorf("missing terminator of a group's name")
	}
	t.push()
	t.out.WriteByte('(')
	t.at += start + length + 2
	return nil
}

// flagged translates (?flags) and (?flags:…).
func (t *translator) flagged() error {
	rest := t.rest()
	flags, on := t.flags, true
	set, unset := "", ""
	for i := 2; i < len(rest); i++ {
		switch c := rest[i]; c {
		case '-':
			on = false
			continue
		case ')', ':':
			if c == ':' {
				t.push()
			}
			t.flags = flags
			t.at += i + 1
			if unset != "" {
				set += "-" + unset
			}
			begins := t.out.Len() == t.start
			if c == ':' || set != "" {
				t.out.WriteString("(?" + set + string(c))
			}
			if begins && c == ')' {
				t.start = t.out.Len()
			}
			return nil
		case 'i':
			flags.fold = on
		case 'm':
			flags.multiline = on
		case 's':
			flags.dotAll = on
		case 'x':
			flags.extended = on
			continue
		case 'U':
			if t.flags.places {
				return unsupported{"(?U)"}
			}
			continue // greediness is of no account
		default:
			return fmt.Errorf("unrecognized character after (? or (?-: %q", c)
		}
		if on {
			set += string(rest[i])
		} else {
			unset += string(rest[i])
		}
	}
	return fmt.Errorf("missing ) of a group")
}
