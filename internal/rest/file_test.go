package rest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // for image.DecodeConfig
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/files/local"
	"github.com/loam-baas/loam/internal/files/picture"
	"github.com/loam-baas/loam/internal/parse"
	"github.com/loam-baas/loam/internal/rest"
	"github.com/loam-baas/loam/internal/schema"
	"github.com/loam-baas/loam/internal/store/embedded"
)

// fileDoor is an app that takes files from everybody, on a server of HTTP.
type fileDoor struct {
	t       *testing.T
	url     string // of the mount path
	storage files.Storage
}

func newFileDoor(t *testing.T, policy engine.FilePolicy) *fileDoor {
	t.Helper()
	ctx := context.Background()
	s, err := embedded.Open(ctx, embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := schema.Open(ctx, s, schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storage, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Options{
		Store: s, Catalog: catalog, SanitizeErrors: true, Files: storage, FilePolicy: policy,
		FileURL: func(dst []byte, name string) []byte {
			return files.AppendEscaped(append(dst, "http://files/"...), name)
		},
	})
	pictures, err := picture.New(picture.Options{Limits: picture.Limits{SourceBytes: 1 << 20, SourcePixels: 1 << 20, Side: 500}, CacheDir: t.TempDir(), CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(pictures.Close(), storage.Close(ctx), s.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	h := rest.New(rest.Options{MountPath: "/parse", MaxUploadSize: 1 << 20}, rest.NewApp(rest.AppOptions{
		ID: "app", Engine: e, Pictures: pictures, SanitizeErrors: true, Limits: parse.Limits{Depth: 32, Keys: 100},
		Keys: config.Keys{Master: "master", MasterIPs: everywhere, ReadOnly: "readonly", ReadOnlyIPs: everywhere},
	}))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &fileDoor{t: t, url: server.URL + "/parse", storage: storage}
}

// forAll lets everybody upload and download.
var forAll = engine.FilePolicy{Upload: engine.FileAudience{Public: true}, Download: engine.FileAudience{Public: true}}

// ask sends a request, with headers as "Name: value", and returns the answer and its body.
func (d *fileDoor) ask(method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("X-Parse-Application-Id", "app")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return response, string(text)
}

// upload stores a file and returns the path at which it is read.
func (d *fileDoor) upload(name, contentType, content string, headers ...string) string {
	d.t.Helper()
	response, body := d.ask("POST", "/files/"+name, strings.NewReader(content), append(headers, "Content-Type: "+contentType)...)
	if response.StatusCode != http.StatusCreated {
		d.t.Fatalf("upload of %s as %s: %d %s", name, contentType, response.StatusCode, body)
	}
	return "/files/app/" + strings.TrimPrefix(response.Header.Get("Location"), "http://files/")
}

// stored is how many files there are.
func (d *fileDoor) stored() (n int) {
	d.t.Helper()
	if err := d.storage.List(d.t.Context(), func(files.Info) error { n++; return nil }); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestFiles_AreReadInPartsAndUnderConditions(t *testing.T) {
	d := newFileDoor(t, forAll)
	path := d.upload("hello.txt", "text/plain", "hello world")
	whole, _ := d.ask("GET", path, nil)
	etag, modified := whole.Header.Get("ETag"), whole.Header.Get("Last-Modified")
	if etag == "" || modified == "" {
		t.Fatalf("ETag %q, Last-Modified %q", etag, modified)
	}
	for _, c := range []struct {
		method, header, value string
		status                int
		body, contentRange    string
	}{
		{"GET", "", "", 200, "hello world", ""},
		{"GET", "Range", "bytes=0-4", 206, "hello", "bytes 0-4/11"},
		{"GET", "Range", "bytes=6-", 206, "world", "bytes 6-10/11"},
		{"GET", "Range", "bytes=-3", 206, "rld", "bytes 8-10/11"},
		{"GET", "Range", "bytes=6-1000", 206, "world", "bytes 6-10/11"},
		{"GET", "Range", "lines=1-2", 200, "hello world", ""},
		{"GET", "If-None-Match", etag, 304, "", ""},
		{"GET", "If-None-Match", `"other"`, 200, "hello world", ""},
		{"GET", "If-Modified-Since", modified, 304, "", ""},
		{"GET", "If-Match", `"other"`, 412, "", ""},
		{"HEAD", "", "", 200, "", ""},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header+": "+c.value)
		}
		response, body := d.ask(c.method, path, nil, headers...)
		if response.StatusCode != c.status || body != c.body || response.Header.Get("Content-Range") != c.contentRange {
			t.Errorf("%s with %s %s: got %d %q %q", c.method, c.header, c.value, response.StatusCode, body, response.Header.Get("Content-Range"))
		}
	}
	several, body := d.ask("GET", path, nil, "Range: bytes=0-0,10-10")
	if several.StatusCode != 206 || !strings.HasPrefix(several.Header.Get("Content-Type"), "multipart/byteranges") || !strings.Contains(body, "bytes 10-10/11") {
		t.Errorf("two ranges: %d %s %q", several.StatusCode, several.Header.Get("Content-Type"), body)
	}
}

func TestFiles_OfFormsAreTheirFirstFile(t *testing.T) {
	d := newFileDoor(t, forAll)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if err := w.WriteField("comment", "no file"); err != nil {
		t.Fatal(err)
	}
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="other.gif"`}, "Content-Type": {"image/gif"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("GIF89a\x00\xff")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	response, answer := d.ask("POST", "/files/picture", bytes.NewReader(form.Bytes()), "Content-Type: "+w.FormDataContentType())
	location := response.Header.Get("Location")
	if response.StatusCode != 201 || !strings.HasSuffix(location, "_picture.gif") {
		t.Fatalf("got %d %s %s", response.StatusCode, location, answer)
	}
	read, body := d.ask("GET", "/files/app/"+strings.TrimPrefix(location, "http://files/"), nil)
	if body != "GIF89a\x00\xff" || read.Header.Get("Content-Type") != "image/gif" {
		t.Errorf("got %q of type %s", body, read.Header.Get("Content-Type"))
	}
	for _, broken := range []string{"", "--x\r\n", "--x--\r\n", "no form at all"} {
		response, answer := d.ask("POST", "/files/picture", strings.NewReader(broken), "Content-Type: multipart/form-data; boundary=x")
		if response.StatusCode != 400 || !strings.Contains(answer, `"code":130`) {
			t.Errorf("a form %q: got %d %s", broken, response.StatusCode, answer)
		}
	}
	if response, answer := d.ask("POST", "/files/picture", strings.NewReader("x"), "Content-Type: multipart/form-data"); response.StatusCode != 400 {
		t.Errorf("a form without a boundary: got %d %s", response.StatusCode, answer)
	}
}

func TestFiles_TooLargeOrCutOffLeaveNothing(t *testing.T) {
	d := newFileDoor(t, forAll)
	large := strings.Repeat("x", 1<<20+1)
	for name, body := range map[string]io.Reader{"of known length": strings.NewReader(large), "in chunks": io.MultiReader(strings.NewReader(large))} {
		if response, answer := d.ask("POST", "/files/large.bin", body, "Content-Type: application/octet-stream"); response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: got %d %s", name, response.StatusCode, answer)
		}
	}
	ctx, cut := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", d.url+"/files/cut.bin", io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) {
		cut()
		<-ctx.Done()
		return 0, ctx.Err()
	})))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Parse-Application-Id", "app")
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Errorf("the upload that was cut off was answered with %d", response.StatusCode)
	}
	if n := d.stored(); n != 0 {
		t.Errorf("%d files are stored", n)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFiles_OfPicturesHaveVersions(t *testing.T) {
	d := newFileDoor(t, forAll)
	var source bytes.Buffer
	if err := png.Encode(&source, image.NewGray(image.Rect(0, 0, 200, 100))); err != nil {
		t.Fatal(err)
	}
	path := d.upload("a.png", "image/png", source.String())
	response, body := d.ask("GET", path+"?w=50&format=jpeg", nil)
	config, format, err := image.DecodeConfig(strings.NewReader(body))
	if err != nil || format != "jpeg" || config.Width != 50 || config.Height != 25 || response.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("got %s of %dx%d, %s (%v)", format, config.Width, config.Height, response.Header.Get("Content-Type"), err)
	}
	if again, _ := d.ask("GET", path+"?format=jpeg&w=50", nil, "If-None-Match: "+response.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %d", again.StatusCode)
	}
	for _, c := range []struct {
		path   string
		status int
	}{
		{path + "?w=501", 400}, {path + "?w=x", 400}, {path + "?fit=crop", 400}, {path + "?w=%zz", 400},
		{path + "?other=1", 200}, {d.upload("no.png", "image/png", "no picture") + "?w=10", 400}, {d.upload("a.txt", "text/plain", "text") + "?w=10", 200},
	} {
		if response, body := d.ask("GET", c.path, nil); response.StatusCode != c.status {
			t.Errorf("%s: %d %.60q", c.path, response.StatusCode, body)
		}
	}
}

// G01, G02, G03: requests for files that are no such crash nothing.
func TestAdvisory_G01_OddFileRequests(t *testing.T) {
	d := newFileDoor(t, forAll)
	for _, path := range []string{
		"/files/app/", "/files/app", "/files/", "/files//", "/files/app/%00", "/files/app/%2e%2e/%2e%2e/x", "/files/%00/x",
		"/files/app/metadata", "/files/app/metadata/", "/files/app/a%2F..%2Fb", "/files/app/" + strings.Repeat("a", 5000),
	} {
		response, body := d.ask("GET", path, nil)
		if response.StatusCode >= 500 || response.StatusCode == 200 && body != "{}" {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
}

func TestAdvisory_G02_OddRanges(t *testing.T) {
	d := newFileDoor(t, forAll)
	path := d.upload("hello.txt", "text/plain", "hello world")
	for _, wanted := range []string{"bytes=50-60", "bytes=abc", "bytes=5-2", "bytes=-", "bytes=99999999999999999999-", "bytes=--1"} {
		if response, body := d.ask("GET", path, nil, "Range: "+wanted); response.StatusCode != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%s: %d %q", wanted, response.StatusCode, body)
		}
	}
}

func TestAdvisory_G03_FileWithoutExtension(t *testing.T) {
	d := newFileDoor(t, forAll)
	for _, contentType := range []string{"", "application/x-unheard-of", "image/png"} {
		path := d.upload("noextension", contentType, "x")
		if response, body := d.ask("GET", path, nil); response.StatusCode != 200 || body != "x" {
			t.Errorf("as %q: %d %q", contentType, response.StatusCode, body)
		}
	}
}

// What a browser would run as a page is not taken, however it is disguised.
func TestAdvisory_G04_G05_G06_G07_G08_G09_G10_J07_ActiveFiles(t *testing.T) {
	d := newFileDoor(t, forAll)
	for _, c := range []struct{ advisory, name, contentType string }{
		{"G04", "page.html", "text/html"}, {"G04", "page.HTM", "text/plain"}, {"G04", "page", "text/html"},
		{"G05", "drawing.svg", "image/svg+xml"}, {"G05", "drawing", "image/svg+xml"}, {"G05", "drawing.svgz", "image/png"},
		{"G06", "page.xhtml", "text/plain"}, {"G06", "page.xht", "text/plain"}, {"G06", "page.shtml", "text/plain"}, {"G06", "m.mathml", "text/plain"},
		{"G07", "page", "text/html; charset=utf-8"}, {"G07", "page", "text/html;x"}, {"G07", "page", " TEXT/HTML ;charset=utf-8"},
		{"G07", "feed", "application/xml"}, {"G07", "feed.xsl", "text/plain"}, {"G07", "feed.xsd", "text/plain"}, {"G07", "feed.rdf", "text/plain"},
		{"G09", "drawing.svg.", "application/x-unheard-of"}, {"G09", "page.html%20.", "application/x-unheard-of"},
		{"G10", "page.txt.html", "text/plain"}, {"G10", "page.svg%20", "text/plain"}, {"G10", "page.xhtml+xml", "text/plain"},
	} {
		response, body := d.ask("POST", "/files/"+c.name, strings.NewReader("<script>alert(1)</script>"), "Content-Type: "+c.contentType)
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s as %s: %d %s", c.advisory, c.name, c.contentType, response.StatusCode, body)
		}
	}
	if n := d.stored(); n != 0 {
		t.Errorf("%d files are stored", n)
	}
	// G08, and all that a client may say without being refused: it is served as what it is called.
	for _, c := range []struct{ name, contentType, served string }{
		{"a.png", "text/html", "image/png"}, {"a.txt", "image/svg+xml", "text/plain; charset=utf-8"},
		{"a.unheard", "text/html", "application/octet-stream"}, {"a", "application/vnd.x+xml", "application/octet-stream"},
		{"a.unheard", "application/x-unheard-of", "application/x-unheard-of"}, {"a.unheard", "multipart/x-mixed-replace", "application/octet-stream"},
	} {
		response, _ := d.ask("GET", d.upload(c.name, c.contentType, "<script>"), nil)
		if got := response.Header.Get("Content-Type"); got != c.served || response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s as %s is served as %s, nosniff %q", c.name, c.contentType, got, response.Header.Get("X-Content-Type-Options"))
		}
	}
}

// Pages that are there all the same, as the master key may bring them, are not run.
func TestAdvisory_G05_StoredPagesAreOnlySaved(t *testing.T) {
	d := newFileDoor(t, forAll)
	for _, name := range []string{"page.html", "drawing.svg", "feed.xml", "x.xhtml"} {
		response, _ := d.ask("GET", d.upload(name, "text/plain", "<script>", "X-Parse-Master-Key: master"), nil)
		h := response.Header
		if h.Get("Content-Disposition") != "attachment" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, h)
		}
	}
}

// The server fetches no URL for a client.
func TestAdvisory_G11_J03_J09_NoURLIsFetched(t *testing.T) {
	asked := make(chan struct{}, 1)
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- struct{}{} }))
	defer victim.Close()
	d := newFileDoor(t, forAll)
	body := fmt.Sprintf(`{"_ApplicationId":"app","_source":{"format":"uri","uri":%q},"url":%q,"uri":%q}`, victim.URL, victim.URL, victim.URL)
	response, answer := d.ask("POST", "/files/x.txt", strings.NewReader(body), "X-Parse-Application-Id: ")
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("got %d %s", response.StatusCode, answer)
	}
	select {
	case <-asked:
		t.Error("the URL was fetched")
	default:
	}
}

// The read-only master key writes no files.
func TestAdvisory_A25_ReadOnlyMasterKeyAndFiles(t *testing.T) {
	d := newFileDoor(t, forAll)
	path := d.upload("hello.txt", "text/plain", "hello")
	name := strings.TrimPrefix(path, "/files/app/")
	for _, c := range []struct{ method, path string }{{"POST", "/files/more.txt"}, {"DELETE", "/files/" + name}} {
		if response, body := d.ask(c.method, c.path, strings.NewReader("x"), "X-Parse-Master-Key: readonly"); response.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", c.method, c.path, response.StatusCode, body)
		}
	}
	if n := d.stored(); n != 1 {
		t.Errorf("%d files are stored, want the one", n)
	}
}

// A range, a head and the metadata of a file are what the file itself is: not
// for those who may not download.
func TestAdvisory_G12_G13_EveryReadOfAFileIsOne(t *testing.T) {
	d := newFileDoor(t, engine.FilePolicy{Upload: engine.FileAudience{Public: true}, Download: engine.FileAudience{Authenticated: true}})
	path := d.upload("hello.txt", "text/plain", "hello world")
	metadata := strings.Replace(path, "/files/app/", "/files/app/metadata/", 1)
	for _, c := range [][]string{{"GET", path}, {"GET", path, "Range: bytes=0-4"}, {"HEAD", path}, {"GET", metadata}} {
		response, body := d.ask(c[0], c[1], nil, c[2:]...)
		if response.StatusCode < 400 || strings.Contains(body, "hello") || response.Header.Get("Content-Range") != "" {
			t.Errorf("%v: %d %q", c, response.StatusCode, body)
		}
	}
	if response, body := d.ask("GET", path, nil, "X-Parse-Master-Key: master"); response.StatusCode != 200 || body != "hello world" {
		t.Errorf("the master key: %d %q", response.StatusCode, body)
	}
}

func TestFiles_AFailingStorageTellsClientsNothing(t *testing.T) {
	d := newFileDoor(t, forAll)
	d.storage.(*local.Storage).Close(t.Context())
	response, body := d.ask("POST", "/files/x.txt", strings.NewReader("x"), "Content-Type: text/plain")
	if response.StatusCode != http.StatusInternalServerError || strings.Contains(body, os.TempDir()) || strings.Contains(body, "closed") {
		t.Errorf("got %d %s", response.StatusCode, body)
	}
}
