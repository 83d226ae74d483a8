package s3_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/filestest"
	"github.com/loam-baas/loam/internal/files/s3"
	"github.com/loam-baas/loam/internal/files/s3test"
)

// bucket is a new bucket's options.
func bucket(t *testing.T, s *s3test.Server) s3.Options {
	t.Helper()
	return s3.Options{Bucket: s.Bucket(t), Prefix: "app/", Region: s3test.Region, Endpoint: s.Endpoint, PathStyle: true,
		AccessKeyID: s3test.AccessKeyID, SecretAccessKey: s3test.SecretAccessKey, Expires: time.Minute}
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
	server := s3test.Start(t)
	filestest.Run(t, func(t *testing.T) files.Storage { return open(t, bucket(t, server)) })

	t.Run("a presigned link reads the file, and only for its time and only it", func(t *testing.T) {
		o := bucket(t, server)
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
		if status, _ := get(t, fmt.Sprintf("%s/%s/app/other.txt", server.Endpoint, o.Bucket)); status != http.StatusForbidden {
			t.Errorf("without a signature: %d", status)
		}
	})

	t.Run("a grant lets one content be put, which becomes a file once", func(t *testing.T) {
		s := open(t, bucket(t, server))
		g, err := s.Grant(t.Context(), "key 1", "text/plain", 5, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		put := func(content, contentType string) int {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), g.Method, g.URL, strings.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range g.Headers {
				request.Header.Set(name, value)
			}
			if contentType != "" {
				request.Header.Set("Content-Type", contentType)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			return response.StatusCode
		}
		about := files.About{ContentType: "text/plain"}
		if err := s.Adopt(t.Context(), "key 1", "a.txt", 5, about); !errors.Is(err, files.ErrNotFound) {
			t.Errorf("before it has come: %v", err)
		}
		if status := put("longer than it may be", ""); status != http.StatusForbidden {
			t.Errorf("of another size: %d", status)
		}
		if status := put("hello", "text/html"); status != http.StatusForbidden {
			t.Errorf("of another type: %d", status)
		}
		if status := put("hello", ""); status != http.StatusOK {
			t.Fatalf("as it was granted: %d", status)
		}
		n := 0
		if err := s.List(t.Context(), func(files.Info) error { n++; return nil }); err != nil || n != 0 {
			t.Errorf("before it is adopted there are %d files (%v)", n, err)
		}
		if err := s.Adopt(t.Context(), "key 1", "a.txt", 5, about); err != nil {
			t.Fatal(err)
		}
		if info, err := s.Stat(t.Context(), "a.txt"); err != nil || info.Size != 5 || info.ContentType != "text/plain" {
			t.Errorf("the file: %+v (%v)", info, err)
		}
		if err := s.Adopt(t.Context(), "key 1", "b.txt", 5, about); !errors.Is(err, files.ErrNotFound) {
			t.Errorf("a second time: %v", err)
		}
	})

	t.Run("wrong credentials are an error that is not the client's to read", func(t *testing.T) {
		o := bucket(t, server)
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
