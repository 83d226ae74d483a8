package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/loam-baas/loam/internal/app"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/schema"
)

const schemaHelp = `
  loam schema plan             what the definitions of the option "schema" would change
  loam schema plan --check     the same, and end with 1 if that is anything
  loam schema apply            change it, as "loam serve" does at its start
  loam schema export           the classes that there are, as definitions

It takes the flags of "loam serve", and --app ID for another app than the first. An embedded
store must not be open in another process.
`

// schema plans, applies or prints class definitions.
func (p *Program) schema(ctx context.Context, args []string) error {
	flags := config.NewFlags("schema")
	check := flags.Bool("check", "end with 1 if something would change")
	id := flags.String("app", "the `id` of the app; the first one by default")
	rest, err := flags.Parse(args)
	if err != nil {
		return err
	}
	actions := map[string]func(context.Context, *config.App, *schema.Catalog) error{
		"plan": func(ctx context.Context, a *config.App, c *schema.Catalog) error {
			return p.planSchema(ctx, a, c, *check)
		},
		"apply":  p.applySchema,
		"export": p.exportSchema,
	}
	if len(rest) == 0 {
		return &usageError{"do what? As in: loam schema plan"}
	}
	do, ok := actions[rest[0]]
	if !ok {
		return &usageError{fmt.Sprintf("%q is none of plan, apply and export", rest[0])}
	}
	e, err := p.load(flags, rest[1:], false)
	if err != nil {
		return err
	}
	a, err := appOf(e.Process, *id)
	if err != nil {
		return err
	}
	logger := newLogger(e.Process.Log, p.Stderr)
	return app.WithCatalog(ctx, a, logger, func(c *schema.Catalog) error { return do(ctx, a, c) })
}

// appOf is the app of that id, the first one for "".
func appOf(process *config.Process, id string) (*config.App, error) {
	if id == "" {
		return process.Apps[0], nil
	}
	var ids []string
	for _, a := range process.Apps {
		if a.AppID == id {
			return a, nil
		}
		ids = append(ids, a.AppID)
	}
	return nil, &usageError{fmt.Sprintf("there is no app %q; there is %s", id, strings.Join(ids, ", "))}
}

// plan prints what the definitions would change, and returns it.
func (p *Program) plan(ctx context.Context, a *config.App, c *schema.Catalog) (*schema.Plan, error) {
	if a.Schema.Definitions == nil {
		return nil, &usageError{"the configuration has no schema.definitions"}
	}
	definitions, err := app.Definitions(&a.Schema)
	if err != nil {
		return nil, err
	}
	plan, err := c.Plan(ctx, definitions)
	if err != nil {
		return nil, err
	}
	for _, w := range plan.Warnings {
		fmt.Fprintf(p.Stderr, "loam: warning: %s\n", w)
	}
	for _, s := range plan.Steps {
		for _, change := range s.Changes {
			fmt.Fprintf(p.Stdout, "%s: %s\n", s.Class, change)
		}
	}
	if len(plan.Steps) == 0 {
		fmt.Fprintln(p.Stdout, "nothing to change")
	}
	return plan, nil
}

func (p *Program) planSchema(ctx context.Context, a *config.App, c *schema.Catalog, check bool) error {
	plan, err := p.plan(ctx, a, c)
	if err == nil && check && len(plan.Steps) > 0 {
		return &stopError{exitFailure}
	}
	return err
}

func (p *Program) applySchema(ctx context.Context, a *config.App, c *schema.Catalog) error {
	plan, err := p.plan(ctx, a, c)
	if err != nil {
		return err
	}
	return c.Apply(ctx, plan)
}

// exportSchema prints {"schema": {"definitions": […]}}, which is a
// configuration that changes nothing but who may add fields.
func (p *Program) exportSchema(_ context.Context, _ *config.App, c *schema.Catalog) error {
	classes := parse.Array{}
	for _, class := range c.Snapshot().Classes() {
		classes = append(classes, class.Definition())
	}
	definitions := &parse.Object{Members: []parse.Member{{Key: "definitions", Value: classes}}}
	configuration := &parse.Object{Members: []parse.Member{{Key: "schema", Value: definitions}}}
	var b bytes.Buffer
	if err := json.Indent(&b, parse.AppendJSON(nil, configuration), "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.Stdout, b.String())
	return err
}
