package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sources are what a configuration is read from.
type Sources struct {
	// Flags are the command line's, parsed; nil for none.
	Flags *Flags
	// Env is the environment in the form of os.Environ.
	Env []string
	// File is the configuration file; "" leaves it to the flag --config and to
	// LOAM_CONFIG whether there is one.
	File string
	// GenerateKeys makes the data directory with its keys file when no app is
	// configured and none is there. Without it, keys that are there are read.
	GenerateKeys bool
}

// Effective is a configuration that has been resolved: every option with its
// value and source, and the typed form of all.
type Effective struct {
	Process *Process
	// KeysFile is the file of generated keys in use, or "".
	KeysFile string
	// KeysMade tells that the file was made just now.
	KeysMade bool
	// KeysMissing tells that no app is configured and that there is no keys file
	// yet; the process's app then has neither id nor keys.
	KeysMissing bool

	table *table
	// topIsApp tells that the options outside of apps are an app, the first.
	topIsApp bool
	// apps are the settings of the process and its first app and, after them,
	// those of the apps listed in the file.
	apps []scope
}

// scope is the settings of one app; prefix is "" or "apps[0]." and so on.
type scope struct {
	prefix string
	settings
	app *App
}

// The sources of values that nobody gave.
const (
	sourceDefault  = "default"
	sourceLoopback = "default with generated keys"
)

// Load resolves a configuration. Its error joins a *Problem for everything that
// is wrong with it.
func Load(src Sources) (*Effective, error) {
	r := &reader{}
	if src.Flags != nil {
		r.table = src.Flags.table
	} else {
		r.table = newTable()
	}
	flags, env := r.flags(src.Flags), r.env(src.Env)
	var file layer
	if path := src.file(); path != "" {
		file = r.file(path, flags.has("appId") || env.has("appId"))
	}
	top := settings{}
	for _, l := range []settings{file.settings, env.settings, flags.settings} {
		for path, s := range l {
			top[path] = s
		}
	}
	e := &Effective{table: r.table, topIsApp: topIsApp(top, file.apps), apps: []scope{{settings: top}}}
	if e.topIsApp {
		if err := e.identify(r, top, src.GenerateKeys); err != nil {
			return nil, err
		}
	} else {
		e.refuseAppOptions(r, top)
	}
	for i, app := range file.apps {
		for _, path := range []string{"appId", "masterKey"} {
			if _, ok := app.settings[path]; !ok {
				r.report(&Problem{Option: path, Source: app.source, Text: "is missing in this app"})
			}
		}
		e.apps = append(e.apps, scope{prefix: fmt.Sprintf("apps[%d].", i), settings: app.settings})
	}
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	if err := e.build(src.Env); err != nil {
		return nil, err
	}
	return e, nil
}

// file is the configuration file to read, or "".
func (s *Sources) file() string {
	if s.File != "" {
		return s.File
	}
	if s.Flags != nil {
		if name := s.Flags.file(); name != "" {
			return name
		}
	}
	for _, entry := range s.Env {
		if name, value, _ := strings.Cut(entry, "="); name == envFile {
			return value
		}
	}
	return ""
}

// topIsApp tells whether the options outside apps make an app of their own:
// always, unless the file lists apps and nothing outside says who the app is.
func topIsApp(top settings, apps []appLayer) bool {
	_, hasID := top["appId"]
	_, hasKey := top["masterKey"]
	return len(apps) == 0 || hasID || hasKey
}

// refuseAppOptions reports options of an app where there is no app to have them.
func (e *Effective) refuseAppOptions(r *reader, top settings) {
	for _, o := range e.table.options {
		if s, ok := top[o.Path]; ok && !o.Process {
			r.report(&Problem{Option: o.Path, Source: s.Source, Text: "belongs to no app: there is no appId outside of apps; move it into them"})
		}
	}
}

// identify sees to it that the first app has an id and a master key.
func (e *Effective) identify(r *reader, top settings, generate bool) error {
	id, hasID := top["appId"]
	key, hasKey := top["masterKey"]
	switch {
	case hasID && hasKey:
		return nil
	case hasID:
		r.report(&Problem{Option: "masterKey", Source: id.Source, Text: "is missing: appId is set, and the two go together"})
		return nil
	case hasKey:
		r.report(&Problem{Option: "appId", Source: key.Source, Text: "is missing: masterKey is set, and the two go together"})
		return nil
	case len(r.problems) > 0: // nothing is made for a configuration that can't be
		return nil
	}
	dir := e.dataDir(top)
	path := filepath.Join(dir, keysFile)
	if generate {
		made, err := generateKeys(dir)
		if err != nil {
			return err
		}
		e.KeysMade = made
	} else if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		e.KeysMissing = true
		return nil
	}
	e.KeysFile = path
	for name, s := range r.file(path, true).settings {
		if _, ok := top[name]; !ok {
			s.Source = path
			top[name] = s
		}
	}
	for _, name := range []string{"appId", "masterKey"} {
		if _, ok := top[name]; !ok && len(r.problems) == 0 {
			r.report(&Problem{Option: name, Source: path, Text: "is missing"})
		}
	}
	return nil
}

// dataDir is the data directory before all is bound.
func (e *Effective) dataDir(top settings) string {
	s, ok := top["dataDir"]
	if !ok {
		return e.table.byPath["dataDir"].Default
	}
	return filepath.Clean(s.Value.(string))
}

// Get returns the setting of that name, "maxLimit", "requestComplexity.queryDepth"
// or "apps[1].maxLimit". Its error is a *Problem when there is no such option.
// An option without a value has a setting whose Value is nil.
func (e *Effective) Get(name string) (Setting, error) {
	for _, app := range slices.Backward(e.apps) {
		path, ok := strings.CutPrefix(name, app.prefix)
		o := e.table.byPath[path]
		if !ok || o == nil {
			continue
		}
		if s, ok := app.settings[path]; ok {
			return s, nil
		}
		return Setting{Option: o}, nil
	}
	return Setting{}, &Problem{Option: name, Text: "is not known", Nearest: e.table.near("", name)}
}
