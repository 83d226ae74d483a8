// Package command is the loam command line: what its subcommands are, what they
// print, and the codes that they end with.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/loam-baas/loam/internal/config"
)

// The codes that the program ends with.
const (
	exitOK = 0
	// exitFailure: it was understood, but did not work.
	exitFailure = 1
	// exitUsage: the command line or the configuration is wrong.
	exitUsage = 2
)

// Program is one run of the command line. All that it touches of the world is here.
type Program struct {
	// Args are the arguments, without the program's name.
	Args []string
	// Env is the environment in the form of os.Environ.
	Env            []string
	Stdout, Stderr io.Writer
	// Signals begins to catch the signals to stop, which then don't end the
	// process by themselves.
	Signals func() <-chan os.Signal
	// NewServer makes the server that "loam serve" runs.
	NewServer func(context.Context, *config.Process, *slog.Logger) (Server, error)
}

// Server is what "loam serve" runs.
type Server interface {
	// Addr is the address that is listened on.
	Addr() net.Addr
	// Ready is closed when requests are served.
	Ready() <-chan struct{}
	// Run listens and serves until the context ends, and then drains.
	Run(context.Context) error
}

// subcommand is one of the program's commands.
type subcommand struct {
	name, args, summary string
	run                 func(p *Program, ctx context.Context, args []string) error
}

func subcommands() []subcommand {
	return []subcommand{
		{"serve", "[flags] [file]", "start the server", (*Program).serve},
		{"mongo", "--data DIR [flags]", "serve an embedded store to MongoDB's tools and drivers", (*Program).mongo},
		{"config", "[flags] [file]", "show the configuration and where each value comes from", (*Program).config},
		{"schema", "plan|apply|export [flags] [file]", "compare classes with their definitions, apply these, or print what there is", (*Program).schema},
		{"health", "[flags] [file]", "ask the running server whether it is well", (*Program).health},
		{"doctor", "[flags] [file]", "check the embedded stores, and repair them", (*Program).doctor},
		{"snapshot", "--to DIR [flags] [file]", "copy the data directory, also of a running server", (*Program).snapshot},
		{"compact", "[flags] [file]", "make the embedded stores as small as they can be", (*Program).compact},
		{"files", "migrate|gc [flags] [file]", "copy files from one place to another, or delete those in no use", (*Program).files},
		{"openapi", "", "print the description of the REST API, in OpenAPI 3.1", (*Program).openapi},
		{"version", "", "print the version", (*Program).version},
		{"help", "[command]", "tell more of a command", (*Program).help},
	}
}

// Run carries out the command line and returns the code to end the process with.
func (p *Program) Run(ctx context.Context) int {
	err := p.dispatch(ctx)
	if err == nil {
		return exitOK
	}
	var stop *stopError
	if errors.As(err, &stop) {
		return stop.code
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(p.Stderr, "loam: %s\n", line)
	}
	if isUsage(err) {
		return exitUsage
	}
	return exitFailure
}

func (p *Program) dispatch(ctx context.Context) error {
	if len(p.Args) == 0 {
		p.overview(p.Stderr)
		return &stopError{exitUsage}
	}
	name := p.Args[0]
	switch name {
	case "-h", "--help":
		name = "help"
	case "--version":
		name = "version"
	}
	command, err := find(name)
	if err != nil {
		return err
	}
	err = command.run(p, ctx, p.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return p.help(ctx, []string{name})
	}
	return err
}

func find(name string) (subcommand, error) {
	var names []string
	for _, c := range subcommands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	text := fmt.Sprintf("there is no command %q", name)
	if strings.HasPrefix(name, "-") {
		text = fmt.Sprintf("%s is no command; flags come after one, as in: loam serve %s", name, name)
	} else if near := config.Nearest(name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return subcommand{}, &usageError{text + "\nrun \"loam help\" for what there is"}
}

func (p *Program) overview(w io.Writer) {
	fmt.Fprint(w, "Loam is a self-hosted backend in one binary that speaks the Parse protocol.\n\nUsage:\n")
	for _, c := range subcommands() {
		fmt.Fprintf(w, "  loam %-44s %s\n", strings.TrimSpace(c.name+" "+c.args), c.summary)
	}
	fmt.Fprint(w, "\nWithout any configuration, \"loam serve\" keeps its data in ./loam-data and prints what clients need.\n")
}

func (p *Program) help(_ context.Context, args []string) error {
	if len(args) == 0 {
		p.overview(p.Stdout)
		return nil
	}
	c, err := find(args[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "Usage: loam %s\n\n%s.\n", strings.TrimSpace(c.name+" "+c.args), sentence(c.summary))
	switch c.name {
	case "mongo":
		fmt.Fprint(p.Stdout, mongoHelp, newMongoFlags().set.FlagUsages())
	case "config":
		fmt.Fprint(p.Stdout, configHelp)
	case "schema":
		fmt.Fprint(p.Stdout, schemaHelp)
	case "files":
		fmt.Fprint(p.Stdout, filesHelp)
	case "doctor":
		fmt.Fprint(p.Stdout, doctorHelp)
	case "snapshot":
		fmt.Fprint(p.Stdout, snapshotHelp)
	case "compact":
		fmt.Fprint(p.Stdout, compactHelp)
	case "serve":
		fmt.Fprint(p.Stdout, serveHelp, "\nFlags:\n", config.NewFlags("serve").Usage(false))
	}
	return nil
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// load reads the configuration that flags, environment and file make. The file
// may also be named without a flag, as Parse Server has it.
func (p *Program) load(flags *config.Flags, rest []string, generate bool) (*config.Effective, error) {
	src := config.Sources{Flags: flags, Env: p.Env, GenerateKeys: generate}
	switch {
	case len(rest) > 1:
		return nil, &usageError{fmt.Sprintf("one configuration file is enough, but %q and %q are named", rest[0], rest[1])}
	case len(rest) == 1 && (rest[0] == "true" || rest[0] == "false"):
		return nil, &usageError{fmt.Sprintf("%q belongs to no flag; write --flag=%s", rest[0], rest[0])}
	case len(rest) == 1:
		src.File = rest[0]
	}
	return config.Load(src)
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// stopError ends the program with a code; all has been said.
type stopError struct{ code int }

func (e *stopError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// isUsage tells whether an error is the user's: of the command line or the configuration.
func isUsage(err error) bool {
	var usage *usageError
	var problem *config.Problem
	var flag *pflag.InvalidValueError
	var value *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	return errors.As(err, &usage) || errors.As(err, &problem) || errors.As(err, &flag) ||
		errors.As(err, &value) || errors.As(err, &unknown) || errors.As(err, &syntax)
}
