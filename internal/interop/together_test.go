package interop

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/parity"
)

// serveTogether runs both servers at once: parse-server on the store that Loam
// has open, by the door that Loam opens for it.
func (s *story) serveTogether(t *testing.T) {
	loamPort, doorPort := freePort(t), freePort(t)
	defer startLoam(t, s.dir, loamPort, map[string]any{
		"mongoListen": fmt.Sprintf("127.0.0.1:%d", doorPort), "mongoDatabase": "parse",
		"databaseOptions": map[string]any{"schemaCacheTtl": 1},
	})()
	defer startParseServer(t, fmt.Sprintf("mongodb://127.0.0.1:%d/parse", doorPort), s.port)()
	p := pair{t: t, parse: s.target, loam: app(loamPort), bindings: parity.Bindings{}}

	// What one writes, the other reads at once.
	p.do(p.parse, "POST", "/classes/Together", `{"name": "first", "n": 0}`, "first")
	p.until(p.loam, "/classes/Together/<first>", `"name":"first"`) // a class that is new to it
	p.do(p.loam, "POST", "/classes/Together", `{"name": "second", "n": 0}`, "second")
	p.reads(p.parse, "/classes/Together/<second>", `"name":"second"`)

	// A field that one adds has its type at the other.
	p.do(p.loam, "PUT", "/classes/Together/<first>", `{"byLoam": "text"}`, "")
	p.until(p.parse, "/schemas/Together", `"byLoam":{"type":"String"}`)
	p.refuses(p.parse, "PUT", "/classes/Together/<second>", `{"byLoam": 1}`, `"code":111`)
	p.do(p.parse, "PUT", "/classes/Together/<first>", `{"byParse": [1]}`, "")
	p.until(p.loam, "/schemas/Together", `"byParse":{"type":"Array"}`)
	p.refuses(p.loam, "PUT", "/classes/Together/<second>", `{"byParse": 1}`, `"code":111`)

	// Of what both change at once nothing is lost.
	const each = 20
	var writers sync.WaitGroup
	for _, server := range []*parity.Target{p.parse, p.loam} {
		writers.Go(func() {
			for range each {
				p.do(server, "PUT", "/classes/Together/<first>", `{"n": {"__op": "Increment", "amount": 1}}`, "")
			}
		})
	}
	writers.Wait()
	p.reads(p.parse, "/classes/Together/<first>", fmt.Sprintf(`"n":%d`, 2*each))
	p.reads(p.loam, "/classes/Together/<first>", fmt.Sprintf(`"n":%d`, 2*each))
}

// pair is both servers.
type pair struct {
	t           *testing.T
	parse, loam *parity.Target
	bindings    parity.Bindings
}

func (p *pair) ask(server *parity.Target, method, path, body string) *parity.Answer {
	p.t.Helper()
	answer, err := server.Ask(p.t.Context(), "app", &parity.Exchange{Method: method, Path: path, Body: body, By: "master"}, p.bindings)
	if err != nil {
		p.t.Errorf("%s %s: %v", method, path, err)
		return &parity.Answer{}
	}
	return answer
}

// do writes, and binds what was made to a name.
func (p *pair) do(server *parity.Target, method, path, body, name string) {
	p.t.Helper()
	answer := p.ask(server, method, path, body)
	if answer.Status >= http.StatusBadRequest {
		p.t.Errorf("%s %s %s: %d %s", method, path, body, answer.Status, answer.Body)
	}
	if name != "" {
		if err := p.bindings.Bind([]string{name}, answer.Body); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *pair) reads(server *parity.Target, path, part string) {
	p.t.Helper()
	if answer := p.ask(server, http.MethodGet, path, ""); !strings.Contains(answer.Body, part) {
		p.t.Errorf("GET %s: %d %s, want %s", path, answer.Status, answer.Body, part)
	}
}

func (p *pair) refuses(server *parity.Target, method, path, body, part string) {
	p.t.Helper()
	if answer := p.ask(server, method, path, body); answer.Status < http.StatusBadRequest || !strings.Contains(answer.Body, part) {
		p.t.Errorf("%s %s %s: %d %s, want %s", method, path, body, answer.Status, answer.Body, part)
	}
}

// until waits for a server to learn what the other has done.
func (p *pair) until(server *parity.Target, path, part string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(p.ask(server, http.MethodGet, path, "").Body, part) {
			return
		}
	}
	p.reads(server, path, part)
}
