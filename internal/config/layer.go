package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Setting is an option with a value and where the value came from.
type Setting struct {
	Option *Option
	// Value is of the option's kind.
	Value  any
	Source string
}

// settings are values by their options' paths.
type settings map[string]Setting

// layer is what one source says: of the process and its first app, and of further apps.
type layer struct {
	settings
	apps []appLayer
}

// appLayer is what a configuration file says of one of its apps.
type appLayer struct {
	settings
	source string
}

// reader turns sources into layers and collects what is wrong with them.
type reader struct {
	table    *table
	problems []error
}

func (r *reader) report(p *Problem) { r.problems = append(r.problems, p) }

func (r *reader) flags(f *Flags) layer {
	l := layer{settings: settings{}}
	if f == nil {
		return l
	}
	f.given(func(o *Option, text string) {
		r.text(l.settings, o, text, "flag --"+o.Flag)
	})
	return l
}

// kubernetesEnv are the ends of the variables that Kubernetes sets in every pod
// for every service; one called "loam" or "parse-server" looks like options.
var kubernetesEnv = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// foreign tells whether a variable that looks like an option is somebody else's.
func foreign(name, value string) bool {
	return kubernetesEnv.MatchString(name) ||
		strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://") ||
		strings.HasPrefix(name, "LOAM_TEST_")
}

// pendingEnv are variables of Parse Server that are no options.
var pendingEnv = []string{"PARSE_SERVER_CLEANUP_INVALID_INSTALLATIONS"}

// envFile names the configuration file in the environment.
const envFile = "LOAM_CONFIG"

// env reads the environment, in the form of os.Environ. An empty variable is
// one that is not set.
func (r *reader) env(environ []string) layer {
	l := layer{settings: settings{}}
	values := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if value == "" {
			continue
		}
		values[name] = value
		switch {
		case r.table.byEnv[name] != nil, name == envFile, slices.Contains(pendingEnv, name), foreign(name, value):
		case strings.HasPrefix(name, "PARSE_SERVER_"), strings.HasPrefix(name, "PARSE_LIVE_QUERY_SERVER_"), strings.HasPrefix(name, "LOAM_"):
			r.report(&Problem{Source: "environment variable " + name, Text: "there is no such option", Nearest: Nearest(name, r.table.envNames())})
		}
	}
	for _, o := range r.table.options {
		if value, ok := values[o.Env]; ok && o.Env != "" {
			r.text(l.settings, o, value, "environment variable "+o.Env)
		}
	}
	return l
}

// text adds what a flag or a variable says.
func (r *reader) text(into settings, o *Option, text, source string) {
	if o.Kind != Group {
		value, err := o.Kind.fromText(text)
		r.add(into, o, value, err, source)
		return
	}
	t, err := decodeJSON([]byte(text))
	if err != nil {
		r.report(&Problem{Option: o.Path, Source: source, Text: "must be a JSON object: " + err.Error()})
		return
	}
	r.tree(into, o, t, origin{name: source})
}

// add takes a value in, or reports what is wrong with it.
func (r *reader) add(into settings, o *Option, value any, err error, source string) {
	if err == nil && o.Kind == Items {
		err = r.items(o, value)
	}
	if err == nil && o.read != nil {
		_, err = o.read(value)
	}
	if err != nil {
		r.report(&Problem{Option: o.Path, Source: source, Text: err.Error()})
		return
	}
	into[o.Path] = Setting{Option: o, Value: value, Source: source}
}

// file reads a configuration file. With named, flags or environment say who the
// first app is, so that an app in the file is another one.
func (r *reader) file(path string, named bool) layer {
	l := layer{settings: settings{}}
	data, err := os.ReadFile(path)
	if err != nil {
		r.report(&Problem{Text: "can't read the configuration: " + err.Error()})
		return l
	}
	from := origin{name: filepath.Base(path), lines: true}
	root, err := decodeFile(data)
	if err != nil {
		r.report(&Problem{Source: from.name, Text: err.Error()})
		return l
	}
	members, ok := root.value.([]member)
	if !ok {
		r.report(&Problem{Source: from.name, Text: "must be an object of options"})
		return l
	}
	if only, ok := onlyApp(members); ok && !named {
		members = only
	}
	for _, m := range members {
		if m.name == "apps" {
			l.apps = r.apps(m.tree, from)
			continue
		}
		r.member(l.settings, "", m, from)
	}
	return l
}

// onlyApp is the one app of a file that is {"apps": [{…}]} and nothing else:
// the form in which Parse Server takes its options, the process's among them.
func onlyApp(members []member) ([]member, bool) {
	if len(members) != 1 || members[0].name != "apps" {
		return nil, false
	}
	list, _ := members[0].tree.value.([]*tree)
	if len(list) != 1 {
		return nil, false
	}
	app, ok := list[0].value.([]member)
	return app, ok
}

func (r *reader) apps(t *tree, from origin) []appLayer {
	list, ok := t.value.([]*tree)
	if !ok {
		r.report(&Problem{Option: "apps", Source: from.at(t.line), Text: "must be a list of apps, each an object of options"})
		return nil
	}
	var apps []appLayer
	for _, item := range list {
		members, ok := item.value.([]member)
		if !ok {
			r.report(&Problem{Option: "apps", Source: from.at(item.line), Text: "must be a list of apps, each an object of options"})
			continue
		}
		app := appLayer{settings: settings{}, source: from.at(item.line)}
		for _, m := range members {
			if o := r.table.byPath[m.name]; o != nil && o.Process {
				r.report(&Problem{Option: o.Path, Source: from.at(m.line), Text: "is an option of the whole process: it stands outside apps"})
				continue
			}
			r.member(app.settings, "", m, from)
		}
		apps = append(apps, app)
	}
	return apps
}

// member takes in a member of an object in a file; prefix is the path of the
// object, with a dot, or "".
func (r *reader) member(into settings, prefix string, m member, from origin) {
	o := r.table.byPath[prefix+m.name]
	if o == nil {
		r.report(&Problem{Option: prefix + m.name, Source: from.at(m.line), Text: "is not known", Nearest: r.table.near(prefix, m.name)})
		return
	}
	if m.tree.value == nil { // null is as good as left out
		return
	}
	if o.Kind == Group {
		r.tree(into, o, m.tree, from)
		return
	}
	value, err := o.Kind.fromTree(m.tree)
	r.add(into, o, value, err, from.at(m.line))
}

// tree takes in the members of a group.
func (r *reader) tree(into settings, o *Option, t *tree, from origin) {
	if text, ok := t.value.(string); ok {
		inner, err := decodeJSON([]byte(text))
		if err != nil {
			r.report(&Problem{Option: o.Path, Source: from.at(t.line), Text: "must be an object: " + err.Error()})
			return
		}
		t, from = inner, origin{name: from.at(t.line)}
	}
	members, ok := t.value.([]member)
	if !ok {
		r.report(&Problem{Option: o.Path, Source: from.at(t.line), Text: Group.mismatch(t).Error()})
		return
	}
	for _, m := range members {
		r.member(into, o.Path+".", m, from)
	}
}

// items checks the objects of a list against the options that their members are.
func (r *reader) items(o *Option, value any) error {
	prefix := o.Path + "[]."
	if !slices.ContainsFunc(r.table.options, func(m *Option) bool { return strings.HasPrefix(m.Path, prefix) }) {
		return nil
	}
	for i, item := range value.([]any) {
		object, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("must be a list of objects, but item %d is none", i+1)
		}
		for name, v := range object {
			m := r.table.byPath[prefix+name]
			if m == nil {
				return errors.New((&Problem{Text: fmt.Sprintf("has an item %d with %q, which is not known", i+1, name), Nearest: strings.TrimPrefix(r.table.near(prefix, name), prefix)}).Error())
			}
			if _, err := m.Kind.fromTree(treeOf(v)); err != nil {
				return fmt.Errorf("has an item %d whose %s %w", i+1, name, err)
			}
		}
	}
	return nil
}

// treeOf is the tree that v is the plain form of, as far as kinds look at it.
func treeOf(v any) *tree {
	switch v := v.(type) {
	case []any:
		list := make([]*tree, len(v))
		for i, item := range v {
			list[i] = treeOf(item)
		}
		return &tree{value: list}
	case map[string]any:
		members := make([]member, 0, len(v))
		for name, item := range v {
			members = append(members, member{name: name, tree: treeOf(item)})
		}
		return &tree{value: members}
	default:
		return &tree{value: v}
	}
}

// origin is where a tree came from.
type origin struct {
	name string
	// lines tells that the tree's lines are those of a file.
	lines bool
}

func (o origin) at(line int) string {
	if !o.lines {
		return o.name
	}
	return fmt.Sprintf("%s:%d", o.name, line)
}
