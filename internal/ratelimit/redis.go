package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a connection to a Redis in which counters of several processes meet.
// While it doesn't answer, each process counts for itself, so that neither
// requests wait nor limits fall.
type Redis struct {
	client *redis.Client
	logger *slog.Logger
	now    func() time.Time
	// silentUntil is when Redis is asked again after it did not answer, in
	// nanoseconds since 1970; 0 while it answers.
	silentUntil atomic.Int64
}

const (
	// redisTimeout is how long a request waits for Redis.
	redisTimeout = 500 * time.Millisecond
	// redisPause is how long Redis is left alone when it did not answer.
	redisPause = 5 * time.Second
)

// OpenRedis makes a client of the Redis at a URL, which need not answer yet.
func OpenRedis(url string, logger *slog.Logger) (*Redis, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("rate limit: %w", err)
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	o.MaxRetries, o.ContextTimeoutEnabled = -1, true
	return &Redis{client: redis.NewClient(o), logger: logger, now: time.Now}, nil
}

// Close lets go of the connections. No counter may be used any more.
func (r *Redis) Close() error { return r.client.Close() }

// Counter returns the counter of that name, whose windows have that length. All
// processes that name it so count together.
func (r *Redis) Counter(name string, length time.Duration) Counter {
	return &shared{redis: r, prefix: "loam:ratelimit:" + digest(name) + ":", length: length, local: NewLocal(length)}
}

// digest stands for a text, as callers are known by their sessions' tokens and
// those stay here.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// shared is a Counter in a Redis.
type shared struct {
	redis  *Redis
	prefix string
	length time.Duration
	local  *Local
}

// count adds to a window, which ends by itself, and answers its use and what is
// left of it, in milliseconds.
var count = redis.NewScript(strings.TrimSpace(`
local used = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {used, left}
`))

// Use counts a request; see Counter.
func (s *shared) Use(ctx context.Context, caller string) Window {
	r := s.redis
	now := r.now()
	silent := r.silentUntil.Load()
	if now.UnixNano() < silent {
		return s.local.Use(ctx, caller)
	}
	bounded, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	answer, err := count.Run(bounded, r.client, []string{s.prefix + digest(caller)}, s.length.Milliseconds()).Int64Slice()
	if err == nil && len(answer) != 2 {
		err = fmt.Errorf("the answer has %d parts", len(answer))
	}
	if err != nil {
		if ctx.Err() == nil && r.silentUntil.Swap(now.Add(redisPause).UnixNano()) == 0 {
			r.logger.WarnContext(ctx, "the Redis of a rate limit does not answer; this process counts by itself", "error", err)
		}
		return s.local.Use(ctx, caller)
	}
	if silent != 0 && r.silentUntil.Swap(0) != 0 {
		r.logger.InfoContext(ctx, "the Redis of a rate limit answers again")
	}
	return Window{Ends: now.Add(time.Duration(answer[1]) * time.Millisecond), Used: int(min(answer[0], math.MaxInt32))}
}
