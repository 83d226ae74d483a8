// Package api describes Loam to whoever calls it from outside.
package api

import _ "embed"

// OpenAPI is the description of the REST API, an OpenAPI 3.1 document in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
