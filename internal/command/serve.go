package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/loam-baas/loam/internal/config"
)

const serveHelp = `
What flags, environment variables and a file say is put together; flags go first. Every option
is in docs/configuration.md, and "loam config" shows what is in force.

The first interrupt or termination signal lets running requests end, the second one does not.
`

// serve starts the server and waits for its end.
func (p *Program) serve(ctx context.Context, args []string) error {
	flags := config.NewFlags("serve")
	rest, err := flags.Parse(args)
	if err != nil {
		return err
	}
	e, err := p.load(flags, rest, true)
	if err != nil {
		return err
	}
	logger := newLogger(e.Process.Log, p.Stderr)
	for _, w := range e.Process.Warnings {
		logger.Warn(w)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := p.Signals()
	server, err := p.NewServer(ctx, e.Process, logger)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx, server) }()
	ready, stopping := server.Ready(), false
	for {
		select {
		case err := <-done:
			return err
		case <-ready:
			logger.Info("serving", "address", server.Addr().String(), "apps", len(e.Process.Apps))
			p.welcome(e)
			ready = nil
		case s := <-signals:
			if stopping {
				logger.Warn("stopped at once", "signal", s.String())
				return &stopError{signalCode(s)}
			}
			logger.Info("stopping: running requests may end; a second signal ends them", "signal", s.String(), "timeout", e.Process.DrainTimeout)
			stopping = true
			cancel()
		}
	}
}

// run runs the server; a panic is its error.
func run(ctx context.Context, server Server) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return server.Run(ctx)
}

// signalCode is the code that a shell gives for a process that a signal ended.
func signalCode(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return 128 + int(n)
	}
	return exitFailure
}

// newLogger returns the process's logger.
func newLogger(l config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	switch {
	case l.Silent:
		return slog.New(slog.DiscardHandler)
	case l.JSON:
		return slog.New(slog.NewJSONHandler(w, options))
	default:
		return slog.New(slog.NewTextHandler(w, options))
	}
}

// welcome tells who started Loam without a configuration what clients need. The
// master key is shown when it is made and never again: output is often kept.
func (p *Program) welcome(e *config.Effective) {
	if e.KeysFile == "" {
		return
	}
	app := e.Process.Apps[0]
	key := `run "loam config get masterKey"`
	if e.KeysMade {
		key = app.Keys.Master
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nLoam %s\n\n", Version())
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "  URL\t%s\n  application id\t%s\n  master key\t%s\n", app.PublicServerURL, app.AppID, key)
	tw.Flush()
	if e.KeysMade {
		fmt.Fprintf(&b, "\n  Made now and kept in %s. Whoever has the master key may do everything.\n", e.KeysFile)
	}
	fmt.Fprintln(p.Stdout, b.String())
}
