package command

import (
	"context"
	"fmt"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/store/embedded"
)

const compactHelp = `
  loam compact                 write every embedded store anew, without gaps

It needs the server stopped, and room for two more copies meanwhile. A running server gives the space of
deleted documents back by itself; it can do so for files that Loam made before it knew how only after they
have been compacted once.

It takes the flags of "loam serve".
`

// compact makes the embedded stores as small as they can be.
func (p *Program) compact(ctx context.Context, args []string) error {
	stores, ctx, stop, err := p.stores(ctx, config.NewFlags("compact"), args)
	if err != nil {
		return err
	}
	defer stop()
	for _, s := range stores {
		before, after, err := embedded.CompactDir(ctx, s.dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "%s: %.1f MB, before %.1f MB\n", s.dir, float64(after)/1e6, float64(before)/1e6)
	}
	return nil
}
