package parse_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

func TestError(t *testing.T) {
	public := parse.Errorf(parse.InvalidKeyName, "Invalid field name: %s.", "$a")
	if public.Message != "Invalid field name: $a." || public.Error() != "Invalid field name: $a. (code 105)" {
		t.Errorf("got %q, %q", public.Message, public.Error())
	}
	caused := public.WithCause(io.ErrUnexpectedEOF)
	if !errors.Is(caused, io.ErrUnexpectedEOF) || errors.Is(public, io.ErrUnexpectedEOF) {
		t.Error("WithCause must set the cause of a copy")
	}
	if caused.Message != public.Message || caused.Error() != "Invalid field name: $a. (code 105): unexpected EOF" {
		t.Errorf("got %q, %q", caused.Message, caused.Error())
	}
	if got := parse.CodeOf(fmt.Errorf("wrapped: %w", caused)); got != parse.InvalidKeyName {
		t.Errorf("CodeOf a wrapped error: got %d", got)
	}
	if got := parse.CodeOf(io.EOF); got != parse.InternalServerError {
		t.Errorf("CodeOf another error: got %d", got)
	}
}

func TestDate(t *testing.T) {
	at := time.Date(2011, 8, 21, 20, 2, 52, 249_999_999, time.FixedZone("", 7200))
	d := parse.DateOf(at)
	if d != 1313949772249 {
		t.Errorf("DateOf: got %d", d)
	}
	if got := d.Time(); !got.Equal(at.Truncate(time.Millisecond)) || got.Location() != time.UTC {
		t.Errorf("Time: got %v", got)
	}
}
