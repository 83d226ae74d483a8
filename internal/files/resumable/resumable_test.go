package resumable

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// gate lets everything through but pages, and keeps what is saved.
type gate struct{ saved map[string]string }

func (gate) Check(_ context.Context, u *files.Upload) error {
	if strings.HasSuffix(u.Name, ".html") {
		return parse.NewError(parse.FileSaveError, "no pages")
	}
	return nil
}

func (g gate) Save(_ context.Context, u *files.Upload) ([]byte, string, error) {
	content, err := io.ReadAll(u.Content)
	g.saved[u.Name] = string(content)
	return []byte(`{"name":"` + u.Name + `"}`), "http://files/" + u.Name, err
}

func (gate) Refuse(err error) (int, []byte) { return http.StatusBadRequest, []byte(err.Error()) }

func open(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := New(Options{Dir: dir, MaxSize: 1000, URL: "http://loam/parse/uploads", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends a request with headers as "Name: value".
func ask(s *Server, g gate, method, path string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://loam"+path, body)
	r.Header.Set("Tus-Resumable", "1.0.0")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.Serve(w, r, g)
	return w
}

func begin(t *testing.T, s *Server, g gate, name, length string) string {
	t.Helper()
	w := ask(s, g, "POST", "/", nil, "Upload-Length: "+length, "Upload-Metadata: filename "+base64.StdEncoding.EncodeToString([]byte(name)))
	at, ok := strings.CutPrefix(w.Header().Get("Location"), "http://loam/parse/uploads")
	if w.Code != http.StatusCreated || !ok {
		t.Fatalf("begin: %d %s at %s", w.Code, w.Body, w.Header().Get("Location"))
	}
	return at
}

const piece = "Content-Type: application/offset+octet-stream"

func TestPiecesBecomeAFile(t *testing.T) {
	g, dir := gate{map[string]string{}}, t.TempDir()
	s := open(t, dir)
	at := begin(t, s, g, "a.txt", "11")
	if w := ask(s, g, "PATCH", at, strings.NewReader("hello "), piece, "Upload-Offset: 0"); w.Code != http.StatusNoContent || w.Header().Get("Upload-Offset") != "6" {
		t.Fatalf("the first piece: %d %s", w.Code, w.Body)
	}
	// Another process goes on with what this one has left.
	s = open(t, dir)
	if w := ask(s, g, "HEAD", at, nil); w.Code != http.StatusOK || w.Header().Get("Upload-Offset") != "6" {
		t.Fatalf("after 6 bytes: %d, offset %s", w.Code, w.Header().Get("Upload-Offset"))
	}
	for _, offset := range []string{"0", "5", "7", "-1", "x", ""} {
		if w := ask(s, g, "PATCH", at, strings.NewReader("w"), piece, "Upload-Offset: "+offset); w.Code < 400 || len(g.saved) != 0 {
			t.Errorf("a piece at %q: %d", offset, w.Code)
		}
	}
	w := ask(s, g, "PATCH", at, strings.NewReader("world"), piece, "Upload-Offset: 6")
	if w.Code != http.StatusOK || w.Body.String() != `{"name":"a.txt"}` || g.saved["a.txt"] != "hello world" {
		t.Errorf("the last piece: %d %s, saved %q", w.Code, w.Body, g.saved)
	}
	if w := ask(s, g, "HEAD", at, nil); w.Code != http.StatusNotFound {
		t.Errorf("the upload is still there: %d", w.Code)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left is %v (%v)", left, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	g, dir := gate{map[string]string{}}, t.TempDir()
	s := open(t, dir)
	html := "Upload-Metadata: filename " + base64.StdEncoding.EncodeToString([]byte("a.html"))
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a page":                   ask(s, g, "POST", "/", nil, "Upload-Length: 5", html),
		"too large":                ask(s, g, "POST", "/", nil, "Upload-Length: 1001"),
		"no length":                ask(s, g, "POST", "/", nil),
		"a negative length":        ask(s, g, "POST", "/", nil, "Upload-Length: -1"),
		"an upload that isn't":     ask(s, g, "PATCH", "/00000000000000000000000000000000", strings.NewReader("x"), piece, "Upload-Offset: 0"),
		"a path that leads out":    ask(s, g, "PATCH", "/..%2F..%2Fx", strings.NewReader("x"), piece, "Upload-Offset: 0"),
		"dots":                     ask(s, g, "HEAD", "/..", nil),
		"no upload":                ask(s, g, "HEAD", "/", nil),
		"another protocol":         ask(s, g, "POST", "/", nil, "Tus-Resumable: 0.2.2", "Upload-Length: 5"),
		"a download":               ask(s, g, "GET", "/00000000000000000000000000000000", nil),
		"a method of no meaning":   ask(s, g, "PUT", "/", nil),
		"the parts of another one": ask(s, g, "POST", "/", nil, "Upload-Concat: final;/parse/uploads/x", "Upload-Length: 5"),
	} {
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	at := begin(t, s, g, "a.txt", "5")
	if w := ask(s, g, "PATCH", at, strings.NewReader(strings.Repeat("x", 50)), piece, "Upload-Offset: 0"); len(g.saved["a.txt"]) > 5 {
		t.Errorf("more than was told of: %d, saved %q", w.Code, g.saved)
	}
}

func TestOldUploadsAreRemoved(t *testing.T) {
	g, dir := gate{map[string]string{}}, t.TempDir()
	s := open(t, dir)
	old, fresh := begin(t, s, g, "old.txt", "5"), begin(t, s, g, "fresh.txt", "5")
	long := time.Now().Add(-2 * keptFor)
	for _, path := range []string{filepath.Join(dir, old), filepath.Join(dir, old+".info")} {
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	s.sweep()
	if w := ask(s, g, "HEAD", old, nil); w.Code != http.StatusNotFound {
		t.Errorf("the old one: %d", w.Code)
	}
	if w := ask(s, g, "HEAD", fresh, nil); w.Code != http.StatusOK {
		t.Errorf("the fresh one: %d", w.Code)
	}
}

func TestUploadsAreBounded(t *testing.T) {
	g, dir := gate{map[string]string{}}, t.TempDir()
	s := open(t, dir)
	for i := range maxPending {
		if err := os.WriteFile(filepath.Join(dir, strings.Repeat("0", 28)+string(rune('a'+i/676%26))+string(rune('a'+i/26%26))+string(rune('a'+i%26))+".info"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if w := ask(s, g, "POST", "/", nil, "Upload-Length: 5"); w.Code != http.StatusBadRequest || !bytes.Contains(w.Body.Bytes(), []byte("unfinished")) {
		t.Errorf("one more than there may be: %d %s", w.Code, w.Body)
	}
}
