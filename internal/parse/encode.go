package parse

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends v as Parse JSON: numbers and strings as JavaScript's
// JSON.stringify writes them, typed values as {"__type":…}. A nil Value is null.
func AppendJSON(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Bool:
		return strconv.AppendBool(dst, bool(v))
	case Number:
		return appendNumber(dst, float64(v))
	case String:
		return AppendString(dst, string(v))
	case Date:
		return appendDateObject(dst, int64(v))
	case Bytes:
		return appendBytes(dst, v)
	case Pointer:
		return appendPointer(dst, v.ClassName, v.ObjectID)
	case Relation:
		dst = AppendString(append(dst, `{"__type":"Relation","className":`...), v.ClassName)
		return append(dst, '}')
	case File:
		dst = AppendString(append(dst, `{"__type":"File","name":`...), v.Name)
		if v.URL != "" {
			dst = AppendString(append(dst, `,"url":`...), v.URL)
		}
		return append(dst, '}')
	case GeoPoint:
		return appendGeoPoint(dst, v)
	case Polygon:
		return appendPolygon(dst, v)
	case Array:
		dst = append(dst, '[')
		for i, v := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, v)
		}
		return append(dst, ']')
	case *Object:
		if v == nil {
			break
		}
		dst = append(dst, '{')
		for i := range v.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendString(dst, v.Members[i].Key), ':')
			dst = AppendJSON(dst, v.Members[i].Value)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

func appendDateObject(dst []byte, ms int64) []byte {
	dst = AppendDate(append(dst, `{"__type":"Date","iso":"`...), ms)
	return append(dst, `"}`...)
}

func appendBytes(dst, b []byte) []byte {
	dst = append(dst, `{"__type":"Bytes","base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, `"}`...)
}

// text is a string, wherever it lies.
type text interface{ ~string | ~[]byte }

func appendPointer[T text](dst []byte, class, id T) []byte {
	dst = AppendString(append(dst, `{"__type":"Pointer","className":`...), class)
	dst = AppendString(append(dst, `,"objectId":`...), id)
	return append(dst, '}')
}

func appendGeoPoint(dst []byte, p GeoPoint) []byte {
	dst = appendNumber(append(dst, `{"__type":"GeoPoint","latitude":`...), p.Latitude)
	dst = appendNumber(append(dst, `,"longitude":`...), p.Longitude)
	return append(dst, '}')
}

func appendPolygon(dst []byte, ring Polygon) []byte {
	dst = append(dst, `{"__type":"Polygon","coordinates":[`...)
	for i, p := range ring {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendNumber(append(dst, '['), p.Latitude)
		dst = appendNumber(append(dst, ','), p.Longitude)
		dst = append(dst, ']')
	}
	return append(dst, `]}`...)
}

// appendNumber writes a number as JavaScript does: the fewest digits that read
// back as the same number, with an exponent from 1e21 up and below 1e-6. What is
// not finite is null.
func appendNumber(dst []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && n > -1<<53 && n < 1<<53 {
		return strconv.AppendInt(dst, n, 10)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// Go pads the exponent to two digits: 1e-07.
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, escaped as JavaScript's
// JSON.stringify does; ill-formed UTF-8 becomes U+FFFD.
func AppendString[T text](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		n := plainPrefix(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			break
		}
		c := s[0]
		if c >= utf8.RuneSelf {
			r, size := decodeRune(s)
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, "\uFFFD"...)
			} else {
				dst = append(dst, s[:size]...)
			}
			s = s[size:]
			continue
		}
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		s = s[1:]
	}
	return append(dst, '"')
}

func decodeRune[T text](s T) (rune, int) {
	var buf [utf8.UTFMax]byte
	return utf8.DecodeRune(buf[:copy(buf[:], s)])
}

// plainPrefix returns how many bytes at the front of s are ASCII that needs no
// escape. It looks at eight bytes at a time.
func plainPrefix[T text](s T) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		var chunk [8]byte
		copy(chunk[:], s[i:i+8])
		w := binary.LittleEndian.Uint64(chunk[:])
		// A byte's high bit is set in stop when the byte is not ASCII, below
		// 0x20, a quote or a backslash; bytes above a stop may be set wrongly,
		// so only the lowest counts.
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		stop := (w | (w - ones*0x20) | (quote - ones) | (slash - ones)) & highs
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
	}
	return i
}
