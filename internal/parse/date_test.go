package parse_test

import (
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// The table says what Node makes of each text: new Date(text).toISOString().
func TestParseDate(t *testing.T) {
	tests := []struct{ text, want string }{
		{"2011-08-21T18:02:52.249Z", "2011-08-21T18:02:52.249Z"},
		{"2011", "2011-01-01T00:00:00.000Z"},
		{"2011-08", "2011-08-01T00:00:00.000Z"},
		{"2011-08-21", "2011-08-21T00:00:00.000Z"},
		{"2011-02-30", "2011-03-02T00:00:00.000Z"},
		{"2011-02-30T00:00:00Z", "2011-03-02T00:00:00.000Z"},
		{"2011-08-21T18:02Z", "2011-08-21T18:02:00.000Z"},
		{"2011-08-21T18:02:52Z", "2011-08-21T18:02:52.000Z"},
		{"2011-08-21T18:02:52.2Z", "2011-08-21T18:02:52.200Z"},
		{"2011-08-21T18:02:52.24999Z", "2011-08-21T18:02:52.249Z"},
		{"2011-08-21T24:00:00Z", "2011-08-22T00:00:00.000Z"},
		{"2011-08-21T18:02:52+0100", "2011-08-21T17:02:52.000Z"},
		{"2011-08-21T18:02:52+01:00", "2011-08-21T17:02:52.000Z"},
		{"2011-08-21T18:02:52-00:30", "2011-08-21T18:32:52.000Z"},
		{"2011-08-21T18:02:52z", "2011-08-21T18:02:52.000Z"},
		{"2011-08-21t18:02:52Z", "2011-08-21T18:02:52.000Z"},
		{"2011-08-21 18:02:52Z", "2011-08-21T18:02:52.000Z"},
		{"2011T10:00Z", "2011-01-01T10:00:00.000Z"},
		{"2000-02-29T23:59:59.999Z", "2000-02-29T23:59:59.999Z"},
		{"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
		{"0000-01-01T00:00:00.000Z", "0000-01-01T00:00:00.000Z"},
		{"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
		{"+012011-08-21T00:00:00Z", "+012011-08-21T00:00:00.000Z"},
		{"-000001-01-01T00:00:00Z", "-000001-01-01T00:00:00.000Z"},
		{"-271821-04-20T00:00:00.000Z", "-271821-04-20T00:00:00.000Z"},
		{"+275760-09-13T00:00:00.000Z", "+275760-09-13T00:00:00.000Z"},

		{"+275760-09-13T00:00:00.001Z", ""},
		{"-271821-04-19T23:59:59.999Z", ""},
		{"-000000-01-01T00:00:00Z", ""},
		{"2011-02-32", ""},
		{"2011-13-01", ""},
		{"2011-00-01", ""},
		{"2011-01-00", ""},
		{"2011-08-21T25:00:00Z", ""},
		{"2011-08-21T24:00:01Z", ""},
		{"2011-08-21T18:60Z", ""},
		{"2011-08-21T18:02:60Z", ""},
		{"2011-08-21T18:02:52,5Z", ""},
		{"2011-08-21T18:02:52.Z", ""},
		{"2011-08-21T18", ""},
		{"2011-08-21T", ""},
		{"2011-08-21T18:02:52+1", ""},
		{"2011-08-21T18:02:52Zx", ""},
		{"2011-08-2x", ""},
		{"", ""},
		{"yesterday", ""},
	}
	for _, tt := range tests {
		ms, ok := parse.ParseDate(tt.text)
		switch {
		case ok != (tt.want != ""):
			t.Errorf("%q: ok is %v", tt.text, ok)
		case ok && parse.FormatDate(ms) != tt.want:
			t.Errorf("%q: got %s, want %s", tt.text, parse.FormatDate(ms), tt.want)
		}
	}
}

// Package time knows the same calendar.
func TestFormatDateAgreesWithPackageTime(t *testing.T) {
	const layout = "2006-01-02T15:04:05.000Z"
	from := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	to := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC).UnixMilli()
	const step = 86_400_000*13 + 3_723_457 // drifts through months, hours and milliseconds
	for ms := from; ms <= to; ms += step {
		want := time.UnixMilli(ms).UTC().Format(layout)
		if got := parse.FormatDate(ms); got != want {
			t.Fatalf("%d: got %s, want %s", ms, got, want)
		}
		if got, ok := parse.ParseDate(want); !ok || got != ms {
			t.Fatalf("%s: got %d, %v, want %d", want, got, ok, ms)
		}
	}
}

func TestFormatDateCutsWhatNoDateHolds(t *testing.T) {
	if got := parse.FormatDate(1<<63 - 1); got != "+275760-09-13T00:00:00.000Z" {
		t.Errorf("got %s", got)
	}
	if got := parse.FormatDate(-1 << 63); got != "-271821-04-20T00:00:00.000Z" {
		t.Errorf("got %s", got)
	}
}
