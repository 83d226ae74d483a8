package rest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/parse"
)

// RouteList are the only routes that clients may use (Parse Server's option
// routeAllowList). A nil list lets them use all; an empty one, none.
type RouteList struct{ expressions []*regexp.Regexp }

// NewRouteList compiles the option: regular expressions that must match a path
// below the mount path as a whole, such as "classes/Chat.*".
func NewRouteList(expressions []string) (*RouteList, error) {
	list := &RouteList{}
	for _, expression := range expressions {
		re, err := regexp.Compile("^(?:" + expression + ")$")
		if err != nil {
			return nil, fmt.Errorf("routeAllowList: %w", err)
		}
		list.expressions = append(list.expressions, re)
	}
	return list, nil
}

// check refuses a route that is not on the list to all but master and
// maintenance. Every request of a batch is checked by itself (advisory A27).
func (a *App) checkRoute(c engine.Caller, method, path string) error {
	if a.routes == nil || c.Master() || a.routes.allows(path) {
		return nil
	}
	if a.sanitize {
		return parse.NewError(parse.OperationForbidden, "Permission denied")
	}
	return parse.NewError(parse.OperationForbidden, "Route not allowed by routeAllowList: "+method+" "+identifier(path))
}

func (l *RouteList) allows(path string) bool {
	path = identifier(path)
	for _, re := range l.expressions {
		if re.MatchString(path) {
			return true
		}
	}
	return false
}

// identifier is a path without the slashes around it.
func identifier(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
}
