package config

import (
	"fmt"
	"io"
	"strings"
)

//go:generate go run github.com/loam-baas/loam/cmd/loam config docs --output ../../docs/configuration.md

const referenceIntro = `# Configuration

<!-- Generated from internal/config by "go generate ./internal/config"; don't edit. -->

Loam needs no configuration. What can be configured carries Parse Server's names, so that a deployment
moves with its configuration; a JSON file of Parse Server options is a Loam configuration as it is.

| where | how an option is named | example |
|---|---|---|
| command line | kebab case; Parse Server's own ` + "`--masterKey`" + ` is understood too | ` + "`loam serve --max-limit 500`" + ` |
| environment | Parse Server's variable, ` + "`LOAM_…`" + ` for Loam's own options | ` + "`PARSE_SERVER_MAX_LIMIT=500 loam serve`" + ` |
| file, YAML or JSON | the option's name, nested ones in objects | ` + "`loam serve --config loam.yaml`" + ` or ` + "`LOAM_CONFIG=loam.yaml`" + ` |

Flags go before the environment, the environment before the file, the file before the defaults.
Groups merge: a file may set one member of ` + "`requestComplexity`" + ` and a variable another. Lists are written with
commas, or as JSON; objects as JSON. A variable that is empty is one that is not set. A secret on the command
line can be seen by other users of the machine: use the environment or a file.

An option that is not known, or of a wrong type, ends the start with an error that names it, its source and the
nearest name that is known. ` + "`loam config`" + ` shows what is in force and where each value comes from, without starting
anything; ` + "`loam config get masterKey`" + ` prints one value.

## Several apps

Options outside of ` + "`apps`" + ` are those of the process and of one app, the default. A file can list further apps; each
begins from the defaults, not from the options of the first, and needs an ` + "`appId`" + ` and a ` + "`masterKey`" + ` of its own.
Requests choose their app by its id.

` + "```yaml" + `
port: 1337                # of the process
appId: shop               # the first app
masterKey: …
apps:
  - appId: blog           # a second one
    masterKey: …
    maxLimit: 200
    databaseURI: mongodb://db.internal/blog
` + "```" + `

Options of the process can't stand in an app. When nothing outside of ` + "`apps`" + ` says who the first app is, the listed
ones are all there are. A file that is ` + "`{\"apps\": [{…}]}`" + ` with a single app is read as Parse Server reads it: all
options, those of the process too, stand in that app.

## Options

Each option's name in a file comes first, then its flag and its environment variable. *Not served yet* are options
that are checked and then do nothing, *no effect* those that never will; setting one is warned about.
`

// WriteReference writes docs/configuration.md.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(referenceIntro)
	for _, s := range Sections() {
		fmt.Fprintf(&b, "\n### %s\n\n", s.Title)
		if s.Intro != "" {
			fmt.Fprintf(&b, "%s\n\n", s.Intro)
		}
		b.WriteString("| option | value | what it does |\n|---|---|---|\n")
		for _, o := range s.Options {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", o.names(), o.values(), o.describe())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (o *Option) names() string {
	names := "`" + o.Path + "`"
	if o.Flag != "" {
		names += "<br>`--" + o.Flag + "`"
	}
	if o.Env != "" {
		names += "<br>`" + o.Env + "`"
	}
	return names
}

func (o *Option) values() string {
	text := o.Kind.String()
	if o.Default != "" {
		text += "<br>default `" + strings.ReplaceAll(o.Default, "|", `\|`) + "`"
	}
	return text
}

func (o *Option) describe() string {
	var notes []string
	if o.Status != Served {
		notes = append(notes, o.Status.String())
	}
	if o.Process {
		notes = append(notes, "of the process")
	}
	if o.Secret {
		notes = append(notes, "secret")
	}
	text := strings.ReplaceAll(o.Doc, "|", `\|`)
	if len(notes) > 0 {
		text = "*" + strings.Join(notes, ", ") + "* · " + text
	}
	return text
}
