package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loam-baas/loam/internal/files/s3test"
)

// largeFile is the size of the file with which memory is measured.
var largeFile = flag.Int64("largefile", 96<<20, "bytes of the large file in TestLargeFiles")

// memoryForFile is how much more memory than when idle a file may take, of any
// size: 40 MB.
const memoryForFile = 40 << 20

// fileApp is the configuration of an app that takes files of any size from all.
func fileApp(adapter string) func(url string) map[string]any {
	return func(url string) map[string]any {
		options := map[string]any{
			"appId": "app", "masterKey": "master", "serverURL": url, "maxUploadSize": "4gb",
			"fileUpload": map[string]any{"enableForPublic": true},
		}
		if adapter != "" {
			options["filesAdapter"] = adapter
		}
		return options
	}
}

// places are where files can be, by name.
func places(t *testing.T) map[string]string {
	server := s3test.Start(t)
	return map[string]string{
		"local": "", "gridfs": "gridfs:", "encrypted": "gridfs:?encryptionKey=secret",
		"s3": fmt.Sprintf("s3://%s:%s@%s/files?endpoint=%s", s3test.AccessKeyID, s3test.SecretAccessKey, server.Bucket(t), url.QueryEscape(server.Endpoint)),
	}
}

// A file of any size goes in and out with little memory, whatever it is kept in.
func TestLargeFiles(t *testing.T) {
	for name, adapter := range places(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t, fileApp(adapter))
			p.uploadAndRead(48 << 20) // until the database's caches are full: they are not the file's
			idle := p.memory()
			peak := p.watchMemory()
			began := time.Now()
			p.uploadAndRead(*largeFile)
			most := peak()
			t.Logf("%d MB in and out in %s; memory %d MB idle, at most %d MB more", *largeFile>>20, time.Since(began).Round(time.Millisecond), idle>>20, (most-idle)>>20)
			if most-idle > memoryForFile {
				t.Errorf("%d MB took %d MB of memory more than idle, want %d at most", *largeFile>>20, (most-idle)>>20, memoryForFile>>20)
			}
		})
	}
}

// uploadAndRead stores a file of so many bytes and reads it again.
func (p *program) uploadAndRead(size int64) {
	p.t.Helper()
	sent := sha256.New()
	file := p.upload("large.bin", io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), sent), size)
	got := sha256.New()
	if n := p.read(file, got); n != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		p.t.Errorf("read %d bytes that are not the %d sent", n, size)
	}
}

// upload stores a file and returns its URL.
func (p *program) upload(name string, content io.Reader, size int64) string {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), "POST", p.url+"/files/"+name, content)
	if err != nil {
		p.t.Fatal(err)
	}
	request.ContentLength = size
	request.Header.Set("X-Parse-Application-Id", "app")
	request.Header.Set("Content-Type", "application/octet-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ URL, Error string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusCreated {
		p.t.Fatalf("upload: %d %s (%v)", response.StatusCode, answer.Error, err)
	}
	return answer.URL
}

func (p *program) read(file string, into hash.Hash) int64 {
	p.t.Helper()
	response, err := http.Get(file)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	n, err := io.Copy(into, response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("read: %d after %d bytes (%v)", response.StatusCode, n, err)
	}
	return n
}

// memory is what the process has of its own in memory, in bytes: files that the
// system maps for it can be let go at any time.
func (p *program) memory() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	p.t.Fatal("the system does not tell the process's memory")
	return 0
}

// watchMemory looks at the memory until the function that it returns is called,
// which tells the most that there was.
func (p *program) watchMemory() func() int64 {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		for {
			peak = max(peak, p.memory())
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-most
	}
}

// A client puts a file into the bucket by itself, and it is a file when it says so.
func TestDirectUploads(t *testing.T) {
	all := places(t)
	p := start(t, fileApp(all["s3"]))
	post := func(path, body string) (status int, answer struct {
		Method, URL, Token, Name string
		Code                     int
		Headers                  map[string]string
	}) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "POST", p.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Parse-Application-Id", "app")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, answer
	}
	status, grant := post("/uploads/direct", `{"name": "film.mp4", "contentType": "video/mp4", "size": 5, "metadata": {"author": "ann"}}`)
	if status != http.StatusCreated || grant.Token == "" {
		t.Fatalf("grant: %d %+v", status, grant)
	}
	confirm := func(token string) (int, string) {
		status, answer := post("/uploads/direct/confirm", fmt.Sprintf(`{"token": %q}`, token))
		return status, answer.URL
	}
	if status, _ := confirm(grant.Token); status != http.StatusBadRequest {
		t.Errorf("confirmed before it has come: %d", status)
	}
	request, err := http.NewRequestWithContext(t.Context(), grant.Method, grant.URL, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range grant.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("put: %d", response.StatusCode)
	}
	for _, token := range []string{"", "x", "x.y", grant.Token + "x", "e30." + grant.Token} {
		if status, _ := confirm(token); status != http.StatusBadRequest {
			t.Errorf("confirmed with %q: %d", token, status)
		}
	}
	status, file := confirm(grant.Token)
	if status != http.StatusCreated {
		t.Fatalf("confirm: %d", status)
	}
	if n := p.read(file, sha256.New()); n != 5 {
		t.Errorf("the file has %d bytes", n)
	}
	if status, _ := confirm(grant.Token); status != http.StatusBadRequest {
		t.Errorf("confirmed twice: %d", status)
	}
	for body, code := range map[string]int{
		`{"name": "a.html", "contentType": "text/html", "size": 5}`: 130, `{"name": "a.txt"}`: 162, `{"name": "a.txt", "size": 1.5}`: 162,
		`{"name": "../a.txt", "size": 5}`: 122, `{"size": 5}`: 122, `{"name": "a.txt", "size": 5, "directory": "a"}`: 119,
	} {
		if status, answer := post("/uploads/direct", body); status != http.StatusBadRequest || answer.Code != code {
			t.Errorf("%s: %d, code %d", body, status, answer.Code)
		}
	}
	local := start(t, fileApp(""))
	p = local
	if status, answer := post("/uploads/direct", `{"name": "a.txt", "size": 5}`); status != http.StatusBadRequest || answer.Code != 108 {
		t.Errorf("where files are in a directory: %d, code %d", status, answer.Code)
	}
}

// 500 files of a megabyte at the same time are all stored.
func TestManyFilesAtOnce(t *testing.T) {
	const uploads = 500
	p := start(t, fileApp(""))
	content := make([]byte, 1<<20)
	var wait sync.WaitGroup
	urls := make([]string, uploads)
	for i := range uploads {
		wait.Go(func() {
			own := append([]byte(strconv.Itoa(i)+"\n"), content...)
			urls[i] = p.upload("one.bin", bytes.NewReader(own), int64(len(own)))
		})
	}
	wait.Wait()
	for i, file := range urls {
		if file == "" {
			continue // its upload has failed, and said so
		}
		response, err := http.Get(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || len(got) != len(content)+len(strconv.Itoa(i))+1 || !bytes.HasPrefix(got, []byte(strconv.Itoa(i)+"\n")) {
			t.Errorf("file %d: %d bytes (%v)", i, len(got), err)
		}
	}
}

// A process that is killed while a file comes in leaves nothing that could be
// taken for the file, whatever it is kept in.
func TestKilledDuringAnUpload(t *testing.T) {
	for _, name := range []string{"local", "gridfs"} {
		t.Run(name, func(t *testing.T) {
			adapter := ""
			if name == "gridfs" {
				adapter = "gridfs:"
			}
			p := start(t, func(url string) map[string]any {
				options := fileApp(adapter)(url)
				options["preserveFileName"] = true
				return options
			})
			whole := p.upload("whole.bin", strings.NewReader("whole"), 5)
			came := make(chan struct{})
			endless := readerFunc(func(b []byte) (int, error) {
				select {
				case came <- struct{}{}:
				default:
				}
				return len(b), nil
			})
			cut := make(chan struct{})
			go func() {
				defer close(cut)
				request, err := http.NewRequest("POST", p.url+"/files/half.bin", endless)
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("X-Parse-Application-Id", "app")
				if response, err := http.DefaultClient.Do(request); err == nil {
					_ = response.Body.Close()
				}
			}()
			for range 200 { // pieces that the client has sent
				<-came
			}
			p.kill()
			<-cut
			p.run()
			if response, err := http.Get(p.url + "/files/app/half.bin"); err != nil || response.StatusCode != http.StatusNotFound {
				t.Errorf("half a file is answered with %v (%v)", response, err)
			}
			if n := p.read(whole, sha256.New()); n != 5 {
				t.Errorf("the whole file has %d bytes", n)
			}
			if name == "local" {
				if _, err := os.Stat(filepath.Join(p.dir, "loam-data", "files", "half.bin")); !os.IsNotExist(err) {
					t.Errorf("half a file has a name: %v", err)
				}
			}
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
