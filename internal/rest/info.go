package rest

import (
	"context"
	"net/http"

	"github.com/loam-baas/loam/internal/parse"
)

// health answers /health, which needs no app.
func (c *call) health() answer {
	status := "ok"
	if c.handler.status != nil {
		status = c.handler.status()
	}
	a := answer{json: append(parse.AppendJSON([]byte(`{"status":`), parse.String(status)), '}')}
	if status != "ok" {
		a.status = http.StatusServiceUnavailable
	}
	return a
}

// features tell the dashboard what it can offer. Source: parse-server's
// /serverInfo; what Loam does not serve is false there.
const features = `{"features":{` +
	`"globalConfig":{"create":true,"read":true,"update":true,"delete":true},` +
	`"hooks":{"create":false,"read":false,"update":false,"delete":false},` +
	`"cloudCode":{"jobs":false},` +
	`"logs":{"level":false,"size":false,"order":false,"until":false,"from":false},` +
	`"push":{"immediatePush":false,"scheduledPush":false,"storedPushData":false,"pushAudiences":false,"localization":false},` +
	`"schemas":{"addField":true,"removeField":true,"addClass":true,"removeClass":true,"clearAllDataFromClass":true,` +
	`"exportClass":false,"editClassLevelPermissions":true,"editPointerPermissions":true},` +
	`"settings":{"securityCheck":false}},"parseServerVersion":"9.10.0"}`

// serverInfo answers GET /serverInfo.
func serverInfo(_ context.Context, c *call) (answer, error) {
	if err := c.app.requireMaster(c.caller); err != nil {
		return answer{}, err
	}
	return answer{json: []byte(features)}, nil
}

// trackEvent answers POST /events/{event}. As in parse-server without an
// analytics adapter, events are accepted and kept nowhere.
func trackEvent(context.Context, *call) (answer, error) {
	return answer{json: emptyObject}, nil
}
