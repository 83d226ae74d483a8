package config

import "strings"

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Option is the option's path, or "" when what is wrong is no option.
	Option string
	// Source is where it was found: "flag --port", "loam.yaml:3" …
	Source string
	// Text continues a sentence that begins with the option's name.
	Text string
	// Nearest is the name that was probably meant, or "".
	Nearest string
}

// Error is "source: option text; did you mean nearest?".
func (p *Problem) Error() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source)
		b.WriteString(": ")
	}
	if p.Option != "" {
		b.WriteString(p.Option)
		b.WriteByte(' ')
	}
	b.WriteString(p.Text)
	if p.Nearest != "" {
		b.WriteString("; did you mean ")
		b.WriteString(p.Nearest)
		b.WriteByte('?')
	}
	return b.String()
}
