package command

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/loam-baas/loam/api"
)

// version is set by the linker in releases; see the Makefile.
var version string

// modulePath is this module's.
const modulePath = "github.com/loam-baas/loam"

// Version is the version of Loam in this binary: that of the release, of the
// module where a plugin's author built the binary, or "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}

func (p *Program) version(context.Context, []string) error {
	_, err := fmt.Fprintf(p.Stdout, "loam %s (%s, %s/%s)\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func (p *Program) openapi(context.Context, []string) error {
	_, err := p.Stdout.Write(api.OpenAPI)
	return err
}
