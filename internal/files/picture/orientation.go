package picture

import (
	"encoding/binary"
	"image"
)

// orientation is how a camera was held, as EXIF numbers it: a picture is to be
// turned by it before it is shown.
type orientation uint16

const upright orientation = 1

// sideways tells whether width and height are exchanged.
func (o orientation) sideways() bool { return o >= 5 }

// orientationOf reads the orientation of a JPEG; what it can't read is upright.
func orientationOf(jpeg []byte) orientation {
	rest := jpeg[min(2, len(jpeg)):]
	for len(rest) >= 4 && rest[0] == 0xff {
		marker, length := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if marker == 0xda || length < 2 || 2+length > len(rest) { // the picture itself begins
			break
		}
		if segment := rest[4 : 2+length]; marker == 0xe1 && len(segment) > 6 && string(segment[:6]) == "Exif\x00\x00" {
			return orientationIn(segment[6:])
		}
		rest = rest[2+length:]
	}
	return upright
}

// orientationIn reads the orientation in a TIFF header and its first directory.
func orientationIn(tiff []byte) orientation {
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return upright
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			break
		}
		if order.Uint16(entries) == 0x0112 {
			if o := orientation(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			break
		}
		entries = entries[12:]
	}
	return upright
}

// turned is the picture as it is to be shown.
func turned(picture image.Image, o orientation) image.Image {
	if o <= upright || o > 8 {
		return picture
	}
	from := picture.Bounds()
	width, height := from.Dx(), from.Dy()
	size := image.Rect(0, 0, width, height)
	if o.sideways() {
		size = image.Rect(0, 0, height, width)
	}
	to := image.NewNRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			fromX, fromY := x, y
			if o.sideways() {
				fromX, fromY = y, x
			}
			// Of a row or a column that runs the other way: 2, 3, 7 and 8 across, 3, 4, 6 and 7 down.
			if o == 2 || o == 3 || o == 7 || o == 8 {
				fromX = width - 1 - fromX
			}
			if o == 3 || o == 4 || o == 6 || o == 7 {
				fromY = height - 1 - fromY
			}
			to.Set(x, y, picture.At(from.Min.X+fromX, from.Min.Y+fromY))
		}
	}
	return to
}
