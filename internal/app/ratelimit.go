package app

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/ratelimit"
)

// counters make what counts the requests of the app's rate limits: in this
// process, or in a Redis that other processes of the app count in, too.
type counters struct {
	app     string
	servers map[string]*ratelimit.Redis // by URL
}

func openCounters(c *config.App, logger *slog.Logger) (*counters, error) {
	o := &counters{app: c.AppID, servers: map[string]*ratelimit.Redis{}}
	for _, l := range c.RateLimits {
		if l.RedisURL == "" || o.servers[l.RedisURL] != nil {
			continue
		}
		server, err := ratelimit.OpenRedis(l.RedisURL, logger)
		if err != nil {
			return nil, errors.Join(err, o.close())
		}
		o.servers[l.RedisURL] = server
	}
	return o, nil
}

// counter is what counts the requests of a limit. Processes that have the same
// limit name it so.
func (o *counters) counter(l config.RateLimit) ratelimit.Counter {
	if l.RedisURL == "" {
		return ratelimit.NewLocal(l.Window)
	}
	name := fmt.Sprintf("%q %q %q %s %s", o.app, l.Path, l.Methods, l.Window, l.Zone)
	return o.servers[l.RedisURL].Counter(name, l.Window)
}

func (o *counters) close() error {
	var problems []error
	for _, server := range o.servers {
		problems = append(problems, server.Close())
	}
	return errors.Join(problems...)
}
