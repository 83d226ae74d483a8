package picture

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"net/url"
	"slices"
	"strconv"

	"github.com/loam-baas/loam/internal/parse"
)

// Request is how a picture is wanted.
type Request struct {
	// Width and Height are in pixels; 0 follows from the other one.
	Width, Height int
	Fit           Fit
	// Format is jpeg, png, gif or webp; "" is the picture's own.
	Format string
	// Quality is that of JPEG, from 1 to 100.
	Quality int
}

// Fit is how a picture comes into a size of other proportions.
type Fit string

// The ways in which a picture comes into a size. No way makes it larger than it is.
const (
	// Inside: the whole picture, as large as it fits into the size.
	Inside Fit = "inside"
	// Cover: the middle of the picture, in that size.
	Cover Fit = "cover"
	// Fill: the whole picture, stretched to that size.
	Fill Fit = "fill"
)

// usualQuality is a JPEG's when none is asked for.
const usualQuality = 82

// The parameters of a URL that ask for a transformation. The signature is not one
// of them.
var parameters = []string{"w", "h", "fit", "format", "q"}

const signatureParameter = "s"

func invalid(format string, args ...any) error {
	return parse.Errorf(parse.InvalidQuery, format, args...)
}

// Parse reads what a URL asks for; wanted is false when it asks for the file as it
// is. Sizes are at most side.
func Parse(query url.Values, side int) (r Request, wanted bool, err error) {
	wanted = slices.ContainsFunc(parameters, query.Has)
	if !wanted {
		return r, false, nil
	}
	r = Request{Fit: Fit(query.Get("fit")), Format: query.Get("format")}
	for _, n := range [...]struct {
		name          string
		to            *int
		highest, none int
	}{{"w", &r.Width, side, 0}, {"h", &r.Height, side, 0}, {"q", &r.Quality, 100, usualQuality}} {
		text := query.Get(n.name)
		if *n.to = n.none; text == "" {
			continue
		}
		value, err := strconv.Atoi(text)
		if err != nil || value < 1 || value > n.highest {
			return r, true, invalid("%s must be a number from 1 to %d", n.name, n.highest)
		}
		*n.to = value
	}
	switch r.Fit {
	case "":
		r.Fit = Inside
	case Inside, Cover, Fill:
	default:
		return r, true, invalid("fit must be inside, cover or fill")
	}
	switch r.Format {
	case "jpg":
		r.Format = "jpeg"
	case "", "jpeg", "png", "gif", "webp":
	default:
		return r, true, invalid("format must be jpeg, png, gif or webp")
	}
	return r, true, nil
}

// String names the request: two that are the same have one name.
func (r Request) String() string {
	return fmt.Sprintf("w=%d&h=%d&fit=%s&format=%s&q=%d", r.Width, r.Height, r.Fit, r.Format, r.Quality)
}

// Sign is the signature of a request for a file: base64url of HMAC-SHA256 over the
// file's name, a line break, and the parameters of the URL that count, in the order
// of their names, as in "fit=cover&h=100&w=100".
func Sign(key, name string, query url.Values) string {
	counted := url.Values{}
	for _, parameter := range parameters {
		if query.Has(parameter) {
			counted.Set(parameter, query.Get(parameter))
		}
	}
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write([]byte(name + "\n" + counted.Encode())) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Signed tells whether a URL's signature is that of its request.
func Signed(key, name string, query url.Values) bool {
	return hmac.Equal([]byte(query.Get(signatureParameter)), []byte(Sign(key, name, query)))
}

// place tells which part of a picture becomes how large.
func (f Fit) place(width, height, wantWidth, wantHeight int) (from image.Rectangle, toWidth, toHeight int) {
	from = image.Rect(0, 0, width, height)
	switch {
	case wantWidth == 0 && wantHeight == 0:
		return from, width, height
	case wantWidth == 0:
		wantWidth, f = divide(width*wantHeight, height), Inside
	case wantHeight == 0:
		wantHeight, f = divide(height*wantWidth, width), Inside
	}
	switch f {
	case Fill:
		return from, min(wantWidth, width), min(wantHeight, height)
	case Cover:
		// The largest part of these proportions, and no larger than it is.
		partWidth, partHeight := width, divide(width*wantHeight, wantWidth)
		if partHeight > height {
			partWidth, partHeight = divide(height*wantWidth, wantHeight), height
		}
		at := image.Pt((width-partWidth)/2, (height-partHeight)/2)
		return image.Rectangle{at, at.Add(image.Pt(partWidth, partHeight))}, min(wantWidth, partWidth), min(wantHeight, partHeight)
	}
	toWidth, toHeight = wantWidth, divide(height*wantWidth, width)
	if toHeight > wantHeight {
		toWidth, toHeight = divide(width*wantHeight, height), wantHeight
	}
	if toWidth > width || toHeight > height {
		return from, width, height
	}
	return from, toWidth, toHeight
}

// divide rounds to the nearest, and to 1 at least.
func divide(a, b int) int { return max(1, (a+b/2)/b) }
