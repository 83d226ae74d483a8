package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// RateLimit bounds how many requests may come in a time. The fields carry the
// meaning of the members of Parse Server's option rateLimit.
type RateLimit struct {
	// Path matches the paths below the mount path that the limit is for.
	Path *regexp.Regexp
	// Methods matches the methods that it is for; nil matches all.
	Methods *regexp.Regexp
	// Count requests may come in a Window, which begins with the first of them.
	Count  int
	Window time.Duration
	// Zone tells whose requests count together.
	Zone RateLimitZone
	// IncludeMasterKey makes it hold for the master key, too, and
	// IncludeInternalRequests for requests from this machine.
	IncludeMasterKey, IncludeInternalRequests bool
	// Message is what a refused request is told.
	Message string
	// RedisURL is the Redis that counts for several processes together; "" counts
	// in each by itself.
	RedisURL string
}

// RateLimitZone tells whose requests count together.
type RateLimitZone string

// The zones. A request without a valid session counts by its address in all but
// the global zone.
const (
	ZoneIP      RateLimitZone = "ip"
	ZoneSession RateLimitZone = "session"
	ZoneUser    RateLimitZone = "user"
	ZoneGlobal  RateLimitZone = "global"
)

// tooManyRequests is the default of errorResponseMessage.
const tooManyRequests = "Too many requests."

// readRateLimits reads the members, whose names and types were checked.
func readRateLimits(value any) (any, error) {
	list := value.([]any)
	limits := make([]RateLimit, 0, len(list))
	for i, item := range list {
		members, _ := item.(map[string]any)
		l, err := readRateLimit(members)
		if err != nil {
			return nil, fmt.Errorf("has an entry %d whose %w", i+1, err)
		}
		limits = append(limits, l)
	}
	return limits, nil
}

func readRateLimit(members map[string]any) (RateLimit, error) {
	l := RateLimit{Zone: ZoneIP, Message: tooManyRequests}
	path, _ := members["requestPath"].(string)
	var err error
	if l.Path, err = compilePath(path); err != nil {
		return l, fmt.Errorf("requestPath %w", err)
	}
	if l.Methods, err = readMethods(members["requestMethods"]); err != nil {
		return l, fmt.Errorf("requestMethods %w", err)
	}
	count, _ := members["requestCount"].(int64)
	if count < 1 || count > 1<<31-1 {
		return l, errors.New("requestCount must be a positive integer")
	}
	l.Count = int(count)
	window, _ := members["requestTimeWindow"].(int64)
	if window < 1 || window > maxSeconds*1000 {
		return l, errors.New("requestTimeWindow must be a number of milliseconds from 1 to a year")
	}
	l.Window = time.Duration(window) * time.Millisecond
	if zone, ok := members["zone"].(string); ok {
		l.Zone = RateLimitZone(zone)
		if !slices.Contains([]RateLimitZone{ZoneIP, ZoneSession, ZoneUser, ZoneGlobal}, l.Zone) {
			return l, fmt.Errorf("zone must be one of ip, session, user, global, not %q", zone)
		}
	}
	l.IncludeMasterKey, _ = members["includeMasterKey"].(bool)
	l.IncludeInternalRequests, _ = members["includeInternalRequests"].(bool)
	if message, ok := members["errorResponseMessage"].(string); ok && message != "" {
		l.Message = message
	}
	l.RedisURL, _ = members["redisUrl"].(string)
	if u, err := url.Parse(l.RedisURL); err != nil || l.RedisURL != "" && !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		return l, errors.New("redisUrl must be a URL as redis://user:password@host:6379/0, or rediss:// for TLS")
	}
	return l, nil
}

// readMethods reads a list of methods, or a regular expression for them.
func readMethods(value any) (*regexp.Regexp, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		re, err := regexp.Compile(v)
		if err != nil {
			return nil, fmt.Errorf("must be a list of methods, or a regular expression for them: %w", err)
		}
		return re, nil
	case []any:
		methods := make([]string, len(v))
		for i, item := range v {
			method, ok := item.(string)
			if !ok {
				return nil, errors.New("must hold names of methods")
			}
			methods[i] = regexp.QuoteMeta(strings.ToUpper(method))
		}
		return regexp.Compile("^(?:" + strings.Join(methods, "|") + ")$")
	}
	return nil, errors.New("must be a list of methods, or a regular expression for them")
}
