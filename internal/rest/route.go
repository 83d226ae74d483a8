package rest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/loam-baas/loam/internal/parse"
)

// action does what a route is for.
type action func(ctx context.Context, c *call) (answer, error)

// route is what is done at a pattern, and to which class when the pattern does
// not have it as a parameter.
type route struct {
	act   action
	class string
}

// endpoint names a route.
type endpoint struct{ method, pattern string }

// router finds the route of a method and path: chi's tree finds the pattern. It
// serves HTTP requests and the requests within batches alike, which is why it
// does not call handlers of HTTP.
type router struct {
	tree   *chi.Mux
	routes map[endpoint]route
	// first are the first elements of all patterns, by their small letters.
	first map[string]string
}

// match is a search's scratch space.
type match = chi.Context

func newRouter() *router {
	r := &router{tree: chi.NewRouter(), routes: make(map[endpoint]route), first: make(map[string]string)}
	r.objects("/classes/{class}", "")
	r.objects("/roles", "_Role")
	r.objects("/installations", "_Installation")
	r.objects("/sessions", "_Session")
	r.add("GET", ownSession, "_Session", mySession)
	r.objects("/users", "_User")
	r.add("GET", "/users/me", "_User", me)
	r.add("GET", loginPath, "", logIn)
	r.add("POST", loginPath, "", logIn)
	r.add("POST", "/loginAs", "", logInAs)
	r.add("POST", "/logout", "", logOut)
	r.add("GET", "/verifyPassword", "", verifyPassword)
	r.add("POST", "/verifyPassword", "", verifyPassword)
	r.add("POST", "/challenge", "", challenge)
	r.add("POST", "/upgradeToRevocableSession", "", upgradeSession)
	r.add("POST", "/requestPasswordReset", "", requestPasswordReset)
	r.add("POST", "/verificationEmailRequest", "", requestVerification)

	r.add("POST", "/batch", "", batch)

	r.add("GET", "/schemas", "", listSchemas)
	r.add("POST", "/schemas", "", createSchema)
	r.add("GET", "/schemas/{class}", "", getSchema)
	r.add("POST", "/schemas/{class}", "", createSchema)
	r.add("PUT", "/schemas/{class}", "", updateSchema)
	r.add("DELETE", "/schemas/{class}", "", deleteSchema)
	r.add("DELETE", "/purge/{class}", "", purge)

	r.add("GET", "/aggregate/{class}", "", aggregate)

	r.add("GET", "/config", "", getConfig)
	r.add("PUT", "/config", "", updateConfig)
	r.add("GET", "/serverInfo", "", serverInfo)
	r.add("POST", directPath, "", grantUpload)
	r.add("POST", directPath+"/confirm", "", adoptUpload)
	r.add("POST", "/events/{event}", "", trackEvent)
	return r
}

// objects adds the five routes of a class's objects.
func (r *router) objects(pattern, class string) {
	r.add("GET", pattern, class, find)
	r.add("POST", pattern, class, create)
	r.add("GET", pattern+"/{id}", class, get)
	r.add("PUT", pattern+"/{id}", class, update)
	r.add("DELETE", pattern+"/{id}", class, remove)
}

func (r *router) add(method, pattern, class string, act action) {
	r.tree.MethodFunc(method, pattern, http.NotFound) // chi keeps patterns by handler
	r.routes[endpoint{method, pattern}] = route{act, class}
	name := firstElement(pattern)
	r.first[strings.ToLower(name)] = name
}

// firstElement is a path's first element with the slash before it.
func firstElement(path string) string {
	if i := strings.IndexByte(path[min(1, len(path)):], '/'); i >= 0 {
		return path[:i+1]
	}
	return path
}

// find returns what is done at the call's method and path, and sets the call's
// parameters from the path; nil when there is nothing.
func (r *router) find(c *call) action {
	found, ok := r.search(c, c.path)
	if !ok {
		// As in Express, letters of a route may be small or large.
		name := firstElement(c.path)
		known, is := r.first[strings.ToLower(name)]
		if !is || known == name {
			return nil
		}
		if found, ok = r.search(c, known+c.path[len(name):]); !ok {
			return nil
		}
	}
	c.class = found.class
	for i, name := range c.match.URLParams.Keys {
		value := c.match.URLParams.Values[i]
		if strings.IndexByte(value, '%') >= 0 {
			unescaped, err := url.PathUnescape(value)
			if err != nil {
				return undecodable(value)
			}
			value = unescaped
		}
		if !utf8.ValidString(value) {
			return undecodable(c.match.URLParams.Values[i])
		}
		switch name {
		case "class":
			c.class = value
		case "id":
			c.id = value
		}
	}
	return found.act
}

// undecodable is what is done at a path with a parameter that is no text.
func undecodable(parameter string) action {
	refusal := &parse.Error{Code: parse.InvalidJSON, Status: http.StatusBadRequest, Bare: true,
		Message: "Failed to decode param '" + parameter + "'"}
	return func(context.Context, *call) (answer, error) { return answer{}, refusal }
}

func (r *router) search(c *call, path string) (route, bool) {
	c.match.Reset()
	found, ok := r.routes[endpoint{c.method, r.tree.Find(&c.match, c.method, path)}]
	return found, ok
}
