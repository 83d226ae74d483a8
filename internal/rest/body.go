package rest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/parse"
)

// Refusals of a body that can't be read. As parse-server's, those of HTTP have
// no code.
var (
	errTooLarge = refusal(http.StatusRequestEntityTooLarge, "request entity too large")
	errAborted  = refusal(http.StatusBadRequest, "request aborted")
	errTooSlow  = refusal(http.StatusRequestTimeout, "request timeout")
	errEncoding = refusal(http.StatusUnsupportedMediaType, "unsupported content encoding")
	errNoObject = parse.NewError(parse.InvalidJSON, "invalid JSON: expected an object")
	errForm     = refusal(http.StatusUnsupportedMediaType, "unsupported content type: send JSON")
)

// keptBody is the capacity up to which a body's buffer is used again.
const keptBody = 64 << 10

// readBody reads and decodes a request's JSON, whatever its content type says;
// it is nil when there is none.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, limits parse.Limits) (*parse.Object, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > h.maxBody {
		w.Header().Set("Connection", "close") // nobody will read what is on its way
		return nil, errTooLarge
	}
	if err := checkContentType(first(r.Header["Content-Type"])); err != nil {
		return nil, err
	}
	waitFor(w, r)
	source, err := inflated(r)
	if err != nil {
		return nil, err
	}
	buffer := h.bodies.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= keptBody {
			buffer.Reset()
			h.bodies.Put(buffer)
		}
	}()
	if _, err := buffer.ReadFrom(io.LimitReader(source, h.maxBody+1)); err != nil {
		return nil, unreadable(err)
	}
	if int64(buffer.Len()) > h.maxBody {
		w.Header().Set("Connection", "close")
		return nil, errTooLarge
	}
	if buffer.Len() == 0 {
		return nil, nil
	}
	body, err := parse.DecodeValue(buffer.Bytes(), limits)
	if err != nil {
		return nil, err
	}
	o, ok := objectOf(body)
	if !ok {
		return nil, errNoObject
	}
	return o, nil
}

// objectOf is a value as the members of a request. An array's have the indexes
// for keys, as they have in JavaScript: no field is named so, and the engine
// says it.
func objectOf(v parse.Value) (*parse.Object, bool) {
	switch v := v.(type) {
	case *parse.Object:
		return v, true
	case parse.Array:
		o := &parse.Object{}
		for i, item := range v {
			o.Members = append(o.Members, parse.Member{Key: strconv.Itoa(i), Value: item})
		}
		return o, true
	}
	return nil, false
}

// checkContentType refuses bodies that are known not to be JSON in UTF-8.
// Otherwise the type is not looked at: SDKs send JSON as text/plain.
func checkContentType(contentType string) error {
	if strings.HasPrefix(contentType, "multipart/") {
		return errForm
	}
	if !strings.Contains(contentType, "charset") {
		return nil
	}
	_, params, _ := mime.ParseMediaType(contentType)
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refusal(http.StatusUnsupportedMediaType, `unsupported charset "`+strings.ToUpper(charset)+`"`)
	}
	return nil
}

// The server's own deadlines fit bodies up to patientFrom bytes; longer ones get
// the time that they take at slowestUpload bytes a second.
const (
	patientFrom   = 1 << 20
	slowestUpload = 16 << 10
	answerTime    = time.Minute
)

// waitFor gives a long body the time to arrive, and its answer to leave.
func waitFor(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength <= patientFrom {
		return
	}
	until := time.Now().Add(time.Duration(r.ContentLength/slowestUpload) * time.Second)
	// A writer that knows no deadlines, as those of tests, has none to extend.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(until)
	_ = control.SetWriteDeadline(until.Add(answerTime))
}

// inflated is the body without its content encoding.
func inflated(r *http.Request) (io.Reader, error) {
	encoding := first(r.Header["Content-Encoding"])
	var source io.Reader = r.Body
	var err error
	switch {
	case encoding == "" || strings.EqualFold(encoding, "identity"):
	case strings.EqualFold(encoding, "gzip"):
		source, err = gzip.NewReader(r.Body)
	case strings.EqualFold(encoding, "deflate"):
		source, err = zlib.NewReader(r.Body)
	default:
		return nil, errEncoding
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return source, nil
}

// unreadable says why a body could not be read.
func unreadable(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTooSlow.WithCause(err)
	}
	return errAborted.WithCause(err)
}
