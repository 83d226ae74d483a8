package rest

import (
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// credentials are what a request says about who sends it.
type credentials struct {
	appID                            string
	maintenance, master              string
	client, javaScript, rest, dotNet string
	sessionToken, installationID     string
}

// errUnauthorized is a request whose app, keys or address do not fit. It tells
// nothing else, and as parse-server's has no code.
var errUnauthorized = refusal(http.StatusForbidden, "unauthorized")

// refusal is an error that clients are told without a Parse code.
func refusal(status int, message string) *parse.Error {
	return &parse.Error{Code: parse.OperationForbidden, Message: message, Status: status, Bare: true}
}

// headerCredentials reads the credentials that are in a request's headers. The
// keys of the header map are in net/http's canonical form.
func headerCredentials(h http.Header) credentials {
	return credentials{
		appID:          first(h["X-Parse-Application-Id"]),
		maintenance:    first(h["X-Parse-Maintenance-Key"]),
		master:         first(h["X-Parse-Master-Key"]),
		client:         first(h["X-Parse-Client-Key"]),
		javaScript:     first(h["X-Parse-Javascript-Key"]),
		rest:           first(h["X-Parse-Rest-Api-Key"]),
		dotNet:         first(h["X-Parse-Windows-Key"]),
		sessionToken:   first(h["X-Parse-Session-Token"]),
		installationID: first(h["X-Parse-Installation-Id"]),
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// basic takes over HTTP Basic credentials, "appId:masterKey" or
// "appId:javascript-key=KEY", of an app that exists; others are ignored.
func (c *credentials) basic(r *http.Request, apps map[string]*App) {
	if len(r.Header["Authorization"]) == 0 {
		return
	}
	id, key, ok := r.BasicAuth()
	if !ok || apps[id] == nil {
		return
	}
	c.appID = id
	if javaScript, ok := strings.CutPrefix(key, "javascript-key="); ok {
		c.javaScript = javaScript
	} else if key != "" {
		c.master = key
	}
}

// privilegedKey is a key of a privileged scope and the addresses it is accepted from.
type privilegedKey struct {
	key    string
	ips    []netip.Prefix
	option string // Parse Server's name of the option that lists the addresses
	scope  engine.Scope
}

// authenticate tells the scope that the keys give, in Parse Server's order of
// evaluation: maintenance, master, read-only master, clients. A privileged key
// from an address that is not on its list is refused altogether.
func (a *App) authenticate(c *credentials, r *http.Request, trust *config.ProxyTrust) (engine.Caller, error) {
	caller := engine.Caller{InstallationID: c.installationID}
	for i := range a.privileged {
		k, presented := &a.privileged[i], c.master
		if k.scope == engine.ScopeMaintenance {
			presented = c.maintenance
		}
		if !sameKey(presented, k.key) {
			continue
		}
		address := clientAddress(r, trust)
		if !contains(k.ips, address) {
			a.logger.Warn("refused a key for the address it came from", "option", k.option, "address", address)
			return caller, errUnauthorized
		}
		caller.Scope = k.scope
		return caller, nil
	}
	if a.clientKeys && !sameKey(c.client, a.keys.Client) && !sameKey(c.javaScript, a.keys.JavaScript) &&
		!sameKey(c.rest, a.keys.REST) && !sameKey(c.dotNet, a.keys.DotNet) {
		return caller, errUnauthorized
	}
	return caller, nil
}

// sameKey compares in time that depends on lengths only. A key that is not
// configured is not matched by anything.
func sameKey(presented, configured string) bool {
	return configured != "" && subtle.ConstantTimeCompare([]byte(presented), []byte(configured)) == 1
}
