package parse

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits bound what a decoder accepts; a zero field means its default. What
// exceeds one is an InvalidJSON error that names it.
type Limits struct {
	// Depth is how deep arrays and objects may nest (default 64).
	Depth int
	// Bytes is the length of the whole text (default 20 MiB).
	Bytes int
	// Keys is the number of keys in any one object (default 10000).
	Keys int
}

// The limits that hold where none is given.
const (
	DefaultDepth = 64
	DefaultBytes = 20 << 20
	DefaultKeys  = 10000
)

func (l Limits) orDefault() Limits {
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	if l.Keys <= 0 {
		l.Keys = DefaultKeys
	}
	return l
}

// DecodeValue decodes one JSON text (RFC 8259) into a Value. Objects with a
// "__type" of known shape become Date, Bytes, Pointer, Relation, File, GeoPoint
// and Polygon; those of unknown or malformed shape stay objects, which TypeOf
// refuses. Ill-formed UTF-8 and lone surrogates become U+FFFD, as they do in a
// JavaScript server. Errors are InvalidJSON.
func DecodeValue(data []byte, lim Limits) (Value, error) {
	lim = lim.orDefault()
	if len(data) > lim.Bytes {
		return nil, Errorf(InvalidJSON, "JSON is longer than the limit of %d bytes", lim.Bytes)
	}
	// One copy for the whole text: every string of the result is a part of it.
	d := decoder{src: string(data), lim: lim, members: make([]Member, 0, 16)}
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	d.space()
	if d.pos < len(d.src) {
		return nil, d.unexpected()
	}
	return v, nil
}

// DecodeObject decodes a JSON text whose value must be an object; a typed value
// such as a date is none.
func DecodeObject(data []byte, lim Limits) (*Object, error) {
	v, err := DecodeValue(data, lim)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*Object)
	if !ok {
		return nil, NewError(InvalidJSON, "invalid JSON: expected an object")
	}
	return o, nil
}

// decoder reads one text in one pass. members and values are stacks shared by
// all levels, so that every object and array is allocated once, in its size.
type decoder struct {
	src     string
	pos     int
	depth   int
	lim     Limits
	members []Member
	values  []Value
}

func (d *decoder) space() {
	for d.pos < len(d.src) {
		switch d.src[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *decoder) unexpected() error {
	if d.pos >= len(d.src) {
		return NewError(InvalidJSON, "invalid JSON: unexpected end of input")
	}
	r, _ := utf8.DecodeRuneInString(d.src[d.pos:])
	return Errorf(InvalidJSON, "invalid JSON: unexpected %q at byte %d", r, d.pos)
}

func (d *decoder) value() (Value, error) {
	d.space()
	if d.pos >= len(d.src) {
		return nil, d.unexpected()
	}
	switch c := d.src[d.pos]; c {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		s, err := d.string()
		if err != nil {
			return nil, err
		}
		return String(s), nil
	case 't':
		return Bool(true), d.literal("true")
	case 'f':
		return Bool(false), d.literal("false")
	case 'n':
		return Null{}, d.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return d.number()
		}
		return nil, d.unexpected()
	}
}

func (d *decoder) literal(word string) error {
	if !strings.HasPrefix(d.src[d.pos:], word) {
		return d.unexpected()
	}
	d.pos += len(word)
	return nil
}

// enter begins an array or object and tells whether it ends at once.
func (d *decoder) enter(end byte) (empty bool, err error) {
	if d.depth++; d.depth > d.lim.Depth {
		return false, Errorf(InvalidJSON, "JSON is nested deeper than the limit of %d levels", d.lim.Depth)
	}
	d.pos++
	d.space()
	if d.pos < len(d.src) && d.src[d.pos] == end {
		return true, nil
	}
	return false, nil
}

// next reads the separator behind an element and tells whether it was the end.
func (d *decoder) next(end byte) (done bool, err error) {
	d.space()
	if d.pos >= len(d.src) {
		return false, d.unexpected()
	}
	switch d.src[d.pos] {
	case ',':
		d.pos++
		return false, nil
	case end:
		return true, nil
	default:
		return false, d.unexpected()
	}
}

// leave ends an array or object.
func (d *decoder) leave() {
	d.pos++
	d.depth--
}

func (d *decoder) array() (Value, error) {
	done, err := d.enter(']')
	base := len(d.values)
	for !done && err == nil {
		var v Value
		if v, err = d.value(); err != nil {
			break
		}
		d.values = append(d.values, v)
		done, err = d.next(']')
	}
	if err != nil {
		return nil, err
	}
	d.leave()
	a := make(Array, len(d.values)-base)
	copy(a, d.values[base:])
	d.values = d.values[:base]
	return a, nil
}

// indexedKeys is the number of keys from which on an object's keys are looked
// up in a map, so that an object of many keys costs no more per key.
const indexedKeys = 24

func (d *decoder) object() (Value, error) {
	done, err := d.enter('}')
	base := len(d.members)
	var index map[string]int
	typed := -1
	for !done && err == nil {
		var key string
		if key, err = d.key(); err != nil {
			break
		}
		at := -1
		if index == nil {
			at = memberIndex(d.members[base:], key)
		} else if i, ok := index[key]; ok {
			at = i
		}
		if at < 0 {
			at = len(d.members) - base
			if at >= d.lim.Keys {
				return nil, Errorf(InvalidJSON, "JSON object has more keys than the limit of %d", d.lim.Keys)
			}
			d.members = append(d.members, Member{Key: key})
			if index != nil {
				index[key] = at
			} else if at >= indexedKeys {
				index = indexMembers(d.members[base:])
			}
		}
		var v Value
		if v, err = d.value(); err != nil {
			break
		}
		d.members[base+at].Value = v
		if key == "__type" {
			typed = at
		}
		done, err = d.next('}')
	}
	if err != nil {
		return nil, err
	}
	d.leave()
	members := d.members[base:]
	d.members = d.members[:base]
	if typed >= 0 {
		if v, ok := typedValue(members); ok {
			return v, nil
		}
	}
	return &Object{Members: append(make([]Member, 0, len(members)), members...)}, nil
}

// key reads an object's key and the colon behind it.
func (d *decoder) key() (string, error) {
	d.space()
	if d.pos >= len(d.src) || d.src[d.pos] != '"' {
		return "", d.unexpected()
	}
	key, err := d.string()
	if err != nil {
		return "", err
	}
	d.space()
	if d.pos >= len(d.src) || d.src[d.pos] != ':' {
		return "", d.unexpected()
	}
	d.pos++
	return key, nil
}

func memberIndex(members []Member, key string) int {
	for i := range members {
		if members[i].Key == key {
			return i
		}
	}
	return -1
}

func indexMembers(members []Member) map[string]int {
	index := make(map[string]int, 2*len(members))
	for i := range members {
		index[members[i].Key] = i
	}
	return index
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads a number as JavaScript does: to the nearest float64. What is too
// large for one is refused, since JavaScript's Infinity has no JSON form.
func (d *decoder) number() (Value, error) {
	start := d.pos
	if d.src[d.pos] == '-' {
		d.pos++
	}
	digits := d.pos
	integer, err := d.digits()
	if err != nil {
		return nil, err
	}
	if d.src[digits] == '0' && d.pos-digits > 1 {
		d.pos = digits + 1
		return nil, d.unexpected()
	}
	exact := d.pos-digits <= 15 // such an integer is a float64 exactly
	if d.pos < len(d.src) && d.src[d.pos] == '.' {
		exact = false
		d.pos++
		if _, err := d.digits(); err != nil {
			return nil, err
		}
	}
	if d.pos < len(d.src) && d.src[d.pos]|0x20 == 'e' {
		exact = false
		d.pos++
		if d.pos < len(d.src) && (d.src[d.pos] == '+' || d.src[d.pos] == '-') {
			d.pos++
		}
		if _, err := d.digits(); err != nil {
			return nil, err
		}
	}
	if exact {
		if digits > start {
			return -Number(integer), nil
		}
		return Number(integer), nil
	}
	f, err := strconv.ParseFloat(d.src[start:d.pos], 64)
	if err != nil {
		return nil, Errorf(InvalidJSON, "invalid JSON: number out of range at byte %d", start)
	}
	return Number(f), nil
}

// digits reads one digit or more and returns their value, which is right up to
// 19 digits.
func (d *decoder) digits() (n uint64, err error) {
	start := d.pos
	for d.pos < len(d.src) && isDigit(d.src[d.pos]) {
		n = n*10 + uint64(d.src[d.pos]-'0')
		d.pos++
	}
	if d.pos == start {
		return 0, d.unexpected()
	}
	return n, nil
}

// string reads a string. One of plain ASCII is returned as a part of the source.
func (d *decoder) string() (string, error) {
	d.pos++
	start := d.pos
	ascii := true
	for d.pos < len(d.src) {
		switch c := d.src[d.pos]; {
		case c == '"':
			s := d.src[start:d.pos]
			d.pos++
			if !ascii {
				s = strings.ToValidUTF8(s, "\uFFFD")
			}
			return s, nil
		case c == '\\':
			return d.escapedString(start)
		case c < ' ':
			return "", Errorf(InvalidJSON, "invalid JSON: control character in string at byte %d", d.pos)
		case c >= utf8.RuneSelf:
			ascii = false
		}
		d.pos++
	}
	return "", d.unexpected()
}

// escapedString reads on in a string that began at start, from its first escape.
func (d *decoder) escapedString(start int) (string, error) {
	buf := append(make([]byte, 0, d.pos-start+32), d.src[start:d.pos]...)
	for d.pos < len(d.src) {
		switch c := d.src[d.pos]; {
		case c == '"':
			d.pos++
			return strings.ToValidUTF8(string(buf), "\uFFFD"), nil
		case c == '\\':
			var err error
			if buf, err = d.escape(buf); err != nil {
				return "", err
			}
		case c < ' ':
			return "", Errorf(InvalidJSON, "invalid JSON: control character in string at byte %d", d.pos)
		default:
			buf = append(buf, c)
			d.pos++
		}
	}
	return "", d.unexpected()
}

// escape reads one escape, a pair of surrogates included, and appends what it means.
func (d *decoder) escape(buf []byte) ([]byte, error) {
	if d.pos+1 >= len(d.src) {
		d.pos = len(d.src)
		return nil, d.unexpected()
	}
	c := d.src[d.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := d.unit()
		if !ok {
			return nil, Errorf(InvalidJSON, "invalid JSON: bad \\u escape at byte %d", d.pos)
		}
		d.pos += 6
		if utf16.IsSurrogate(r) {
			low, _ := d.unit()
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				d.pos += 6
			}
		}
		return utf8.AppendRune(buf, r), nil
	default:
		return nil, Errorf(InvalidJSON, "invalid JSON: bad escape at byte %d", d.pos)
	}
	d.pos += 2
	return append(buf, c), nil
}

// unit returns the UTF-16 unit of the \uXXXX escape at the current position.
func (d *decoder) unit() (rune, bool) {
	if len(d.src)-d.pos < 6 || d.src[d.pos] != '\\' || d.src[d.pos+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(d.src[d.pos+2 : d.pos+6]) {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
