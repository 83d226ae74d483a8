package parse

// maxDate is the last millisecond, before and after the Unix epoch, that a
// JavaScript Date holds.
const maxDate = 8_640_000_000_000_000

const msPerDay = 86_400_000

// FormatDate renders milliseconds since the Unix epoch as JavaScript's
// Date.toISOString does: "2011-08-21T18:02:52.249Z", with a sign and six digits
// for years outside 0…9999.
func FormatDate(ms int64) string {
	var buf [27]byte
	return string(AppendDate(buf[:0], ms))
}

// AppendDate appends what FormatDate returns. A date that JavaScript cannot hold
// is cut to the nearest one that it can.
func AppendDate(dst []byte, ms int64) []byte {
	ms = min(max(ms, -maxDate), maxDate)
	days := floorDiv(ms, msPerDay)
	rest := int(ms - days*msPerDay)
	year, month, day := civil(days)
	switch {
	case year < 0:
		year = -year
		dst = appendTwo(append(dst, '-'), year/10_000)
	case year > 9999:
		dst = appendTwo(append(dst, '+'), year/10_000)
	}
	dst = appendTwo(dst, year/100%100)
	dst = appendTwo(dst, year%100)
	dst = appendTwo(append(dst, '-'), month)
	dst = appendTwo(append(dst, '-'), day)
	dst = appendTwo(append(dst, 'T'), rest/3_600_000)
	dst = appendTwo(append(dst, ':'), rest/60_000%60)
	dst = appendTwo(append(dst, ':'), rest/1000%60)
	dst = appendTwo(append(dst, '.'), rest%1000/10)
	return append(dst, byte('0'+rest%10), 'Z')
}

// appendTwo appends a number of two digits.
func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civil turns days since the Unix epoch into a date of the proleptic Gregorian
// calendar. Years are reckoned from 1 March, so that the leap day is the last.
func civil(days int64) (year, month, day int) {
	days += 719_468 // from 0000-03-01
	era := floorDiv(days, 146_097)
	d := days - era*146_097 // of the 400-year era
	y := (d - d/1460 + d/36_524 - d/146_096) / 365
	d -= 365*y + y/4 - y/100 // of the year
	m := (5*d + 2) / 153     // March is 0
	day = int(d-(153*m+2)/5) + 1
	month = int(m) + 3
	year = int(y + era*400)
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// daysOf is the inverse of civil. A day past the month's end runs on into the next.
func daysOf(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
		month += 12
	}
	era := floorDiv(y, 400)
	y -= era * 400
	d := int64((153*(month-3)+2)/5+day-1) + 365*y + y/4 - y/100
	return era*146_097 + d - 719_468
}

// ParseDate reads a date in the ISO 8601 forms that a JavaScript Date accepts
// (a date alone, a time with or without seconds and fraction, "Z" or an offset,
// years of four digits or of a sign and six) into milliseconds since the Unix
// epoch. Without an offset it is UTC; a finer fraction is cut.
func ParseDate(s string) (ms int64, ok bool) {
	p := dateParser{s: s}
	year, month, day := p.year(), 1, 1
	if p.skip('-') {
		month = p.digits(2)
		if p.skip('-') {
			day = p.digits(2)
		}
	}
	var hour, minute, second, milli, offset int
	if p.skip('T') || p.skip('t') || p.skip(' ') {
		hour = p.digits(2)
		p.need(':')
		minute = p.digits(2)
		if p.skip(':') {
			second = p.digits(2)
			if p.skip('.') {
				milli = p.fraction()
			}
		}
		offset = p.offset()
	}
	if p.failed || p.s != "" || month < 1 || month > 12 || day < 1 || day > 31 ||
		hour > 24 || minute > 59 || second > 59 || hour == 24 && minute+second+milli > 0 {
		return 0, false
	}
	minutes := (daysOf(year, month, day)*24+int64(hour))*60 + int64(minute-offset)
	ms = (minutes*60+int64(second))*1000 + int64(milli)
	return ms, ms >= -maxDate && ms <= maxDate
}

// dateParser reads a date's parts off the front of s.
type dateParser struct {
	s      string
	failed bool
}

func (p *dateParser) skip(c byte) bool {
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

func (p *dateParser) need(c byte) { p.failed = !p.skip(c) || p.failed }

func (p *dateParser) digits(n int) (v int) {
	if len(p.s) < n {
		p.failed = true
		return 0
	}
	for i := 0; i < n; i++ {
		p.failed = p.failed || !isDigit(p.s[i])
		v = v*10 + int(p.s[i]-'0')
	}
	p.s = p.s[n:]
	return v
}

func (p *dateParser) year() int {
	switch {
	case p.skip('+'):
		return p.digits(6)
	case p.skip('-'):
		y := p.digits(6)
		p.failed = p.failed || y == 0 // JavaScript has no -000000
		return -y
	}
	return p.digits(4)
}

// fraction reads digits behind the decimal point as milliseconds.
func (p *dateParser) fraction() (ms int) {
	n := 0
	for ; p.s != "" && isDigit(p.s[0]); n++ {
		if n < 3 {
			ms = ms*10 + int(p.s[0]-'0')
		}
		p.s = p.s[1:]
	}
	p.failed = p.failed || n == 0
	for ; n < 3; n++ {
		ms *= 10
	}
	return ms
}

// offset reads "Z" or an offset from UTC, in minutes.
func (p *dateParser) offset() int {
	sign := 1
	switch {
	case p.s == "" || p.skip('Z') || p.skip('z'):
		return 0
	case p.skip('-'):
		sign = -1
	default:
		p.need('+')
	}
	h := p.digits(2)
	p.skip(':')
	m := p.digits(2)
	p.failed = p.failed || h > 23 || m > 59
	return sign * (h*60 + m)
}
