package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/loam-baas/loam/internal/parity"
)

// reference is a running parse-server with the apps of reference/apps.mjs.
type reference struct {
	*parity.Target
	process *exec.Cmd
}

var errForbidden = errors.New("the reference refuses the master key")

// startReference runs start.mjs in a directory where its packages are installed.
func startReference(ctx context.Context, directory string) (*reference, error) {
	process := exec.CommandContext(ctx, "node", "start.mjs")
	process.Dir = directory
	process.Stderr = os.Stderr
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = 20 * time.Second
	output, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the reference did not start (was npm ci run in %s?)", directory), process.Wait())
	}
	r, err := attachReference(line)
	if err != nil {
		return nil, err
	}
	r.process = process
	return r, nil
}

// attachReference uses a reference that runs already; urls is the line that it printed.
func attachReference(urls string) (*reference, error) {
	apps := map[string]string{}
	if err := json.Unmarshal([]byte(urls), &apps); err != nil {
		return nil, fmt.Errorf("the reference's URLs: %w", err)
	}
	target := &parity.Target{Apps: map[string]*url.URL{}, Client: parity.NewClient()}
	for name, text := range apps {
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		target.Apps[name] = u
	}
	return &reference{Target: target}, nil
}

// stop ends a reference that startReference began.
func (r *reference) stop() error {
	if r.process == nil {
		return nil
	}
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return r.process.Wait()
}

// ask is Ask, but that the reference breaks the connection off is an answer, too: status 0.
func (r *reference) ask(ctx context.Context, app string, x *parity.Exchange, b parity.Bindings) (*parity.Answer, error) {
	answer, err := r.Ask(ctx, app, x, b)
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return answer, err
	}
	for range 100 {
		if r.call(ctx, app, "GET", "/health", nil, nil) == nil {
			return &parity.Answer{}, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}

// empty removes what scenarios leave behind: objects, classes, configuration.
func (r *reference) empty(ctx context.Context, app string) error {
	var schemas struct {
		Results []struct{ ClassName string }
	}
	// An app that refuses the master key lets no one write, either.
	if err := r.call(ctx, app, "GET", "/schemas", nil, &schemas); errors.Is(err, errForbidden) {
		return nil
	} else if err != nil {
		return err
	}
	for _, class := range schemas.Results {
		if err := r.call(ctx, app, "DELETE", "/purge/"+class.ClassName, nil, nil); err != nil {
			return err
		}
		if strings.HasPrefix(class.ClassName, "_") {
			continue
		}
		if err := r.call(ctx, app, "DELETE", "/schemas/"+class.ClassName, nil, nil); err != nil {
			return err
		}
	}
	var config struct{ Params map[string]any }
	if err := r.call(ctx, app, "GET", "/config", nil, &config); err != nil {
		return err
	}
	if len(config.Params) == 0 {
		return nil
	}
	gone := map[string]any{}
	for name := range config.Params {
		gone[name] = map[string]string{"__op": "Delete"}
	}
	return r.call(ctx, app, "PUT", "/config", map[string]any{"params": gone}, nil)
}

func (r *reference) call(ctx context.Context, app, method, path string, body, answer any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.Apps[app].String()+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("X-Parse-Application-Id", app)
	request.Header.Set("X-Parse-Master-Key", "master")
	request.Header.Set("Content-Type", "application/json")
	response, err := r.Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusForbidden {
		return errForbidden
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(said, answer)
}
