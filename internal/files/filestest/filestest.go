// Package filestest holds every driver of package files to the port.
package filestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

// Run runs the suite on storages that open makes, each empty.
func Run(t *testing.T, open func(t *testing.T) files.Storage) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, files.Storage)
	}{
		{"what is stored is read", testRoundTrip},
		{"what is known beside the content stays with it", testAbout},
		{"a part is read from any offset", testOffsets},
		{"names of all kinds are kept apart", testNames},
		{"a second file of a name takes the place of the first", testReplace},
		{"a file that is not there is not found", testMissing},
		{"what is deleted is gone", testDelete},
		{"a content that fails leaves nothing behind", testFailedContent},
		{"a context that ends leaves nothing behind", testCancelled},
		{"all files are listed", testList},
		{"many write at the same time", testConcurrent},
		{"a reader sees the old file or the new one", testReadersDuringReplace},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// Content is n bytes that differ for each seed and in every part.
func Content(seed uint64, n int) []byte {
	b := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	_, _ = source.Read(b) // never fails
	return b
}

func create(t *testing.T, s files.Storage, name string, content []byte) {
	t.Helper()
	if err := s.Create(t.Context(), name, files.About{}, bytes.NewReader(content)); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

func read(t *testing.T, s files.Storage, name string, offset int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), name, offset)
	if err != nil {
		t.Fatalf("open %s at %d: %v", name, offset, err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s at %d: %v", name, offset, err)
	}
	return content
}

func checkContent(t *testing.T, s files.Storage, name string, want []byte) {
	t.Helper()
	info, err := s.Stat(t.Context(), name)
	if err != nil {
		t.Fatalf("stat %s: %v", name, err)
	}
	if info.Name != name || info.Size != int64(len(want)) {
		t.Errorf("stat %s: got name %q and %d bytes, want %d", name, info.Name, info.Size, len(want))
	}
	if info.Modified.IsZero() || !strings.HasPrefix(info.ETag, `"`) {
		t.Errorf("stat %s: modified %v, ETag %s", name, info.Modified, info.ETag)
	}
	if got := read(t, s, name, 0); !bytes.Equal(got, want) {
		t.Errorf("%s: read %d bytes that are not the %d written", name, len(got), len(want))
	}
}

func checkAbsent(t *testing.T, s files.Storage, name string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), name); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("stat %s: %v, want ErrNotFound", name, err)
	}
	if r, err := s.Open(t.Context(), name, 0); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("open %s: %v, want ErrNotFound", name, err)
		if err == nil {
			_ = r.Close()
		}
	}
}

// sizes are around the sizes of GridFS's chunks and of the parts of S3.
var sizes = []int{1, 100, 255 << 10, 255<<10 + 1, 1 << 20, 3*255<<10 + 7, 12<<20 + 1}

func testRoundTrip(t *testing.T, s files.Storage) {
	for i, n := range sizes {
		name := fmt.Sprintf("%d_round.bin", n)
		content := Content(uint64(i), n)
		create(t, s, name, content)
		checkContent(t, s, name, content)
	}
	// An empty file is one, too: it may have been brought over from elsewhere.
	create(t, s, "0_round.bin", nil)
	checkContent(t, s, "0_round.bin", nil)
}

func testAbout(t *testing.T, s files.Storage) {
	about := files.About{ContentType: "image/png",
		Metadata: &parse.Object{Members: []parse.Member{
			{Key: "author", Value: parse.String("Zoë \u2603")}, {Key: "n", Value: parse.Number(1.5)},
			{Key: "deep", Value: &parse.Object{Members: []parse.Member{{Key: "list", Value: parse.Array{parse.Bool(true), parse.Null{}}}}}}}},
		Tags: &parse.Object{Members: []parse.Member{{Key: "kind", Value: parse.String("holiday & more")}}},
	}
	if err := s.Create(t.Context(), "about.png", about, strings.NewReader("png")); err != nil {
		t.Fatal(err)
	}
	info, err := s.Stat(t.Context(), "about.png")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(info.About.JSON()), string(about.JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	create(t, s, "plain.bin", []byte("x"))
	info, err = s.Stat(t.Context(), "plain.bin")
	if err != nil || info.Metadata != nil || info.Tags != nil {
		t.Errorf("a file without metadata has %s (%v)", info.About.JSON(), err)
	}
}

func testOffsets(t *testing.T, s files.Storage) {
	content := Content(9, 3*255<<10+100)
	create(t, s, "parts.bin", content)
	for _, offset := range []int{0, 1, 255<<10 - 1, 255 << 10, 255<<10 + 1, 2 * 255 << 10, len(content) - 1, len(content)} {
		if got := read(t, s, "parts.bin", int64(offset)); !bytes.Equal(got, content[offset:]) {
			t.Errorf("from %d: got %d bytes, want the last %d", offset, len(got), len(content)-offset)
		}
	}
	info, err := s.Stat(t.Context(), "parts.bin")
	if err != nil {
		t.Fatal(err)
	}
	r := files.NewReader(t.Context(), s, info)
	defer r.Close()
	if err := iotest.TestReader(r, content); err != nil {
		t.Error(err)
	}
}

var names = []string{
	"0123456789abcdef0123456789abcdef_a.txt", "a b.txt", "a%20b.txt", "dir/a b.txt", "dir/deep/x.png",
	"é.txt", "日本.png", "a+b.txt", "a&b=c?.txt", "A.txt", "a.txt", "tfss-1.jpg", "x#y.txt", "'q'.txt", "~@-.txt",
}

func testNames(t *testing.T, s files.Storage) {
	for _, name := range names {
		create(t, s, name, []byte("content of "+name))
	}
	for _, name := range names {
		checkContent(t, s, name, []byte("content of "+name))
	}
}

func testReplace(t *testing.T, s files.Storage) {
	long, short := Content(1, 300<<10), Content(2, 10)
	for _, content := range [][]byte{long, short, long} {
		create(t, s, "same.bin", content)
		checkContent(t, s, "same.bin", content)
	}
	n := 0
	if err := s.List(t.Context(), func(files.Info) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d files listed (%v), want one", n, err)
	}
}

func testMissing(t *testing.T, s files.Storage) {
	create(t, s, "there.bin", []byte("x"))
	checkAbsent(t, s, "not.bin")
	checkAbsent(t, s, "there.bin/below")
	if err := s.Delete(t.Context(), "not.bin"); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("delete: %v, want ErrNotFound", err)
	}
}

func testDelete(t *testing.T, s files.Storage) {
	create(t, s, "gone.bin", Content(1, 600<<10))
	create(t, s, "stays.bin", []byte("x"))
	if err := s.Delete(t.Context(), "gone.bin"); err != nil {
		t.Fatal(err)
	}
	checkAbsent(t, s, "gone.bin")
	checkContent(t, s, "stays.bin", []byte("x"))
}

var errCut = errors.New("the connection was cut")

func testFailedContent(t *testing.T, s files.Storage) {
	for _, n := range []int{0, 10, 300 << 10, 12 << 20} {
		content := io.MultiReader(bytes.NewReader(Content(1, n)), iotest.ErrReader(errCut))
		if err := s.Create(t.Context(), "half.bin", files.About{}, content); !errors.Is(err, errCut) {
			t.Errorf("after %d bytes: %v, want the reader's error", n, err)
		}
		checkAbsent(t, s, "half.bin")
	}
	create(t, s, "whole.bin", []byte("whole"))
	content := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errCut))
	if err := s.Create(t.Context(), "whole.bin", files.About{}, content); !errors.Is(err, errCut) {
		t.Errorf("%v, want the reader's error", err)
	}
	checkContent(t, s, "whole.bin", []byte("whole"))
}

func testCancelled(t *testing.T, s files.Storage) {
	ctx, cancel := context.WithCancel(t.Context())
	content := io.MultiReader(bytes.NewReader(Content(1, 1<<20)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, ctx.Err()
	}))
	if err := s.Create(ctx, "half.bin", files.About{}, content); err == nil {
		t.Error("a file was stored though its request had ended")
	}
	checkAbsent(t, s, "half.bin")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func testList(t *testing.T, s files.Storage) {
	for _, name := range names {
		create(t, s, name, []byte(name))
	}
	var got []string
	err := s.List(t.Context(), func(info files.Info) error {
		if info.Size != int64(len(info.Name)) {
			t.Errorf("%s has %d bytes", info.Name, info.Size)
		}
		got = append(got, info.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(names))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("listed %q\nwant   %q", got, want)
	}
	if err := s.List(t.Context(), func(files.Info) error { return errCut }); !errors.Is(err, errCut) {
		t.Errorf("%v, want yield's error", err)
	}
}

func testConcurrent(t *testing.T, s files.Storage) {
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			name := fmt.Sprintf("%d.bin", i)
			content := Content(uint64(i), 300<<10+i)
			if err := s.Create(t.Context(), name, files.About{}, bytes.NewReader(content)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for i := range 16 {
		checkContent(t, s, fmt.Sprintf("%d.bin", i), Content(uint64(i), 300<<10+i))
	}
}

func testReadersDuringReplace(t *testing.T, s files.Storage) {
	versions := [2][]byte{Content(1, 400<<10), Content(2, 600<<10)}
	create(t, s, "changing.bin", versions[0])
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10 {
			if err := s.Create(t.Context(), "changing.bin", files.About{}, bytes.NewReader(versions[(i+1)%2])); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		r, err := s.Open(t.Context(), "changing.bin", 0)
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		content, err := io.ReadAll(r)
		_ = r.Close()
		// A driver may break a reader off, but not give it a mixture.
		if err == nil && !bytes.Equal(content, versions[0]) && !bytes.Equal(content, versions[1]) {
			t.Fatalf("read %d bytes that are neither version", len(content))
		}
	}
	<-done
}
