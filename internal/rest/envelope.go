package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

var errContext = parse.NewError(parse.InvalidJSON, "Invalid object for context.")

// open takes a request out of its envelope: which app, whose, which method and
// what body. The JavaScript SDK sends all of it in the body of a POST, other
// SDKs in headers.
func (c *call) open(w http.ResponseWriter, r *http.Request) error {
	h := c.handler
	if err := checkContext(first(r.Header["X-Parse-Cloud-Context"])); err != nil {
		return err
	}
	sent := headerCredentials(r.Header)
	sent.basic(r, h.apps)
	c.app = h.apps[sent.appID]
	limits := h.limits
	if c.app != nil {
		// Who has no key is refused before the body is read.
		var err error
		if c.caller, err = c.app.authenticate(&sent, r, &h.trust); err != nil {
			return err
		}
		limits = c.app.limits
		limits.Bytes = h.limits.Bytes
	}
	var err error
	if c.body, err = h.readBody(w, r, limits); err != nil {
		return err
	}
	c.method = methodOf(r, c.body)
	if c.body != nil {
		c.body.Delete("_noBody") // the Unity SDK marks empty bodies so
	}
	if c.app == nil {
		if err := c.openBody(&sent, r); err != nil {
			return err
		}
	}
	c.token = sent.sessionToken
	return nil
}

// methodOf is the method that is meant: a POST may have another one in its body.
func methodOf(r *http.Request, body *parse.Object) string {
	switch r.Method {
	case http.MethodHead:
		return http.MethodGet
	case http.MethodPost:
		if body == nil {
			break
		}
		method, _ := memberText(body, "_method")
		body.Delete("_method")
		if method != "" {
			return strings.ToUpper(method)
		}
	}
	return r.Method
}

// openBody takes app and credentials out of the body.
func (c *call) openBody(sent *credentials, r *http.Request) error {
	id, ok := memberText(c.body, "_ApplicationId")
	if c.app = c.handler.apps[id]; !ok || c.app == nil {
		return errUnauthorized
	}
	// A master key in a header must be this app's.
	if sent.master != "" && !sameKey(sent.master, c.app.keys.Master) {
		return errUnauthorized
	}
	sent.appID, sent.javaScript = id, ""
	for _, member := range [...]struct {
		key string
		to  *string
	}{
		{"_JavaScriptKey", &sent.javaScript},
		{"_InstallationId", &sent.installationID},
		{"_SessionToken", &sent.sessionToken},
		{"_MasterKey", &sent.master},
		{"_ContentType", nil},
	} {
		v, ok := c.body.Get(member.key)
		if !ok {
			continue
		}
		text, ok := v.(parse.String)
		if !ok {
			return errUnauthorized
		}
		if member.to != nil && text != "" {
			*member.to = string(text)
		}
		c.body.Delete(member.key)
	}
	if v, ok := c.body.Get("_context"); ok {
		if _, isObject := v.(*parse.Object); !isObject {
			text, _ := v.(parse.String)
			if err := checkContext(string(text)); err != nil || text == "" {
				return errContext
			}
		}
		c.body.Delete("_context")
	}
	c.body.Delete("_ApplicationId")
	c.body.Delete("_ClientVersion")
	c.body.Delete("_RevocableSession")
	var err error
	c.caller, err = c.app.authenticate(sent, r, &c.handler.trust)
	return err
}

// checkContext refuses a cloud-code context that is not the JSON of an object.
func checkContext(text string) error {
	if text == "" {
		return nil
	}
	if _, err := parse.DecodeObject([]byte(text), parse.Limits{}); err != nil {
		return errContext.WithCause(err)
	}
	return nil
}

// memberText is a member that is a string.
func memberText(o *parse.Object, key string) (string, bool) {
	v, _ := o.Get(key)
	text, ok := v.(parse.String)
	return string(text), ok
}

// resolveSession finds out the user of the session token that was sent, once.
// Master needs no user.
func (c *call) resolveSession(ctx context.Context) error {
	if c.token == "" || c.caller.SessionToken != "" || c.caller.Scope != engine.ScopeClient {
		return nil
	}
	caller, err := c.app.engine.ResolveSession(ctx, c.caller, c.token)
	if err != nil {
		return err
	}
	c.caller = caller
	return nil
}
