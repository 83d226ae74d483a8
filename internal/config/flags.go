package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// configFlag names the configuration file; it is the one flag that is no option.
const configFlag = "config"

// Flags are the command-line flags of all options.
type Flags struct {
	set   *pflag.FlagSet
	table *table
}

// NewFlags returns the flags for a command of that name. Flags are written in
// kebab case, --master-key; Parse Server's own, --masterKey, is understood too.
func NewFlags(command string) *Flags {
	f := &Flags{set: pflag.NewFlagSet(command, pflag.ContinueOnError), table: newTable()}
	f.set.SortFlags = false
	f.set.Usage = func() {}
	f.set.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(kebab(name))
	})
	f.set.StringP(configFlag, "c", "", "configuration `file`, YAML or JSON (LOAM_CONFIG)")
	for _, o := range f.table.options {
		if o.Flag == "" {
			continue
		}
		flag := f.set.VarPF(&flagValue{option: o}, o.Flag, "", "")
		if o.Kind == Bool {
			flag.NoOptDefVal = "true"
		}
	}
	return f
}

// Parse reads a command's arguments and returns those that are no flags. For a
// request for help it returns pflag.ErrHelp.
func (f *Flags) Parse(args []string) ([]string, error) {
	err := f.set.Parse(args)
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		p := &Problem{Source: "flag --" + unknown.GetSpecifiedName(), Text: "there is no such option"}
		if near := Nearest(kebab(unknown.GetSpecifiedName()), f.names()); near != "" {
			p.Nearest = "--" + near
		}
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	return f.set.Args(), nil
}

// Bool adds a flag of a command that is no option.
func (f *Flags) Bool(name, usage string) *bool { return f.set.Bool(name, false, usage) }

// String adds a flag of a command that is no option.
func (f *Flags) String(name, usage string) *string { return f.set.String(name, "", usage) }

func (f *Flags) names() []string {
	var names []string
	f.set.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

// file is the configuration file that the flags name.
func (f *Flags) file() string {
	name, err := f.set.GetString(configFlag)
	if err != nil {
		return ""
	}
	return name
}

// Usage describes the flags: those that have an effect or, with all, every one.
func (f *Flags) Usage(all bool) string {
	var b strings.Builder
	f.set.VisitAll(func(flag *pflag.Flag) {
		if _, option := flag.Value.(*flagValue); option {
			return
		}
		name, usage := pflag.UnquoteUsage(flag)
		if name != "" {
			name = " " + name
		}
		short := "    "
		if flag.Shorthand != "" {
			short = "-" + flag.Shorthand + ", "
		}
		fmt.Fprintf(&b, "  %s--%s%s\n        %s\n", short, flag.Name, name, usage)
	})
	for _, s := range f.table.sections {
		title := false
		for _, o := range s.Options {
			if o.Flag == "" || !all && (o.Status == Pending || o.Status == Inert || o.driver) {
				continue
			}
			if !title {
				fmt.Fprintf(&b, "\n%s\n", s.Title)
				title = true
			}
			o.writeUsage(&b)
		}
	}
	return b.String()
}

func (o *Option) writeUsage(b *strings.Builder) {
	fmt.Fprintf(b, "      --%s", o.Flag)
	if o.Kind != Bool {
		fmt.Fprintf(b, " %s", strings.ReplaceAll(o.Kind.String(), " ", "-"))
	}
	fmt.Fprintf(b, "\n        %s", strings.ReplaceAll(o.Doc, "`", ""))
	if o.Default != "" {
		fmt.Fprintf(b, " (default %s)", o.Default)
	}
	b.WriteByte('\n')
}

// flagValue is what a flag was set to. Its type is checked with those of all
// other sources.
type flagValue struct {
	option *Option
	text   string
}

func (v *flagValue) String() string {
	if v == nil {
		return ""
	}
	return v.text
}

func (v *flagValue) Type() string { return v.option.Kind.String() }

// Set takes the last value, but collects those of a list.
func (v *flagValue) Set(text string) error {
	if v.option.Kind == List && v.text != "" && !strings.HasPrefix(text, "[") {
		text = v.text + "," + text
	}
	v.text = text
	return nil
}

// given calls yield for every flag that was given, groups before their members.
func (f *Flags) given(yield func(o *Option, text string)) {
	for _, o := range f.table.options {
		if o.Flag == "" {
			continue
		}
		if flag := f.set.Lookup(o.Flag); flag != nil && flag.Changed {
			yield(o, flag.Value.String())
		}
	}
}
