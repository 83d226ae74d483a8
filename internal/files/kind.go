package files

import (
	"fmt"
	"mime"
	"path"
	"regexp"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// activeExtensions are the extensions that are not allowed unless the
// configuration says which are: those of what a browser may run as a page
// (advisories G04 to G10).
var activeExtensions = map[string]bool{
	"htm": true, "html": true, "xhtm": true, "xhtml": true, "xht": true, "shtm": true, "shtml": true,
	"svg": true, "svgz": true, "xml": true, "xsl": true, "xslt": true, "xsd": true, "rng": true, "rdf": true,
	"owl": true, "mathml": true, "mml": true,
}

// Extensions tells which files may be uploaded, by the extension of their name or,
// when it has none, by their media type. The zero value allows all but what a
// browser may run as a page.
type Extensions struct {
	rules []extensionRule
}

type extensionRule struct {
	pattern *regexp.Regexp
	not     bool
}

// lookahead is the form that patterns take in Parse Server to exclude something.
// Go's regular expressions know no look-ahead, and need none for this.
var lookahead = regexp.MustCompile(`^\^\(\?!(.*)\)$`)

// NewExtensions returns the extensions that one at least of the patterns, regular
// expressions, describes; "*" describes all. No pattern is the default.
func NewExtensions(patterns []string) (Extensions, error) {
	var e Extensions
	for _, text := range patterns {
		rule := extensionRule{}
		switch m := lookahead.FindStringSubmatch(text); {
		case text == "*":
			text = ""
		case m != nil:
			rule.not, text = true, "^(?:"+m[1]+")"
		}
		var err error
		if rule.pattern, err = regexp.Compile(text); err != nil {
			return e, fmt.Errorf("%q is no regular expression: %w", text, err)
		}
		e.rules = append(e.rules, rule)
	}
	return e, nil
}

// Allows tells whether a file of that extension may be uploaded.
func (e Extensions) Allows(extension string) bool {
	if len(e.rules) == 0 {
		return !active(extension)
	}
	for _, rule := range e.rules {
		if rule.pattern.MatchString(extension) != rule.not {
			return true
		}
	}
	return false
}

// active tells whether an extension, or a media type's part behind the slash, is
// of what a browser may run as a page: "svg", "svg+xml".
func active(extension string) bool {
	return activeExtensions[strings.TrimSuffix(strings.ToLower(extension), "+xml")]
}

// ActiveType tells whether a browser may run a file of that media type as a page.
// It may so run everything in XML, whatever its type is called.
func ActiveType(contentType string) bool {
	t := mediaType(contentType)
	_, subtype, _ := strings.Cut(t, "/")
	return active(subtype) || strings.HasSuffix(subtype, "+xml") || strings.HasPrefix(t, "multipart/")
}

// mediaType is a content type without parameters; "" when it is none.
func mediaType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(t, "/") {
		return ""
	}
	return t
}

// Extension is a name's extension, without its dot; dots and spaces at the end,
// which file systems may drop, do not count (advisory G09).
func Extension(name string) string {
	return strings.TrimPrefix(path.Ext(strings.TrimRight(name, ". ")), ".")
}

// UploadExtension is the extension by which an upload is judged: that of its
// name, or else what its content type has behind the slash. A content type that
// is none is parse.FileSaveError.
func UploadExtension(name, contentType string) (string, error) {
	if hasExtension(name) || contentType == "" {
		return Extension(name), nil
	}
	if mediaType(contentType) == "" {
		return "", parse.NewError(parse.FileSaveError, "Invalid Content-Type.")
	}
	t, _, _ := strings.Cut(contentType, ";")
	_, subtype, _ := strings.Cut(t, "/")
	return strings.TrimSpace(subtype), nil
}

func hasExtension(name string) bool { return len(path.Ext(name)) > 1 }

// WithExtension gives a name without an extension the one of its content type, if
// that is known.
func WithExtension(name, contentType string) string {
	if hasExtension(name) {
		return name
	}
	if extension := extensionsByType[mediaType(contentType)]; extension != "" {
		return strings.TrimSuffix(name, ".") + "." + extension
	}
	return name
}

// ServedType is the media type that a file is stored and served with. Its
// extension decides; a name without a known one leaves it to what the client
// said, unless a browser would run that (advisories G07, G08, J07).
func ServedType(name, contentType string) string {
	if t := typesByExtension[strings.ToLower(Extension(name))]; t != "" {
		if strings.HasPrefix(t, "text/") || t == "application/json" {
			t += "; charset=utf-8"
		}
		return t
	}
	if mediaType(contentType) == "" || ActiveType(contentType) {
		return "application/octet-stream"
	}
	return contentType
}

// typesByExtension are the media types of common extensions, as IANA has them.
var typesByExtension = map[string]string{
	"7z": "application/x-7z-compressed", "aac": "audio/aac", "apk": "application/vnd.android.package-archive",
	"apng": "image/apng", "avi": "video/x-msvideo", "avif": "image/avif", "bin": "application/octet-stream",
	"bmp": "image/bmp", "bz2": "application/x-bzip2", "css": "text/css", "csv": "text/csv",
	"doc":  "application/msword",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"eot":  "application/vnd.ms-fontobject", "epub": "application/epub+zip", "flac": "audio/flac", "gif": "image/gif",
	"gltf": "model/gltf+json", "glb": "model/gltf-binary", "gz": "application/gzip", "heic": "image/heic",
	"heif": "image/heif", "htm": "text/html", "html": "text/html", "ico": "image/vnd.microsoft.icon",
	"ics": "text/calendar", "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript",
	"json": "application/json", "jxl": "image/jxl", "m4a": "audio/mp4", "m4v": "video/x-m4v", "m3u8": "application/vnd.apple.mpegurl",
	"md": "text/markdown", "mid": "audio/midi", "mjs": "text/javascript", "mkv": "video/x-matroska", "mml": "application/mathml+xml",
	"mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4", "mpeg": "video/mpeg", "oga": "audio/ogg",
	"odp": "application/vnd.oasis.opendocument.presentation", "ods": "application/vnd.oasis.opendocument.spreadsheet",
	"odt": "application/vnd.oasis.opendocument.text", "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/ogg",
	"otf": "font/otf", "pdf": "application/pdf", "pkpass": "application/vnd.apple.pkpass", "png": "image/png",
	"ppt":  "application/vnd.ms-powerpoint",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"ps":   "application/postscript", "rar": "application/vnd.rar", "rtf": "application/rtf", "sh": "application/x-sh",
	"stl": "model/stl", "svg": "image/svg+xml", "svgz": "image/svg+xml", "tar": "application/x-tar", "tif": "image/tiff",
	"tiff": "image/tiff", "ts": "video/mp2t", "ttf": "font/ttf", "txt": "text/plain", "usdz": "model/vnd.usdz+zip",
	"vcf": "text/vcard", "vtt": "text/vtt", "wasm": "application/wasm", "wav": "audio/wav", "weba": "audio/webm",
	"webm": "video/webm", "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2", "xht": "application/xhtml+xml",
	"xhtml": "application/xhtml+xml", "xls": "application/vnd.ms-excel",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"xml":  "application/xml", "xsl": "application/xml", "xslt": "application/xslt+xml", "yaml": "application/yaml",
	"yml": "application/yaml", "zip": "application/zip", "zst": "application/zstd", "3gp": "video/3gpp",
}

// extensionsByType are the extensions that names without one get. Where several
// have one type, it is the usual one.
var extensionsByType = func() map[string]string {
	usual := map[string]string{
		"image/jpeg": "jpg", "text/html": "html", "text/javascript": "js", "image/svg+xml": "svg", "audio/ogg": "ogg",
		"image/tiff": "tiff", "application/xml": "xml", "application/yaml": "yaml", "application/xhtml+xml": "xhtml",
		"application/x-www-form-urlencoded": "",
	}
	for extension, t := range typesByExtension {
		if _, known := usual[t]; !known {
			usual[t] = extension
		}
	}
	return usual
}()
