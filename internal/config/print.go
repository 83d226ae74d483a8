package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// mask stands for a secret.
const mask = "********"

// Write lists the options with their values and sources, in the order of the
// table: those that have an effect and those that were set, or, with all, every
// one. Secrets are masked unless they are to be shown.
func (e *Effective) Write(w io.Writer, all, secrets bool) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "OPTION\tVALUE\tSOURCE")
	for i, app := range e.apps {
		for _, o := range e.table.options {
			if o.inItems() || o.Kind == Group || i > 0 && o.Process || i == 0 && !o.Process && !e.topIsApp {
				continue
			}
			s, ok := app.settings[o.Path]
			given := ok && s.Source != sourceDefault
			effective := ok && o.Status != Pending && o.Status != Inert
			if !given && !effective && !all {
				continue
			}
			value := "-"
			if ok {
				value = s.Text(secrets)
			}
			fmt.Fprintf(tw, "%s%s\t%s\t%s\n", app.prefix, o.Path, value, s.Source)
		}
	}
	return tw.Flush()
}

// Text is the value as a flag or an environment variable would give it; a
// secret is masked unless it is to be shown. It is "" when there is no value.
func (s Setting) Text(secrets bool) string {
	if s.Value == nil {
		return ""
	}
	text := format(s.Value, s.Option.Kind)
	if !s.Option.Secret || secrets {
		return text
	}
	if uri, ok := s.Value.(string); ok && strings.Contains(uri, "://") {
		return maskURI(text)
	}
	return mask
}

// format is the inverse of Kind.fromText.
func format(value any, kind Kind) string {
	switch v := value.(type) {
	case string:
		return v
	case []string:
		for _, item := range v {
			if strings.Contains(item, ",") || strings.TrimSpace(item) != item || item == "" {
				return toJSON(v)
			}
		}
		return strings.Join(v, ",")
	case time.Duration:
		return v.String()
	case int64:
		if kind == Size {
			return formatSize(v)
		}
		return fmt.Sprint(v)
	case bool:
		return fmt.Sprint(v)
	default:
		return toJSON(v)
	}
}

func toJSON(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
