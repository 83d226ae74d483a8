package expression

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

var textFunctions = map[string]function{
	"$concat":       {0, many, concat},
	"$toLower":      {1, 1, toCase('A', 'Z')},
	"$toUpper":      {1, 1, toCase('a', 'z')},
	"$strcasecmp":   {2, 2, compareFolded},
	"$strLenBytes":  {1, 1, textLength("$strLenBytes", 34473, func(s []byte) int { return len(s) })},
	"$strLenCP":     {1, 1, textLength("$strLenCP", 34471, utf8.RuneCount)},
	"$substr":       {3, 3, substringBytes},
	"$substrBytes":  {3, 3, substringBytes},
	"$substrCP":     {3, 3, substringCodePoints},
	"$indexOfBytes": {2, 4, indexOfBytes},
	"$indexOfCP":    {2, 4, indexOfCodePoints},
	"$split":        {2, 2, split},
}

var textOperators = map[string]named{
	"$trim":       {50696, 50694, operandsOfTrim, trim("$trim", true, true)},
	"$ltrim":      {50696, 50694, operandsOfTrim, trim("$ltrim", true, false)},
	"$rtrim":      {50696, 50694, operandsOfTrim, trim("$rtrim", false, true)},
	"$replaceOne": {51751, 51750, operandsOfReplace, replace("$replaceOne", 1)},
	"$replaceAll": {51751, 51750, operandsOfReplace, replace("$replaceAll", -1)},
}

var (
	operandsOfTrim    = []operand{{"input", 50695}, {"chars", 0}}
	operandsOfReplace = []operand{{"input", 51749}, {"find", 51748}, {"replacement", 51747}}
)

func concat(_ *Env, args []value) (value, error) {
	size := 0
	for _, v := range args {
		switch {
		case nullish(v):
			return null, nil
		case v.Type != bson.TypeString:
			return missing, store.BadRequest(16702, "$concat only supports strings, not %s", typeName(v))
		}
		size += len(textOf(v))
	}
	if size > maxValue {
		return missing, tooLarge()
	}
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, size+5), uint32(size+1))
	for _, v := range args {
		b = append(b, textOf(v)...)
	}
	return value{Type: bson.TypeString, Value: append(b, 0)}, nil
}

// asText returns what MongoDB takes a value for where a string is needed: a
// string, a number or a date as it is written, and nothing for null.
func asText(v value) (string, error) {
	if nullish(v) {
		return "", nil
	}
	switch v.Type {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		return string(textOf(v)), nil
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128, bson.TypeDateTime:
		return written(v)
	case bson.TypeTimestamp:
		return time.Unix(int64(binary.LittleEndian.Uint32(v.Value[4:])), 0).UTC().Format("Jan _2 15:04:05:000"), nil
	}
	return "", store.BadRequest(16007, "can't convert from BSON type %s to String", typeName(v))
}

// written returns a number or a date as MongoDB writes it.
func written(v value) (string, error) {
	switch v.Type {
	case bson.TypeDouble:
		return writtenDouble(doubleOf(v)), nil
	case bson.TypeDecimal128:
		return v.Decimal128().String(), nil
	case bson.TypeDateTime:
		return writtenDate(int64Of(v))
	}
	return strconv.FormatInt(integerOf(v), 10), nil
}

// writtenDouble is C's %.16g.
func writtenDouble(d float64) string {
	s := strconv.FormatFloat(d, 'g', 16, 64)
	switch s {
	case "+Inf":
		return "Infinity"
	case "-Inf":
		return "-Infinity"
	}
	return s
}

// toCase turns the letters from low to high, which are ASCII, to the other case.
// MongoDB knows no other letters.
func toCase(low, high byte) evaluator {
	return func(_ *Env, args []value) (value, error) {
		s, err := asText(args[0])
		if err != nil {
			return missing, err
		}
		b := []byte(s)
		for i, c := range b {
			if c >= low && c <= high {
				b[i] = c ^ 0x20
			}
		}
		return text(string(b))
	}
}

func compareFolded(_ *Env, args []value) (value, error) {
	a, err := asText(args[0])
	if err != nil {
		return missing, err
	}
	b, err := asText(args[1])
	if err != nil {
		return missing, err
	}
	return signs[strings.Compare(upper(a), upper(b))+1], nil
}

// upper turns ASCII letters to upper case.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r ^ 0x20
		}
		return r
	}, s)
}

func textLength(name string, code int32, measure func([]byte) int) evaluator {
	return func(env *Env, args []value) (value, error) {
		if args[0].Type != bson.TypeString {
			return missing, store.BadRequest(code, "%s requires a string argument, found: %s", name, typeName(args[0]))
		}
		return env.int32(int32(measure(textOf(args[0])))), nil
	}
}

func substringBytes(_ *Env, args []value) (value, error) {
	s, err := asText(args[0])
	if err != nil {
		return missing, err
	}
	for i, what := range [2]string{"starting index", "length"} {
		if v := args[i+1]; !isNumber(v) {
			return missing, store.BadRequest(16034+int32(i), "$substrBytes: %s must be a numeric type (is BSON type %s)", what, typeName(v))
		}
	}
	start, length := clampedLong(args[1]), clampedLong(args[2])
	if start < 0 {
		return missing, store.BadRequest(50752, "$substrBytes: starting index must be non-negative (got: %d)", start)
	}
	if start >= int64(len(s)) {
		return text("")
	}
	end := int64(len(s))
	if length >= 0 && length < end-start {
		end = start + length
	}
	switch {
	case continues(s, start):
		return missing, store.BadRequest(28656, "$substrBytes: Invalid range, starting index is a UTF-8 continuation byte.")
	case continues(s, end):
		return missing, store.BadRequest(28657, "$substrBytes: Invalid range, ending index is in the middle of a UTF-8 character.")
	}
	return text(s[start:end])
}

// clampedLong returns a number as an int64, without its fraction, the nearest
// there is.
func clampedLong(v value) int64 {
	if isInteger(v) {
		return integerOf(v)
	}
	d := floatOf(v)
	switch {
	case d != d:
		return 0
	case d >= 1<<63:
		return 1<<63 - 1
	case d < -1<<63:
		return -1 << 63
	}
	return int64(d)
}

// continues tells whether a byte of s is not the first of a character.
func continues(s string, i int64) bool { return i < int64(len(s)) && !utf8.RuneStart(s[i]) }

func substringCodePoints(_ *Env, args []value) (value, error) {
	s, err := asText(args[0])
	if err != nil {
		return missing, err
	}
	var numbers [2]int
	for i, what := range [2]string{"$substrCP: starting index", "$substrCP: length"} {
		n, err := int32Argument(args[i+1], 34450+2*int32(i), what)
		if err != nil {
			return missing, err
		}
		numbers[i] = int(n)
	}
	switch {
	case numbers[1] < 0:
		return missing, store.BadRequest(34454, "$substrCP: length must be a nonnegative integer.")
	case numbers[0] < 0:
		return missing, store.BadRequest(34455, "$substrCP: the starting index must be nonnegative integer.")
	}
	start := byteIndex(s, numbers[0])
	return text(s[start : start+byteIndex(s[start:], numbers[1])])
}

// byteIndex returns where in s the n-th character begins, or the end of s.
func byteIndex(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// bounds are where $indexOfBytes and its like look, from start and before end.
type bounds struct{ start, end int }

// boundsOf reads the optional bounds of $indexOfBytes and its like; ok is false
// when nothing can be found within them.
func boundsOf(name string, args []value, size int) (b bounds, ok bool, err error) {
	b = bounds{0, size}
	for i, v := range args {
		what := [2]string{"starting", "ending"}[i]
		n, whole := int32Of(v)
		switch {
		case !whole:
			return b, false, store.BadRequest(40096, "%s requires an integral %s index, found a value of type: %s, with value: %s", name, what, typeName(v), shown(v))
		case n < 0:
			return b, false, store.BadRequest(40097, "%s requires a nonnegative %s index, found: %s", name, what, shown(v))
		case i == 0:
			b.start = int(n)
		default:
			b.end = min(int(n), size)
		}
	}
	return b, b.start <= b.end && b.start <= size, nil
}

func indexOfBytes(env *Env, args []value) (value, error) {
	if done, err := indexOperands("$indexOfBytes", 40091, 40092, args); done {
		return null, err
	}
	s, what := textOf(args[0]), textOf(args[1])
	b, ok, err := boundsOf("$indexOfBytes", args[2:], len(s))
	if err != nil {
		return missing, err
	}
	if !ok {
		return signs[0], nil
	}
	i := bytes.Index(s[b.start:b.end], what)
	if i < 0 {
		return signs[0], nil
	}
	return env.int32(int32(b.start + i)), nil
}

func indexOperands(name string, first, second int32, args []value) (done bool, err error) {
	switch {
	case nullish(args[0]):
		return true, nil
	case args[0].Type != bson.TypeString:
		return true, store.BadRequest(first, "%s requires a string as the first argument, found: %s", name, typeName(args[0]))
	case args[1].Type != bson.TypeString:
		return true, store.BadRequest(second, "%s requires a string as the second argument, found: %s", name, typeName(args[1]))
	}
	return false, nil
}

func indexOfCodePoints(env *Env, args []value) (value, error) {
	if done, err := indexOperands("$indexOfCP", 40093, 40094, args); done {
		return null, err
	}
	s, what := string(textOf(args[0])), string(textOf(args[1]))
	b, ok, err := boundsOf("$indexOfCP", args[2:], utf8.RuneCountInString(s))
	if err != nil {
		return missing, err
	}
	if !ok {
		return signs[0], nil
	}
	start := byteIndex(s, b.start)
	part := s[start : start+byteIndex(s[start:], b.end-b.start)]
	i := strings.Index(part, what)
	if i < 0 {
		return signs[0], nil
	}
	return env.int32(int32(b.start + utf8.RuneCountInString(part[:i]))), nil
}

func split(env *Env, args []value) (value, error) {
	s, separator := args[0], args[1]
	switch {
	case nullish(s) || nullish(separator):
		return null, nil
	case s.Type != bson.TypeString:
		return missing, store.BadRequest(40085, "$split requires an expression that evaluates to a string as a first argument, found: %s", typeName(s))
	case separator.Type != bson.TypeString:
		return missing, store.BadRequest(40086, "$split requires an expression that evaluates to a string as a second argument, found: %s", typeName(separator))
	case len(textOf(separator)) == 0:
		return missing, store.BadRequest(40087, "$split requires a non-empty separator")
	}
	b := env.array()
	rest := textOf(s)
	for more := true; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, textOf(separator))
		v, err := text(string(part))
		if err != nil {
			return missing, err
		}
		if err := b.add(v); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// blank is what $trim removes unless it is told.
const blank = "\x00 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"

func trim(name string, left, right bool) evaluator {
	return func(_ *Env, args []value) (value, error) {
		input, chars := args[0], args[1]
		cutset := blank
		switch {
		case nullish(input):
			return null, nil
		case input.Type != bson.TypeString:
			return missing, store.BadRequest(50699, "%s requires its input to be a string, got %s (of type %s) instead.", name, shown(input), typeName(input))
		case absent(chars):
		case nullish(chars):
			return null, nil
		case chars.Type != bson.TypeString:
			return missing, store.BadRequest(50700, "%s requires 'chars' to be a string, got %s (of type %s) instead.", name, shown(chars), typeName(chars))
		default:
			cutset = string(textOf(chars))
		}
		members := map[rune]bool{}
		for _, r := range cutset {
			members[r] = true
		}
		in := func(r rune) bool { return members[r] }
		s := textOf(input)
		if left {
			s = bytes.TrimLeftFunc(s, in)
		}
		if right {
			s = bytes.TrimRightFunc(s, in)
		}
		return text(string(s))
	}
}

// replace makes $replaceOne or $replaceAll, which replace n times at most.
func replace(name string, n int) evaluator {
	return func(_ *Env, args []value) (value, error) {
		for i, v := range args {
			if v.Type != bson.TypeString && !nullish(v) {
				return missing, store.BadRequest([3]int32{51746, 51745, 51744}[i],
					"%s requires that '%s' be a string, found: %s", name, operandsOfReplace[i].name, shown(v))
			}
		}
		if slices.ContainsFunc(args, nullish) {
			return null, nil
		}
		input, find, with := string(textOf(args[0])), string(textOf(args[1])), string(textOf(args[2]))
		times := strings.Count(input, find)
		if n >= 0 {
			times = min(times, n)
		}
		if len(with) > 0 && times > (maxValue+len(find)*times)/len(with) {
			return missing, tooLarge()
		}
		return text(strings.Replace(input, find, with, n))
	}
}
