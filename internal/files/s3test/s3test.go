// Package s3test runs a real S3 server on this machine for tests. It is built
// from its Go module, which the directory server names apart from Loam's own.
package s3test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The credentials of the server's only account, and its region.
const (
	AccessKeyID     = "test-access"
	SecretAccessKey = "test-secret-key"
	Region          = "us-east-1"
)

// Server is a running server.
type Server struct {
	// Endpoint is its URL.
	Endpoint string
	buckets  string // the directory whose directories are the buckets
}

// Start builds the server and runs it until the test ends.
func Start(t *testing.T) *Server {
	t.Helper()
	program := filepath.Join(t.TempDir(), "versitygw")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/versity/versitygw/cmd/versitygw")
	_, file, _, _ := runtime.Caller(0)
	build.Dir = filepath.Join(filepath.Dir(file), "server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the S3 server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	s := &Server{Endpoint: "http://" + address, buckets: t.TempDir()}
	ctx, stop := context.WithCancel(context.Background())
	run := exec.CommandContext(ctx, program, "--port", address, "--access", AccessKeyID, "--secret", SecretAccessKey, "--region", Region, "--quiet",
		"posix", "--sidecar", t.TempDir(), s.buckets)
	var log bytes.Buffer
	run.Stdout, run.Stderr = &log, &log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = run.Wait() })
	for range 200 {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = connection.Close()
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the S3 server does not answer")
	return nil
}

// Bucket makes a bucket and returns its name.
func (s *Server) Bucket(t *testing.T) string {
	t.Helper()
	name := "b" + strings.ToLower(rand.Text()[:12])
	if err := os.Mkdir(filepath.Join(s.buckets, name), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}
