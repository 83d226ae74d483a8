package expression

import (
	"math"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/loam-baas/loam/internal/store"
	"github.com/loam-baas/loam/internal/store/match"
)

// unit is a unit of time: of some milliseconds, days or months.
type unit struct {
	millis       int64
	days, months int64
	week         bool
}

// unitOf reads the operand unit; ok is false when it is null.
func unitOf(v value) (u unit, ok bool, err error) {
	switch {
	case nullish(v):
		return unit{}, false, nil
	case v.Type != bson.TypeString:
		return unit{}, false, store.BadRequest(5439013, "unit must be a string, found %s", typeName(v))
	}
	switch string(textOf(v)) {
	case "millisecond":
		return unit{millis: 1}, true, nil
	case "second":
		return unit{millis: 1000}, true, nil
	case "minute":
		return unit{millis: 60_000}, true, nil
	case "hour":
		return unit{millis: hour}, true, nil
	case "day":
		return unit{days: 1}, true, nil
	case "week":
		return unit{days: 7, week: true}, true, nil
	case "month":
		return unit{months: 1}, true, nil
	case "quarter":
		return unit{months: 3}, true, nil
	case "year":
		return unit{months: 12}, true, nil
	}
	return unit{}, false, store.BadRequest(codeFailedToParse, "unknown time unit value: %s", shown(v))
}

const (
	hour = 3_600_000
	day  = 24 * hour
)

// weekdayOf reads the operand startOfWeek, Sunday if it is absent; ok is false
// when it is null.
func weekdayOf(v value) (d time.Weekday, ok bool, err error) {
	switch {
	case absent(v):
		return time.Sunday, true, nil
	case nullish(v):
		return 0, false, nil
	case v.Type != bson.TypeString:
		return 0, false, store.BadRequest(5439015, "startOfWeek must be a string, found %s", typeName(v))
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := string(textOf(v)); strings.EqualFold(name, d.String()) || strings.EqualFold(name, d.String()[:3]) {
			return d, true, nil
		}
	}
	return 0, false, store.BadRequest(codeFailedToParse, "unknown day of week value: %s", shown(v))
}

// startDate returns the time that an operand of an operator on units is.
func startDate(env *Env, code int32, name, what string, date, timezone value) (t time.Time, ok bool, err error) {
	if _, isDate := asDate(date); !isDate && !nullish(date) {
		return t, false, store.BadRequest(code, "%s requires '%s' to be a date, found: %s", name, what, typeName(date))
	}
	return env.time(date, timezone)
}

var operandsOfDateAdd = []operand{{"startDate", 5166402}, {"unit", 5166402}, {"amount", 5166402}, {"timezone", 0}}

func dateAdd(env *Env, name string, args []value, sign int64) (value, error) {
	u, ok, err := unitOf(args[1])
	if err != nil {
		return missing, err
	}
	t, isTime, err := startDate(env, 5166403, name, "startDate", args[0], args[3])
	switch {
	case err != nil:
		return missing, err
	case !ok || !isTime || nullish(args[2]):
		return null, nil
	}
	amount, whole := match.Whole(args[2])
	if !whole || !isNumber(args[2]) {
		return missing, store.BadRequest(5166405, "%s expects integer amount of time units", name)
	}
	if sign < 0 && amount == math.MinInt64 {
		return missing, errDateOverflow
	}
	return u.add(env, t, sign*amount)
}

// maxYears is more than the years that a date's milliseconds can tell apart.
const maxYears = 600_000_000

// add returns the date that lies n units after t. A day that a month does not
// have becomes its last one.
func (u unit) add(env *Env, t time.Time, n int64) (value, error) {
	switch {
	case u.millis > 0:
		n, overflow := match.MultiplyIntegers(n, u.millis)
		if sum, late := addition.integers(t.UnixMilli(), n); !overflow && !late {
			return env.millis(sum), nil
		}
		return missing, errDateOverflow
	case n > 12*maxYears || n < -12*maxYears:
		if u.months > 0 || n > 366*maxYears || n < -366*maxYears {
			return missing, errDateOverflow
		}
	}
	year, month, dayOfMonth := t.Date()
	var moved time.Time
	if u.days > 0 {
		moved = atDay(t, year, month, dayOfMonth+int(n*u.days))
	} else {
		months := int64(year)*12 + int64(month) - 1 + n*u.months
		year, month = int(floorDivide(months, 12)), time.Month(floorModulo(months, 12)+1)
		moved = atDay(t, year, month, min(dayOfMonth, daysIn(year, month)))
	}
	if y := moved.Year(); y > maxYear || y < -maxYear {
		return missing, errDateOverflow
	}
	return env.millis(moved.UnixMilli()), nil
}

// maxYear is the last whole year of a date.
const maxYear = 292_278_993

// atDay returns t on another day.
func atDay(t time.Time, year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func floorDivide(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorModulo(a, b int64) int64 { return a - b*floorDivide(a, b) }

// localMillis returns t as its clock shows it, in milliseconds.
func localMillis(t time.Time) int64 { return t.UnixMilli() + offset(t) }

// offset returns how far t's clock is ahead of UTC, in milliseconds.
func offset(t time.Time) int64 {
	_, seconds := t.Zone()
	return int64(seconds) * 1000
}

func localDay(t time.Time) int64 { return floorDivide(localMillis(t), day) }

func localMonth(t time.Time) int64 { return int64(t.Year())*12 + int64(t.Month()) - 1 }

// dateDiff counts the boundaries of units between two dates.
func dateDiff(env *Env, args []value) (value, error) {
	u, ok, err := unitOf(args[2])
	if err != nil {
		return missing, err
	}
	start, startOK, err := startDate(env, 5166307, "$dateDiff", "startDate", args[0], args[3])
	if err != nil {
		return missing, err
	}
	end, endOK, err := startDate(env, 5166307, "$dateDiff", "endDate", args[1], args[3])
	if err != nil {
		return missing, err
	}
	first := time.Sunday
	weekOK := true
	if u.week {
		if first, weekOK, err = weekdayOf(args[4]); err != nil {
			return missing, err
		}
	}
	if !ok || !startOK || !endOK || !weekOK {
		return null, nil
	}
	var from, to int64
	switch {
	case u.months > 0:
		from, to = floorDivide(localMonth(start), u.months), floorDivide(localMonth(end), u.months)
	case u.week:
		// Day 0 was a Thursday.
		shift := int64(time.Thursday - first)
		from, to = floorDivide(localDay(start)+shift, 7), floorDivide(localDay(end)+shift, 7)
	case u.days > 0:
		from, to = localDay(start), localDay(end)
	default:
		// Hours pass as they do in UTC, and begin where the clock's do.
		from = floorDivide(start.UnixMilli()+offset(start)%hour, u.millis)
		to = floorDivide(end.UnixMilli()+offset(end)%hour, u.millis)
	}
	n, overflow := subtraction.integers(to, from)
	if overflow {
		return missing, errDateOverflow
	}
	return env.int64(n), nil
}

// The bins of $dateTrunc are counted from 2000 on, which began with a Saturday.
const (
	originDay   = 10957
	originMonth = 2000 * 12
)

func dateTrunc(env *Env, args []value) (value, error) {
	u, ok, err := unitOf(args[1])
	if err != nil {
		return missing, err
	}
	t, isTime, err := startDate(env, 5439012, "$dateTrunc", "date", args[0], args[3])
	if err != nil {
		return missing, err
	}
	size := int64(1)
	if bin := args[2]; !absent(bin) {
		if nullish(bin) {
			return null, nil
		}
		whole := false
		if size, whole = match.Whole(bin); !whole || !isNumber(bin) {
			return missing, store.BadRequest(5439017, "$dateTrunc requires 'binSize' to be a 64-bit integer, but got value '%s' of type %s", shown(bin), typeName(bin))
		}
		if size <= 0 {
			return missing, store.BadRequest(5439018, "$dateTrunc requires 'binSize' to be greater than 0, but got value %d", size)
		}
	}
	first := time.Sunday
	weekOK := true
	if u.week {
		if first, weekOK, err = weekdayOf(args[4]); err != nil {
			return missing, err
		}
	}
	if !ok || !isTime || !weekOK {
		return null, nil
	}
	return u.truncate(env, t, size, first)
}

// truncate returns the beginning of the bin of size units that t is in.
func (u unit) truncate(env *Env, t time.Time, size int64, first time.Weekday) (value, error) {
	step, overflow := match.MultiplyIntegers(size, max(u.millis, u.days, u.months))
	if overflow {
		return missing, errDateOverflow
	}
	switch {
	case u.months > 0:
		months := binned(localMonth(t), originMonth, step)
		year, month := floorDivide(months, 12), floorModulo(months, 12)+1
		if year < -maxYear || year > maxYear {
			return missing, errDateOverflow
		}
		return env.millis(time.Date(int(year), time.Month(month), 1, 0, 0, 0, 0, t.Location()).UnixMilli()), nil
	case u.days > 0:
		origin := int64(originDay)
		if u.week {
			origin += int64(first-time.Saturday+7) % 7
		}
		n := binned(localDay(t), origin, step)
		if n < -366*maxYear || n > 366*maxYear {
			return missing, errDateOverflow
		}
		start := time.Date(1970, 1, 1+int(n), 0, 0, 0, 0, t.Location())
		return env.millis(start.UnixMilli()), nil
	}
	shift := offset(t)
	n := binned(t.UnixMilli()+shift, originDay*day, step) - shift
	return env.millis(n), nil
}

// binned returns the beginning of n's bin, counted from an origin.
func binned(n, origin, size int64) int64 { return origin + floorDivide(n-origin, size)*size }
