package expression

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // what runs us may have no time zones

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
)

// asDate returns the time of a date, a timestamp or an object id, in
// milliseconds since 1970.
func asDate(v value) (millis int64, ok bool) {
	switch v.Type {
	case bson.TypeDateTime:
		return int64Of(v), true
	case bson.TypeTimestamp:
		return int64(binary.LittleEndian.Uint32(v.Value[4:])) * 1000, true
	case bson.TypeObjectID:
		return int64(binary.BigEndian.Uint32(v.Value)) * 1000, true
	}
	return 0, false
}

func errNoDate(v value) error {
	return store.BadRequest(16006, "can't convert from BSON type %s to Date", typeName(v))
}

// zone returns the time zone of an operand: UTC if it is absent, nil if it is
// null.
func (env *Env) zone(v value) (*time.Location, error) {
	switch {
	case absent(v):
		return time.UTC, nil
	case nullish(v):
		return nil, nil
	case v.Type != bson.TypeString:
		return nil, store.BadRequest(40517, "timezone must evaluate to a string, found %s", typeName(v))
	}
	name := string(textOf(v))
	if zone, ok := env.zones[name]; ok {
		return zone, nil
	}
	zone, err := loadZone(name)
	if err != nil {
		return nil, err
	}
	if env.zones == nil || len(env.zones) == maxKnown {
		env.zones = map[string]*time.Location{}
	}
	env.zones[name] = zone
	return zone, nil
}

// loadZone returns the time zone of an Olson name or of an offset from UTC.
func loadZone(name string) (*time.Location, error) {
	if seconds, ok := parseOffset(name); ok {
		return time.FixedZone(name, seconds), nil
	}
	switch strings.ToUpper(name) {
	case "UTC", "GMT", "Z", "ZULU":
		return time.UTC, nil
	case "", "LOCAL":
		return nil, errUnknownZone(name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, errUnknownZone(name)
	}
	return zone, nil
}

func errUnknownZone(name string) error {
	return store.BadRequest(40485, "unrecognized time zone identifier: %q", shownText(name))
}

// parseOffset reads +hh, +hhmm or +hh:mm, in seconds.
func parseOffset(s string) (seconds int, ok bool) {
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	digits := s[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = digits[:2] + digits[3:]
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	switch {
	case err != nil || len(digits) != 2 && len(digits) != 4:
		return 0, false
	case len(digits) == 2:
		n *= 100
	}
	seconds = int(n/100*60+n%100) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// dateParts are the operators that take a part of a date.
var dateParts = map[string]func(t time.Time) int64{
	"$year":         func(t time.Time) int64 { return int64(t.Year()) },
	"$month":        func(t time.Time) int64 { return int64(t.Month()) },
	"$dayOfMonth":   func(t time.Time) int64 { return int64(t.Day()) },
	"$hour":         func(t time.Time) int64 { return int64(t.Hour()) },
	"$minute":       func(t time.Time) int64 { return int64(t.Minute()) },
	"$second":       func(t time.Time) int64 { return int64(t.Second()) },
	"$millisecond":  func(t time.Time) int64 { return int64(t.Nanosecond() / 1e6) },
	"$dayOfWeek":    func(t time.Time) int64 { return int64(t.Weekday()) + 1 },
	"$dayOfYear":    func(t time.Time) int64 { return int64(t.YearDay()) },
	"$week":         weekOfYear,
	"$isoWeek":      func(t time.Time) int64 { _, week := t.ISOWeek(); return int64(week) },
	"$isoWeekYear":  func(t time.Time) int64 { year, _ := t.ISOWeek(); return int64(year) },
	"$isoDayOfWeek": isoWeekday,
}

// weekOfYear counts weeks from the first Sunday on; the days before it are in
// week 0.
func weekOfYear(t time.Time) int64 { return int64(t.YearDay()+6-int(t.Weekday())) / 7 }

// isoWeekday counts from 1 for Monday.
func isoWeekday(t time.Time) int64 { return int64(t.Weekday()+6)%7 + 1 }

// datePart compiles {$year: date} and {$year: {date: …, timezone: …}}.
func (c compiler) datePart(name string, v value) (node, error) {
	part := dateParts[name]
	do := func(env *Env, args []value) (value, error) {
		t, ok, err := env.time(args[0], args[1])
		switch {
		case err != nil:
			return missing, err
		case !ok:
			return null, nil
		case name == "$isoWeekYear":
			return env.int64(part(t)), nil
		}
		return env.int32(int32(part(t))), nil
	}
	if v.Type == bson.TypeEmbeddedDocument && !isOperator(v) {
		return c.named(name, named{40539, 40535, []operand{{"date", 40539}, {"timezone", 0}}, do}, v)
	}
	args, err := c.list(v)
	if err != nil {
		return nil, err
	}
	if len(args) != 1 {
		return nil, store.BadRequest(40536, "%s accepts exactly one argument if given an array, but was given %d", name, len(args))
	}
	return folded(&call{do: do, args: append(args, nil)}, args...), nil
}

// time returns the time that a date and a time zone are; ok is false when one of
// them is null.
func (env *Env) time(date, timezone value) (t time.Time, ok bool, err error) {
	zone, err := env.zone(timezone)
	if err != nil || zone == nil || nullish(date) {
		return time.Time{}, false, err
	}
	millis, ok := asDate(date)
	if !ok {
		return time.Time{}, false, errNoDate(date)
	}
	return time.UnixMilli(millis).In(zone), true, nil
}

var dateFunctions = map[string]function{
	"$tsSecond":    {1, 1, timestampPart("$tsSecond", 5687301, 4)},
	"$tsIncrement": {1, 1, timestampPart("$tsIncrement", 5687302, 0)},
}

func timestampPart(name string, code int32, at int) evaluator {
	return func(env *Env, args []value) (value, error) {
		switch {
		case nullish(args[0]):
			return null, nil
		case args[0].Type != bson.TypeTimestamp:
			return missing, store.BadRequest(code, "Argument to %s must be a timestamp, but is %s", name, typeName(args[0]))
		}
		return env.int64(int64(binary.LittleEndian.Uint32(args[0].Value[at:]))), nil
	}
}

var dateOperators = map[string]named{
	"$dateToParts": {40524, 40520, []operand{{"date", 40522}, {"timezone", 0}, {"iso8601", 0}}, dateToParts},
	"$dateFromParts": {40519, 40518, []operand{
		{"year", 0}, {"isoWeekYear", 0}, {"month", 0}, {"day", 0}, {"isoWeek", 0}, {"isoDayOfWeek", 0},
		{"hour", 0}, {"minute", 0}, {"second", 0}, {"millisecond", 0}, {"timezone", 0},
	}, dateFromParts},
	"$dateAdd": {5166400, 5166401, operandsOfDateAdd, func(env *Env, args []value) (value, error) {
		return dateAdd(env, "$dateAdd", args, 1)
	}},
	"$dateSubtract": {5166400, 5166401, operandsOfDateAdd, func(env *Env, args []value) (value, error) {
		return dateAdd(env, "$dateSubtract", args, -1)
	}},
	"$dateDiff": {5166301, 5166302, []operand{
		{"startDate", 5166303}, {"endDate", 5166304}, {"unit", 5166305}, {"timezone", 0}, {"startOfWeek", 0},
	}, dateDiff},
	"$dateTrunc": {5439007, 5439008, []operand{
		{"date", 5439009}, {"unit", 5439010}, {"binSize", 0}, {"timezone", 0}, {"startOfWeek", 0},
	}, dateTrunc},
}

func dateToParts(env *Env, args []value) (value, error) {
	iso := args[2]
	switch {
	case absent(iso):
		iso = no
	case nullish(iso):
		return null, nil
	case iso.Type != bson.TypeBoolean:
		return missing, store.BadRequest(40521, "iso8601 must evaluate to a bool, found %s", typeName(iso))
	}
	t, ok, err := env.time(args[0], args[1])
	if err != nil || !ok {
		return null, err
	}
	names := []string{"year", "month", "day"}
	numbers := []int64{int64(t.Year()), int64(t.Month()), int64(t.Day())}
	if iso.Boolean() {
		year, week := t.ISOWeek()
		names = []string{"isoWeekYear", "isoWeek", "isoDayOfWeek"}
		numbers = []int64{int64(year), int64(week), isoWeekday(t)}
	}
	names = append(names, "hour", "minute", "second", "millisecond")
	numbers = append(numbers, int64(t.Hour()), int64(t.Minute()), int64(t.Second()), int64(t.Nanosecond()/1e6))
	b := env.document()
	for i, name := range names {
		if err := b.set([]byte(name), env.int32(int32(numbers[i]))); err != nil {
			return missing, err
		}
	}
	return b.done(), nil
}

// partNames are the parts of $dateFromParts, in the order of its operands.
var partNames = [...]string{"year", "isoWeekYear", "month", "day", "isoWeek", "isoDayOfWeek", "hour", "minute", "second", "millisecond"}

func dateFromParts(env *Env, args []value) (value, error) {
	zone, err := env.zone(args[10])
	if err != nil {
		return missing, err
	}
	iso := !absent(args[1])
	switch {
	case iso && (!absent(args[0]) || !absent(args[2]) || !absent(args[3])):
		return missing, store.BadRequest(40489, "$dateFromParts does not allow mixing natural dates with ISO dates")
	case !iso && absent(args[0]):
		return missing, store.BadRequest(40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present")
	case !iso && (!absent(args[4]) || !absent(args[5])):
		return missing, store.BadRequest(40489, "$dateFromParts does not allow mixing natural dates with ISO dates")
	}
	parts := [len(partNames)]int{2: 1, 3: 1, 4: 1, 5: 1}
	for i, name := range partNames {
		v := args[i]
		if absent(v) {
			continue
		}
		if nullish(v) {
			return null, nil
		}
		n, ok := int32Of(v)
		switch {
		case !ok:
			return missing, store.BadRequest(40515, "'%s' must evaluate to an integer, found %s with value %s", name, typeName(v), shown(v))
		case i < 2 && (n < 1 || n > 9999):
			return missing, store.BadRequest(40523, "'%s' must evaluate to an integer in the range 1 to 9999, found %d", name, n)
		case i >= 2 && (n < -32768 || n > 32767):
			return missing, store.BadRequest(31034, "'%s' must evaluate to a value in the range [-32768, 32767]; value %d is not", name, n)
		}
		parts[i] = int(n)
	}
	if zone == nil {
		return null, nil
	}
	year, month, day := parts[0], parts[2], parts[3]
	if iso {
		year, month, day = isoDate(parts[1], parts[4], parts[5])
	}
	t := time.Date(year, time.Month(month), day, parts[6], parts[7], parts[8], 0, zone)
	return env.millis(t.UnixMilli() + int64(parts[9])), nil
}
