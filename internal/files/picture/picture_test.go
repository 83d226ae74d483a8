package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/HugoSmits86/nativewebp"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/loam-baas/loam/internal/files"
	"github.com/loam-baas/loam/internal/parse"
)

var limits = Limits{SourceBytes: 1 << 20, SourcePixels: 1 << 20, Side: 500}

var (
	red   = color.NRGBA{255, 0, 0, 255}
	green = color.NRGBA{0, 255, 0, 255}
	blue  = color.NRGBA{0, 0, 255, 255}
	white = color.NRGBA{255, 255, 255, 255}
)

// quarters is a picture whose four quarters are red and green, above blue and white.
func quarters(width, height int) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := [2][2]color.NRGBA{{red, green}, {blue, white}}[2*y/height][2*x/width]
			p.SetNRGBA(x, y, c)
		}
	}
	return p
}

func encoded(t testing.TB, format string, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, p, &jpeg.Options{Quality: 95})
	case "png":
		err = png.Encode(&b, p)
	case "gif":
		err = gif.Encode(&b, p, nil)
	case "webp":
		err = nativewebp.Encode(&b, p, nil)
	case "bmp":
		err = bmp.Encode(&b, p)
	case "tiff":
		err = tiff.Encode(&b, p, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func made(t testing.TB, source []byte, query string) (image.Image, string) {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := Parse(values, limits.Side)
	if err != nil {
		t.Fatal(err)
	}
	content, contentType, err := Make(t.Context(), bytes.NewReader(source), r, limits)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	decode := map[string]func(io.Reader) (image.Image, error){"image/jpeg": jpeg.Decode, "image/png": png.Decode, "image/gif": gif.Decode, "image/webp": webp.Decode}[contentType]
	p, err := decode(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return p, contentType
}

// near tells whether colours are the same, as far as JPEG keeps them.
func near(a, b color.Color) bool {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	for _, d := range [...]int{int(r1>>8) - int(r2>>8), int(g1>>8) - int(g2>>8), int(b1>>8) - int(b2>>8)} {
		if d < -40 || d > 40 {
			return false
		}
	}
	return true
}

func TestSizes(t *testing.T) {
	source := encoded(t, "png", quarters(400, 200))
	for _, c := range []struct {
		query         string
		width, height int
	}{
		{"w=100", 100, 50}, {"h=100", 200, 100}, {"w=100&h=100", 100, 50}, {"w=100&h=10", 20, 10},
		{"w=100&h=100&fit=cover", 100, 100}, {"w=100&h=50&fit=cover", 100, 50}, {"w=50&h=100&fit=cover", 50, 100},
		{"w=100&h=100&fit=fill", 100, 100}, {"w=500", 400, 200}, {"w=500&h=500&fit=cover", 200, 200}, {"w=500&h=500&fit=fill", 400, 200},
		{"w=1", 1, 1}, {"h=1&fit=cover", 2, 1}, {"format=jpeg", 400, 200}, {"q=10", 400, 200},
	} {
		p, _ := made(t, source, c.query)
		if got := p.Bounds().Size(); got != image.Pt(c.width, c.height) {
			t.Errorf("%s: %v, want %dx%d", c.query, got, c.width, c.height)
		}
	}
	p, _ := made(t, source, "w=100&h=100&fit=cover")
	for at, want := range map[image.Point]color.Color{{10, 10}: red, {90, 10}: green, {10, 90}: blue, {90, 90}: white} {
		if got := p.At(at.X, at.Y); !near(got, want) {
			t.Errorf("at %v: %v, want %v", at, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, from := range []string{"jpeg", "png", "gif", "webp", "bmp", "tiff"} {
		source := encoded(t, from, quarters(40, 40))
		for _, to := range []string{"", "jpeg", "jpg", "png", "gif", "webp"} {
			p, contentType := made(t, source, "w=20&format="+to)
			want := to
			switch {
			case to == "jpg":
				want = "jpeg"
			case to == "" && (from == "bmp" || from == "tiff"):
				want = "png"
			case to == "":
				want = from
			}
			if contentType != "image/"+want {
				t.Errorf("%s to %q is %s", from, to, contentType)
			}
			if !near(p.At(4, 4), red) || !near(p.At(15, 15), white) {
				t.Errorf("%s to %q: %v and %v", from, to, p.At(4, 4), p.At(15, 15))
			}
		}
	}
	see := image.NewNRGBA(image.Rect(0, 0, 10, 10)) // nothing but transparent
	if p, _ := made(t, encoded(t, "png", see), "format=jpeg"); !near(p.At(5, 5), white) {
		t.Errorf("what is transparent becomes %v in a JPEG, want white", p.At(5, 5))
	}
}

// held is a JPEG of a camera that was held in some way.
func held(t testing.TB, jpeg []byte, o orientation, order binary.ByteOrder) []byte {
	t.Helper()
	mark := map[bool]string{true: "II*\x00", false: "MM\x00*"}[order == binary.ByteOrder(binary.LittleEndian)]
	tiff := []byte(mark)
	put := func(size int, v uint32) {
		b := make([]byte, size)
		if size == 2 {
			order.PutUint16(b, uint16(v))
		} else {
			order.PutUint32(b, v)
		}
		tiff = append(tiff, b...)
	}
	put(4, 8)
	put(2, 2)
	for _, e := range [][4]uint32{{0x010f, 2, 1, 0}, {0x0112, 3, 1, uint32(o)}} {
		put(2, e[0])
		put(2, e[1])
		put(4, e[2])
		put(2, e[3])
		put(2, 0)
	}
	put(4, 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	head := []byte{0xff, 0xd8, 0xff, 0xe1, 0, 0}
	binary.BigEndian.PutUint16(head[4:], uint16(len(segment)+2))
	return append(append(head, segment...), jpeg[2:]...)
}

func TestPicturesAreTurnedAsTheyWereTaken(t *testing.T) {
	// What is stored when the scene is that of quarters: its corners in the order
	// upper left, upper right, lower left, lower right.
	for o, corners := range map[orientation][4]color.NRGBA{
		1: {red, green, blue, white}, 2: {green, red, white, blue}, 3: {white, blue, green, red}, 4: {blue, white, red, green},
		5: {red, blue, green, white}, 6: {green, white, red, blue}, 7: {white, green, blue, red}, 8: {blue, red, white, green},
	} {
		stored := image.NewNRGBA(image.Rect(0, 0, 64, 32))
		if o.sideways() {
			stored = image.NewNRGBA(image.Rect(0, 0, 32, 64))
		}
		size := stored.Bounds().Size()
		for y := range size.Y {
			for x := range size.X {
				stored.SetNRGBA(x, y, corners[2*(2*y/size.Y)+2*x/size.X])
			}
		}
		for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
			p, _ := made(t, held(t, encoded(t, "jpeg", stored), o, order), "w=32")
			if got := p.Bounds().Size(); got != image.Pt(32, 16) {
				t.Errorf("orientation %d: %v, want 32x16", o, got)
				continue
			}
			for at, want := range map[image.Point]color.Color{{4, 3}: red, {27, 3}: green, {4, 12}: blue, {27, 12}: white} {
				if got := p.At(at.X, at.Y); !near(got, want) {
					t.Errorf("orientation %d at %v: %v, want %v", o, at, got, want)
				}
			}
		}
	}
}

func TestWhatIsNoPictureOrTooLargeIsRefused(t *testing.T) {
	picture := encoded(t, "png", quarters(40, 40))
	bomb := bytes.Clone(picture)
	binary.BigEndian.PutUint32(bomb[16:], 50_000) // the width that the header tells
	binary.BigEndian.PutUint32(bomb[20:], 50_000)
	for name, c := range map[string]struct {
		source []byte
		want   error
	}{
		"text": {[]byte("hello"), ErrNoPicture}, "nothing": {nil, ErrNoPicture}, "a beginning": {picture[:20], ErrNoPicture},
		"a part": {picture[:len(picture)-20], ErrNoPicture}, "a drawing": {[]byte("<svg/>"), ErrNoPicture},
		"many pixels": {encoded(t, "png", image.NewGray(image.Rect(0, 0, 2000, 1000))), ErrTooLarge},
		"many bytes":  {make([]byte, limits.SourceBytes+1), ErrTooLarge},
	} {
		_, _, err := Make(t.Context(), bytes.NewReader(c.source), Request{Width: 10, Fit: Inside}, limits)
		if got, ok := errors.AsType[*parse.Error](err); !ok || got.Message != c.want.(*parse.Error).Message {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := Make(t.Context(), bytes.NewReader(bomb), Request{Width: 10, Fit: Inside}, limits); err == nil {
		t.Error("a picture that tells of more pixels than it has was made")
	}
}

func TestParametersAreStrict(t *testing.T) {
	for _, query := range []string{"w=0", "w=-1", "w=501", "w=x", "w=1.5", "h=99999999999999999999", "q=0", "q=101", "fit=crop", "format=svg", "format=JPEG"} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, wanted, err := Parse(values, 500); !wanted || parse.CodeOf(err) != parse.InvalidQuery {
			t.Errorf("%s: %t, %v; want an error", query, wanted, err)
		}
	}
	if _, wanted, err := Parse(url.Values{"other": {"x"}}, 500); wanted || err != nil {
		t.Errorf("other parameters: %t, %v", wanted, err)
	}
}

func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	o.Limits, o.CacheDir = limits, t.TempDir()
	s, err := New(o)
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

func TestServerMakesEachPictureOnce(t *testing.T) {
	s := newServer(t, Options{CacheBytes: 1 << 20})
	source := encoded(t, "png", quarters(100, 100))
	var opened atomic.Int64
	open := func(context.Context) io.ReadCloser {
		opened.Add(1)
		return io.NopCloser(bytes.NewReader(source))
	}
	info := files.Info{Name: "a.png", ETag: `"1"`}
	var first *Picture
	var once sync.Once
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			p, err := s.Make(t.Context(), info, Request{Width: 10, Fit: Inside}, open)
			if err != nil {
				t.Error(err)
				return
			}
			once.Do(func() { first = p })
		})
	}
	wait.Wait()
	again, err := s.Make(t.Context(), info, Request{Width: 10, Fit: Inside}, open)
	if err != nil || first == nil || !bytes.Equal(again.Content, first.Content) || again.ETag != first.ETag || again.ContentType != "image/png" {
		t.Errorf("again: %+v (%v)", again, err)
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("the file was read %d times", n)
	}
	info.ETag = `"2"`
	if other, err := s.Make(t.Context(), info, Request{Width: 10, Fit: Inside}, open); err != nil || other.ETag == first.ETag || opened.Load() != 2 {
		t.Errorf("of another content: %+v (%v)", other, err)
	}
}

func TestServerKeepsNoMoreThanItMay(t *testing.T) {
	s := newServer(t, Options{CacheBytes: 2000})
	source := encoded(t, "bmp", quarters(100, 100))
	for i := range 50 {
		_, err := s.Make(t.Context(), files.Info{Name: fmt.Sprint(i)}, Request{Width: 20 + i, Fit: Inside}, func(context.Context) io.ReadCloser {
			return io.NopCloser(bytes.NewReader(source))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadDir(s.options.CacheDir)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, file := range kept {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > 2000 || len(kept) == 0 {
		t.Errorf("%d files of %d bytes are kept, want some, and 2000 bytes at most", len(kept), size)
	}
}

func TestSignatures(t *testing.T) {
	s := newServer(t, Options{CacheBytes: 1000, SigningKey: "key"})
	info := files.Info{Name: "a.png"}
	query := url.Values{"w": {"100"}, "fit": {"cover"}, "h": {"100"}}
	if _, asked, err := s.Asked(info, query); !asked || parse.CodeOf(err) != parse.OperationForbidden {
		t.Errorf("unsigned: %t, %v", asked, err)
	}
	query.Set("s", Sign("key", "a.png", query))
	if _, asked, err := s.Asked(info, query); !asked || err != nil {
		t.Errorf("signed: %t, %v", asked, err)
	}
	query.Set("w", "101")
	if _, _, err := s.Asked(info, query); err == nil {
		t.Error("the signature of another size was taken")
	}
	query.Set("w", "100")
	if _, _, err := s.Asked(files.Info{Name: "b.png"}, query); err == nil {
		t.Error("the signature of another file was taken")
	}
	if _, asked, err := s.Asked(files.Info{Name: "a.txt"}, query); asked || err != nil {
		t.Errorf("a text: %t, %v", asked, err)
	}
}

func FuzzMake(f *testing.F) {
	for _, format := range []string{"jpeg", "png", "gif", "webp", "bmp", "tiff"} {
		f.Add(encoded(f, format, quarters(16, 8)))
	}
	f.Add(held(f, encoded(f, "jpeg", quarters(16, 8)), 6, binary.LittleEndian))
	f.Fuzz(func(t *testing.T, source []byte) {
		content, contentType, err := Make(t.Context(), bytes.NewReader(source), Request{Width: 8, Fit: Inside, Quality: 80}, limits)
		if err == nil && (len(content) == 0 || !strings.HasPrefix(contentType, "image/")) {
			t.Errorf("%d bytes of %s", len(content), contentType)
		}
	})
}
