package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/filestest"
	"github.com/loam-baas/loam/internal/files/s3"
)

// server is a real S3 server on this machine, which the tests have built from its
// Go module.
type server struct {
	endpoint string
	buckets  string // the directory whose directories are the buckets
}

const accessKey, secretKey = "test-access", "test-secret-key"

func startServer(t *testing.T) *server {
	t.Helper()
	program := filepath.Join(t.TempDir(), "versitygw")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/versity/versitygw/cmd/versitygw")
	build.Dir = "server"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the S3 server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	s := &server{endpoint: "http://" + address, buckets: t.TempDir()}
	ctx, stop := context.WithCancel(context.Background())
	run := exec.CommandContext(ctx, program, "--port", address, "--access", accessKey, "--secret", secretKey, "--quiet",
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
	t.Fatalf("the S3 server does not answer:\n%s", &log)
	return nil
}

// bucket is a new bucket's options.
func (s *server) bucket(t *testing.T) s3.Options {
	t.Helper()
	name := "b" + strings.ToLower(rand.Text()[:12])
	if err := os.Mkdir(filepath.Join(s.buckets, name), 0o755); err != nil {
		t.Fatal(err)
	}
	return s3.Options{Bucket: name, Prefix: "app/", Region: "us-east-1", Endpoint: s.endpoint, PathStyle: true,
		AccessKeyID: accessKey, SecretAccessKey: secretKey, Expires: time.Minute}
}

func open(t *testing.T, o s3.Options) *s3.Storage {
	t.Helper()
	s, err := s3.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStorage(t *testing.T) {
	server := startServer(t)
	filestest.Run(t, func(t *testing.T) files.Storage { return open(t, server.bucket(t)) })

	t.Run("a presigned link reads the file, and only for its time and only it", func(t *testing.T) {
		o := server.bucket(t)
		o.Presigned = true
		s := open(t, o)
		for _, name := range []string{"a b.txt", "other.txt"} {
			if err := s.Create(t.Context(), name, files.About{ContentType: "text/plain"}, strings.NewReader(name)); err != nil {
				t.Fatal(err)
			}
		}
		link, err := s.Link(t.Context(), "a b.txt")
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, link); status != http.StatusOK || body != "a b.txt" {
			t.Errorf("got %d %q", status, body)
		}
		if status, _ := get(t, strings.Replace(link, "a%20b.txt", "other.txt", 1)); status != http.StatusForbidden {
			t.Errorf("the link of one file read another: %d", status)
		}
		if status, _ := get(t, fmt.Sprintf("%s/%s/app/other.txt", server.endpoint, o.Bucket)); status != http.StatusForbidden {
			t.Errorf("without a signature: %d", status)
		}
	})

	t.Run("wrong credentials are an error that is not the client's to read", func(t *testing.T) {
		o := server.bucket(t)
		o.SecretAccessKey = "wrong"
		err := open(t, o).Create(t.Context(), "x.txt", files.About{}, strings.NewReader("x"))
		if err == nil || strings.Contains(err.Error(), "wrong") {
			t.Errorf("got %v, want an error without the key", err)
		}
	})
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
