// Package picture makes smaller or other versions of pictures, by well-kept codecs
// in pure Go, with bounded work.
package picture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/HugoSmits86/nativewebp"
	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/loam-baas/loam/internal/parse"
)

// Limits bound the work on one picture.
type Limits struct {
	// SourceBytes and SourcePixels are of the picture that is read.
	SourceBytes, SourcePixels int64
	// Side is the longest side of the picture that is made, in pixels.
	Side int
}

// decoder is a format that is read.
type decoder struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// decoders are the formats that are read, by their names in media types.
var decoders = map[string]decoder{
	"jpeg": {jpeg.DecodeConfig, jpeg.Decode}, "png": {png.DecodeConfig, png.Decode}, "gif": {gif.DecodeConfig, gif.Decode},
	"webp": {webp.DecodeConfig, webp.Decode}, "bmp": {bmp.DecodeConfig, bmp.Decode}, "tiff": {tiff.DecodeConfig, tiff.Decode},
}

// Errors of pictures that can't be made.
var (
	ErrNoPicture = parse.NewError(parse.InvalidImageData, "The file is no picture of a format that can be read.")
	ErrTooLarge  = parse.NewError(parse.InvalidImageData, "The picture is too large to be transformed.")
)

// Make reads a picture and returns it as the request wants it, with its media
// type. The context is looked at between the steps.
func Make(ctx context.Context, source io.Reader, r Request, l Limits) (content []byte, contentType string, err error) {
	data, err := io.ReadAll(io.LimitReader(source, l.SourceBytes+1))
	if err != nil {
		return nil, "", err
	}
	if int64(len(data)) > l.SourceBytes {
		return nil, "", ErrTooLarge
	}
	name := formatOf(data)
	format, known := decoders[name]
	if !known {
		return nil, "", ErrNoPicture
	}
	config, err := format.config(bytes.NewReader(data))
	if err != nil {
		return nil, "", ErrNoPicture.WithCause(err)
	}
	if config.Width <= 0 || config.Height <= 0 || int64(config.Width)*int64(config.Height) > l.SourcePixels {
		return nil, "", ErrTooLarge
	}
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	picture, err := decode(format, data)
	if err != nil {
		return nil, "", ErrNoPicture.WithCause(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	turn := upright
	if name == "jpeg" {
		turn = orientationOf(data)
	}
	picture = turned(r.scale(picture, turn, l.Side), turn)
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	return r.encode(picture, name)
}

// decode keeps a codec's panic about a broken picture from being more than an error.
func decode(d decoder, data []byte) (picture image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the codec gave up")
		}
	}()
	return d.decode(bytes.NewReader(data))
}

// formatOf tells a picture's format by its first bytes; "" is none that is known.
func formatOf(data []byte) string {
	for _, f := range [...]struct{ name, begin, at8 string }{
		{"jpeg", "\xff\xd8\xff", ""}, {"png", "\x89PNG\r\n\x1a\n", ""}, {"gif", "GIF8", ""}, {"webp", "RIFF", "WEBP"},
		{"bmp", "BM", ""}, {"tiff", "II*\x00", ""}, {"tiff", "MM\x00*", ""},
	} {
		if bytes.HasPrefix(data, []byte(f.begin)) && (f.at8 == "" || len(data) > 12 && string(data[8:12]) == f.at8) {
			return f.name
		}
	}
	return ""
}

// scale makes the part of the picture that is wanted in the size that is wanted.
// The sizes are those of the picture when it is upright.
func (r Request) scale(picture image.Image, turn orientation, side int) image.Image {
	bounds := picture.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	wantWidth, wantHeight := r.Width, r.Height
	if turn.sideways() {
		wantWidth, wantHeight = wantHeight, wantWidth
	}
	from, toWidth, toHeight := r.Fit.place(width, height, wantWidth, wantHeight)
	if longest := max(toWidth, toHeight); longest > side {
		toWidth, toHeight = max(1, toWidth*side/longest), max(1, toHeight*side/longest)
	}
	from = from.Add(bounds.Min)
	if from == bounds && toWidth == width && toHeight == height {
		return picture
	}
	to := image.NewNRGBA(image.Rect(0, 0, toWidth, toHeight))
	draw.CatmullRom.Scale(to, to.Bounds(), picture, from, draw.Src, nil)
	return to
}

// encode writes the picture in the wanted format, or else in its own if that can
// be written, or else as PNG.
func (r Request) encode(picture image.Image, own string) ([]byte, string, error) {
	format := r.Format
	if format == "" {
		format = own
	}
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, opaque(picture), &jpeg.Options{Quality: r.Quality})
	case "gif":
		err = gif.Encode(&b, picture, nil)
	case "webp":
		err = nativewebp.Encode(&b, picture, nil)
	default:
		format = "png"
		err = png.Encode(&b, picture)
	}
	return b.Bytes(), "image/" + format, err
}

// opaque puts white behind what is transparent, of which JPEG knows nothing.
func opaque(picture image.Image) image.Image {
	if o, ok := picture.(interface{ Opaque() bool }); ok && o.Opaque() {
		return picture
	}
	to := image.NewRGBA(picture.Bounds())
	draw.Draw(to, to.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(to, to.Bounds(), picture, picture.Bounds().Min, draw.Over)
	return to
}
