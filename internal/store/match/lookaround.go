package match

import "strings"

// lookAround translates a look-around where RE2 has an equivalent for the
// question whether there is a match:
//
//	^(?=A)(?!B)C   is ^C of a text that ^A matches and ^B does not
//	^((?!A).)*$    is ^.*$ of a text that A does not match
//	A(?=B)         at the end is AB; (?<=A)B at the beginning is AB
//	A(?!b)         at the end is A(?:[^b]|\z), for one character b
//	(?<!a)B        at the beginning is (?:\A|[^a])B, for one character a
func (t *translator) lookAround() error {
	if t.flags.places {
		return unsupported{"look-around of what is to be found"}
	}
	rest := t.rest()
	behind := rest[2] == '<'
	head := 3
	if behind {
		head = 4
	}
	not := rest[head-1] == '!'
	size := groupSize(rest)
	if size < 0 {
		return unsupported{"unterminated look-around"}
	}
	body := rest[head : size-1]
	inner, err := translate(body, t.flags)
	if err != nil {
		return err
	}
	top := len(t.groups) == 0
	begins := t.out.Len() == t.start && t.at+size < len(t.in)
	ends := t.at+size == len(t.in)
	t.at += size
	repeated := !ends && strings.IndexByte("*+?{", t.in[t.at]) >= 0
	switch {
	case len(inner.ahead) > 0 || !top || repeated:
	case !behind && t.anchored():
		t.ahead = append(t.ahead, lookAhead{source: "^(?:" + inner.source + ")", not: not})
		return nil
	case !behind && ends && !not, behind && begins && !not:
		t.out.WriteString("(?:" + inner.source + ")")
		return nil
	case !behind && ends && oneCharacter(body):
		t.out.WriteString("(?:" + complementClass(body) + `|\z)`)
		return nil
	case behind && begins && oneCharacter(body):
		t.out.WriteString(`(?:\A|` + complementClass(body) + ")")
		return nil
	}
	return unsupported{"look-around at this place"}
}

// anchored tells whether all that was translated yet is a ^ at the beginning of
// the text.
func (t *translator) anchored() bool {
	return t.out.String()[t.start:] == "^" && len(t.groups) == 0 && !t.flags.multiline
}

// temperedForms are the beginnings of ((?!A).)*, a run without A.
var temperedForms = []string{"((?!", "(?:(?!"}

// tempered tells whether ((?!A).)* and nothing but $ follows an anchor.
func (t *translator) tempered() bool {
	_, rest := t.temperedParts()
	return t.anchored() && (rest == ".)*" || rest == ".)*$" || rest == ".)+$" || rest == ".)+")
}

// temperedParts returns A and what follows the look-ahead.
func (t *translator) temperedParts() (inner, rest string) {
	for _, form := range temperedForms {
		if !strings.HasPrefix(t.rest(), form) {
			continue
		}
		group := t.rest()[len(form)-3:]
		if size := groupSize(group); size > 0 {
			return group[3 : size-1], group[size:]
		}
	}
	return "", ""
}

func (t *translator) temper() error {
	body, rest := t.temperedParts()
	inner, err := translate(body, t.flags)
	switch {
	case err != nil:
		return err
	case len(inner.ahead) > 0 || !strings.HasSuffix(rest, "$"):
		return unsupported{"look-around at this place"}
	}
	t.ahead = append(t.ahead, lookAhead{source: inner.source, not: true})
	t.out.WriteString(rest[:1] + rest[2:3])
	t.at = len(t.in) - 1
	return nil
}

// groupSize returns the length of the group that s begins with, or -1.
func groupSize(s string) int {
	depth, inClass := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && strings.HasPrefix(s[i:], `\Q`):
			end := strings.Index(s[i:], `\E`)
			if end < 0 {
				return -1
			}
			i += end + 1
		case c == '\\':
			i++
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
			if strings.HasPrefix(s[i+1:], "^") {
				i++
			}
			if strings.HasPrefix(s[i+1:], "]") {
				i++
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// oneCharacter tells whether a pattern is one ASCII character, one escape such
// as \d or \., or one simple class.
func oneCharacter(p string) bool {
	switch {
	case len(p) == 1:
		return !strings.Contains(`.[]()*+?{}|^$\`, p) && p[0] < 0x80
	case len(p) == 2 && p[0] == '\\':
		return strings.IndexByte("dwDW", p[1]) >= 0 || p[1] < 0x80 && !isWord(p[1])
	case len(p) > 2 && p[0] == '[' && p[1] != '^' && p[1] != ']':
		return strings.IndexByte(p, ']') == len(p)-1 && !strings.ContainsAny(p[1:], `[\`)
	}
	return false
}

func complementClass(p string) string {
	if p[0] == '[' {
		return "[^" + p[1:]
	}
	return "[^" + strings.NewReplacer("^", `\^`, "-", `\-`).Replace(p) + "]"
}
