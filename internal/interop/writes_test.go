package interop

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parity"
)

// written is what a server answered to writes.
type written struct {
	bindings  parity.Bindings
	exchanges []*parity.Exchange
	answers   []*parity.Answer
	normal    []*parity.Answer // in which ids and times have names
}

// write sends the requests of a file below testdata with a key: as the master, or
// with none. The bindings' names stand for what the file calls by them; those of the
// objects that are made are added.
func write(t *testing.T, target *parity.Target, file, key string, bindings parity.Bindings) *written {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	script, err := parity.Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	w := &written{bindings: parity.Bindings{}}
	maps.Copy(w.bindings, bindings)
	began := time.Now()
	for _, s := range script.Scenarios {
		for _, x := range s.Exchanges() {
			x.By = key
			answer, err := target.Ask(t.Context(), "app", x, w.bindings)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, x.Line, err)
			}
			if answer.Status >= 400 {
				t.Fatalf("%s:%d: %s %s: %d %s", file, x.Line, x.Method, x.Path, answer.Status, answer.Body)
			}
			if err := w.bindings.Bind(x.As, answer.Body); err != nil {
				t.Fatalf("%s:%d: %v", file, x.Line, err)
			}
			normal, err := parity.Normalize(answer, w.bindings, s.Typed(), began)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, x.Line, err)
			}
			w.exchanges, w.answers, w.normal = append(w.exchanges, x), append(w.answers, answer), append(w.normal, normal)
		}
	}
	return w
}

// compareWritten reports where a server answered differently to the writes that another
// had answered before.
func (d *differences) compareWritten(t *testing.T, before, after *written) {
	t.Helper()
	for i, x := range before.exchanges {
		want := *before.normal[i]
		want.Body = strings.ReplaceAll(want.Body, before.bindings["twin"], after.bindings["twin"])
		want.Headers = want.Headers.Clone()
		for name := range want.Headers {
			want.Headers.Set(name, strings.ReplaceAll(want.Headers.Get(name), before.bindings["twin"], after.bindings["twin"]))
		}
		d.report(t, x.Path, fmt.Sprintf("line %d: %s %s", x.Line, x.Method, x.Path), x.Compare(&want, after.answers[i], after.bindings))
	}
}
