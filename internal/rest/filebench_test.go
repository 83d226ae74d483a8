package rest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/local"
	"github.com/loam-baas/loam/internal/rest"
)

// BenchmarkFiles has a file of 64 MB put in and taken out: by the storage alone,
// by a handler of HTTP that does nothing but call it, and by Loam.
func BenchmarkFiles(b *testing.B) {
	const size = 64 << 20
	content := bytes.Repeat([]byte("loam"), size/4)
	storage, err := local.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = storage.Close(context.Background()) })
	b.Run("storage", func(b *testing.B) {
		b.SetBytes(2 * size)
		for b.Loop() {
			if err := storage.Create(b.Context(), "bare.bin", files.About{}, bytes.NewReader(content)); err != nil {
				b.Fatal(err)
			}
			r, err := storage.Open(b.Context(), "bare.bin", 0)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			_ = r.Close()
		}
	})
	b.Run("http", func(b *testing.B) {
		throughHTTP(b, content, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				if err := storage.Create(r.Context(), "http.bin", files.About{}, r.Body); err == nil {
					w.Header().Set("Location", "http.bin")
				}
				return
			}
			if f, err := storage.Open(r.Context(), "http.bin", 0); err == nil {
				_, _ = io.Copy(struct{ io.Writer }{w}, f)
				_ = f.Close()
			}
		}))
	})
	b.Run("loam", func(b *testing.B) {
		e := engine.New(engine.Options{Files: storage, FilePolicy: forAll, FileURL: func(dst []byte, name string) []byte { return append(dst, name...) }})
		throughHTTP(b, content, rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 30}, rest.NewApp(rest.AppOptions{ID: "app", Engine: e})))
	})
}

func throughHTTP(b *testing.B, content []byte, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	b.SetBytes(2 * int64(len(content)))
	for b.Loop() {
		request, err := http.NewRequest("POST", server.URL+"/parse/files/http.bin", bytes.NewReader(content))
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("X-Parse-Application-Id", "app")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
		response, err = http.Get(server.URL + "/parse/files/app/" + response.Header.Get("Location"))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if err != nil || n != int64(len(content)) {
			b.Fatalf("read %d bytes (%v)", n, err)
		}
	}
}
