package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/loam-baas/loam/internal/files"
)

// uploadsPath is where resumable uploads are; see package resumable.
const uploadsPath = "/uploads"

// tusHeaders are the request and the response headers of the protocol tus, which
// browsers are told of for uploads only.
const (
	tusHeaders       = "Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Parse-Installation-Id"
	tusAnswerHeaders = "Location, Tus-Resumable, Tus-Version, Tus-Max-Size, Tus-Extension, Upload-Offset, Upload-Length, Upload-Metadata"
)

// uploadRoute tells whether a path is one of resumable uploads.
func uploadRoute(path string) bool {
	rest, ok := strings.CutPrefix(path, uploadsPath)
	return ok && (rest == "" || rest[0] == '/')
}

// discoverUploads lets pages of other origins use the protocol, and answers what of
// it is served.
func (h *Handler) discoverUploads(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET,PUT,POST,DELETE,OPTIONS,HEAD,PATCH")
	header.Set("Access-Control-Allow-Headers", header.Get("Access-Control-Allow-Headers")+", "+tusHeaders)
	for _, app := range h.apps {
		if app.uploads != nil {
			app.uploads.Discovery(header)
			return
		}
	}
}

// serveUpload answers what is asked at a path of resumable uploads.
func (c *call) serveUpload(w http.ResponseWriter, r *http.Request) (answer, error) {
	if _, err := c.identify(r); err != nil {
		return answer{}, err
	}
	if c.app == nil {
		return answer{}, errUnauthorized
	}
	if c.app.uploads == nil {
		return answer{}, noRoute(c.method, c.path, http.StatusNotFound)
	}
	if err := c.admit(r); err != nil {
		return answer{}, err
	}
	expose := w.Header().Get("Access-Control-Expose-Headers")
	w.Header().Set("Access-Control-Expose-Headers", expose+", "+tusAnswerHeaders)
	r.Body = newPatient(w, r)
	r.URL.Path = strings.TrimPrefix(c.path, uploadsPath)
	c.app.uploads.Serve(observer{w, &c.out}, r, uploadGate{c})
	return answer{sent: true}, nil
}

// uploadGate is the gate of one request to resumable uploads.
type uploadGate struct{ *call }

// Check implements resumable.Gate.
func (g uploadGate) Check(ctx context.Context, u *files.Upload) error {
	return g.app.engine.CheckFile(ctx, g.caller, u)
}

// Save implements resumable.Gate.
func (g uploadGate) Save(ctx context.Context, u *files.Upload) ([]byte, string, error) {
	saved, err := g.app.engine.SaveFile(ctx, g.caller, u)
	if err != nil {
		return nil, "", err
	}
	return savedJSON(saved), saved.URL, nil
}

// Refuse implements resumable.Gate.
func (g uploadGate) Refuse(err error) (int, []byte) {
	public := g.public(err)
	return statusOf(public), appendError(nil, public)
}
