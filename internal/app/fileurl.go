package app

import (
	"slices"
	"strings"
)

// fileURL returns what appends the URL of a stored file, which is below the REST
// API: <url>/files/<app>/<name>.
func fileURL(serverURL, appID string) func(dst []byte, name string) []byte {
	base := appendEscaped([]byte(serverURL+"/files/"), appID)
	base = slices.Clip(append(base, '/'))
	return func(dst []byte, name string) []byte {
		return appendEscaped(append(dst, base...), name)
	}
}

// appendEscaped escapes as JavaScript's encodeURIComponent does, so that a file
// has the same URL as with Parse Server.
func appendEscaped(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.!~*'()", c) >= 0:
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
