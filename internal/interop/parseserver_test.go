package interop

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// patience is how long a server may take to start, and to stop.
const patience = time.Minute

// parseServer runs parse-server on the story's store, and returns what ends both.
func (s *story) parseServer(t *testing.T) (stop func()) {
	t.Helper()
	uri, closeWire := serveWire(t, s.dir)
	end := startParseServer(t, uri, s.port)
	return func() {
		end()
		closeWire()
	}
}

// startParseServer runs parse-server on what answers as a MongoDB, and returns
// what ends it.
func startParseServer(t *testing.T, uri string, port int) (stop func()) {
	t.Helper()
	node := exec.Command("node", "server.mjs", strconv.Itoa(port), uri)
	node.Dir = "script"
	// It reads where to write a log before it reads its options.
	node.Env = append(os.Environ(), "PARSE_SERVER_LOGS_FOLDER=null")
	var log bytes.Buffer
	node.Stderr = &log
	stdin, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	// It ends by itself when its standard input does; it is killed when it doesn't.
	end := sync.OnceFunc(func() {
		stdin.Close()
		late := time.AfterFunc(patience, func() { _ = node.Process.Kill() })
		defer late.Stop()
		_, _ = io.Copy(io.Discard, stdout)
		if err := node.Wait(); err != nil {
			t.Errorf("parse-server ended: %v", err)
		}
		if t.Failed() && log.Len() > 0 {
			t.Logf("parse-server's log:\n%s", log.String())
		}
	})
	t.Cleanup(end)

	ready := make(chan error, 1)
	go func() { ready <- awaitLine(stdout, "ready") }()
	select {
	case err := <-ready:
		if err != nil {
			t.Fatalf("parse-server does not start: %v", err)
		}
	case <-time.After(patience):
		_ = node.Process.Kill()
		t.Fatal("parse-server does not start")
	}
	return end
}

// awaitLine reads until a line says text; parse-server itself may say more.
func awaitLine(r io.Reader, text string) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == text {
			return nil
		}
	}
	return cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
}
