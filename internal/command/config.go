package command

import (
	"context"
	"fmt"
	"os"

	"github.com/loam-baas/loam/internal/config"
)

const configHelp = `
  loam config                  every option that has an effect, its value and its source
  loam config --all            every option there is
  loam config --secrets        with secrets as they are
  loam config get NAME         one value, as it is: loam config get appId
  loam config docs             the reference of all options, in Markdown
  loam config docs --output F  the same into a file

It takes the flags of "loam serve" and starts nothing.
`

// config shows the configuration, or the reference of all options.
func (p *Program) config(_ context.Context, args []string) error {
	flags := config.NewFlags("config")
	all := flags.Bool("all", "show every option there is")
	secrets := flags.Bool("secrets", "show secrets as they are")
	output := flags.String("output", "write the reference into this `file`")
	rest, err := flags.Parse(args)
	if err != nil {
		return err
	}
	switch {
	case len(rest) > 0 && rest[0] == "docs":
		return p.reference(*output)
	case len(rest) > 0 && rest[0] == "get":
		if len(rest) < 2 {
			return &usageError{`of which option? As in: loam config get appId`}
		}
		return p.get(flags, rest[1], rest[2:])
	}
	e, err := p.load(flags, rest, false)
	if err != nil {
		return err
	}
	for _, w := range e.Process.Warnings {
		fmt.Fprintf(p.Stderr, "loam: warning: %s\n", w)
	}
	return e.Write(p.Stdout, *all, *secrets)
}

// get prints one value.
func (p *Program) get(flags *config.Flags, name string, rest []string) error {
	e, err := p.load(flags, rest, false)
	if err != nil {
		return err
	}
	s, err := e.Get(name)
	if err != nil {
		return err
	}
	if s.Value == nil && e.KeysMissing && (name == "appId" || name == "masterKey") {
		return fmt.Errorf("%s has no value yet: Loam makes it when it first serves", name)
	}
	_, err = fmt.Fprintln(p.Stdout, s.Text(true))
	return err
}

func (p *Program) reference(path string) (err error) {
	if path == "" {
		return config.WriteReference(p.Stdout)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := config.WriteReference(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
