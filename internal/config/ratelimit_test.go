package config

import (
	"strings"
	"testing"
)

func TestCompilePath(t *testing.T) {
	for pattern, paths := range map[string]struct{ match, other string }{
		"/login":             {"/login /LOGIN /login/", "/logins /a/login /login/x"},
		"/functions/*name":   {"/functions/a /functions/a/b", "/functions /functions/"},
		"/classes/:class":    {"/classes/A /classes/A/", "/classes/A/b /classes/"},
		"/classes/A{/:id}":   {"/classes/A /classes/A/b", "/classes/A/b/c"},
		`/a\*b.c`:            {"/a*b.c", "/a*bxc /axb.c"},
		"*path":              {"/anything /a/b", ""},
		"/classes/:a/:b_1/c": {"/classes/1/2/c", "/classes/1/c"},
	} {
		re, err := compilePath(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for _, p := range strings.Fields(paths.match) {
			if !re.MatchString(p) {
				t.Errorf("%s does not match %s", pattern, p)
			}
		}
		for _, p := range strings.Fields(paths.other) {
			if re.MatchString(p) {
				t.Errorf("%s matches %s", pattern, p)
			}
		}
	}
	for _, pattern := range []string{"", "login", "/functions/*", "/a/:", "/a(b)", "/a?", "/{a", "/a}", `/a\`, "/[a]"} {
		if _, err := compilePath(pattern); err == nil {
			t.Errorf("%q is taken", pattern)
		}
	}
}

func TestReadRateLimits_RefusesWhatIsWrong(t *testing.T) {
	limit := func(change map[string]any) []any {
		members := map[string]any{"requestPath": "/a", "requestCount": int64(1), "requestTimeWindow": int64(1000)}
		for name, value := range change {
			members[name] = value
		}
		return []any{members}
	}
	if _, err := readRateLimits(limit(nil)); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"requestPath": "a", "requestCount": int64(0), "requestTimeWindow": int64(-1), "zone": "country", "requestMethods": "(", "redisUrl": "localhost:6379",
	} {
		if _, err := readRateLimits(limit(map[string]any{name: value})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s %v: error %v does not name it", name, value, err)
		}
	}
	for _, methods := range []any{[]any{int64(1)}, true} {
		if _, err := readRateLimits(limit(map[string]any{"requestMethods": methods})); err == nil {
			t.Errorf("methods %v are taken", methods)
		}
	}
}
