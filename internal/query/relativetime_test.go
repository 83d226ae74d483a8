package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/query"
)

func TestRelativeTime(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		text    string
		offset  time.Duration
		problem string
	}{
		{"now", 0, ""},
		{"NOW", 0, ""},
		{"in 1 day", day, ""},
		{"3 days ago", -3 * day, ""},
		{"in 2 hours 5 minutes", 2*time.Hour + 5*time.Minute, ""},
		{"1 yr 2 wks 3 d 4 hrs 5 mins 6 secs ago", -(365*day + 14*day + 3*day + 4*time.Hour + 5*time.Minute + 6*time.Second), ""},
		{"in 1 year 1 week 1 hr 1 hour 1 min 1 sec 1 second", 365*day + 7*day + 2*time.Hour + time.Minute + 2*time.Second, ""},
		{"In  1   DAY", day, ""},
		{"in -1 days", -day, ""},
		{"in 1e1 days", 10 * day, ""},
		{"ago", 0, ""},
		{"", 0, "Time should either start with 'in' or end with 'ago'"},
		{" now", 0, "Time should either start with 'in' or end with 'ago'"},
		{"1 day", 0, "Time should either start with 'in' or end with 'ago'"},
		{"in 1 day ago", 0, "Time cannot have both 'in' and 'ago'"},
		{"in 1", 0, "Invalid time string. Dangling unit or number."},
		{"in x days", 0, "'x' is not an integer."},
		{"in 1.5 days", 0, "'1.5' is not an integer."},
		{"in NaN days", 0, "'nan' is not an integer."},
		{"in 1e400 days", 0, "'1e400' is not an integer."},
		{"in 1 fortnight", 0, "Invalid interval: 'fortnight'"},
		{"in 999999999999 years", 0, "Time is out of range."},
	} {
		where := fmt.Sprintf(`{"played":{"$gte":{"$relativeTime":%q}}}`, tt.text)
		w, err := decodeWhere(t, where, query.Limits{})
		if tt.problem != "" {
			checkError(t, where, err, parse.InvalidJSON, "bad $relativeTime ("+tt.text+") value. "+tt.problem)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		r := w.Nodes[0].(*query.Field).Constraints[0].(*query.RelativeTime)
		if got, want := r.At(now), parse.DateOf(now.Add(tt.offset)); got != want {
			t.Errorf("%q is %v, want %v", tt.text, got.Time(), want.Time())
		}
	}
}
