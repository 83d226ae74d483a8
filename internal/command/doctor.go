package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/store/embedded"
)

const doctorHelp = `
  loam doctor                  check every embedded store, also beside a running server
  loam doctor --json           the same, for programs
  loam doctor --repair         check, and make stores that are damaged anew from their documents;
                               needs the server stopped, and room for a second file

It reads everything: that SQLite finds the file sound, that the tables are those of the catalog, that
documents are well-formed, and that every index has what the documents have. While it reads beside a
running server, the write-ahead log grows.

It ends with 0 if all is well or has been made so, with 1 if something is wrong, and with 2 if that could
not be found out. It takes the flags of "loam serve".
`

// What "loam doctor" ends with; 0 is that all is well.
const (
	exitUnsound = 1
	exitUnknown = 2
)

// diagnosis is what doctor says of one store.
type diagnosis struct {
	App      string              `json:"app"`
	Dir      string              `json:"dir"`
	Findings []*embedded.Finding `json:"findings"`
	// Repairs say what was done; Left are the findings after that.
	Repairs []string            `json:"repairs,omitempty"`
	Left    []*embedded.Finding `json:"left,omitempty"`
	Error   string              `json:"error,omitempty"`
}

// sound tells whether nothing is wrong, any more.
func (d *diagnosis) sound() bool {
	return d.Error == "" && (len(d.Findings) == 0 || d.Repairs != nil && len(d.Left) == 0)
}

// doctor checks the embedded stores.
func (p *Program) doctor(ctx context.Context, args []string) error {
	flags := config.NewFlags("doctor")
	asJSON := flags.Bool("json", "print findings as JSON")
	repair := flags.Bool("repair", "make damaged stores anew from their documents")
	stores, ctx, stop, err := p.stores(ctx, flags, args)
	if err != nil {
		return err
	}
	defer stop()
	code := exitOK
	var all []*diagnosis
	for _, s := range stores {
		d := s.diagnose(ctx, *repair)
		all = append(all, d)
		switch {
		case d.Error != "":
			code = exitUnknown
		case !d.sound():
			code = max(code, exitUnsound)
		}
		if !*asJSON {
			p.tell(d)
		}
	}
	if *asJSON {
		e := json.NewEncoder(p.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"ok": code == exitOK, "stores": all}); err != nil {
			return err
		}
	}
	if code != exitOK {
		return &stopError{code}
	}
	return nil
}

// diagnose checks a store, and repairs it if that is wanted and needed.
func (s *localStore) diagnose(ctx context.Context, repair bool) *diagnosis {
	d := &diagnosis{App: s.app, Dir: s.dir}
	var err error
	d.Findings, err = s.check(ctx)
	if err == nil && repair && len(d.Findings) > 0 {
		d.Repairs = []string{}
		err = embedded.RepairDir(ctx, s.dir, func(line string) { d.Repairs = append(d.Repairs, line) })
		if err == nil {
			d.Left, err = s.check(ctx)
		}
	}
	if err != nil {
		d.Error = err.Error()
	}
	return d
}

func (s *localStore) check(ctx context.Context) ([]*embedded.Finding, error) {
	found := []*embedded.Finding{}
	err := embedded.CheckDir(ctx, s.dir, func(f *embedded.Finding) error {
		found = append(found, f)
		return nil
	})
	return found, err
}

// tell prints a diagnosis as lines.
func (p *Program) tell(d *diagnosis) {
	line := func(format string, args ...any) {
		fmt.Fprintf(p.Stdout, "%s: "+format+"\n", append([]any{d.Dir}, args...)...)
	}
	for _, f := range d.Findings {
		line("%v", f)
	}
	for _, r := range d.Repairs {
		line("repair: %s", r)
	}
	for _, f := range d.Left {
		line("still: %v", f)
	}
	switch {
	case d.Error != "":
		fmt.Fprintf(p.Stderr, "loam: %s: %s\n", d.Dir, d.Error)
	case len(d.Findings) == 0:
		line("sound")
	case d.sound():
		line("repaired")
	case d.Repairs == nil:
		line(`%d findings; stop Loam, and run "loam doctor --repair" or restore a snapshot`, len(d.Findings))
	default:
		line("%d findings are left", len(d.Left))
	}
}

// localStore is the embedded store of an app.
type localStore struct{ app, dir string }

// stores loads the configuration and returns its embedded stores, and a context
// that ends with the first signal to stop.
func (p *Program) stores(ctx context.Context, flags *config.Flags, args []string) ([]*localStore, context.Context, func(), error) {
	e, err := p.parse(flags, args)
	if err != nil {
		return nil, nil, nil, err
	}
	stores := localStores(e)
	if len(stores) == 0 {
		return nil, nil, nil, errors.New("no app of this configuration is on the embedded store")
	}
	ctx, stop := p.untilSignal(ctx)
	return stores, ctx, stop, nil
}

// parse reads a command's flags and the configuration.
func (p *Program) parse(flags *config.Flags, args []string) (*config.Effective, error) {
	rest, err := flags.Parse(args)
	if err != nil {
		return nil, err
	}
	return p.load(flags, rest, false)
}

func localStores(e *config.Effective) []*localStore {
	var stores []*localStore
	for _, app := range e.Process.Apps {
		if app.Database.Engine == config.Embedded {
			stores = append(stores, &localStore{app: app.AppID, dir: app.Database.Path})
		}
	}
	return stores
}

// untilSignal returns a context that ends with the first signal to stop.
func (p *Program) untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := p.Signals()
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-done
	}
}
