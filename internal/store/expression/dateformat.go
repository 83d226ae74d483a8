package expression

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// dateFormats are the operators between dates and text.
var dateFormats = map[string]named{
	"$dateToString": {18629, 18534, []operand{{"date", 18628}, {"format", 0}, {"timezone", 0}, {"onNull", 0}}, dateToString},
	"$dateFromString": {40540, 40541, []operand{
		{"dateString", 40542}, {"format", 0}, {"timezone", 0}, {"onError", 0}, {"onNull", 0},
	}, dateFromString},
}

const (
	isoLocal = "%Y-%m-%dT%H:%M:%S.%L"
	isoUTC   = isoLocal + "Z"
)

// writtenDate returns a date as $toString does.
func writtenDate(millis int64) (string, error) {
	return formatDate(time.UnixMilli(millis).UTC(), isoUTC)
}

func dateToString(env *Env, args []value) (value, error) {
	date, format, onNull := args[0], args[1], args[3]
	if absent(onNull) {
		onNull = null
	}
	layout := isoUTC
	switch {
	case absent(format):
	case nullish(format):
		return onNull, nil
	case format.Type != bson.TypeString:
		return missing, store.BadRequest(18533, "$dateToString requires that 'format' be a string, found: %s with value %s", typeName(format), shown(format))
	default:
		layout = string(textOf(format))
	}
	t, ok, err := env.time(date, args[2])
	switch {
	case err != nil:
		return missing, err
	case !ok:
		return onNull, nil
	case absent(format) && t.Location() != time.UTC:
		layout = isoLocal
	}
	s, err := formatDate(t, layout)
	if err != nil {
		return missing, err
	}
	return text(s)
}

// formatDate writes a date as a format says.
func formatDate(t time.Time, layout string) (string, error) {
	if year := t.Year(); year < 0 || year > 9999 {
		return "", store.BadRequest(18537, "$dateToString is only defined on year 0-9999, tried to use year %d", year)
	}
	out := make([]byte, 0, 2*len(layout))
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			out = append(out, layout[i])
			continue
		}
		if i++; i == len(layout) {
			return "", store.BadRequest(18535, "Unmatched '%%' at end of format string")
		}
		var ok bool
		if out, ok = appendPart(out, t, layout[i]); !ok {
			return "", store.BadRequest(18536, "Invalid format character '%%%c' in format string", layout[i])
		}
		if len(out) > maxValue {
			return "", tooLarge()
		}
	}
	return string(out), nil
}

// appendPart appends the part of a date that a format character names.
func appendPart(out []byte, t time.Time, c byte) ([]byte, bool) {
	isoYear, isoWeek := t.ISOWeek()
	_, seconds := t.Zone()
	switch c {
	case 'Y':
		return fmt.Appendf(out, "%04d", t.Year()), true
	case 'm':
		return fmt.Appendf(out, "%02d", int(t.Month())), true
	case 'd':
		return fmt.Appendf(out, "%02d", t.Day()), true
	case 'H':
		return fmt.Appendf(out, "%02d", t.Hour()), true
	case 'M':
		return fmt.Appendf(out, "%02d", t.Minute()), true
	case 'S':
		return fmt.Appendf(out, "%02d", t.Second()), true
	case 'L':
		return fmt.Appendf(out, "%03d", t.Nanosecond()/1e6), true
	case 'j':
		return fmt.Appendf(out, "%03d", t.YearDay()), true
	case 'U':
		return fmt.Appendf(out, "%02d", weekOfYear(t)), true
	case 'w':
		return strconv.AppendInt(out, int64(t.Weekday())+1, 10), true
	case 'u':
		return strconv.AppendInt(out, isoWeekday(t), 10), true
	case 'G':
		return fmt.Appendf(out, "%04d", isoYear), true
	case 'V':
		return fmt.Appendf(out, "%02d", isoWeek), true
	case 'b':
		return append(out, t.Month().String()[:3]...), true
	case 'B':
		return append(out, t.Month().String()...), true
	case 'z':
		return t.AppendFormat(out, "-0700"), true
	case 'Z':
		return fmt.Appendf(out, "%+d", seconds/60), true
	case '%':
		return append(out, '%'), true
	}
	return out, false
}

func dateFromString(env *Env, args []value) (value, error) {
	input, format, timezone, onError, onNull := args[0], args[1], args[2], args[3], args[4]
	zone, err := env.zone(timezone)
	switch {
	case err != nil:
		return missing, err
	case !absent(format) && !nullish(format) && format.Type != bson.TypeString:
		return missing, store.BadRequest(40684, "$dateFromString requires that 'format' be a string, found: %s with value %s", typeName(format), shown(format))
	case nullish(input) && !absent(onNull):
		return onNull, nil
	case nullish(input) || nullish(format) || zone == nil:
		return null, nil
	}
	if absent(timezone) {
		zone = nil
	}
	date, err := dateOf(env, input, format, zone)
	if err != nil && !absent(onError) {
		return onError, nil
	}
	return date, err
}

func dateOf(env *Env, input, format value, zone *time.Location) (value, error) {
	switch {
	case input.Type != bson.TypeString:
		return missing, store.BadRequest(codeConversionFailed, "$dateFromString requires that 'dateString' be a string, found: %s with value %s", typeName(input), shown(input))
	case absent(format):
		return parseDate(env, string(textOf(input)), zone)
	}
	s := string(textOf(input))
	p := dateParser{rest: s, given: zone, month: 1, day: 1, isoWeek: 1, isoDay: 1}
	if err := p.parseAs(string(textOf(format))); err != nil {
		return missing, err
	}
	return p.date(env, s)
}

// parseDate reads a date as MongoDB's date parser does where that is ISO 8601,
// with a space for the T and slashes for dashes allowed, and a time zone's name
// at the end. zone is that of a date without one, nil for UTC; a date may not
// have one when it is given.
func parseDate(env *Env, s string, zone *time.Location) (value, error) {
	p := dateParser{rest: strings.TrimSpace(s), given: zone, month: 1, day: 1, isoWeek: 1, isoDay: 1}
	if !p.iso() || p.rest != "" {
		return missing, errParse(s)
	}
	return p.date(env, s)
}

func errParse(s string) error {
	return store.BadRequest(codeConversionFailed, "Error parsing date string '%s'", shownText(s))
}

// dateParser reads the parts of a date from a text.
type dateParser struct {
	rest                                      string
	given                                     *time.Location
	zone                                      *time.Location // of the text; nil for none
	year, month, day, hour, minute, second    int
	millis, yearDay, isoYear, isoWeek, isoDay int
}

// number reads from least to most digits.
func (p *dateParser) number(least, most int, into *int) bool {
	n := 0
	for n < most && n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	if n < least {
		return false
	}
	*into, _ = strconv.Atoi(p.rest[:n]) // digits only
	p.rest = p.rest[n:]
	return true
}

// any reads one of the characters.
func (p *dateParser) any(of string) bool {
	if p.rest == "" || strings.IndexByte(of, p.rest[0]) < 0 {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *dateParser) iso() bool {
	if !p.number(4, 4, &p.year) {
		return false
	}
	if p.any("-/") {
		if !p.number(1, 2, &p.month) || p.any("-/") && !p.number(1, 2, &p.day) {
			return false
		}
	} else if !p.number(2, 2, &p.month) || !p.number(2, 2, &p.day) {
		return false
	}
	if p.any("Tt ") {
		p.rest = strings.TrimLeft(p.rest, " ")
		if !p.clock() {
			return false
		}
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	return p.rest == "" || p.zoneName()
}

// clock reads hh:mm, hh:mm:ss and hh:mm:ss.fraction.
func (p *dateParser) clock() bool {
	if !p.number(1, 2, &p.hour) || !p.any(":") || !p.number(2, 2, &p.minute) {
		return false
	}
	if !p.any(":") {
		return true
	}
	if !p.number(2, 2, &p.second) {
		return false
	}
	if p.any(".,") {
		return p.fraction(9)
	}
	return true
}

// fraction reads digits of a second, as milliseconds.
func (p *dateParser) fraction(most int) bool {
	before := len(p.rest)
	if !p.number(1, most, &p.millis) {
		return false
	}
	digits := before - len(p.rest)
	for ; digits < 3; digits++ {
		p.millis *= 10
	}
	for ; digits > 3; digits-- {
		p.millis /= 10
	}
	return true
}

// zoneName reads the rest as a time zone.
func (p *dateParser) zoneName() bool {
	zone, err := loadZone(p.rest)
	p.zone, p.rest = zone, ""
	return err == nil
}

// parseAs reads the text as a format says.
func (p *dateParser) parseAs(layout string) error {
	s := p.rest
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			if !p.any(layout[i : i+1]) {
				return errParse(s)
			}
			continue
		}
		if i++; i == len(layout) {
			return store.BadRequest(18535, "Unmatched '%%' at end of format string")
		}
		ok, known := p.part(layout[i])
		switch {
		case !known:
			return store.BadRequest(18536, "Invalid format character '%%%c' in format string", layout[i])
		case !ok:
			return errParse(s)
		}
	}
	if p.rest != "" {
		return errParse(s)
	}
	return nil
}

// part reads the part of a date that a format character names.
func (p *dateParser) part(c byte) (ok, known bool) {
	switch c {
	case 'Y':
		return p.number(4, 4, &p.year), true
	case 'm':
		return p.number(1, 2, &p.month), true
	case 'd':
		return p.number(1, 2, &p.day), true
	case 'H':
		return p.number(1, 2, &p.hour), true
	case 'M':
		return p.number(1, 2, &p.minute), true
	case 'S':
		return p.number(1, 2, &p.second), true
	case 'L':
		return p.fraction(3), true
	case 'j':
		return p.number(1, 3, &p.yearDay), true
	case 'G':
		return p.number(4, 4, &p.isoYear), true
	case 'V':
		return p.number(1, 2, &p.isoWeek), true
	case 'u':
		return p.number(1, 1, &p.isoDay), true
	case 'b', 'B':
		return p.monthName(c == 'B'), true
	case 'z', 'Z':
		return p.offset(c == 'Z'), true
	case '%':
		return p.any("%"), true
	}
	return false, false
}

func (p *dateParser) monthName(full bool) bool {
	for m := time.January; m <= time.December; m++ {
		name := m.String()
		if !full {
			name = name[:3]
		}
		if len(p.rest) >= len(name) && strings.EqualFold(p.rest[:len(name)], name) {
			p.month, p.rest = int(m), p.rest[len(name):]
			return true
		}
	}
	return false
}

// offset reads an offset from UTC, in minutes or as +hhmm.
func (p *dateParser) offset(minutes bool) bool {
	if p.any("Zz") {
		p.zone = time.UTC
		return true
	}
	end := 0
	for end < len(p.rest) && strings.IndexByte("+-0123456789:", p.rest[end]) >= 0 {
		end++
	}
	text := p.rest[:end]
	p.rest = p.rest[end:]
	seconds, ok := parseOffset(text)
	if minutes {
		n, err := strconv.ParseInt(text, 10, 16)
		seconds, ok = int(n)*60, err == nil
	}
	p.zone = time.FixedZone(text, seconds)
	return ok
}

// date returns the date of the parts that were read.
func (p *dateParser) date(env *Env, s string) (value, error) {
	zone := p.zone
	switch {
	case p.zone != nil && p.given != nil:
		return missing, store.BadRequest(codeConversionFailed,
			"you cannot pass in a date/time string with time zone information ('%s') together with a timezone argument", shownText(s))
	case zone == nil && p.given != nil:
		zone = p.given
	case zone == nil:
		zone = time.UTC
	}
	if p.month < 1 || p.month > 12 || p.day < 1 || p.day > daysIn(p.year, time.Month(p.month)) ||
		p.hour > 24 || p.minute > 59 || p.second > 60 || p.isoWeek < 1 || p.isoWeek > 53 || p.isoDay < 1 || p.isoDay > 7 || p.yearDay > 366 {
		return missing, errParse(s)
	}
	year, month, dayOfMonth := p.year, p.month, p.day
	switch {
	case p.isoYear > 0:
		year, month, dayOfMonth = isoDate(p.isoYear, p.isoWeek, p.isoDay)
	case p.yearDay > 0:
		month, dayOfMonth = 1, p.yearDay
	}
	t := time.Date(year, time.Month(month), dayOfMonth, p.hour, p.minute, p.second, 0, zone)
	return env.millis(t.UnixMilli() + int64(p.millis)), nil
}

// isoDate returns the day, counted from the beginning of January, on which an
// ISO week's day is. The first week is the one with January 4.
func isoDate(isoYear, week, weekday int) (year, month, day int) {
	fourth := time.Date(isoYear, 1, 4, 0, 0, 0, 0, time.UTC)
	return isoYear, 1, 4 - int(isoWeekday(fourth)) + (week-1)*7 + weekday
}
