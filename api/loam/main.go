// Package loam is the whole of Loam as a library, so that a program with plugins
// of its own is a main function of a few lines:
//
//	package main
//
//	import "github.com/loam-baas/loam/api/loam"
//
//	func main() { loam.Main() }
package loam

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/loam-baas/loam/internal/command"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/server"
)

// Main runs the loam command line with the process's arguments and environment,
// and ends the process.
func Main() {
	p := &command.Program{
		Args:    os.Args[1:],
		Env:     os.Environ(),
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Signals: stopSignals,
		NewServer: func(ctx context.Context, p *config.Process, logger *slog.Logger) (command.Server, error) {
			return server.New(ctx, p, logger)
		},
	}
	os.Exit(p.Run(context.Background()))
}

func stopSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}
