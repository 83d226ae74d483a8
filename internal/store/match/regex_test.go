package match

import (
	"errors"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// regexCases hold PCRE expressions with texts that they match and texts that
// they do not. PCRE2 agrees with every line.
var regexCases = []struct {
	pattern, options string
	yes, no          []string
}{
	{`abc`, ``, []string{"abc", "xabcx"}, []string{"ab", "ABC", ""}},
	{`abc`, `i`, []string{"ABC", "xaBcx"}, []string{"ab"}},
	{`k`, `i`, []string{"K", "\u212A"}, nil},
	{`É`, `i`, []string{"é"}, []string{"e"}},
	{``, ``, []string{"", "x"}, nil},
	{`^`, ``, []string{"", "x"}, nil},
	{`^abc`, ``, []string{"abc", "abcd"}, []string{"xabc", "x\nabc"}},
	{`^abc.*`, ``, []string{"abc", "abcd"}, []string{"ab"}},
	{`^abc*`, ``, []string{"ab", "abd"}, []string{"a"}},
	{`^abc?d`, ``, []string{"abd", "abcd"}, []string{"abccd"}},
	{`^abc|d`, ``, []string{"abc", "xd"}, []string{"xabc"}},
	{`^abc`, `m`, []string{"x\nabc"}, []string{"xabc"}},
	{`^ABC`, `i`, []string{"abcd"}, []string{"xabc"}},
	{`abc$`, ``, []string{"abc", "abc\n", "xabc"}, []string{"abcx", "abc\nx", "abc\n\n"}},
	{`abc$`, `m`, []string{"abc\nx"}, []string{"abcx"}},
	{`^$`, ``, []string{"", "\n"}, []string{"x"}},
	{`abc\Z`, ``, []string{"abc", "abc\n"}, []string{"abcx"}},
	{`abc\z`, ``, []string{"abc"}, []string{"abc\n"}},
	{`\Aabc`, `m`, []string{"abc"}, []string{"x\nabc"}},
	{`a.c`, ``, []string{"abc", "aéc"}, []string{"a\nc", "ac"}},
	{`a.c`, `s`, []string{"a\nc"}, nil},
	{`^\Qa.b*c\E$`, ``, []string{"a.b*c"}, []string{"aXbbc"}},
	{`^\Qa.b`, ``, []string{"a.b"}, []string{"axb"}},
	{`\Qé\E+`, ``, []string{"éé"}, []string{"e"}},
	{`a\E b`, ``, []string{"a b"}, nil},
	{`a b # comment`, `x`, []string{"ab"}, []string{"a b"}},
	{"a # comment\n b", `x`, []string{"ab"}, nil},
	{`a[ ]b\ c`, `x`, []string{"a b c"}, []string{"abc"}},
	{`a(?#comment)b`, ``, []string{"ab"}, nil},
	{`(?i)abc`, ``, []string{"ABC"}, nil},
	{`a(?i)b`, ``, []string{"aB"}, []string{"AB"}},
	{`a(?i:b)c`, ``, []string{"aBc"}, []string{"aBC"}},
	{`(?-i)abc`, `i`, []string{"abc"}, []string{"ABC"}},
	{`(?x) a b`, ``, []string{"ab"}, []string{"a b"}},
	{`(?s-i:a.b)`, `i`, []string{"a\nb"}, []string{"A\nB"}},
	{`(?U)a+`, ``, []string{"a"}, nil},
	{`(?m)^b$`, ``, []string{"a\nb\nc"}, nil},
	{`(?m:^b$)\nc$`, ``, []string{"a\nb\nc"}, []string{"a\nb\nc\nd"}},
	{`\d{3}-\w+\s`, ``, []string{"123-ab "}, []string{"12-ab "}},
	{`\s`, ``, []string{" ", "\v", "\f"}, []string{"x"}},
	{`^\S$`, ``, []string{"x"}, []string{" ", "\v"}},
	{`\h`, ``, []string{"\t", " "}, []string{"\n", "x"}},
	{`^\H$`, ``, []string{"x"}, []string{"\t"}},
	{`\v`, ``, []string{"\n", "\r"}, []string{" "}},
	{`^\V$`, ``, []string{"x"}, []string{"\r"}},
	{`a\Rb`, ``, []string{"a\nb", "a\r\nb"}, []string{"a b"}},
	{`^\N$`, `s`, []string{"x"}, []string{"\n\n"}},
	{`[\h]x[\v]`, ``, []string{"\tx\n"}, []string{"\nx\t"}},
	{`[]a]`, ``, []string{"]", "a"}, []string{"b"}},
	{`[^]a]`, ``, []string{"b"}, []string{"]", "a"}},
	{`[[a]`, ``, []string{"["}, []string{"b"}},
	{`[a\]b]`, ``, []string{"]"}, []string{`\`}},
	{`[[:alpha:]]{2}`, ``, []string{"ab"}, []string{"a1"}},
	{`[[:^digit:]]`, ``, []string{"a"}, []string{"1"}},
	{`[\Qa-c\E]`, ``, []string{"-", "a", "c"}, []string{"b"}},
	{`[\b]`, ``, []string{"\b"}, []string{"b"}},
	{`\bword\b`, ``, []string{"a word!"}, []string{"swords"}},
	{`\Bor\B`, ``, []string{"words"}, []string{"or"}},
	{`\p{L}+\d`, ``, []string{"é1"}, []string{"-1"}},
	{`\x41\x{42}\x43`, ``, []string{"ABC"}, nil},
	{`\101\0`, ``, []string{"A\x00"}, nil},
	{`\e\cA\t`, ``, []string{"\x1b\x01\t"}, nil},
	{`\/\-\é\@`, ``, []string{"/-é@"}, nil},
	{`(?<year>\d+)-(?P<m>\d+)-(?'d'\d+)`, ``, []string{"2024-01-02"}, []string{"2024-01"}},
	{`a{2,3}`, ``, []string{"aa"}, []string{"a"}},
	{`a{,3}`, ``, []string{"a{,3}"}, []string{"b"}},
	{`a{x`, ``, []string{"a{x"}, nil},
	{`^(a|b)*c$`, ``, []string{"ababc", "c"}, []string{"abd"}},

	// Look-around that has an equivalent.
	{`^(?=.*a)(?=.*b).*c`, ``, []string{"bac", "abc"}, []string{"ac", "ab", "bc"}},
	{`^(?!admin)`, ``, []string{"user", ""}, []string{"admin", "admin2"}},
	{`^(?!.*bad).*good`, ``, []string{"good"}, []string{"bad good", "x"}},
	{`^(?!foo$).*$`, ``, []string{"foobar", "x"}, []string{"foo"}},
	{`(?i)^(?!foo)bar`, ``, []string{"BAR"}, []string{"foobar"}},
	{`^(?=[A-Z])(?!.*\d)\w{3,}$`, ``, []string{"Abc"}, []string{"abc", "Ab1", "Ab"}},
	{`^((?!bad).)*$`, ``, []string{"good", ""}, []string{"a bad one", "bad"}},
	{`^(?:(?!bad).)*$`, `i`, []string{"good"}, []string{"a BAD one"}},
	{`^((?!bad).)+$`, ``, []string{"good"}, []string{"", "bad"}},
	{`foo(?=bar)`, ``, []string{"foobar"}, []string{"foo", "fobar"}},
	{`(?<=foo)bar`, ``, []string{"foobar"}, []string{"bar"}},
	{`foo(?!\d)`, ``, []string{"foo", "foox", "foo1 foo"}, []string{"foo1"}},
	{`foo(?![abc])`, ``, []string{"food"}, []string{"fooa"}},
	{`(?<!\$)price`, ``, []string{"price", "a price"}, []string{"$price"}},
	{`(?<!a)b`, ``, []string{"b", "cb"}, []string{"ab"}},
}

func TestRegex(t *testing.T) {
	for _, c := range regexCases {
		t.Run(c.pattern+"/"+c.options, func(t *testing.T) {
			r, err := compileRegex(c.pattern, c.options)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range c.yes {
				if !r.matches([]byte(text)) {
					t.Errorf("does not match %q", text)
				}
			}
			for _, text := range c.no {
				if r.matches([]byte(text)) {
					t.Errorf("matches %q", text)
				}
			}
		})
	}
}

// What RE2 can't do is refused with the reason, as is what PCRE refuses.
func TestRegexErrors(t *testing.T) {
	for _, c := range []struct{ pattern, reason string }{
		{`(a)\1`, "back-reference"},
		{`(?<n>a)\k<n>`, "back-reference"},
		{`(a)\g{1}`, "back-reference"},
		{`(?P<n>a)(?P=n)`, "reference to a group"},
		{`(a)(?1)`, "reference to a group"},
		{`(?R)`, "reference to a group"},
		{`a++b`, "possessive"},
		{`a*+`, "possessive"},
		{`a?+`, "possessive"},
		{`a{1,2}+`, "possessive"},
		{`(?>a|ab)c`, "atomic"},
		{`(?(1)a|b)`, "conditional"},
		{`a(?!bc)d`, "look-around"},
		{`a(?!bc)`, "look-around"},
		{`x(?<=ab)c`, "look-around"},
		{`(?<!ab)c`, "look-around"},
		{`(a(?=b))`, "look-around"},
		{`(?!a)b`, "look-around"},
		{`^(?=a)?b`, "look-around"},
		{`^(?!a)b|c`, "look-ahead beside alternatives"},
		{`(*ACCEPT)a`, "verb"},
		{`a\Kb`, `\K`},
		{`\X`, `\X`},
		{`(`, "missing closing"},
		{`a)`, "unexpected )"},
		{`[a`, "character class"},
		{`*a`, "repetition"},
		{`a\`, "end of pattern"},
		{`(?<n`, "name"},
		{`(?#x`, "comment"},
		{`(?=a`, "unterminated"},
		{`(?z)a`, "unrecognized"},
		{`\p{Nothing}`, "invalid"},
		{`a{2000}`, "repeat"},
		{strings.Repeat("a", maxPattern+1), "too long"},
		{"a\x00b", "null byte"},
		{"a\xff", "UTF-8"},
	} {
		_, err := compileRegex(c.pattern, "")
		var request *store.RequestError
		if !errors.As(err, &request) || !strings.Contains(request.Message, c.reason) {
			t.Errorf("%.20q: error is %v, want one about %q", c.pattern, err, c.reason)
		}
	}
	for _, options := range []string{"g", "I", "i\x00"} {
		if _, err := compileRegex("a", options); err == nil {
			t.Errorf("options %q are accepted", options)
		}
	}
}

func TestRegexPrefix(t *testing.T) {
	for _, c := range []struct {
		pattern, options, prefix string
		whole                    bool
	}{
		{`^abc`, ``, "abc", true},
		{`^abc.*`, ``, "abc", true},
		{`^\Qa.b\E`, ``, "a.b", true},
		{`\Aabc`, ``, "abc", true},
		{`^abc$`, ``, "abc", false},
		{`^abc\d`, ``, "abc", false},
		{`^abc|d`, ``, "", false},
		{`^(?!abcd)abc`, ``, "abc", false},
		{`^abc`, `i`, "", false},
		{`^abc`, `m`, "", false},
		{`abc`, ``, "", false},
		{`^`, ``, "", false},
		{`(`, ``, "", false},
	} {
		prefix, whole := RegexPrefix(c.pattern, c.options)
		if prefix != c.prefix || whole != c.whole {
			t.Errorf("%s with %q: %q, %v, want %q, %v", c.pattern, c.options, prefix, whole, c.prefix, c.whole)
		}
	}
}

// FuzzRegex holds the shortcuts to the expression itself, and the translation to
// never panic.
func FuzzRegex(f *testing.F) {
	for _, c := range regexCases {
		for _, text := range append(c.yes, c.no...) {
			f.Add(c.pattern, c.options, text)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, options, text string) {
		r, err := compileRegex(pattern, options)
		if err != nil {
			if _, ok := errors.AsType[*store.RequestError](err); !ok {
				t.Fatalf("error is %v", err)
			}
			return
		}
		want := r.re.MatchString(text)
		for _, a := range r.ahead {
			want = want && a.re.MatchString(text) != a.not
		}
		if got := r.matches([]byte(text)); got != want {
			t.Fatalf("%q with %q on %q: %v by shortcut, %v by the expression", pattern, options, text, got, want)
		}
	})
}

func TestRegexTakesLinearTime(t *testing.T) {
	m, err := Compile(bson.D{{Key: "a", Value: bson.Regex{Pattern: `^(a+)+$`}}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := bson.Marshal(bson.D{{Key: "a", Value: strings.Repeat("a", 5_000) + "!"}})
	if err != nil {
		t.Fatal(err)
	}
	// A backtracking matcher would not come back from this.
	if m.Match(doc) {
		t.Error("matches")
	}
}
