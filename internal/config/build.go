package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// build fills in the defaults, makes the typed form and checks what concerns
// several options together.
func (e *Effective) build(environ []string) error {
	p := &Process{GeneratedKeys: e.KeysFile != "" || e.KeysMissing}
	e.Process = p
	for i := range e.apps {
		s := e.apps[i].settings
		e.setDefaults(s, i == 0)
		if i == 0 && p.GeneratedKeys && s["host"].Source == sourceDefault {
			s.set(e.table.byPath["host"], "127.0.0.1", sourceLoopback)
		}
		if i == 0 {
			if err := e.bind(s, p, &App{}, true); err != nil {
				return err
			}
			p.Log.Level = e.logLevel(s, p)
			if !e.topIsApp {
				continue
			}
		}
		app := &App{}
		e.derive(s, e.apps[i].prefix)
		if err := e.bind(s, p, app, false); err != nil {
			return err
		}
		e.locate(s, &app.Database)
		app.protectUsers()
		e.locateFiles(app, e.apps[i].prefix)
		if app.Mail.Driver == MailInbox {
			app.Mail.Dir = filepath.Join(p.DataDir, "mail", app.AppID)
		}
		e.apps[i].app = app
		p.Apps = append(p.Apps, app)
	}
	p.Warnings = e.warnings(environ)
	return errors.Join(e.conflicts()...)
}

// protectUsers hides the sensitive fields of users from everybody else.
func (a *App) protectUsers() {
	if len(a.UserSensitiveFields) == 0 {
		return
	}
	if a.ProtectedFields == nil {
		a.ProtectedFields = ProtectedFields{}
	}
	if a.ProtectedFields["_User"] == nil {
		a.ProtectedFields["_User"] = map[string][]string{}
	}
	groups := a.ProtectedFields["_User"]
	for _, field := range append([]string{"email"}, a.UserSensitiveFields...) {
		if !slices.Contains(groups["*"], field) {
			groups["*"] = append(groups["*"], field)
		}
	}
}

func (s settings) has(path string) bool { _, ok := s[path]; return ok }

func (s settings) set(o *Option, value any, source string) {
	s[o.Path] = Setting{Option: o, Value: value, Source: source}
}

// setDefaults gives all options that have none their default value.
func (e *Effective) setDefaults(s settings, process bool) {
	for _, o := range e.table.options {
		if o.Default == "" || s.has(o.Path) || o.inItems() || o.Process && !process {
			continue
		}
		// The table's test decodes every default.
		if value, err := o.Kind.fromText(o.Default); err == nil {
			s.set(o, value, sourceDefault)
		}
	}
}

// bind puts the values into the typed form: those of the process, or of one app.
func (e *Effective) bind(s settings, p *Process, app *App, process bool) error {
	for _, o := range e.table.options {
		setting, ok := s[o.Path]
		if !ok || o.field == nil && !o.driver || o.Process != process {
			continue
		}
		value := setting.Value
		var err error
		if o.read != nil {
			value, err = o.read(value)
		}
		if err == nil && o.field != nil {
			err = assign(o.field(p, app), value)
		}
		if err != nil {
			return &Problem{Option: o.Path, Source: setting.Source, Text: err.Error()}
		}
	}
	return nil
}

// derive sets the options whose default depends on others.
func (e *Effective) derive(s settings, prefix string) {
	p := e.Process
	if !s.has("serverURL") {
		s.set(e.table.byPath["serverURL"], "http://"+hostPort(p.Host, p.Port)+p.MountPath, sourceDefault)
	}
	if !s.has("publicServerURL") {
		s.set(e.table.byPath["publicServerURL"], s["serverURL"].Value, sourceDefault)
	}
	// Without any configuration, mail stays on the machine, as all else does.
	if p.GeneratedKeys && prefix == "" && s["host"].Source == sourceLoopback && !s.has("emailAdapter") {
		s.set(e.table.byPath["emailAdapter"], "inbox:", sourceLoopback)
		if !s.has("appName") {
			s.set(e.table.byPath["appName"], "Loam", sourceLoopback)
		}
	}
	if id, ok := s["appId"].Value.(string); ok && !s.has("mongoDatabase") && IsMongoDatabase(id) {
		s.set(e.table.byPath["mongoDatabase"], id, sourceDefault)
	}
	if !s.has("databaseURI") {
		dir := filepath.Join(p.DataDir, "store")
		if prefix != "" {
			dir = filepath.Join(p.DataDir, "stores", s["appId"].Value.(string))
		}
		s.set(e.table.byPath["databaseURI"], "file://"+filepath.ToSlash(dir), sourceDefault)
	}
}

// locate turns the database's URI into an engine and what it needs.
func (e *Effective) locate(s settings, d *Database) {
	if strings.HasPrefix(d.URI, "file:") {
		d.Engine = Embedded
		d.Path, _ = storePath(d.URI) // readDatabaseURI has checked it
		d.URI = ""
		return
	}
	d.Engine = MongoDB
	for _, o := range e.table.options {
		if setting, ok := s[o.Path]; ok && o.driver {
			d.URI = withURIOption(d.URI, strings.TrimPrefix(o.Path, "databaseOptions."), uriValues(setting.Value))
		}
	}
}

// locateFiles says where files are when the configuration doesn't: where Parse
// Server would have put them on a MongoDB, else in a directory.
func (e *Effective) locateFiles(app *App, prefix string) {
	app.Files.MaxUploadSize = e.Process.MaxUploadSize
	app.Files.UploadsDir = filepath.Join(e.Process.DataDir, "uploads", app.AppID)
	app.Files.Images.CacheDir = filepath.Join(e.Process.DataDir, "cache", "images", app.AppID)
	a := &app.Files.Adapter
	if a.Kind != "" {
		return
	}
	a.EncryptionKey = app.Keys.Encryption
	if app.Database.Engine == MongoDB {
		a.Kind = GridFS
		return
	}
	a.Kind, a.Dir = LocalFiles, filepath.Join(e.Process.DataDir, "files")
	if prefix != "" {
		a.Dir = filepath.Join(a.Dir, app.AppID)
	}
}

// logLevel is that of the option verbose, where it is set, or logLevel.
func (e *Effective) logLevel(s settings, p *Process) slog.Level {
	if verbose, _ := s["verbose"].Value.(bool); verbose {
		return slog.LevelDebug
	}
	return p.Log.Level
}

// conflicts are settings that can't be together.
func (e *Effective) conflicts() []error {
	var problems []error
	p := e.Process
	seen, stores := map[string]bool{}, map[string]string{}
	for _, app := range p.Apps {
		if e.KeysMissing && app.AppID == "" {
			continue
		}
		if seen[app.AppID] {
			problems = append(problems, &Problem{Option: "appId", Text: fmt.Sprintf("%q is that of two apps", app.AppID)})
		}
		seen[app.AppID] = true
		place := app.Database.place()
		if other, ok := stores[place]; ok {
			problems = append(problems, &Problem{Option: "databaseURI", Text: fmt.Sprintf("is the same for the apps %q and %q; give each its own database", other, app.AppID)})
		}
		stores[place] = app.AppID
		problems = append(problems, app.Keys.conflicts(app.AppID)...)
		problems = append(problems, app.mailConflicts()...)
	}
	if p.Mongo.Listen != "" {
		problems = append(problems, e.mongoConflicts()...)
	}
	return problems
}

// mailConflicts are options about mail without those that they need.
func (a *App) mailConflicts() []error {
	var problems []error
	needs := func(set bool, option, what string) {
		if set {
			problems = append(problems, &Problem{Option: option, Text: fmt.Sprintf("needs %s (app %q)", what, a.AppID)})
		}
	}
	needs(a.Verification.Required && a.Mail.Driver == MailNone, "verifyUserEmails", "an emailAdapter")
	needs(a.Verification.Required && a.AppName == "", "verifyUserEmails", "an appName, for mails to say who sends them")
	needs(a.Verification.ReuseToken && a.Verification.TokenValidity == 0, "emailVerifyTokenReuseIfValid", "an emailVerifyTokenValidityDuration")
	needs(a.PasswordReset.ReuseToken && a.PasswordReset.TokenValidity == 0, "passwordPolicy.resetTokenReuseIfValid", "a passwordPolicy.resetTokenValidityDuration")
	return problems
}

// mongoConflicts are settings with which MongoDB's protocol can't be served.
func (e *Effective) mongoConflicts() []error {
	var problems []error
	add := func(option, format string, args ...any) {
		problems = append(problems, &Problem{Option: option, Text: fmt.Sprintf(format, args...)})
	}
	p := e.Process
	if (p.Mongo.CertFile == "") != (p.Mongo.KeyFile == "") {
		add("mongoTLSCertFile", "and mongoTLSKeyFile go together")
	}
	named := map[string]string{}
	for _, app := range p.Apps {
		name := app.Database.MongoName
		if app.Database.Engine != Embedded || e.KeysMissing && app.AppID == "" {
			continue
		}
		if !IsMongoDatabase(name) {
			add("mongoDatabase", "must be set for the app %q, whose id can't be the name of a MongoDB database", app.AppID)
		}
		if other, taken := named[strings.ToLower(name)]; taken {
			add("mongoDatabase", "is the same for the apps %q and %q but for case, which MongoDB does not allow", other, app.AppID)
		}
		named[strings.ToLower(name)] = app.AppID
	}
	if len(named) == 0 && !e.KeysMissing {
		add("mongoListen", "has nothing to serve: the apps' documents are in MongoDB itself")
	}
	return problems
}

// place names the database, so that two that are the same can be told.
func (d *Database) place() string {
	if d.Engine == Embedded {
		path, err := filepath.Abs(d.Path)
		if err != nil {
			path = d.Path
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		return "file:" + path
	}
	return uriPlace(d.URI) + " " + d.CollectionPrefix
}

// conflicts are keys that open more than they should, as two are the same.
func (k *Keys) conflicts(app string) []error {
	var problems []error
	powerful := []struct{ name, value string }{
		{"masterKey", k.Master}, {"maintenanceKey", k.Maintenance}, {"readOnlyMasterKey", k.ReadOnly},
	}
	others := slices.Concat(powerful, []struct{ name, value string }{
		{"clientKey", k.Client}, {"javascriptKey", k.JavaScript}, {"restAPIKey", k.REST}, {"dotNetKey", k.DotNet},
		{"fileKey", k.File}, {"webhookKey", k.Webhook},
	})
	for i, a := range powerful {
		for _, b := range others[i+1:] {
			if a.value != "" && a.value == b.value {
				problems = append(problems, &Problem{Option: b.name, Text: fmt.Sprintf("must differ from %s (app %q)", a.name, app)})
			}
		}
	}
	return problems
}

// warnings are what the operator should be told.
func (e *Effective) warnings(environ []string) []string {
	var list []string
	if e.KeysFile != "" {
		if w := exposed(e.KeysFile); w != "" {
			list = append(list, w)
		}
	}
	for _, app := range e.apps {
		for _, o := range e.table.options {
			s, ok := app.settings[o.Path]
			if !ok || s.Source == sourceDefault || s.Source == sourceLoopback {
				continue
			}
			switch {
			case o.Status == Pending:
				list = append(list, fmt.Sprintf("%s: %s%s is not served yet: it has no effect", s.Source, app.prefix, o.Path))
			case o.Status == Inert:
				list = append(list, fmt.Sprintf("%s: %s%s has no effect in Loam: %s", s.Source, app.prefix, o.Path, o.Doc))
			case o.driver && app.app != nil && app.app.Database.Engine == Embedded:
				list = append(list, fmt.Sprintf("%s: %s%s has no effect on the embedded store", s.Source, app.prefix, o.Path))
			}
		}
	}
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); value != "" && slices.Contains(pendingEnv, name) {
			list = append(list, fmt.Sprintf("environment variable %s is not served yet: it has no effect", name))
		}
	}
	if e.Process.TrustProxy.All {
		list = append(list, "trustProxy is true: any client can claim any address, so that masterKeyIps and its like protect nothing; name the proxies instead")
	}
	everywhere := func(p netip.Prefix) bool { return p.Bits() == 0 }
	for _, app := range e.Process.Apps {
		if slices.ContainsFunc(app.Keys.MasterIPs, everywhere) {
			list = append(list, fmt.Sprintf("masterKeyIps of app %q lets the master key be used from everywhere", app.AppID))
		}
		if app.Keys.Maintenance != "" && slices.ContainsFunc(app.Keys.MaintenanceIPs, everywhere) {
			list = append(list, fmt.Sprintf("maintenanceKeyIps of app %q lets the maintenance key be used from everywhere", app.AppID))
		}
	}
	return list
}
