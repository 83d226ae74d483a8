package rest

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/files"
)

// sendFile writes a file, or the ranges of it that are asked for; conditions,
// ranges and HEAD are net/http's to handle.
func (c *call) sendFile(w http.ResponseWriter, r *http.Request, info files.Info) {
	content := &content{ReadSeekCloser: c.app.engine.OpenFile(r.Context(), info)}
	defer func() {
		if err := content.Close(); content.err == nil {
			content.err = err
		}
		if content.err != nil {
			c.public(content.err)
		}
	}()
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", files.ServedType(info.Name, info.ContentType))
	if files.ActiveType(header.Get("Content-Type")) {
		// What a browser would run as a page of this origin is only saved.
		header.Set("Content-Disposition", "attachment")
		header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	}
	if info.ETag != "" {
		header.Set("ETag", info.ETag)
	}
	if unit := first(r.Header["Range"]); unit != "" && !strings.HasPrefix(unit, "bytes=") {
		r.Header.Del("Range") // a unit that is not known does not count (RFC 9110)
	}
	http.ServeContent(&patientWriter{response: &c.out, began: time.Now()}, r, "", info.Modified, content)
}

// content keeps the error that ends a file before its time: the answer has begun,
// so that it is for the log only.
type content struct {
	io.ReadSeekCloser
	err error
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.ReadSeekCloser.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// patientWriter gives a long answer the time to leave: a client must take
// slowestUpload bytes a second, after a first while.
type patientWriter struct {
	*response
	began   time.Time
	written int64
}

func (p *patientWriter) Write(b []byte) (int, error) {
	// A writer that knows no deadlines, as those of tests, has none to extend.
	_ = http.NewResponseController(p.response).SetWriteDeadline(patience(p.began, p.written+int64(len(b))))
	n, err := p.response.Write(b)
	p.written += int64(n)
	return n, err
}

// ReadFrom copies a file's content in larger pieces than io.Copy would.
func (p *patientWriter) ReadFrom(content io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{p}, content, make([]byte, 128<<10))
}

// patience is until when that many bytes may take.
func patience(began time.Time, bytes int64) time.Time {
	return began.Add(answerTime + time.Duration(bytes/slowestUpload)*time.Second)
}

// patient reads a body of any length, as patientWriter writes.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	began   time.Time
	read    int64
}

func newPatient(w http.ResponseWriter, r *http.Request) *patient {
	return &patient{ReadCloser: r.Body, control: http.NewResponseController(w), began: time.Now()}
}

func (p *patient) Read(b []byte) (int, error) {
	until := patience(p.began, p.read)
	_ = p.control.SetReadDeadline(until)
	_ = p.control.SetWriteDeadline(until.Add(answerTime))
	n, err := p.ReadCloser.Read(b)
	p.read += int64(n)
	return n, err
}
