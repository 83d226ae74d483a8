package rest_test

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/rest"
)

func basic(credentials string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

func TestKeys(t *testing.T) {
	play(t, newDoor(t, nil), []scenario{
		{name: "no app", request: "GET /parse/classes/A", status: 403, want: unauthorized},
		{name: "unknown app", request: "GET /parse/classes/A", header: []string{"X-Parse-Application-Id: nobody"}, status: 403, want: unauthorized},
		{name: "master", request: "GET /parse/classes/A", header: with(master), want: empty, engine: "master find A"},
		{name: "read-only master", request: "GET /parse/classes/A", header: with("X-Parse-Master-Key: readonly"), want: empty, engine: "readonly find A"},
		{name: "maintenance", request: "GET /parse/classes/A", header: with("X-Parse-Maintenance-Key: maintenance"), want: empty, engine: "maintenance find A"},
		{name: "maintenance goes before master", request: "GET /parse/classes/A", header: with(master, "X-Parse-Maintenance-Key: maintenance"), want: empty, engine: "maintenance find A"},
		{name: "the maintenance key is no master key", request: "GET /parse/classes/A", header: with("X-Parse-Master-Key: maintenance"), want: empty, engine: "client find A"},
		{name: "a wrong master key is a client's", request: "GET /parse/classes/A", header: with("X-Parse-Master-Key: guess"), want: empty, engine: "client find A"},
		{name: "an empty master key is none", request: "GET /parse/classes/A", header: with("X-Parse-Master-Key: "), want: empty, engine: "client find A"},
		{name: "the installation goes with the caller", request: "GET /parse/classes/A", header: with("X-Parse-Installation-Id: phone"), want: empty, engine: "client@phone find A"},
		{name: "Basic with a master key", request: "GET /parse/classes/A", header: []string{basic("app:master")}, want: empty, engine: "master find A"},
		{name: "Basic with a wrong master key", request: "GET /parse/classes/A", header: []string{basic("app:guess")}, want: empty, engine: "client find A"},
		{name: "Basic of another app is ignored", request: "GET /parse/classes/A", header: with(basic("nobody:master")), want: empty, engine: "client find A"},
		{name: "Basic that is none is ignored", request: "GET /parse/classes/A", header: with("Authorization: Basic !"), want: empty, engine: "client find A"},
	})
}

func TestKeysNotConfigured(t *testing.T) {
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) {
		a.Keys = config.Keys{MasterIPs: loopback, MaintenanceIPs: loopback}
	})
	play(t, d, []scenario{
		{name: "nothing matches a key that is not there", request: "GET /parse/classes/A",
			header: with("X-Parse-Master-Key: ", "X-Parse-Maintenance-Key: "), want: empty, engine: "client find A"},
	})
}

func TestClientKeys(t *testing.T) {
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) {
		a.Keys.Client, a.Keys.JavaScript, a.Keys.REST, a.Keys.DotNet = "client", "javascript", "rest", "windows"
	})
	admitted := func(name string, header ...string) scenario {
		return scenario{name: name, request: "GET /parse/classes/A", header: header, want: empty, engine: "client find A"}
	}
	refused := func(name string, header ...string) scenario {
		return scenario{name: name, request: "GET /parse/classes/A", header: header, status: 403, want: unauthorized}
	}
	play(t, d, []scenario{
		admitted("client key", with("X-Parse-Client-Key: client")...),
		admitted("JavaScript key", with("X-Parse-Javascript-Key: javascript")...),
		admitted("REST key", with("X-Parse-REST-API-Key: rest")...),
		admitted(".NET key", with("X-Parse-Windows-Key: windows")...),
		admitted("JavaScript key by Basic", basic("app:javascript-key=javascript")),
		admitted("one right among wrong", with("X-Parse-Client-Key: guess", "X-Parse-REST-API-Key: rest")...),
		refused("none", with()...),
		refused("wrong", with("X-Parse-Client-Key: guess")...),
		refused("another kind's", with("X-Parse-Client-Key: rest")...),
		refused("a prefix", with("X-Parse-Client-Key: clien")...),
		refused("a wrong master key", with("X-Parse-Master-Key: guess")...),
		{name: "the master key needs no client key", request: "GET /parse/classes/A", header: with(master), want: empty, engine: "master find A"},
		{name: "refused before the body is read", request: "POST /parse/classes/A", header: with(), body: `{bad`, status: 403, want: unauthorized},
	})
}

func TestKeyAddresses(t *testing.T) {
	d := newDoor(t, func(_ *rest.Options, a *rest.AppOptions) {
		a.Keys.MasterIPs = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")}
	})
	allowed := func(from string) scenario {
		return scenario{name: from + " is on the list", request: "GET /parse/classes/A", header: with(master), from: from, want: empty, engine: "master find A"}
	}
	refused := func(from string) scenario {
		return scenario{name: from + " is not", request: "GET /parse/classes/A", header: with(master), from: from, status: 403, want: unauthorized}
	}
	play(t, d, []scenario{
		allowed("127.0.0.1"), allowed("10.1.2.3"), allowed("2001:db8::7"), allowed("::ffff:10.1.2.3"),
		refused("10.2.0.1"), refused("::1"), refused("2001:db9::7"),
		{name: "read-only from anywhere", request: "GET /parse/classes/A", header: with("X-Parse-Master-Key: readonly"), from: "192.0.2.1", want: empty, engine: "readonly find A"},
		{name: "maintenance from elsewhere", request: "GET /parse/classes/A", header: with("X-Parse-Maintenance-Key: maintenance"), from: "192.0.2.1", status: 403, want: unauthorized},
		{name: "in a body as in a header", request: "POST /parse/classes/A", body: `{"_ApplicationId":"app","_MasterKey":"master"}`, from: "192.0.2.1", status: 403, want: unauthorized},
	})
	if log := d.log.String(); !strings.Contains(log, "masterKeyIps") || !strings.Contains(log, "10.2.0.1") {
		t.Errorf("the log does not tell which option refused which address: %s", log)
	}
	if strings.Contains(d.log.String(), "=master ") {
		t.Error("the log tells the key")
	}
}

func TestAdvisory_I20_MasterKeyIsLocalByDefault(t *testing.T) {
	play(t, newDoor(t, nil), []scenario{
		{request: "GET /parse/classes/A", header: with(master), from: "192.0.2.1", status: 403, want: unauthorized},
		{request: "GET /parse/classes/B", header: with(master), from: "::1", want: empty, engine: "master find B"},
	})
}

// A client must not choose its own address by sending X-Forwarded-For.
func TestAdvisory_A28_SpoofedForwardedFor(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct {
		name      string
		trust     config.ProxyTrust
		from      string
		forwarded []string
		allowed   bool
	}{
		{"no proxy is trusted", config.ProxyTrust{}, "192.0.2.1", []string{"127.0.0.1"}, false},
		{"what a stranger says", config.ProxyTrust{Prefixes: proxies}, "192.0.2.1", []string{"127.0.0.1"}, false},
		{"what the proxy saw", config.ProxyTrust{Prefixes: proxies}, "10.0.0.1", []string{"127.0.0.1"}, true},
		{"what a stranger told the proxy", config.ProxyTrust{Prefixes: proxies}, "10.0.0.1", []string{"127.0.0.1, 192.0.2.1"}, false},
		{"the same in two lines", config.ProxyTrust{Prefixes: proxies}, "10.0.0.1", []string{"127.0.0.1", "192.0.2.1"}, false},
		{"through two proxies", config.ProxyTrust{Prefixes: proxies}, "10.0.0.1", []string{"127.0.0.1, 10.0.0.2"}, true},
		{"one hop", config.ProxyTrust{Hops: 1}, "192.0.2.1", []string{"127.0.0.1"}, true},
		{"one hop, two said", config.ProxyTrust{Hops: 1}, "192.0.2.1", []string{"127.0.0.1, 192.0.2.2"}, false},
		{"two hops", config.ProxyTrust{Hops: 2}, "192.0.2.1", []string{"127.0.0.1, 192.0.2.2"}, true},
		{"every hop", config.ProxyTrust{All: true}, "192.0.2.1", []string{"127.0.0.1, 192.0.2.2, 192.0.2.3"}, true},
		{"no header", config.ProxyTrust{All: true}, "127.0.0.1", nil, true},
		{"an empty header", config.ProxyTrust{Hops: 1}, "127.0.0.1", []string{""}, true},
		{"no address", config.ProxyTrust{Prefixes: proxies}, "10.0.0.1", []string{"127.0.0.1, unknown"}, false},
		{"a name", config.ProxyTrust{All: true}, "127.0.0.1", []string{"localhost"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDoor(t, func(o *rest.Options, _ *rest.AppOptions) { o.TrustProxy = test.trust })
			s := scenario{request: "GET /parse/classes/A", from: test.from, header: with(master), status: 403, want: unauthorized}
			for _, value := range test.forwarded {
				s.header = append(s.header, "X-Forwarded-For: "+value)
			}
			if test.allowed {
				s.status, s.want, s.engine = 200, empty, "master find A"
			}
			s.run(t, d)
		})
	}
}

func TestSession(t *testing.T) {
	play(t, newDoor(t, nil), []scenario{
		{name: "of a user", request: "GET /parse/classes/A", header: with("X-Parse-Session-Token: r:alice"), want: empty, engine: "client:alice find A"},
		{name: "of nobody", request: "GET /parse/classes/A", header: with("X-Parse-Session-Token: r:mallory"), status: 400, want: `{"code":209,"error":"Invalid session token"}`},
		{name: "master needs none", request: "GET /parse/classes/A", header: with(master, "X-Parse-Session-Token: r:mallory"), want: empty, engine: "master find A"},
	})
}
