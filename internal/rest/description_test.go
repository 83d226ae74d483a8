package rest

import (
	"slices"
	"testing"

	"github.com/loam-baas/loam/internal/apitest"
)

// Every route is described in api/openapi.yaml, and what is described there is a
// route.
func TestRoutesAreDescribed(t *testing.T) {
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	served := []string{
		"GET /health", "POST /health", // which need no app
		"POST /files", "POST /files/{name}", "DELETE /files/{name}", "GET /files/{app}/{name}", "GET /files/{app}/metadata/{name}", // see serveFile
		"POST /uploads", "HEAD /uploads/{upload}", "PATCH /uploads/{upload}", "DELETE /uploads/{upload}", // see serveUpload
	}
	for at := range newRouter().routes {
		served = append(served, at.method+" "+at.pattern)
	}
	described := d.Routes()
	for _, route := range served {
		if !slices.Contains(described, route) {
			t.Errorf("%s is served, but api/openapi.yaml does not describe it", route)
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			t.Errorf("api/openapi.yaml describes %s, which is not served", route)
		}
	}
}
