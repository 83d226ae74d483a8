package query

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// relativeTime decodes {"$relativeTime": "3 days ago"}, the operand o of op.
func relativeTime(op string, o *parse.Object, v parse.Value) (Constraint, error) {
	s, ok := v.(parse.String)
	if !ok || len(o.Members) != 1 {
		return nil, badAtom(o)
	}
	if op == "$eq" || op == "$ne" {
		return nil, parse.NewError(parse.InvalidJSON, "$relativeTime can only be used with the $lt, $lte, $gt, and $gte operators")
	}
	if _, problem := relativeOffset(string(s)); problem != "" {
		return nil, parse.Errorf(parse.InvalidJSON, "bad $relativeTime (%s) value. %s", string(s), problem)
	}
	return &RelativeTime{Op: op, Text: string(s)}, nil
}

// At resolves the time against now.
func (r *RelativeTime) At(now time.Time) parse.Date {
	ms, _ := relativeOffset(r.Text)
	return parse.DateOf(now) + parse.Date(ms)
}

// maxOffset is the span of JavaScript's dates, in milliseconds.
const maxOffset = 8.64e15

// relativeOffset reads "now", "in 2 hours 5 minutes" or "3 days ago" as a
// number of milliseconds from now, or says what is wrong with it.
func relativeOffset(text string) (ms int64, problem string) {
	text = strings.ToLower(text)
	if text == "now" {
		return 0, ""
	}
	parts := strings.Fields(text)
	future := len(parts) > 0 && parts[0] == "in"
	past := len(parts) > 0 && parts[len(parts)-1] == "ago"
	switch {
	case future && past:
		return 0, "Time cannot have both 'in' and 'ago'"
	case future:
		parts = parts[1:]
	case past:
		parts = parts[:len(parts)-1]
	default:
		return 0, "Time should either start with 'in' or end with 'ago'"
	}
	if len(parts)%2 != 0 {
		return 0, "Invalid time string. Dangling unit or number."
	}
	total := 0.0
	for ; len(parts) > 0; parts = parts[2:] {
		n, err := strconv.ParseFloat(parts[0], 64)
		if err != nil || n != math.Trunc(n) || math.IsInf(n, 0) {
			return 0, "'" + parts[0] + "' is not an integer."
		}
		seconds := unitSeconds(parts[1])
		if seconds == 0 {
			return 0, "Invalid interval: '" + parts[1] + "'"
		}
		total += n * seconds * 1000
	}
	if !(math.Abs(total) <= maxOffset) {
		return 0, "Time is out of range."
	}
	if past {
		total = -total
	}
	return int64(total), ""
}

// unitSeconds gives the length of a unit of time in seconds, 0 for an unknown one.
func unitSeconds(unit string) float64 {
	switch unit {
	case "yr", "yrs", "year", "years":
		return 365 * 86400
	case "wk", "wks", "week", "weeks":
		return 7 * 86400
	case "d", "day", "days":
		return 86400
	case "hr", "hrs", "hour", "hours":
		return 3600
	case "min", "mins", "minute", "minutes":
		return 60
	case "sec", "secs", "second", "seconds":
		return 1
	}
	return 0
}
