package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/loam-baas/loam/internal/parity"
)

// reference is a running parse-server with the apps of reference/apps.json.
type reference struct {
	*parity.Target
	process *exec.Cmd
}

// startReference runs start.mjs in a directory where its packages are installed,
// with more in its environment.
func startReference(ctx context.Context, directory string, environment ...string) (*reference, error) {
	process := exec.CommandContext(ctx, "node", "start.mjs")
	process.Dir = directory
	process.Env = append(os.Environ(), environment...)
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

// empty makes an app as it was at first.
func (r *reference) empty(ctx context.Context, app string) error {
	root := r.Apps[app].ResolveReference(&url.URL{Path: "/"})
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, root.String(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := r.Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	return nil
}
