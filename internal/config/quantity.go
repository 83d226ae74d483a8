package config

import (
	"fmt"
	"time"
)

// intBetween accepts integers from low to high.
func intBetween(low, high int64) func(any) (any, error) {
	return func(value any) (any, error) {
		n := value.(int64)
		if n < low || n > high {
			return nil, fmt.Errorf("must be from %d to %d, not %d", low, high, n)
		}
		return n, nil
	}
}

// readBound accepts a positive integer, or -1 for no bound, which becomes 0.
func readBound(value any) (any, error) {
	switch n := value.(int64); {
	case n == -1:
		return int64(0), nil
	case n < 1 || n > 1<<31-1:
		return nil, fmt.Errorf("must be a positive integer, or -1 for no limit, not %d", n)
	default:
		return n, nil
	}
}

// The longest times that can be configured: a day in milliseconds, a year in seconds.
const (
	maxMilliseconds = 24 * 60 * 60 * 1000
	maxSeconds      = 365 * 24 * 60 * 60
)

func milliseconds(value any) (any, error) {
	n := value.(int64)
	if n < 0 || n > maxMilliseconds {
		return nil, fmt.Errorf("must be from 0 to %d milliseconds, not %d", maxMilliseconds, n)
	}
	return time.Duration(n) * time.Millisecond, nil
}

func seconds(value any) (any, error) {
	n := value.(int64)
	if n < 0 || n > maxSeconds {
		return nil, fmt.Errorf("must be from 0 to %d seconds, not %d", maxSeconds, n)
	}
	return time.Duration(n) * time.Second, nil
}

// maxSessionLength is a hundred years, in seconds: sessions may outlast any other time.
const maxSessionLength = 100 * maxSeconds

func readSessionLength(value any) (any, error) {
	n := value.(int64)
	if n < 1 || n > maxSessionLength {
		return nil, fmt.Errorf("must be from 1 to %d seconds, not %d", int64(maxSessionLength), n)
	}
	return time.Duration(n) * time.Second, nil
}

func positiveSeconds(value any) (any, error) {
	if value.(int64) == 0 {
		return nil, fmt.Errorf("must be from 1 to %d seconds; leave it out for no end", maxSeconds)
	}
	return seconds(value)
}

func readUploadSize(value any) (any, error) {
	n := value.(int64)
	if n < 1<<10 {
		return nil, fmt.Errorf("must be 1kb or more, not %s", formatSize(n))
	}
	return n, nil
}
