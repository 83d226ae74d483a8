package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// system is a server that can be measured.
type system struct {
	name string
	// start starts it on an empty directory and loads the objects.
	start func(ctx context.Context, dir string, d *dataset) (*server, error)
}

// systems are what is measured, in this order.
var systems = []system{
	{"loam", startLoam},
	{"parse-server", startParseServer},
	{"pocketbase", startPocketBase},
	{"pocketbase without logs", startPocketBaseWithoutLogs},
	{"loam on the wire", startLoamOnWire},
	{"parse-server on the wire", startParseServerOnWire},
}

func systemNames() []string {
	var names []string
	for _, s := range systems {
		names = append(names, s.name)
	}
	return names
}

// server is a system that runs.
type server struct {
	// address is where it listens.
	address string
	// pid is the application's process, database that of its database, 0 for none.
	pid, database int
	// requests are those of an operation, none if the system has no such thing.
	requests func(operation string, d *dataset) ([][]byte, error)
	stops    []func() error
}

// stop ends the server's processes, the last one started first.
func (s *server) stop() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	return errors.Join(errs...)
}

// fails stops a server that did not come up, and returns why.
func (s *server) fails(err error) (*server, error) { return nil, errors.Join(err, s.stop()) }

// program is a process that serves.
type program struct {
	*exec.Cmd
	input    io.Closer
	output   *bufio.Reader
	silenced chan struct{}
}

// launch starts a program. It ends when its input does, or by SIGTERM.
func launch(ctx context.Context, dir, name string, args ...string) (*program, error) {
	p := &program{Cmd: exec.CommandContext(ctx, name, args...)}
	p.Dir, p.Stderr = dir, os.Stderr
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = 20 * time.Second
	var err error
	if p.input, err = p.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.output = bufio.NewReader(output)
	return p, p.Start()
}

// silence reads away what the program prints from now on: a full pipe would
// stop it.
func (p *program) silence() {
	p.silenced = make(chan struct{})
	go func() {
		defer close(p.silenced)
		_, _ = io.Copy(io.Discard, p.output)
	}()
}

// terminate ends a program that ends by SIGTERM.
func (p *program) terminate() error {
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.silenced
	return p.Wait()
}

// endInput ends a program that ends with its input.
func (p *program) endInput() error {
	if err := p.input.Close(); err != nil {
		return err
	}
	<-p.silenced
	return p.Wait()
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress() (string, int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", 0, err
	}
	return l.Addr().String(), l.Addr().(*net.TCPAddr).Port, l.Close()
}

// answers waits until a server answers a GET of the URL with success.
func answers(ctx context.Context, url string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode < 300 {
				return nil
			}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%s does not answer: %w", url, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// build builds a Go program of this repository once.
func build(ctx context.Context, module, pkg, name string) (string, error) {
	path, err := filepath.Abs(filepath.Join("bin", name))
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	command.Dir, command.Stderr = module, os.Stderr
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	return path, command.Run()
}

// ask sends one request as a client and decodes the answer into an answer, if
// that is not nil.
func ask(ctx context.Context, method, url string, body any, header map[string]string, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if raw, ok := body.(string); ok {
		text = []byte(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode > 299 {
		return fmt.Errorf("%s %s: %s: %.300s", method, url, response.Status, got)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(got, answer)
}
